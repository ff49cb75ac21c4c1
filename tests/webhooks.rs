//! Webhooks: every event an endpoint asked for, in order, at least once, signed; tried again, written down, replayed.
mod fixture;

use std::time::Duration;

use fixture::receiver::Receiver;
use fixture::{Installation, is_problem};
use ring::hmac;
use serde_json::{Value, json};

async fn endpoint(on: &Installation, receiver: &Receiver, events: &[&str]) -> Value {
    on.manage("POST", "/webhook_endpoints", json!({ "endpoint_url": receiver.url, "events": events })).await.expect(201)
}

async fn deliver(on: &Installation) {
    on.app.authority.deliver_due_webhooks().await.unwrap();
}

fn path(endpoint: &Value) -> String {
    format!("/webhook_endpoints/{}", endpoint["id"].as_str().unwrap())
}

async fn outcomes(on: &Installation, endpoint: &Value) -> Vec<(String, u64, Value)> {
    let log = on.manage("GET", &format!("{}/deliveries?limit=100&order=asc", path(endpoint)), Value::Null).await.expect(200);
    let told =
        |one: &Value| (one["outcome"].as_str().unwrap().to_owned(), one["attempt"].as_u64().unwrap(), one["response_status"].clone());
    log["data"].as_array().unwrap().iter().map(told).collect()
}

#[tokio::test]
async fn an_endpoint_is_sent_what_it_asked_for_in_order_signed_and_as_listed() {
    let on = Installation::new().await;
    let receiver = Receiver::start().await;
    on.organization("before").await;
    let made = endpoint(&on, &receiver, &["organization.created", "organization.deleted"]).await;
    let first = on.organization("Grüße \"quoted\" / \u{1F600}").await;
    on.manage("PUT", &format!("/organizations/{first}"), json!({ "name": "x" })).await.expect(200);
    on.manage("DELETE", &format!("/organizations/{first}"), Value::Null).await.expect(204);
    deliver(&on).await;
    assert_eq!(receiver.names(), ["organization.created", "organization.deleted"]);
    let listed = on.manage("GET", "/events?events=organization.created&limit=1", Value::Null).await.expect(200);
    assert_eq!(receiver.deliveries()[0].event(), listed["data"][0]);
    for delivery in receiver.deliveries() {
        let (t, v1) = delivery.signature.split_once(", ").unwrap();
        let t = t.strip_prefix("t=").unwrap();
        assert_eq!(t, on.clock.now().millis().to_string());
        let key = hmac::Key::new(hmac::HMAC_SHA256, made["secret"].as_str().unwrap().as_bytes());
        let expected = hmac::sign(&key, format!("{t}.{}", delivery.body).as_bytes());
        let hex: String = expected.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(v1, format!("v1={hex}"));
    }
    deliver(&on).await;
    assert_eq!(receiver.deliveries().len(), 2, "what was delivered is not sent again");
    assert_eq!(outcomes(&on, &made).await, [("delivered".into(), 1, json!(200)), ("delivered".into(), 1, json!(200))]);
    let page = on.manage("GET", &format!("{}/deliveries?limit=1", path(&made)), Value::Null).await.expect(200);
    let after = page["list_metadata"]["after"].as_str().unwrap();
    let rest = on.manage("GET", &format!("{}/deliveries?limit=1&after={after}", path(&made)), Value::Null).await.expect(200);
    assert_eq!(rest["data"].as_array().unwrap().len(), 1);
    assert_ne!(rest["data"][0]["id"], page["data"][0]["id"]);
}

#[tokio::test]
async fn an_attempt_that_fails_holds_up_what_follows_and_is_made_again_after_a_pause() {
    let on = Installation::new().await;
    let receiver = Receiver::start().await;
    let made = endpoint(&on, &receiver, &["organization.created"]).await;
    receiver.answer_with(&[500, 404, 302]);
    on.organization("one").await;
    on.organization("two").await;
    for (attempt, pause) in [(1, 5), (2, 10), (3, 20)] {
        deliver(&on).await;
        deliver(&on).await;
        assert_eq!(receiver.deliveries().len(), attempt, "none before the pause is over");
        let found = on.manage("GET", &path(&made), Value::Null).await.expect(200);
        assert_eq!(found["failed_attempts"], attempt);
        on.clock.advance(Duration::from_secs(pause));
    }
    deliver(&on).await;
    let ids = receiver.event_ids();
    assert!(ids[..4].iter().all(|id| *id == ids[0]) && ids.len() == 5 && ids[4] != ids[0], "{ids:?}");
    let signatures: std::collections::HashSet<_> = receiver.deliveries().into_iter().map(|delivery| delivery.signature).collect();
    assert_eq!(signatures.len(), 5, "each attempt is signed anew");
    let log = outcomes(&on, &made).await;
    assert_eq!(log[2], ("failed".into(), 3, json!(302)));
    assert_eq!(log[3..], [("delivered".into(), 4, json!(200)), ("delivered".into(), 1, json!(200))]);
}

