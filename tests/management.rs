//! The management surface: who may do what (A1 to A8, cases 225 to 255), problems (RFC 9457), lists, idempotency, events.
mod fixture;

use std::time::Duration;

use fixture::{Answer, Installation, MANAGEMENT_KEY};
use serde_json::{Value, json};

fn is_problem(answer: &Answer, status: u16, code: &str) {
    let body = answer.json();
    assert_eq!((answer.status.as_u16(), body["code"].as_str()), (status, Some(code)), "{answer:?}");
    assert_eq!(answer.header("content-type"), "application/problem+json");
    assert_eq!(body["request_id"], answer.header("x-request-id"));
    assert!(body.get("error").is_none() && body["message"].is_string() && body["status"] == status);
    let errors = body.get("errors").map(|errors| errors.as_array().unwrap().len());
    assert!(errors.is_none_or(|count| count > 0 && [400, 422].contains(&status)), "{answer:?}");
}

#[tokio::test]
async fn cases_225_to_229_exactly_one_live_management_key() {
    let on = Installation::new().await;
    let client = on.application().await;
    let token = on.token(&client).await;
    let missing = on.send("GET", "/organizations", &[], "").await;
    is_problem(&missing, 401, "unauthorized");
    assert_eq!(missing.header("www-authenticate"), "Bearer");
    for wrong in [
        format!("Bearer {token}"),
        format!("Bearer {}", client.secret),
        "Basic x".into(),
        "Bearer".into(),
        format!("Bearer {MANAGEMENT_KEY}x"),
    ] {
        let answer = on.send("GET", "/organizations", &[("authorization", &wrong)], "").await;
        is_problem(&answer, 401, "unauthorized");
        assert_eq!(answer.header("www-authenticate"), "Bearer error=\"invalid_token\"");
    }
    let bearer = format!("Bearer {MANAGEMENT_KEY}");
    for query in ["access_token=x", "api_key=x"] {
        is_problem(&on.send("GET", &format!("/organizations?{query}"), &[("authorization", &bearer)], "").await, 400, "credential_in_url");
    }
    let two = [("authorization", bearer.as_str()), ("x-api-key", "x")];
    is_problem(&on.send("GET", "/organizations", &two, "").await, 400, "several_credentials");
    let acting =
        on.manage_as(MANAGEMENT_KEY, "POST", "/organizations", json!({ "name": "a" }), &[("chancery-acting-user", "user_x")]).await;
    is_problem(&acting, 403, "not_an_admin");
}

#[tokio::test]
async fn cases_227_233_236_a_key_does_what_it_was_granted_and_grants_no_more() {
    let on = Installation::new().await;
    let make = async |key: &str, permissions: Value, organization: Value| {
        on.manage_as(
            key,
            "POST",
            "/management_keys",
            json!({ "name": "k", "permissions": permissions, "organization_id": organization }),
            &[],
        )
        .await
    };
    let organization = on.organization("Acme").await;
    let auditor = make(MANAGEMENT_KEY, json!(["*:read"]), json!(organization)).await.expect(201)["value"].as_str().unwrap().to_owned();
    for (method, path, body) in [
        ("POST", "/organizations", json!({ "name": "x" })),
        ("PUT", "/organizations/x", json!({ "name": "x" })),
        ("DELETE", "/connect/applications/x", Value::Null),
        ("POST", "/signing_keys/rotate", json!({ "force": true })),
    ] {
        is_problem(&on.manage_as(&auditor, method, path, body, &[]).await, 403, "insufficient_permission");
    }
    let writer = make(MANAGEMENT_KEY, json!(["management_keys:write", "events:read"]), Value::Null).await.expect(201)["value"]
        .as_str()
        .unwrap()
        .to_owned();
    make(&writer, json!(["events:read"]), Value::Null).await.expect(201);
    for more in [json!(["*"]), json!(["applications:write"]), json!(["events:read", "*:read"])] {
        is_problem(&make(&writer, more, Value::Null).await, 403, "permission_not_held");
    }
    for wrong in [json!([]), json!(["nope"]), json!(["*", "applications:delete"])] {
        is_problem(&make(MANAGEMENT_KEY, wrong, Value::Null).await, 422, "invalid");
    }
    let bound = make(MANAGEMENT_KEY, json!(["*"]), json!(organization)).await.expect(201)["value"].as_str().unwrap().to_owned();
    let own = make(&bound, json!(["*"]), Value::Null).await.expect(201);
    assert_eq!(own["organization_id"], organization, "a bound key makes bound keys");
    let other = on.organization("Other").await;
    is_problem(&make(&bound, json!(["events:read"]), json!(other)).await, 404, "not_found");
    for (method, path) in [
        ("POST", format!("/organizations/{organization}/suspend")),
        ("DELETE", format!("/organizations/{organization}")),
        ("POST", "/organizations".into()),
    ] {
        is_problem(&on.manage_as(&bound, method, &path, json!({ "name": "x" }), &[]).await, 403, "organization_bound");
    }
    on.manage_as(&bound, "GET", "/organizations", Value::Null, &[]).await.expect(200);
    on.manage("POST", &format!("/organizations/{organization}/suspend"), Value::Null).await.expect(200);
    is_problem(&on.manage_as(&bound, "GET", "/organizations", Value::Null, &[]).await, 401, "unauthorized");
}

