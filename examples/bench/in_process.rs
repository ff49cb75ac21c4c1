//! What the benchmarks share: the server on one core, the load from the other, 32 keep-alive connections that ask again once answered.
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::Request;
use axum::response::Response;
use chancery::authority::{Deployment, start};
use chancery::clock::Clock;
use chancery::domain::credential::{ApiKeyPrefix, Secret};
use chancery::domain::revocation::StatusProfile;
use chancery::domain::schedule::Schedule;
use chancery::http::{App, Public, TrustedProxies, listen};
use chancery::keys::master::MasterKeyPlace;
use chancery::storage::{Database, DatabasePath};
use http_body_util::BodyExt;
use serde_json::Value;
use tokio::net::TcpListener;
use tower::{Service, ServiceExt};

use crate::bare::pin;
use crate::driver::{Arrivals, Load, ask};
use crate::house::KEY;
use crate::rungs::CONNECTIONS;

const MEASURED: Duration = Duration::from_secs(5);

/// Runs `future` on a thread of its own with a runtime of its own, on one core.
fn on_core<F: Future<Output = ()> + 'static>(core: usize, future: impl FnOnce() -> F + Send + 'static) -> std::thread::JoinHandle<()> {
    std::thread::spawn(move || {
        pin(core);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        tokio::task::LocalSet::new().block_on(&runtime, future());
    })
}

/// Answers per second of whatever listens there, asked each of the requests in turn.
pub fn per_second(address: String, requests: Vec<String>) -> f64 {
    let answers = ask(&Load::new(address, requests, CONNECTIONS, Arrivals::Closed), MEASURED);
    assert!([200, 201, 204].map(|status| answers.of(status)).contains(&answers.all()), "{}", answers.statuses());
    answers.all() as f64 / answers.took.as_secs_f64()
}

/// Serves a router with the product's own accept loop on core 0, until the process ends.
pub fn serve<S>(make: impl AsyncFnOnce() -> (S, Arc<App>, Vec<String>) + Send + 'static) -> (String, Vec<String>)
where
    S: Service<Request, Response = Response, Error = Infallible> + Clone + Send + 'static,
    S::Future: Send,
{
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
        expires_in_jitter: 0,
        api_key_prefix: ApiKeyPrefix::stored(ApiKeyPrefix::DEFAULT.into()),
        webhook_networks: Vec::new(),
        brand: Default::default(),
        openid: None,
    };
    let place = MasterKeyPlace::Folder(folder.join("keys"));
    let authority = start::start(settings, database, &place, Some(&Secret::presented(KEY)), Clock::system(), |_| ()).await.unwrap();
    App::new(authority, TrustedProxies::default())
}

/// A call of the management surface, before anything is measured.
pub async fn manage(router: &Public, path: &str, body: Value) -> Value {
    let request = axum::http::Request::post(path)
        .header("host", "a")
        .header("content-type", "application/json")
        .header("authorization", format!("Bearer {KEY}"));
    let response = router.clone().oneshot(request.body(axum::body::Body::from(body.to_string())).unwrap()).await.unwrap();
    serde_json::from_slice(&response.into_body().collect().await.unwrap().to_bytes()).unwrap()
}
