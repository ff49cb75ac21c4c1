//! The pages in a real browser: every flow of an operator and of a customer's admin, with the keyboard, on a phone, without scripts, and with
//! names that would run if anything let them. Pictures are kept in `target/browser/pictures`. `make test` installs Debian's chromium.
mod fixture;

use std::path::Path;

use fixture::process::{MANAGEMENT_KEY, Process, command};

fn free_port() -> String {
    std::net::TcpListener::bind("localhost:0").unwrap().local_addr().unwrap().port().to_string()
}

async fn walk(script: &str) {
    let installed = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/browser");
    let pictures = installed.join("pictures");
    assert!(installed.join(script).exists(), "{script} is missing: run `make test`, which installs it");
    std::fs::create_dir_all(&pictures).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let mut command = command(folder.path());
    command.env("CHANCERY_WEBHOOK_NETWORKS", "127.0.0.0/8");
    let port = free_port();
    command.env("CHANCERY_PORTAL_ORIGINS", format!("http://localhost:{port}"));
    command.env("CHANCERY_PORTAL_NAME", "Product").env("CHANCERY_PORTAL_COLOR", "#0a6640");
    let provider = free_port();
    command.env("CHANCERY_OPENID_ISSUER", format!("http://localhost:{provider}"));
    command.env("CHANCERY_OPENID_CLIENT_ID", "chancery").env("CHANCERY_OPENID_CLIENT_SECRET", "the secret of the console");
    let process = Process::start_with(command, &folder.path().join("log"));
    let output = std::process::Command::new("node")
        .arg(installed.join(script))
        .env("BASE", &process.base)
        .env("MANAGEMENT_KEY", MANAGEMENT_KEY)
        .env("SHOTS", &pictures)
        .env("PRODUCT_PORT", &port)
        .env("PROVIDER_PORT", &provider)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    print!("{}", String::from_utf8_lossy(&output.stdout));
}

#[tokio::test]
async fn an_operator_in_the_console() {
    walk("console.mjs").await;
}

#[tokio::test]
async fn a_customers_admin_in_the_portal() {
    walk("portal.mjs").await;
}

#[tokio::test]
async fn an_operator_who_signs_in_at_his_identity_provider() {
    walk("openid.mjs").await;
}
