//! Two tenants (cases 230, 231, 246): every route of the reference with another organization's ids, and with ids that name nothing, gives
//! the same answer, byte for byte. The routes are read from `/openapi.json`: a new one without an entry here fails.
mod fixture;

use std::collections::HashMap;

use fixture::Installation;
use serde_json::{Value, json};

const UNKNOWN: &str = "01KAJ2M3N4P5Q6R7S8T9V0W1X2";

/// Routes that hold nothing of one organization: the installation's own, or nobody's.
const OF_NO_ORGANIZATION: [&str; 12] = [
    "/revocations/{rev}",
    "/authorization/permissions/{slug}",
    "/permission_presets/{slug}",
    "/resource_servers/{id}",
    "/signing_keys/{kid}/revoke",
    "/oauth/token",
    "/oauth/introspect",
    "/oauth/revoke",
    "/.well-known/jwks.json",
    "/.well-known/oauth-authorization-server",
    "/signing_keys/rotate",
    "/api_keys/validations",
];

struct Tenant {
    organization: String,
    external_id: String,
    user_external_id: String,
    ids: HashMap<&'static str, String>,
}

/// One of each thing.
async fn tenant(on: &Installation, name: &str) -> Tenant {
    let id = |value: &Value| value["id"].as_str().unwrap().to_owned();
    let external_id = format!("external-{name}");
    let organization = id(&on.manage("POST", "/organizations", json!({ "name": name, "external_id": external_id })).await.expect(201));
    let user_external_id = format!("user-{name}");
    let user = json!({ "email": format!("{name}@example.com"), "external_id": user_external_id });
    let user = id(&on.manage("POST", "/user_management/users", user).await.expect(201));
    let membership = on.member(&user, &organization, "admin").await;
    let client = on.application_of(&organization, json!({})).await;
    let key = id(&on.api_key(&organization, json!({})).await);
    let hook = json!({ "endpoint_url": "http://127.0.0.1:9/", "events": ["*"], "organization_id": organization });
    let hook = id(&on.manage("POST", "/webhook_endpoints", hook).await.expect(201));
    let body = json!({ "name": name, "permissions": ["*"], "organization_id": organization });
    let management_key = id(&on.manage("POST", "/management_keys", body).await.expect(201));
    let ids = HashMap::from([
        ("/organizations", organization.clone()),
        ("/user_management/users", user),
        ("/user_management/organization_memberships", membership),
        ("/connect/applications", client.id),
        ("/connect/client_secrets", client.secret_id),
        ("/api_keys", key),
        ("/webhook_endpoints", hook),
        ("/management_keys", management_key),
    ]);
    Tenant { organization, external_id, user_external_id, ids }
}

/// A body that would be good for an object of one's own.
fn body(method: &str, path: &str, organization: &str) -> Value {
    match (method, path) {
        ("GET" | "DELETE", _) => Value::Null,
        (_, "/user_management/users/{id}/api_keys") => json!({ "name": "k", "organization_id": organization }),
        (_, "/organizations/{id}/api_keys") => json!({ "name": "k" }),
        (_, path) if path.ends_with("/replay") => json!({ "from": format!("event_{UNKNOWN}") }),
        (_, path) if path.ends_with("/settings") => json!({ "require_permissions": true }),
        ("PUT" | "PATCH", path) if !path.ends_with("activate") => json!({}),
        _ => json!({}),
    }
}

/// A body that names an organization.
type MakeBody<'a> = &'a dyn Fn(&str) -> Value;

/// All of an answer but what is new in each: the request's id.
fn told(answer: &fixture::Answer) -> String {
    let id = answer.header("x-request-id").to_owned();
    format!("{} {:?} {}", answer.status, answer.header("content-type"), answer.text).replace(&id, "")
}

#[tokio::test]
async fn cases_230_246_another_tenants_object_is_as_one_that_does_not_exist_on_every_route() {
    let on = Installation::new().await;
    let (own, foreign) = (tenant(&on, "own").await, tenant(&on, "foreign").await);
    let key = on.management_key(&["*"], Some(&own.organization)).await;
    let document = on.send("GET", "/openapi.json", &[], "").await.expect(200);
    let mut tried = 0;
    for (path, methods) in document["paths"].as_object().unwrap() {
        if OF_NO_ORGANIZATION.contains(&path.as_str()) || !path.contains('{') {
            continue;
        }
        let (prefix, rest) = path.split_once("/{").unwrap();
        let rest = rest.split_once('}').unwrap().1;
        let (theirs, nobodys) = match prefix {
            "/organizations/external_id" => (foreign.external_id.clone(), "external-nobody".to_owned()),
            "/user_management/users/external_id" => (foreign.user_external_id.clone(), "user-nobody".to_owned()),
            _ => {
                let id = foreign.ids.get(prefix).unwrap_or_else(|| panic!("{path} has no entry here: say whose it is"));
                (id.clone(), format!("{}_{UNKNOWN}", id.rsplit_once('_').unwrap().0))
            }
        };
        for method in methods.as_object().unwrap().keys() {
            let method = method.to_ascii_uppercase();
            let sent = body(&method, path, &own.organization);
            let ask = async |id: &str| on.manage_as(&key, &method, &format!("{prefix}/{id}{rest}"), sent.clone(), &[]).await;
            let (of_theirs, of_nobodys) = (ask(&theirs).await, ask(&nobodys).await);
            assert_eq!(of_theirs.status, 404, "{method} {path}: {of_theirs:?}");
            assert_eq!(told(&of_theirs), told(&of_nobodys), "{method} {path}");
            tried += 1;
        }
    }
    assert!(tried >= 38, "{tried}");
    // Nothing of the other tenant was touched.
    for (prefix, id) in &foreign.ids {
        if !["/connect/client_secrets", "/management_keys"].contains(prefix) {
            on.manage("GET", &format!("{prefix}/{id}"), Value::Null).await.expect(200);
        }
    }
    let application = on.manage("GET", &format!("/connect/applications/{}", foreign.ids["/connect/applications"]), Value::Null).await;
    assert_eq!(application.expect(200)["status"], "active");
}

