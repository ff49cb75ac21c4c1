//! The console without a browser: who is let in, for how long, and that nothing shows more than the management key may see
//! (cases 256 to 260, 263, 264). With one: `tests/browser.rs`.
mod fixture;

use std::time::Duration;

use fixture::{Answer, FORM, Installation, MANAGEMENT_KEY};
use serde_json::{Value, json};

const SAME_ORIGIN: (&str, &str) = ("sec-fetch-site", "same-origin");
const MINUTE: Duration = Duration::from_secs(60);

async fn sign_in(on: &Installation, key: &str) -> Answer {
    on.send("POST", "/console/sign_in", &[FORM, SAME_ORIGIN], format!("management_key={key}")).await
}

fn cookie(answer: &Answer) -> String {
    answer.header("set-cookie").split(';').next().unwrap().to_owned()
}

/// Signs in; answers the session's cookie.
async fn enter(on: &Installation, key: &str) -> String {
    let answer = sign_in(on, key).await;
    assert_eq!((answer.status.as_u16(), answer.header("location")), (303, "/console"), "{answer:?}");
    cookie(&answer)
}

async fn get(on: &Installation, session: &str, path: &str) -> Answer {
    on.send("GET", path, &[("cookie", session)], "").await
}

async fn post(on: &Installation, session: &str, path: &str, form: &str) -> Answer {
    on.send("POST", path, &[("cookie", session), FORM, SAME_ORIGIN], form).await
}

fn is_out(answer: &Answer) {
    assert_eq!((answer.status.as_u16(), answer.header("location")), (303, "/console/sign_in"), "{answer:?}");
}

#[tokio::test]
async fn case_256_a_management_key_lets_in_and_the_cookie_is_bound_to_this_host() {
    let on = Installation::new().await;
    let root = on.send("GET", "/", &[], "").await;
    assert_eq!((root.status.as_u16(), root.header("location")), (303, "/console"));
    is_out(&get(&on, "other=1", "/console").await);
    is_out(&get(&on, "__Host-chancery-console=chc_nonsense", "/console").await);
    let wrong = sign_in(&on, "a-management-key-that-is-another-one").await;
    assert_eq!((wrong.status.as_u16(), wrong.header("set-cookie")), (403, ""));
    let answer = sign_in(&on, MANAGEMENT_KEY).await;
    for attribute in ["__Host-chancery-console=", "HttpOnly", "Secure", "SameSite=Strict", "Path=/"] {
        assert!(answer.header("set-cookie").contains(attribute), "{answer:?}");
    }
    assert!(!answer.header("set-cookie").contains("Max-Age"), "it is gone with the browser");
    let page = get(&on, &cookie(&answer), "/console").await;
    assert_eq!(page.status, 200);
    for (name, value) in [
        ("cache-control", "no-store"),
        ("referrer-policy", "no-referrer"),
        ("cross-origin-opener-policy", "same-origin"),
        ("cross-origin-resource-policy", "same-origin"),
        ("x-content-type-options", "nosniff"),
    ] {
        assert_eq!(page.header(name), value, "{page:?}");
    }
    let policy = page.header("content-security-policy");
    for part in
        ["default-src 'none'", "script-src 'self'", "style-src 'self'", "frame-ancestors 'none'", "base-uri 'none'", "form-action 'self'"]
    {
        assert!(policy.contains(part), "{policy}");
    }
    assert!(!policy.contains("unsafe"));
    assert!(!page.text.contains(MANAGEMENT_KEY));
}

#[tokio::test]
async fn case_257_a_session_ends_when_it_idles_when_its_day_is_over_when_it_is_left_and_with_its_key() {
    let on = Installation::new().await;
    let idle = enter(&on, MANAGEMENT_KEY).await;
    on.pass(29 * MINUTE).await;
    assert_eq!(get(&on, &idle, "/console").await.status, 200);
    on.pass(29 * MINUTE).await;
    assert_eq!(get(&on, &idle, "/console").await.status, 200, "whoever looks does not idle");
    on.pass(31 * MINUTE).await;
    is_out(&get(&on, &idle, "/console").await);
    let long = enter(&on, MANAGEMENT_KEY).await;
    for _ in 0..36 {
        on.pass(20 * MINUTE).await;
        get(&on, &long, "/console").await;
    }
    is_out(&get(&on, &long, "/console").await);
    let left = enter(&on, MANAGEMENT_KEY).await;
    let answer = post(&on, &left, "/console/sign_out", "").await;
    assert!(answer.header("set-cookie").contains("Max-Age=0"), "{answer:?}");
    is_out(&get(&on, &left, "/console").await);
    let key = on.manage("POST", "/management_keys", json!({ "name": "other", "permissions": ["*"] })).await.expect(201);
    let session = enter(&on, key["value"].as_str().unwrap()).await;
    on.manage("DELETE", &format!("/management_keys/{}", key["id"].as_str().unwrap()), Value::Null).await.expect(204);
    is_out(&get(&on, &session, "/console").await);
    let names = on.event_names().await;
    assert!(names.contains(&"console_session.created".to_owned()) && names.contains(&"console_session.ended".to_owned()));
}

