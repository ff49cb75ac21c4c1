//! The token endpoint: RFC 6749 §3.2, §4.4, §5, RFC 8707, RFC 9068; cases 23 to 58 and 163 to 189.
mod fixture;

use fixture::{Client, ISSUER, Installation, basic, claims, header};
use serde_json::{Value, json};

const GRANT: &str = "grant_type=client_credentials";

#[tokio::test]
async fn cases_182_to_188_the_answer_and_the_token() {
    let on = Installation::new().await;
    let client = on.application().await;
    let answer = on.token_answer(&client, "").await;
    assert_eq!((answer.header("cache-control"), answer.header("pragma")), ("no-store", "no-cache"));
    assert_eq!((answer.header("content-type"), answer.header("set-cookie"), answer.header("etag")), ("application/json", "", ""));
    let body = answer.expect(200);
    let members: Vec<_> = body.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(members, ["access_token", "expires_in", "scope", "token_type"]);
    assert_eq!(
        (&body["token_type"], &body["expires_in"], &body["scope"]),
        (&json!("Bearer"), &json!(300), &json!("threads:read threads:write"))
    );
    let token = body["access_token"].as_str().unwrap();
    assert!(token.len() <= 1024, "{} bytes", token.len());
    let head = header(token);
    assert_eq!((&head["typ"], &head["alg"]), (&json!("at+jwt"), &json!("ES256")));
    assert_eq!(head.as_object().unwrap().len(), 3);
    let jwks = on.send("GET", "/.well-known/jwks.json", &[], "").await.expect(200);
    assert!(jwks["keys"].as_array().unwrap().iter().any(|key| key["kid"] == head["kid"]));
    let told = claims(token);
    assert_eq!((&told["iss"], &told["aud"]), (&json!(ISSUER), &json!(ISSUER)));
    assert_eq!((&told["sub"], &told["client_id"]), (&json!(client.client_id), &json!(client.client_id)));
    assert_eq!((&told["org_id"], &told["cred"], &told["gen"]), (&json!(client.organization), &json!(client.secret_id), &json!(1)));
    assert_eq!(told["exp"].as_u64().unwrap() - told["iat"].as_u64().unwrap(), 300);
    let principal =
        on.manage("GET", &format!("/organizations/{}", client.organization), Value::Null).await.expect(200)["principal"].clone();
    assert_eq!(told["principal"], principal);
    assert_eq!(told["jti"].as_str().unwrap().len(), 22, "16 bytes");
}

#[tokio::test]
async fn case_187_no_two_tokens_share_a_jti() {
    let on = Installation::new().await;
    let client = on.application().await;
    let mut seen = std::collections::HashSet::new();
    for _ in 0..1000 {
        assert!(seen.insert(claims(&on.token(&client).await)["jti"].to_string()));
    }
}

#[tokio::test]
async fn cases_23_to_26_only_post() {
    let on = Installation::new().await;
    for method in ["GET", "PUT", "PATCH", "DELETE", "TRACE", "BREW", "OPTIONS"] {
        let answer = on.send(method, "/oauth/token", &[("origin", "https://evil.example")], "").await;
        answer.expect_oauth(405, "invalid_request");
        assert_eq!((answer.header("allow"), answer.header("access-control-allow-origin")), ("POST", ""));
    }
    let head = on.send("HEAD", "/oauth/token", &[], "").await;
    assert_eq!((head.status.as_u16(), head.text.as_str(), head.header("allow")), (405, "", "POST"));
}

#[tokio::test]
async fn cases_27_to_32_the_content_type() {
    let on = Installation::new().await;
    let client = on.application().await;
    let basic = basic(&client.client_id, &client.secret);
    for wrong in [
        &["application/json"][..],
        &["multipart/form-data; boundary=x"],
        &[],
        &["application/x-www-form-urlencoded; charset=ISO-8859-1"],
        &["application/x-www-form-urlencoded; charset=utf-16"],
        &["application/x-www-form-urlencoded", "application/x-www-form-urlencoded"],
    ] {
        let mut headers = vec![("authorization", basic.as_str())];
        headers.extend(wrong.iter().map(|value| ("content-type", *value)));
        on.send("POST", "/oauth/token", &headers, GRANT).await.expect_oauth(400, "invalid_request");
    }
    for good in ["application/x-www-form-urlencoded; charset=UTF-8", "Application/X-WWW-Form-Urlencoded; Charset=\"utf-8\"; x=y"] {
        on.send("POST", "/oauth/token", &[("authorization", &basic), ("content-type", good)], GRANT).await.expect(200);
    }
}

