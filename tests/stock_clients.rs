//! Stock clients and verifiers of other languages, unmodified. `make test` installs them.
mod fixture;

use std::path::{Path, PathBuf};
use std::process::Command;

use fixture::process::Process;
use serde_json::json;

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