#[tokio::test]
async fn case_257_sessions_are_listed_and_can_be_ended() {
    let on = Installation::new().await;
    let (own, other) = (enter(&on, MANAGEMENT_KEY).await, enter(&on, MANAGEMENT_KEY).await);
    let page = get(&on, &own, "/console/sessions").await;
    assert!(page.text.contains("This one"), "{page:?}");
    let end = page.text.split("action=\"").find_map(|rest| rest.split('"').next().filter(|path| path.ends_with("/end"))).unwrap();
    assert_eq!(post(&on, &own, end, "").await.status, 303);
    is_out(&get(&on, &other, "/console").await);
    assert_eq!(get(&on, &own, "/console").await.status, 200);
}

#[tokio::test]
async fn case_258_a_form_from_elsewhere_changes_nothing() {
    let on = Installation::new().await;
    let session = enter(&on, MANAGEMENT_KEY).await;
    for foreign in [("sec-fetch-site", "cross-site"), ("sec-fetch-site", "same-site"), ("origin", "https://evil.example")] {
        let answer = on.send("POST", "/console/organizations", &[("cookie", session.as_str()), FORM, foreign], "name=Evil").await;
        assert_eq!(answer.status, 403, "{foreign:?}");
    }
    assert_eq!(on.manage("GET", "/organizations", Value::Null).await.expect(200)["data"], json!([]));
}

#[tokio::test]
async fn case_263_what_cannot_be_undone_asks_for_the_management_key_again() {
    let on = Installation::new().await;
    let organization = on.organization("Acme").await;
    let session = enter(&on, MANAGEMENT_KEY).await;
    on.pass(6 * MINUTE).await;
    let delete = format!("/console/organizations/{organization}/delete");
    for answer in [get(&on, &session, &delete).await, post(&on, &session, &delete, "").await] {
        assert!(answer.header("location").starts_with("/console/confirm?next="), "{answer:?}");
    }
    let next = format!("organizations/{organization}/delete");
    let wrong = post(&on, &session, "/console/confirm", &format!("management_key=a-management-key-that-is-another-one&next={next}")).await;
    assert_eq!(wrong.status, 403);
    let right = post(&on, &session, "/console/confirm", &format!("management_key={MANAGEMENT_KEY}&next={next}")).await;
    assert_eq!((right.status.as_u16(), right.header("location")), (303, delete.as_str()), "{right:?}");
    is_out(&get(&on, &session, "/console").await);
    let session = cookie(&right);
    assert_eq!(post(&on, &session, &delete, "").await.status, 303);
    assert_eq!(on.manage("GET", &format!("/organizations/{organization}"), Value::Null).await.status, 404);
    // It leads to pages of the console only.
    on.pass(6 * MINUTE).await;
    let key = post(&on, &session, "/console/management_keys", "name=x&permissions=*").await;
    assert!(key.header("location").starts_with("/console/confirm"), "a key would outlive the session: {key:?}");
    let away = post(&on, &session, "/console/confirm", &format!("management_key={MANAGEMENT_KEY}&next=//evil.example/..")).await;
    assert_eq!(away.header("location"), "/console/organizations");
}

#[tokio::test]
async fn case_264_guessing_is_slowed_down_and_a_right_key_is_not() {
    let on = Installation::new().await;
    let mut statuses = Vec::new();
    for number in 0..600 {
        let form = format!("management_key=a-management-key-that-is-number-{number}");
        statuses.push(on.send("POST", "/console/sign_in", &[FORM, SAME_ORIGIN], form).await.status.as_u16());
    }
    // Without an address there is nothing to count by: `throttle` has its tests at the token endpoint.
    assert!(statuses.iter().all(|status| [403, 429].contains(status)));
    enter(&on, MANAGEMENT_KEY).await;
}

