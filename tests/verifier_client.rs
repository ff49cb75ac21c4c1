//! The verifier's client against issuers on real ports: discovery (RFC 8414), the cache of keys, the challenges of RFC 6750.
mod fixture;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::extract::{FromRef, State};
use axum::routing::get;
use axum::{Extension, Json, Router};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chancery_verifier::{Bearer, Challenge, DiscoverError, RequireAccessToken, Verified, Verifier, VerifyError};
use fixture::Installation;
use serde_json::{Value, json};

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
        .route("/layered", get(async |Extension(token): Extension<Verified>| token.organization().to_owned()))
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
