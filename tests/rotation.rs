//! Rotation without downtime: overlapping named secrets, first use, cancel; cases 86 to 90 and the contract's "Rotation".
mod fixture;

use std::time::Duration;

use fixture::{Client, Installation};
use serde_json::{Value, json};

async fn rotate(on: &Installation, client: &Client, body: Value) -> (Client, Value) {
    let new = on.manage("POST", &format!("/connect/applications/{}/client_secrets/rotate", client.client_id), body).await.expect(201);
    let text = |member: &str| new[member].as_str().unwrap().to_owned();
    (Client { secret: text("secret"), secret_id: text("id"), ..client.clone() }, new["retiring"].clone())
}

async fn works(on: &Installation, client: &Client) -> bool {
    on.token_answer(client, "").await.status == 200
}

async fn secrets(on: &Installation, client: &Client) -> Vec<Value> {
    let path = format!("/connect/applications/{}/client_secrets", client.id);
    on.manage("GET", &path, Value::Null).await.expect(200).as_array().unwrap().clone()
}

#[tokio::test]
async fn cases_86_87_the_old_secret_works_to_the_end_of_the_overlap_and_its_tokens_to_their_own() {
    let on = Installation::new().await;
    let old = on.application().await;
    let (new, retiring) = rotate(&on, &old, json!({ "overlap_seconds": 3600, "name": "second" })).await;
    assert_eq!(retiring, json!([{ "id": old.secret_id, "expires_at": "2026-11-20T01:00:00.000Z" }]));
    on.clock.advance(Duration::from_millis(3_599_999));
    assert!(works(&on, &old).await && works(&on, &new).await);
    let token = on.token(&old).await;
    on.clock.advance(Duration::from_millis(1));
    assert!(!works(&on, &old).await && works(&on, &new).await);
    assert!(on.active(&new, &token).await, "expiry stops issuing; tokens live to their own exp");
    on.clock.advance(Duration::from_secs(300));
    assert!(!on.active(&new, &token).await);
    let listed = secrets(&on, &new).await;
    assert_eq!((&listed[0]["status"], &listed[1]["status"]), (&json!("active"), &json!("expired")));
    assert!(listed.iter().all(|secret| secret.get("secret").is_none()));
}

#[tokio::test]
async fn case_89_the_overlap_survives_a_restart() {
    let on = Installation::new().await;
    let old = on.application().await;
    let (new, _) = rotate(&on, &old, json!({ "overlap_seconds": 60 })).await;
    let on = on.restart().await;
    assert!(works(&on, &old).await && works(&on, &new).await);
    on.clock.advance(Duration::from_secs(60));
    assert!(!works(&on, &old).await && works(&on, &new).await);
}

#[tokio::test]
async fn case_88_without_overlap_the_old_secret_and_its_tokens_die_at_once() {
    let on = Installation::new().await;
    let old = on.application().await;
    let token = on.token(&old).await;
    let (new, retiring) = rotate(&on, &old, json!({ "overlap_seconds": 0 })).await;
    assert!(!works(&on, &old).await && works(&on, &new).await);
    assert!(!on.active(&new, &token).await);
    assert_eq!(retiring[0]["expires_at"], "2026-11-20T00:00:00.000Z");
}

#[tokio::test]
async fn from_first_use_the_overlap_runs_only_when_the_new_secret_was_used() {
    let on = Installation::new().await;
    let old = on.application().await;
    let (new, retiring) = rotate(&on, &old, json!({ "overlap_from": "first_use", "overlap_seconds": 60 })).await;
    assert_eq!(retiring, json!([{ "id": old.secret_id, "expires_at": null }]));
    on.pass(Duration::from_secs(30 * 24 * 3600)).await;
    assert!(works(&on, &old).await, "nobody has used the new one");
    on.token(&new).await;
    on.app.authority.flush_uses().await.unwrap();
    let on = on.restart().await;
    on.clock.advance(Duration::from_millis(59_999));
    assert!(works(&on, &old).await);
    on.clock.advance(Duration::from_millis(1));
    assert!(!works(&on, &old).await && works(&on, &new).await);
    assert!(on.event_names().await.contains(&"connect_application_secret.activated".to_owned()));
    let listed = secrets(&on, &new).await;
    assert_eq!(listed[0]["activated_at"], "2026-12-20T00:00:00.000Z");
}

#[tokio::test]
async fn from_first_use_without_overlap_the_first_use_ends_the_old_secret_and_its_tokens() {
    let on = Installation::new().await;
    let old = on.application().await;
    let token = on.token(&old).await;
    let (new, _) = rotate(&on, &old, json!({ "overlap_from": "first_use", "overlap_seconds": 0 })).await;
    assert!(works(&on, &old).await);
    on.token(&new).await;
    on.app.authority.flush_uses().await.unwrap();
    assert!(!works(&on, &old).await && !on.active(&new, &token).await);
}

