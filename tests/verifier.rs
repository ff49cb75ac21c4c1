//! The verifier crate against the real authority: K6, cases 124 to 143 as they apply to access tokens, and its cache of keys.
mod fixture;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::extract::{FromRef, State};
use axum::routing::get;
use axum::{Extension, Json, Router};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chancery_verifier::{
    AccessToken, Bearer, Challenge, DiscoverError, Expectation, KeySet, RequireAccessToken, TokenType, Verifier, VerifyError, verify,
};
use fixture::{ISSUER, Installation};
use serde_json::{Value, json};

async fn key_set(on: &Installation) -> KeySet {
    KeySet::parse(on.send("GET", "/.well-known/jwks.json", &[], "").await.text.as_bytes()).unwrap()
}

const NOW: u64 = 1_795_132_800;

fn expectation(types: &[TokenType]) -> Expectation<'_> {
    Expectation { issuer: ISSUER, audience: Some(ISSUER), types, leeway: 0, now: NOW }
}

const ACCESS: &[TokenType] = &[TokenType::AccessToken];

/// Signs whatever header and claims with a key of the test's own, and gives the set that verifies it.
struct Forge {
    pair: ring::signature::EcdsaKeyPair,
    keys: KeySet,
}

impl Forge {
    fn new() -> Self {
        use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
        // Tests of one process share jsonwebtoken's provider: it must be the one that also signs.
        chancery::keys::provider::install();
        let random = ring::rand::SystemRandom::new();
        let document = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap();
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, document.as_ref(), &random).unwrap();
        let point = pair.public_key().as_ref();
        let (x, y) = (URL_SAFE_NO_PAD.encode(&point[1..33]), URL_SAFE_NO_PAD.encode(&point[33..]));
        let jwks = json!({ "keys": [{ "kty": "EC", "crv": "P-256", "alg": "ES256", "use": "sig", "kid": "k", "x": x, "y": y }] });
        Self { pair, keys: KeySet::parse(jwks.to_string().as_bytes()).unwrap() }
    }

    fn sign(&self, header: &str, claims: &str) -> String {
        let message = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
        let signature = self.pair.sign(&ring::rand::SystemRandom::new(), message.as_bytes()).unwrap();
        format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
}

const HEADER: &str = r#"{"typ":"at+jwt","alg":"ES256","kid":"k"}"#;

fn claims() -> Value {
    json!({
        "iss": ISSUER, "sub": "client_x", "aud": ISSUER, "exp": NOW + 300, "iat": NOW, "jti": "j", "client_id": "client_x", "org_id": "org_x",
        "principal": { "type": "organization", "id": "prn_x" }, "cred": "secret_x", "gen": 1
    })
}

