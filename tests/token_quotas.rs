//! Token quotas: what is beyond a limit is refused or only told, for one application or a whole organization, and nobody else notices
//! (case F25).
mod fixture;

use std::time::Duration;

use fixture::{Answer, Installation, is_problem};
use serde_json::{Value, json};

const HOUR: Duration = Duration::from_secs(3600);

async fn set(on: &Installation, path: &str, limits: Value) {
    on.manage("PUT", &format!("{path}/token_quota"), limits).await.expect(200);
}

async fn told(on: &Installation, path: &str) -> Value {
    on.manage("GET", &format!("{path}/token_quota"), Value::Null).await.expect(200)
}

fn is_refused(answer: &Answer, why: &str) {
    answer.expect_oauth(429, "temporarily_unavailable");
    assert!(answer.json()["error_description"].as_str().unwrap().contains(why), "{answer:?}");
}

async fn exceeded(on: &Installation) -> Vec<Value> {
    let events = on.manage("GET", "/events?events=token_quota.exceeded&order=asc", Value::Null).await.expect(200);
    events["data"].as_array().unwrap().iter().map(|event| event["data"].clone()).collect()
}

#[tokio::test]
async fn tokens_beyond_an_enforced_limit_wait_for_the_next_window_and_the_headers_say_how_long() {
    let on = Installation::new().await;
    let client = on.application().await;
    let path = format!("/connect/applications/{}", client.id);
    let before = on.token_answer(&client, "").await;
    assert_eq!((before.status.as_u16(), before.header("ratelimit"), before.header("ratelimit-policy")), (200, "", ""));
    set(&on, &path, json!({ "per_hour": 2, "per_day": 3 })).await;
    // The clock stands ten minutes after a full hour from here on.
    on.pass(Duration::from_secs(600)).await;
    let first = on.token_answer(&client, "").await;
    assert_eq!(first.header("ratelimit-policy"), r#""application-hour";q=2;w=3600, "application-day";q=3;w=86400"#);
    let of_day: u64 = first.header("ratelimit").rsplit_once("t=").unwrap().1.parse().unwrap();
    assert_eq!(first.header("ratelimit"), format!(r#""application-hour";r=1;t=3000, "application-day";r=2;t={of_day}"#));
    assert_eq!(of_day % 3600, 3000);
    on.token(&client).await;
    let third = on.token_answer(&client, "").await;
    is_refused(&third, "for this hour");
    assert_eq!(third.header("retry-after"), "3000");
    assert!(third.header("ratelimit").starts_with(r#""application-hour";r=0;t=3000"#), "{third:?}");
    // What was refused counts for nothing, and the next hour has its own.
    on.pass(Duration::from_secs(3000)).await;
    on.token(&client).await;
    let fourth = on.token_answer(&client, "").await;
    is_refused(&fourth, "for this day");
    assert_eq!(fourth.header("retry-after").parse::<u64>().unwrap(), of_day - 3000);
    on.pass(Duration::from_secs(of_day - 3000)).await;
    on.token(&client).await;
    let quota = told(&on, &path).await;
    assert_eq!((&quota["tokens_this_hour"], &quota["tokens_today"]), (&json!(1), &json!(1)), "{quota}");
    on.pass(Duration::ZERO).await;
    // The use of a secret whose owner is refused is none.
    let application = on.manage("GET", &path, Value::Null).await.expect(200);
    assert_eq!(application["usage"]["last_7d"], 5, "{application}");
}

#[tokio::test]
async fn a_limit_that_is_only_observed_refuses_nobody_and_is_told_once_in_a_window() {
    let on = Installation::new().await;
    let client = on.application().await;
    let path = format!("/connect/applications/{}", client.id);
    set(&on, &path, json!({ "per_hour": 1, "enforce": false })).await;
    for _ in 0..4 {
        let answer = on.token_answer(&client, "").await;
        assert_eq!((answer.status.as_u16(), answer.header("ratelimit")), (200, ""));
    }
    on.pass(Duration::ZERO).await;
    let events = exceeded(&on).await;
    assert_eq!(events.len(), 1, "{events:?}");
    let (event, at) = (&events[0], on.clock.now());
    let wanted = json!({
        "organization_id": client.organization, "application_id": client.id, "window": "hour", "limit": 1, "enforce": false,
        "exceeded_at": at,
    });
    assert_eq!(event, &wanted);
    on.pass(HOUR).await;
    for _ in 0..2 {
        on.token(&client).await;
    }
    on.pass(Duration::ZERO).await;
    assert_eq!(exceeded(&on).await.len(), 2);
    // From then on it holds, with what was counted.
    set(&on, &path, json!({ "enforce": true, "per_hour": 3 })).await;
    on.token(&client).await;
    is_refused(&on.token_answer(&client, "").await, "this application");
    set(&on, &path, json!({ "per_hour": null })).await;
    assert_eq!(on.token_answer(&client, "").await.header("ratelimit"), "");
    // What was obtained under a limit is not forgotten with it.
    set(&on, &path, json!({ "per_hour": 3 })).await;
    is_refused(&on.token_answer(&client, "").await, "this application");
}

#[tokio::test]
async fn f25_an_organization_beyond_its_quota_is_refused_with_all_it_has_and_no_other_notices() {
    let on = Installation::new().await;
    let noisy = on.organization("Noisy").await;
    let quiet = on.application().await;
    let (one, other) = (on.application_of(&noisy, json!({})).await, on.application_of(&noisy, json!({})).await);
    let key = on.api_key(&noisy, json!({})).await;
    set(&on, &format!("/organizations/{noisy}"), json!({ "per_hour": 3 })).await;
    on.token(&one).await;
    on.token(&other).await;
    on.key_token_answer(&key, "").await.expect(200);
    for _ in 0..30 {
        is_refused(&on.token_answer(&one, "").await, "this organization");
        is_refused(&on.token_answer(&other, "").await, "this organization");
        is_refused(&on.key_token_answer(&key, "").await, "this organization");
        on.token(&quiet).await;
    }
    let answer = on.token_answer(&one, "").await;
    assert!(answer.header("ratelimit").starts_with(r#""organization-hour";r=0;t="#), "{answer:?}");
    // Only what was obtained beyond an observed limit is told of it, not what another limit refused.
    on.pass(Duration::ZERO).await;
    assert!(exceeded(&on).await.iter().all(|event| event["enforce"] == true));
    // An application's own limit stands beside its organization's.
    set(&on, &format!("/connect/applications/{}", one.client_id), json!({ "per_day": 1 })).await;
    on.pass(HOUR).await;
    on.token(&one).await;
    let answer = on.token_answer(&one, "").await;
    is_refused(&answer, "this application");
    assert!(answer.header("ratelimit-policy").contains(r#""application-day";q=1;w=86400, "organization-hour";q=3;w=3600"#), "{answer:?}");
}

#[tokio::test]
async fn what_was_obtained_is_known_after_a_restart() {
    let on = Installation::new().await;
    let client = on.application().await;
    let path = format!("/connect/applications/{}", client.id);
    set(&on, &path, json!({ "per_hour": 3 })).await;
    on.token(&client).await;
    on.token(&client).await;
    on.pass(Duration::ZERO).await;
    let on = on.restart().await;
    assert_eq!(told(&on, &path).await["tokens_this_hour"], 2);
    on.token(&client).await;
    is_refused(&on.token_answer(&client, "").await, "this application");
    // Counts of windows that are over are forgotten.
    on.pass(HOUR * 48).await;
    let on = on.restart().await;
    assert_eq!(told(&on, &path).await["tokens_today"], 0);
}

#[tokio::test]
async fn a_quota_goes_with_whom_it_is_for() {
    let on = Installation::new().await;
    let client = on.application().await;
    let path = format!("/connect/applications/{}", client.id);
    set(&on, &path, json!({ "per_hour": 3 })).await;
    on.token(&client).await;
    on.manage("DELETE", &path, Value::Null).await.expect(204);
    on.pass(Duration::ZERO).await;
    let gone = on.manage("GET", &format!("{path}/token_quota"), Value::Null).await;
    is_problem(&gone, 404, "not_found");
    set(&on, &format!("/organizations/{}", client.organization), json!({ "per_hour": 3 })).await;
    on.manage("DELETE", &format!("/organizations/{}", client.organization), Value::Null).await.expect(204);
    on.pass(Duration::ZERO).await;
    on.restart().await;
}

#[tokio::test]
async fn a_quota_is_the_operators_and_says_what_it_takes() {
    let on = Installation::new().await;
    let organization = on.organization("Acme").await;
    let path = format!("/organizations/{organization}/token_quota");
    let unset = told(&on, &format!("/organizations/{organization}")).await;
    let wanted = json!({
        "object": "token_quota", "organization_id": organization, "application_id": null, "per_hour": null, "per_day": null,
        "enforce": true, "tokens_this_hour": 0, "tokens_today": 0, "updated_at": null,
    });
    assert_eq!(unset, wanted);
    for (body, field) in [(json!({ "per_hour": 0 }), "per_hour"), (json!({ "per_day": 1_000_000_001 }), "per_day")] {
        let refused = on.manage("PUT", &path, body).await;
        is_problem(&refused, 422, "invalid");
        assert_eq!(refused.json()["errors"][0]["field"], field, "{refused:?}");
    }
    let bound = on.management_key(&["*"], Some(&organization)).await;
    is_problem(&on.manage_as(&bound, "PUT", &path, json!({ "per_hour": 5 }), &[]).await, 403, "organization_bound");
    on.manage_as(&bound, "GET", &path, Value::Null, &[]).await.expect(200);
    let made = on.manage("PUT", &path, json!({ "per_hour": 5 })).await;
    let seen = made.header("etag").to_owned();
    on.manage("PUT", &path, json!({ "per_hour": 6 })).await.expect(200);
    let late = on.manage_as(fixture::MANAGEMENT_KEY, "PUT", &path, json!({ "per_hour": 7 }), &[("if-match", &seen)]).await;
    assert_eq!(late.status.as_u16(), 412, "{late:?}");
    assert_eq!(on.manage("GET", &path, Value::Null).await.expect(200)["per_hour"], 6);
}