#[tokio::test]
async fn an_event_nobody_takes_for_three_days_is_given_up_and_can_be_replayed() {
    let on = Installation::new().await;
    let receiver = Receiver::start().await;
    let made = endpoint(&on, &receiver, &["organization.created"]).await;
    on.organization("one").await;
    receiver.answer_with(&[500, 500]);
    deliver(&on).await;
    on.clock.advance(Duration::from_secs(3 * 24 * 3600));
    on.organization("two").await;
    deliver(&on).await;
    assert_eq!(receiver.deliveries().len(), 3);
    let log = outcomes(&on, &made).await;
    assert_eq!(log[1..], [("given_up".into(), 2, json!(500)), ("delivered".into(), 1, json!(200))]);
    let ids = receiver.event_ids();
    let replayed = on.manage("POST", &format!("{}/replay", path(&made)), json!({ "from": ids[0] })).await.expect(200);
    assert_eq!(replayed["failed_attempts"], 0);
    deliver(&on).await;
    assert_eq!(receiver.event_ids()[3..], [ids[0].clone(), ids[2].clone()]);
    let unknown = on.manage("POST", &format!("{}/replay", path(&made)), json!({ "from": "event_x" })).await;
    is_problem(&unknown, 422, "invalid");
}

#[tokio::test]
async fn a_disabled_endpoint_gets_what_it_missed_when_it_is_enabled_again() {
    let on = Installation::new().await;
    let receiver = Receiver::start().await;
    let made = endpoint(&on, &receiver, &["*"]).await;
    on.manage("PATCH", &path(&made), json!({ "status": "disabled" })).await.expect(200);
    on.organization("one").await;
    deliver(&on).await;
    assert!(receiver.deliveries().is_empty());
    on.manage("PATCH", &path(&made), json!({ "status": "enabled" })).await.expect(200);
    on.manage("DELETE", "/organizations/org_x", Value::Null).await.expect(404);
    deliver(&on).await;
    let expected = ["webhook_endpoint.created", "webhook_endpoint.updated", "organization.created", "webhook_endpoint.updated"];
    assert_eq!(receiver.names()[..4], expected);
    assert_eq!(receiver.names()[4], "organization.delete_refused");
    on.manage("DELETE", &path(&made), Value::Null).await.expect(204);
    on.organization("two").await;
    deliver(&on).await;
    assert_eq!(receiver.deliveries().len(), 5);
}

#[tokio::test]
async fn an_organizations_endpoint_is_told_of_that_organization_alone() {
    let on = Installation::new().await;
    let receiver = Receiver::start().await;
    let (own, other) = (on.organization("Acme").await, on.organization("Other").await);
    let bound = on.management_key(&["webhook_endpoints:write", "webhook_endpoints:read"], Some(&own)).await;
    let body = json!({ "endpoint_url": receiver.url, "events": ["*"] });
    let made = on.manage_as(&bound, "POST", "/webhook_endpoints", body.clone(), &[]).await.expect(201);
    assert_eq!(made["organization_id"], json!(own));
    let foreign = json!({ "endpoint_url": receiver.url, "events": ["*"], "organization_id": other });
    is_problem(&on.manage_as(&bound, "POST", "/webhook_endpoints", foreign, &[]).await, 404, "not_found");
    on.api_key(&other, json!({})).await;
    on.api_key(&own, json!({})).await;
    on.permission("a:b").await;
    deliver(&on).await;
    let of_own = |delivery: &fixture::receiver::Delivery| !delivery.body.contains(&other);
    assert!(receiver.deliveries().iter().all(of_own) && receiver.names().contains(&"api_key.created".to_owned()));
}

#[tokio::test]
async fn case_249_where_a_webhook_may_not_go_and_what_else_is_refused() {
    let on = Installation::new().await;
    let receiver = Receiver::start().await;
    for url in [
        "https://10.0.0.1/",
        "http://10.0.0.1/",
        "https://[::1]/",
        "ftp://example.com/",
        "nonsense",
        "https://u:p@8.8.8.8/",
        "https://8.8.8.8/#x",
    ] {
        let refused = on.manage("POST", "/webhook_endpoints", json!({ "endpoint_url": url, "events": ["*"] })).await;
        is_problem(&refused, 422, "invalid");
        assert_eq!(refused.json()["errors"][0]["field"], "endpoint_url", "{url}");
    }
    for events in [json!([]), json!(["nope"]), json!(["organization.created", "nope"])] {
        let refused = on.manage("POST", "/webhook_endpoints", json!({ "endpoint_url": receiver.url, "events": events })).await;
        is_problem(&refused, 422, "invalid");
    }
    let made = endpoint(&on, &receiver, &["*"]).await;
    is_problem(&on.manage("PATCH", &path(&made), json!({ "endpoint_url": "https://10.0.0.1/" })).await, 422, "invalid");
    is_problem(&on.manage("PATCH", &path(&made), json!({ "status": "paused" })).await, 422, "invalid");
    let listed = on.manage("GET", "/webhook_endpoints", Value::Null).await;
    assert!(!listed.text.contains(made["secret"].as_str().unwrap()) && listed.json()["data"][0]["secret"].is_string());
}

