//! The forms of the console: what they take, what they say of what they do not take, and that nothing is done twice (RFC 9110 §13.1.1).
mod fixture;

use fixture::pages::{enter, get, hidden, post, secret};
use fixture::{Answer, Installation, MANAGEMENT_KEY};
use serde_json::{Value, json};

/// One of everything that a form of the console changes: the path of the form, and what it sends.
async fn forms(on: &Installation) -> Vec<(String, &'static str)> {
    let organization = on.organization("Acme").await;
    let client = on.application_of(&organization, json!({})).await;
    let key = on.api_key(&organization, json!({})).await;
    let hook = on.manage("POST", "/webhook_endpoints", json!({ "endpoint_url": "http://127.0.0.1:9/", "events": ["*"] })).await.expect(201);
    let server = json!({ "identifier": "https://api.example.com", "name": "API" });
    let server = on.manage("POST", "/resource_servers", server).await.expect(201);
    on.manage("POST", "/authorization/permissions", json!({ "slug": "a:b", "name": "B" })).await.expect(201);
    on.manage("POST", "/permission_presets", json!({ "slug": "ci", "name": "CI", "permissions": ["a:b"] })).await.expect(201);
    let user = on.manage("POST", "/user_management/users", json!({ "email": "ada@example.com" })).await.expect(201);
    let joins = json!({ "user_id": user["id"], "organization_id": organization, "role_slug": "admin" });
    let member = on.manage("POST", "/user_management/organization_memberships", joins).await.expect(201);
    let id = |of: &Value| of["id"].as_str().unwrap().to_owned();
    vec![
        (format!("organizations/{organization}"), "name=Acme+2"),
        (format!("organizations/{organization}/settings"), "api_keys_enabled=yes&max_expiry_days=20"),
        (format!("organizations/{organization}/token_quota"), "per_hour=5"),
        (format!("applications/{}", client.id), "name=Changed&description=for+it&client_secret_post=on&permissions=a:b"),
        (format!("applications/{}/token_quota", client.id), "per_day=7"),
        (format!("api_keys/{}", id(&key)), "name=Renamed"),
        (format!("api_keys/{}/expire", id(&key)), "expires=7"),
        (format!("webhook_endpoints/{}", id(&hook)), "endpoint_url=http://127.0.0.1:9/hook&status=disabled"),
        (format!("resource_servers/{}", id(&server)), "name=API+2&signing_alg=ES256&token_typ=JWT&claims=%7B%22tier%22%3A%22gold%22%7D"),
        ("permissions/a:b".into(), "name=Renamed&m2m=on"),
        ("presets/ci".into(), "name=Renamed&permissions=a:b"),
        (format!("members/{}", id(&member)), "email=ada@example.com&first_name=Ada"),
        ("settings".into(), "require_permissions=no&default_expiry_days=10"),
    ]
}

#[tokio::test]
async fn rfc9110_13_1_1_a_form_changes_only_what_is_still_as_it_was_when_it_was_opened() {
    let on = Installation::new().await;
    let forms = forms(&on).await;
    let session = enter(&on, MANAGEMENT_KEY).await;
    for (place, form) in &forms {
        let path = format!("/console/{place}");
        let stale = post(&on, &session, &path, &format!("{form}&version=999")).await;
        assert!(stale.status == 412 && stale.text.contains("nothing of yours was taken"), "{path}: {stale:?}");
        assert!(stale.text.contains("href=\"/console\""), "there is a way on: {stale:?}");
    }
    for (place, form) in &forms {
        let page = get(&on, &session, &format!("/console/{}", place.trim_end_matches("/expire").trim_end_matches("/token_quota"))).await;
        // The settings of an organization and its quota are on one page: each form is found by where it leads.
        let shown = if page.text.contains(&format!("\"post\" action=\"/console/{place}\"")) {
            page
        } else {
            settings_of(&on, &session, place).await
        };
        let begins =
            shown.text.split(&format!("\"post\" action=\"/console/{place}\"")).nth(1).unwrap_or_else(|| panic!("{place}: {shown:?}"));
        let version = begins.split("name=\"version\" value=\"").nth(1).and_then(|rest| rest.split('"').next()).unwrap();
        let saved = post(&on, &session, &format!("/console/{place}"), &format!("{form}&version={version}")).await;
        assert!(saved.status == 303 && saved.header("location").contains("done=saved"), "{place} {form}: {saved:?}");
        let again = post(&on, &session, &format!("/console/{place}"), &format!("{form}&version={version}")).await;
        assert_eq!(again.status, 412, "{place}: what was saved is another version");
    }
}

