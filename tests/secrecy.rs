//! No secret where it does not belong (K14, K17, K19, P20): not in the store, not in the log at TRACE, not in a second answer.
mod fixture;

use fixture::process::{MANAGEMENT_KEY, Process, command, files};
use serde_json::{Value, json};

#[tokio::test]
async fn no_secret_token_or_management_key_is_in_any_file_or_later_answer() {
    let folder = tempfile::tempdir().unwrap();
    let mut traced = command(folder.path());
    traced.env("CHANCERY_LOG", "trace");
    let log = folder.path().join("log");
    let process = Process::start_with(traced, &log);
    let mut secrets = vec![MANAGEMENT_KEY.to_owned()];
    let mut keep = |value: &Value| {
        secrets.push(value.as_str().unwrap().to_owned());
        value.as_str().unwrap().to_owned()
    };
    let (_, organization) = process.manage("POST", "/organizations", json!({ "name": "Acme" })).await.unwrap();
    let (_, made) =
        process.manage("POST", "/connect/applications", json!({ "name": "a", "organization_id": organization["id"] })).await.unwrap();
    let (id, client_id) = (made["id"].as_str().unwrap(), made["client_id"].as_str().unwrap());
    let secret = keep(&made["client_secret"]["secret"]);
    let (_, rotated) = process.manage("POST", &format!("/connect/applications/{id}/client_secrets/rotate"), json!({})).await.unwrap();
    keep(&rotated["secret"]);
    let (_, key) = process.manage("POST", "/management_keys", json!({ "name": "k", "permissions": ["*"] })).await.unwrap();
    keep(&key["value"]);
    let (_, token) = process.form("/oauth/token", (client_id, &secret), "grant_type=client_credentials").await.unwrap();
    let token = keep(&token["access_token"]);
    let post = format!("grant_type=client_credentials&client_id={client_id}&client_secret={secret}");
    process.form(&format!("/oauth/token?client_secret={secret}"), ("", ""), &post).await.unwrap();
    process.form("/oauth/introspect", (client_id, &secret), &format!("token={token}")).await.unwrap();
    process.form("/oauth/revoke", (client_id, &secret), &format!("token={token}")).await.unwrap();
    process.form("/oauth/token", (client_id, "chs_wrong_secret_that_somebody_typed"), "grant_type=client_credentials").await.unwrap();
    secrets.push("chs_wrong_secret_that_somebody_typed".to_owned());
    process.manage("POST", "/organizations", json!({ "name": [secret.clone()] })).await.unwrap();
    let reads =
        ["/organizations", "/connect/applications", "/management_keys", "/events?limit=100", "/signing_keys", "/authorization/permissions"];
    for path in reads
        .iter()
        .map(|path| (*path).to_owned())
        .chain([format!("/connect/applications/{id}"), format!("/connect/applications/{id}/client_secrets")])
    {
        let (status, answer) = process.manage("GET", &path, Value::Null).await.unwrap();
        assert_eq!(status, 200, "{path}");
        for secret in &secrets {
            assert!(!answer.to_string().contains(secret), "{path}");
        }
    }
    let (_, jwks) = process.manage("GET", "/.well-known/jwks.json", Value::Null).await.unwrap();
    assert!(!jwks.to_string().contains("\"d\""));
    assert!(process.stop().success());
    let master = std::fs::read_to_string(folder.path().join("keys/master.key")).unwrap();
    secrets.push(master.trim().to_owned());
    let mut searched = 0;
    for path in files(folder.path()) {
        if path.ends_with("keys/master.key") {
            continue;
        }
        let content = std::fs::read(&path).unwrap();
        searched += content.len();
        for secret in &secrets {
            // Also its random part alone, and as hex of the bytes.
            let random = &secret[secret.len().min(5)..secret.len().saturating_sub(7).max(secret.len().min(5))];
            let hex: String = random.bytes().map(|byte| format!("{byte:02x}")).collect();
            for form in [random, &hex] {
                assert!(!content.windows(form.len()).any(|window| window == form.as_bytes()), "{} holds {}…", path.display(), &secret[..6]);
            }
        }
    }
    assert!(searched > 200_000, "the store and a log at TRACE were searched: {searched} bytes");
    assert!(std::fs::read_to_string(log).unwrap().contains("\"DEBUG\""), "the log is as full as it gets");
}
