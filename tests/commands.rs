//! The command line against a running authority: every command that calls one.
mod fixture;

use std::path::Path;

use fixture::process::{MANAGEMENT_KEY, Process, run};
use serde_json::Value;

struct Shell<'a> {
    process: Process,
    folder: &'a Path,
}

impl Shell<'_> {
    fn output(&self, words: &[&str]) -> std::process::Output {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_chancery"));
        command
            .current_dir(self.folder)
            .env_clear()
            .env("CHANCERY_ISSUER", &self.process.base)
            .env("CHANCERY_MANAGEMENT_KEY", MANAGEMENT_KEY);
        run(command.args(words))
    }

    #[track_caller]
    fn json(&self, words: &[&str]) -> Value {
        let output = self.output(&[words, &["--json"]].concat());
        assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap_or(Value::Null)
    }
}

#[test]
fn each_command_does_what_it_says() {
    let folder = tempfile::tempdir().unwrap();
    let shell = Shell { process: Process::start(folder.path()), folder: folder.path() };
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let organization = text(&shell.json(&["organizations", "create", "--name", "Acme"])["id"]);
    assert_eq!(shell.json(&["organizations", "list"])["data"][0]["id"], organization);
    assert_eq!(shell.json(&["organizations", "show", &organization])["name"], "Acme");
    let made = shell.json(&["applications", "create", "--organization", &organization, "--name", "backend"]);
    let (client_id, secret) = (text(&made["client_id"]), text(&made["client_secret"]["secret"]));
    let token = |secret: &str| shell.output(&["token", "--client-id", &client_id, "--client-secret", secret]);
    let first = String::from_utf8(token(&secret).stdout).unwrap();
    assert_eq!(first.trim().split('.').count(), 3, "a token alone, for a shell variable");
    assert_eq!(shell.json(&["token", "--client-id", &client_id, "--client-secret", &secret])["expires_in"], 300);
    let rotated = shell.json(&["secrets", "rotate", &client_id, "--overlap-seconds", "60", "--overlap-from", "first_use", "--name", "b"]);
    assert!(token(&text(&rotated["secret"])).status.success());
    assert_eq!(shell.json(&["secrets", "list", &client_id]).as_array().unwrap().len(), 2);
    shell.json(&["secrets", "cancel-rotation", &client_id]);
    let extra = shell.json(&["secrets", "create", &client_id]);
    shell.json(&["secrets", "delete", &text(&extra["id"])]);
    for verb in ["disable", "enable", "revoke-tokens", "show"] {
        assert_eq!(shell.json(&["applications", verb, &client_id])["client_id"], client_id, "{verb}");
    }
    assert_eq!(shell.json(&["applications", "list", "--organization", &organization])["data"][0]["client_id"], client_id);
    assert_eq!(shell.json(&["keys", "rotate", "--force"])["state"], "active");
    let keys = shell.json(&["keys", "list"]);
    let retiring = keys["data"].as_array().unwrap().iter().find(|key| key["state"] == "retiring").unwrap();
    assert_eq!(shell.json(&["keys", "revoke", &text(&retiring["kid"])])["state"], "compromised");
    for verb in ["suspend", "reactivate"] {
        shell.json(&["organizations", verb, &organization]);
    }
    assert!(shell.output(&["applications", "list"]).status.success(), "for people, too");
    shell.json(&["applications", "delete", &client_id]);
    assert!(!token(&secret).status.success());
    shell.json(&["organizations", "delete", &organization]);
}

#[test]
fn what_fails_is_one_line_with_the_authoritys_own_words() {
    let folder = tempfile::tempdir().unwrap();
    let shell = Shell { process: Process::start(folder.path()), folder: folder.path() };
    let said = |words: &[&str]| {
        let output = shell.output(words);
        assert_eq!(output.status.code(), Some(1), "{words:?}");
        String::from_utf8(output.stderr).unwrap()
    };
    assert!(said(&["organizations", "show", "org_x"]).contains("404: no such organization"));
    assert!(said(&["organizations", "list", "--management-key", "chm_wrong"]).contains("401: this is no live management key"));
    let hyphened = format!("-h{}", "x".repeat(41));
    assert!(said(&["keys", "revoke", &hyphened, "--json"]).contains("404: no such signing key"), "a kid may begin with a hyphen");
    assert!(said(&["keys", "rotate"]).contains("409: the successor may sign from"));
    assert!(said(&["organizations", "list", "--issuer", "http://127.0.0.1:1"]).contains("cannot be reached"));
}