#[test]
fn k6_every_deviation_is_refused() {
    let forge = Forge::new();
    let check = |token: &str| verify(token, &forge.keys, &expectation(ACCESS));
    assert!(check(&forge.sign(HEADER, &claims().to_string())).is_ok());
    assert!(check(&forge.sign(&HEADER.replace("at+jwt", "application/at+jwt"), &claims().to_string())).is_ok());
    for header in [
        r#"{"typ":"JWT","alg":"ES256","kid":"k"}"#,
        r#"{"typ":"dpop+jwt","alg":"ES256","kid":"k"}"#,
        r#"{"alg":"ES256","kid":"k"}"#,
        r#"{"typ":"at+jwt","alg":"ES256"}"#,
        r#"{"typ":"at+jwt","alg":"none","kid":"k"}"#,
        r#"{"typ":"at+jwt","alg":"nOnE","kid":"k"}"#,
        r#"{"typ":"at+jwt","alg":"HS256","kid":"k"}"#,
        r#"{"typ":"at+jwt","alg":"RS256","kid":"k"}"#,
        r#"{"typ":"at+jwt","alg":"ES256","kid":"../../dev/null"}"#,
        r#"{"typ":"at+jwt","alg":"ES256","kid":{"a":1}}"#,
        r#"{"typ":"at+jwt","alg":"ES256","kid":"k","crit":["x"]}"#,
        r#"{"typ":"at+jwt","alg":"ES256","kid":"k","crit":[]}"#,
        r#"{"typ":"at+jwt","alg":"ES256","kid":"k","b64":false}"#,
        r#"{"typ":"at+jwt","alg":"ES256","kid":"k","jku":"https://evil.example"}"#,
        r#"{"typ":"at+jwt","alg":"ES256","kid":"k","jwk":{}}"#,
        r#"{"typ":"at+jwt","alg":"ES256","kid":"k","zip":"DEF"}"#,
        r#"{"typ":"at+jwt","alg":"ES256","kid":"k","kid":"k"}"#,
        "null",
        "[]",
    ] {
        assert!(check(&forge.sign(header, &claims().to_string())).is_err(), "{header}");
    }
    for (member, wrong) in [
        ("iss", json!("https://auth.example.com/")),
        ("iss", json!([ISSUER])),
        ("aud", json!([ISSUER])),
        ("aud", json!("https://other.example")),
        ("aud", json!(123)),
        ("exp", json!(NOW)),
        ("exp", json!("9999999999")),
        ("exp", json!(9_999_999_999.5)),
        ("exp", json!(-1)),
        ("iat", json!(NOW + 61)),
        ("nbf", json!(NOW + 61)),
        ("sub", json!(7)),
        ("jti", json!("")),
        ("scope", json!("a  b")),
        ("scope", json!(["a"])),
        ("gen", json!("1")),
        ("principal", json!("prn_x")),
    ] {
        let mut changed = claims();
        changed[member] = wrong.clone();
        assert!(check(&forge.sign(HEADER, &changed.to_string())).is_err(), "{member}: {wrong}");
    }
    for member in ["iss", "sub", "aud", "exp", "iat", "jti", "client_id", "org_id", "principal", "cred", "gen"] {
        let mut changed = claims();
        changed.as_object_mut().unwrap().remove(member);
        assert!(check(&forge.sign(HEADER, &changed.to_string())).is_err(), "without {member}");
    }
    let twice = claims().to_string().replacen('{', "{\"aud\":\"https://evil.example\",", 1);
    assert!(matches!(check(&forge.sign(HEADER, &twice)), Err(VerifyError::Claims(_))));
    let good = forge.sign(HEADER, &claims().to_string());
    for wrong in [
        format!("{good}="),
        format!("{good}."),
        format!(" {good}"),
        good.replace('.', ".."),
        good.rsplit_once('.').unwrap().0.to_owned(),
        "x".repeat(4097),
    ] {
        assert!(check(&wrong).is_err(), "{wrong}");
    }
    let (message, signature) = good.rsplit_once('.').unwrap();
    let bytes = URL_SAFE_NO_PAD.decode(signature).unwrap();
    for forged in [vec![0; 64], bytes[..63].to_vec(), [&bytes[..], &[0]].concat(), vec![0xff; 64]] {
        assert!(check(&format!("{message}.{}", URL_SAFE_NO_PAD.encode(forged))).is_err());
    }
}

#[test]
fn k1_a_key_set_that_cannot_be_trusted_is_refused_and_foreign_keys_are_passed_over() {
    let ec = json!({ "kty": "EC", "crv": "P-256", "alg": "ES256", "use": "sig", "kid": "k", "x": URL_SAFE_NO_PAD.encode([1; 32]), "y": URL_SAFE_NO_PAD.encode([1; 32]) });
    let with = |member: &str, value: Value| {
        let mut key = ec.clone();
        key[member] = value;
        key
    };
    let parse = |keys: Value| KeySet::parse(json!({ "keys": keys }).to_string().as_bytes());
    assert!(parse(json!([ec])).is_ok_and(|set| set.contains("k")));
    assert!(parse(json!([ec, { "kty": "AKP", "alg": "ML-DSA-65", "kid": "q" }])).is_ok());
    for bad in [
        json!([]),
        json!([with("d", json!("x"))]),
        json!([ec, ec]),
        json!([with("alg", json!("RS256"))]),
        json!([with("use", json!("enc"))]),
        json!([with("kty", json!("oct"))]),
    ] {
        assert!(parse(bad.clone()).is_err(), "{bad}");
    }
}

