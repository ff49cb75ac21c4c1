//! What the benchmarks share: the server on one core, the load from the other, 32 keep-alive connections that ask again once answered.
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use chancery::authority::{Deployment, start};
use chancery::clock::{Clock, instant};
use chancery::domain::credential::{ApiKeyPrefix, Secret};
use chancery::domain::revocation::StatusProfile;
use chancery::domain::schedule::Schedule;
use chancery::http::{App, TrustedProxies, listen};
use chancery::keys::master::MasterKeyPlace;
use chancery::storage::{Database, DatabasePath};
use http_body_util::BodyExt;
use rustix::thread::{CpuSet, sched_setaffinity};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tower::ServiceExt;

pub const CONNECTIONS: usize = 32;
const WARM_UP: Duration = Duration::from_secs(1);
const MEASURED: Duration = Duration::from_secs(5);
pub const KEY: &str = "a-management-key-for-the-benchmark-only";

/// Keeps this thread on one core.
pub fn pin(core: usize) {
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

/// Answers per second of whatever listens there, asked each of the requests in turn.
pub fn load(address: String, requests: Vec<String>) -> f64 {
    let (requests, next) = (Arc::new(requests), Arc::new(AtomicUsize::new(0)));
    let (answers, counting, done) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
    let shared = (Arc::clone(&answers), Arc::clone(&counting), Arc::clone(&done));
    let clients = on_core(1, move || async move {
        let (answers, counting, done) = shared;
        let tasks: Vec<_> = (0..CONNECTIONS)
            .map(|_| {
                tokio::task::spawn_local(client(
                    address.clone(),
                    requests.clone(),
                    next.clone(),
                    answers.clone(),
                    counting.clone(),
                    done.clone(),
                ))
            })
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

async fn client(
    address: String,
    requests: Arc<Vec<String>>,
    next: Arc<AtomicUsize>,
    answers: Arc<AtomicU64>,
    counting: Arc<AtomicBool>,
    done: Arc<AtomicBool>,
) {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.set_nodelay(true).unwrap();
    let mut buffer = vec![0; 16 * 1024];
    while !done.load(Ordering::Acquire) {
        let request = &requests[next.fetch_add(1, Ordering::Relaxed) % requests.len()];
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut filled = 0;
        loop {
            filled += stream.read(&mut buffer[filled..]).await.unwrap();
            if complete(&buffer[..filled]) {
                break;
            }
        }
        assert!(buffer.starts_with(b"HTTP/1.1 20"), "{}", String::from_utf8_lossy(&buffer[..filled]));
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

/// Serves a router with the product's own accept loop on core 0, until the process ends.
pub fn serve(make: impl AsyncFnOnce() -> (Router, Arc<App>, Vec<String>) + Send + 'static) -> (String, Vec<String>) {
    let (tell, told) = std::sync::mpsc::channel();
    on_core(0, move || async move {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let (router, app, requests) = make().await;
        let house = Arc::clone(&app.authority);
        let (_end, ended) = tokio::sync::watch::channel(false);
        tokio::spawn(Arc::clone(&house).follow_store(ended.clone()));
        tokio::spawn(Arc::clone(&house).publish_status(ended.clone()));
        tokio::spawn(house.keep_house(ended));
        tell.send((address, requests)).unwrap();
        let (_stop, stopped) = tokio::sync::watch::channel(false);
        listen::serve(listener, router, app, stopped).await;
    });
    told.recv().unwrap()
}

/// An authority over a SQLite file in `folder`.
pub async fn authority(folder: std::path::PathBuf) -> Arc<App> {
    let (database, lock) = DatabasePath(folder.join("chancery.db")).open().await.unwrap();
    std::mem::forget(lock);
    authority_on(database, folder).await
}

/// An authority over any database, with its keys in `folder`.
pub async fn authority_on(database: Database, folder: std::path::PathBuf) -> Arc<App> {
    let settings = Deployment {
        issuer: "https://auth.example.com".into(),
        status: StatusProfile::DEFAULT,
        lease: chancery::domain::revocation::DEFAULT_LEASE,
        schedule: Schedule::with_lead(Schedule::DEFAULT_LEAD),
        api_key_prefix: ApiKeyPrefix::stored(ApiKeyPrefix::DEFAULT.into()),
        webhook_networks: Vec::new(),
    };
    let place = MasterKeyPlace::Folder(folder.join("keys"));
    let authority = start::start(settings, database, &place, Some(&Secret::presented(KEY)), Clock::system(), |_| ()).await.unwrap();
    App::new(authority, TrustedProxies::default())
}

/// A call of the management surface, before anything is measured.
pub async fn manage(router: &Router, path: &str, body: Value) -> Value {
    let request = axum::http::Request::post(path)
        .header("host", "a")
        .header("content-type", "application/json")
        .header("authorization", format!("Bearer {KEY}"));
    let response = router.clone().oneshot(request.body(axum::body::Body::from(body.to_string())).unwrap()).await.unwrap();
    serde_json::from_slice(&response.into_body().collect().await.unwrap().to_bytes()).unwrap()
}