#[tokio::test]
async fn a_body_is_the_same_after_any_parser_wrote_it_again() {
    let on = Installation::new().await;
    for (number, claims) in
        [json!({ "f": 1.5 }), json!({ "f": 1.0 }), json!({ "n": 9_007_199_254_740_993_u64 }), json!({ "a": [{ "10": 1 }] })]
            .into_iter()
            .enumerate()
    {
        let body = json!({ "identifier": format!("https://{number}.example"), "name": "r", "claims": claims });
        is_problem(&on.manage("POST", "/resource_servers", body).await, 422, "invalid");
    }
    let stable =
        json!({ "identifier": "https://a.example", "name": "r", "claims": { "n": 9_007_199_254_740_992_u64, "01": [true, null, "x"] } });
    on.manage("POST", "/resource_servers", stable).await.expect(201);
    for (key, status) in [("0", 422), ("17", 422), ("01", 200), ("x1", 200)] {
        let organization = on.organization("Acme").await;
        let answer = on.manage("PUT", &format!("/organizations/{organization}"), json!({ "metadata": { key: "v", "gone": null } })).await;
        assert_eq!(answer.status, status, "{key}: {answer:?}");
        if status == 200 {
            assert_eq!(answer.json()["metadata"], json!({ key: "v" }));
        }
    }
}

#[tokio::test]
async fn what_goes_with_an_organization_is_told_thing_by_thing() {
    let on = Installation::new().await;
    let receiver = Receiver::start().await;
    let organization = on.organization("Acme").await;
    let user = on.user("ada@example.com").await;
    on.member(&user, &organization, "admin").await;
    let (own, revoked) = (on.api_key(&organization, json!({})).await, on.api_key(&organization, json!({})).await);
    on.manage("DELETE", &format!("/api_keys/{}", revoked["id"].as_str().unwrap()), Value::Null).await.expect(204);
    on.personal_key(&user, &organization, json!({})).await;
    on.application_of(&organization, json!({})).await;
    on.management_key(&["*:read"], Some(&organization)).await;
    endpoint(
        &on,
        &receiver,
        &[
            "api_key.revoked",
            "connect_application.deleted",
            "organization_membership.deleted",
            "management_key.deleted",
            "organization.deleted",
            "organization.delete_refused",
        ],
    )
    .await;
    on.manage("DELETE", "/organizations/org_x", Value::Null).await.expect(404);
    on.manage("DELETE", &format!("/organizations/{organization}"), Value::Null).await.expect(204);
    deliver(&on).await;
    let expected = [
        "organization.delete_refused",
        "api_key.revoked",
        "api_key.revoked",
        "connect_application.deleted",
        "organization_membership.deleted",
        "management_key.deleted",
        "organization.deleted",
    ];
    assert_eq!(receiver.names(), expected);
    assert_eq!(on.reason(&own["value"]).await, "not_found");
}

#[tokio::test]
async fn a_replay_never_skips_what_was_not_delivered_and_an_old_event_is_tried_again_like_a_new_one() {
    let on = Installation::new().await;
    let receiver = Receiver::start().await;
    let made = endpoint(&on, &receiver, &["organization.created"]).await;
    on.organization("one").await;
    on.manage("PATCH", &path(&made), json!({ "status": "disabled" })).await.expect(200);
    let two = on.organization("two").await;
    let events = on.manage("GET", "/events?events=organization.created&limit=1", Value::Null).await.expect(200);
    assert_eq!(events["data"][0]["data"]["id"], json!(two));
    on.manage("POST", &format!("{}/replay", path(&made)), json!({ "from": events["data"][0]["id"] })).await.expect(200);
    on.clock.advance(Duration::from_secs(10 * 24 * 3600));
    on.manage("PATCH", &path(&made), json!({ "status": "enabled" })).await.expect(200);
    receiver.answer_with(&[503]);
    deliver(&on).await;
    assert_eq!(outcomes(&on, &made).await, [("failed".into(), 1, json!(503))], "it is not given up at once");
    on.clock.advance(Duration::from_secs(5));
    deliver(&on).await;
    assert_eq!(receiver.deliveries().len(), 3, "both, and the first one twice");
}

#[tokio::test]
async fn an_organization_has_at_most_ten_endpoints() {
    let on = Installation::new().await;
    let organization = on.organization("Acme").await;
    let body = json!({ "endpoint_url": "https://93.184.216.34/", "events": ["*"], "organization_id": organization });
    for _ in 0..10 {
        on.manage("POST", "/webhook_endpoints", body.clone()).await.expect(201);
    }
    is_problem(&on.manage("POST", "/webhook_endpoints", body).await, 409, "too_many_webhook_endpoints");
}