#[tokio::test]
async fn our_tokens_verify_with_the_published_keys() {
    let on = Installation::new().await;
    let client = on.application().await;
    let token = on.token(&client).await;
    let verified = verify(&token, &key_set(&on).await, &expectation(ACCESS)).unwrap();
    assert_eq!((verified.organization(), verified.client_id.as_str()), (client.organization.as_str(), client.client_id.as_str()));
    assert!(verified.require_scope("threads:read").is_ok() && verified.require_scope("admin").is_err());
    assert!(matches!(verify(&token, &key_set(&on).await, &expectation(&[TokenType::Jwt])), Err(VerifyError::Type)));
}

/// An issuer on a real port whose keys and availability the test decides, and that counts what it is asked.
#[derive(Clone)]
struct Issuer {
    base: String,
    fetches: Arc<AtomicUsize>,
    jwks: Arc<std::sync::Mutex<Option<String>>>,
}

async fn issuer(jwks: String) -> Issuer {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let issuer = Issuer { base: base.clone(), fetches: Arc::default(), jwks: Arc::new(std::sync::Mutex::new(Some(jwks))) };
    let metadata = move |State(issuer): State<Issuer>| async move {
        Json(json!({ "issuer": issuer.base, "jwks_uri": format!("{}/jwks", issuer.base) }))
    };
    let serve_keys = |State(issuer): State<Issuer>| async move {
        issuer.fetches.fetch_add(1, Ordering::SeqCst);
        tokio::time::sleep(Duration::from_millis(20)).await;
        let jwks = issuer.jwks.lock().unwrap().clone();
        jwks.ok_or(axum::http::StatusCode::SERVICE_UNAVAILABLE)
    };
    let router = Router::new()
        .route("/.well-known/oauth-authorization-server", get(metadata))
        .route("/jwks", get(serve_keys))
        .with_state(issuer.clone());
    tokio::spawn(async move { axum::serve(listener, router).await });
    issuer
}

