//! Tokens per second of one core, beside the bare HTTP answer and the bare signature, all in one run (`make bench`).
//!
//! The server has one core, the load the other: 32 keep-alive connections, each asking again as soon as it was answered. What counts are
//! the ratios; another machine has other figures.
mod load;

use std::time::{Duration, Instant};

use axum::Router;
use axum::routing::post;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chancery::clock::instant;
use chancery::http::router;
use load::{CONNECTIONS, authority, load, manage, pin, serve};
use serde_json::json;

fn bare_signature() -> f64 {
    use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
    pin(0);
    let random = ring::rand::SystemRandom::new();
    let document = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap();
    let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, document.as_ref(), &random).unwrap();
    let message = vec![b'x'; 600];
    let (began, mut count) = (instant(), 0_u64);
    while Instant::elapsed(&began) < Duration::from_secs(2) {
        for _ in 0..100 {
            std::hint::black_box(pair.sign(&random, &message).unwrap());
        }
        count += 100;
    }
    count as f64 / began.elapsed().as_secs_f64()
}

fn token_request(basic: &str, body: &str) -> String {
    format!(
        "POST /oauth/token HTTP/1.1\r\nHost: a\r\nAuthorization: Basic {basic}\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

fn main() {
    let folder = tempfile::tempdir().unwrap();
    let (first, second) = (folder.path().join("bare"), folder.path().join("token"));
    std::fs::create_dir(&first).unwrap();
    std::fs::create_dir(&second).unwrap();
    let (bare, request) = serve(async move || {
        let app = authority(first).await;
        let answer = "x".repeat(700);
        let bare = Router::new().route("/oauth/token", post(async move |_body: axum::body::Bytes| answer.clone()));
        (bare, app, vec![token_request(&STANDARD.encode("client_x:chs_x"), "grant_type=client_credentials&scope=threads:read")])
    });
    let bare_answers = load(bare, request);
    let signatures = bare_signature();
    let (issuing, request) = serve(async move || {
        let app = authority(second).await;
        let router = router(&app);
        manage(&router, "/authorization/permissions", json!({ "slug": "threads:read", "name": "Read" })).await;
        let organization = manage(&router, "/organizations", json!({ "name": "Acme" })).await;
        let application = json!({ "name": "a", "organization_id": organization["id"], "scopes": ["threads:read"] });
        let made = manage(&router, "/connect/applications", application).await;
        let basic =
            STANDARD.encode(format!("{}:{}", made["client_id"].as_str().unwrap(), made["client_secret"]["secret"].as_str().unwrap()));
        (router, app, vec![token_request(&basic, "grant_type=client_credentials&scope=threads:read")])
    });
    let tokens = load(issuing, request);
    let ceiling = 1.0 / (1.0 / bare_answers + 1.0 / signatures);
    println!("| one core, {CONNECTIONS} connections | per second |\n|---|---|");
    println!("| bare axum answer (POST with a form, 700 bytes back) | {bare_answers:.0} |");
    println!("| bare ES256 signature | {signatures:.0} |");
    println!("| ceiling of the two together | {ceiling:.0} |");
    println!("| ES256 access tokens | {tokens:.0} |");
    println!("\ntokens / bare answers = {:.2}; tokens / ceiling = {:.2}", tokens / bare_answers, tokens / ceiling);
}