async fn settings_of(on: &Installation, session: &str, place: &str) -> Answer {
    let organization = place.split('/').nth(1).unwrap();
    get(on, session, &format!("/console/organizations/{organization}/settings")).await
}

#[tokio::test]
async fn what_a_form_cannot_have_sent_is_refused_and_says_what_there_is() {
    let on = Installation::new().await;
    let organization = on.organization("Acme").await;
    let client = on.application_of(&organization, json!({})).await;
    let session = enter(&on, MANAGEMENT_KEY).await;
    for (place, form, says) in [
        (format!("organizations/{organization}/settings"), "api_keys_enabled=perhaps", "api_keys_enabled takes one of yes, no"),
        ("resource_servers".into(), "name=x&identifier=https://api.example.com&preset=other", "preset takes one of default, spring"),
        (format!("applications/{}/rotate", client.id), "overlap=60&from=then", "from takes one of now, first_use"),
        (format!("applications/{}", client.id), "name=x", "in one way at least"),
        (format!("organizations/{organization}/portal_link"), "user=", "choose at least one thing"),
        (format!("organizations/{organization}/api_keys"), "name=x&expires=soon", "expires takes 1 to 3650 days, or never"),
    ] {
        let answer = post(&on, &session, &format!("/console/{place}"), form).await;
        assert!(answer.status == 422 && answer.text.contains(says), "{place}: {answer:?}");
        assert!(answer.text.contains("/console/sign_out") && answer.text.contains("Signing keys"), "the way on stays: {answer:?}");
    }
}

#[tokio::test]
async fn p6_no_expiry_is_offered_that_the_organization_does_not_allow() {
    let on = Installation::new().await;
    let organization = on.organization("Acme").await;
    let session = enter(&on, MANAGEMENT_KEY).await;
    let page = format!("/console/organizations/{organization}/api_keys");
    let free = get(&on, &session, &page).await.text;
    assert!(free.contains("value=\"90\" selected") && free.contains("value=\"never\""), "{free}");
    on.manage("PUT", &format!("/organizations/{organization}/settings"), json!({ "max_expiry_days": 45 })).await.expect(200);
    let bound = get(&on, &session, &page).await.text;
    assert!(bound.contains("value=\"45\" selected") && bound.contains("value=\"7\"") && bound.contains("value=\"30\""), "{bound}");
    assert!(!bound.contains("value=\"90\"") && !bound.contains("value=\"never\""), "{bound}");
    let made = post(&on, &session, &page, "name=x&expires=45").await;
    assert!(made.status == 200 && made.text.contains("Copy your API key now"), "{made:?}");
}

#[tokio::test]
async fn who_is_known_by_his_address_only_joins_another_organization() {
    let on = Installation::new().await;
    let session = enter(&on, MANAGEMENT_KEY).await;
    for name in ["One", "Two"] {
        let organization = on.organization(name).await;
        let path = format!("/console/organizations/{organization}/members");
        let added = post(&on, &session, &path, "email=ada@example.com&role=admin").await;
        assert_eq!(added.status, 303, "{added:?}");
        assert!(get(&on, &session, &path).await.text.contains("ada@example.com"));
    }
    let users = on.manage("GET", "/user_management/users", Value::Null).await.expect(200);
    assert_eq!(users["data"].as_array().unwrap().len(), 1, "{users}");
}

#[tokio::test]
async fn a_description_keeps_its_lines_and_an_address_that_changes_is_not_verified() {
    let on = Installation::new().await;
    let organization = on.organization("Acme").await;
    let client = on.application_of(&organization, json!({ "description": "one\ntwo" })).await;
    let session = enter(&on, MANAGEMENT_KEY).await;
    let page = get(&on, &session, &format!("/console/applications/{}", client.id)).await;
    assert!(page.text.contains(">one\ntwo</textarea>"), "{page:?}");
    // As browsers send it.
    let form = "name=backend&description=one%0D%0Atwo&client_secret_post=on";
    assert_eq!(post(&on, &session, &format!("/console/applications/{}", client.id), form).await.status, 303);
    let found = on.manage("GET", &format!("/connect/applications/{}", client.id), Value::Null).await.expect(200);
    assert_eq!(found["description"], "one\ntwo");
    let user = json!({ "email": "ada@example.com", "email_verified": true });
    let user = on.manage("POST", "/user_management/users", user).await.expect(201);
    let user = format!("/user_management/users/{}", user["id"].as_str().unwrap());
    let same = on.manage("PUT", &user, json!({ "email": "ADA@example.com" })).await.expect(200);
    assert_eq!(same["email_verified"], true);
    let other = on.manage("PUT", &user, json!({ "email": "eve@example.com" })).await.expect(200);
    assert_eq!(other["email_verified"], false, "nobody has verified the new one");
}

