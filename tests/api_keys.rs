//! API keys beyond the products' promises: lines of rotations, keys as clients, introspection, retries, and what a use is.
mod fixture;

use std::time::Duration;

use fixture::{FORM, Installation, MANAGEMENT_KEY, basic, claims, is_problem};
use serde_json::{Value, json};

const HOUR: Duration = Duration::from_secs(3600);

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("{value} is no text"))
}

async fn rotate(on: &Installation, key: &Value, body: Value) -> Value {
    on.manage("POST", &format!("/api_keys/{}/rotate", text(&key["id"])), body).await.expect(201)
}

async fn alive(on: &Installation, keys: &[&Value]) -> Vec<bool> {
    let mut alive = Vec::new();
    for key in keys {
        let found = on.manage("GET", &format!("/api_keys/{}", text(&key["id"])), Value::Null).await.expect(200);
        alive.push(found["status"] == "active");
    }
    alive
}

#[tokio::test]
async fn a_rotation_retires_every_live_key_of_its_line() {
    let on = Installation::new().await;
    let organization = on.organization("Acme").await;
    let from_use = || json!({ "overlap_seconds": 3600, "overlap_from": "first_use" });
    // A chain: each replaced before it was ever used.
    let first = on.api_key(&organization, json!({})).await;
    let second = rotate(&on, &first, from_use()).await;
    let third = rotate(&on, &second, from_use()).await;
    assert_eq!(third["retiring"].as_array().unwrap().len(), 2);
    on.validate(&third["value"]).await;
    on.pass(HOUR).await;
    assert_eq!(alive(&on, &[&first, &second, &third]).await, [false, false, true]);
    // The same key rotated twice, as after a lost answer.
    let first = on.api_key(&organization, json!({})).await;
    let lost = rotate(&on, &first, from_use()).await;
    let second = rotate(&on, &first, from_use()).await;
    on.validate(&second["value"]).await;
    on.pass(HOUR).await;
    assert_eq!(alive(&on, &[&first, &lost, &second]).await, [false, false, true]);
    // Without overlap, all of them die at once.
    let first = on.api_key(&organization, json!({})).await;
    let second = rotate(&on, &first, from_use()).await;
    let third = rotate(&on, &second, json!({ "overlap_seconds": 0 })).await;
    assert_eq!(alive(&on, &[&first, &second, &third]).await, [false, false, true]);
    assert_eq!(on.reason(&first["value"]).await, "revoked");
}

#[tokio::test]
async fn what_waits_for_a_key_that_is_revoked_or_ended_at_once_lives_on() {
    let on = Installation::new().await;
    let organization = on.organization("Acme").await;
    let old = on.api_key(&organization, json!({})).await;
    let new = rotate(&on, &old, json!({ "overlap_seconds": 0, "overlap_from": "first_use" })).await;
    on.manage("DELETE", &format!("/api_keys/{}", text(&new["id"])), Value::Null).await.expect(204);
    on.pass(HOUR * 48).await;
    assert_eq!(on.reason(&old["value"]).await, Value::Null);
    let new = rotate(&on, &old, json!({ "overlap_seconds": 0, "overlap_from": "first_use" })).await;
    on.manage("POST", &format!("/api_keys/{}/expire", text(&new["id"])), json!({})).await.expect(200);
    let listed = on.manage("GET", &format!("/organizations/{organization}/api_keys"), Value::Null).await.expect(200);
    let known = listed["data"].as_array().unwrap().iter().find(|key| key["id"] == old["id"]).unwrap();
    assert_eq!((known["status"].as_str(), &known["expires_at"]), (Some("active"), &Value::Null));
    let new = rotate(&on, &old, json!({ "overlap_seconds": 0, "overlap_from": "first_use" })).await;
    let token = on.key_token_answer(&old, "").await.expect(200)["access_token"].clone();
    on.key_token_answer(&new, "").await.expect(200);
    on.pass(Duration::from_secs(5)).await;
    assert_eq!(on.reason(&old["value"]).await, "revoked", "an overlap of nothing ends with the first use");
    assert!(!on.active_for_operator(text(&token)).await);
}

#[tokio::test]
async fn a_rotation_does_not_lengthen_a_life() {
    let on = Installation::new().await;
    let organization = on.organization("Acme").await;
    let key = on.api_key(&organization, json!({ "expires_at": "2026-11-20T00:01:00Z" })).await;
    on.pass(Duration::from_secs(30)).await;
    assert_eq!(rotate(&on, &key, json!({})).await["expires_at"], "2026-11-20T00:01:30.000Z");
    on.manage("PUT", "/settings", json!({ "max_expiry_days": 1 })).await.expect(200);
    let endless = on.api_key(&organization, json!({})).await;
    assert_eq!(rotate(&on, &endless, json!({})).await["expires_at"], "2026-11-21T00:00:30.000Z");
    let later = json!({ "expires_at": "2026-12-01T00:00:00Z" });
    is_problem(&on.manage("POST", &format!("/api_keys/{}/rotate", text(&endless["id"])), later).await, 422, "invalid");
}

