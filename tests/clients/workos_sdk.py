# The official WorkOS SDK for Python, unmodified, with only its address changed: every operation Chancery has, as an application would use it.
import http.server
import json
import os
import sys
import threading
import time
import uuid
from datetime import datetime, timedelta, timezone

import requests
import workos
from workos.connect.models.create_m2m_application import CreateM2MApplication
from workos.organization_membership import RoleMultiple, RoleSingle

try:
    BASE, KEY = os.environ["BASE"], os.environ["KEY"]
except KeyError as missing:
    sys.exit(f"missing environment variable {missing}")

client = workos.WorkOSClient(api_key=KEY, client_id="client", base_url=BASE)
quick = workos.WorkOSClient(api_key=KEY, client_id="client", base_url=BASE, max_retries=0)


def raises(error, call):
    try:
        call()
    except error as caught:
        assert caught.code and caught.message, caught
        assert caught.request_id and caught.request_id.startswith("req_"), caught.request_id
        return caught
    raise AssertionError(f"{error.__name__} was expected")


def token(client_id, secret):
    return requests.post(f"{BASE}/oauth/token", auth=(client_id, secret), data={"grant_type": "client_credentials"}, timeout=10)


def organizations():
    made = client.organizations.create_organization(name="Acme", domain_data=[])
    assert made.metadata == {} and made.external_id is None and list(made.domains) == [], made
    other = client.organizations.create_organization(name="Other", external_id="crm:1/é x", metadata={"a": "b"})
    assert client.organizations.get_organization_by_external_id("crm:1/é x").id == other.id
    renamed = client.organizations.update_organization(other.id, name="Renamed", stripe_customer_id="cus_1")
    assert renamed.external_id == "crm:1/é x" and renamed.metadata == {"a": "b"}, renamed
    assert client.organizations.update_organization(other.id, external_id=None).external_id is None
    for number in range(14):
        client.organizations.create_organization(name=f"page {number}")
    pages = client.organizations.list_organizations(limit=5, search="page ")
    ids = [one.id for one in pages.auto_paging_iter()]
    assert len(ids) == len(set(ids)) == 14, ids
    ascending = [one.id for one in client.organizations.list_organizations(limit=100, order="asc", search="page ").data]
    assert ascending == ids[::-1]
    for limit in (0, 101):
        raises(workos.UnprocessableEntityError, lambda limit=limit: quick.organizations.list_organizations(limit=limit))
    raises(workos.BadRequestError, lambda: quick.organizations.list_organizations(after="org_x"))
    client.organizations.delete_organization(other.id)
    raises(workos.NotFoundError, lambda: quick.organizations.delete_organization(other.id))
    key = str(uuid.uuid4())
    twice = [client.organizations.create_organization(name="Once", request_options={"idempotency_key": key}) for _ in range(2)]
    assert twice[0] == twice[1]
    raises(
        workos.UnprocessableEntityError,
        lambda: quick.organizations.create_organization(name="Else", request_options={"idempotency_key": key}),
    )
    return made.id


def users_and_memberships(organization):
    user = client.user_management.create_user(email="ada@example.com")
    assert user.last_sign_in_at is None and user.email_verified is False, user
    user = client.user_management.update_user(user.id, first_name="Ada", locale="en", external_id="u/1")
    assert client.user_management.get_user_by_external_id("u/1").first_name == "Ada"
    password = workos.user_management.PasswordPlaintext(password="secret")
    raises(workos.UnprocessableEntityError, lambda: quick.user_management.create_user(email="x@example.com", password=password))
    raises(workos.ConflictError, lambda: quick.user_management.create_user(email="ADA@example.com"))
    memberships = client.organization_membership
    made = memberships.create_organization_membership(user_id=user.id, organization_id=organization, role=RoleMultiple(["admin"]))
    assert made.role.slug == "admin" and made.user.email == "ada@example.com" and made.roles[0].slug == "admin", made
    assert memberships.update_organization_membership(made.id, role=RoleSingle("member")).role.slug == "member"
    two = RoleMultiple(["admin", "member"])
    raises(workos.UnprocessableEntityError, lambda: quick.organization_membership.update_organization_membership(made.id, role=two))
    key = client.user_management.create_user_api_key(user.id, name="personal", organization_id=organization)
    own = client.api_keys.create_organization_api_key(organization, name="own")
    off = memberships.deactivate_organization_membership(made.id)
    assert off.status == "inactive" and memberships.deactivate_organization_membership(made.id).updated_at == off.updated_at
    assert client.api_keys.create_validation(value=key.value).api_key is None
    assert client.api_keys.create_validation(value=own.value).api_key.id == own.id
    listed = lambda **more: [one.id for one in memberships.list_organization_memberships(organization_id=organization, **more).data]
    assert listed() == [] and listed(statuses=["active", "inactive"]) == [made.id]
    status = workos.organization_membership.UserManagementOrganizationMembershipStatuses.INACTIVE
    assert listed(statuses=[status]) == [made.id]
    assert memberships.reactivate_organization_membership(made.id).status == "active"
    memberships.deactivate_organization_membership(made.id)
    again = memberships.create_organization_membership(user_id=user.id, organization_id=organization, role=RoleSingle("admin"))
    assert again.id == made.id and again.status == "active" and memberships.get_organization_membership(made.id).role.slug == "admin"
    gone = client.user_management.create_user(email="gone@example.com")
    client.user_management.delete_user(gone.id)
    raises(workos.NotFoundError, lambda: quick.user_management.get_user(gone.id))
    assert [one.id for one in client.user_management.list_users(organization_id=organization).data] == [user.id]
    return user.id, made.id


