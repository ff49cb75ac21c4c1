//! What a database server costs, against SQLite in the same run: tokens, which should not know which it is, introspections, and changes
//! (`make bench`, with a throw-away PostgreSQL cluster that syncs its log).
#[path = "../../tests/fixture/database.rs"]
mod fixture;

use std::path::Path;
use std::sync::Arc;

use chancery::http::{App, Public, router};
use serde_json::json;

use crate::house::{KEY, text};
use crate::in_process::{authority, authority_on, manage, per_second, serve};
use crate::rungs::{CONNECTIONS, basic, post, request};

struct Client {
    organization: String,
    basic: String,
}

async fn client(router: &Public) -> Client {
    let organization = manage(router, "/organizations", json!({ "name": "Acme" })).await["id"].as_str().unwrap().to_owned();
    let made = manage(router, "/connect/applications", json!({ "name": "a", "organization_id": organization })).await;
    let basic = basic(&text(&made["client_id"]), &text(&made["client_secret"]["secret"]));
    Client { organization, basic }
}

/// Measures an authority of its own, asked what `ask` makes for it.
fn measure(folder: &Path, shared: bool, ask: impl AsyncFnOnce(&Public, Client) -> String + Send + 'static) -> f64 {
    let folder = tempfile::tempdir_in(folder).unwrap().keep();
    let (address, requests) = serve(async move || {
        let app: Arc<App> = if shared {
            let url = fixture::server().expect("tests/postgres runs this").of(&folder).await;
            authority_on(url.open(fixture::connections()).await.unwrap(), folder).await
        } else {
            authority(folder).await
        };
        let router = router(&app);
        let client = client(&router).await;
        let request = ask(&router, client).await;
        (router, app, vec![request])
    });
    per_second(address, requests)
}

fn tokens(folder: &Path, shared: bool) -> f64 {
    measure(folder, shared, async |_: &Public, client| post("/oauth/token", &client.basic, "grant_type=client_credentials"))
}

fn introspections(folder: &Path, shared: bool) -> f64 {
    measure(folder, shared, async |router: &Public, client| {
        let path = format!("/organizations/{}/api_keys", client.organization);
        let key = manage(router, &path, json!({ "name": "CI" })).await;
        post("/oauth/introspect", &format!("Bearer {KEY}"), &format!("token={}", text(&key["value"])))
    })
}

fn changes(folder: &Path, shared: bool) -> f64 {
    measure(folder, shared, async |_: &Public, client| {
        let path = format!("/organizations/{}/api_keys", client.organization);
        request("POST", &path, &format!("Bearer {KEY}"), "application/json", "{\"name\":\"CI\"}")
    })
}

pub fn measure_all() {
    let folder = tempfile::tempdir_in("target").unwrap();
    println!("| one core for the authority, {CONNECTIONS} connections, per second | SQLite | PostgreSQL | ratio |\n|---|---|---|---|");
    let row = |what: &str, measure: fn(&Path, bool) -> f64| {
        // One after the other and once more: the machine is not always equally fast.
        let [a, b, c, d] = [false, true, true, false].map(|shared| measure(folder.path(), shared));
        let (sqlite, postgres) = (f64::midpoint(a, d), f64::midpoint(b, c));
        println!("| {what} | {sqlite:.0} | {postgres:.0} | {:.2} |", postgres / sqlite);
    };
    row("ES256 access tokens", tokens);
    row("introspections of an API key", introspections);
    row("API keys created", changes);
}
