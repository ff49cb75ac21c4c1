//! Signing in to the console at an identity provider (OpenID Connect Core 1.0 §3.1, RFC 7636): a provider of our own that can say anything,
//! and what is made of it. With a stock one, in a browser: `tests/browser.rs`.
mod fixture;

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::extract::State;
use axum::routing::{get, post};
use axum::{Form, Json, Router};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chancery::domain::credential::Secret;
use chancery::openid::Registration;
use fixture::{Answer, Installation, MANAGEMENT_KEY};
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use serde_json::{Value, json};

const MINUTE: Duration = Duration::from_secs(60);

/// What the provider says next.
struct Said {
    header: Value,
    claims: Value,
    /// What came with the last code.
    exchanged: HashMap<String, String>,
    status: u16,
    /// How long the token endpoint takes.
    takes: Duration,
    /// Whether the signature is of other claims.
    forged: bool,
    /// What the UserInfo endpoint says, where there is one.
    userinfo: Value,
}

struct Provider {
    issuer: String,
    key: EcdsaKeyPair,
    said: Mutex<Said>,
}

fn encoded(value: &Value) -> String {
    URL_SAFE_NO_PAD.encode(value.to_string())
}

impl Provider {
    async fn start() -> Arc<Self> {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let random = SystemRandom::new();
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap();
        let key = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8.as_ref(), &random).unwrap();
        let said = Said {
            header: json!({ "alg": "ES256", "kid": "k1" }),
            claims: json!({}),
            exchanged: HashMap::new(),
            status: 200,
            takes: Duration::ZERO,
            forged: false,
            userinfo: Value::Null,
        };
        let issuer = format!("http://{}", listener.local_addr().unwrap());
        let provider = Arc::new(Self { issuer, key, said: Mutex::new(said) });
        let app = Router::new()
            .route("/.well-known/openid-configuration", get(discovery))
            .route("/jwks", get(jwks))
            .route("/token", post(token))
            .route("/userinfo", get(userinfo))
            .with_state(Arc::clone(&provider));
        tokio::spawn(async move { axum::serve(listener, app).await });
        provider
    }

    fn signed(&self, header: &Value, claims: &Value, forged: bool) -> String {
        let message = format!("{}.{}", encoded(header), encoded(claims));
        let signed = if forged { format!("{message}x") } else { message.clone() };
        let signature = self.key.sign(&SystemRandom::new(), signed.as_bytes()).unwrap();
        format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
}

async fn discovery(State(provider): State<Arc<Provider>>) -> Json<Value> {
    let issuer = &provider.issuer;
    let mut document = json!({
        "issuer": issuer, "authorization_endpoint": format!("{issuer}/authorize"), "token_endpoint": format!("{issuer}/token"),
        "jwks_uri": format!("{issuer}/jwks"),
    });
    if !provider.said.lock().unwrap().userinfo.is_null() {
        document["userinfo_endpoint"] = format!("{issuer}/userinfo").into();
    }
    Json(document)
}

async fn userinfo(State(provider): State<Arc<Provider>>, headers: axum::http::HeaderMap) -> Json<Value> {
    assert_eq!(headers["authorization"], "Bearer opens-userinfo");
    Json(provider.said.lock().unwrap().userinfo.clone())
}

async fn jwks(State(provider): State<Arc<Provider>>) -> Json<Value> {
    let point = provider.key.public_key().as_ref();
    let (x, y) = (URL_SAFE_NO_PAD.encode(&point[1..33]), URL_SAFE_NO_PAD.encode(&point[33..]));
    Json(json!({ "keys": [{ "kty": "EC", "crv": "P-256", "kid": "k1", "use": "sig", "x": x, "y": y }] }))
}

async fn token(
    State(provider): State<Arc<Provider>>,
    headers: axum::http::HeaderMap,
    Form(form): Form<HashMap<String, String>>,
) -> (axum::http::StatusCode, Json<Value>) {
    let takes = provider.said.lock().unwrap().takes;
    tokio::time::sleep(takes).await;
    let mut said = provider.said.lock().unwrap();
    said.exchanged = form;
    said.exchanged.insert("authorization".into(), headers["authorization"].to_str().unwrap().into());
    let status = axum::http::StatusCode::from_u16(said.status).unwrap();
    if said.status != 200 {
        return (status, Json(json!({ "error": "invalid_grant" })));
    }
    let id_token = provider.signed(&said.header, &said.claims, said.forged);
    (status, Json(json!({ "access_token": "opens-userinfo", "token_type": "Bearer", "expires_in": 60, "id_token": id_token })))
}