def permissions():
    made = client.authorization.create_permission(slug="posts:read", name="Read posts", description="All of them")
    assert made.system is False and made.resource_type_slug == "organization", made
    assert client.authorization.update_permission("posts:read", description=None).description is None
    assert client.authorization.get_permission("posts:read").name == "Read posts"
    client.authorization.create_permission(slug="posts:write", name="Write posts")
    assert {one.slug for one in client.authorization.list_permissions().data} == {"posts:read", "posts:write"}
    raises(workos.ConflictError, lambda: quick.authorization.create_permission(slug="posts:read", name="again"))
    client.authorization.delete_permission("posts:write")


def connect(organization):
    apps = client.connect
    made = apps.create_m2m_application(name="backend", organization_id=organization, scopes=["posts:read"])
    assert made.application_type == "m2m" and made.scopes == ["posts:read"], made
    bare = apps.create_application(body=CreateM2MApplication(application_type="m2m", name="bare", organization_id=organization))
    assert bare.scopes == []
    assert apps.get_application(made.client_id).id == apps.get_application(made.id).id == made.id
    assert apps.update_application(made.id, name="renamed").scopes == ["posts:read"]
    assert apps.update_application(made.client_id, description="text").description == "text"
    assert apps.update_application(made.client_id, description=None).description is None
    secret = apps.create_application_client_secret(made.id)
    assert secret.secret_hint == secret.secret[-6:] and secret.last_used_at is None
    key = str(uuid.uuid4())
    twice = [apps.create_application_client_secret(made.id, request_options={"idempotency_key": key}) for _ in range(2)]
    assert twice[0].secret == twice[1].secret
    assert token(made.client_id, secret.secret).json()["scope"] == "posts:read"
    listed = apps.list_application_client_secrets(made.client_id)
    assert isinstance(listed, list) and len(listed) == 3 and not any(hasattr(one, "secret") for one in listed)
    apps.delete_client_secret(secret.id)
    assert token(made.client_id, secret.secret).status_code == 401
    for one in listed:
        if one.id not in (secret.id, twice[0].id):
            apps.delete_client_secret(one.id)
    raises(workos.ConflictError, lambda: quick.connect.delete_client_secret(twice[0].id))
    assert apps.update_application(made.id, scopes=[]).scopes == []
    assert len(apps.list_applications(organization_id=organization, registration_types=["pre_registered"]).data) == 2
    apps.delete_application(bare.client_id)
    raises(workos.NotFoundError, lambda: quick.connect.get_application(bare.id))


def api_keys(organization, user):
    keys = client.api_keys
    made = keys.create_organization_api_key(organization, name="CI", permissions=["posts:read"])
    assert made.value and made.last_used_at is None and made.expires_at is None and made.owner.type == "organization"
    assert all(one.id == made.id or one.name == "own" for one in keys.list_organization_api_keys(organization).data)
    offset = timezone(timedelta(hours=5, minutes=30))
    at = datetime(2027, 1, 1, 5, 30, tzinfo=offset)
    dated = keys.create_organization_api_key(organization, name="dated", expires_at=at)
    assert datetime.fromisoformat(dated.expires_at.replace("Z", "+00:00")) == at if isinstance(dated.expires_at, str) else dated.expires_at == at
    assert keys.create_api_key_expire(dated.id, expires_at=None).expires_at is None
    later = datetime.now(timezone.utc) + timedelta(days=1)
    assert keys.create_api_key_expire(dated.id, expires_at=later).expires_at is not None
    assert keys.create_api_key_expire(dated.id).expires_at is not None
    raises(workos.ConflictError, lambda: quick.api_keys.create_api_key_expire(dated.id, expires_at=None))
    personal = client.user_management.create_user_api_key(user, name="personal", organization_id=organization)
    found = keys.create_validation(value=personal.value).api_key
    assert found.owner.type == "user" and found.owner.id == user and found.owner.organization_id == organization
    assert [one.id for one in client.user_management.list_user_api_keys(user, organization_id=organization).data] == [personal.id]
    keys.delete_api_key(made.id)
    for dead in (made.value, dated.value, "nonsense", personal.value + "x"):
        assert keys.create_validation(value=dead).api_key is None
    raises(workos.NotFoundError, lambda: quick.api_keys.delete_api_key("api_key_01KAJ2M3N4P5Q6R7S8T9V0W1X2"))
    raises(workos.UnprocessableEntityError, lambda: quick.api_keys.create_organization_api_key(organization, name=""))


