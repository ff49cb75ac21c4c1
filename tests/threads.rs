//! The example resource server against a running authority: Endgame's whole capability matrix (E1, E14–E17, E25–E44, E50).
mod fixture;

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use fixture::process::{MANAGEMENT_KEY, Process};
use reqwest::Method;
use serde_json::{Value, json};
use tempfile::TempDir;

/// The example as a process of its own.
struct Threads {
    base: String,
    child: Child,
}

impl Threads {
    fn start(issuer: &str, listen: &str) -> Self {
        let built = std::path::Path::new(env!("CARGO_BIN_EXE_chancery")).with_file_name("examples").join("threads_api");
        assert!(built.exists(), "cargo build -p chancery-verifier --example threads_api makes {}", built.display());
        let mut command = Command::new(built);
        command.args(["--issuer", issuer, "--listen", listen]).env_clear().env("CHANCERY_MANAGEMENT_KEY", MANAGEMENT_KEY);
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let base = line.split_whitespace().nth(2).unwrap().trim_end_matches("/api/v1/threads,").to_owned();
        Self { base, child }
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// How a credential is sent.
#[derive(Clone, Debug)]
enum Credential {
    Bearer(String),
    ApiKey { value: String, organization: String },
}

struct House {
    process: Process,
    threads: Threads,
    http: reqwest::Client,
    _folder: TempDir,
}

/// One organization's people and credentials.
struct Tenant {
    organization: String,
    owner: String,
    other: String,
    other_membership: String,
    owners_key: Value,
    others_key: Value,
    org_key: Value,
    application: Value,
    token: String,
}

impl House {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let process = Process::start(folder.path());
        let listen = format!("127.0.0.1:{}", std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port());
        let server = json!({ "identifier": format!("http://{listen}"), "name": "Threads", "status_enforcing": true });
        assert_eq!(process.manage("POST", "/resource_servers", server).await.unwrap().0, 201);
        let threads = Threads::start(&process.base, &listen);
        Self { process, threads, http: reqwest::Client::new(), _folder: folder }
    }

    async fn manage(&self, method: &str, path: &str, body: Value) -> Value {
        let (status, answer) = self.process.manage(method, path, body).await.unwrap();
        assert!(status < 300, "{method} {path}: {status} {answer}");
        answer
    }

    async fn tenant(&self, name: &str) -> Tenant {
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let organization = text(&self.manage("POST", "/organizations", json!({ "name": name })).await["id"]);
        let (mut users, mut keys, mut memberships) = (Vec::new(), Vec::new(), Vec::new());
        for person in ["owner", "other"] {
            let email = format!("{person}@{name}.example");
            let user = text(&self.manage("POST", "/user_management/users", json!({ "email": email })).await["id"]);
            let membership = json!({ "user_id": user, "organization_id": organization, "role_slug": "member" });
            memberships.push(text(&self.manage("POST", "/user_management/organization_memberships", membership).await["id"]));
            let key = json!({ "name": "personal", "organization_id": organization });
            keys.push(self.manage("POST", &format!("/user_management/users/{user}/api_keys"), key).await);
            users.push(user);
        }
        let org_key = self.manage("POST", &format!("/organizations/{organization}/api_keys"), json!({ "name": "org-wide" })).await;
        let application = self.manage("POST", "/connect/applications", json!({ "name": "backend", "organization_id": organization })).await;
        let client = (application["client_id"].as_str().unwrap(), application["client_secret"]["secret"].as_str().unwrap());
        let (_, answer) = self.process.form("/oauth/token", client, "grant_type=client_credentials").await.unwrap();
        Tenant {
            organization,
            owner: users[0].clone(),
            other: users[1].clone(),
            other_membership: memberships[1].clone(),
            owners_key: keys[0].clone(),
            others_key: keys[1].clone(),
            org_key,
            application: application.clone(),
            token: text(&answer["access_token"]),
        }
    }

    async fn ask(&self, credential: &Credential, method: &str, path: &str, body: Value) -> (u16, Value) {
        let headers: Vec<(&str, String)> = match credential {
            Credential::Bearer(value) => vec![("authorization", format!("Bearer {value}"))],
            Credential::ApiKey { value, organization } => {
                vec![("x-api-key", value.clone()), ("x-organization-id", organization.clone())]
            }
        };
        self.ask_with(&headers, method, path, body).await
    }

    async fn ask_with(&self, headers: &[(&str, String)], method: &str, path: &str, body: Value) -> (u16, Value) {
        let url = format!("{}/api/v1/threads{path}", self.threads.base);
        let mut request = self.http.request(Method::from_bytes(method.as_bytes()).unwrap(), url);
        for (name, value) in headers {
            request = request.header(*name, value);
        }
        if !body.is_null() {
            request = request.json(&body);
        }
        let response = request.send().await.unwrap();
        let status = response.status().as_u16();
        let answer: Value = serde_json::from_slice(&response.bytes().await.unwrap()).unwrap_or(Value::Null);
        if status >= 400 {
            let code = match status {
                400 | 405 => "INVALID_PARAMS",
                401 => "UNAUTHORIZED",
                403 => "FORBIDDEN",
                404 => "NOT_FOUND",
                _ => "UNAVAILABLE",
            };
            assert_eq!(answer["error"]["code"], code, "{answer}");
            assert!(answer["error"]["message"].is_string() && answer["error"]["trace_id"].is_string());
        }
        (status, answer)
    }

    async fn makes(&self, credential: &Credential, title: &str) -> Value {
        let (status, thread) = self.ask(credential, "POST", "", json!({ "title": title })).await;
        assert_eq!(status, 201, "{thread}");
        thread
    }

    async fn titles(&self, credential: &Credential) -> Vec<String> {
        let (status, list) = self.ask(credential, "GET", "", Value::Null).await;
        assert_eq!(status, 200);
        let mut titles: Vec<_> = list["data"].as_array().unwrap().iter().map(|one| one["title"].as_str().unwrap().to_owned()).collect();
        titles.sort();
        titles
    }

    /// Asks until the credential is refused.
    async fn is_refused(&self, credential: &Credential) {
        for _ in 0..200 {
            let (status, _) = self.ask(credential, "GET", "", Value::Null).await;
            match status {
                401 => return,
                200 => tokio::time::sleep(Duration::from_millis(10)).await,
                other => panic!("{other}"),
            }
        }
        panic!("{credential:?} is not refused");
    }
}

/// Both header styles of a key.
fn styles(key: &Value, organization: &str) -> [Credential; 2] {
    let value = key["value"].as_str().unwrap().to_owned();
    [Credential::Bearer(value.clone()), Credential::ApiKey { value, organization: organization.to_owned() }]
}

#[tokio::test(flavor = "multi_thread")]
async fn e14_to_e44_every_cell_of_the_capability_matrix() {
    let house = House::new().await;
    let (ours, theirs) = (house.tenant("ours").await, house.tenant("theirs").await);
    let owner = Credential::Bearer(ours.owners_key["value"].as_str().unwrap().to_owned());
    let published = house.makes(&owner, "published").await;
    let private = house.makes(&owner, "private").await;
    assert_eq!((&published["owner"], &published["organization_id"]), (&json!(ours.owner), &json!(ours.organization)), "E30");
    assert_eq!(published["published"], false);
    assert!(published["created_at"].as_str().unwrap().ends_with('Z'));
    let path = |thread: &Value| format!("/{}", thread["id"].as_str().unwrap());
    let (status, changed) = house.ask(&owner, "PATCH", &path(&published), json!({ "published": true })).await;
    assert_eq!((status, &changed["published"]), (200, &json!(true)));

    // Of each kind: what it reads of the two threads, what it may do to each, whether it makes threads.
    struct Row {
        who: &'static str,
        credentials: Vec<Credential>,
        sees: &'static [&'static str],
        reads: [u16; 2],
        changes: [u16; 2],
        makes: u16,
    }
    let token = |tenant: &Tenant| vec![Credential::Bearer(tenant.token.clone())];
    let key = |tenant: &Tenant, key: &Value| styles(key, &tenant.organization).to_vec();
    let both: &[&str] = &["private", "published"];
    let row = |who, credentials, sees, reads, changes, makes| Row { who, credentials, sees, reads, changes, makes };
    let rows = [
        row("the owner's key", key(&ours, &ours.owners_key), both, [200, 200], [200, 200], 201),
        row("another's key", key(&ours, &ours.others_key), &["published"], [200, 404], [403, 404], 201),
        row("the org-wide key", key(&ours, &ours.org_key), &["published"], [200, 404], [403, 403], 403),
        row("the application", token(&ours), &["published"], [200, 404], [403, 403], 403),
        row("a stranger's key", key(&theirs, &theirs.owners_key), &[], [404, 404], [404, 404], 201),
        row("another stranger's key", key(&theirs, &theirs.others_key), &[], [404, 404], [404, 404], 201),
        row("a stranger's org-wide key", key(&theirs, &theirs.org_key), &[], [404, 404], [403, 403], 403),
        row("a stranger's application", token(&theirs), &[], [404, 404], [403, 403], 403),
    ];
    for row in &rows {
        for credential in &row.credentials {
            assert_eq!(house.titles(credential).await, row.sees, "{}", row.who);
            for (place, thread) in [&published, &private].into_iter().enumerate() {
                let told = format!("{} {credential:?} {thread}", row.who);
                assert_eq!(house.ask(credential, "GET", &path(thread), Value::Null).await.0, row.reads[place], "{told}");
                let rename = json!({ "title": thread["title"] });
                assert_eq!(house.ask(credential, "PATCH", &path(thread), rename).await.0, row.changes[place], "{told}");
                if row.changes[place] != 200 {
                    assert_eq!(house.ask(credential, "DELETE", &path(thread), Value::Null).await.0, row.changes[place], "{told}");
                }
            }
            let (status, made) = house.ask(credential, "POST", "", json!({ "title": "made" })).await;
            assert_eq!(status, row.makes, "{}", row.who);
            if status == 201 {
                assert_eq!(house.ask(credential, "DELETE", &path(&made), Value::Null).await.0, 204, "{}", row.who);
            }
        }
    }
    // E29: a token got with a personal key is its user's, as the key is.
    let client = (ours.others_key["id"].as_str().unwrap(), ours.others_key["value"].as_str().unwrap());
    let (_, exchanged) = house.process.form("/oauth/token", client, "grant_type=client_credentials").await.unwrap();
    let exchanged = Credential::Bearer(exchanged["access_token"].as_str().unwrap().to_owned());
    assert_eq!(house.makes(&exchanged, "by token").await["owner"], json!(ours.other));
    assert_eq!(house.ask(&exchanged, "PATCH", &path(&published), json!({ "title": "mine" })).await.0, 403, "E43");

