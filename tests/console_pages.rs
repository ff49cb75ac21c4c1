//! What pages of the console say: lists in their order and their sections, how far a rotation is, what hangs on what is to go.
mod fixture;

use std::time::Duration;

use fixture::pages::{cookie, enter, get, open_portal, post, secret};
use fixture::{Answer, Installation, MANAGEMENT_KEY};
use serde_json::{Value, json};

const MINUTE: Duration = Duration::from_secs(60);

/// The names in the rows of a list, and the way to its next page.
fn rows_of(page: &Answer) -> (Vec<String>, Option<String>) {
    let names = page
        .text
        .split("<tr><td data-label=\"Name\">")
        .skip(1)
        .map(|row| row.split("\">").nth(1).unwrap().split('<').next().unwrap().to_owned());
    let next = page.text.split("<nav class=\"pages\"").nth(1).and_then(|links| {
        let link = links.split("Next →").next().filter(|_| links.contains("Next →"))?;
        Some(link.rsplit("href=\"").next()?.split('"').next()?.replace("&#38;", "&").replace("&amp;", "&"))
    });
    (names.collect(), next)
}

#[tokio::test]
async fn a_list_of_several_pages_is_sorted_as_a_whole() {
    let on = Installation::new().await;
    let organization = on.organization("Acme").await;
    let mut clients = Vec::new();
    for number in 0..120 {
        // In an order that is neither that of the names nor its reverse, with names that are alike but for their case.
        let name = format!("{}-{}", if number % 2 == 0 { "app" } else { "APP" }, 100 + (number * 37) % 60);
        clients.push((name.clone(), on.application_of(&organization, json!({ "name": name })).await));
    }
    let session = enter(&on, MANAGEMENT_KEY).await;
    let whole = async |query: &str| {
        let (mut names, mut path) = (Vec::new(), Some(format!("/console/organizations/{organization}?{query}")));
        while let Some(next) = path {
            let (rows, after) = rows_of(&get(&on, &session, &next).await);
            names.extend(rows);
            path = after;
        }
        names
    };
    let lower = |names: &[String]| names.iter().map(|name| name.to_lowercase()).collect::<Vec<_>>();
    let mut sorted: Vec<_> = clients.iter().map(|(name, _)| name.to_lowercase()).collect();
    sorted.sort();
    assert_eq!(lower(&whole("sort=name").await), sorted);
    sorted.reverse();
    assert_eq!(lower(&whole("sort=name&order=desc").await), sorted);
    let made: Vec<_> = clients.iter().map(|(name, _)| name.clone()).collect();
    assert_eq!(whole("sort=created&order=asc").await, made);
    for (_, client) in &clients[30..33] {
        on.pass(MINUTE).await;
        on.token(client).await;
    }
    on.app.authority.flush_uses().await.unwrap();
    let used = whole("sort=last_used").await;
    assert_eq!(used[..3], [made[32].clone(), made[31].clone(), made[30].clone()]);
    assert_eq!(used.len(), 120);
    assert_eq!(lower(&whole("sort=name&search=APP-10").await).len(), 20, "what was searched for stays");
    // A list that has no last use is as it always is.
    assert_eq!(get(&on, &session, "/console/organizations?sort=last_used").await.status, 200);
    assert_eq!(get(&on, &session, "/console/organizations?sort=name&order=desc").await.status, 200);
    let page = get(&on, &session, &format!("/console/organizations/{organization}?sort=name")).await;
    assert!(page.text.contains("aria-sort=\"ascending\"") && page.text.contains("sort=name&#38;order=desc"), "{page:?}");
    assert!(!page.text.contains("data-sort"), "a part of a list is not sorted as if it were all of it");
}

#[tokio::test]
async fn a_rotation_is_finished_when_the_old_secrets_tokens_have_expired_and_not_before() {
    let on = Installation::new().await;
    let organization = on.organization("Acme").await;
    let old = on.application_of(&organization, json!({})).await;
    let session = enter(&on, MANAGEMENT_KEY).await;
    let place = format!("/console/applications/{}", old.id);
    let told = async || get(&on, &session, &place).await.text;
    assert!(!told().await.contains("the hour of the rotation"));
    on.token(&old).await;
    on.pass(MINUTE).await;
    let rotated = post(&on, &session, &format!("{place}/rotate"), "overlap=86400&from=first_use").await;
    let secret = secret(&rotated);
    assert!(told().await.contains("The new secret has not been used yet"));
    on.pass(MINUTE).await;
    let token = on.token(&old).await;
    let new = fixture::Client { secret, ..old.clone() };
    on.pass(MINUTE).await;
    on.token(&new).await;
    on.app.authority.flush_uses().await.unwrap();
    // The last token of the old one is two minutes old, and lives for three more.
    let page = told().await;
    assert!(
        page.contains("Only the new secret is in use") && page.contains("safe to remove then") && !page.contains("Safe to remove now"),
        "{page}"
    );
    assert!(on.active(&new, &token).await);
    on.pass(5 * MINUTE).await;
    let page = told().await;
    assert!(page.contains("Safe to remove now") && page.contains("Finish: remove the old secret"), "{page}");
    on.token(&old).await;
    on.app.authority.flush_uses().await.unwrap();
    assert!(told().await.contains("Both secrets are in use"));
    let asked = get(&on, &session, &format!("{place}/cancel_rotation")).await;
    assert!(asked.text.contains("The new secret is in use already"), "{asked:?}");
}

