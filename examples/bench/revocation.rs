//! How soon a deletion is refused everywhere, what a check costs, and what the feed weighs (`make bench`).
//!
//! The authority is the real program in a process of its own; here are 200 verifiers, each with its two feeds, first directly and then over a
//! proxy that delays each direction by 50 ms and holds one piece in a hundred back for 300 ms more.
mod checks;
mod proxy;

use std::time::Duration;

use chancery::clock::instant;
use chancery_verifier::{Verifier, VerifyError};
use proxy::Proxy;
use serde_json::{Value, json};

use crate::house::House;

const VERIFIERS: usize = 200;
const DELETIONS: usize = 100;
const AT_ONCE: usize = 10_000;

#[tokio::main]
pub async fn measure() {
    checks::main().await;
    let mut direct = House::start(None);
    let verifiers = verifiers(&direct).await;
    println!("\n{VERIFIERS} verifiers, from the answer to DELETE to the first refusal, {DELETIONS} deletions:");
    deletions("directly", &direct, &verifiers).await;
    idle(&verifiers[0]).await;
    suspension(&direct, &verifiers).await;
    cut(&mut direct, &verifiers).await;
    drop((verifiers, direct));

    let proxy = Proxy::start(Duration::from_millis(50), Duration::from_millis(300)).await;
    let far = House::start(Some(&proxy.base));
    proxy.lead_to(&far.base);
    let verifiers = self::verifiers(&far).await;
    deletions("over 100 ms of round trip, 1 % held for 300 ms", &far, &verifiers).await;
}

async fn verifiers(house: &House) -> Vec<Verifier> {
    let mut verifiers = Vec::new();
    for _ in 0..VERIFIERS {
        verifiers.push(Verifier::discover(&house.issuer).audience(&house.issuer).connect().await.unwrap());
    }
    // Feeds open in the background.
    while verifiers.iter().any(|verifier| verifier.figures().connections < 2) {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    verifiers
}

/// Asks all verifiers again and again until each has refused; the time each took.
async fn until_refused(verifiers: &[Verifier], tokens: &[String]) -> Vec<Duration> {
    let began = instant();
    let (mut waiting, mut took): (Vec<&Verifier>, Vec<Duration>) = (verifiers.iter().collect(), Vec::new());
    while !waiting.is_empty() {
        let mut still = Vec::new();
        for verifier in waiting {
            let mut refused = true;
            for token in tokens {
                match verifier.verify(token).await {
                    Err(VerifyError::Revoked) => {}
                    Ok(_) => refused = false,
                    Err(other) => panic!("{other}"),
                }
            }
            if refused { took.push(began.elapsed()) } else { still.push(verifier) }
        }
        waiting = still;
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    took
}

async fn deletions(how: &str, house: &House, verifiers: &[Verifier]) {
    let organization = house.organization().await;
    let mut took = Vec::new();
    for _ in 0..DELETIONS {
        let (id, token) = house.application(&organization).await;
        for verifier in verifiers {
            verifier.verify(&token).await.unwrap();
        }
        house.manage("DELETE", &format!("/connect/applications/{id}"), Value::Null).await;
        took.extend(until_refused(verifiers, &[token]).await);
    }
    took.sort();
    let percentile = |hundredths: usize| took[(took.len() * hundredths / 10_000).min(took.len() - 1)].as_millis();
    println!(
        "  {how}: p50 {} ms, p99 {} ms, p99.9 {} ms, max {} ms",
        percentile(5000),
        percentile(9900),
        percentile(9990),
        percentile(10_000)
    );
}

/// The authority is killed: how soon tokens are refused because nothing is heard any more.
async fn cut(house: &mut House, verifiers: &[Verifier]) {
    let organization = house.organization().await;
    let (_, token) = house.application(&organization).await;
    for verifier in verifiers {
        verifier.verify(&token).await.unwrap();
    }
    house.kill();
    let began = instant();
    let mut took = Vec::new();
    for verifier in verifiers {
        while verifier.verify(&token).await != Err(VerifyError::Stale) {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        took.push(began.elapsed());
    }
    println!(
        "killed: the first of them answers 503 after {:.2} s, the last after {:.2} s",
        took[0].as_secs_f64(),
        took[took.len() - 1].as_secs_f64()
    );
}

async fn idle(verifier: &Verifier) {
    let before = verifier.figures().frames;
    tokio::time::sleep(Duration::from_secs(20)).await;
    let frames = verifier.figures().frames - before;
    println!("idle: {frames} frames in 20 s over two feeds");
}

async fn suspension(house: &House, verifiers: &[Verifier]) {
    let organization = house.organization().await;
    let mut tokens = Vec::new();
    for number in 0..AT_ONCE {
        if number % 500 == 0 {
            tokens.push(house.application(&organization).await.1);
        } else {
            house.manage("POST", "/connect/applications", json!({ "name": "a", "organization_id": organization })).await;
        }
    }
    for verifier in verifiers {
        verifier.verify(&tokens[0]).await.unwrap();
    }
    let began = instant();
    house.manage("POST", &format!("/organizations/{organization}/suspend"), json!({})).await;
    let answered = began.elapsed();
    let took = until_refused(verifiers, &tokens).await;
    println!(
        "{AT_ONCE} credentials at once (an organization suspended, answered after {} ms): refused everywhere {} ms later",
        answered.as_millis(),
        took.iter().max().unwrap().as_millis()
    );
}