def errors(organization):
    raises(workos.AuthenticationError, lambda: workos.WorkOSClient(api_key="no", client_id="c", base_url=BASE).organizations.list_organizations())
    body = {"name": "narrow", "permissions": ["organizations:read"]}
    narrow = requests.post(f"{BASE}/management_keys", json=body, headers={"Authorization": f"Bearer {KEY}"}, timeout=10).json()
    narrow = workos.WorkOSClient(api_key=narrow["value"], client_id="c", base_url=BASE)
    assert raises(workos.AuthorizationError, lambda: narrow.organizations.delete_organization(organization)).code == "insufficient_permission"


def events_and_webhooks():
    received, secrets = [], {}

    class Hook(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            received.append((self.headers["WorkOS-Signature"], body))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_):
            pass

    server = http.server.HTTPServer(("127.0.0.1", 0), Hook)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}/hook"
    hook = client.webhooks.create_webhook_endpoint(endpoint_url=url, events=["organization.created", "organization.deleted"])
    assert isinstance(hook.secret, str) and hook.status == "enabled"
    made = client.organizations.create_organization(name="Hooked ünïcode")
    client.organizations.delete_organization(made.id)
    for _ in range(200):
        if len(received) == 2:
            break
        time.sleep(0.05)
    signature, body = received[0]
    event = client.webhooks.verify_event(event_body=body, event_signature=signature, secret=hook.secret)
    assert type(event).__name__ == "OrganizationCreated" and event.data.id == made.id, event
    deleted = client.webhooks.verify_event(event_body=received[1][1].decode(), event_signature=received[1][0], secret=hook.secret)
    assert type(deleted).__name__ == "OrganizationDeleted" and deleted.data.name == "Hooked ünïcode"
    for bad_body, bad_signature in ((body + b" ", signature), (body.replace(b"H", b"h", 1), signature)):
        try:
            client.webhooks.verify_event(event_body=bad_body, event_signature=bad_signature, secret=hook.secret)
        except ValueError:
            continue
        raise AssertionError("an altered body verified")
    listed = client.webhooks.list_webhook_endpoints().data
    assert [one.id for one in listed] == [hook.id] and listed[0].secret != hook.secret
    assert client.webhooks.update_webhook_endpoint(hook.id, status="disabled").status == "disabled"
    client.webhooks.delete_webhook_endpoint(hook.id)
    raises(workos.NotFoundError, lambda: quick.webhooks.delete_webhook_endpoint(hook.id))

    everything = list(client.events.list_events(events=[], limit=100).auto_paging_iter())
    seen = {}
    for event in everything:
        name = getattr(event, "event", None) or event.raw_data["event"]
        seen.setdefault(name, type(event).__name__)
    known = {
        "organization.created": "OrganizationCreated",
        "organization.updated": "OrganizationUpdated",
        "organization.deleted": "OrganizationDeleted",
        "user.created": "UserCreated",
        "user.updated": "UserUpdated",
        "user.deleted": "UserDeleted",
        "organization_membership.created": "OrganizationMembershipCreated",
        "organization_membership.updated": "OrganizationMembershipUpdated",
        "permission.created": "PermissionCreated",
        "permission.updated": "PermissionUpdated",
        "permission.deleted": "PermissionDeleted",
        "api_key.created": "ApiKeyCreated",
        "api_key.updated": "ApiKeyUpdated",
        "api_key.revoked": "ApiKeyRevoked",
    }
    assert {name: seen.get(name) for name in known} == known, seen
    assert any(name.endswith("_refused") for name in seen)
    chosen = client.events.list_events(events=["api_key.created", "api_key.revoked"], limit=100).data
    assert {event.event for event in chosen} == {"api_key.created", "api_key.revoked"}
    assert chosen[0].context is not None


def portal(organization, user):
    made = client.admin_portal.generate_link(
        organization=organization, intent="api_keys", success_url="https://example.com/", it_contact_emails=["it@example.com"]
    )
    assert requests.get(made.link, timeout=10).status_code == 200, made.link
    client.admin_portal.generate_link(organization=organization, external_user_id=user, return_url="https://example.com/")
    assert client.admin_portal.revoke_link(organization=organization, external_user_id=user) is None
    raises(workos.UnprocessableEntityError, lambda: quick.admin_portal.generate_link(organization=organization, intent="sso"))
    scopes = ["widgets:user-api-keys:manage-self"]
    assert client.widgets.create_token(organization_id=organization, user_id=user, scopes=scopes).token
    unknown = "org_01KAJ2M3N4P5Q6R7S8T9V0W1X2"
    raises(workos.NotFoundError, lambda: quick.widgets.create_token(organization_id=unknown, scopes=["widgets:api-keys:manage"]))


organization = organizations()
user, membership = users_and_memberships(organization)
permissions()
connect(organization)
api_keys(organization, user)
errors(organization)
portal(organization, user)
events_and_webhooks()
client.organization_membership.delete_organization_membership(membership)
last = client.events.list_events(events=["organization_membership.deleted"], limit=1).data[0]
assert type(last).__name__ == "OrganizationMembershipDeleted" and last.data.id == membership
print("ok")
