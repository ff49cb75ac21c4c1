//! A guard against slowing down unseen: how many instructions a token takes beside its signature, counted by callgrind, in this build. What it
//! takes of time, and in a release, `make bench` tells.
mod fixture;

use std::process::Command;

use axum::body::Body;
use axum::http::Request;
use fixture::{Installation, basic};
use http_body_util::BodyExt;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use tower::ServiceExt;

/// What it was when it was last looked at. Whoever changes it says why in the same commit.
const INSTRUCTIONS: u64 = 532_000;
/// Of a hundred: what is not yet a change.
const TOLERANCE: u64 = 5;
const TOKENS: u64 = 200;

#[test]
fn a_token_takes_no_more_instructions_than_it_did() {
    let [tokens, signatures] = ["tokens", "signatures"].map(count);
    let each = (tokens - signatures) / TOKENS;
    println!("{each} instructions a token, and {} for its signature", signatures / TOKENS);
    assert!(each <= INSTRUCTIONS * (100 + TOLERANCE) / 100, "{each} instructions a token, and it was {INSTRUCTIONS}: what was added?");
    assert!(each >= INSTRUCTIONS * (100 - TOLERANCE) / 100, "{each} instructions a token, and it was {INSTRUCTIONS}: write it down");
}

/// Instructions of the function with this name, in the test that calls it.
fn count(name: &str) -> u64 {
    let mut command = Command::new("valgrind");
    command.args(["--tool=callgrind", "--callgrind-out-file=/dev/null", "--collect-atstart=no"]);
    command.arg(format!("--toggle-collect=instructions::{name}")).arg(std::env::current_exe().unwrap());
    command.args(["--ignored", "--exact", &format!("counted_{name}"), "--test-threads=1"]);
    let output = command.output().expect("valgrind, which make test installs");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stdout));
    let collected = said.lines().find_map(|line| line.split_once("Collected : ")).unwrap().1;
    collected.trim().parse().unwrap()
}

#[test]
#[ignore = "run by the test above, under callgrind"]
fn counted_tokens() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (on, basic) = runtime.block_on(async {
        let on = Installation::new().await;
        let client = on.application().await;
        (on, basic(&client.client_id, &client.secret))
    });
    tokens(&runtime, &on, &basic);
}

#[inline(never)]
fn tokens(runtime: &tokio::runtime::Runtime, on: &Installation, basic: &str) {
    runtime.block_on(async {
        for _ in 0..TOKENS {
            let request = Request::post("/oauth/token").header("host", "a").header("authorization", basic);
            let request = request.header("content-type", "application/x-www-form-urlencoded");
            let response = on
                .router
                .clone()
                .oneshot(request.body(Body::from("grant_type=client_credentials&scope=threads%3Aread")).unwrap())
                .await
                .unwrap();
            assert_eq!(response.status(), 200);
            std::hint::black_box(response.into_body().collect().await.unwrap().to_bytes());
        }
    });
}

#[test]
#[ignore = "run by the test above, under callgrind"]
fn counted_signatures() {
    let random = SystemRandom::new();
    let document = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap();
    let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, document.as_ref(), &random).unwrap();
    signatures(&pair, &random);
}

#[inline(never)]
fn signatures(pair: &EcdsaKeyPair, random: &SystemRandom) {
    for _ in 0..TOKENS {
        std::hint::black_box(pair.sign(random, &[b'x'; 700]).unwrap());
    }
}
