//! The portal: a link that opens once, a session bound to one organization, one user and what the link grants, and plain pages.
mod fixture;

use std::time::Duration;

use chancery::domain::brand::{Brand, Logo};
use fixture::pages::{SAME_ORIGIN, get, hidden, open_portal, post, secret};
use fixture::{FORM, ISSUER, Installation, MANAGEMENT_KEY, is_problem};
use serde_json::{Value, json};

async fn link(on: &Installation, body: Value) -> String {
    let made = on.manage("POST", "/portal/generate_link", body).await.expect(201);
    made["link"].as_str().unwrap().strip_prefix(&format!("{ISSUER}/portal/")).unwrap().to_owned()
}

/// Opens a link; answers the session's cookie.
async fn enter(on: &Installation, body: Value) -> String {
    let opened = open_portal(on, &link(on, body).await).await;
    assert_eq!((opened.status.as_u16(), opened.header("location")), (303, "/portal"), "{opened:?}");
    let cookie = opened.header("set-cookie");
    for attribute in ["__Host-", "HttpOnly", "Secure", "SameSite=Strict", "Path=/"] {
        assert!(cookie.contains(attribute), "{cookie}");
    }
    cookie.split(';').next().unwrap().to_owned()
}

#[tokio::test]
async fn a_link_opens_once_and_in_time() {
    let on = Installation::new().await;
    let organization = on.organization("Acme").await;
    let token = link(&on, json!({ "organization": organization })).await;
    let page = on.send("GET", &format!("/portal/{token}"), &[], "").await;
    assert!(page.status == 200 && page.text.contains("Continue"), "to follow it opens nothing yet");
    assert_eq!(page.header("referrer-policy"), "no-referrer");
    assert!(page.header("content-security-policy").contains("default-src 'none'"));
    open_portal(&on, &token).await;
    let again = open_portal(&on, &token).await;
    assert_eq!((again.status.as_u16(), again.text.contains("session is over")), (403, true));
    let late = link(&on, json!({ "organization": organization })).await;
    on.pass(Duration::from_secs(301)).await;
    assert_eq!(open_portal(&on, &late).await.status, 403);
    assert_eq!(open_portal(&on, "nonsense").await.status, 403);
    let cookie = enter(&on, json!({ "organization": organization })).await;
    assert_eq!(get(&on, &cookie, "/portal/api_keys").await.status, 200);
    on.pass(Duration::from_secs(31 * 60)).await;
    assert_eq!(get(&on, &cookie, "/portal").await.status, 403);
    assert_eq!(get(&on, "other=1", "/portal").await.status, 403);
    let cross = on.send("POST", "/portal/open", &[FORM, ("sec-fetch-site", "cross-site")], format!("link={late}")).await;
    assert_eq!(cross.status, 403);
}

