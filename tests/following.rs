//! The verifier follows a real authority: revoked at once, refused when cut off, and by itself back again.
mod fixture;

use std::path::Path;
use std::time::{Duration, Instant};

use axum::Router;
use axum::routing::get;
use chancery_verifier::{ApiKeyError, RequireAccessToken, Verifier, VerifyError};
use fixture::process::{MANAGEMENT_KEY, Process, command};
use fixture::proxy::Proxy;
use serde_json::{Value, json};
use tempfile::TempDir;

/// Longer than anything here may take; what is asserted of time is in the benchmark.
const LONG: Duration = Duration::from_secs(15);

struct House {
    folder: TempDir,
    proxy: Proxy,
    process: Option<Process>,
}

struct Client {
    id: String,
    client_id: String,
    secret: String,
}

impl House {
    /// A strict authority behind a proxy: S is 3 s, a heartbeat comes every 0.5 s.
    async fn new() -> Self {
        let mut house = Self { folder: tempfile::tempdir().unwrap(), proxy: Proxy::new().await, process: None };
        house.start();
        house
    }

    fn start(&mut self) {
        let process = start(self.folder.path(), &self.proxy.base);
        self.proxy.lead_to(&process.base);
        self.process = Some(process);
    }

    fn kill(&mut self) {
        self.process.take().unwrap().kill();
    }

    async fn manage(&self, method: &str, path: &str, body: Value) -> Value {
        let (status, answer) = self.process.as_ref().unwrap().manage(method, path, body).await.unwrap();
        assert!(status < 300, "{method} {path}: {status} {answer}");
        answer
    }

    async fn client(&self) -> Client {
        let organization = self.manage("POST", "/organizations", json!({ "name": "Acme" })).await;
        let made = self.manage("POST", "/connect/applications", json!({ "name": "a", "organization_id": organization["id"] })).await;
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        Client { id: text(&made["id"]), client_id: text(&made["client_id"]), secret: text(&made["client_secret"]["secret"]) }
    }

    async fn token(&self, client: &Client) -> String {
        token(self.process.as_ref().unwrap(), client).await
    }

    async fn delete(&self, client: &Client) {
        self.manage("DELETE", &format!("/connect/applications/{}", client.id), Value::Null).await;
    }

    async fn verifier(&self) -> Verifier {
        Verifier::discover(&self.proxy.base).audience(&self.proxy.base).management_key(MANAGEMENT_KEY).connect().await.unwrap()
    }
}

fn start(folder: &Path, issuer: &str) -> Process {
    let mut command = command(folder);
    command.env("CHANCERY_ISSUER", issuer).env("CHANCERY_STATUS_PROFILE", "strict");
    Process::start_with(command, &folder.join("log"))
}

async fn token(process: &Process, client: &Client) -> String {
    let (_, answer) = process.form("/oauth/token", (&client.client_id, &client.secret), "grant_type=client_credentials").await.unwrap();
    answer["access_token"].as_str().unwrap().to_owned()
}

