//! A portal session on every route there is, with every id there is: nothing beyond its grant. The pages' routes are read from where they are
//! declared and the API's from `/openapi.json`, so that a new one is tried too.
mod fixture;

use std::collections::BTreeSet;

use fixture::pages::{SAME_ORIGIN, cookie, open_portal};
use fixture::{FORM, ISSUER, Installation};
use serde_json::{Value, json};

const UNKNOWN: &str = "01KAJ2M3N4P5Q6R7S8T9V0W1X2";
/// What every form could want, and nothing that a page of the portal would not take.
const FORM_FIELDS: &str =
    "name=tried&overlap=0&expires=7&permissions=&per_hour=1&email=eve%40example.com&role=admin&slug=a%3Ab&link=nonsense";
const GRANTS: [&str; 4] =
    ["widgets:api-keys:manage", "widgets:user-api-keys:manage-self", "widgets:user-api-keys:manage-all", "applications"];

struct Tenant {
    organization: String,
    user: String,
    application: String,
    secret: String,
    organization_key: String,
    own_key: String,
    members_key: String,
    others: Vec<String>,
}

async fn tenant(on: &Installation, name: &str) -> Tenant {
    let id = |value: &Value| value["id"].as_str().unwrap().to_owned();
    let organization = on.organization(name).await;
    let (user, colleague) = (on.user(&format!("{name}@example.com")).await, on.user(&format!("colleague-{name}@example.com")).await);
    let membership = on.member(&user, &organization, "admin").await;
    let other_membership = on.member(&colleague, &organization, "admin").await;
    let client = on.application_of(&organization, json!({})).await;
    let personal = async |user: &str| {
        let body = json!({ "name": format!("key of {name}"), "organization_id": organization });
        id(&on.manage("POST", &format!("/user_management/users/{user}/api_keys"), body).await.expect(201))
    };
    let (own_key, members_key) = (personal(&user).await, personal(&colleague).await);
    let organization_key = id(&on.api_key(&organization, json!({ "name": format!("key of {name}") })).await);
    let hook = json!({ "endpoint_url": "http://127.0.0.1:9/", "events": ["*"], "organization_id": organization });
    let hook = id(&on.manage("POST", "/webhook_endpoints", hook).await.expect(201));
    let others = vec![organization.clone(), user.clone(), membership, other_membership, hook];
    Tenant { organization, user, application: client.id, secret: client.secret_id, organization_key, own_key, members_key, others }
}

impl Tenant {
    fn ids(&self) -> Vec<&str> {
        let own = [&self.application, &self.secret, &self.organization_key, &self.own_key, &self.members_key];
        own.into_iter().chain(&self.others).map(String::as_str).collect()
    }

    /// Everything that could be changed, as the operator sees it.
    async fn state(&self, on: &Installation) -> Vec<Value> {
        let organization = &self.organization;
        let mut state = Vec::new();
        for path in [
            format!("/organizations/{organization}"),
            format!("/organizations/{organization}/settings"),
            format!("/organizations/{organization}/token_quota"),
            format!("/organizations/{organization}/api_keys?limit=100&owner_type=all"),
            format!("/connect/applications?limit=100&organization_id={organization}"),
            format!("/connect/applications/{}/client_secrets", self.application),
            format!("/user_management/organization_memberships?limit=100&organization_id={organization}"),
            "/webhook_endpoints?limit=100".into(),
            "/management_keys?limit=100".into(),
            "/authorization/permissions?limit=100".into(),
            "/resource_servers?limit=100".into(),
            "/settings".into(),
        ] {
            let mut answer = on.manage("GET", &path, Value::Null).await;
            if answer.status == 404 || answer.status == 422 {
                answer = on.manage("GET", path.split('?').next().unwrap(), Value::Null).await;
            }
            state.push(answer.expect(200));
        }
        // The operator's own key is in use while it looks.
        state.iter_mut().for_each(forget_last_use);
        state
    }
}

fn forget_last_use(value: &mut Value) {
    match value {
        Value::Object(members) => {
            members.remove("last_used_at");
            members.values_mut().for_each(forget_last_use);
        }
        Value::Array(items) => items.iter_mut().for_each(forget_last_use),
        _ => (),
    }
}

/// Methods and paths of one area's pages, as they are declared.
fn pages(area: &str) -> BTreeSet<(&'static str, String)> {
    let declared = std::fs::read_to_string(format!("{}/src/http/{area}/mod.rs", env!("CARGO_MANIFEST_DIR"))).unwrap();
    let mut found = BTreeSet::new();
    for route in declared.split(".route(").skip(1) {
        let path = route.split('"').nth(1).unwrap();
        let handlers = route.split_once(path).unwrap().1;
        for (method, name) in [("GET", "get("), ("POST", "post(")] {
            if handlers.contains(name) {
                found.insert((method, path.to_owned()));
            }
        }
    }
    assert!(found.len() > 15, "{found:?}");
    found
}

async fn api(on: &Installation) -> BTreeSet<(&'static str, String)> {
    let reference = on.send("GET", "/openapi.json", &[], "").await.json();
    let mut found = BTreeSet::new();
    for (path, methods) in reference["paths"].as_object().unwrap() {
        for method in ["get", "post", "put", "patch", "delete"].into_iter().filter(|method| methods.get(method).is_some()) {
            let method = match method {
                "get" => "GET",
                "post" => "POST",
                "put" => "PUT",
                "patch" => "PATCH",
                _ => "DELETE",
            };
            found.insert((method, path.clone()));
        }
    }
    assert!(found.len() > 60, "{found:?}");
    found
}

