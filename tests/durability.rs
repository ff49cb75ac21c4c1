//! kill -9 in a loop under mixed writes (F1): every acknowledged change is there, no half state, the chain verifies. `CHANCERY_KILLS` sets
//! how often; `make soak` does it a hundred times and more.
mod fixture;

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use fixture::process::{Process, command, run};
use fixture::receiver::Receiver;
use serde_json::{Value, json};

/// What was acknowledged: by application, its client id, secret, last token, and whether it lives.
#[derive(Clone, Default)]
struct Ledger {
    applications: Arc<Mutex<HashMap<String, Application>>>,
    api_keys: Arc<Mutex<HashMap<String, ApiKey>>>,
}

/// A key's value, and whether it lives; `None` while an answer is outstanding.
type ApiKey = (String, Option<bool>);

#[derive(Clone, Debug)]
struct Application {
    client_id: String,
    secret: String,
    token: Option<String>,
    /// `None` while an answer is outstanding: then either state is right.
    alive: Option<bool>,
}

/// Creates, uses, rotates and deletes until the process is gone, noting only what was answered.
async fn work(process: Arc<Process>, ledger: Ledger, organization: String, seed: usize) {
    for step in 0.. {
        let body = json!({ "name": format!("{seed}-{step}"), "organization_id": organization });
        let Ok((201, made)) = process.manage("POST", "/connect/applications", body).await else { return };
        let id = made["id"].as_str().unwrap().to_owned();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let mut application = Application {
            client_id: text(&made["client_id"]),
            secret: text(&made["client_secret"]["secret"]),
            token: None,
            alive: Some(true),
        };
        let note = |application: &Application| drop(ledger.applications.lock().unwrap().insert(id.clone(), application.clone()));
        note(&application);
        let Ok((200, token)) =
            process.form("/oauth/token", (&application.client_id, &application.secret), "grant_type=client_credentials").await
        else {
            return;
        };
        application.token = Some(text(&token["access_token"]));
        note(&application);
        match step % 3 {
            0 => {
                application.alive = None;
                note(&application);
                let Ok((204, _)) = process.manage("DELETE", &format!("/connect/applications/{id}"), Value::Null).await else { return };
                application.alive = Some(false);
                note(&application);
            }
            1 => {
                let path = format!("/connect/applications/{id}/client_secrets/rotate");
                let Ok((201, rotated)) = process.manage("POST", &path, json!({ "overlap_seconds": 3600 })).await else { return };
                application.secret = text(&rotated["secret"]);
                note(&application);
            }
            _ => {}
        }
        let path = format!("/organizations/{organization}/api_keys");
        let Ok((201, key)) = process.manage("POST", &path, json!({ "name": "k" })).await else { return };
        let (key_id, value) = (text(&key["id"]), text(&key["value"]));
        let note = |alive| drop(ledger.api_keys.lock().unwrap().insert(key_id.clone(), (value.clone(), alive)));
        note(Some(true));
        if step % 2 == 0 {
            note(None);
            let Ok((204, _)) = process.manage("DELETE", &format!("/api_keys/{key_id}"), Value::Null).await else { return };
            note(Some(false));
        }
    }
}

async fn check(process: &Process, ledger: &Ledger) -> usize {
    let applications = ledger.applications.lock().unwrap().clone();
    for (id, application) in &applications {
        let (status, _) =
            process.form("/oauth/token", (&application.client_id, &application.secret), "grant_type=client_credentials").await.unwrap();
        let introspected = match &application.token {
            None => None,
            Some(token) => {
                let http = (application.client_id.as_str(), application.secret.as_str());
                Some(process.form("/oauth/introspect", http, &format!("token={token}")).await.unwrap())
            }
        };
        match application.alive {
            Some(true) => {
                assert_eq!(status, 200, "{id} was acknowledged and is gone");
                if let Some((_, answer)) = introspected {
                    assert_eq!(answer["active"], true, "{id}: an unexpired token of a live application");
                }
            }
            Some(false) => assert_eq!(status, 401, "{id} was deleted and is back"),
            None => assert!(status == 200 || status == 401),
        }
    }
    let api_keys = std::mem::take(&mut *ledger.api_keys.lock().unwrap());
    for (id, (value, alive)) in &api_keys {
        let (_, answer) = process.manage("POST", "/api_keys/validations", json!({ "value": value })).await.unwrap();
        match alive {
            Some(true) => assert_eq!(answer["reason"], Value::Null, "{id} was acknowledged and is gone"),
            Some(false) => assert_eq!(answer["reason"], "revoked", "{id} was revoked and is back"),
            None => {}
        }
    }
    applications.len() + api_keys.len()
}

