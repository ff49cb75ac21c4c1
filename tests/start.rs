//! Starting: what must hold before anything is served (F7, F15, K10 to K12), each failure one clear line, nothing created or overwritten.
mod fixture;

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use fixture::process::{Process, command, files, run};
use serde_json::{Value, json};

/// Runs it, expects it to fail, and gives its one line.
#[track_caller]
fn refused(folder: &Path, settings: &[(&str, &str)]) -> String {
    let before = files(folder);
    let output = run(command(folder).envs(settings.iter().copied()));
    assert!(!output.status.success());
    let said = String::from_utf8(output.stderr).unwrap();
    let lines: Vec<_> = said.lines().filter(|line| line.starts_with("chancery: ")).collect();
    assert_eq!(lines.len(), 1, "{said}");
    let after: Vec<_> = files(folder).into_iter().filter(|path| !working_file(path)).collect();
    assert!(after.iter().all(|path| before.contains(path)), "created: {after:?}");
    lines[0].to_owned()
}

/// The lock, and the files SQLite keeps beside a database while somebody reads it.
fn working_file(path: &Path) -> bool {
    [".lock", "-wal", "-shm"].iter().any(|suffix| path.to_string_lossy().ends_with(suffix))
}

/// An installation that was started once and stopped.
fn founded() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    assert!(Process::start(folder.path()).stop().success());
    folder
}

#[test]
fn k10_k12_the_master_key_is_made_once_and_never_replaced() {
    let folder = founded();
    let key = folder.path().join("keys/master.key");
    let made = std::fs::read(&key).unwrap();
    for path in [&key, &folder.path().join("data/chancery.db")] {
        assert_eq!(std::fs::metadata(path).unwrap().permissions().mode() & 0o777, 0o600, "{}", path.display());
    }
    Process::start(folder.path()).kill();
    assert_eq!(std::fs::read(&key).unwrap(), made);
    std::fs::remove_file(&key).unwrap();
    assert!(refused(folder.path(), &[]).contains("CHANCERY_MASTER_KEY_FILE"));
    let other = founded();
    std::fs::copy(other.path().join("keys/master.key"), &key).unwrap();
    assert!(refused(folder.path(), &[]).contains("is not the one the database was sealed with"));
    std::fs::write(&key, &made).unwrap();
    Process::start(folder.path()).kill();
}

#[test]
fn f15_a_master_key_that_is_no_good_stops_the_start() {
    let folder = founded();
    let key = folder.path().join("keys/master.key");
    let made = std::fs::read(&key).unwrap();
    for mode in [0o644, 0o660, 0o602] {
        std::fs::set_permissions(&key, std::fs::Permissions::from_mode(mode)).unwrap();
        assert!(refused(folder.path(), &[]).contains("chmod 600"), "{mode:o}");
    }
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o600)).unwrap();
    for content in [&b""[..], b"short", &[b'x'; 1000], &[0xff; 43]] {
        std::fs::write(&key, content).unwrap();
        assert!(refused(folder.path(), &[]).contains("restore the file"));
    }
    std::fs::remove_file(&key).unwrap();
    std::fs::create_dir(&key).unwrap();
    assert!(refused(folder.path(), &[]).contains("not a regular file"));
    std::fs::remove_dir(&key).unwrap();
    let elsewhere = folder.path().join("elsewhere");
    std::fs::write(&elsewhere, &made).unwrap();
    std::fs::set_permissions(&elsewhere, std::fs::Permissions::from_mode(0o400)).unwrap();
    std::os::unix::fs::symlink(&elsewhere, &key).unwrap();
    assert!(refused(folder.path(), &[]).contains("not a regular file"), "a link in our own folder is not followed");
    let mut mounted = command(folder.path());
    mounted.env("CHANCERY_MASTER_KEY_FILE", &key);
    Process::start_with(mounted, &folder.path().join("log")).kill();
    for place in [folder.path(), tempfile::tempdir().unwrap().path()] {
        assert!(refused(place, &[("CHANCERY_MASTER_KEY_FILE", "nowhere")]).contains("does not exist"));
    }
    std::fs::remove_file(&key).unwrap();
    std::process::Command::new("mkfifo").arg(&key).status().unwrap();
    assert!(refused(folder.path(), &[]).contains("not a regular file"), "a pipe does not make it wait");
}

