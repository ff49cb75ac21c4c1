//! Client authentication with secrets (RFC 6749 §2.3.1): cases 59 to 96.
mod fixture;

use std::time::Duration;

use fixture::{Client, FORM, Installation, basic};
use serde_json::{Value, json};

const GRANT: &str = "grant_type=client_credentials";

#[tokio::test]
async fn cases_59_to_66_every_failure_is_the_same_answer() {
    let on = Installation::new().await;
    let (client, other) = (on.application().await, on.application().await);
    let id = client.client_id.as_str();
    let mut typo = client.secret.clone();
    typo.replace_range(10..11, if &typo[10..11] == "x" { "y" } else { "x" });
    let unknown = id.replace(&id[id.len() - 4..], "0000");
    let mut seen = std::collections::HashSet::new();
    for (id, secret) in [
        (unknown.as_str(), client.secret.as_str()),
        (id, other.secret.as_str()),
        (id, ""),
        (id, &typo),
        (id, &client.secret[..52]),
        (id, &format!("{}0", client.secret)),
        (id, &client.secret.to_uppercase()),
        (&id.to_lowercase(), &client.secret),
        (&client.id, &client.secret),
        ("client_'; DROP TABLE application; --", &client.secret),
        ("", &client.secret),
    ] {
        let answer = on.send("POST", "/oauth/token", &[("authorization", &basic(id, secret)), FORM], GRANT).await;
        answer.expect_oauth(401, "invalid_client");
        seen.insert(answer.text.clone());
        let body = format!("{GRANT}&client_id={}&client_secret={secret}", id.replace(['\'', ' ', ';'], "+"));
        let answer = on.send("POST", "/oauth/token", &[FORM], body).await;
        answer.expect_oauth(401, "invalid_client");
        seen.insert(answer.text);
    }
    assert_eq!(seen.len(), 1, "byte for byte the same: {seen:?}");
    on.send("POST", "/oauth/token", &[FORM], GRANT).await.expect_oauth(401, "invalid_client");
    on.send("POST", "/oauth/token", &[FORM], format!("{GRANT}&client_id={id}")).await.expect_oauth(401, "invalid_client");
}

#[tokio::test]
async fn cases_67_to_82_one_method_of_client_authentication() {
    let on = Installation::new().await;
    let client = on.application().await;
    let (id, secret) = (client.client_id.as_str(), client.secret.as_str());
    let good = basic(id, secret);
    let post = async |headers: &[(&str, &str)], more: &str| {
        let mut all = vec![FORM];
        all.extend(headers);
        on.send("POST", "/oauth/token", &all, format!("{GRANT}{more}")).await
    };
    let with = [("authorization", good.as_str())];
    post(&with, &format!("&client_secret={secret}")).await.expect_oauth(400, "invalid_request");
    post(&with, "&client_assertion=x&client_assertion_type=y").await.expect_oauth(400, "invalid_request");
    post(&[], &format!("&client_id={id}&client_secret={secret}&client_assertion=x")).await.expect_oauth(400, "invalid_request");
    post(&with, &format!("&client_id={id}")).await.expect(200);
    post(&with, "&client_id=client_other").await.expect_oauth(400, "invalid_request");
    post(&[with[0], with[0]], "").await.expect_oauth(400, "invalid_request");
    post(&[], &format!("&client_id={id}&client_secret={secret}")).await.expect(200);
    for scheme in ["basic", "BASIC"] {
        post(&[("authorization", &good.replace("Basic", scheme))], "").await.expect(200);
    }
    let encoded = |text: &str| text.bytes().map(|byte| format!("%{byte:02X}")).collect::<String>();
    post(&[("authorization", &basic(&encoded(id), &encoded(secret)))], "").await.expect(200);
    for wrong in ["Basic !!!", "Basic YQ", "Basic", "Bearer abc", "Digest x", "Basic bm9jb2xvbg==", "Basic /////w=="] {
        post(&[("authorization", wrong)], "").await.expect_oauth(401, "invalid_client");
    }
    for (id, secret) in [("%zz", secret), (id, "%zz"), ("", secret), (&"c".repeat(300), secret), (id, &"s".repeat(2000))] {
        post(&[("authorization", &basic(id, secret))], "").await.expect_oauth(401, "invalid_client");
    }
}

