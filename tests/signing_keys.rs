//! Signing keys: K1 to K12, the JWK set (RFC 7517), and algorithms by resource server; cases 214 to 222.
mod fixture;

use std::time::Duration;

use fixture::{Installation, header};
use serde_json::{Value, json};

const HOUR: Duration = Duration::from_secs(3600);

async fn keys(on: &Installation, state: &str) -> Vec<Value> {
    let listed = on.manage("GET", "/signing_keys", Value::Null).await.expect(200);
    let of_tokens = |key: &&Value| key["purpose"] == "access_token" && key["state"] == state;
    listed["data"].as_array().unwrap().iter().filter(of_tokens).cloned().collect()
}

async fn kids(on: &Installation) -> Vec<String> {
    let jwks = on.send("GET", "/.well-known/jwks.json", &[], "").await.expect(200);
    jwks["keys"].as_array().unwrap().iter().map(|key| key["kid"].as_str().unwrap().to_owned()).collect()
}

fn kid(key: &Value) -> String {
    key["kid"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn cases_214_to_217_the_key_set() {
    let on = Installation::new().await;
    for alg in ["EdDSA", "RS256", "PS256"] {
        on.manage("POST", "/resource_servers", json!({ "identifier": format!("https://{alg}.example"), "name": alg, "signing_alg": alg }))
            .await
            .expect(201);
    }
    let answer = on.send("GET", "/.well-known/jwks.json", &[("origin", "https://any.example")], "").await;
    assert_eq!((answer.header("cache-control"), answer.header("access-control-allow-origin")), ("public, max-age=300", "*"));
    let keys = answer.json()["keys"].as_array().unwrap().clone();
    assert_eq!(keys.len(), 8, "an active one and its successor for each algorithm");
    for key in &keys {
        assert_eq!(key["use"], "sig");
        for private in ["d", "p", "q", "dp", "dq", "qi", "oth", "k"] {
            assert!(key.get(private).is_none());
        }
    }
    let distinct: std::collections::HashSet<_> = keys.iter().map(kid).collect();
    assert_eq!(distinct.len(), 8);
    let etag = answer.header("etag").to_owned();
    let known = on.send("GET", "/.well-known/jwks.json", &[("if-none-match", &etag)], "").await;
    assert_eq!((known.status.as_u16(), known.text.as_str()), (304, ""));
    let head = on.send("HEAD", "/.well-known/jwks.json", &[], "").await;
    assert_eq!((head.status.as_u16(), head.text.as_str()), (200, ""));
    assert_eq!(on.send("POST", "/.well-known/jwks.json", &[], "").await.status, 405);
    assert_eq!(on.send("GET", "/oauth2/jwks", &[], "").await.text, answer.text);
}

#[tokio::test]
async fn cases_220_to_222_the_metadata_names_what_works() {
    let on = Installation::new().await;
    let metadata = on.send("GET", "/.well-known/oauth-authorization-server", &[], "").await.expect(200);
    assert_eq!(metadata["grant_types_supported"], json!(["client_credentials"]));
    for absent in ["authorization_endpoint", "response_types_supported", "registration_endpoint"] {
        assert!(metadata.get(absent).is_none());
    }
    let client = on.application().await;
    for endpoint in ["token_endpoint", "introspection_endpoint", "revocation_endpoint"] {
        let path = metadata[endpoint].as_str().unwrap().strip_prefix(fixture::ISSUER).unwrap();
        on.form(path, &client, "grant_type=client_credentials&token=x").await.expect(200);
    }
    let openid = on.send("GET", "/.well-known/openid-configuration", &[], "").await.expect(200);
    assert_eq!((&openid["issuer"], &openid["subject_types_supported"]), (&metadata["issuer"], &json!(["public"])));
    assert_eq!(openid["id_token_signing_alg_values_supported"], json!(["ES256"]));
}

#[tokio::test]
async fn k8_rotation_is_refused_while_the_lead_runs_unless_forced() {
    let on = Installation::new().await;
    let client = on.application().await;
    let old = on.token(&client).await;
    let too_early = on.manage("POST", "/signing_keys/rotate", json!({})).await.expect(409);
    assert_eq!((&too_early["code"], &too_early["activates_at"]), (&json!("too_early"), &json!("2026-11-20T04:00:00.000Z")));
    let successor = kid(&keys(&on, "published").await[0]);
    on.clock.advance(4 * HOUR);
    let promoted = on.manage("POST", "/signing_keys/rotate", Value::Null).await.expect(200);
    assert_eq!((kid(&promoted), &promoted["state"]), (successor.clone(), &json!("active")));
    assert_eq!(kid(&header(&on.token(&client).await)), successor);
    assert_eq!((keys(&on, "active").await.len(), keys(&on, "published").await.len(), keys(&on, "retiring").await.len()), (1, 1, 1));
    assert!(kids(&on).await.contains(&kid(&header(&old))), "the old key verifies its tokens still");
    for _ in 0..3 {
        on.manage("POST", "/signing_keys/rotate", json!({ "force": true })).await.expect(200);
    }
    assert_eq!(on.manage("POST", "/signing_keys/rotate", json!({ "force": true })).await.expect(409)["code"], "too_many_keys");
    assert_eq!(kids(&on).await.len(), 6);
}

#[tokio::test]
async fn k8_scheduled_rotation_publishes_ahead_and_removes_late() {
    let on = Installation::new().await;
    let client = on.application().await;
    let (first, second) = (kid(&keys(&on, "active").await[0]), kid(&keys(&on, "published").await[0]));
    on.pass(30 * 24 * HOUR - Duration::from_secs(1)).await;
    let last_of_first = on.token(&client).await;
    assert_eq!(kid(&header(&last_of_first)), first);
    on.pass(Duration::from_secs(1)).await;
    assert_eq!(kid(&header(&on.token(&client).await)), second);
    assert!(on.active(&client, &last_of_first).await);
    on.pass(24 * HOUR).await;
    assert!(kids(&on).await.contains(&first), "a token may live a day");
    on.pass(Duration::from_secs(90)).await;
    assert!(!kids(&on).await.contains(&first));
    assert_eq!(keys(&on, "removed").await.len(), 1);
    let on = on.restart().await;
    assert_eq!(kid(&header(&on.token(&client).await)), second);
}

#[tokio::test]
async fn a_compromised_key_is_out_at_once_and_its_tokens_are_dead() {
    let on = Installation::new().await;
    let client = on.application().await;
    let token = on.token(&client).await;
    let (active, successor) = (kid(&keys(&on, "active").await[0]), kid(&keys(&on, "published").await[0]));
    let revoked = on.manage("POST", &format!("/signing_keys/{active}/revoke"), Value::Null).await.expect(200);
    assert_eq!(revoked["state"], "compromised");
    assert!(!kids(&on).await.contains(&active));
    assert!(!on.active(&client, &token).await);
    let fresh = on.token(&client).await;
    assert_eq!(kid(&header(&fresh)), successor);
    assert!(on.active(&client, &fresh).await);
    assert_eq!(keys(&on, "published").await.len(), 1);
    assert_eq!(on.manage("POST", &format!("/signing_keys/{active}/revoke"), Value::Null).await.expect(409)["code"], "not_published");
    on.manage("POST", "/signing_keys/nope/revoke", Value::Null).await.expect(404);
    let on = on.restart().await;
    assert!(!kids(&on).await.contains(&active) && !on.active(&client, &token).await);
}

#[tokio::test]
async fn k1_each_algorithm_and_typ_signs_and_introspects() {
    let on = Installation::new().await;
    let client = on.application().await;
    for (name, alg, typ) in [("a", "ES256", "at+jwt"), ("b", "EdDSA", "JWT"), ("c", "RS256", "JWT"), ("d", "PS256", "at+jwt")] {
        let identifier = format!("https://{name}.example");
        let body = json!({ "identifier": identifier, "name": name, "signing_alg": alg, "token_typ": typ, "claims": { "role": "api" } });
        on.manage("POST", "/resource_servers", body).await.expect(201);
        let answer = on.token_answer(&client, &format!("&resource={identifier}")).await.expect(200);
        let token = answer["access_token"].as_str().unwrap();
        assert_eq!((&header(token)["alg"], &header(token)["typ"]), (&json!(alg), &json!(typ)));
        assert_eq!(fixture::claims(token)["role"], "api");
        assert!(on.active(&client, token).await, "{alg}");
    }
    let spring = json!({ "identifier": "https://s.example", "name": "s", "preset": "spring" });
    let made = on.manage("POST", "/resource_servers", spring).await.expect(201);
    assert_eq!((&made["signing_alg"], &made["token_typ"]), (&json!("ES256"), &json!("JWT")));
    for wrong in [
        json!({ "identifier": "https://w.example", "name": "w", "signing_alg": "HS256" }),
        json!({ "identifier": "https://w.example", "name": "w", "signing_alg": "none" }),
        json!({ "identifier": "https://w.example", "name": "w", "preset": "unheard-of" }),
        json!({ "identifier": "https://w.example", "name": "w", "claims": { "sub": "me" } }),
        json!({ "identifier": "https://w.example#f", "name": "w" }),
        json!({ "identifier": "w", "name": "w" }),
        json!({ "identifier": "https://w.example", "name": "w", "status_enforcing": true, "access_token_ttl": 86401 }),
        json!({ "identifier": "https://w.example", "name": "w", "access_token_ttl": 3601 }),
    ] {
        on.manage("POST", "/resource_servers", wrong).await.expect(422);
    }
}

#[tokio::test]
async fn a_changed_algorithm_signs_only_when_its_key_was_published_for_the_lead() {
    let on = Installation::new().await;
    let client = on.application().await;
    let made = on.manage("POST", "/resource_servers", json!({ "identifier": "https://a.example", "name": "a" })).await.expect(201);
    let path = format!("/resource_servers/{}", made["id"].as_str().unwrap());
    let changed = on.manage("PATCH", &path, json!({ "signing_alg": "RS256" })).await.expect(200);
    assert_eq!((&changed["signing_alg"], &changed["activates_at"]), (&json!("RS256"), &json!("2026-11-20T04:00:00.000Z")));
    assert_eq!(kids(&on).await.len(), 3, "published, not signing yet");
    assert_eq!(header(&on.token(&client).await)["alg"], "ES256");
    on.clock.advance(4 * HOUR);
    assert_eq!(header(&on.token(&client).await)["alg"], "ES256", "until the new key is promoted");
    on.pass(Duration::ZERO).await;
    assert_eq!(header(&on.token(&client).await)["alg"], "RS256");
    let on = on.restart().await;
    assert_eq!(header(&on.token(&client).await)["alg"], "RS256");
    on.manage("DELETE", &path, Value::Null).await.expect(204);
}