#[tokio::test]
async fn a_key_that_is_replaced_says_when_it_can_go() {
    let on = Installation::new().await;
    let organization = on.organization("Acme").await;
    let old = on.api_key(&organization, json!({})).await;
    let (id, value) = (old["id"].as_str().unwrap(), &old["value"]);
    let session = enter(&on, MANAGEMENT_KEY).await;
    let place = format!("/console/api_keys/{id}");
    let told = async || {
        on.app.authority.flush_uses().await.unwrap();
        get(&on, &session, &place).await.text
    };
    assert!(!told().await.contains("the hour of the rotation"));
    let rotated = post(&on, &session, &format!("{place}/rotate"), "overlap=86400&from=first_use&name=Second&expires=30").await;
    let new = json!(secret(&rotated));
    assert!(told().await.contains("The new API key has not been used yet"));
    on.pass(MINUTE).await;
    on.validate(&new).await;
    on.pass(MINUTE).await;
    on.validate(value).await;
    let page = told().await;
    assert!(page.contains("Both API keys are in use") && page.contains("the hour of the rotation"), "{page}");
    on.pass(10 * MINUTE).await;
    on.validate(&new).await;
    assert!(told().await.contains("Both API keys are in use"), "as long as the old one was used after the new one");
    let keys = on.manage("GET", &format!("/organizations/{organization}/api_keys"), Value::Null).await.expect(200);
    let made = keys["data"].as_array().unwrap().iter().find(|key| key["id"] != id).unwrap().clone();
    assert_eq!((made["name"].as_str(), made["expires_at"].as_str().map(|at| &at[..10])), (Some("Second"), Some("2026-12-20")));
    // Nobody is told to revoke the last one that works.
    let session = enter(&on, MANAGEMENT_KEY).await;
    on.manage("DELETE", &format!("/api_keys/{}", made["id"].as_str().unwrap()), Value::Null).await.expect(204);
    let page = get(&on, &session, &place).await.text;
    assert!(page.contains("What was to replace this key does not work any more") && !page.contains("in use"), "{page}");
    on.pass(25 * 60 * MINUTE).await;
    let page = get(&on, &enter(&on, MANAGEMENT_KEY).await, &place).await.text;
    assert!(page.contains("Expired") && !page.contains("replace this key") && !page.contains("the hour of the rotation"), "{page}");
}

#[tokio::test]
async fn a_portal_link_leads_back_where_it_was_told_to_and_can_be_withdrawn() {
    let on = Installation::new().await;
    let organization = on.organization("Acme").await;
    let user = on.user("ada@example.com").await;
    let member = on.member(&user, &organization, "admin").await;
    let session = enter(&on, MANAGEMENT_KEY).await;
    let to = format!("/console/organizations/{organization}/portal_link");
    let form = format!("user={user}&api_keys=on&return_url=https%3A%2F%2Fapp.example.com%2Fsettings");
    let wrong = post(&on, &session, &to, &form.replace("https", "javascript")).await;
    assert!(wrong.status == 422 && wrong.text.contains("return_url is an https or http URL"), "{wrong:?}");
    let link = secret(&post(&on, &session, &to, &form).await);
    let link = link.rsplit('/').next().unwrap();
    let revoked = post(&on, &session, &format!("/console/members/{member}/portal_links/revoke"), "").await;
    assert_eq!(revoked.status, 303);
    assert_eq!(open_portal(&on, link).await.status, 403);
    let link = secret(&post(&on, &session, &to, &form).await);
    let link = link.rsplit('/').next().unwrap();
    let opened = open_portal(&on, link).await;
    let page = get(&on, &cookie(&opened), "/portal/api_keys").await;
    assert!(page.text.contains("href=\"https://app.example.com/settings\""), "{page:?}");
}