#[tokio::test]
async fn cancel_kills_the_new_secret_and_its_tokens_and_restores_the_old() {
    let on = Installation::new().await;
    let old = on.application().await;
    let cancel = format!("/connect/applications/{}/client_secrets/rotate/cancel", old.id);
    let nothing = on.manage("POST", &cancel, Value::Null).await;
    assert_eq!(nothing.expect(409)["code"], "nothing_to_cancel");
    let (new, _) = rotate(&on, &old, json!({ "overlap_seconds": 60 })).await;
    let token = on.token(&new).await;
    on.manage("POST", &cancel, Value::Null).await.expect(200);
    assert!(!works(&on, &new).await && !on.active(&old, &token).await);
    on.clock.advance(Duration::from_secs(1000));
    assert!(works(&on, &old).await, "live again without end");
    assert_eq!(secrets(&on, &old).await[0]["status"], "active");
}

#[tokio::test]
async fn a_rotation_inside_an_overlap_retires_all_and_moves_no_end_later() {
    let on = Installation::new().await;
    let first = on.application().await;
    let (second, _) = rotate(&on, &first, json!({ "overlap_seconds": 60 })).await;
    let (third, retiring) = rotate(&on, &second, json!({ "overlap_seconds": 3600 })).await;
    let ends: Vec<_> = retiring.as_array().unwrap().iter().map(|one| one["expires_at"].as_str().unwrap().to_owned()).collect();
    assert_eq!(ends, ["2026-11-20T01:00:00.000Z", "2026-11-20T00:01:00.000Z"]);
    on.clock.advance(Duration::from_secs(60));
    assert!(!works(&on, &first).await && works(&on, &second).await && works(&on, &third).await);
}

#[tokio::test]
async fn at_most_five_live_secrets_and_never_none_by_accident() {
    let on = Installation::new().await;
    let client = on.application().await;
    let path = format!("/connect/applications/{}/client_secrets", client.id);
    for _ in 0..4 {
        on.manage("POST", &path, json!({})).await.expect(201);
    }
    assert_eq!(on.manage("POST", &path, json!({})).await.expect(409)["code"], "too_many_secrets");
    let rotate_path = format!("{path}/rotate");
    assert_eq!(on.manage("POST", &rotate_path, json!({})).await.expect(409)["code"], "too_many_secrets");
    on.manage("POST", &rotate_path, json!({ "overlap_seconds": 0 })).await.expect(201);
    let last = secrets(&on, &client).await[0]["id"].as_str().unwrap().to_owned();
    let delete = format!("/connect/client_secrets/{last}");
    assert_eq!(on.manage("DELETE", &delete, Value::Null).await.expect(409)["code"], "last_live_secret");
    on.manage("DELETE", &format!("{delete}?force=true"), Value::Null).await.expect(204);
    for wrong in
        [json!({ "overlap_seconds": 604_801 }), json!({ "overlap_from": "later" }), json!({ "expires_at": "2020-01-01T00:00:00Z" })]
    {
        on.manage("POST", &rotate_path, wrong).await.expect(422);
    }
}

#[tokio::test]
async fn deleting_a_secret_kills_its_tokens_and_no_others() {
    let on = Installation::new().await;
    let first = on.application().await;
    let made = on.manage("POST", &format!("/connect/applications/{}/client_secrets", first.id), json!({ "name": "b" })).await.expect(201);
    let second = Client { secret: made["secret"].as_str().unwrap().into(), ..first.clone() };
    assert!(second.secret.ends_with(made["secret_hint"].as_str().unwrap()));
    let (one, other) = (on.token(&first).await, on.token(&second).await);
    on.manage("DELETE", &format!("/connect/client_secrets/{}", first.secret_id), Value::Null).await.expect(204);
    assert!(!on.active(&second, &one).await && on.active(&second, &other).await);
    assert!(!works(&on, &first).await && works(&on, &second).await);
}

#[tokio::test]
async fn uses_are_counted_once_and_survive_a_restart() {
    let on = Installation::new().await;
    let client = on.application().await;
    for _ in 0..7 {
        on.token(&client).await;
    }
    on.pass(Duration::from_secs(2 * 24 * 3600)).await;
    for _ in 0..3 {
        on.token(&client).await;
    }
    on.app.authority.flush_uses().await.unwrap();
    on.app.authority.flush_uses().await.unwrap();
    let on = on.restart().await;
    let application = on.manage("GET", &format!("/connect/applications/{}", client.id), Value::Null).await.expect(200);
    assert_eq!(application["usage"], json!({ "last_24h": 3, "last_7d": 10, "last_30d": 10 }));
    assert_eq!(application["last_used_at"], "2026-11-22T00:00:00.000Z");
    assert_eq!(secrets(&on, &client).await[0]["usage"], application["usage"]);
}

#[tokio::test]
async fn f28_uses_of_many_credentials_are_written_batch_by_batch_and_each_once() {
    let on = Installation::new().await;
    let organization = on.organization("Acme").await;
    let mut clients = Vec::new();
    for _ in 0..230 {
        let client = on.application_of(&organization, json!({})).await;
        on.token(&client).await;
        clients.push(client);
    }
    on.pass(Duration::from_secs(5)).await;
    on.pass(Duration::from_secs(5)).await;
    for client in clients {
        let application = on.manage("GET", &format!("/connect/applications/{}", client.id), Value::Null).await.expect(200);
        assert_eq!(application["usage"]["last_24h"], 1);
        let secrets = on.manage("GET", &format!("/connect/applications/{}/client_secrets", client.id), Value::Null).await.expect(200);
        assert!(secrets[0]["activated_at"].is_string(), "{secrets}");
    }
}
