//! The real program as a process of its own, on the cores it is given.
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use chancery::clock::instant;
use serde_json::{Value, json};
use tempfile::TempDir;

pub const KEY: &str = "a-management-key-for-the-benchmark-only";

pub struct House {
    pub base: String,
    pub issuer: String,
    pub ready_after: Duration,
    http: reqwest::Client,
    child: Child,
    folder: Option<TempDir>,
}

impl House {
    /// Starts it in a folder of its own, under the issuer given or its own address.
    pub fn start(issuer: Option<&str>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let issuer: Vec<_> = issuer.map(|issuer| ("CHANCERY_ISSUER", issuer)).into_iter().collect();
        let mut house = Self::start_in(folder.path(), None, &issuer);
        house.folder = Some(folder);
        house
    }

    /// Starts it in `folder`, on these cores (as `taskset -c` takes them) if any are given, with further settings.
    pub fn start_in(folder: &Path, cores: Option<&str>, settings: &[(&str, &str)]) -> Self {
        let examples = std::env::current_exe().unwrap();
        let program = examples.ancestors().nth(2).unwrap().join("chancery");
        assert!(program.exists(), "{} is missing: cargo build --release", program.display());
        let mut command = on_cores(cores, &program);
        command.current_dir(folder).env("CHANCERY_MANAGEMENT_KEY", KEY).env("CHANCERY_LOG_FORMAT", "json");
        command.env("CHANCERY_LISTEN", "127.0.0.1:0").env("CHANCERY_METRICS_LISTEN", "127.0.0.1:0").envs(settings.iter().copied());
        let began = instant();
        let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap());
        let (base, issuer) = loop {
            let mut line = String::new();
            assert!(lines.read_line(&mut line).unwrap() > 0, "it ended before it was ready");
            let Ok(entry) = serde_json::from_str::<Value>(&line) else { panic!("{line}") };
            let fields = &entry["fields"];
            if fields["message"] == "the authority is ready" {
                break (format!("http://{}", fields["listen"].as_str().unwrap()), fields["issuer"].as_str().unwrap().to_owned());
            }
        };
        let ready_after = Instant::elapsed(&began);
        std::thread::spawn(move || std::io::copy(&mut lines.by_ref(), &mut std::io::sink()));
        let _ = rustls::crypto::ring::default_provider().install_default();
        Self { base, issuer, ready_after, http: reqwest::Client::new(), child, folder: None }
    }

    pub async fn manage(&self, method: &str, path: &str, body: Value) -> Value {
        let method = reqwest::Method::from_bytes(method.as_bytes()).unwrap();
        let response = self.http.request(method, format!("{}{path}", self.base)).bearer_auth(KEY).json(&body).send().await.unwrap();
        let status = response.status();
        let bytes = response.bytes().await.unwrap();
        assert!(status.is_success(), "{path}: {status} {}", String::from_utf8_lossy(&bytes));
        serde_json::from_slice(&bytes).unwrap_or(Value::Null)
    }

    /// Waits until every algorithm in use has a key that signs and the one after it: to make an RSA key takes a fifth of a second.
    pub async fn settle(&self) {
        loop {
            let keys = self.manage("GET", "/signing_keys", Value::Null).await;
            let of = |alg: &str, state: &str| keys["data"].as_array().unwrap().iter().any(|key| key["alg"] == alg && key["state"] == state);
            if ["ES256", "EdDSA", "RS256"].iter().all(|alg| of(alg, "active") && of(alg, "published")) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }

    /// Asks it to stop, and waits until it has.
    pub fn stop(mut self) {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
        self.child.wait().unwrap();
    }

    pub fn kill(&mut self) {
        let _ = self.child.kill();
    }

    pub async fn organization(&self) -> String {
        text(&self.manage("POST", "/organizations", json!({ "name": "Acme" })).await["id"])
    }

    /// An application's id, and a token of it.
    pub async fn application(&self, organization: &str) -> (String, String) {
        let made = self.manage("POST", "/connect/applications", json!({ "name": "a", "organization_id": organization })).await;
        let (client, secret) = (text(&made["client_id"]), text(&made["client_secret"]["secret"]));
        (text(&made["id"]), self.token(&client, &secret).await)
    }

    pub async fn token(&self, client: &str, secret: &str) -> String {
        let request = self.http.post(format!("{}/oauth/token", self.base)).basic_auth(client, Some(secret));
        let request = request.header("content-type", "application/x-www-form-urlencoded").body("grant_type=client_credentials");
        let answer: Value = request.send().await.unwrap().json().await.unwrap();
        text(&answer["access_token"])
    }

    pub fn address(&self) -> String {
        self.base.trim_start_matches("http://").to_owned()
    }

    /// Bytes of its memory that are resident.
    pub fn resident(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
    }

    /// The time it has had of the processors.
    pub fn processor_time(&self) -> Duration {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id())).unwrap();
        let after_name: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
        let ticks: u64 = after_name[11..13].iter().map(|ticks| ticks.parse::<u64>().unwrap()).sum();
        Duration::from_millis(ticks * 1000 / rustix::param::clock_ticks_per_second())
    }
}

impl Drop for House {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("{value} is no text")).to_owned()
}

/// A command without this process's environment, on the cores given.
pub fn on_cores(cores: Option<&str>, program: &Path) -> Command {
    let mut command = match cores {
        Some(cores) => {
            let mut command = Command::new("taskset");
            command.arg("-c").arg(cores).arg(program);
            command
        }
        None => Command::new(program),
    };
    command.env_clear();
    command
}