#[tokio::test]
async fn an_admin_makes_sees_and_revokes_his_organizations_keys_and_nobody_elses() {
    let on = Installation::new().await;
    let (organization, other) = (on.organization("Acme <b>&").await, on.organization("Other").await);
    on.permission("threads:read").await;
    let ada = on.user("ada@example.com").await;
    on.member(&ada, &organization, "admin").await;
    let foreign = on.api_key(&other, json!({})).await;
    let application = on.application_of(&organization, json!({})).await;
    let cookie = enter(&on, json!({ "organization": organization, "user": ada, "return_url": "https://example.com/back" })).await;
    let home = get(&on, &cookie, "/portal/api_keys").await;
    assert!(home.text.contains("Acme &#60;b&#62;&#38;") && home.text.contains("https://example.com/back"), "{home:?}");
    let made = post(&on, &cookie, "/portal/api_keys", "name=%3Cscript%3E&permissions=threads%3Aread&expires=90").await;
    assert!(made.text.contains("Copy your API key now — it will not be shown again") && !made.text.contains("<script>"));
    let value = json!(secret(&made));
    let validated = on.validate(&value).await["api_key"].clone();
    assert_eq!((&validated["created_by"], &validated["permissions"]), (&json!(ada), &json!(["threads:read"])));
    assert_eq!(validated["expires_at"], "2027-02-18T00:00:00.000Z");
    let id = validated["id"].as_str().unwrap().to_owned();
    let home = get(&on, &cookie, "/portal/api_keys").await;
    assert!(home.text.contains(&id) && !home.text.contains(value.as_str().unwrap()) && !home.text.contains("<script>"));
    let confirm = get(&on, &cookie, &format!("/portal/api_keys/{id}/revoke")).await;
    assert!(confirm.text.contains("Are you sure you want to revoke this API key? Any applications using it will immediately lose access."));
    assert_eq!(on.reason(&value).await, Value::Null, "to be asked revokes nothing");
    assert_eq!(post(&on, &cookie, &format!("/portal/api_keys/{id}/revoke"), "").await.status, 303);
    assert_eq!(on.reason(&value).await, "revoked");
    assert!(!get(&on, &cookie, "/portal/api_keys").await.text.contains(&id));
    let revoked = get(&on, &cookie, "/portal/api_keys?status=ended").await;
    assert!(revoked.text.contains("<span class=\"chip bad\">Revoked</span>"), "{revoked:?}");
    // Beyond the grant: another organization's key, and applications.
    let theirs = foreign["id"].as_str().unwrap();
    for (method, path) in [
        ("GET", format!("/portal/api_keys/{theirs}/revoke")),
        ("POST", format!("/portal/api_keys/{theirs}/revoke")),
        ("GET", format!("/portal/api_keys/{theirs}/rotate")),
        ("POST", format!("/portal/api_keys/{theirs}/rotate")),
        ("GET", "/portal/own_keys".into()),
        ("POST", "/portal/own_keys".into()),
        ("GET", "/portal/members_keys".into()),
        ("GET", "/portal/applications".into()),
        ("GET", format!("/portal/applications/{}", application.id)),
        ("POST", format!("/portal/applications/{}/rotate", application.id)),
        ("POST", format!("/portal/applications/{}/cancel_rotation", application.id)),
        ("GET", format!("/portal/applications/{}/delete", application.id)),
        ("POST", format!("/portal/applications/{}/delete", application.id)),
    ] {
        let answer = if method == "GET" { get(&on, &cookie, &path).await } else { post(&on, &cookie, &path, "").await };
        assert_eq!(answer.status, 404, "{method} {path}");
    }
    assert_eq!(post(&on, &cookie, "/portal/applications", "name=x").await.status, 404);
    assert_eq!(post(&on, &cookie, "/portal/api_keys", "name=").await.status, 422);
    assert_eq!(on.reason(&foreign["value"]).await, Value::Null);
    let told = on.manage("GET", &format!("/events?organization_id={organization}&limit=100"), Value::Null).await.expect(200);
    let events = told["data"].as_array().unwrap();
    for refused in ["api_key.revoke_refused", "connect_application.delete_refused", "connect_application.create_refused"] {
        assert!(events.iter().any(|event| event["event"] == refused), "{refused}");
    }
    let created = events.iter().find(|event| event["event"] == "api_key.created").unwrap();
    let actor = &created["context"]["actor"];
    assert_eq!((&actor["source"], &actor["id"]), (&json!("admin_portal"), &json!(ada)));
    assert!(actor["via"].as_str().unwrap().starts_with("portal_"));
    let left = post(&on, &cookie, "/portal/leave", "").await;
    assert!(left.text.contains("href=\"https://example.com/back\""), "{left:?}");
}