#[tokio::test]
async fn cases_230_231_246_foreign_ids_in_bodies_filters_and_cursors() {
    let on = Installation::new().await;
    let (own, foreign) = (tenant(&on, "own").await, tenant(&on, "foreign").await);
    let key = on.management_key(&["*"], Some(&own.organization)).await;
    let (user, foreign_user) = (&own.ids["/user_management/users"], &foreign.ids["/user_management/users"]);
    let (theirs, nobodys) = (foreign.organization.as_str(), format!("org_{UNKNOWN}"));
    let bodies: [(&str, MakeBody); 8] = [
        ("/portal/generate_link", &|id| json!({ "organization": id })),
        ("/portal/revoke_link", &|id| json!({ "organization": id, "external_user_id": "u" })),
        ("/widgets/token", &|id| json!({ "organization_id": id })),
        ("/connect/applications", &|id| json!({ "name": "a", "organization_id": id })),
        ("/management_keys", &|id| json!({ "name": "m", "permissions": ["*:read"], "organization_id": id })),
        ("/webhook_endpoints", &|id| json!({ "endpoint_url": "http://127.0.0.1:9/", "events": ["*"], "organization_id": id })),
        ("/user_management/organization_memberships", &|id| json!({ "user_id": user, "organization_id": id })),
        ("/user_management/users/USER/api_keys", &|id| json!({ "name": "k", "organization_id": id })),
    ];
    for (path, make) in bodies {
        let path = path.replace("USER", user);
        let of_theirs = on.manage_as(&key, "POST", &path, make(theirs), &[]).await;
        assert_eq!(of_theirs.status, 404, "{path}: {of_theirs:?}");
        assert_eq!(told(&of_theirs), told(&on.manage_as(&key, "POST", &path, make(&nobodys), &[]).await), "{path}");
    }
    let stranger = |id: &str| json!({ "user_id": id, "organization_id": own.organization });
    let path = "/user_management/organization_memberships";
    let of_theirs = on.manage_as(&key, "POST", path, stranger(foreign_user), &[]).await;
    assert_eq!(told(&of_theirs), told(&on.manage_as(&key, "POST", path, stranger(&format!("user_{UNKNOWN}")), &[]).await));
    for path in [
        "/organizations",
        "/user_management/users",
        "/user_management/organization_memberships",
        "/connect/applications",
        "/webhook_endpoints",
        "/management_keys",
    ] {
        let list = on.manage_as(&key, "GET", path, Value::Null, &[]).await;
        let none_foreign = foreign.ids.values().all(|id| !list.text.contains(id));
        assert!(none_foreign && list.status == 200, "{path}: {list:?}");
        let cursor = &foreign.ids[path];
        let (prefix, _) = cursor.rsplit_once('_').unwrap();
        let ask = async |id: &str| told(&on.manage_as(&key, "GET", &format!("{path}?after={id}"), Value::Null, &[]).await);
        let of_theirs = ask(cursor).await;
        assert!(of_theirs.starts_with("400") && of_theirs == ask(&format!("{prefix}_{UNKNOWN}")).await, "{path}: {of_theirs}");
    }
    for filter in
        ["/connect/applications?organization_id=", "/events?organization_id=", "/user_management/organization_memberships?organization_id="]
    {
        let list = on.manage_as(&key, "GET", &format!("{filter}{theirs}"), Value::Null, &[]).await.expect(200);
        assert_eq!(list["data"], json!([]), "{filter}");
    }
    let value = on.api_key(theirs, json!({})).await["value"].clone();
    let validated = on.manage_as(&key, "POST", "/api_keys/validations", json!({ "value": value }), &[]).await.expect(200);
    assert_eq!(validated, json!({ "api_key": null, "reason": "not_found" }), "another tenant's key is no key");
}
