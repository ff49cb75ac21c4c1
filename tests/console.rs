//! The console without a browser: who is let in, for how long, and that nothing shows more than the management key may see
//! (cases 256 to 260, 263, 264). Its forms: `tests/console_forms.rs`; what it says: `tests/console_pages.rs`; with a browser: `tests/browser.rs`.
mod fixture;

use std::time::Duration;

use fixture::pages::{SAME_ORIGIN, cookie, enter, get, is_out, post, sign_in};
use fixture::{FORM, Installation, MANAGEMENT_KEY};
use serde_json::{Value, json};

const MINUTE: Duration = Duration::from_secs(60);

#[tokio::test]
async fn case_256_a_management_key_lets_in_and_the_cookie_is_bound_to_this_host() {
    let on = Installation::new().await;
    let root = on.send("GET", "/", &[], "").await;
    assert_eq!((root.status.as_u16(), root.header("location")), (303, "/console/sign_in"));
    for more in [("cookie", "__Host-chancery-console=chc_nonsense"), ("sec-fetch-site", "cross-site")] {
        assert_eq!(on.send("GET", "/", &[more], "").await.header("location"), "/console", "{more:?}");
    }
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
    assert_eq!(post(&on, &session, &delete, "name=Another").await.status, 422, "by its name, so that it is not another one");
    assert_eq!(post(&on, &session, &delete, "name=Acme").await.status, 303);
    assert_eq!(on.manage("GET", &format!("/organizations/{organization}"), Value::Null).await.status, 404);
    // It leads to pages of the console only.
    on.pass(6 * MINUTE).await;
    let key = post(&on, &session, "/console/management_keys", "name=x&permissions=*").await;
    assert!(key.header("location").starts_with("/console/confirm"), "a key would outlive the session: {key:?}");
    let away = post(&on, &session, "/console/confirm", &format!("management_key={MANAGEMENT_KEY}&next=//evil.example/..")).await;
    assert_eq!(away.header("location"), "/console");
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
    let of_organization =
        ["", "/api_keys", "/members", "/usage", "/settings", "/events"].map(|part| format!("organizations/{organization}{part}"));
    let user = on.manage("POST", "/user_management/users", json!({ "email": format!("ada@{organization}.example") })).await.expect(201);
    let joins = json!({ "user_id": user["id"], "organization_id": organization, "role_slug": "admin" });
    let member = on.manage("POST", "/user_management/organization_memberships", joins).await.expect(201);
    let member = format!("members/{}", member["id"].as_str().unwrap());
    let others = [format!("applications/{}", client.id), format!("api_keys/{key}"), format!("webhook_endpoints/{hook}"), member.clone()];
    let questions = [
        format!("applications/{}/delete", client.id),
        format!("applications/{}/disable", client.id),
        format!("applications/{}/revoke_tokens", client.id),
        format!("{secret}/delete"),
        format!("api_keys/{key}/revoke"),
        format!("webhook_endpoints/{hook}/delete"),
        format!("{member}/delete"),
        format!("users/{}/delete", user["id"].as_str().unwrap()),
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
    // Before anything foreign is asked for: what a caller asked for stands in the events of its own refusals.
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
    for path in &foreign_pages {
        let page = get(&on, &session, path).await;
        assert!(page.status == 404 || !page.text.contains(&foreign) && path.ends_with("events"), "{path}: {page:?}");
        let form = "name=mine&client_secret_post=on&overlap=0&per_hour=1&status=disabled&endpoint_url=http://127.0.0.1:9/";
        let changed = post(&on, &session, path, form).await;
        assert!([404, 405, 403].contains(&changed.status.as_u16()), "{path}: {changed:?}");
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

#[tokio::test]
async fn a_key_with_few_powers_meets_no_dead_end() {
    let on = Installation::new().await;
    let organization = on.organization("Acme").await;
    let keys = on.management_key(&["organizations:read", "api_keys:read"], None).await;
    let session = enter(&on, &keys).await;
    let there = get(&on, &session, &format!("/console/organizations/{organization}")).await;
    assert_eq!(there.header("location"), format!("/console/organizations/{organization}/api_keys"));
    assert_eq!(get(&on, &session, there.header("location")).await.status, 200);
    let name_only = on.management_key(&["organizations:read"], None).await;
    let session = enter(&on, &name_only).await;
    assert_eq!(get(&on, &session, &format!("/console/organizations/{organization}")).await.status, 200);
    let other = on.organization("Other").await;
    let bound = on.management_key(&["applications:read"], Some(&organization)).await;
    let within = enter(&on, &bound).await;
    let place = format!("/console/organizations/{organization}");
    assert!(get(&on, &within, "/console").await.text.contains(&format!("href=\"{place}\"")), "the way to its own organization");
    let there = get(&on, &within, &place).await;
    assert!(there.status == 200 && !there.text.contains("Acme"), "by its id, as its name is not granted: {there:?}");
    assert_eq!(get(&on, &within, &format!("/console/organizations/{other}")).await.status, 404);
    assert_eq!(get(&on, &within, "/console/organizations/nonsense").await.status, 404);
    let refused = get(&on, &session, "/console/events").await;
    assert!(refused.status == 403 && refused.text.contains("href=\"/console\""), "{refused:?}");
}

#[tokio::test]
async fn rfc6797_pages_that_are_reached_by_https_always_are() {
    let on = Installation::new().await;
    let page = on.send("GET", "/console/sign_in", &[], "").await;
    assert_eq!(page.header("strict-transport-security"), "max-age=31536000");
    let plain = Installation::deployed(|deployment| deployment.issuer = "http://127.0.0.1:8080".into()).await;
    let page = plain.send("GET", "/console/sign_in", &[], "").await;
    assert_eq!(page.header("strict-transport-security"), "");
}

#[tokio::test]
async fn who_comes_back_without_a_session_is_told_why() {
    let on = Installation::new().await;
    for (path, cookie, says) in [
        ("/console?signed_in=now", "", "Your browser kept no session"),
        ("/console/organizations", "__Host-chancery-console=chc_nonsense", "Your session is over"),
    ] {
        let out = get(&on, cookie, path).await;
        let page = get(&on, "", out.header("location")).await;
        assert!(page.text.contains(says), "{path}: {page:?}");
    }
    let plain = get(&on, "", get(&on, "", "/console").await.header("location")).await;
    assert!(!plain.text.contains("class=\"notice"), "{plain:?}");
    let beyond = get(&on, &enter(&on, MANAGEMENT_KEY).await, "/console?done=saved&by=9223372036854775807").await;
    assert_eq!(beyond.status, 200, "{beyond:?}");
}

#[tokio::test]
async fn case_263_a_management_key_is_not_deleted_by_itself_and_says_what_hangs_on_it() {
    let on = Installation::new().await;
    let other = on.manage("POST", "/management_keys", json!({ "name": "other", "permissions": ["events:read"] })).await.expect(201);
    let session = enter(&on, MANAGEMENT_KEY).await;
    let page = get(&on, &session, "/console/management_keys").await;
    let deletes: Vec<_> =
        page.text.split("href=\"").filter_map(|rest| rest.split('"').next()).filter(|path| path.ends_with("/delete")).collect();
    assert_eq!(deletes, [format!("/console/management_keys/{}/delete", other["id"].as_str().unwrap())], "its own has none");
    let question = get(&on, &session, deletes[0]).await;
    assert!(question.text.contains("Delete other?") && question.text.contains("events:read"), "{question:?}");
    on.pass(6 * MINUTE).await;
    let again = get(&on, &session, deletes[0]).await;
    assert!(again.header("location").contains("next=management_keys%2F"), "it comes back to what was asked: {again:?}");
    let made = post(&on, &session, "/console/management_keys", "name=x&permissions=*").await;
    assert!(made.header("location").starts_with("/console/confirm"), "{made:?}");
}

#[tokio::test]
async fn rfc7662_rfc7009_a_credential_is_checked_and_a_token_revoked_in_the_console() {
    let on = Installation::new().await;
    let organization = on.organization("Acme").await;
    let client = on.application_of(&organization, json!({})).await;
    let token = on.token(&client).await;
    let key = on.api_key(&organization, json!({ "name": "CI" })).await;
    let (value, id) = (key["value"].as_str().unwrap(), key["id"].as_str().unwrap());
    let session = enter(&on, MANAGEMENT_KEY).await;
    let check = async |session: &str, form: &str| post(&on, session, "/console/check", form).await;
    let valid = check(&session, &format!("value={value}")).await;
    assert!(valid.text.contains("A valid API key.") && valid.text.contains(id) && !valid.text.contains(value), "{valid:?}");
    let active = check(&session, &format!("value={token}")).await;
    assert!(active.text.contains("An active access token.") && active.text.contains(&client.client_id), "{active:?}");
    assert!(!active.text.contains(&token), "it is not said again");
    let narrow = on.management_key(&["api_keys:validate"], None).await;
    let narrow = enter(&on, &narrow).await;
    assert_eq!(check(&narrow, &format!("value={token}")).await.status, 403);
    assert_eq!(check(&narrow, &format!("value={token}&revoke=on")).await.status, 403);
    let other = on.organization("Other").await;
    let bound = on.management_key(&["*"], Some(&other)).await;
    let bound = enter(&on, &bound).await;
    assert!(check(&bound, &format!("value={token}")).await.text.contains("Not active"), "another organization's");
    assert!(check(&bound, &format!("value={value}")).await.text.contains("not_found"));
    check(&session, &format!("value={token}&revoke=on")).await;
    assert!(check(&session, &format!("value={token}")).await.text.contains("Not active"));
    on.manage("DELETE", &format!("/api_keys/{id}"), Value::Null).await.expect(204);
    assert!(check(&session, &format!("value={value}")).await.text.contains("revoked"));
    assert_eq!(check(&session, "value=").await.status, 422);
}

#[tokio::test]
async fn the_first_page_says_which_organizations_obtain_the_most_and_to_a_bound_key_only_its_own() {
    let on = Installation::new().await;
    let (busy, quiet) = (on.organization("Busy").await, on.organization("Quiet").await);
    let clients = [on.application_of(&busy, json!({})).await, on.application_of(&quiet, json!({})).await];
    for (client, tokens) in clients.iter().zip([3, 1]) {
        for _ in 0..tokens {
            on.token(client).await;
        }
    }
    on.app.authority.flush_uses().await.unwrap();
    let whole = get(&on, &enter(&on, MANAGEMENT_KEY).await, "/console").await.text;
    assert!(whole.contains("aria-label=\"3 uses in 24 hours\"") && whole.find("Busy") < whole.find("Quiet"), "{whole}");
    let bound = on.management_key(&["*"], Some(&quiet)).await;
    let bound = enter(&on, &bound).await;
    let own = get(&on, &bound, "/console").await.text;
    assert!(own.contains("Quiet") && !own.contains("Busy") && own.contains("aria-label=\"1 uses in 24 hours\""), "{own}");
    let usage = get(&on, &bound, &format!("/console/organizations/{quiet}/usage")).await.text;
    assert!(usage.contains(&clients[1].id), "{usage}");
}

#[tokio::test]
async fn success_and_failure_of_token_requests_are_told_of_the_last_day_by_reason() {
    let on = Installation::new().await;
    let client = on.application().await;
    let (wrong, session) = (fixture::Client { secret: "wrong".into(), ..client.clone() }, enter(&on, MANAGEMENT_KEY).await);
    let told = async || {
        on.app.authority.flush_uses().await.unwrap();
        let page = get(&on, &session, "/console").await.text;
        let row = |outcome: &str| {
            let row = page.split(&format!("<td data-label=\"Outcome\">{outcome}\n</td>")).nth(1)?;
            row.split("<span class=\"number\">").nth(1)?.split('<').next()?.parse::<i64>().ok()
        };
        (row("issued"), row("invalid_client"), row("invalid_scope"))
    };
    assert_eq!(told().await, (Some(0), None, None));
    for _ in 0..3 {
        on.token(&client).await;
    }
    for _ in 0..2 {
        assert_eq!(on.token_answer(&wrong, "").await.status, 401);
    }
    assert_eq!(told().await, (Some(3), Some(2), None));
    on.pass(60 * MINUTE).await;
    assert_eq!(on.token_answer(&client, "&scope=other").await.status, 400);
    on.token(&client).await;
    let session = enter(&on, MANAGEMENT_KEY).await;
    on.app.authority.flush_uses().await.unwrap();
    let narrow = on.management_key(&["*"], Some(&client.organization)).await;
    let bound = get(&on, &enter(&on, &narrow).await, "/console").await.text;
    assert!(!bound.contains("invalid_client"), "what others failed with is not a tenant's to know");
    let page = get(&on, &session, "/console").await.text;
    assert!(page.contains("Token requests in the last 24 hours") && page.contains("invalid_scope"), "{page}");
    on.pass(24 * 60 * MINUTE).await;
    let page = get(&on, &enter(&on, MANAGEMENT_KEY).await, "/console").await.text;
    assert!(!page.contains("invalid_client") && !page.contains("invalid_scope"), "a day later: {page}");
}

#[tokio::test]
async fn who_signs_in_is_where_he_wanted_to_be() {
    let on = Installation::new().await;
    let wanted = "/console/events?search=user.created&from=2026-11-20";
    let away = get(&on, "", wanted).await;
    let to = "/console/sign_in?next=events%3Fsearch%3Duser.created%26from%3D2026-11-20";
    assert_eq!((away.status.as_u16(), away.header("location")), (303, to));
    let page = get(&on, "", to).await;
    assert!(page.text.contains("name=\"next\" value=\"events?search=user.created&#38;from=2026-11-20\""), "{page:?}");
    let form = format!("management_key={MANAGEMENT_KEY}&next=events%3Fsearch%3Duser.created%26from%3D2026-11-20");
    let answer = on.send("POST", "/console/sign_in", &[FORM, SAME_ORIGIN], form).await;
    assert_eq!(answer.header("location"), format!("{wanted}&signed_in=now"));
    for elsewhere in
        ["%2F%2Fevil.example", "https%3A%2F%2Fevil.example", "..%2Fportal", "%252e%252e%2Fportal", ".%252E%2Fportal", "%5Cevil.example"]
    {
        let form = format!("management_key={MANAGEMENT_KEY}&next={elsewhere}");
        let answer = on.send("POST", "/console/sign_in", &[FORM, SAME_ORIGIN], form).await;
        let to = answer.header("location").to_lowercase();
        assert!(to.starts_with("/console") && !to.contains("portal"), "{elsewhere}: {answer:?}");
    }
    // A link on another site brings no `Strict` cookie along: a page of ours leads on, and it does.
    let followed = on.send("GET", wanted, &[("sec-fetch-site", "cross-site")], "").await;
    assert!(
        followed.status == 200 && followed.text.contains("http-equiv=\"refresh\" content=\"0; url=/console/events?search=user.created"),
        "{followed:?}"
    );
    let lie = on.send("GET", "/console/organizations?done=deleted&by=1&search=a", &[("sec-fetch-site", "cross-site")], "").await;
    assert!(lie.text.contains("url=/console/organizations?search=a\""), "{lie:?}");
    let still = on.send("POST", "/console/organizations", &[("sec-fetch-site", "cross-site"), FORM], "name=x").await;
    assert_eq!(still.status, 403, "{still:?}");
}

#[tokio::test]
async fn case_263_what_is_gone_for_good_asks_for_the_management_key_again() {
    let on = Installation::new().await;
    let organization = on.organization("Acme").await;
    let client = on.application_of(&organization, json!({})).await;
    let user = on.user("ada@example.com").await;
    let server = json!({ "identifier": "https://api.example.com", "name": "API" });
    let server = on.manage("POST", "/resource_servers", server).await.expect(201)["id"].as_str().unwrap().to_owned();
    let session = enter(&on, MANAGEMENT_KEY).await;
    on.pass(6 * MINUTE).await;
    for place in [
        format!("organizations/{organization}/suspend"),
        format!("organizations/{organization}/delete"),
        format!("applications/{}/delete", client.id),
        format!("users/{user}/delete"),
        format!("resource_servers/{server}/delete"),
    ] {
        let confirm = format!("/console/confirm?next={}", form_urlencoded::byte_serialize(place.as_bytes()).collect::<String>());
        let place = format!("/console/{place}");
        assert_eq!(get(&on, &session, &place).await.header("location"), confirm);
        assert_eq!(post(&on, &session, &place, "name=Acme").await.header("location"), confirm, "nothing was done");
    }
    on.manage("GET", &format!("/connect/applications/{}", client.id), Value::Null).await.expect(200);
}