/// Every event of the chain after the endpoint's registration was delivered, in its order, and nothing else was.
async fn check_webhooks(process: &Process, receiver: &Receiver, registered_by: &str) {
    let mut chain: Vec<String> = Vec::new();
    loop {
        let after = chain.last().map_or(String::new(), |id| format!("&after={id}"));
        let path = format!("/events?limit=100&order=asc{after}");
        let (_, page) = process.manage("GET", &path, Value::Null).await.unwrap();
        chain.extend(page["data"].as_array().unwrap().iter().map(|event| event["id"].as_str().unwrap().to_owned()));
        if page["list_metadata"]["after"].is_null() {
            break;
        }
    }
    let from = chain.iter().position(|id| id == registered_by).unwrap();
    let expected = &chain[from..];
    let mut first_times: Vec<String> = Vec::new();
    for _ in 0..600 {
        let mut seen = std::collections::HashSet::new();
        first_times = receiver.event_ids().into_iter().filter(|id| seen.insert(id.clone())).collect();
        if first_times.len() >= expected.len() {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    // What the authority did since the chain was read comes after it.
    let in_order = first_times.get(..expected.len()) == Some(expected);
    assert!(in_order, "events are missing, came in another order, or are not in the chain");
}

#[tokio::test(flavor = "multi_thread")]
async fn f1_what_was_acknowledged_survives_kill_9() {
    #[expect(clippy::disallowed_methods, reason = "how long a soak runs is for whoever starts it")]
    let kills: u64 = std::env::var("CHANCERY_KILLS").ok().and_then(|text| text.parse().ok()).unwrap_or(8);
    let folder = tempfile::tempdir().unwrap();
    let ledger = Ledger::default();
    // The port differs from start to start; the issuer must not.
    let start = || {
        let mut command = command(folder.path());
        command.env("CHANCERY_ISSUER", "https://auth.example.com").env("CHANCERY_WEBHOOK_NETWORKS", "127.0.0.0/8");
        Process::start_with(command, &folder.path().join("log"))
    };
    let mut process = start();
    let (_, organization) = process.manage("POST", "/organizations", json!({ "name": "Acme" })).await.unwrap();
    let organization = organization["id"].as_str().unwrap().to_owned();
    let receiver = Receiver::start().await;
    let hook = json!({ "endpoint_url": receiver.url, "events": ["*"] });
    assert_eq!(process.manage("POST", "/webhook_endpoints", hook).await.unwrap().0, 201);
    let (_, registered) = process.manage("GET", "/events?limit=1", Value::Null).await.unwrap();
    let registered_by = registered["data"][0]["id"].as_str().unwrap().to_owned();
    for kill in 0..kills {
        let shared = Arc::new(process);
        let tasks: Vec<_> = (0..4).map(|seed| tokio::spawn(work(shared.clone(), ledger.clone(), organization.clone(), seed))).collect();
        tokio::time::sleep(std::time::Duration::from_millis(60 + (kill * 37) % 200)).await;
        let pid = rustix::process::Pid::from_child(&shared.child);
        rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
        for task in tasks {
            task.await.unwrap();
        }
        drop(shared);
        let audit = run(command(folder.path()).args(["audit", "verify"]));
        assert!(audit.status.success(), "{audit:?}");
        process = start();
        check(&process, &ledger).await;
        let (_, keys) = process.manage("GET", "/signing_keys", Value::Null).await.unwrap();
        for purpose in ["access_token", "status"] {
            let active = |key: &&Value| key["state"] == "active" && key["purpose"] == purpose;
            assert_eq!(keys["data"].as_array().unwrap().iter().filter(active).count(), 1);
        }
        // A round's applications were checked; the next has its own.
        ledger.applications.lock().unwrap().retain(|_, application| application.alive == Some(true) && application.token.is_none());
    }
    check_webhooks(&process, &receiver, &registered_by).await;
    assert!(process.stop().success());
}

#[tokio::test(flavor = "multi_thread")]
async fn f27_f28_a_stop_finishes_requests_and_loses_no_count() {
    let folder = tempfile::tempdir().unwrap();
    let process = Process::start(folder.path());
    let (_, organization) = process.manage("POST", "/organizations", json!({ "name": "Acme" })).await.unwrap();
    let body = json!({ "name": "a", "organization_id": organization["id"] });
    let (_, made) = process.manage("POST", "/connect/applications", body).await.unwrap();
    let client = (made["client_id"].as_str().unwrap(), made["client_secret"]["secret"].as_str().unwrap());
    for _ in 0..25 {
        let (status, _) = process.form("/oauth/token", client, "grant_type=client_credentials").await.unwrap();
        assert_eq!(status, 200);
    }
    assert!(process.stop().success());
    let process = Process::start(folder.path());
    let (_, application) =
        process.manage("GET", &format!("/connect/applications/{}", made["id"].as_str().unwrap()), Value::Null).await.unwrap();
    assert_eq!(application["usage"]["last_24h"], 25);
}
