//! Tokens per second of one core, beside the bare HTTP answer and the bare signature, all in one run (`make bench`).
//!
//! The server has one core, the load the other: 32 keep-alive connections, each asking again as soon as it was answered. What counts are
//! the ratios; another machine has other figures.
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use axum::Router;
use axum::routing::post;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chancery::authority::{Deployment, start};
use chancery::clock::{Clock, instant};
use chancery::domain::credential::{ApiKeyPrefix, Secret};
use chancery::domain::signing_key::Schedule;
use chancery::http::{App, TrustedProxies, listen, router};
use chancery::keys::master::MasterKeyPlace;
use chancery::storage::DatabasePath;
use http_body_util::BodyExt;
use rustix::thread::{CpuSet, sched_setaffinity};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tower::ServiceExt;

const CONNECTIONS: usize = 32;
const WARM_UP: Duration = Duration::from_secs(1);
const MEASURED: Duration = Duration::from_secs(5);
const KEY: &str = "a-management-key-for-the-benchmark-only";

fn pin(core: usize) {
    let mut set = CpuSet::new();
    set.set(core);
    if sched_setaffinity(None, &set).is_err() {
        println!("(core {core} cannot be pinned)");
    }
}

/// Runs `future` on a thread of its own with a runtime of its own, on one core.
fn on_core<F: Future<Output = ()> + 'static>(core: usize, future: impl FnOnce() -> F + Send + 'static) -> std::thread::JoinHandle<()> {
    std::thread::spawn(move || {
        pin(core);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        tokio::task::LocalSet::new().block_on(&runtime, future());
    })
}

/// Answers per second of whatever listens there.
fn load(address: String, request: String) -> f64 {
    let (answers, counting, done) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
    let shared = (Arc::clone(&answers), Arc::clone(&counting), Arc::clone(&done));
    let clients = on_core(1, move || async move {
        let (answers, counting, done) = shared;
        let tasks: Vec<_> = (0..CONNECTIONS)
            .map(|_| tokio::task::spawn_local(client(address.clone(), request.clone(), answers.clone(), counting.clone(), done.clone())))
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
    });
    std::thread::sleep(WARM_UP);
    counting.store(true, Ordering::Release);
    let began = instant();
    std::thread::sleep(MEASURED);
    let (count, took) = (answers.load(Ordering::Acquire), began.elapsed());
    done.store(true, Ordering::Release);
    clients.join().unwrap();
    count as f64 / took.as_secs_f64()
}

async fn client(address: String, request: String, answers: Arc<AtomicU64>, counting: Arc<AtomicBool>, done: Arc<AtomicBool>) {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.set_nodelay(true).unwrap();
    let mut buffer = vec![0; 16 * 1024];
    while !done.load(Ordering::Acquire) {
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut filled = 0;
        loop {
            filled += stream.read(&mut buffer[filled..]).await.unwrap();
            if complete(&buffer[..filled]) {
                break;
            }
        }
        assert!(buffer.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&buffer[..filled]));
        if counting.load(Ordering::Relaxed) {
            answers.fetch_add(1, Ordering::Relaxed);
        }
    }
}

fn complete(answer: &[u8]) -> bool {
    let Some(end) = answer.windows(4).position(|window| window == b"\r\n\r\n") else { return false };
    let head = String::from_utf8_lossy(&answer[..end]).to_ascii_lowercase();
    let length = head.split("content-length: ").nth(1).and_then(|rest| rest.split("\r\n").next()?.parse::<usize>().ok()).unwrap_or(0);
    answer.len() >= end + 4 + length
}

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

/// Serves a router with the product's own accept loop on core 0, until the process ends.
fn serve(make: impl AsyncFnOnce() -> (Router, Arc<App>, String) + Send + 'static) -> (String, String) {
    let (tell, told) = std::sync::mpsc::channel();
    on_core(0, move || async move {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let (router, app, request) = make().await;
        tell.send((address, request)).unwrap();
        let (_stop, stopped) = tokio::sync::watch::channel(false);
        listen::serve(listener, router, app, stopped).await;
    });
    told.recv().unwrap()
}

async fn authority(folder: std::path::PathBuf) -> Arc<App> {
    let (database, lock) = DatabasePath(folder.join("chancery.db")).open().await.unwrap();
    std::mem::forget(lock);
    let settings = Deployment {
        issuer: "https://auth.example.com".into(),
        schedule: Schedule::with_lead(Schedule::DEFAULT_LEAD),
        api_key_prefix: ApiKeyPrefix::stored(ApiKeyPrefix::DEFAULT.into()),
        webhook_networks: Vec::new(),
    };
    let place = MasterKeyPlace::Folder(folder.join("keys"));
    let authority = start::start(settings, database, &place, Some(&Secret::presented(KEY)), Clock::system(), |_| ()).await.unwrap();
    App::new(authority, TrustedProxies::default())
}

async fn manage(router: &Router, path: &str, body: Value) -> Value {
    let request = axum::http::Request::post(path)
        .header("host", "a")
        .header("content-type", "application/json")
        .header("authorization", format!("Bearer {KEY}"));
    let response = router.clone().oneshot(request.body(axum::body::Body::from(body.to_string())).unwrap()).await.unwrap();
    serde_json::from_slice(&response.into_body().collect().await.unwrap().to_bytes()).unwrap()
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
        (bare, app, token_request(&STANDARD.encode("client_x:chs_x"), "grant_type=client_credentials&scope=threads:read"))
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
        (router, app, token_request(&basic, "grant_type=client_credentials&scope=threads:read"))
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