/// The two-tenant matrix: what is another organization's answers exactly like what does not exist.
#[tokio::test]
async fn cases_230_231_246_251_another_organizations_object_does_not_exist() {
    let on = Installation::new().await;
    let (mine, theirs) = (on.application().await, on.application().await);
    let body = json!({ "name": "k", "permissions": ["*"], "organization_id": mine.organization });
    let key = on.manage("POST", "/management_keys", body).await.expect(201)["value"].as_str().unwrap().to_owned();
    let their_key =
        on.manage("POST", "/management_keys", json!({ "name": "k", "permissions": ["*"], "organization_id": theirs.organization })).await;
    let their_key = their_key.expect(201)["id"].as_str().unwrap().to_owned();
    let absent = |id: &str| {
        let at = id.len() - 6;
        format!("{}000000", &id[..at])
    };
    let matrix: Vec<(&str, String, &str)> = vec![
        ("GET", "/organizations/{}".into(), &theirs.organization),
        ("PUT", "/organizations/{}".into(), &theirs.organization),
        ("GET", "/connect/applications/{}".into(), &theirs.id),
        ("GET", "/connect/applications/{}".into(), &theirs.client_id),
        ("PUT", "/connect/applications/{}".into(), &theirs.id),
        ("DELETE", "/connect/applications/{}".into(), &theirs.id),
        ("POST", "/connect/applications/{}/disable".into(), &theirs.id),
        ("POST", "/connect/applications/{}/enable".into(), &theirs.id),
        ("POST", "/connect/applications/{}/revoke_tokens".into(), &theirs.id),
        ("GET", "/connect/applications/{}/client_secrets".into(), &theirs.id),
        ("POST", "/connect/applications/{}/client_secrets".into(), &theirs.id),
        ("POST", "/connect/applications/{}/client_secrets/rotate".into(), &theirs.id),
        ("POST", "/connect/applications/{}/client_secrets/rotate/cancel".into(), &theirs.id),
        ("DELETE", "/connect/client_secrets/{}".into(), &theirs.secret_id),
        ("DELETE", "/management_keys/{}".into(), &their_key),
    ];
    for (method, path, id) in &matrix {
        let ask = async |id: &str| {
            let answer = on.manage_as(&key, method, &path.replace("{}", id), Value::Null, &[]).await;
            let id = answer.header("x-request-id").to_owned();
            (answer.status.as_u16(), answer.text.replace(&id, "<request>"))
        };
        let (foreign, unknown) = (ask(id).await, ask(&absent(id)).await);
        assert_eq!(foreign, unknown, "{method} {path}");
        assert_eq!(foreign.0, 404, "{method} {path}");
    }
    let moved = json!({ "name": "x", "organization_id": theirs.organization });
    is_problem(&on.manage_as(&key, "POST", "/connect/applications", moved, &[]).await, 404, "not_found");
    for (list, cursor) in
        [("/organizations", &theirs.organization), ("/connect/applications", &theirs.id), ("/management_keys", &their_key)]
    {
        is_problem(&on.manage_as(&key, "GET", &format!("{list}?after={cursor}"), Value::Null, &[]).await, 400, "invalid_cursor");
        let seen = on.manage_as(&key, "GET", &format!("{list}?limit=100"), Value::Null, &[]).await;
        assert_eq!(seen.status, 200);
        for foreign in [&theirs.organization, &theirs.id, &their_key] {
            assert!(!seen.text.contains(foreign.as_str()), "{list}");
        }
    }
    let filtered =
        on.manage_as(&key, "GET", &format!("/connect/applications?organization_id={}", theirs.organization), Value::Null, &[]).await;
    assert_eq!(filtered.expect(200)["data"], json!([]));
    let events = on.manage_as(&key, "GET", &format!("/events?limit=100&organization_id={}", theirs.organization), Value::Null, &[]).await;
    assert_eq!(events.expect(200)["data"], json!([]));
    assert!(on.active_for_operator(&on.token(&theirs).await).await, "nothing of theirs was touched");
}