async fn enter(on: &Installation, tenant: &Tenant, grant: &str) -> String {
    let link = if grant == "applications" {
        let body = json!({ "organization": tenant.organization, "user": tenant.user, "intent": grant });
        let made = on.manage("POST", "/portal/generate_link", body).await.expect(201);
        made["link"].as_str().unwrap().strip_prefix(&format!("{ISSUER}/portal/")).unwrap().to_owned()
    } else {
        let body = json!({ "organization_id": tenant.organization, "user_id": tenant.user, "scopes": [grant] });
        on.manage("POST", "/widgets/token", body).await.expect(201)["token"].as_str().unwrap().to_owned()
    };
    let opened = open_portal(on, &link).await;
    assert_eq!(opened.header("location"), "/portal", "{opened:?}");
    cookie(&opened)
}

/// Whether this grant opens this page of the portal with this id of its own organization.
fn is_granted(grant: &str, path: &str, id: &str, own: &Tenant) -> bool {
    let rotates = path.ends_with("/rotate");
    match grant {
        "widgets:api-keys:manage" => path == "/portal/api_keys" || path.starts_with("/portal/api_keys/") && id == own.organization_key,
        "widgets:user-api-keys:manage-self" => path == "/portal/own_keys" || path.starts_with("/portal/api_keys/") && id == own.own_key,
        "widgets:user-api-keys:manage-all" => {
            let looks_after = id == own.own_key || id == own.members_key;
            path == "/portal/members_keys" || path.starts_with("/portal/api_keys/") && looks_after && !rotates
        }
        _ if path.contains("{secret}") => id == own.secret,
        _ => path == "/portal/applications" || path.starts_with("/portal/applications/") && id == own.application,
    }
}

#[tokio::test]
async fn cases_230_246_a_portal_session_reaches_nothing_beyond_its_grant_on_any_route_with_any_id() {
    let on = Installation::new().await;
    let (own, foreign) = (tenant(&on, "own").await, tenant(&on, "foreign").await);
    let sessions = {
        let mut sessions = Vec::new();
        for grant in GRANTS {
            sessions.push((grant, enter(&on, &own, grant).await));
        }
        sessions
    };
    let before = (own.state(&on).await, foreign.state(&on).await);
    let unknown = ["app_", "api_key_", "org_"].map(|prefix| format!("{prefix}{UNKNOWN}"));
    let ids: Vec<_> = own.ids().into_iter().chain(foreign.ids()).chain(unknown.iter().map(String::as_str)).collect();
    // Doors for everybody, or for whoever is in.
    let doors = [
        "/portal",
        "/portal/open",
        "/portal/leave",
        "/portal/{link}",
        "/console/sign_in",
        "/console/openid",
        "/console/openid/callback",
        "/",
    ];
    let (mut tried, mut opened) = (0, BTreeSet::new());
    for (area, routes) in [("portal", pages("portal")), ("console", pages("console")), ("api", api(&on).await)] {
        for (method, route) in routes.iter().filter(|(_, route)| !doors.contains(&route.as_str())) {
            let with_ids = if route.contains('{') { ids.clone() } else { vec![""] };
            for id in with_ids {
                // A secret is tried under its own application: every application is tried by the other routes.
                let named = |part| match part {
                    "{id}" if route.contains("{secret}") => own.application.as_str(),
                    _ => id,
                };
                let path: Vec<_> = route.split('/').map(|part| if part.starts_with('{') { named(part) } else { part }).collect();
                let path = path.join("/");
                for (grant, session) in &sessions {
                    let granted = area == "portal" && is_granted(grant, route, id, &own);
                    if granted && *method == "POST" {
                        // What it may change is changed in the other tests.
                        continue;
                    }
                    let headers = [("cookie", session.as_str()), FORM, SAME_ORIGIN];
                    let answer = on.send(method, &path, &headers, if *method == "GET" { "" } else { FORM_FIELDS }).await;
                    tried += 1;
                    let status = answer.status.as_u16();
                    if granted {
                        assert_eq!(status, 200, "{grant}: {method} {path}: {answer:?}");
                        opened.insert((*grant, *method, route.clone()));
                    } else {
                        let refused = match area {
                            "portal" => status == 404,
                            "console" => answer.header("location").starts_with("/console/sign_in") || status == 404,
                            // What the whole world may see, and what asks for a credential that a cookie is not.
                            _ => [400, 401, 404].contains(&status) || method == &"GET" && is_public(route),
                        };
                        assert!(refused, "{grant}: {method} {path}: {answer:?}");
                    }
                    assert!(
                        !answer.text.contains(&foreign.organization) && !answer.text.contains("key of foreign"),
                        "{grant}: {method} {path}"
                    );
                }
            }
        }
    }
    assert!(tried > 5000, "{tried}");
    assert!(opened.len() >= 8, "each grant opened what it grants: {opened:?}");
    assert_eq!((own.state(&on).await, foreign.state(&on).await), before, "nothing was changed");
    for (_, session) in &sessions {
        let home = on.send("GET", "/portal", &[("cookie", session.as_str())], "").await;
        assert_eq!(home.status, 303, "the session itself is as it was");
    }
}

/// Without any credential.
fn is_public(route: &str) -> bool {
    route.starts_with("/.well-known/")
        || route.starts_with("/status/")
        || ["/health", "/healthz", "/readyz", "/openapi.json"].contains(&route)
}