/// Paths below `/console` with an id in them, for one organization's things.
async fn pages_of(on: &Installation, organization: &str) -> Vec<String> {
    let client = on.application_of(organization, json!({})).await;
    let key = on.api_key(organization, json!({})).await;
    let hook = json!({ "endpoint_url": "http://127.0.0.1:9/", "events": ["*"], "organization_id": organization });
    let hook = on.manage("POST", "/webhook_endpoints", hook).await.expect(201);
    let (key, hook) = (key["id"].as_str().unwrap(), hook["id"].as_str().unwrap());
    let secret = format!("applications/{}/client_secrets/{}", client.id, client.secret_id);
    let of_organization = ["", "/api_keys", "/members", "/settings", "/events"].map(|part| format!("organizations/{organization}{part}"));
    let others = [format!("applications/{}", client.id), format!("api_keys/{key}"), format!("webhook_endpoints/{hook}")];
    let questions = [
        format!("applications/{}/delete", client.id),
        format!("applications/{}/disable", client.id),
        format!("applications/{}/revoke_tokens", client.id),
        format!("{secret}/delete"),
        format!("api_keys/{key}/revoke"),
        format!("webhook_endpoints/{hook}/delete"),
    ];
    of_organization.into_iter().chain(others).chain(questions).map(|place| format!("/console/{place}")).collect()
}

#[tokio::test]
async fn cases_230_246_a_bound_key_sees_and_changes_its_own_organization_in_the_console_and_no_other() {
    let on = Installation::new().await;
    let (own, foreign) = (on.organization("Own").await, on.organization("Foreign").await);
    let (own_pages, foreign_pages) = (pages_of(&on, &own).await, pages_of(&on, &foreign).await);
    let key = on.management_key(&["*"], Some(&own)).await;
    let session = enter(&on, &key).await;
    for path in &own_pages {
        let page = get(&on, &session, path).await;
        assert_eq!(page.status, 200, "{path}: {page:?}");
    }
    for path in &foreign_pages {
        let page = get(&on, &session, path).await;
        assert!(page.status == 404 || !page.text.contains(&foreign) && path.ends_with("events"), "{path}: {page:?}");
        let form = "name=mine&overlap=0&per_hour=1&status=disabled&endpoint_url=http://127.0.0.1:9/";
        let changed = post(&on, &session, path, form).await;
        assert!([404, 405, 403].contains(&changed.status.as_u16()), "{path}: {changed:?}");
    }
    for path in [
        "/console",
        "/console/organizations",
        "/console/events",
        "/console/management_keys",
        "/console/webhook_endpoints",
        "/console/sessions",
    ] {
        let page = get(&on, &session, path).await;
        assert!(page.status == 200 && !page.text.contains(&foreign) && !page.text.contains("Foreign"), "{path}: {page:?}");
    }
}

#[tokio::test]
async fn a_key_without_a_power_sees_no_page_and_no_button_for_it() {
    let on = Installation::new().await;
    let organization = on.organization("Acme").await;
    pages_of(&on, &organization).await;
    let key = on.management_key(&["organizations:read", "applications:read", "permissions:read"], None).await;
    let session = enter(&on, &key).await;
    let page = get(&on, &session, &format!("/console/organizations/{organization}")).await;
    assert!(page.status == 200 && !page.text.contains("New application") && !page.text.contains("API Keys"), "{page:?}");
    assert_eq!(get(&on, &session, "/console/management_keys").await.status, 403);
    let refused = post(&on, &session, &format!("/console/organizations/{organization}/applications"), "name=x").await;
    assert_eq!(refused.status, 403);
    assert!(on.event_names().await.contains(&"connect_application.create_refused".to_owned()), "as the API tells of it");
}

#[tokio::test]
async fn what_is_done_in_the_console_is_told_as_what_the_api_does() {
    let on = Installation::new().await;
    let session = enter(&on, MANAGEMENT_KEY).await;
    post(&on, &session, "/console/organizations", "name=Acme").await;
    let events = on.manage("GET", "/events?events=organization.created", Value::Null).await.expect(200);
    assert_eq!(events["data"][0]["context"]["actor"]["source"], "console", "{events}");
    assert!(events["data"][0]["context"]["actor"]["via"].as_str().unwrap().starts_with("console_"), "{events}");
}

#[tokio::test]
async fn case_257_nobody_ends_the_session_of_a_key_that_may_more_and_a_key_has_twenty_sessions() {
    let on = Installation::new().await;
    let first = enter(&on, MANAGEMENT_KEY).await;
    let narrow = on.management_key(&["management_keys:read", "management_keys:write"], None).await;
    let session = enter(&on, &narrow).await;
    let page = get(&on, &session, "/console/sessions").await;
    let end = page.text.split("action=\"").find_map(|rest| rest.split('"').next().filter(|path| path.ends_with("/end"))).unwrap();
    assert_eq!(post(&on, &session, end, "").await.status, 403);
    assert_eq!(get(&on, &first, "/console").await.status, 200);
    for _ in 0..20 {
        on.pass(Duration::from_millis(5)).await;
        enter(&on, MANAGEMENT_KEY).await;
    }
    is_out(&get(&on, &first, "/console").await);
}