#[tokio::test]
async fn cases_243_to_245_bodies() {
    let on = Installation::new().await;
    let post = async |kind: &str, body: &[u8]| {
        let bearer = format!("Bearer {MANAGEMENT_KEY}");
        on.send("POST", "/organizations", &[("authorization", &bearer), ("content-type", kind)], body).await
    };
    for malformed in [
        "{",
        "{\"name\":\"a\",\"name\":\"b\"}",
        "{\"name\":1e400}",
        "{\"name\":NaN}",
        "{\"name\":\"a\"} x",
        "\u{feff}{\"name\":\"a\"}",
        &format!("{{\"name\":{}", "[".repeat(1000)),
    ] {
        is_problem(&post("application/json", malformed.as_bytes()).await, 400, "malformed_json");
    }
    for invalid in [
        "{}",
        "[]",
        "{\"name\":1}",
        "{\"name\":\"\"}",
        "{\"name\":\"a\\u0000b\"}",
        "{\"name\":\"a\",\"admin\":true}",
        &format!("{{\"name\":\"{}\"}}", "é".repeat(256)),
    ] {
        is_problem(&post("application/json", invalid.as_bytes()).await, 422, "invalid");
    }
    for kind in ["text/plain", "application/x-www-form-urlencoded", "application/json; charset=utf-16"] {
        is_problem(&post(kind, b"{\"name\":\"a\"}").await, 415, "not_json");
    }
    is_problem(&post("application/json", &vec![b' '; 1024 * 1024 + 1]).await, 413, "payload_too_large");
    for good in ["<script>alert(1)</script>", "\u{202e}RTL 🎉", &"é".repeat(255)] {
        let made = on.manage("POST", "/organizations", json!({ "name": good })).await.expect(201);
        assert_eq!(made["name"], *good);
    }
    let echoed = post("application/json", b"{\"name\":{\"chs_secret_in_the_wrong_place\":1}}").await;
    assert!(!echoed.text.contains("chs_secret"), "the input is never echoed");
    is_problem(&on.manage("GET", "/no/such/path", Value::Null).await, 404, "not_found");
    is_problem(&on.manage("PATCH", "/organizations", Value::Null).await, 405, "method_not_allowed");
    assert_eq!(on.manage("GET", "/organizations/", Value::Null).await.status, 404, "no redirect");
}