/// Asks until the answer is this; how long that took.
#[expect(clippy::disallowed_methods, reason = "real verifiers follow a real authority")]
async fn until(verifier: &Verifier, token: &str, wanted: Result<(), VerifyError>) -> Duration {
    let began = Instant::now();
    loop {
        let said = verifier.verify(token).await.map(drop);
        if said == wanted {
            return began.elapsed();
        }
        assert!(began.elapsed() < LONG, "{said:?} instead of {wanted:?}: {:?}", verifier.figures());
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_revoked_is_refused_and_the_rest_goes_on() {
    let house = House::new().await;
    let verifier = house.verifier().await;
    assert!(verifier.is_enforcing());
    let (gone, stays) = (house.client().await, house.client().await);
    let (dead, one, sibling) = (house.token(&gone).await, house.token(&stays).await, house.token(&stays).await);
    for token in [&dead, &one, &sibling] {
        assert!(verifier.verify(token).await.unwrap().revocation_age().is_some());
    }
    house.delete(&gone).await;
    until(&verifier, &dead, Err(VerifyError::Revoked)).await;
    let process = house.process.as_ref().unwrap();
    process.form("/oauth/revoke", (&stays.client_id, &stays.secret), &format!("token={one}")).await.unwrap();
    until(&verifier, &one, Err(VerifyError::Revoked)).await;
    assert!(verifier.verify(&sibling).await.is_ok());
    let late = house.verifier().await;
    let newest = house.client().await;
    let token = house.token(&newest).await;
    house.manage("DELETE", &format!("/connect/applications/{}", newest.id), Value::Null).await;
    until(&verifier, &token, Err(VerifyError::Revoked)).await;
    assert_eq!(house.verifier().await.verify(&token).await, Err(VerifyError::Revoked), "though the snapshot is shared");
    for (token, wanted) in [(&dead, Err(VerifyError::Revoked)), (&one, Err(VerifyError::Revoked)), (&sibling, Ok(()))] {
        assert_eq!(late.verify(token).await.map(drop), wanted, "one that comes later knows as much");
    }
    let figures = verifier.figures();
    assert!(figures.frames > 0 && figures.refused_revoked > 0 && figures.revocations == 3, "{figures:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_compromised_signing_key_is_dropped_with_the_tokens_it_signed() {
    let house = House::new().await;
    let verifier = house.verifier().await;
    let client = house.client().await;
    let token = house.token(&client).await;
    verifier.verify(&token).await.unwrap();
    let keys = house.manage("GET", "/signing_keys", Value::Null).await;
    let active = keys["data"].as_array().unwrap().iter().find(|key| key["state"] == "active" && key["purpose"] == "access_token").unwrap();
    house.manage("POST", &format!("/signing_keys/{}/revoke", active["kid"].as_str().unwrap()), json!({})).await;
    until(&verifier, &token, Err(VerifyError::UnknownKey)).await;
    until(&verifier, &house.token(&client).await, Ok(())).await;
    // Keys of frames change too.
    house.manage("POST", "/signing_keys/rotate", json!({ "purpose": "status", "force": true })).await;
    let token = house.token(&client).await;
    house.delete(&client).await;
    until(&verifier, &token, Err(VerifyError::Revoked)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a5_cut_off_it_refuses_everything_with_503_and_recovers_by_itself() {
    let house = House::new().await;
    let verifier = house.verifier().await;
    let (client, gone) = (house.client().await, house.client().await);
    let (token, dead) = (house.token(&client).await, house.token(&gone).await);
    until(&verifier, &token, Ok(())).await;
    until(&verifier, &dead, Ok(())).await;
    house.proxy.cut();
    let took = until(&verifier, &token, Err(VerifyError::Stale)).await;
    assert!(took >= Duration::from_millis(2400), "S less a heartbeat, and no sooner: {took:?}");
    let router = Router::new().route("/", get(async || "")).layer(RequireAccessToken::new(verifier.clone()));
    let request = axum::http::Request::builder().uri("/").header("authorization", format!("Bearer {token}"));
    let response = tower::ServiceExt::oneshot(router, request.body(axum::body::Body::empty()).unwrap()).await.unwrap();
    assert_eq!((response.status().as_u16(), response.headers()["retry-after"].to_str().unwrap()), (503, "1"), "never 401");
    house.delete(&gone).await;
    house.proxy.heal();
    until(&verifier, &token, Ok(())).await;
    assert_eq!(verifier.verify(&dead).await, Err(VerifyError::Revoked), "it knows what happened meanwhile before it takes anything");
    assert!(verifier.figures().refused_stale > 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_route_may_bear_less_than_the_others() {
    let house = House::new().await;
    let verifier = house.verifier().await;
    let token = house.token(&house.client().await).await;
    house.proxy.cut();
    tokio::time::sleep(Duration::from_millis(1200)).await;
    assert!(verifier.verify(&token).await.is_ok());
    assert_eq!(verifier.verify_within(&token, Some(Duration::from_secs(1))).await, Err(VerifyError::Stale));
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_and_restarted_nothing_revoked_is_accepted() {
    let mut house = House::new().await;
    let verifier = house.verifier().await;
    let stays = house.client().await;
    let living = house.token(&stays).await;
    for _ in 0..3 {
        let gone = house.client().await;
        let dead = house.token(&gone).await;
        until(&verifier, &dead, Ok(())).await;
        house.delete(&gone).await;
        // Acknowledged: it holds, whether its frame left or not.
        house.kill();
        house.start();
        until(&verifier, &dead, Err(VerifyError::Revoked)).await;
        until(&verifier, &living, Ok(())).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a6_a_token_of_an_issuer_with_an_old_memory_is_dead_on_arrival() {
    let mut house = House::new().await;
    let gone = house.client().await;
    // A second instance goes on with what the store held before the deletion.
    assert!(house.process.take().unwrap().stop().success());
    let frozen_folder = tempfile::tempdir().unwrap();
    copy(house.folder.path(), frozen_folder.path());
    house.start();
    let frozen = start(frozen_folder.path(), &house.proxy.base);
    let verifier = house.verifier().await;
    until(&verifier, &token(&frozen, &gone).await, Ok(())).await;
    house.delete(&gone).await;
    let before = house.manage("GET", "/connect/applications", Value::Null).await;
    assert_eq!(before["data"], json!([]));
    until(&verifier, &token(&frozen, &gone).await, Err(VerifyError::Revoked)).await;
    for _ in 0..20 {
        assert_eq!(verifier.verify(&token(&frozen, &gone).await).await, Err(VerifyError::Revoked));
    }
}

fn copy(from: &Path, to: &Path) {
    for entry in std::fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() {
            std::fs::create_dir(&target).unwrap();
            copy(&path, &target);
        } else {
            std::fs::copy(&path, &target).unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restored_store_begins_an_epoch_and_takes_nothing_back() {
    let mut house = House::new().await;
    let (gone, stays) = (house.client().await, house.client().await);
    assert!(house.process.take().unwrap().stop().success());
    let backup = tempfile::tempdir().unwrap();
    copy(house.folder.path(), backup.path());
    house.start();
    let verifier = house.verifier().await;
    let (dead, living) = (house.token(&gone).await, house.token(&stays).await);
    house.delete(&gone).await;
    until(&verifier, &dead, Err(VerifyError::Revoked)).await;
    assert!(house.process.take().unwrap().stop().success());
    // The backup knows nothing of the deletion.
    house.folder = backup;
    let restored = fixture::process::run(command(house.folder.path()).arg("restored"));
    assert!(restored.status.success(), "{restored:?}");
    house.start();
    let mut tries = 0;
    while verifier.figures().snapshots < 2 {
        tries += 1;
        assert!(tries < 1500, "the new epoch is asked for whole: {:?}", verifier.figures());
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    until(&verifier, &house.token(&stays).await, Ok(())).await;
    let new = house.client().await;
    until(&verifier, &house.token(&new).await, Ok(())).await;
    assert_eq!(verifier.verify(&dead).await, Err(VerifyError::Revoked));
    assert!(verifier.verify(&living).await.is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_api_key_is_asked_for_once_and_refused_as_soon_as_it_is_revoked() {
    let house = House::new().await;
    let verifier = house.verifier().await;
    house
        .manage(
            "POST",
            "/authorization/permissions",
            json!({ "slug": "threads:read", "name": "r", "grantable_to": ["api_key_organization"] }),
        )
        .await;
    let organization = house.manage("POST", "/organizations", json!({ "name": "Acme" })).await;
    let path = format!("/organizations/{}/api_keys", organization["id"].as_str().unwrap());
    let key = house.manage("POST", &path, json!({ "name": "k", "permissions": ["threads:read"] })).await;
    let value = key["value"].as_str().unwrap();
    let known = verifier.verify_api_key(value).await.unwrap();
    assert_eq!((known.id.as_str(), known.organization.as_str()), (key["id"].as_str().unwrap(), organization["id"].as_str().unwrap()));
    assert!(known.permissions.contains("threads:read"));
    house.proxy.cut();
    assert_eq!(verifier.verify_api_key(value).await, Ok(known), "known, without asking");
    assert_eq!(verifier.verify_api_key("chk_unknown").await, Err(ApiKeyError::Unavailable));
    house.proxy.heal();
    until(&verifier, &house.token(&house.client().await).await, Ok(())).await;
    house.manage("DELETE", &format!("/api_keys/{}", key["id"].as_str().unwrap()), Value::Null).await;
    assert_eq!(verifier.verify_api_key("chk_unknown").await, Err(ApiKeyError::Invalid));
    let mut tries = 0;
    while verifier.verify_api_key(value).await != Err(ApiKeyError::Invalid) {
        tries += 1;
        assert!(tries < 500);
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_ends_the_feeds_at_once() {
    let house = House::new().await;
    let _verifier = house.verifier().await;
    let process = house.process.as_ref().unwrap();
    let stopping = std::thread::spawn({
        let pid = rustix::process::Pid::from_child(&process.child);
        move || rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap()
    });
    stopping.join().unwrap();
    let mut house = house;
    let mut process = house.process.take().unwrap();
    let mut waited = 0;
    while process.child.try_wait().unwrap().is_none() {
        waited += 1;
        assert!(waited < 100, "open feeds hold the process");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}
