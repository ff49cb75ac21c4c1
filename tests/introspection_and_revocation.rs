//! Introspection (RFC 7662) and revocation (RFC 7009): cases 190 to 213, and what dies with what.
mod fixture;

use std::time::Duration;

use fixture::{Client, FORM, ISSUER, Installation, MANAGEMENT_KEY, basic, claims};
use serde_json::{Value, json};

#[tokio::test]
async fn cases_190_to_195_who_may_ask_and_how() {
    let on = Installation::new().await;
    let client = on.application().await;
    let token = on.token(&client).await;
    on.send("POST", "/oauth/introspect", &[FORM], format!("token={token}")).await.expect_oauth(401, "invalid_client");
    for bearer in [format!("Bearer {token}"), "Bearer chm_nope".into(), format!("Bearer {}", client.secret)] {
        let answer = on.send("POST", "/oauth/introspect", &[("authorization", &bearer), FORM], format!("token={token}")).await;
        assert_eq!((answer.status.as_u16(), answer.header("www-authenticate")), (401, "Bearer error=\"invalid_token\""));
    }
    let weak = on.manage("POST", "/management_keys", json!({ "name": "weak", "permissions": ["events:read"] })).await.expect(201);
    let bearer = format!("Bearer {}", weak["value"].as_str().unwrap());
    let answer = on.send("POST", "/oauth/introspect", &[("authorization", &bearer), FORM], format!("token={token}")).await;
    assert_eq!((answer.status.as_u16(), answer.header("www-authenticate")), (403, "Bearer error=\"insufficient_scope\""));
    for body in ["", "token=", "token=a&token=b"] {
        on.form("/oauth/introspect", &client, body).await.expect_oauth(400, "invalid_request");
    }
    on.form(&format!("/oauth/introspect?token={token}"), &client, "").await.expect_oauth(400, "invalid_request");
    on.send("GET", "/oauth/introspect", &[], "").await.expect_oauth(405, "invalid_request");
    on.form("/oauth/introspect", &client, &format!("token={}", "a".repeat(70_000))).await.expect_oauth(413, "invalid_request");
    let parts: Vec<&str> = token.split('.').collect();
    for garbage in ["x", "a.b.c", &format!("eyJhbGciOiJub25lIn0.{}.", parts[1]), &format!("{}.{}.AAAA", parts[0], parts[1])] {
        let answer = on.form("/oauth/introspect", &client, &format!("token={garbage}")).await;
        assert_eq!((answer.status.as_u16(), answer.text.as_str()), (200, "{\"active\":false}"));
    }
}

#[tokio::test]
async fn cases_197_to_200_an_active_token_answers_its_own_claims_to_those_who_may_know() {
    let on = Installation::new().await;
    let (client, other) = (on.application().await, on.application().await);
    let token = on.token(&client).await;
    let answer = on.form("/oauth/introspect", &client, &format!("token={token}&token_type_hint=nonsense")).await;
    assert_eq!((answer.header("cache-control"), answer.header("pragma")), ("no-store", "no-cache"));
    let mut expected = claims(&token);
    expected.as_object_mut().unwrap().extend([("active".to_owned(), json!(true)), ("token_type".to_owned(), json!("Bearer"))]);
    assert_eq!(answer.expect(200), expected);
    assert!(!on.active(&other, &token).await, "another client's token");
    assert!(on.active_for_operator(&token).await);
    let scoped = async |organization: &str| {
        let body = json!({ "name": "gateway", "permissions": ["tokens:introspect"], "organization_id": organization });
        on.manage("POST", "/management_keys", body).await.expect(201)
    };
    for (organization, sees) in [(&client.organization, true), (&other.organization, false)] {
        let key = scoped(organization).await;
        let gateway = basic(key["id"].as_str().unwrap(), key["value"].as_str().unwrap());
        let answer = on.send("POST", "/oauth/introspect", &[("authorization", &gateway), FORM], format!("token={token}")).await;
        assert_eq!(answer.expect(200)["active"], sees);
    }
    let gateway = basic(&scoped(&client.organization).await["id"].to_string(), MANAGEMENT_KEY);
    on.send("POST", "/oauth/introspect", &[("authorization", &gateway), FORM], format!("token={token}"))
        .await
        .expect_oauth(401, "invalid_client");
}

