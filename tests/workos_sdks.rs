//! The official WorkOS SDKs, unmodified, in the versions named: every operation of theirs that Chancery has. `make test` installs them.
mod fixture;

use std::path::{Path, PathBuf};
use std::process::Command;

use fixture::process::{MANAGEMENT_KEY, Process, command};

/// Where `make test` installed the packages: `target/clients`.
fn installed() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("target/clients")
}

fn run(program: PathBuf, script: PathBuf) {
    assert!(program.exists() || program.components().count() == 1, "{} is missing: run `make test`, which installs it", program.display());
    let folder = tempfile::tempdir().unwrap();
    let mut settings = command(folder.path());
    settings.env("CHANCERY_WEBHOOK_NETWORKS", "127.0.0.0/8");
    let process = Process::start_with(settings, &folder.path().join("log"));
    let output = Command::new(program).arg(script).env("BASE", &process.base).env("KEY", MANAGEMENT_KEY).output().unwrap();
    assert!(output.status.success(), "{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
}

#[test]
fn workos_for_python() {
    run(installed().join("venv/bin/python"), Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients/workos_sdk.py"));
}

#[test]
fn workos_for_node() {
    run(PathBuf::from("node"), installed().join("workos_sdk.mjs"));
}