#[tokio::test]
async fn who_acts_hands_on_his_own_name_only_and_a_suspended_organization_shows_nothing() {
    let on = Installation::new().await;
    let organization = on.organization("Acme").await;
    let (ada, bob) = (on.user("ada@example.com").await, on.user("bob@example.com").await);
    on.member(&ada, &organization, "admin").await;
    on.member(&bob, &organization, "admin").await;
    let acting = [("chancery-acting-user", ada.as_str())];
    for (path, body) in [
        ("/widgets/token", json!({ "organization_id": organization, "user_id": bob, "scopes": ["widgets:user-api-keys:manage-self"] })),
        ("/portal/generate_link", json!({ "organization": organization, "user": bob })),
    ] {
        is_problem(&on.manage_as(MANAGEMENT_KEY, "POST", path, body, &acting).await, 403, "not_the_owner");
    }
    let own = json!({ "organization": organization, "user": ada });
    on.manage_as(MANAGEMENT_KEY, "POST", "/portal/generate_link", own, &acting).await.expect(201);
    let cookie = enter(&on, json!({ "organization": organization })).await;
    on.manage("POST", &format!("/organizations/{organization}/suspend"), Value::Null).await.expect(200);
    assert_eq!(get(&on, &cookie, "/portal").await.status, 403);
}

#[tokio::test]
async fn applications_are_made_rotated_and_deleted() {
    let on = Installation::new().await;
    let organization = on.organization("Acme").await;
    let cookie = enter(&on, json!({ "organization": organization, "intent": "applications" })).await;
    let made = post(&on, &cookie, "/portal/applications", "name=backend").await;
    let first = secret(&made);
    let listed = on.manage("GET", &format!("/connect/applications?organization_id={organization}"), Value::Null).await.expect(200);
    let (id, client_id) = (listed["data"][0]["id"].as_str().unwrap(), listed["data"][0]["client_id"].as_str().unwrap());
    assert!(made.text.contains(client_id));
    let client = |secret: String| fixture::Client {
        organization: organization.clone(),
        id: id.to_owned(),
        client_id: client_id.to_owned(),
        secret_id: String::new(),
        secret,
    };
    on.token_answer(&client(first.clone()), "").await.expect(200);
    let second = secret(&post(&on, &cookie, &format!("/portal/applications/{id}/rotate"), "").await);
    for secret in [first, second.clone()] {
        on.token_answer(&client(secret), "").await.expect(200);
    }
    assert_eq!(post(&on, &cookie, &format!("/portal/applications/{id}/delete"), "").await.status, 303);
    on.token_answer(&client(second), "").await.expect_oauth(401, "invalid_client");
    let left = post(&on, &cookie, "/portal/leave", "").await;
    assert!(left.status == 200 && left.header("set-cookie").contains("Max-Age=0"), "{left:?}");
    assert_eq!(get(&on, &cookie, "/portal").await.status, 403);
}

#[tokio::test]
async fn a_session_ends_with_whatever_let_it_in() {
    let on = Installation::new().await;
    let organization = on.organization("Acme").await;
    let ada = on.user("ada@example.com").await;
    on.manage("PUT", &format!("/user_management/users/{ada}"), json!({ "external_id": "u-1" })).await.expect(200);
    let membership = on.member(&ada, &organization, "admin").await;
    let body = || json!({ "organization": organization, "external_user_id": "u-1" });
    let cookie = enter(&on, body()).await;
    on.manage("POST", "/portal/revoke_link", body()).await.expect(204);
    assert_eq!(get(&on, &cookie, "/portal").await.status, 403, "revoked");
    let cookie = enter(&on, body()).await;
    on.manage("PUT", &format!("/user_management/organization_memberships/{membership}"), json!({ "role_slug": "member" }))
        .await
        .expect(200);
    assert_eq!(get(&on, &cookie, "/portal").await.status, 403, "no admin any more");
    is_problem(&on.manage("POST", "/portal/generate_link", body()).await, 403, "not_an_admin");
    let made = on.manage("POST", "/management_keys", json!({ "name": "p", "permissions": ["*"] })).await.expect(201);
    let value = made["value"].as_str().unwrap();
    let made_by_it = on.manage_as(value, "POST", "/portal/generate_link", json!({ "organization": organization }), &[]).await.expect(201);
    let token = made_by_it["link"].as_str().unwrap().rsplit('/').next().unwrap().to_owned();
    let cookie = fixture::pages::cookie(&open_portal(&on, &token).await);
    assert_eq!(get(&on, &cookie, "/portal/api_keys").await.status, 200);
    on.manage("DELETE", &format!("/management_keys/{}", made["id"].as_str().unwrap()), Value::Null).await.expect(204);
    assert_eq!(get(&on, &cookie, "/portal").await.status, 403, "its management key is gone");
}

