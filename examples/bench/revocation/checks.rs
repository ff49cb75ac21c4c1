//! What a check costs: a token seen before, a token seen for the first time, and the bare signature's verification.
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chancery::clock::instant;
use chancery_verifier::Verifier;
use ring::signature::{ECDSA_P256_SHA256_FIXED, UnparsedPublicKey};
use serde_json::Value;

use crate::house::House;

const TOKENS: usize = 4000;
const ROUNDS: usize = 5;

pub async fn main() {
    let house = House::start(None);
    let organization = house.organization().await;
    let mut tokens = Vec::with_capacity(TOKENS);
    let (_, first) = house.application(&organization).await;
    tokens.push(first);
    while tokens.len() < TOKENS {
        tokens.push(house.application(&organization).await.1);
    }
    let jwks: Value = reqwest::get(format!("{}/.well-known/jwks.json", house.base)).await.unwrap().json().await.unwrap();
    let kid = part(&tokens[0], 0)["kid"].clone();
    let key = jwks["keys"].as_array().unwrap().iter().find(|key| key["kid"] == kid).unwrap();
    let coordinate = |name: &str| URL_SAFE_NO_PAD.decode(key[name].as_str().unwrap()).unwrap();
    let public = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, [vec![4], coordinate("x"), coordinate("y")].concat());

    let (mut bare, mut cold, mut warm) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let began = instant();
        for token in &tokens {
            let (message, signature) = token.rsplit_once('.').unwrap();
            public.verify(message.as_bytes(), &URL_SAFE_NO_PAD.decode(signature).unwrap()).unwrap();
        }
        bare.push(began.elapsed() / u32::try_from(TOKENS).unwrap());
        let verifier = Verifier::discover(&house.base).audience(&house.base).connect().await.unwrap();
        let check = async |times: &mut Vec<Duration>| {
            let began = instant();
            for token in &tokens {
                std::hint::black_box(verifier.verify(token).await.unwrap());
            }
            times.push(began.elapsed() / u32::try_from(TOKENS).unwrap());
        };
        check(&mut cold).await;
        check(&mut warm).await;
    }
    let median = |times: &mut Vec<Duration>| {
        times.sort();
        times[times.len() / 2]
    };
    let (bare, cold, warm) = (median(&mut bare), median(&mut cold), median(&mut warm));
    println!("check, {} bytes a token, medians of {ROUNDS} runs over {TOKENS} tokens:", tokens[0].len());
    println!("  bare ES256 verification {:.1} µs", bare.as_secs_f64() * 1e6);
    println!("  cold {:.1} µs, {:.3} of the bare one", cold.as_secs_f64() * 1e6, cold.as_secs_f64() / bare.as_secs_f64());
    println!("  warm {:.0} ns", warm.as_secs_f64() * 1e9);
    weigh(&house).await;
}

/// What an idle feed weighs, on the wire.
async fn weigh(house: &House) {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let mut stream = tokio::net::TcpStream::connect(house.base.trim_start_matches("http://")).await.unwrap();
    stream.write_all(b"GET /status/v1/feed HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    let mut buffer = vec![0; 64 * 1024];
    // What comes at once is the answer's head and the frame of the moment; the weight is that of the heartbeats after it.
    while let Ok(Ok(_)) = tokio::time::timeout(Duration::from_millis(500), stream.read(&mut buffer)).await {}
    let (began, mut bytes, mut frames) = (instant(), 0, 0);
    let mut last = Duration::ZERO;
    let mut first = None;
    while began.elapsed() < Duration::from_secs(32) {
        let read = stream.read(&mut buffer).await.unwrap();
        last = began.elapsed();
        match first {
            None => first = Some(last),
            Some(_) => (bytes, frames) = (bytes + read, frames + 1),
        }
    }
    let hourly = f64::from(u32::try_from(bytes).unwrap()) / (last - first.unwrap()).as_secs_f64() * 3600.0 / 1e6;
    println!("an idle feed: {} bytes a frame, {hourly:.2} MB an hour", bytes / frames);
}

fn part(token: &str, place: usize) -> Value {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(token.split('.').nth(place).unwrap()).unwrap()).unwrap()
}