#[tokio::test]
async fn cases_33_to_58_the_form() {
    let on = Installation::new().await;
    let client = on.application().await;
    for (body, code) in [
        ("", "invalid_request"),
        ("scope=threads:read", "invalid_request"),
        ("grant_type=", "invalid_request"),
        ("grant_type=client_credentials&grant_type=client_credentials", "invalid_request"),
        ("grant_type=client_credentials&scope=threads:read&scope=threads:read", "invalid_request"),
        ("grant_type=client_credentials&audience=a&audience=a", "invalid_request"),
        ("grant_type=foo", "unsupported_grant_type"),
        ("grant_type=Client_Credentials", "unsupported_grant_type"),
        ("grant_type=client_credentials+", "unsupported_grant_type"),
        ("grant_type=client_credentials%00", "invalid_request"),
        ("grant_type=password&username=a&password=b", "unsupported_grant_type"),
        ("grant_type=authorization_code&code=a", "unsupported_grant_type"),
        ("grant_type=refresh_token&refresh_token=a", "unsupported_grant_type"),
        ("grant_type=urn:ietf:params:oauth:grant-type:token-exchange", "unsupported_grant_type"),
        ("grant_type=client_credentials&scope=%zz", "invalid_request"),
        ("grant_type=client_credentials&scope=%f", "invalid_request"),
        ("grant_type=client_credentials&scope=%ff", "invalid_request"),
        ("grant_type=client_credentials&resource=a%0ab", "invalid_request"),
        ("grant_type=client_credentials&scope=%c0%80", "invalid_request"),
        ("grant_type=client_credentials&scope=%ed%a0%80", "invalid_request"),
        ("grant_type=client_credentials;scope=threads:read", "unsupported_grant_type"),
        ("\u{feff}grant_type=client_credentials", "invalid_request"),
    ] {
        let answer = on.form("/oauth/token", &client, body).await;
        assert_eq!(answer.json()["error"], code, "{body}: {answer:?}");
        answer.expect_oauth(400, code);
    }
    let many = format!("{GRANT}{}", "&x=1".repeat(64));
    on.form("/oauth/token", &client, &many).await.expect_oauth(400, "invalid_request");
    on.form("/oauth/token", &client, &format!("{GRANT}&{}=1", "n".repeat(257))).await.expect_oauth(400, "invalid_request");
    for good in [
        "grant_type=client_credentials&unknown=1",
        "grant_type=client_credentials&unknown=1&unknown=2",
        "grant_type=client_credentials&scope=threads:read+threads:write",
        "grant_type=client_credentials&scope=threads%3Aread%20threads:write",
        "grant_type=client_credentials&scope[]=a&scope.0=b",
        "&&grant_type=client_credentials&&",
        "grant_type=client_credentials&expires_in=999999",
    ] {
        on.form("/oauth/token", &client, good).await.expect(200);
    }
}

#[tokio::test]
async fn cases_53_54_parameters_never_come_from_the_url() {
    let on = Installation::new().await;
    let client = on.application().await;
    for query in ["grant_type=client_credentials", "client_id=x", "client_secret=x", "scope=a"] {
        on.form(&format!("/oauth/token?{query}"), &client, GRANT).await.expect_oauth(400, "invalid_request");
    }
    on.form("/oauth/token?utm=1", &client, GRANT).await.expect(200);
}

#[tokio::test]
async fn cases_163_to_173_scope() {
    let on = Installation::new().await;
    let client = on.application().await;
    let scope = async |asked: &str| on.token_answer(&client, asked).await.expect(200)["scope"].clone();
    assert_eq!(scope("").await, "threads:read threads:write");
    assert_eq!(scope("&scope=").await, "threads:read threads:write");
    assert_eq!(scope("&scope=threads:read").await, "threads:read");
    assert_eq!(scope("&scope=threads:write+threads:read+threads:write").await, "threads:read threads:write");
    for wrong in [
        "nope",
        "threads:read+nope",
        "%22",
        "a%5Cb",
        "a%09b",
        "%C3%A9",
        "+threads:read",
        "threads:read+",
        "threads:read++threads:write",
        "Threads:Read",
    ] {
        on.token_answer(&client, &format!("&scope={wrong}")).await.expect_oauth(400, "invalid_scope");
    }
    on.token_answer(&client, &format!("&scope={}", ["a"; 101].join("+"))).await.expect_oauth(400, "invalid_scope");
    on.token_answer(&client, &format!("&scope={}", "a".repeat(4097))).await.expect_oauth(400, "invalid_scope");
    let nothing = on.application_of(&client.organization, json!({ "scopes": null, "description": null })).await;
    let answer = on.token_answer(&nothing, "").await.expect(200);
    assert!(answer.get("scope").is_none() && claims(answer["access_token"].as_str().unwrap()).get("scope").is_none());
    on.manage("PUT", &format!("/connect/applications/{}", client.id), json!({ "scopes": ["threads:read"] })).await.expect(200);
    on.token_answer(&client, "&scope=threads:write").await.expect_oauth(400, "invalid_scope");
}

