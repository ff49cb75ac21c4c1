//! What the management surface does: bodies, problems (RFC 9457), lists, idempotency, organizations, applications, permissions.
mod fixture;

use std::time::Duration;

use fixture::{Installation, MANAGEMENT_KEY, is_problem};
use serde_json::{Value, json};

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
        "{\"name\":\"a\",\"metadata\":{\"k\":\"1\",\"k\":\"2\"}}",
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
        "[\"positional\"]",
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
async fn the_catalogue_is_listed_in_pages_and_a_preset_can_be_changed() {
    let on = Installation::new().await;
    let made = async |path: &str, body: Value| on.manage("POST", path, body).await.expect(201)["id"].as_str().unwrap().to_owned();
    let mut all: [(&str, Vec<String>); 3] =
        [("/authorization/permissions", vec![]), ("/permission_presets", vec![]), ("/resource_servers", vec![])];
    for name in ["a", "b", "c"] {
        all[0].1.push(made(all[0].0, json!({ "slug": name, "name": name })).await);
        all[1].1.push(made(all[1].0, json!({ "slug": name, "name": name, "permissions": [name] })).await);
        all[2].1.push(made(all[2].0, json!({ "identifier": format!("https://{name}.example"), "name": name })).await);
    }
    for (path, ids) in all {
        let first = on.manage("GET", &format!("{path}?limit=2&order=asc"), Value::Null).await.expect(200);
        let after = first["list_metadata"]["after"].as_str().unwrap();
        let rest = on.manage("GET", &format!("{path}?limit=2&order=asc&after={after}"), Value::Null).await.expect(200);
        let listed = [&first, &rest].map(|page| page["data"].as_array().unwrap().clone()).concat();
        assert_eq!(listed.iter().map(|one| one["id"].as_str().unwrap()).collect::<Vec<_>>(), ids, "{path}");
        is_problem(&on.manage("GET", &format!("{path}?after=unknown"), Value::Null).await, 400, "invalid_cursor");
    }
    let changed = on.manage("PUT", "/permission_presets/a", json!({ "name": "a", "permissions": ["a", "b"] })).await.expect(200);
    assert_eq!((&changed["permissions"], &changed["name"]), (&json!(["a", "b"]), &json!("a")));
    assert_eq!(on.manage("GET", "/permission_presets?order=asc", Value::Null).await.expect(200)["data"][0], changed);
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
