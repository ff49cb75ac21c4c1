//! Stock clients and verifiers of other languages, unmodified. `make test` installs them.
mod fixture;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use fixture::process::Process;
use serde_json::{Value, json};

/// Where `make test` installed the packages: `target/clients`.
fn installed() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("target/clients")
}

async fn run(program: PathBuf, script: PathBuf) {
    assert!(program.exists() || program.components().count() == 1, "{} is missing: run `make test`, which installs it", program.display());
    let folder = tempfile::tempdir().unwrap();
    let process = Process::start(folder.path());
    let audience = "https://api.example.com";
    process.manage("POST", "/resource_servers", json!({ "identifier": audience, "name": "API" })).await.unwrap();
    process.manage("POST", "/authorization/permissions", json!({ "slug": "threads:read", "name": "Read" })).await.unwrap();
    let (_, organization) = process.manage("POST", "/organizations", json!({ "name": "Acme" })).await.unwrap();
    let body = json!({ "application_type": "m2m", "name": "stock", "organization_id": organization["id"], "scopes": ["threads:read"] });
    let (_, made) = process.manage("POST", "/connect/applications", body).await.unwrap();
    let output = Command::new(program)
        .arg(script)
        .env("ISSUER", &process.base)
        .env("AUDIENCE", audience)
        .env("SCOPE", "threads:read")
        .env("CLIENT_ID", made["client_id"].as_str().unwrap())
        .env("CLIENT_SECRET", made["client_secret"]["secret"].as_str().unwrap())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
}

#[tokio::test]
async fn authlib_requests_oauthlib_pyjwt_python_jose() {
    run(installed().join("venv/bin/python"), Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients/clients.py")).await;
}

#[tokio::test]
async fn oauth4webapi_openid_client_simple_oauth2_jose_express_oauth2_jwt_bearer() {
    run(PathBuf::from("node"), installed().join("clients.mjs")).await;
}

/// What a library that knows nothing but the Token Status List text says of a token, before and after its application is deleted.
#[expect(clippy::disallowed_methods, reason = "the bound of the text is one of real time")]
async fn status_list(program: PathBuf, script: PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let process = Process::start(folder.path());
    let (_, organization) = process.manage("POST", "/organizations", json!({ "name": "Acme" })).await.unwrap();
    let body = json!({ "name": "stock", "organization_id": organization["id"] });
    let (_, made) = process.manage("POST", "/connect/applications", body).await.unwrap();
    let client = (made["client_id"].as_str().unwrap(), made["client_secret"]["secret"].as_str().unwrap());
    let (_, answer) = process.form("/oauth/token", client, "grant_type=client_credentials").await.unwrap();
    let token = answer["access_token"].as_str().unwrap();
    let ask = || {
        let jwks = format!("{}/status/v1/jwks.json", process.base);
        let output = Command::new(&program).arg(&script).args([token, &process.base, &jwks]).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice::<Value>(&output.stdout).unwrap()
    };
    assert_eq!(ask(), json!({ "status": 0, "ttl": 5, "bits": 1 }));
    process.manage("DELETE", &format!("/connect/applications/{}", made["id"].as_str().unwrap()), Value::Null).await.unwrap();
    let deleted = Instant::now();
    // It fetches the list anew each time, where one that keeps it for its ttl would ask five seconds later at the most.
    while ask()["status"] == 0 {
        assert!(deleted.elapsed() < Duration::from_millis(1500), "a revoked token is still valid");
    }
}

#[tokio::test]
async fn tsl_openvc_core_takes_our_lists_and_sees_a_revoked_token() {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients/status_list.py");
    status_list(installed().join("venv/bin/python"), script).await;
}

#[tokio::test]
async fn tsl_owf_token_status_list_takes_our_lists_and_sees_a_revoked_token() {
    status_list(PathBuf::from("node"), installed().join("status_list.mjs")).await;
}
