//! Validations per second of one core beside the bare HTTP answer, and durable changes per second beside the disk's own fsync, all in one run
//! (`make bench`). What counts are the ratios; another machine has other figures.
use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::routing::post;
use chancery::clock::instant;
use chancery::http::{App, Public, router};
use serde_json::{Value, json};

use crate::house::KEY;
use crate::in_process::{authority, manage, per_second, serve};
use crate::rungs::{self, CONNECTIONS};

/// More than can be revoked while it is measured.
const KEYS_TO_REVOKE: usize = 30_000;

fn request(method: &str, path: &str, body: &Value) -> String {
    let body = if body.is_null() { String::new() } else { body.to_string() };
    rungs::request(method, path, &format!("Bearer {KEY}"), "application/json", &body)
}

/// One frame of SQLite's log and one sync, as often as the disk does it.
fn fsyncs(folder: &Path) -> f64 {
    let mut file = std::fs::File::create(folder.join("fsync")).unwrap();
    let page = [7_u8; 4096 + 24];
    let (began, mut count) = (instant(), 0_u64);
    while Instant::elapsed(&began) < Duration::from_secs(3) {
        file.write_all(&page).unwrap();
        file.sync_data().unwrap();
        count += 1;
    }
    count as f64 / began.elapsed().as_secs_f64()
}

async fn organization(router: &Public) -> String {
    manage(router, "/organizations", json!({ "name": "Acme" })).await["id"].as_str().unwrap().to_owned()
}

/// Measures an authority of its own, asked what `requests` makes for it.
fn measure(folder: &Path, requests: impl AsyncFnOnce(&Public) -> Vec<String> + Send + 'static) -> f64 {
    let folder = tempfile::tempdir_in(folder).unwrap().keep();
    let (address, requests) = serve(async move || {
        let app: Arc<App> = authority(folder).await;
        let router = router(&app);
        let requests = requests(&router).await;
        (router, app, requests)
    });
    per_second(address, requests)
}

pub fn measure_all() {
    // On the disk the project is on: a folder for temporary files may be in memory.
    let folder = tempfile::tempdir_in("target").unwrap();
    let bare = {
        let folder = tempfile::tempdir_in(folder.path()).unwrap().keep();
        let (address, requests) = serve(async move || {
            let app = authority(folder).await;
            let answer = "x".repeat(700);
            let bare = Router::new().route("/api_keys/validations", post(async move |_body: axum::body::Bytes| answer.clone()));
            (bare, app, vec![request("POST", "/api_keys/validations", &json!({ "value": "chk_x" }))])
        });
        per_second(address, requests)
    };
    let validations = measure(folder.path(), async |router: &Public| {
        manage(router, "/authorization/permissions", json!({ "slug": "threads:read", "name": "Read" })).await;
        let path = format!("/organizations/{}/api_keys", organization(router).await);
        let key = manage(router, &path, json!({ "name": "CI", "permissions": ["threads:read"] })).await;
        vec![request("POST", "/api_keys/validations", &json!({ "value": key["value"], "required_permissions": ["threads:read"] }))]
    });
    let created = measure(folder.path(), async |router: &Public| {
        let path = format!("/organizations/{}/api_keys", organization(router).await);
        vec![request("POST", &path, &json!({ "name": "CI" }))]
    });
    let rotated = measure(folder.path(), async |router: &Public| {
        let mut requests = Vec::new();
        for _ in 0..100 {
            let body = json!({ "name": "a", "organization_id": organization(router).await });
            let application = manage(router, "/connect/applications", body).await;
            let path = format!("/connect/applications/{}/client_secrets/rotate", application["id"].as_str().unwrap());
            requests.push(request("POST", &path, &json!({ "overlap_seconds": 0 })));
        }
        requests
    });
    let revoked = measure(folder.path(), async |router: &Public| {
        let path = format!("/organizations/{}/api_keys", organization(router).await);
        let mut requests = Vec::new();
        for _ in 0..KEYS_TO_REVOKE {
            let key = manage(router, &path, json!({ "name": "CI" })).await;
            requests.push(request("DELETE", &format!("/api_keys/{}", key["id"].as_str().unwrap()), &Value::Null));
        }
        requests
    });
    let fsyncs = fsyncs(folder.path());
    println!("| {CONNECTIONS} connections | per second |\n|---|---|");
    println!("| bare axum answer (POST, 700 bytes back), one core | {bare:.0} |");
    println!("| API key validations, one core | {validations:.0} |");
    println!("| fsync of one page | {fsyncs:.0} |");
    println!("| API keys created | {created:.0} |");
    println!("| client secrets rotated | {rotated:.0} |");
    println!("| API keys revoked | {revoked:.0} |");
    let least = created.min(rotated).min(revoked);
    println!("\nvalidations / bare answers = {:.2}; the slowest change / fsync = {:.2}", validations / bare, least / fsyncs);
}