#[tokio::test]
async fn cases_84_85_an_application_may_take_one_method_alone_and_never_none() {
    let on = Installation::new().await;
    let organization = on.organization("Acme").await;
    let client = on.application_of(&organization, json!({ "token_endpoint_auth_methods": ["client_secret_basic"] })).await;
    on.token(&client).await;
    let body = format!("{GRANT}&client_id={}&client_secret={}", client.client_id, client.secret);
    on.send("POST", "/oauth/token", &[FORM], body).await.expect_oauth(401, "invalid_client");
    let public = json!({ "name": "a", "organization_id": organization, "token_endpoint_auth_methods": ["none"] });
    on.manage("POST", "/connect/applications", public).await.expect(422);
}

#[tokio::test]
async fn cases_91_to_95_what_is_expired_disabled_suspended_or_deleted_obtains_nothing() {
    let on = Installation::new().await;
    let client = on.application().await;
    let application = format!("/connect/applications/{}", client.id);
    let reference = {
        let wrong = Client { secret: on.application().await.secret, ..client.clone() };
        on.token_answer(&wrong, "").await.text
    };
    let refused = async || {
        let answer = on.token_answer(&client, "").await;
        answer.expect_oauth(401, "invalid_client");
        assert_eq!(answer.text, reference);
    };
    on.manage("POST", &format!("{application}/disable"), Value::Null).await.expect(200);
    refused().await;
    on.manage("POST", &format!("{application}/enable"), Value::Null).await.expect(200);
    on.token(&client).await;
    on.manage("POST", &format!("/organizations/{}/suspend", client.organization), Value::Null).await.expect(200);
    refused().await;
    on.manage("POST", &format!("/organizations/{}/reactivate", client.organization), Value::Null).await.expect(200);
    on.token(&client).await;
    let expires = json!({ "expires_at": "2026-11-20T00:10:00Z", "name": "short" });
    let secret = on.manage("POST", &format!("{application}/client_secrets"), expires).await.expect(201);
    let short = Client { secret: secret["secret"].as_str().unwrap().into(), ..client.clone() };
    on.token(&short).await;
    on.clock.advance(Duration::from_secs(600));
    assert_eq!(on.token_answer(&short, "").await.text, reference);
    on.manage("DELETE", &application, Value::Null).await.expect(204);
    refused().await;
}

#[tokio::test]
async fn case_96_a_storm_is_answered_429_and_the_right_secret_still_passes() {
    let on = Installation::new().await;
    let client = on.application().await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (_stop, stopped) = tokio::sync::watch::channel(false);
    tokio::spawn(chancery::http::listen::serve(listener, on.router.clone(), on.app.clone(), stopped));
    let _ = rustls::crypto::ring::default_provider().install_default();
    let http = reqwest::Client::new();
    let attempt = async |secret: &str| {
        let request = http.post(format!("http://{address}/oauth/token")).basic_auth(&client.client_id, Some(secret));
        request.header(FORM.0, FORM.1).body(GRANT).send().await.unwrap()
    };
    let mut statuses = Vec::new();
    for _ in 0..700 {
        statuses.push(attempt("chs_wrong").await.status().as_u16());
    }
    assert_eq!(statuses[0], 401);
    // Fifty a second are let through all the same.
    let mut throttled = attempt("chs_wrong").await;
    while throttled.status() == 401 {
        throttled = attempt("chs_wrong").await;
    }
    assert_eq!((throttled.status().as_u16(), throttled.headers()["retry-after"].to_str().unwrap()), (429, "1"));
    assert_eq!(attempt(&client.secret).await.status(), 200);
}