#[tokio::test]
async fn what_a_link_grants_is_what_its_maker_holds() {
    let on = Installation::new().await;
    let (organization, other) = (on.organization("Acme").await, on.organization("Other").await);
    let narrow = on.management_key(&["api_keys:read", "api_keys:write"], Some(&organization)).await;
    let ask = async |body: Value| on.manage_as(&narrow, "POST", "/portal/generate_link", body, &[]).await;
    ask(json!({ "organization": organization })).await.expect(201);
    is_problem(&ask(json!({ "organization": organization, "intent": "applications" })).await, 403, "insufficient_permission");
    is_problem(&ask(json!({ "organization": other })).await, 404, "not_found");
    is_problem(&ask(json!({ "organization": organization, "intent": "sso" })).await, 422, "invalid");
    is_problem(&ask(json!({ "organization": organization, "return_url": "javascript:alert(1)" })).await, 422, "invalid");
    let widget = |scope: &str, user: Value| json!({ "organization_id": organization, "user_id": user, "scopes": [scope] });
    let token = on.manage("POST", "/widgets/token", widget("widgets:api-keys:manage", Value::Null)).await.expect(201);
    assert_eq!(open_portal(&on, token["token"].as_str().unwrap()).await.status, 303);
    is_problem(&on.manage("POST", "/widgets/token", widget("widgets:sso:manage", Value::Null)).await, 422, "invalid");
    is_problem(&on.manage("POST", "/widgets/token", widget("widgets:user-api-keys:manage-self", Value::Null)).await, 422, "invalid");
    let ada = on.user("ada@example.com").await;
    on.member(&ada, &organization, "admin").await;
    let token = on.manage("POST", "/widgets/token", widget("widgets:user-api-keys:manage-self", json!(ada))).await.expect(201);
    let cookie = fixture::pages::cookie(&open_portal(&on, token["token"].as_str().unwrap()).await);
    let value = json!(secret(&post(&on, &cookie, "/portal/own_keys", "name=mine").await));
    assert_eq!(on.validate(&value).await["api_key"]["owner"]["id"], json!(ada));
    assert_eq!(post(&on, &cookie, "/portal/api_keys", "name=x").await.status, 404);
    let events = on.manage("GET", "/events?limit=100", Value::Null).await;
    assert!(!events.text.contains("chp_") && !events.text.contains(MANAGEMENT_KEY));
}