#[tokio::test]
async fn what_was_written_into_a_form_that_is_refused_stands_in_it_again() {
    let on = Installation::new().await;
    let organization = on.organization("Acme").await;
    for slug in ["a:b", "c:d"] {
        on.permission(slug).await;
    }
    let session = enter(&on, MANAGEMENT_KEY).await;
    let (place, to) =
        (format!("/console/organizations/{organization}/api_keys?status=ended"), format!("/console/organizations/{organization}/api_keys"));
    let own = hidden(&get(&on, &session, &place).await, &to);
    let written = "name=Nightly+%3Cb%3E&description=one%0D%0Atwo&permissions=a%3Ab&expires=soon";
    let again = post(&on, &session, &to, &format!("{own}&{written}")).await;
    assert_eq!(again.status, 422);
    for kept in [
        "role=\"alert\" tabindex=\"-1\" autofocus>expires takes 1 to 3650 days, or never<",
        "value=\"Nightly &#60;b&#62;\"",
        ">one\ntwo</textarea>",
        "value=\"a:b\" checked>",
        "value=\"c:d\">",
        "<details class=\"card form\" open>",
        "aria-current=\"true\">Revoked / Expired",
        // The page stands where the form was sent: what is searched for is asked for where it is.
        &format!("method=\"get\" action=\"{to}\""),
    ] {
        assert!(again.text.contains(kept), "{kept}: {again:?}");
    }
    // As it is shown again it can be sent again, and then it is taken.
    let own = hidden(&again, &to);
    assert!(own.contains("status%3Dended"), "{own}");
    let made = post(&on, &session, &to, &format!("{own}&{}", written.replace("soon", "7"))).await;
    assert!(secret(&made).starts_with("chk_"), "{made:?}");

    // What somebody else did in between is told in the same place.
    let permissions = get(&on, &session, "/console/permissions").await;
    let taken = format!("{}&slug=a%3Ab&name=Mine&m2m=on", hidden(&permissions, "/console/permissions"));
    let again = post(&on, &session, "/console/permissions", &taken).await;
    assert!(again.status == 409 && again.text.contains("value=\"Mine\"") && again.text.contains("autofocus>"), "{again:?}");

    // A form that is not on the page any more is told of all the same.
    let own = "page=%2Fconsole%2Forganizations&once=1";
    let again = post(&on, &session, &to, &format!("{own}&{written}")).await;
    assert!(
        again.status == 422 && again.text.contains("New organization") && again.text.contains("expires takes 1 to 3650 days"),
        "{again:?}"
    );
    for nowhere in ["%2Fconsole%2Fnonsense", "https%3A%2F%2Fevil.example%2F", "%2Fconsole%2Fopenid", "%00", ""] {
        let told = post(&on, &session, &to, &format!("page={nowhere}&once=1&{written}")).await;
        assert!(told.status == 422 && told.text.contains("expires takes 1 to 3650 days"), "{nowhere}: {told:?}");
    }
}

#[tokio::test]
async fn a_preset_chosen_without_a_script_is_not_lost_with_a_form_that_is_refused() {
    let on = Installation::new().await;
    let organization = on.organization("Acme").await;
    for slug in ["a:b", "c:d"] {
        on.permission(slug).await;
    }
    on.manage("POST", "/permission_presets", json!({ "slug": "ci", "name": "CI", "permissions": ["a:b"] })).await.expect(201);
    let session = enter(&on, MANAGEMENT_KEY).await;
    let (place, to) = (format!("/console/organizations/{organization}"), format!("/console/organizations/{organization}/applications"));
    let own = hidden(&get(&on, &session, &place).await, &to);
    let again = post(&on, &session, &to, &format!("{own}&name=&preset=ci")).await;
    assert!(again.status == 422 && again.text.contains("value=\"a:b\" checked>") && again.text.contains("value=\"c:d\">"), "{again:?}");
}

