//! The real program, in a folder of its own.
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};
use tempfile::TempDir;

const KEY: &str = "a-management-key-for-the-benchmark-only";

pub struct House {
    pub base: String,
    pub issuer: String,
    http: reqwest::Client,
    child: Child,
    _folder: TempDir,
}

impl House {
    /// Starts it, under the issuer given or its own address.
    pub fn start(issuer: Option<&str>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let examples = std::env::current_exe().unwrap();
        let program = examples.ancestors().nth(2).unwrap().join("chancery");
        assert!(program.exists(), "{} is missing: cargo build --release", program.display());
        let mut command = Command::new(program);
        command.current_dir(folder.path()).env_clear().env("CHANCERY_MANAGEMENT_KEY", KEY).env("CHANCERY_LOG_FORMAT", "json");
        command.env("CHANCERY_LISTEN", "127.0.0.1:0").env("CHANCERY_METRICS_LISTEN", "127.0.0.1:0");
        if let Some(issuer) = issuer {
            command.env("CHANCERY_ISSUER", issuer);
        }
        let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap());
        let base = loop {
            let mut line = String::new();
            assert!(lines.read_line(&mut line).unwrap() > 0, "it ended before it was ready");
            let entry: Value = serde_json::from_str(&line).unwrap();
            if entry["fields"]["message"] == "the authority is ready" {
                break format!("http://{}", entry["fields"]["listen"].as_str().unwrap());
            }
        };
        std::thread::spawn(move || std::io::copy(&mut lines.by_ref(), &mut std::io::sink()));
        let _ = rustls::crypto::ring::default_provider().install_default();
        let issuer = issuer.map_or(base.clone(), str::to_owned);
        Self { base, issuer, http: reqwest::Client::new(), child, _folder: folder }
    }

    pub async fn manage(&self, method: &str, path: &str, body: Value) -> Value {
        let method = reqwest::Method::from_bytes(method.as_bytes()).unwrap();
        let response = self.http.request(method, format!("{}{path}", self.base)).bearer_auth(KEY).json(&body).send().await.unwrap();
        assert!(response.status().is_success(), "{}", response.status());
        serde_json::from_slice(&response.bytes().await.unwrap()).unwrap_or(Value::Null)
    }

    pub fn kill(&mut self) {
        let _ = self.child.kill();
    }

    pub async fn organization(&self) -> String {
        self.manage("POST", "/organizations", json!({ "name": "Acme" })).await["id"].as_str().unwrap().to_owned()
    }

    /// An application's id, and a token of it.
    pub async fn application(&self, organization: &str) -> (String, String) {
        let made = self.manage("POST", "/connect/applications", json!({ "name": "a", "organization_id": organization })).await;
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let (client, secret) = (text(&made["client_id"]), text(&made["client_secret"]["secret"]));
        let request = self.http.post(format!("{}/oauth/token", self.base)).basic_auth(client, Some(secret));
        let request = request.header("content-type", "application/x-www-form-urlencoded").body("grant_type=client_credentials");
        let answer: Value = request.send().await.unwrap().json().await.unwrap();
        (text(&made["id"]), text(&answer["access_token"]))
    }
}

impl Drop for House {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
