//! Opening a store on a PostgreSQL server: first starts, the commands that open it, and one clear line for each thing that does not hold.
mod fixture;

use std::sync::Arc;

use chancery::authority::{Authority, Deployment, start};
use chancery::clock::Clock;
use chancery::domain::credential::{ApiKeyPrefix, Secret};
use chancery::domain::revocation::StatusProfile;
use chancery::domain::schedule::Schedule;
use chancery::domain::signing_key::{KeyPurpose, KeyState};
use chancery::keys::master::MasterKeyPlace;
use chancery::storage::{Connections, Database, ServerUrl, signing_keys};
use fixture::cluster::Cluster;
use fixture::instances::Several;

async fn instance(database: Database, keys: &std::path::Path) -> (Arc<Authority>, Option<String>) {
    let deployment = Deployment {
        issuer: fixture::ISSUER.into(),
        schedule: Schedule::with_lead(Schedule::DEFAULT_LEAD),
        status: StatusProfile::DEFAULT,
        lease: chancery::domain::revocation::DEFAULT_LEASE,
        expires_in_jitter: 0,
        api_key_prefix: ApiKeyPrefix::parse("", ApiKeyPrefix::DEFAULT).unwrap(),
        webhook_networks: Vec::new(),
        brand: Default::default(),
        openid: None,
    };
    let mut announced = None;
    let told = |key: &Secret| announced = Some(key.expose().to_owned());
    let authority = start::start(deployment, database, &MasterKeyPlace::Folder(keys.into()), None, Clock::system(), told).await.unwrap();
    (authority, announced)
}

#[tokio::test(flavor = "multi_thread")]
async fn eight_first_starts_at_once_found_one_installation() {
    let cluster = Cluster::new();
    let folder = tempfile::tempdir().unwrap();
    let url: ServerUrl = cluster.primary.make("several").await.parse().unwrap();
    let starts: Vec<_> = (0..8)
        .map(|_| {
            let (url, keys) = (url.clone(), folder.path().join("keys"));
            // As in a process of its own.
            std::thread::spawn(move || {
                tokio::runtime::Runtime::new().unwrap().block_on(async move {
                    let (authority, announced) = instance(url.open(Connections::ONE).await.unwrap(), &keys).await;
                    assert!(authority.can_sign());
                    announced
                })
            })
        })
        .collect();
    let announced: Vec<String> = starts.into_iter().filter_map(|start| start.join().unwrap()).collect();
    assert_eq!(announced.len(), 1, "one management key");
    let database = url.open(Connections::ONE).await.unwrap();
    let keys = signing_keys::all(&mut database.read().await.unwrap()).await.unwrap();
    for purpose in [KeyPurpose::AccessToken, KeyPurpose::Status] {
        let active = keys.iter().filter(|stored| stored.key.purpose == purpose && stored.key.state == KeyState::Active);
        assert_eq!(active.count(), 1, "{purpose:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_commands_that_open_the_store_open_a_server_too_and_tell_no_password() {
    let cluster = Cluster::new();
    let mut several = Several::on(cluster.primary.make("several").await);
    let said = |several: &Several, words: &[&str]| {
        let output = several.command().args(words).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned() + &String::from_utf8_lossy(&output.stdout);
        assert_eq!(said.trim().lines().count(), 1, "{said}");
        assert!(!said.contains("passw0rd"), "{said}");
        (output.status.success(), said)
    };
    for words in [["audit", "verify"].as_slice(), &["restored"]] {
        let (done, why) = said(&several, words);
        assert!(!done && why.contains("there is no Chancery in the database"), "{why}");
    }
    assert!(said(&several, &["migrate"]).0);
    several.start("a").kill();
    assert!(said(&several, &["audit", "verify"]).1.contains("is whole"));
    let mut connection = cluster.primary.connect("several").await;
    let mut head = async |column: &'static str| -> i64 {
        sqlx::query_scalar(sqlx::AssertSqlSafe(format!("SELECT {column} FROM head"))).fetch_one(&mut connection).await.unwrap()
    };
    let before = head("next_status_index").await;
    assert!(said(&several, &["restored"]).0);
    assert!(head("next_status_index").await > before + 1_000_000, "no number is given out twice");
    assert_eq!(head("CAST(status_epoch IS NULL AS INT)::BIGINT").await, 1);
    drop(connection);

    let mut connection = cluster.primary.connect("several").await;
    sqlx::raw_sql("UPDATE _sqlx_migrations SET version = 9999 WHERE version = 5").execute(&mut connection).await.unwrap();
    let (done, why) = said(&several, &[]);
    assert!(!done && why.contains("was written by a newer Chancery"), "{why}");
    sqlx::raw_sql("UPDATE _sqlx_migrations SET version = 5, checksum = '\\x00' WHERE version = 9999")
        .execute(&mut connection)
        .await
        .unwrap();
    let (done, why) = said(&several, &[]);
    assert!(!done && why.contains("changed by hand"), "{why}");

    several.database = "postgres://chancery:passw0rd@127.0.0.1:1/several".into();
    let (done, why) = said(&several, &[]);
    assert!(!done && why.contains("the database server cannot be used"), "{why}");
    several.database = format!("postgres://chancery:passw0rd@127.0.0.1:{}/nowhere", cluster.primary.port);
    let (done, why) = said(&several, &[]);
    assert!(!done && why.contains("\"nowhere\" does not exist"), "{why}");
    // A flag that cannot be read is told at more length, and not with the value.
    several.database = "postgres://chancery:passw0rd@127.0.0.1:port/several".into();
    let output = several.command().output().unwrap();
    assert!(!output.status.success() && !String::from_utf8_lossy(&output.stderr).contains("passw0rd"), "{output:?}");
}