#[tokio::test]
async fn a_form_that_comes_twice_is_done_once_and_shows_its_secret_once() {
    let on = Installation::new().await;
    let organization = on.organization("Acme").await;
    let client = on.application_of(&organization, json!({})).await;
    let session = enter(&on, MANAGEMENT_KEY).await;
    let (keys, application) = (format!("/console/organizations/{organization}/api_keys"), format!("/console/applications/{}", client.id));
    for (place, to, written) in [
        (keys.clone(), keys.clone(), "name=Nightly"),
        (application.clone(), format!("{application}/client_secrets"), "name=second"),
        (application.clone(), format!("{application}/rotate"), "overlap=60"),
        ("/console/webhook_endpoints".into(), "/console/webhook_endpoints".into(), "endpoint_url=http%3A%2F%2F127.0.0.1%3A9%2F"),
        ("/console/management_keys/new".into(), "/console/management_keys".into(), "name=deploy&permissions=events%3Aread"),
    ] {
        let form = format!("{}&{written}", hidden(&get(&on, &session, &place).await, &to));
        let made = secret(&post(&on, &session, &to, &form).await);
        let events = on.event_names().await.len();
        let again = post(&on, &session, &to, &form).await;
        assert!(again.status == 409 && again.text.contains("is not shown again"), "{to}: {again:?}");
        assert!(!again.text.contains(&made), "{to}: {again:?}");
        assert_eq!(on.event_names().await.len(), events, "{to}: nothing happened");
        let anew = format!("{}&{written}", hidden(&get(&on, &session, &place).await, &to));
        assert_ne!(secret(&post(&on, &session, &to, &anew).await), made, "{to}: the same, wanted again");
    }
    let form = format!("{}&name=Twice", hidden(&get(&on, &session, &keys).await, &keys));
    let (one, other) = tokio::join!(post(&on, &session, &keys, &form), post(&on, &session, &keys, &form));
    let mut statuses = [one.status.as_u16(), other.status.as_u16()];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 409], "a button that is pressed twice");
}

#[tokio::test]
async fn a_button_is_a_form_too() {
    let on = Installation::new().await;
    let organization = on.organization("Acme").await;
    on.permission("a:b").await;
    let client = on.application_of(&organization, json!({ "scopes": ["a:b"] })).await;
    let session = enter(&on, MANAGEMENT_KEY).await;
    let to = "/console/permissions/a:b/delete";
    let form = hidden(&get(&on, &session, to).await, to);
    let kept = post(&on, &session, to, &form).await;
    assert!(kept.status == 409 && kept.text.contains("<h1>Delete a:b?</h1>") && kept.text.contains("autofocus>"), "{kept:?}");
    let application = format!("/console/applications/{}", client.id);
    secret(&post(&on, &session, &format!("{application}/rotate"), "overlap=60").await);
    let to = format!("{application}/cancel_rotation");
    let form = hidden(&get(&on, &session, &to).await, &to);
    assert_eq!(post(&on, &session, &to, &form).await.status, 303);
    let again = post(&on, &session, &to, &form).await;
    assert!(again.status == 409 && again.text.contains("what it asks for was done then"), "{again:?}");
    // The last admin stays one, and the page that says so is the one with the button.
    let user = on.user("ada@example.com").await;
    let member = on.member(&user, &organization, "admin").await;
    let bound = on.management_key(&["*"], Some(&organization)).await;
    let bound = enter(&on, &bound).await;
    let (place, to) = (format!("/console/organizations/{organization}/members"), format!("/console/members/{member}/member"));
    let form = hidden(&get(&on, &bound, &place).await, &to);
    let kept = post(&on, &bound, &to, &form).await;
    assert!(kept.status == 409 && kept.text.contains("last active admin") && kept.text.contains("ada@example.com"), "{kept:?}");
}