#[test]
fn f7_a_file_that_is_no_database_of_ours_is_left_alone() {
    let folder = founded();
    let path = folder.path().join("data/chancery.db");
    let good = std::fs::read(&path).unwrap();
    for content in [&b""[..], b"SQLite format 3", b"not a database at all", &[0; 4096]] {
        std::fs::write(&path, content).unwrap();
        assert!(refused(folder.path(), &[]).contains("not a Chancery database"));
        assert_eq!(std::fs::read(&path).unwrap(), content);
    }
    let mut truncated = good.clone();
    truncated.truncate(good.len() / 2);
    std::fs::write(&path, &truncated).unwrap();
    let said = refused(folder.path(), &[]);
    assert!(said.contains("corrupt"), "{said}");
    let mut flipped = good.clone();
    for byte in &mut flipped[4096..8192] {
        *byte = !*byte;
    }
    std::fs::write(&path, &flipped).unwrap();
    let said = refused(folder.path(), &[]);
    assert!(said.contains("corrupt"), "{said}");
    std::fs::write(&path, &good).unwrap();
    Process::start(folder.path()).kill();
}

#[tokio::test]
async fn a_newer_or_altered_schema_is_refused() {
    let folder = founded();
    let url = format!("sqlite://{}", folder.path().join("data/chancery.db").display());
    let change = async |sql: &'static str| {
        use sqlx::Connection;
        let mut connection = sqlx::SqliteConnection::connect(&url).await.unwrap();
        sqlx::query(sql).execute(&mut connection).await.unwrap();
        connection.close().await.unwrap();
    };
    change("INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) VALUES (999, 'later', 1, x'00', 0)")
        .await;
    let said = refused(folder.path(), &[]);
    assert!(said.contains("newer Chancery (schema 999, this one knows 9)"), "{said}");
    change("DELETE FROM _sqlx_migrations WHERE version = 999").await;
    change("UPDATE _sqlx_migrations SET checksum = x'00'").await;
    assert!(refused(folder.path(), &[]).contains("changed by hand"));
}

#[test]
fn places_that_cannot_be_used() {
    let folder = tempfile::tempdir().unwrap();
    assert!(
        refused(folder.path(), &[("CHANCERY_DATABASE_URL", "sqlite://missing/chancery.db")]).contains("the folder missing does not exist")
    );
    std::fs::write(folder.path().join("file"), "x").unwrap();
    assert!(refused(folder.path(), &[("CHANCERY_DATABASE_URL", "sqlite://file/chancery.db")]).contains("does not exist"));
    std::fs::create_dir(folder.path().join("folder.db")).unwrap();
    assert!(refused(folder.path(), &[("CHANCERY_DATABASE_URL", "sqlite://folder.db")]).contains("not a Chancery database"));
    for (name, value) in [
        ("CHANCERY_ISSUER", "http://auth.example.com"),
        ("CHANCERY_ISSUER", "https://auth.example.com/"),
        ("CHANCERY_LOG", "a=b=c"),
        ("CHANCERY_LOG", ""),
    ] {
        let said = refused(folder.path(), &[(name, value)]);
        assert!(said.contains(name), "{said}");
    }
    let said = refused(folder.path(), &[("CHANCERY_MANAGEMENT_KEY", "hunter2")]);
    assert!(said.contains("takes at least 32 characters") && !said.contains("hunter2"), "{said}");
}

#[test]
fn a_second_process_on_the_file_ends_with_one_line_and_a_taken_port_names_its_variable() {
    let folder = tempfile::tempdir().unwrap();
    let first = Process::start(folder.path());
    assert!(refused(folder.path(), &[]).contains("in use by another chancery process"));
    let address = first.address();
    for variable in ["CHANCERY_LISTEN", "CHANCERY_METRICS_LISTEN"] {
        assert!(refused(folder.path(), &[(variable, &address)]).contains(variable));
    }
    let audit = run(command(folder.path()).args(["audit", "verify"]));
    assert!(audit.status.success(), "the audit reads beside the process: {audit:?}");
}

#[tokio::test]
async fn the_audit_names_the_first_bad_row() {
    let folder = tempfile::tempdir().unwrap();
    let process = Process::start(folder.path());
    for name in ["a", "b", "c"] {
        process.manage("POST", "/organizations", json!({ "name": name })).await.unwrap();
    }
    assert!(process.stop().success());
    let verify = || run(command(folder.path()).args(["audit", "verify"]));
    let whole = verify();
    assert!(whole.status.success() && String::from_utf8_lossy(&whole.stdout).contains("events is whole"), "{whole:?}");
    let url = format!("sqlite://{}", folder.path().join("data/chancery.db").display());
    use sqlx::Connection;
    let mut connection = sqlx::SqliteConnection::connect(&url).await.unwrap();
    let refused = sqlx::query("UPDATE event SET data = '{}' WHERE rev = 5").execute(&mut connection).await;
    assert!(refused.unwrap_err().to_string().contains("append-only"));
    for (tamper, named) in [
        ("UPDATE event SET data = '{}' WHERE rev = 5", "event 5 "),
        ("DELETE FROM event WHERE rev = 4", "event 5 follows event 3"),
        ("DELETE FROM event WHERE rev > 3", "rows are missing at the end"),
    ] {
        for trigger in ["DROP TRIGGER IF EXISTS event_no_update", "DROP TRIGGER IF EXISTS event_no_delete"] {
            sqlx::query(trigger).execute(&mut connection).await.unwrap();
        }
        sqlx::query(tamper).execute(&mut connection).await.unwrap();
        let output = verify();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && said.contains(named), "{said}");
    }
}

