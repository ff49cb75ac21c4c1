//! Who may do what on the management surface, and what is written down of it: A1 to A8, cases 225 to 251.
mod fixture;

use std::time::Duration;

use fixture::{Installation, MANAGEMENT_KEY, is_problem};
use serde_json::{Value, json};

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
        let unread = on.manage_as(&auditor, method, path, json!({ "unknown": 1 }), &[]).await;
        assert_eq!(unread.header("www-authenticate"), "Bearer error=\"insufficient_scope\"", "asked before the body is looked at");
        is_problem(&unread, 403, "insufficient_permission");
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
    for path in [format!("/organizations/{other}/suspend"), format!("/organizations/{other}/reactivate")] {
        is_problem(&on.manage_as(&bound, "POST", &path, Value::Null, &[]).await, 404, "not_found");
    }
    for (method, path, body) in [
        ("POST", format!("/organizations/{organization}/suspend"), Value::Null),
        ("DELETE", format!("/organizations/{organization}"), Value::Null),
        ("POST", "/organizations".into(), json!({ "name": "x" })),
        ("PUT", format!("/organizations/{organization}"), json!({ "external_id": "another customer's" })),
        ("PUT", format!("/organizations/{organization}/settings"), json!({ "max_expiry_days": null })),
    ] {
        is_problem(&on.manage_as(&bound, method, &path, body, &[]).await, 403, "organization_bound");
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

#[tokio::test]
async fn a_management_key_deleted_while_it_asks_changes_nothing_more() {
    use chancery::authority::caller::{Call, Operation};
    use chancery::authority::error::Error;
    use chancery::domain::credential::Secret;
    use chancery::domain::management_key::Power;
    let on = Installation::new().await;
    let organization = on.organization("Acme").await;
    for end in ["delete", "suspend"] {
        let body = json!({ "name": "stolen", "permissions": ["*"], "organization_id": organization });
        let made = on.manage("POST", "/management_keys", body).await.expect(201);
        let value = made["value"].as_str().unwrap();
        // Its request's head has come, its body has not.
        let caller = on.app.authority.find_caller(&Secret::presented(value)).unwrap();
        match end {
            "delete" => on.manage("DELETE", &format!("/management_keys/{}", made["id"].as_str().unwrap()), Value::Null).await.expect(204),
            _ => on.manage("POST", &format!("/organizations/{organization}/suspend"), Value::Null).await.expect(200),
        };
        let call = Call { caller, request_id: "req".into(), source_ip: None, if_match: None, idempotency: None };
        let operation = Operation { name: "management_key.create", power: Power::ManagementKeysWrite };
        assert!(matches!(on.app.authority.begin(&call, operation).await, Err(Error::Unauthenticated)), "{end}");
    }
}

#[tokio::test]
async fn k17_a_secret_that_is_named_as_an_id_is_not_written_down() {
    let on = Installation::new().await;
    let client = on.application().await;
    let key = on.api_key(&client.organization, json!({})).await["value"].as_str().unwrap().to_owned();
    let management = on.management_key(&["*"], None).await;
    for secret in [client.secret.as_str(), &key, &management, MANAGEMENT_KEY] {
        on.manage("DELETE", &format!("/api_keys/{secret}"), Value::Null).await.expect(404);
        on.clock.advance(Duration::from_secs(1));
    }
    let events = on.manage("GET", "/events?limit=100", Value::Null).await;
    for secret in [client.secret.as_str(), &key, &management, MANAGEMENT_KEY] {
        assert!(!events.text.contains(secret));
    }
    assert_eq!(events.json()["data"][0]["data"]["target"], Value::Null);
}

#[tokio::test]
async fn cases_244_245_a_call_that_takes_no_members_takes_no_other_body_either() {
    let on = Installation::new().await;
    let client = on.application().await;
    let bearer = format!("Bearer {MANAGEMENT_KEY}");
    let path = format!("/connect/applications/{}/revoke_tokens", client.id);
    for (kind, body, status) in [
        ("application/json", "", 200),
        ("application/json", "{}", 200),
        ("application/json", "{", 400),
        ("application/json", "1e400", 400),
        ("application/json", "{\"x\":1}", 422),
        ("text/plain", "{}", 415),
    ] {
        let answer = on.send("POST", &path, &[("authorization", &bearer), ("content-type", kind)], body).await;
        assert_eq!(answer.status, status, "{kind} {body}: {answer:?}");
    }
    on.send("POST", &path, &[("authorization", &bearer)], "").await.expect(200);
    let alone = on.send("GET", "/organizations", &[("x-api-key", "chk_x")], "").await;
    is_problem(&alone, 401, "unauthorized");
    let invalid = on.send("GET", "/organizations/%ff", &[("authorization", &bearer)], "").await;
    is_problem(&invalid, 404, "not_found");
}