struct Console {
    on: Installation,
    provider: Arc<Provider>,
}

/// One sign-in under way: the browser's cookie, and what the provider was sent.
struct Away {
    cookie: String,
    sent: HashMap<String, String>,
}

fn cookie_of(answer: &Answer, name: &str) -> Option<String> {
    let cookies = answer.headers.get_all("set-cookie").iter().map(|value| value.to_str().unwrap());
    cookies.filter_map(|cookie| cookie.split(';').next()).find(|cookie| cookie.starts_with(name)).map(str::to_owned)
}

impl Console {
    async fn new() -> Self {
        let provider = Provider::start().await;
        let registration = Registration {
            issuer: provider.issuer.clone(),
            client_id: "chancery".into(),
            client_secret: Some(Arc::new(Secret::presented("the provider's secret"))),
        };
        let on = Installation::deployed(|deployment| deployment.openid = Some(registration)).await;
        Self { on, provider }
    }

    async fn key_of(&self, signs_in_as: &str, permissions: &[&str]) -> Value {
        let body = json!({ "name": signs_in_as, "permissions": permissions, "signs_in_as": signs_in_as });
        self.on.manage("POST", "/management_keys", body).await.expect(201)
    }

    async fn leave(&self, path: &str, session: &str) -> Away {
        let answer = self.on.send("GET", path, &[("cookie", session)], "").await;
        assert_eq!(answer.status, 303, "{answer:?}");
        let url = url::Url::parse(answer.header("location")).unwrap();
        assert!(url.as_str().starts_with(&format!("{}/authorize?", self.provider.issuer)), "{url}");
        assert!(answer.header("set-cookie").contains("SameSite=Lax") && answer.header("set-cookie").contains("HttpOnly"), "{answer:?}");
        let cookie = cookie_of(&answer, "__Host-chancery-openid").unwrap();
        Away { cookie, sent: url.query_pairs().into_owned().collect() }
    }

    /// What a good provider says of Ada.
    fn good(&self, away: &Away) -> Value {
        let now = self.on.clock.now().seconds();
        json!({
            "iss": self.provider.issuer, "sub": "248289761001", "aud": "chancery", "exp": now + 60, "iat": now, "nonce": away.sent["nonce"],
            "email": "Ada@example.com", "email_verified": true, "auth_time": now,
        })
    }

    async fn back(&self, away: &Away, claims: Value) -> Answer {
        self.provider.said.lock().unwrap().claims = claims;
        let path = format!("/console/openid/callback?code=the-code&state={}", away.sent["state"]);
        self.on.send("GET", &path, &[("cookie", &away.cookie)], "").await
    }

    async fn get(&self, session: &str, path: &str) -> Answer {
        self.on.send("GET", path, &[("cookie", session)], "").await
    }
}

#[tokio::test]
async fn oidc_core_3_1_2_an_operator_signs_in_as_the_management_key_that_names_him() {
    let console = Console::new().await;
    console.key_of("ada@example.com", &["organizations:read"]).await;
    let page = console.get("", "/console/sign_in").await;
    assert!(page.text.contains("href=\"/console/openid\"") && page.text.contains("127.0.0.1"), "{page:?}");
    let away = console.leave("/console/openid", "").await;
    for (name, value) in [
        ("response_type", "code"),
        ("client_id", "chancery"),
        ("redirect_uri", "https://auth.example.com/console/openid/callback"),
        ("scope", "openid email"),
        ("code_challenge_method", "S256"),
    ] {
        assert_eq!(away.sent[name], value);
    }
    let answer = console.back(&away, console.good(&away)).await;
    // The session's cookie is sent from our own page only: there is one in between, and it goes on by itself.
    assert!(answer.status == 200 && answer.text.contains("http-equiv=\"refresh\" content=\"0; url=/console\""), "{answer:?}");
    let session = cookie_of(&answer, "__Host-chancery-console").unwrap();
    assert_eq!(cookie_of(&answer, "__Host-chancery-openid").as_deref(), Some("__Host-chancery-openid="), "{answer:?}");
    let home = console.get(&session, "/console").await;
    assert!(home.status == 200 && home.text.contains("ada@example.com"), "{home:?}");
    assert_eq!(console.get(&session, "/console/management_keys").await.status, 403, "he may what the key may");
    let exchanged = console.provider.said.lock().unwrap().exchanged.clone();
    assert_eq!(exchanged["grant_type"], "authorization_code");
    assert_eq!(exchanged["code"], "the-code");
    let challenge = ring::digest::digest(&ring::digest::SHA256, exchanged["code_verifier"].as_bytes());
    assert_eq!(URL_SAFE_NO_PAD.encode(challenge), away.sent["code_challenge"], "RFC 7636 §4.6");
    let basic = base64::engine::general_purpose::STANDARD.encode("chancery:the+provider%27s+secret");
    assert_eq!(exchanged["authorization"], format!("Basic {basic}"), "RFC 6749 §2.3.1");
    assert!(!answer.text.contains("the-code"));
}