/// The request that ends something of a client: method, path and body.
type Death = Box<dyn Fn(&Client) -> (&'static str, String, Value)>;

/// Everything that must kill a token, each on an application of its own.
#[tokio::test]
async fn case_196_what_is_expired_revoked_deleted_disabled_suspended_or_compromised_is_not_active() {
    let on = Installation::new().await;
    let application = |client: &Client| format!("/connect/applications/{}", client.id);
    let organization = |client: &Client| format!("/organizations/{}", client.organization);
    let deaths: Vec<(&str, Death)> = vec![
        ("application deleted", Box::new(move |client| ("DELETE", application(client), Value::Null))),
        ("application disabled", Box::new(move |client| ("POST", application(client) + "/disable", Value::Null))),
        ("tokens revoked", Box::new(move |client| ("POST", application(client) + "/revoke_tokens", Value::Null))),
        ("scope lost", Box::new(move |client| ("PUT", application(client), json!({ "scopes": ["threads:read"] })))),
        (
            "secret deleted",
            Box::new(move |client| ("DELETE", format!("/connect/client_secrets/{}?force=true", client.secret_id), Value::Null)),
        ),
        ("organization suspended", Box::new(move |client| ("POST", organization(client) + "/suspend", Value::Null))),
        ("organization deleted", Box::new(move |client| ("DELETE", organization(client), Value::Null))),
    ];
    for (what, death) in &deaths {
        let client = on.application().await;
        let token = on.token(&client).await;
        assert!(on.active_for_operator(&token).await, "{what}");
        let (method, path, body) = death(&client);
        assert!(on.manage(method, &path, body).await.status.is_success(), "{what}");
        assert!(!on.active_for_operator(&token).await, "{what}");
    }
    let client = on.application().await;
    let token = on.token(&client).await;
    on.clock.advance(Duration::from_secs(300));
    assert!(!on.active(&client, &token).await, "case 184: inactive at exp, exactly");
}

#[tokio::test]
async fn what_was_ended_and_comes_back_does_not_bring_its_tokens_back() {
    let on = Installation::new().await;
    let client = on.application().await;
    for (end, back) in [
        (format!("/connect/applications/{}/disable", client.id), format!("/connect/applications/{}/enable", client.id)),
        (format!("/organizations/{}/suspend", client.organization), format!("/organizations/{}/reactivate", client.organization)),
    ] {
        let token = on.token(&client).await;
        on.manage("POST", &end, Value::Null).await.expect(200);
        on.manage("POST", &back, Value::Null).await.expect(200);
        assert!(!on.active(&client, &token).await);
        let fresh = on.token(&client).await;
        assert!(on.active(&client, &fresh).await);
    }
    let widened = on.token(&client).await;
    on.manage("PUT", &format!("/connect/applications/{}", client.id), json!({ "name": "renamed" })).await.expect(200);
    assert!(on.active(&client, &widened).await, "a new name takes nothing away");
}

#[tokio::test]
async fn cases_204_to_212_one_token_dies_and_its_siblings_live() {
    let on = Installation::new().await;
    let (client, other) = (on.application().await, on.application().await);
    let (one, sibling) = (on.token(&client).await, on.token(&client).await);
    on.form("/oauth/revoke", &other, &format!("token={one}")).await.expect_oauth(400, "invalid_request");
    assert!(on.active(&client, &one).await, "nothing was revoked");
    let revoked = on.form("/oauth/revoke", &client, &format!("token={one}&callback=jsonp")).await;
    assert_eq!((revoked.status.as_u16(), revoked.text.as_str(), revoked.header("cache-control")), (200, "", "no-store"));
    assert!(!on.active(&client, &one).await && on.active(&client, &sibling).await);
    for again in [one.as_str(), "garbage", "a.b.c"] {
        assert_eq!(on.form("/oauth/revoke", &client, &format!("token={again}")).await.status, 200);
    }
    on.send("POST", "/oauth/revoke", &[FORM], format!("token={sibling}")).await.expect_oauth(401, "invalid_client");
    for body in ["", "token=a&token=b"] {
        on.form("/oauth/revoke", &client, body).await.expect_oauth(400, "invalid_request");
    }
    on.send("GET", "/oauth/revoke", &[], "").await.expect_oauth(405, "invalid_request");
    let on = on.restart().await;
    assert!(!on.active(&client, &one).await, "it stays revoked after a restart");
    on.clock.advance(Duration::from_secs(299));
    on.app.authority.tick().await.unwrap();
    assert!(!on.active(&client, &one).await, "K25: an unexpired entry is never purged");
    assert!(on.event_names().await.contains(&"token.revoked".to_owned()));
}

#[tokio::test]
async fn case_213_a_deletion_racing_with_token_requests_leaves_no_active_token() {
    let on = std::sync::Arc::new(Installation::new().await);
    let client = on.application().await;
    let issuing: Vec<_> = (0..4)
        .map(|_| {
            let (on, client) = (on.clone(), client.clone());
            tokio::spawn(async move {
                let mut tokens = Vec::new();
                loop {
                    let answer = on.token_answer(&client, "").await;
                    if answer.status != 200 {
                        return tokens;
                    }
                    tokens.push(answer.json()["access_token"].as_str().unwrap().to_owned());
                    tokio::task::yield_now().await;
                }
            })
        })
        .collect();
    tokio::task::yield_now().await;
    on.manage("DELETE", &format!("/connect/applications/{}", client.id), Value::Null).await.expect(204);
    for task in issuing {
        for token in task.await.unwrap() {
            assert!(!on.active_for_operator(&token).await);
        }
    }
}

#[tokio::test]
async fn case_9_the_host_header_changes_nothing() {
    let on = Installation::new().await;
    let headers = [("host", "attacker.example"), ("x-forwarded-host", "attacker.example")];
    let metadata = on.send("GET", "/.well-known/oauth-authorization-server", &headers, "").await;
    assert_eq!(metadata.json()["issuer"], ISSUER);
    assert!(!metadata.text.contains("attacker"));
}