#[tokio::test]
async fn cases_172_to_181_resource() {
    let on = Installation::new().await;
    let client = on.application().await;
    let register = async |identifier: &str, more: Value| {
        let mut body = json!({ "identifier": identifier, "name": identifier });
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        on.manage("POST", "/resource_servers", body).await.expect(201)
    };
    let audience = async |client: &Client, asked: &str| {
        claims(on.token_answer(client, asked).await.expect(200)["access_token"].as_str().unwrap())["aud"].clone()
    };
    assert_eq!(audience(&client, &format!("&resource={ISSUER}")).await, ISSUER);
    register("https://a.example", json!({})).await;
    assert_eq!(audience(&client, "").await, "https://a.example");
    register("https://b.example", json!({ "access_token_ttl": 120 })).await;
    on.token_answer(&client, "").await.expect_oauth(400, "invalid_target");
    let unknown = on.token_answer(&client, "&resource=https://c.example").await;
    unknown.expect_oauth(400, "invalid_target");
    for wrong in ["relative", "https://a.example%23frag", "https://A.example", "https://a.example/", ISSUER] {
        assert_eq!(on.token_answer(&client, &format!("&resource={wrong}")).await.text, unknown.text);
    }
    on.token_answer(&client, "&resource=https://a.example&resource=https://b.example").await.expect_oauth(400, "invalid_target");
    on.token_answer(&client, "&resource=https://a.example&audience=https://b.example").await.expect_oauth(400, "invalid_target");
    assert_eq!(audience(&client, "&audience=https://b.example").await, "https://b.example");
    assert_eq!(on.token_answer(&client, "&resource=https://b.example").await.expect(200)["expires_in"], 120);
    let bound = on.application_of(&client.organization, json!({ "resources": ["https://b.example"] })).await;
    assert_eq!(audience(&bound, "").await, "https://b.example");
    on.token_answer(&bound, "&resource=https://a.example").await.expect_oauth(400, "invalid_target");
    register("https://d.example", json!({ "default": true })).await;
    assert_eq!(audience(&client, "").await, "https://d.example");
    let scoped = json!({ "slug": "b:read", "name": "b", "resource_server": "https://b.example" });
    on.manage("POST", "/authorization/permissions", scoped).await.expect(201);
    let holder = on.application_of(&client.organization, json!({ "scopes": ["b:read", "threads:read"] })).await;
    assert_eq!(on.token_answer(&holder, "&resource=https://b.example").await.expect(200)["scope"], "b:read threads:read");
    assert_eq!(on.token_answer(&holder, "&resource=https://a.example").await.expect(200)["scope"], "threads:read");
    on.token_answer(&holder, "&resource=https://a.example&scope=b:read").await.expect_oauth(400, "invalid_scope");
    on.token_answer(&client, "&organization=org_other").await.expect_oauth(400, "invalid_request");
    on.token_answer(&client, &format!("&resource=https://a.example&organization={}", client.organization)).await.expect(200);
}

#[tokio::test]
async fn no_database_statement_is_needed_for_a_token_or_an_introspection() {
    let on = Installation::new().await;
    let client = on.application().await;
    on.app.authority.close_store().await;
    let token = on.token(&client).await;
    // What others may have changed meanwhile is not known.
    let introspection = async || on.form("/oauth/introspect", &client, &format!("token={token}")).await;
    let introspected = async || {
        if on.lease().is_zero() { introspection().await.expect(200)["active"] == true } else { introspection().await.status == 503 }
    };
    assert!(introspected().await);
    let jwks = on.send("GET", "/.well-known/jwks.json", &[], "").await;
    assert_eq!(jwks.status, 200);
    let ready = on.send("GET", "/readyz", &[], "").await;
    assert_eq!(ready.expect(200)["status"], "degraded");
    let refused = on.manage("POST", "/organizations", json!({ "name": "b" })).await;
    assert_eq!((refused.status.as_u16(), refused.header("retry-after")), (503, "1"));
    let revoked = on.form("/oauth/revoke", &client, &format!("token={token}")).await;
    revoked.expect_oauth(503, "temporarily_unavailable");
    assert!(introspected().await, "case 210: not revoked, and nobody was told so");
}

#[tokio::test]
async fn a_jitter_shortens_what_clients_are_told_and_no_token() {
    let on = Installation::deployed(|deployment| deployment.expires_in_jitter = 20).await;
    let client = on.application().await;
    let mut told = Vec::new();
    for _ in 0..60 {
        let answer = on.token_answer(&client, "").await.expect(200);
        let token = claims(answer["access_token"].as_str().unwrap());
        assert_eq!(token["exp"].as_u64().unwrap() - token["iat"].as_u64().unwrap(), 300);
        told.push(answer["expires_in"].as_u64().unwrap());
    }
    assert!(told.iter().all(|seconds| (240..=300).contains(seconds)), "{told:?}");
    assert!(told.iter().max().unwrap() - told.iter().min().unwrap() > 30, "not spread: {told:?}");
}