#[tokio::test]
async fn oidc_core_3_1_3_7_an_id_token_that_is_not_for_this_sign_in_lets_nobody_in() {
    let console = Console::new().await;
    console.key_of("ada@example.com", &["*"]).await;
    let now = console.on.clock.now().seconds();
    let changes: Vec<(&str, Value)> = vec![
        ("iss", json!("https://evil.example")),
        ("aud", json!("another")),
        ("aud", json!(["chancery", "another"])),
        ("azp", json!("another")),
        ("exp", json!(now - 61)),
        ("exp", Value::Null),
        ("iat", json!(now + 120)),
        ("nonce", json!("another")),
        ("nonce", Value::Null),
        ("email_verified", json!(false)),
        ("email_verified", Value::Null),
        ("email", json!("eve@example.com")),
    ];
    for (claim, value) in changes {
        let away = console.leave("/console/openid", "").await;
        let mut claims = console.good(&away);
        claims[claim] = value.clone();
        let answer = console.back(&away, claims).await;
        assert!(answer.status == 403 && cookie_of(&answer, "__Host-chancery-console").is_none(), "{claim}={value}: {answer:?}");
    }
    for header in [
        json!({ "alg": "none" }),
        json!({ "alg": "HS256", "kid": "k1" }),
        json!({ "alg": "ES256", "kid": "k2" }),
        json!({ "alg": "RS256", "kid": "k1" }),
    ] {
        console.provider.said.lock().unwrap().header = header.clone();
        let away = console.leave("/console/openid", "").await;
        let answer = console.back(&away, console.good(&away)).await;
        assert!(answer.status == 403 && cookie_of(&answer, "__Host-chancery-console").is_none(), "{header}: {answer:?}");
    }
    console.provider.said.lock().unwrap().header = json!({ "alg": "ES256", "kid": "k1" });
    console.provider.said.lock().unwrap().forged = true;
    let away = console.leave("/console/openid", "").await;
    assert_eq!(console.back(&away, console.good(&away)).await.status, 403, "the signature is of something else");
    console.provider.said.lock().unwrap().forged = false;
    console.provider.said.lock().unwrap().header = json!({ "alg": "ES256" });
    let away = console.leave("/console/openid", "").await;
    assert_eq!(console.back(&away, console.good(&away)).await.status, 200, "a set of one key needs no kid");
}

