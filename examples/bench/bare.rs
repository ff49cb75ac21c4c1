//! What bounds a token: the bare HTTP answer, and the bare signature.
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Bytes;
use axum::routing::post;
use chancery::clock::instant;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair};
use rustix::thread::{CpuSet, sched_setaffinity};

/// How long one signature is repeated.
const REPEATED: Duration = Duration::from_millis(700);
/// As much as is signed for a token.
const MESSAGE: [u8; 700] = [b'x'; 700];

/// Keeps this thread on one core.
pub fn pin(core: usize) {
    let mut set = CpuSet::new();
    set.set(core);
    if sched_setaffinity(None, &set).is_err() {
        println!("(core {core} cannot be pinned)");
    }
}

/// Serves a constant of 900 bytes, which is how long a token's answer is, until it is killed; by itself, and after a signature.
pub fn serve() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        println!("{}", listener.local_addr().unwrap());
        let answer = "x".repeat(900);
        let (by_itself, after_es256, after_eddsa) = (answer.clone(), answer.clone(), answer);
        let (es256, eddsa) = (Arc::new(es256_pair()), Arc::new(eddsa_pairs().1));
        let router = Router::new()
            .route("/oauth/token", post(async move |_body: Bytes| by_itself.clone()))
            .route(
                "/es256",
                post(async move |_body: Bytes| {
                    std::hint::black_box(es256.0.sign(&es256.1, &MESSAGE).unwrap());
                    after_es256.clone()
                }),
            )
            .route(
                "/eddsa",
                post(async move |_body: Bytes| {
                    std::hint::black_box(eddsa.sign(&MESSAGE));
                    after_eddsa.clone()
                }),
            );
        axum::serve(axum::serve::ListenerExt::tap_io(listener, |stream| drop(stream.set_nodelay(true))), router).await.unwrap();
    });
}

fn es256_pair() -> (EcdsaKeyPair, SystemRandom) {
    let random = SystemRandom::new();
    let document = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap();
    (EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, document.as_ref(), &random).unwrap(), random)
}

/// One key, by ring and by aws-lc.
fn eddsa_pairs() -> (Ed25519KeyPair, aws_lc_rs::signature::Ed25519KeyPair) {
    let document = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).unwrap();
    let ring = Ed25519KeyPair::from_pkcs8(document.as_ref()).unwrap();
    (ring, aws_lc_rs::signature::Ed25519KeyPair::from_pkcs8(document.as_ref()).unwrap())
}

/// Signatures a second on core 0 with ECDSA P-256, by ring.
pub fn es256() -> f64 {
    let (pair, random) = es256_pair();
    per_second(|| _ = std::hint::black_box(pair.sign(&random, &MESSAGE).unwrap()))
}

/// With Ed25519, by ring and by aws-lc.
pub fn eddsa() -> [f64; 2] {
    let (ring, aws_lc) = eddsa_pairs();
    [per_second(|| _ = std::hint::black_box(ring.sign(&MESSAGE))), per_second(|| _ = std::hint::black_box(aws_lc.sign(&MESSAGE)))]
}

/// With RSA-2048 and PKCS #1 v1.5, by ring and by aws-lc.
pub fn rs256() -> [f64; 2] {
    use aws_lc_rs::encoding::AsDer;
    use aws_lc_rs::rsa::KeySize;
    let made = aws_lc_rs::rsa::KeyPair::generate(KeySize::Rsa2048).unwrap();
    let document = AsDer::<aws_lc_rs::encoding::Pkcs8V1Der>::as_der(&made).unwrap();
    let ring = ring::signature::RsaKeyPair::from_pkcs8(document.as_ref()).unwrap();
    let ring_random = SystemRandom::new();
    let aws_lc_random = aws_lc_rs::rand::SystemRandom::new();
    let mut signature = vec![0; 256];
    let by_ring = per_second(|| ring.sign(&ring::signature::RSA_PKCS1_SHA256, &ring_random, &MESSAGE, &mut signature).unwrap());
    let padding = &aws_lc_rs::signature::RSA_PKCS1_SHA256;
    [by_ring, per_second(|| made.sign(padding, &aws_lc_random, &MESSAGE, &mut signature).unwrap())]
}

fn per_second(mut sign: impl FnMut()) -> f64 {
    pin(0);
    let (began, mut count) = (instant(), 0_u64);
    while Instant::elapsed(&began) < REPEATED {
        for _ in 0..20 {
            sign();
        }
        count += 20;
    }
    count as f64 / began.elapsed().as_secs_f64()
}
