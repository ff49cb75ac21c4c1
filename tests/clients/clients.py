# Stock Python OAuth clients against a running authority: tokens, verification, introspection, revocation.
import os
import sys

import jwt
import requests
from authlib.integrations.base_client.errors import OAuthError
from authlib.integrations.requests_client import OAuth2Session as AuthlibSession
from jose import jwt as jose_jwt
from oauthlib.oauth2 import BackendApplicationClient, InvalidClientError
from requests_oauthlib import OAuth2Session

os.environ.setdefault("OAUTHLIB_INSECURE_TRANSPORT", "1")

try:
    ISSUER, CLIENT_ID, CLIENT_SECRET, AUDIENCE, SCOPE = (
        os.environ[name] for name in ("ISSUER", "CLIENT_ID", "CLIENT_SECRET", "AUDIENCE", "SCOPE")
    )
except KeyError as missing:
    sys.exit(f"missing environment variable {missing}")

META = requests.get(f"{ISSUER}/.well-known/oauth-authorization-server", timeout=10).json()
TOKEN_URL, JWKS_URL = META["token_endpoint"], META["jwks_uri"]


def check(condition, message):
    if not condition:
        raise AssertionError(message)


def check_token(token):
    check(token["token_type"].lower() == "bearer", f"token_type: {token}")
    check(token["expires_in"] > 0, f"expires_in: {token}")
    return token["access_token"]


def check_claims(claims):
    check(claims["iss"] == ISSUER, f"iss: {claims}")
    check(claims["client_id"] == CLIENT_ID, f"client_id: {claims}")
    check(SCOPE in claims["scope"].split(), f"scope: {claims}")


def raises_invalid_client(error_type, fetch):
    try:
        fetch()
    except error_type as error:
        check(error.error == "invalid_client", f"expected invalid_client, got {error!r}")
    else:
        raise AssertionError("a wrong secret was accepted")


def authlib(method):
    def session(secret):
        return AuthlibSession(
            CLIENT_ID,
            secret,
            scope=SCOPE,
            token_endpoint_auth_method=method,
            revocation_endpoint_auth_method=method,
        )

    def fetch(client):
        return client.fetch_token(TOKEN_URL, grant_type="client_credentials", audience=AUDIENCE)

    client = session(CLIENT_SECRET)
    access = check_token(fetch(client))
    seen = client.introspect_token(META["introspection_endpoint"], token=access).json()
    check(seen.get("active") is True, f"introspection of a fresh token: {seen}")
    check_claims(seen)
    revoked = client.revoke_token(META["revocation_endpoint"], token=access)
    check(revoked.status_code == 200, f"revocation: {revoked.status_code} {revoked.text}")
    seen = client.introspect_token(META["introspection_endpoint"], token=access).json()
    check(seen == {"active": False}, f"introspection of a revoked token: {seen}")
    raises_invalid_client(OAuthError, lambda: fetch(session("wrong-secret")))


def requests_oauthlib(scope, **how):
    def fetch(secret):
        client = OAuth2Session(client=BackendApplicationClient(client_id=CLIENT_ID, scope=scope))
        return client.fetch_token(TOKEN_URL, client_id=CLIENT_ID, client_secret=secret, audience=AUDIENCE, **how)

    check_token(fetch(CLIENT_SECRET))
    raises_invalid_client(InvalidClientError, lambda: fetch("wrong-secret"))


def fresh_token():
    client = AuthlibSession(CLIENT_ID, CLIENT_SECRET, scope=SCOPE)
    return check_token(client.fetch_token(TOKEN_URL, grant_type="client_credentials", audience=AUDIENCE))


def pyjwt():
    access = fresh_token()
    key = jwt.PyJWKClient(JWKS_URL).get_signing_key_from_jwt(access)
    check(jwt.get_unverified_header(access)["typ"] == "at+jwt", "typ is not at+jwt")
    check_claims(jwt.decode(access, key, algorithms=["ES256"], audience=AUDIENCE, issuer=ISSUER))


def python_jose():
    keys = requests.get(JWKS_URL, timeout=10).json()
    check_claims(jose_jwt.decode(fresh_token(), keys, algorithms=["ES256"], audience=AUDIENCE, issuer=ISSUER))


CLIENTS = {
    "Authlib client_secret_basic": lambda: authlib("client_secret_basic"),
    "Authlib client_secret_post": lambda: authlib("client_secret_post"),
    "requests-oauthlib Basic": lambda: requests_oauthlib(None),
    "requests-oauthlib Basic with scope": lambda: requests_oauthlib([SCOPE]),
    "requests-oauthlib body": lambda: requests_oauthlib(None, include_client_id=True),
    "requests-oauthlib body with scope": lambda: requests_oauthlib([SCOPE], include_client_id=True),
    "PyJWT": pyjwt,
    "python-jose": python_jose,
}
for name, run in CLIENTS.items():
    try:
        run()
    except Exception as error:
        sys.exit(f"FAILED {name}: {type(error).__name__}: {error}")
    print(f"ok {name}")