#[tokio::test]
async fn what_the_api_knows_of_organizations_and_users_is_written_in_the_console_too() {
    let on = Installation::new().await;
    let organization = on.organization("Acme").await;
    let session = enter(&on, MANAGEMENT_KEY).await;
    let settings = format!("/console/organizations/{organization}");
    let changed = post(&on, &session, &settings, "name=Acme&metadata=%7B%22plan%22%3A%22gold%22%7D").await;
    assert_eq!(changed.status, 303);
    let known = async || on.manage("GET", &format!("/organizations/{organization}"), Value::Null).await.expect(200)["metadata"].clone();
    assert_eq!(known().await, json!({ "plan": "gold" }));
    assert_eq!(post(&on, &session, &settings, "name=Acme+2").await.status, 303);
    assert_eq!(known().await, json!({ "plan": "gold" }), "a form that has no such field takes nothing away");
    let user = on.user("ada@example.com").await;
    let member = format!("/console/members/{}", on.member(&user, &organization, "admin").await);
    let user = async || on.manage("GET", &format!("/user_management/users/{user}"), Value::Null).await.expect(200);
    let form = "email=ada@example.com&name=Countess&locale=en-GB&metadata=%7B%22desk%22%3A%227%22%7D&email_verified=yes";
    assert_eq!(post(&on, &session, &member, form).await.status, 303);
    let known = user().await;
    assert_eq!((&known["name"], &known["locale"], &known["metadata"]), (&json!("Countess"), &json!("en-GB"), &json!({ "desk": "7" })));
    assert_eq!(known["email_verified"], true);
    let page = get(&on, &session, &member).await;
    assert!(page.text.contains("&#34;desk&#34;: &#34;7&#34;") && page.text.contains("value=\"Countess\""), "{page:?}");
    assert_eq!(post(&on, &session, &member, "email=other@example.com&name=&email_verified=").await.status, 303);
    let known = user().await;
    assert_eq!((&known["name"], &known["locale"], &known["email_verified"]), (&Value::Null, &json!("en-GB"), &json!(false)));
    for wrong in ["nonsense", "%5B1%5D", "%7B%22a%22%3A1%7D"] {
        let refused = post(&on, &session, &member, &format!("email=ada@example.com&metadata={wrong}")).await;
        assert!(refused.status == 422 && refused.text.contains("metadata takes a JSON object of texts"), "{wrong}: {refused:?}");
    }
    // As much as there may be, in letters that a browser sends as nine bytes each.
    let most: serde_json::Map<_, _> = (0..50).map(|n| (format!("{}{n:02}", "鍵".repeat(38)), json!("値".repeat(600)))).collect();
    let text: String = form_urlencoded::byte_serialize(Value::from(most.clone()).to_string().as_bytes()).collect();
    assert_eq!(post(&on, &session, &member, &format!("email=ada@example.com&metadata={text}")).await.status, 303);
    assert_eq!(user().await["metadata"], Value::from(most));
    let refused = post(&on, &session, &member, &format!("email={}", "x".repeat(600_000))).await;
    assert!(refused.status == 413 && refused.text.contains("too large"), "{refused:?}");
}

#[tokio::test]
async fn the_events_of_an_endpoint_are_chosen_among_those_there_are() {
    let on = Installation::new().await;
    let session = enter(&on, MANAGEMENT_KEY).await;
    let chosen = "endpoint_url=http%3A%2F%2F127.0.0.1%3A9%2F&events=api_key.revoked&events=api_key.created";
    secret(&post(&on, &session, "/console/webhook_endpoints", chosen).await);
    let known = async || on.manage("GET", "/webhook_endpoints", Value::Null).await.expect(200)["data"][0].clone();
    assert_eq!(known().await["events"], json!(["api_key.revoked", "api_key.created"]));
    let id = known().await["id"].as_str().unwrap().to_owned();
    let refusals = json!({ "events": ["api_key.create_refused", "api_key.revoked"] });
    on.manage("PATCH", &format!("/webhook_endpoints/{id}"), refusals).await.expect(200);
    let page = get(&on, &session, &format!("/console/webhook_endpoints/{id}")).await;
    for (name, ticked) in [("api_key.revoked", " checked"), ("api_key.created", "")] {
        assert!(page.text.contains(&format!("value=\"{name}\"{ticked}>")), "{name}: {page:?}");
    }
    assert!(page.text.contains("name=\"refusals\" value=\"api_key.create_refused\""), "{page:?}");
    let both = "endpoint_url=http://127.0.0.1:9/&status=enabled&events=user.deleted&refusals=user.delete_refused+user.create_refused";
    assert_eq!(post(&on, &session, &format!("/console/webhook_endpoints/{id}"), both).await.status, 303);
    assert_eq!(known().await["events"], json!(["user.deleted", "user.delete_refused", "user.create_refused"]));
    let every = "endpoint_url=http://127.0.0.1:9/&status=enabled&events=*&refusals=user.delete_refused";
    assert_eq!(post(&on, &session, &format!("/console/webhook_endpoints/{id}"), every).await.status, 303);
    assert_eq!(known().await["events"], json!(["*", "user.delete_refused"]));
    let page = get(&on, &session, &format!("/console/webhook_endpoints/{id}")).await;
    assert!(page.text.contains("value=\"*\" checked>"), "{page:?}");
    let none = post(&on, &session, &format!("/console/webhook_endpoints/{id}"), "endpoint_url=http://127.0.0.1:9/&status=enabled").await;
    assert_eq!((none.status.as_u16(), known().await["events"].clone()), (303, json!(["*"])));
}