#[tokio::test]
async fn case_265_the_portal_is_framed_by_origins_that_were_named_and_wears_the_products_name() {
    let on = Installation::new().await;
    let page = on.send("GET", "/portal/chp_x", &[], "").await;
    assert!(page.header("content-security-policy").contains("frame-ancestors 'none'"), "{page:?}");
    assert_eq!(on.send("GET", "/portal/brand/logo", &[], "").await.status, 404);
    let on = Installation::deployed(|deployment| {
        deployment.brand = Brand {
            name: Some("Product <b>".into()),
            logo: Some(Logo::parse("logo.svg", b"<svg/>".to_vec()).unwrap()),
            color: Some("#ffd400".parse().unwrap()),
            origins: vec!["https://app.example.com".parse().unwrap()],
        };
    })
    .await;
    let organization = on.organization("Acme").await;
    let token = link(&on, json!({ "organization": organization })).await;
    let page = on.send("GET", &format!("/portal/{token}"), &[], "").await;
    assert!(page.header("content-security-policy").contains("frame-ancestors https://app.example.com;"), "{page:?}");
    assert!(
        page.text.contains("Product &#60;b&#62;")
            && page.text.contains("/portal/brand/logo")
            && page.text.contains("/portal/brand/style.css")
    );
    let logo = on.send("GET", "/portal/brand/logo", &[], "").await;
    assert_eq!((logo.header("content-type"), logo.text.as_str()), ("image/svg+xml", "<svg/>"));
    let style = on.send("GET", "/portal/brand/style.css", &[], "").await;
    assert!(style.text.contains("background: #ffd400; color: #000"), "{style:?}");
    // In a frame the cookie comes back only if it says so; outside it is as strict as ever.
    let framed = [FORM, SAME_ORIGIN, ("sec-fetch-dest", "iframe")];
    let opened = on.send("POST", "/portal/open", &framed, format!("link={token}")).await;
    for attribute in ["__Host-", "HttpOnly", "Secure", "SameSite=None", "Partitioned", "Path=/"] {
        assert!(opened.header("set-cookie").contains(attribute), "{opened:?}");
    }
    let token = link(&on, json!({ "organization": organization })).await;
    assert!(open_portal(&on, &token).await.header("set-cookie").contains("SameSite=Strict"));
    let console = on.send("GET", "/console/sign_in", &[], "").await;
    assert!(console.header("content-security-policy").contains("frame-ancestors 'none'"), "the console is nobody's");
}

#[tokio::test]
async fn who_looks_after_members_keys_revokes_them_and_gets_none_of_them() {
    let on = Installation::new().await;
    let organization = on.organization("Acme").await;
    let ada = on.user("ada@example.com").await;
    on.member(&ada, &organization, "admin").await;
    let key = on.personal_key(&ada, &organization, json!({})).await;
    let body = json!({ "organization_id": organization, "scopes": ["widgets:user-api-keys:manage-all"] });
    let token = on.manage("POST", "/widgets/token", body).await.expect(201);
    let cookie = fixture::pages::cookie(&open_portal(&on, token["token"].as_str().unwrap()).await);
    assert!(get(&on, &cookie, "/portal/members_keys").await.text.contains(key["id"].as_str().unwrap()));
    let path = |what: &str| format!("/portal/api_keys/{}/{what}", key["id"].as_str().unwrap());
    assert_eq!(get(&on, &cookie, &path("rotate")).await.status, 404);
    assert_eq!(post(&on, &cookie, &path("rotate"), "").await.status, 404);
    assert_eq!(on.reason(&key["value"]).await, Value::Null);
    assert_eq!(post(&on, &cookie, &path("revoke"), "").await.status, 303);
    assert_eq!(on.reason(&key["value"]).await, "revoked");
}

#[tokio::test]
async fn a_form_that_is_refused_keeps_what_was_written_and_one_that_comes_twice_is_done_once() {
    let on = Installation::new().await;
    let (one, other) = (on.organization("One").await, on.organization("Other").await);
    let enter = async |organization: &str| enter(&on, json!({ "organization": organization })).await;
    let (first, second) = (enter(&one).await, enter(&other).await);
    let to = "/portal/api_keys";
    let own = hidden(&get(&on, &first, to).await, to);
    let again = post(&on, &first, to, &format!("{own}&name=Nightly&expires=soon")).await;
    assert!(again.status == 422 && again.text.contains("value=\"Nightly\"") && again.text.contains("autofocus>"), "{again:?}");
    let form = format!("{}&name=Nightly", hidden(&again, to));
    let made = secret(&post(&on, &first, to, &form).await);
    let twice = post(&on, &first, to, &form).await;
    assert!(twice.status == 409 && twice.text.contains("Nightly") && !twice.text.contains(&made), "{twice:?}");
    let unread = post(&on, &first, to, &format!("{form}&description={}", "x".repeat(600_000))).await;
    assert!(unread.status == 413 && unread.text.contains("href=\"/portal\"") && !unread.text.contains("/console"), "{unread:?}");
    // The same bytes from somebody else's session are another request.
    assert_ne!(secret(&post(&on, &second, to, &form).await), made);
}