#[tokio::test]
async fn rfc6749_10_12_an_answer_to_a_sign_in_that_another_browser_began_is_refused() {
    let console = Console::new().await;
    console.key_of("ada@example.com", &["*"]).await;
    let (victim, attacker) = (console.leave("/console/openid", "").await, console.leave("/console/openid", "").await);
    let planted = Away { cookie: victim.cookie.clone(), sent: attacker.sent.clone() };
    assert_eq!(console.back(&planted, console.good(&attacker)).await.status, 403);
    let without = Away { cookie: String::new(), sent: attacker.sent.clone() };
    assert_eq!(console.back(&without, console.good(&attacker)).await.status, 403);
    let elsewhere = format!("/console/openid/callback?code=the-code&state={}&iss=https%3A%2F%2Fevil.example", victim.sent["state"]);
    console.provider.said.lock().unwrap().claims = console.good(&victim);
    assert_eq!(console.get(&victim.cookie, &elsewhere).await.status, 403, "RFC 9207");
    // What the browser keeps says what has to be proved: it can be neither written nor changed.
    let mut forged = victim.cookie.clone();
    forged.replace_range(forged.len() - 4.., "AAAA");
    for cookie in [forged, "__Host-chancery-openid=eyJhdHRlbXB0Ijp7fX0".into()] {
        let away = Away { cookie, sent: victim.sent.clone() };
        assert_eq!(console.back(&away, console.good(&victim)).await.status, 403);
    }
    console.on.pass(11 * MINUTE).await;
    let late = console.back(&victim, console.good(&victim)).await;
    assert!(late.status == 403 && late.text.contains("longer than ten minutes"), "{late:?}");
    let victim = console.leave("/console/openid", "").await;
    let refused = format!("/console/openid/callback?error=access_denied%3Cscript%3E&state={}", victim.sent["state"]);
    let refused = console.get(&victim.cookie, &refused).await;
    assert!(refused.status == 403 && refused.text.contains("access_deniedscript"), "{refused:?}");
    console.provider.said.lock().unwrap().status = 400;
    let answer = console.back(&victim, console.good(&victim)).await;
    assert!(answer.status == 403 && answer.text.contains("invalid_grant"), "{answer:?}");
}

#[tokio::test]
async fn who_is_known_to_the_provider_and_to_no_key_is_told_what_is_missing() {
    let console = Console::new().await;
    let away = console.leave("/console/openid", "").await;
    let answer = console.back(&away, console.good(&away)).await;
    assert!(answer.status == 403 && answer.text.contains("no management key says that ada@example.com signs in as it"), "{answer:?}");
    // By his sub, which is no address.
    console.key_of("248289761001", &["*"]).await;
    let away = console.leave("/console/openid", "").await;
    assert_eq!(console.back(&away, console.good(&away)).await.status, 200);
    let away = console.leave("/console/openid", "").await;
    let mut posing = console.good(&away);
    (posing["sub"], posing["email"]) = (json!("root@example.com"), Value::Null);
    console.key_of("root@example.com", &["*"]).await;
    assert_eq!(console.back(&away, posing).await.status, 403, "a sub that looks like an address is none");
}

#[tokio::test]
async fn case_263_who_signed_in_at_the_provider_proves_himself_there_again() {
    let console = Console::new().await;
    console.key_of("ada@example.com", &["*"]).await;
    let organization = console.on.organization("Acme").await;
    let away = console.leave("/console/openid", "").await;
    let session = cookie_of(&console.back(&away, console.good(&away)).await, "__Host-chancery-console").unwrap();
    console.on.pass(6 * MINUTE).await;
    let delete = format!("/console/organizations/{organization}/delete");
    let asked = console.get(&session, &delete).await;
    let page = console.get(&session, asked.header("location")).await;
    assert!(page.text.contains("/console/openid/again?next=organizations"), "{page:?}");
    let again = format!("/console/openid/again?next=organizations/{organization}/delete");
    // Nor does it to sign in once more, where the provider asks nothing: it only says that he is in there.
    for silent in [json!(console.on.clock.now().seconds() - 3600), Value::Null] {
        let away = console.leave("/console/openid", "").await;
        let mut claims = console.good(&away);
        claims["auth_time"] = silent;
        let renewed = cookie_of(&console.back(&away, claims).await, "__Host-chancery-console").unwrap();
        assert_eq!(console.get(&renewed, "/console").await.status, 200);
        assert!(console.get(&renewed, &delete).await.header("location").starts_with("/console/confirm"), "it confirms nothing");
    }
    let away = console.leave(&again, &session).await;
    assert_eq!((away.sent["prompt"].as_str(), away.sent["max_age"].as_str()), ("login", "0"));
    let mut stale = console.good(&away);
    stale["auth_time"] = json!(console.on.clock.now().seconds() - 300);
    assert_eq!(console.back(&away, stale).await.status, 403, "a sign-in of before proves nothing now");
    let away = console.leave(&again, &session).await;
    let answer = console.back(&away, console.good(&away)).await;
    assert!(answer.status == 200 && answer.text.contains(&format!("url={delete}")), "{answer:?}");
    let confirmed = cookie_of(&answer, "__Host-chancery-console").unwrap();
    assert_eq!(console.get(&session, &delete).await.status, 303, "the session goes on under another name");
    assert_eq!(console.get(&confirmed, &delete).await.status, 200);
    // Another person's proof confirms nothing of hers.
    console.key_of("eve@example.com", &["*"]).await;
    let away = console.leave(&again, &confirmed).await;
    let mut eve = console.good(&away);
    (eve["sub"], eve["email"]) = (json!("eve"), json!("eve@example.com"));
    assert_eq!(console.back(&away, eve).await.status, 403);
}