#[tokio::test]
async fn an_api_key_is_its_own_client_at_the_token_endpoint() {
    let on = Installation::new().await;
    let organization = on.organization("Acme").await;
    let user = on.user("ada@example.com").await;
    on.member(&user, &organization, "member").await;
    for slug in ["threads:read", "threads:write"] {
        on.permission(slug).await;
    }
    let permissions = json!({ "permissions": ["threads:read", "threads:write"] });
    let (own, personal) = (on.api_key(&organization, permissions.clone()).await, on.personal_key(&user, &organization, permissions).await);
    let token = on.key_token_answer(&own, "&scope=threads:read").await.expect(200);
    let told = claims(text(&token["access_token"]));
    assert_eq!((&told["sub"], &told["client_id"], &told["cred"]), (&own["id"], &own["id"], &own["id"]));
    assert_eq!((&told["scope"], &told["org_id"], &told["gen"]), (&json!("threads:read"), &json!(organization), &json!(1)));
    assert_eq!(on.introspect(text(&token["access_token"])).await["active"], true);
    let of_user = on.key_token_answer(&personal, "").await.expect(200);
    let told = claims(text(&of_user["access_token"]));
    assert_eq!((&told["sub"], &told["principal"]), (&json!(user), &json!({ "type": "user", "id": user })));
    assert_eq!((&told["client_id"], &told["scope"]), (&personal["id"], &json!("threads:read threads:write")));
    on.key_token_answer(&own, "&scope=threads:delete").await.expect_oauth(400, "invalid_scope");
    on.key_token_answer(&own, "&resource=https://nope.example").await.expect_oauth(400, "invalid_target");
    on.key_token_answer(&own, "&organization=org_x").await.expect_oauth(400, "invalid_request");
    // In the body, as client_secret_post.
    let body = format!("grant_type=client_credentials&client_id={}&client_secret={}", text(&own["id"]), text(&own["value"]));
    on.send("POST", "/oauth/token", &[FORM], body).await.expect(200);
    // Another key's value, an application's secret, another kind of id.
    let client = on.application_of(&organization, json!({})).await;
    for (id, secret) in [
        (text(&own["id"]), text(&personal["value"])),
        (text(&own["id"]), client.secret.as_str()),
        (client.client_id.as_str(), text(&own["value"])),
        ("api_key_01KAJ2M3N4P5Q6R7S8T9V0W1X2", text(&own["value"])),
        (organization.as_str(), text(&own["value"])),
    ] {
        let refused =
            on.send("POST", "/oauth/token", &[("authorization", &basic(id, secret)), FORM], "grant_type=client_credentials").await;
        refused.expect_oauth(401, "invalid_client");
    }
    // It sees its own tokens, and no others.
    let as_key = basic(text(&own["id"]), text(&own["value"]));
    let ask = async |token: &Value| {
        let body = format!("token={}", text(token));
        on.send("POST", "/oauth/introspect", &[("authorization", &as_key), FORM], body).await.expect(200)["active"].clone()
    };
    assert_eq!((ask(&token["access_token"]).await, ask(&of_user["access_token"]).await), (json!(true), json!(false)));
    let revoke =
        async |token: &Value| on.send("POST", "/oauth/revoke", &[("authorization", &as_key), FORM], format!("token={}", text(token))).await;
    revoke(&of_user["access_token"]).await.expect_oauth(400, "invalid_request");
    revoke(&token["access_token"]).await.expect(200);
    assert_eq!(ask(&token["access_token"]).await, json!(false));
    revoke(&own["value"]).await.expect_oauth(400, "unsupported_token_type");
}

#[tokio::test]
async fn a_token_never_outlives_its_key_and_dies_with_it_and_with_its_organizations_suspension() {
    let on = Installation::new().await;
    let organization = on.organization("Acme").await;
    let short = on.api_key(&organization, json!({ "expires_at": "2026-11-20T00:01:00.900Z" })).await;
    let token = on.key_token_answer(&short, "").await.expect(200);
    assert_eq!(token["expires_in"], 60);
    on.pass(Duration::from_millis(60_100)).await;
    assert_eq!(on.reason(&short["value"]).await, Value::Null, "it has some milliseconds left");
    on.key_token_answer(&short, "").await.expect_oauth(401, "invalid_client");
    let key = on.api_key(&organization, json!({})).await;
    let token = on.key_token_answer(&key, "").await.expect(200)["access_token"].clone();
    on.manage("POST", &format!("/organizations/{organization}/suspend"), Value::Null).await.expect(200);
    assert_eq!(on.reason(&key["value"]).await, "organization_suspended");
    on.key_token_answer(&key, "").await.expect_oauth(401, "invalid_client");
    on.manage("POST", &format!("/organizations/{organization}/reactivate"), Value::Null).await.expect(200);
    assert_eq!(on.reason(&key["value"]).await, Value::Null);
    assert!(!on.active_for_operator(text(&token)).await, "tokens from before the suspension stay dead");
    on.manage("DELETE", &format!("/organizations/{organization}"), Value::Null).await.expect(204);
    assert_eq!(on.reason(&key["value"]).await, "not_found");
}