#[tokio::test]
async fn events_are_found_by_their_day_and_shown_whole() {
    let on = Installation::new().await;
    let organization = on.organization("Acme").await;
    on.pass(2 * 24 * 60 * MINUTE).await;
    on.organization("Globex").await;
    let session = enter(&on, MANAGEMENT_KEY).await;
    let page = get(&on, &session, "/console/events?search=organization.created&until=2026-11-20").await;
    assert!(page.text.contains(&organization) && !page.text.contains("Globex"), "{page:?}");
    assert!(page.text.contains("<summary>Acme</summary>") && page.text.contains("&#34;actor&#34;: {"), "{page:?}");
    let page = get(&on, &session, "/console/events?search=organization.created&from=2026-11-22").await;
    assert!(page.text.contains("Globex") && !page.text.contains(&organization), "{page:?}");
    let page = get(&on, &session, "/console/events?from=2030-01-01").await;
    assert!(page.status == 200 && page.text.contains("Nothing matches"), "{page:?}");
    let refused = get(&on, &session, "/console/events?from=yesterday").await;
    assert!(refused.status == 422 && refused.text.contains("from takes a day, as in 2026-11-21"), "{refused:?}");
}

#[tokio::test]
async fn g25_b12_what_ended_stays_in_its_own_section_and_what_there_is_not_is_said_as_it_is() {
    let on = Installation::new().await;
    let organization = on.organization("Acme").await;
    let session = enter(&on, MANAGEMENT_KEY).await;
    let place = format!("/console/organizations/{organization}/api_keys");
    let told = async |query: &str| get(&on, &session, &format!("{place}{query}")).await.text;
    let none = told("").await;
    assert!(none.contains("No API key yet.") && none.contains("<details class=\"card form\" open>"), "{none}");
    assert!(told("?status=ended").await.contains("None was revoked, and none has expired."));
    let key = on.api_key(&organization, json!({ "name": "Nightly" })).await;
    let revoked = post(&on, &session, &format!("/console/api_keys/{}/revoke", key["id"].as_str().unwrap()), "").await;
    assert!(revoked.header("location").starts_with(&format!("{place}?status=ended&done=revoked&by=")), "{revoked:?}");
    let ended = told("?status=ended&search=night").await;
    assert!(ended.contains("Nightly") && ended.contains("name=\"status\" value=\"ended\""), "{ended}");
    assert!(ended.contains("?status=&#38;search=night\">Active"), "what is searched for stays in the other section: {ended}");
    let none = told("").await;
    assert!(none.contains("None works: those that ended") && !none.contains("form\" open>"), "{none}");
    assert!(told("?search=other").await.contains("Nothing matches"));
}

#[tokio::test]
async fn who_removes_is_told_what_hangs_on_it() {
    let on = Installation::new().await;
    let organization = on.organization("Acme").await;
    let client = on.application_of(&organization, json!({})).await;
    on.token(&client).await;
    on.app.authority.flush_uses().await.unwrap();
    let session = enter(&on, MANAGEMENT_KEY).await;
    let place = format!("/console/applications/{}/client_secrets/{}/delete", client.id, client.secret_id);
    let only = get(&on, &session, &place).await.text;
    assert!(only.contains("It is the only secret that works") && only.contains("Uses in this hour and the one before"), "{only}");
    secret(&post(&on, &session, &format!("/console/applications/{}/client_secrets", client.id), "name=second").await);
    assert!(!get(&on, &session, &place).await.text.contains("It is the only secret"));
    let user = on.user("ada@example.com").await;
    let member = on.member(&user, &organization, "admin").await;
    let personal = on.personal_key(&user, &organization, json!({})).await;
    for place in [format!("members/{member}/delete"), format!("members/{member}/deactivate"), format!("users/{user}/delete")] {
        let page = get(&on, &session, &format!("/console/{place}")).await.text;
        let counted = page.split("<dt>Personal API keys that work</dt><dd>").nth(1).and_then(|rest| rest.split("</dd>").next());
        assert_eq!(counted.map(str::trim), Some("1"), "{place}: {page}");
    }
    // A personal key without scopes is not one that may nothing.
    let page = get(&on, &session, &format!("/console/api_keys/{}", personal["id"].as_str().unwrap())).await.text;
    assert!(page.contains("acts as its user"), "{page}");
    let rotated = post(&on, &session, &format!("/console/applications/{}/rotate", client.id), "overlap=60&from=now").await;
    assert!(!rotated.text.contains("The one before has ended"), "it goes on for a minute: {rotated:?}");
    let rotated = post(&on, &session, &format!("/console/applications/{}/rotate", client.id), "overlap=0").await;
    assert!(rotated.text.contains("The one before has ended. Verifiers that follow revocations refuse it within a second"), "{rotated:?}");
}