#[tokio::test]
async fn lists_are_paged_by_object_id() {
    let on = Installation::new().await;
    let mut made = Vec::new();
    for number in 0..14 {
        made.push(on.organization(&format!("organization {number}")).await);
    }
    made.reverse();
    let ids = |page: &Value| page["data"].as_array().unwrap().iter().map(|one| one["id"].as_str().unwrap().to_owned()).collect::<Vec<_>>();
    let mut seen = Vec::new();
    let mut path = "/organizations?limit=5".to_owned();
    for expected in [5, 5, 4] {
        let page = on.manage("GET", &path, Value::Null).await.expect(200);
        assert_eq!((&page["object"], ids(&page).len()), (&json!("list"), expected));
        seen.extend(ids(&page));
        path = format!("/organizations?limit=5&after={}", page["list_metadata"]["after"].as_str().unwrap_or("end"));
    }
    assert_eq!(seen, made);
    assert!(path.ends_with("after=end"));
    let back = on.manage("GET", &format!("/organizations?limit=5&before={}", made[10]), Value::Null).await.expect(200);
    assert_eq!(ids(&back), made[5..10]);
    let exact = on.manage("GET", "/organizations?limit=14&order=asc", Value::Null).await.expect(200);
    assert_eq!((ids(&exact)[0].clone(), &exact["list_metadata"]), (made[13].clone(), &json!({ "before": null, "after": null })));
    let found = on.manage("GET", "/organizations?search=ORGANIZATION%2013", Value::Null).await.expect(200);
    assert_eq!(ids(&found), made[0..1]);
    for wrong in ["limit=0", "limit=101", "limit=x", "order=normal"] {
        is_problem(&on.manage("GET", &format!("/organizations?{wrong}"), Value::Null).await, 422, "invalid");
    }
    is_problem(&on.manage("GET", "/organizations?after=org_unknown", Value::Null).await, 400, "invalid_cursor");
    let empty = Installation::new().await.manage("GET", "/organizations", Value::Null).await.expect(200);
    assert_eq!(empty, json!({ "object": "list", "data": [], "list_metadata": { "before": null, "after": null } }));
}

#[tokio::test]
async fn case_242_an_idempotency_key_does_a_thing_once_and_replays_its_secret() {
    let on = Installation::new().await;
    let organization = on.organization("Acme").await;
    let create = async |name: &str, key: &str| {
        let body = json!({ "application_type": "m2m", "name": name, "organization_id": organization });
        on.manage_as(MANAGEMENT_KEY, "POST", "/connect/applications", body, &[("idempotency-key", key)]).await
    };
    let first = create("a", "retry-1").await;
    assert_eq!(first.status, 201);
    let on2 = create("a", "retry-1").await;
    assert_eq!((on2.status, &on2.text), (first.status, &first.text), "byte for byte, the secret included");
    is_problem(&create("b", "retry-1").await, 422, "idempotency_key_reused");
    let listed = on.manage("GET", "/connect/applications", Value::Null).await.expect(200);
    assert_eq!(listed["data"].as_array().unwrap().len(), 1);
    let other = on.manage("POST", "/management_keys", json!({ "name": "k", "permissions": ["*"] })).await.expect(201);
    let body = json!({ "application_type": "m2m", "name": "a", "organization_id": organization });
    let theirs =
        on.manage_as(other["value"].as_str().unwrap(), "POST", "/connect/applications", body, &[("idempotency-key", "retry-1")]).await;
    assert_ne!(theirs.expect(201)["id"], first.json()["id"], "another caller's key is another key");
    is_problem(&create("a", &"k".repeat(256)).await, 422, "invalid");
    on.pass(Duration::from_secs(24 * 3600)).await;
    assert_ne!(create("a", "retry-1").await.expect(201)["id"], first.json()["id"]);
}