#[tokio::test]
async fn k11_a_key_signs_before_every_verifier_can_have_it_only_where_that_is_asked_for() {
    let on = Installation::new().await;
    let session = enter(&on, MANAGEMENT_KEY).await;
    let place = "/console/signing_keys/rotate?alg=ES256&purpose=access_token";
    let question = get(&on, &session, place).await;
    assert!(question.text.contains("name=\"force\""), "{question:?}");
    let early = post(&on, &session, place, "").await;
    assert_eq!(early.status, 409, "{early:?}");
    let forced = post(&on, &session, place, "force=on").await;
    assert_eq!((forced.status.as_u16(), forced.header("location")), (303, "/console/signing_keys?done=rotated"), "{forced:?}");
}

#[tokio::test]
async fn the_forms_of_an_issuer_with_a_path_are_found_under_it() {
    let on = Installation::deployed(|deployment| deployment.issuer = "https://example.com/auth".into()).await;
    let organization = on.organization("Acme").await;
    let session = enter_at(&on, "/auth").await;
    let to = format!("/auth/console/organizations/{organization}/api_keys");
    for prefix in ["/auth", ""] {
        let place = format!("{prefix}/console/organizations/{organization}/api_keys");
        let own = hidden(&get(&on, &session, &place).await, &to);
        let again = post(&on, &session, &place, &format!("{own}&name=Kept&expires=soon")).await;
        assert!(again.status == 422 && again.text.contains("value=\"Kept\""), "{prefix}: {again:?}");
        let own = hidden(&again, &to);
        let made = post(&on, &session, &place, &format!("{own}&name=Kept")).await;
        assert!(secret(&made).starts_with("chk_"), "{made:?}");
        let twice = post(&on, &session, &place, &format!("{own}&name=Kept")).await;
        assert_eq!(twice.status, 409, "{twice:?}");
    }
}

async fn enter_at(on: &Installation, base: &str) -> String {
    let sent = [fixture::FORM, fixture::pages::SAME_ORIGIN];
    let answer = on.send("POST", &format!("{base}/console/sign_in"), &sent, format!("management_key={MANAGEMENT_KEY}")).await;
    assert_eq!(answer.header("location"), format!("{base}/console?signed_in=now"), "{answer:?}");
    fixture::pages::cookie(&answer)
}

#[tokio::test]
async fn p6_what_the_settings_say_is_what_a_form_offers() {
    let on = Installation::new().await;
    let organization = on.organization("Acme").await;
    let session = enter(&on, MANAGEMENT_KEY).await;
    let settings = async |body: Value| on.manage("PUT", &format!("/organizations/{organization}/settings"), body).await.expect(200);
    let told = async |part: &str| get(&on, &session, &format!("/console/organizations/{organization}{part}")).await.text;
    let key = on.api_key(&organization, json!({})).await;
    settings(json!({ "default_expiry_days": 45 })).await;
    assert!(told("/api_keys").await.contains("<option value=\"45\" selected>45 days</option>"));
    settings(json!({ "default_expiry_days": null, "max_expiry_days": 20 })).await;
    assert!(told("/api_keys").await.contains("<option value=\"20\" selected>20 days</option>"));
    settings(json!({ "api_keys_enabled": false, "applications_enabled": false })).await;
    let keys = told("/api_keys").await;
    assert!(keys.contains("switched off for this organization") && !keys.contains("New API key"), "{keys}");
    let key = format!("/console/api_keys/{}", key["id"].as_str().unwrap());
    let shown = get(&on, &session, &key).await.text;
    assert!(shown.contains("switched off for this organization") && !shown.contains("goes on working for the overlap"), "{shown}");
    let applications = told("").await;
    assert!(applications.contains("switched off for this organization") && !applications.contains("New application"), "{applications}");
}