#[test]
fn a_first_start_prints_the_management_key_it_makes_this_once() {
    let folder = tempfile::tempdir().unwrap();
    let printed = |name: &str| {
        let path = folder.path().join(name);
        let mut first = command(folder.path());
        first.env_remove("CHANCERY_MANAGEMENT_KEY").stdout(std::fs::File::create(&path).unwrap());
        assert!(Process::start_with(first, &folder.path().join("log")).stop().success());
        std::fs::read_to_string(path).unwrap()
    };
    let said = printed("first");
    assert_eq!(said.matches("chm_").count(), 1, "{said}");
    assert_eq!(printed("second"), "");
}

#[tokio::test]
async fn a_store_of_the_first_schema_is_brought_up_to_date_with_what_is_in_it() {
    use sqlx::Connection;
    use sqlx::migrate::Migrator;
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("data")).unwrap();
    let url = format!("sqlite://{}?mode=rwc", folder.path().join("data/chancery.db").display());
    let mut connection = sqlx::SqliteConnection::connect(&url).await.unwrap();
    let all = sqlx::migrate!("./migrations");
    let first = all.iter().filter(|migration| migration.version == 1).cloned().collect();
    Migrator::with_migrations(first).run(&mut connection).await.unwrap();
    for sql in [
        "PRAGMA journal_mode = WAL",
        "PRAGMA application_id = 1130914158",
        "INSERT INTO organization VALUES ('org_01KAJ2M3N4P5Q6R7S8T9V0W1X2', 'Acme', NULL, '{}', 'active', 'prn_01KAJ2M3N4P5Q6R7S8T9V0W1X2', 1, 1, 1)",
        "INSERT INTO permission VALUES ('perm_01KAJ2M3N4P5Q6R7S8T9V0W1X2', 'threads:read', 'Read', NULL, NULL, 1, 1, 1)",
    ] {
        sqlx::query(sql).execute(&mut connection).await.unwrap();
    }
    connection.close().await.unwrap();
    let process = Process::start(folder.path());
    let (_, permission) = process.manage("GET", "/authorization/permissions/threads:read", serde_json::Value::Null).await.unwrap();
    assert_eq!(permission["grantable_to"], serde_json::json!(["api_key_organization", "api_key_user", "m2m"]));
    let path = "/organizations/org_01KAJ2M3N4P5Q6R7S8T9V0W1X2/api_keys";
    let body = serde_json::json!({ "name": "k", "permissions": ["threads:read"] });
    assert_eq!(process.manage("POST", path, body).await.unwrap().0, 201);
}

#[tokio::test]
async fn a_backup_made_as_documented_is_opened_by_every_command() {
    use sqlx::Connection;
    let folder = tempfile::tempdir().unwrap();
    let process = Process::start(folder.path());
    process.manage("POST", "/organizations", json!({ "name": "Acme" })).await.unwrap();
    let other = tempfile::tempdir().unwrap();
    std::fs::create_dir(other.path().join("data")).unwrap();
    let file = folder.path().join("data/chancery.db");
    let mut connection = sqlx::SqliteConnection::connect(&format!("sqlite://{}", file.display())).await.unwrap();
    let backup = other.path().join("data/chancery.db").display().to_string();
    sqlx::query("VACUUM INTO $1").bind(backup).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
    std::fs::create_dir(other.path().join("keys")).unwrap();
    std::fs::copy(folder.path().join("keys/master.key"), other.path().join("keys/master.key")).unwrap();
    for words in [&["audit", "verify"][..], &["restored"], &["migrate"], &["audit", "verify"]] {
        let output = run(command(other.path()).args(words));
        assert!(output.status.success(), "{words:?}: {output:?}");
    }
    let restored = Process::start(other.path());
    let (_, organizations) = restored.manage("GET", "/organizations", Value::Null).await.unwrap();
    assert_eq!(organizations["data"][0]["name"], "Acme");
    let nowhere = tempfile::tempdir().unwrap();
    let output = run(command(nowhere.path()).arg("restored"));
    assert!(!output.status.success() && !nowhere.path().join("data").exists(), "{output:?}");
}