#[tokio::test]
async fn concurrent_requests_with_one_idempotency_key_make_one_object() {
    let on = std::sync::Arc::new(Installation::new().await);
    let tasks: Vec<_> = (0..20)
        .map(|_| {
            let on = on.clone();
            tokio::spawn(async move {
                on.manage_as(MANAGEMENT_KEY, "POST", "/organizations", json!({ "name": "once" }), &[("idempotency-key", "same")])
                    .await
                    .expect(201)["id"]
                    .clone()
            })
        })
        .collect();
    let mut ids = std::collections::HashSet::new();
    for task in tasks {
        ids.insert(task.await.unwrap().to_string());
    }
    assert_eq!(ids.len(), 1);
    assert_eq!(on.manage("GET", "/organizations", Value::Null).await.expect(200)["data"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn organizations_change_partially_and_by_version() {
    let on = Installation::new().await;
    let body = json!({ "name": "Acme", "external_id": "crm:1/é x", "metadata": { "tier": "gold" }, "domain_data": [{ "domain": "a.example", "state": "verified" }] });
    let made = on.manage("POST", "/organizations", body).await;
    let (etag, made) = (made.header("etag").to_owned(), made.expect(201));
    let path = format!("/organizations/{}", made["id"].as_str().unwrap());
    let found = on.manage("GET", "/organizations/external_id/crm%3A1%2F%C3%A9%20x", Value::Null).await.expect(200);
    assert_eq!(found["id"], made["id"]);
    is_problem(&on.manage("POST", "/organizations", json!({ "name": "b", "external_id": "crm:1/é x" })).await, 409, "external_id_taken");
    let renamed = on.manage("PUT", &path, json!({ "name": "New", "stripe_customer_id": "x" })).await.expect(200);
    assert_eq!((&renamed["external_id"], &renamed["metadata"]), (&made["external_id"], &made["metadata"]));
    is_problem(
        &on.manage_as(MANAGEMENT_KEY, "PUT", &path, json!({ "name": "Late" }), &[("if-match", &etag)]).await,
        412,
        "version_mismatch",
    );
    let cleared = on
        .manage_as(MANAGEMENT_KEY, "PUT", &path, json!({ "external_id": null, "metadata": null }), &[("if-match", "\"2\"")])
        .await
        .expect(200);
    assert_eq!((&cleared["external_id"], &cleared["metadata"], &cleared["name"]), (&Value::Null, &json!({}), &json!("New")));
    on.manage("DELETE", &path, Value::Null).await.expect(204);
    is_problem(&on.manage("DELETE", &path, Value::Null).await, 404, "not_found");
}

#[tokio::test]
async fn applications_hold_what_the_catalogue_has_and_null_leaves_them_as_they_are() {
    let on = Installation::new().await;
    let client = on.application().await;
    let path = format!("/connect/applications/{}", client.client_id);
    let node =
        on.manage("PUT", &path, json!({ "name": "renamed", "description": null, "scopes": null, "redirect_uris": null })).await.expect(200);
    assert_eq!(node["scopes"], json!(["threads:read", "threads:write"]));
    assert_eq!(on.manage("PUT", &path, json!({ "scopes": [] })).await.expect(200)["scopes"], json!([]));
    for wrong in [
        json!({ "scopes": ["nope"] }),
        json!({ "scopes": ["*"] }),
        json!({ "resources": ["https://nope.example"] }),
        json!({ "resources": [] }),
        json!({ "access_token_ttl": 59 }),
        json!({ "organization_id": "org_x" }),
    ] {
        is_problem(&on.manage("PUT", &path, wrong).await, 422, "invalid");
    }
    is_problem(
        &on.manage(
            "POST",
            "/connect/applications",
            json!({ "name": "a", "organization_id": client.organization, "application_type": "oauth" }),
        )
        .await,
        422,
        "invalid",
    );
    let bare = on
        .manage("POST", "/connect/applications", json!({ "name": "a", "organization_id": client.organization, "create_secret": false }))
        .await
        .expect(201);
    assert!(bare.get("client_secret").is_none());
    on.manage("PUT", &path, json!({ "scopes": ["threads:read"] })).await.expect(200);
    is_problem(&on.manage("DELETE", "/authorization/permissions/threads:read", Value::Null).await, 409, "permission_in_use");
    on.manage("DELETE", "/authorization/permissions/threads%3Awrite", Value::Null).await.expect(204);
    is_problem(&on.manage("POST", "/authorization/permissions", json!({ "slug": "Threads Read", "name": "x" })).await, 422, "invalid");
    is_problem(&on.manage("POST", "/authorization/permissions", json!({ "slug": "threads:read", "name": "x" })).await, 409, "slug_taken");
    let changed = on.manage("PATCH", "/authorization/permissions/threads:read", json!({ "description": "reads" })).await.expect(200);
    assert_eq!(
        (&changed["description"], &changed["system"], &changed["resource_type_slug"]),
        (&json!("reads"), &json!(false), &json!("organization"))
    );
}

#[tokio::test]
async fn a8_every_change_is_one_event_and_every_refusal_too() {
    let on = Installation::new().await;
    let before = on.event_names().await.len();
    let client = on.application().await;
    on.manage("POST", &format!("/connect/applications/{}/disable", client.id), Value::Null).await.expect(200);
    on.manage("POST", &format!("/connect/applications/{}/disable", client.id), Value::Null).await.expect(200);
    on.manage("DELETE", "/connect/applications/app_unknown", Value::Null).await.expect(404);
    on.manage("POST", "/organizations", json!({})).await.expect(422);
    let names = on.event_names().await[before..].to_vec();
    assert_eq!(
        names,
        [
            "organization.created",
            "permission.created",
            "permission.created",
            "connect_application.created",
            "connect_application_secret.created",
            "connect_application.disabled",
            "connect_application.delete_refused"
        ]
    );
    let filtered = on
        .manage("GET", "/events?events=connect_application.created,connect_application.disabled&order=asc", Value::Null)
        .await
        .expect(200);
    let event = &filtered["data"][0];
    assert_eq!(
        (filtered["data"].as_array().unwrap().len(), &event["data"]["id"], &event["object"]),
        (2, &json!(client.id), &json!("event"))
    );
    assert_eq!((&event["context"]["actor"]["source"], &event["created_at"]), (&json!("api"), &json!("2026-11-20T00:00:00.000Z")));
    let refused = on.manage("GET", "/events?events=connect_application.delete_refused", Value::Null).await.expect(200);
    assert_eq!((&refused["data"][0]["data"]["code"], &refused["data"][0]["data"]["target"]), (&json!("not_found"), &json!("app_unknown")));
    let none = on.manage("GET", "/events?range_start=2026-11-21T00:00:00Z", Value::Null).await.expect(200);
    assert_eq!(none["data"], json!([]));
    for _ in 0..25 {
        on.manage("DELETE", "/connect/applications/app_unknown", Value::Null).await.expect(404);
    }
    let written = on.event_names().await.iter().filter(|name| name.ends_with("_refused")).count();
    assert_eq!(written, 10, "at most ten a second");
    on.clock.advance(Duration::from_secs(1));
    on.manage("DELETE", "/connect/applications/app_unknown", Value::Null).await.expect(404);
    let refused = on.manage("GET", "/events?events=connect_application.delete_refused", Value::Null).await.expect(200);
    assert_eq!(refused["data"][0]["data"]["suppressed"], 16);
}

#[tokio::test]
async fn failed_authentications_are_one_event_per_client_and_minute() {
    let on = Installation::new().await;
    let client = on.application().await;
    let wrong = fixture::Client { secret: on.application().await.secret, ..client.clone() };
    let unknown = fixture::Client { client_id: "client_unknown".into(), ..client.clone() };
    for _ in 0..3 {
        on.token_answer(&wrong, "").await.expect(401);
        on.token_answer(&unknown, "").await.expect(401);
    }
    on.pass(Duration::from_secs(60)).await;
    let events = on.manage("GET", "/events?events=authentication.failed", Value::Null).await.expect(200);
    let mut told: Vec<_> = events["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|event| (event["data"]["client_id"].clone(), event["data"]["failures"].clone()))
        .collect();
    told.sort_by_key(|(client, _)| client.to_string());
    assert_eq!(told, [(json!(client.client_id), json!(3)), (Value::Null, json!(3))]);
}