    assert_eq!(house.ask(&owner, "DELETE", &path(&published), Value::Null).await.0, 204);
    assert_eq!(house.ask(&owner, "GET", &path(&published), Value::Null).await.0, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn e50_each_kind_of_credential_is_refused_once_it_is_revoked() {
    let house = House::new().await;
    let ours = house.tenant("ours").await;
    let token = Credential::Bearer(ours.token.clone());
    let all =
        |tenant: &Tenant| [&tenant.owners_key, &tenant.others_key, &tenant.org_key].map(|key| styles(key, &tenant.organization)).concat();
    for credential in all(&ours).iter().chain([&token]) {
        assert_eq!(house.titles(credential).await.len(), 0);
    }
    house.manage("DELETE", &format!("/connect/applications/{}", ours.application["id"].as_str().unwrap()), Value::Null).await;
    house.is_refused(&token).await;
    // E15: a personal key dies when its owner leaves.
    house.manage("DELETE", &format!("/user_management/organization_memberships/{}", ours.other_membership), Value::Null).await;
    for key in [&ours.owners_key, &ours.org_key] {
        house.manage("DELETE", &format!("/api_keys/{}", key["id"].as_str().unwrap()), Value::Null).await;
    }
    for credential in all(&ours) {
        house.is_refused(&credential).await;
        assert_eq!(house.ask(&credential, "POST", "", json!({ "title": "late" })).await.0, 401);
    }
    // All of an organization's credentials, when it is suspended.
    let theirs = house.tenant("theirs").await;
    let token = Credential::Bearer(theirs.token.clone());
    for credential in all(&theirs).iter().chain([&token]) {
        assert_eq!(house.titles(credential).await.len(), 0);
    }
    house.manage("POST", &format!("/organizations/{}/suspend", theirs.organization), json!({})).await;
    for credential in all(&theirs).iter().chain([&token]) {
        house.is_refused(credential).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn e1_exactly_one_good_credential() {
    let house = House::new().await;
    let ours = house.tenant("ours").await;
    let theirs = house.tenant("theirs").await;
    let key = ours.owners_key["value"].as_str().unwrap().to_owned();
    let bearer = format!("Bearer {key}");
    let ask = async |headers: &[(&str, String)]| house.ask_with(headers, "GET", "", Value::Null).await.0;
    assert_eq!(ask(&[]).await, 401);
    for bad in ["Basic abc", "Bearer ", "Bearer a.b.c", "Bearer eak_unknown", "Bearer"] {
        assert_eq!(ask(&[("authorization", bad.to_owned())]).await, 401, "{bad}");
    }
    assert_eq!(ask(&[("x-api-key", "unknown".into())]).await, 401);
    assert_eq!(ask(&[("x-api-key", ours.token.clone())]).await, 401, "a token is no key");
    assert_eq!(ask(&[("authorization", bearer.clone()), ("x-api-key", key.clone())]).await, 400);
    assert_eq!(ask(&[("authorization", bearer.clone()), ("authorization", bearer.clone())]).await, 400);
    let narrowed = |organization: &str| [("authorization", bearer.clone()), ("x-organization-id", organization.to_owned())];
    assert_eq!(ask(&narrowed(&ours.organization)).await, 200);
    assert_eq!(ask(&narrowed(&theirs.organization)).await, 404, "it narrows, and never widens");
    for (body, status) in [(json!({}), 400), (json!({ "title": "" }), 400), (json!({ "title": "a", "owner": "me" }), 400)] {
        let headers = [("authorization", bearer.clone())];
        assert_eq!(house.ask_with(&headers, "POST", "", body).await.0, status);
    }
    for (method, path, status) in [("PUT", "", 405), ("GET", "/nothing/here", 404), ("GET", "/%FF", 404)] {
        assert_eq!(house.ask_with(&[], method, path, Value::Null).await.0, 401, "{method} {path} without a credential");
        assert_eq!(house.ask_with(&[("authorization", bearer.clone())], method, path, Value::Null).await.0, status, "{method} {path}");
    }
    let long = json!({ "title": "x".repeat(3 * 1024 * 1024) });
    assert_eq!(house.ask_with(&[("authorization", bearer.clone())], "POST", "", long).await.0, 400);
    let wrong_audience = house.manage("POST", "/resource_servers", json!({ "identifier": "https://other.example", "name": "o" })).await;
    let client = (ours.application["client_id"].as_str().unwrap(), ours.application["client_secret"]["secret"].as_str().unwrap());
    let body = format!("grant_type=client_credentials&resource={}", wrong_audience["identifier"].as_str().unwrap());
    let (_, other) = house.process.form("/oauth/token", client, &body).await.unwrap();
    assert_eq!(ask(&[("authorization", format!("Bearer {}", other["access_token"].as_str().unwrap()))]).await, 401);
}