fn unknown_kid() -> String {
    let encode = |value: Value| URL_SAFE_NO_PAD.encode(value.to_string());
    format!(
        "{}.{}.{}",
        encode(json!({ "typ": "at+jwt", "alg": "ES256", "kid": "unknown" })),
        encode(json!({})),
        URL_SAFE_NO_PAD.encode([1; 64])
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_kid_cannot_stampede_the_issuer() {
    let on = Installation::new().await;
    let issuer = issuer(on.send("GET", "/.well-known/jwks.json", &[], "").await.text).await;
    let verifier = Verifier::discover(&issuer.base).audience("a").min_interval(Duration::ZERO).connect().await.unwrap();
    let tasks: Vec<_> = (0..200)
        .map(|_| {
            let verifier = verifier.clone();
            tokio::spawn(async move { verifier.verify(&unknown_kid()).await })
        })
        .collect();
    for task in tasks {
        assert_eq!(task.await.unwrap(), Err(VerifyError::UnknownKey));
    }
    assert!(issuer.fetches.load(Ordering::SeqCst) <= 5, "200 callers share few fetches: {}", issuer.fetches.load(Ordering::SeqCst));
    let patient = Verifier::discover(&issuer.base).audience("a").min_interval(Duration::from_secs(3600)).connect().await.unwrap();
    let before = issuer.fetches.load(Ordering::SeqCst);
    for _ in 0..50 {
        assert_eq!(patient.verify(&unknown_kid()).await, Err(VerifyError::UnknownKey));
    }
    assert_eq!(issuer.fetches.load(Ordering::SeqCst), before, "not before the interval is over");
}

#[tokio::test]
async fn keys_at_hand_go_on_serving_while_the_issuer_is_away_and_no_longer_than_said() {
    let on = Installation::new().await;
    let issuer = issuer(on.send("GET", "/.well-known/jwks.json", &[], "").await.text).await;
    let connect = |max_stale| {
        Verifier::discover(&issuer.base).audience("a").min_interval(Duration::ZERO).max_age(Duration::ZERO).max_stale(max_stale)
    };
    let (patient, strict) = (connect(Duration::from_secs(60)).connect().await.unwrap(), connect(Duration::ZERO).connect().await.unwrap());
    *issuer.jwks.lock().unwrap() = None;
    let token = on.token(&on.application().await).await;
    assert_eq!(patient.verify(&token).await, Err(VerifyError::Issuer), "verified with the keys at hand, and found to be another's");
    assert_eq!(strict.verify(&token).await, Err(VerifyError::KeysUnavailable));
}

#[tokio::test]
async fn rfc8414_3_3_discovery_is_strict() {
    let on = Installation::new().await;
    let issuer = issuer(on.send("GET", "/.well-known/jwks.json", &[], "").await.text).await;
    assert!(matches!(Verifier::discover("http://auth.example.com").audience("a").connect().await, Err(DiscoverError::Url(_))));
    assert!(matches!(Verifier::discover(&issuer.base).connect().await, Err(DiscoverError::NoAudience)));
    let other = issuer.base.replace("127.0.0.1", "localhost");
    assert!(matches!(Verifier::discover(other).audience("a").connect().await, Err(DiscoverError::Issuer { .. })));
    let empty = self::issuer(json!({ "keys": [] }).to_string()).await;
    assert!(matches!(Verifier::discover(&empty.base).audience("a").connect().await, Err(DiscoverError::Keys(_))));
}

#[derive(Clone)]
struct Api {
    verifier: Verifier,
}

impl FromRef<Api> for Verifier {
    fn from_ref(api: &Api) -> Self {
        api.verifier.clone()
    }
}

#[tokio::test]
async fn rfc6750_3_the_extractor_and_the_layer_challenge() {
    let folder = tempfile::tempdir().unwrap();
    let process = fixture::process::Process::start(folder.path());
    process.manage("POST", "/authorization/permissions", json!({ "slug": "threads:read", "name": "Read" })).await.unwrap();
    let (_, organization) = process.manage("POST", "/organizations", json!({ "name": "Acme" })).await.unwrap();
    let body = json!({ "name": "a", "organization_id": organization["id"], "scopes": ["threads:read"] });
    let (_, made) = process.manage("POST", "/connect/applications", body).await.unwrap();
    let client = (made["client_id"].as_str().unwrap(), made["client_secret"]["secret"].as_str().unwrap());
    let (_, token) = process.form("/oauth/token", client, "grant_type=client_credentials").await.unwrap();
    let token = token["access_token"].as_str().unwrap();
    let verifier = Verifier::discover(&process.base).audience(&process.base).connect().await.unwrap();
    let layered = Router::new()
        .route("/layered", get(async |Extension(token): Extension<AccessToken>| token.org_id))
        .layer(RequireAccessToken::new(verifier.clone()).scope("threads:read"));
    let demanding = Router::new().route("/demanding", get(async || "")).layer(RequireAccessToken::new(verifier.clone()).scope("admin"));
    let extracted = get(async |Bearer(token): Bearer| -> Result<String, Challenge> {
        token.require_scope("threads:read")?;
        Ok(token.principal().id().to_owned())
    });
    let router = Router::new().route("/extracted", extracted).with_state(Api { verifier }).merge(layered).merge(demanding);
    let ask = async |path: &str, credentials: &[&str]| {
        use tower::ServiceExt;
        let mut request = axum::http::Request::builder().uri(path);
        for credential in credentials {
            request = request.header("authorization", *credential);
        }
        let response = router.clone().oneshot(request.body(axum::body::Body::empty()).unwrap()).await.unwrap();
        let challenge = response.headers().get("www-authenticate").map_or(String::new(), |value| value.to_str().unwrap().to_owned());
        (response.status().as_u16(), challenge)
    };
    let bearer = format!("Bearer {token}");
    assert_eq!(ask("/extracted", &[&bearer]).await.0, 200);
    assert_eq!(ask("/layered", &[&bearer.replace("Bearer", "bearer")]).await.0, 200);
    assert_eq!(ask("/extracted", &[]).await, (401, "Bearer".into()));
    assert_eq!(ask("/layered", &["Basic x"]).await, (401, "Bearer".into()));
    assert_eq!(ask("/extracted", &[&bearer, &bearer]).await.0, 400);
    let (status, challenge) = ask("/layered", &["Bearer nonsense"]).await;
    assert!(status == 401 && challenge.starts_with("Bearer error=\"invalid_token\""), "{challenge}");
    assert_eq!(ask("/demanding", &[&bearer]).await, (403, "Bearer error=\"insufficient_scope\", scope=\"admin\"".into()));
}