#[tokio::test]
async fn case_202_an_api_key_introspects_like_a_token_for_a_management_key_alone() {
    let on = Installation::new().await;
    let client = on.application().await;
    let key = on.api_key(&client.organization, json!({ "permissions": ["threads:read"], "expires_at": "2027-01-01T00:00:00Z" })).await;
    let told = on.introspect(text(&key["value"])).await;
    assert_eq!((&told["active"], &told["token_type"], &told["scope"]), (&json!(true), &json!("api_key"), &json!("threads:read")));
    assert_eq!((&told["client_id"], &told["org_id"], &told["exp"]), (&key["id"], &json!(client.organization), &json!(1_798_761_600)));
    assert!(!on.active(&client, text(&key["value"])).await);
    let other = on.organization("Other").await;
    let bound = format!("Bearer {}", on.management_key(&["tokens:introspect"], Some(&other)).await);
    let body = format!("token={}", text(&key["value"]));
    let refused = on.send("POST", "/oauth/introspect", &[("authorization", &bound), FORM], body).await.expect(200);
    assert_eq!(refused, json!({ "active": false }));
    on.pass(Duration::from_secs(5)).await;
    let found = on.manage("GET", &format!("/api_keys/{}", text(&key["id"])), Value::Null).await.expect(200);
    assert_eq!(found["usage"]["last_24h"], 1, "to introspect a good key is to use it");
}

#[tokio::test]
async fn a_use_is_no_change_of_the_key() {
    let on = Installation::new().await;
    let organization = on.organization("Acme").await;
    let key = on.api_key(&organization, json!({})).await;
    let path = format!("/api_keys/{}", text(&key["id"]));
    let tag = on.manage("GET", &path, Value::Null).await.header("etag").to_owned();
    on.validate(&key["value"]).await;
    on.pass(Duration::from_secs(5)).await;
    let after = on.manage("GET", &path, Value::Null).await;
    assert_eq!(after.header("etag"), tag);
    let after = after.expect(200);
    assert_eq!((&after["updated_at"], after["activated_at"].is_string()), (&key["updated_at"], true));
    assert!(on.event_names().await.contains(&"api_key.activated".to_owned()));
    on.manage_as(MANAGEMENT_KEY, "PATCH", &path, json!({ "name": "x" }), &[("if-match", &tag)]).await.expect(200);
    is_problem(&on.manage_as(MANAGEMENT_KEY, "DELETE", &path, Value::Null, &[("if-match", &tag)]).await, 412, "version_mismatch");
    let update = on.manage("GET", "/events?events=api_key.updated", Value::Null).await.expect(200);
    assert_eq!(update["data"][0]["data"]["previous_attributes"], json!({ "expires_at": null }));
}

#[tokio::test]
async fn a_retry_gets_the_same_value_unless_the_acting_user_is_no_admin_any_more() {
    let on = Installation::new().await;
    let organization = on.organization("Acme").await;
    let user = on.user("ada@example.com").await;
    let membership = on.member(&user, &organization, "admin").await;
    let path = format!("/organizations/{organization}/api_keys");
    let headers = [("chancery-acting-user", user.as_str()), ("idempotency-key", "retry-1")];
    let ask = async || on.manage_as(MANAGEMENT_KEY, "POST", &path, json!({ "name": "k" }), &headers).await;
    let (first, second) = (ask().await.expect(201), ask().await.expect(201));
    assert_eq!(first, second);
    assert_eq!(on.manage("GET", &path, Value::Null).await.expect(200)["data"].as_array().unwrap().len(), 1);
    let alone = on.manage_as(MANAGEMENT_KEY, "POST", &path, json!({ "name": "k" }), &headers[1..]).await;
    is_problem(&alone, 422, "idempotency_key_reused");
    on.manage("PUT", &format!("/user_management/organization_memberships/{membership}"), json!({ "role_slug": "member" }))
        .await
        .expect(200);
    is_problem(&ask().await, 403, "not_an_admin");
}