#[tokio::test]
async fn a_person_signs_in_as_one_key_and_only_the_installation_says_which() {
    let console = Console::new().await;
    console.key_of("ada@example.com", &["*"]).await;
    let body = json!({ "name": "x", "permissions": ["*"], "signs_in_as": "ADA@example.com" });
    let taken = console.on.manage("POST", "/management_keys", body.clone()).await;
    assert!(taken.status == 422 && taken.text.contains("delete that one first"), "{taken:?}");
    for wrong in ["", "two words", "a@b@c", "ü"] {
        let body = json!({ "name": "x", "permissions": ["*"], "signs_in_as": wrong });
        assert_eq!(console.on.manage("POST", "/management_keys", body).await.status, 422, "{wrong}");
    }
    let organization = console.on.organization("Acme").await;
    let bound = console.on.management_key(&["*"], Some(&organization)).await;
    let body = json!({ "name": "x", "permissions": ["*"], "signs_in_as": "eve@example.com" });
    assert_eq!(console.on.manage_as(&bound, "POST", "/management_keys", body, &[]).await.status, 403);
    assert_ne!(bound, MANAGEMENT_KEY);
}

#[tokio::test]
async fn a_provider_that_is_away_or_is_another_is_told_of_and_management_keys_still_open_the_console() {
    let dead = Registration { issuer: "http://127.0.0.1:9".into(), client_id: "chancery".into(), client_secret: None };
    let on = Installation::deployed(|deployment| deployment.openid = Some(dead)).await;
    let answer = on.send("GET", "/console/openid", &[], "").await;
    assert!(answer.status == 502 && answer.text.contains("Sign in with a management key"), "{answer:?}");
    let provider = Provider::start().await;
    let other = Registration { issuer: format!("{}/", provider.issuer), client_id: "chancery".into(), client_secret: None };
    let on = Installation::deployed(|deployment| deployment.openid = Some(other)).await;
    let answer = on.send("GET", "/console/openid", &[], "").await;
    assert!(answer.status == 403 && answer.text.contains("is of the issuer"), "{answer:?}");
    let without = Installation::new().await;
    assert_eq!(without.send("GET", "/console/openid", &[], "").await.status, 404);
    assert!(!without.send("GET", "/console/sign_in", &[], "").await.text.contains("identity provider"));
}

#[tokio::test]
async fn oidc_core_5_3_2_a_provider_that_keeps_its_id_tokens_short_is_asked_for_the_address() {
    let console = Console::new().await;
    console.key_of("ada@example.com", &["*"]).await;
    for (sub, verified, status) in [("248289761001", true, 200), ("somebody else", true, 403), ("248289761001", false, 403)] {
        let userinfo = json!({ "sub": sub, "email": "ada@example.com", "email_verified": verified });
        console.provider.said.lock().unwrap().userinfo = userinfo;
        let away = console.leave("/console/openid", "").await;
        let mut claims = console.good(&away);
        (claims["email"], claims["email_verified"]) = (Value::Null, Value::Null);
        assert_eq!(console.back(&away, claims).await.status, status, "{sub} {verified}");
    }
}

#[tokio::test]
async fn a_provider_may_take_longer_than_the_store() {
    let console = Console::new().await;
    console.key_of("ada@example.com", &["*"]).await;
    console.provider.said.lock().unwrap().takes = Duration::from_millis(2500);
    let away = console.leave("/console/openid", "").await;
    let answer = console.back(&away, console.good(&away)).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let events = console.on.manage("GET", "/events?events=console_session.created", Value::Null).await.expect(200);
    assert_eq!(events["data"][0]["context"]["actor"]["source"], "console", "{events}");
}

#[tokio::test]
async fn who_opened_another_name_of_this_host_begins_where_the_provider_sends_him_back_to() {
    let console = Console::new().await;
    let answer = console.on.send("GET", "/console/openid", &[("host", "localhost:8080")], "").await;
    assert_eq!((answer.status.as_u16(), answer.header("location")), (303, "https://auth.example.com/console/openid"));
}