#[tokio::test]
async fn a4_an_organizations_own_people_keep_an_admin_and_the_operator_need_not() {
    let on = Installation::new().await;
    let organization = on.organization("Acme").await;
    let (ada, bob) = (on.user("ada@example.com").await, on.user("bob@example.com").await);
    let membership = format!("/user_management/organization_memberships/{}", on.member(&ada, &organization, "admin").await);
    on.member(&bob, &organization, "member").await;
    let acting = [("chancery-acting-user", ada.as_str())];
    for (method, path, body) in [
        ("PUT", membership.clone(), json!({ "role_slug": "member" })),
        ("PUT", format!("{membership}/deactivate"), Value::Null),
        ("DELETE", membership.clone(), Value::Null),
    ] {
        is_problem(&on.manage_as(MANAGEMENT_KEY, method, &path, body, &acting).await, 409, "last_admin");
    }
    on.manage("DELETE", &membership, Value::Null).await.expect(204);
    is_problem(
        &on.manage_as(MANAGEMENT_KEY, "GET", &format!("/organizations/{organization}"), Value::Null, &acting).await,
        403,
        "not_an_admin",
    );
}

#[tokio::test]
async fn a_refusal_is_told_to_its_organization_in_its_actors_name() {
    let on = Installation::new().await;
    let organization = on.organization("Acme").await;
    let user = on.user("bob@example.com").await;
    on.member(&user, &organization, "member").await;
    let path = format!("/organizations/{organization}/api_keys");
    let acting = [("chancery-acting-user", user.as_str())];
    is_problem(&on.manage_as(MANAGEMENT_KEY, "POST", &path, json!({ "name": "k" }), &acting).await, 403, "not_an_admin");
    let told = on.manage("GET", &format!("/events?organization_id={organization}&limit=1"), Value::Null).await.expect(200);
    assert_eq!((text(&told["data"][0]["event"]), &told["data"][0]["context"]["actor"]["id"]), ("api_key.create_refused", &json!(user)));
}

#[tokio::test]
async fn an_admin_revokes_anothers_personal_key_and_never_holds_one() {
    let on = Installation::new().await;
    let organization = on.organization("Acme").await;
    let (ada, bob) = (on.user("ada@example.com").await, on.user("bob@example.com").await);
    on.member(&ada, &organization, "admin").await;
    on.member(&bob, &organization, "admin").await;
    let acting = [("chancery-acting-user", ada.as_str())];
    let body = json!({ "name": "k", "organization_id": organization });
    let of_bob = format!("/user_management/users/{bob}/api_keys");
    is_problem(&on.manage_as(MANAGEMENT_KEY, "POST", &of_bob, body.clone(), &acting).await, 403, "not_the_owner");
    let key = on.manage("POST", &of_bob, body).await.expect(201);
    let path = format!("/api_keys/{}", text(&key["id"]));
    is_problem(&on.manage_as(MANAGEMENT_KEY, "POST", &format!("{path}/rotate"), json!({}), &acting).await, 403, "not_the_owner");
    on.manage_as(MANAGEMENT_KEY, "DELETE", &path, Value::Null, &acting).await.expect(204);
}

#[tokio::test]
async fn a_line_has_at_most_five_live_keys_and_a_latest_expiry_is_not_stretched() {
    let on = Installation::new().await;
    let organization = on.organization("Acme").await;
    let mut key = on.api_key(&organization, json!({})).await;
    for _ in 0..4 {
        key = rotate(&on, &key, json!({})).await;
    }
    let path = format!("/api_keys/{}/rotate", text(&key["id"]));
    is_problem(&on.manage("POST", &path, json!({})).await, 409, "too_many_keys");
    rotate(&on, &key, json!({ "overlap_seconds": 0 })).await;
    on.manage("PUT", "/settings", json!({ "max_expiry_days": 90 })).await.expect(200);
    let key = on.api_key(&organization, json!({})).await;
    on.pass(HOUR * 24 * 80).await;
    let later = json!({ "expires_at": "2027-04-01T00:00:00Z" });
    is_problem(&on.manage("POST", &format!("/api_keys/{}/expire", text(&key["id"])), later).await, 422, "invalid");
}

#[tokio::test]
async fn counts_are_written_in_batches_however_fast_uses_come() {
    let on = std::sync::Arc::new(Installation::new().await);
    let organization = on.organization("Acme").await;
    let key = on.api_key(&organization, json!({})).await;
    let (using, value) = (std::sync::Arc::clone(&on), key["value"].clone());
    let uses = tokio::spawn(async move {
        for _ in 0..300 {
            using.validate(&value).await;
        }
    });
    on.app.authority.flush_uses().await.unwrap();
    uses.await.unwrap();
    on.app.authority.flush_uses().await.unwrap();
    let found = on.manage("GET", &format!("/api_keys/{}", text(&key["id"])), Value::Null).await.expect(200);
    assert_eq!(found["usage"]["last_24h"], 300);
}
