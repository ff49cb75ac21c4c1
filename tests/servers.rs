//! Several instances on one PostgreSQL database. Run without a cluster, each test runs itself once more with a throw-away one.
mod fixture;

use std::process::Command;
use std::sync::Arc;

use chancery::authority::{Authority, Deployment, start};
use chancery::clock::Clock;
use chancery::domain::credential::{ApiKeyPrefix, Secret};
use chancery::domain::revocation::StatusProfile;
use chancery::domain::signing_key::{KeyPurpose, KeyState, Schedule};
use chancery::keys::master::MasterKeyPlace;
use chancery::storage::{Database, signing_keys};
use fixture::database::{Server, server};

/// The cluster, or nothing once the test was run with one.
fn cluster(test: &str) -> Option<Server> {
    let cluster = server();
    if cluster.is_none() {
        let program = std::env::current_exe().unwrap();
        let status = Command::new("tests/postgres").arg(program).args([test, "--exact", "--nocapture"]).status().unwrap();
        assert!(status.success(), "{test} failed on PostgreSQL");
    }
    cluster
}

async fn instance(database: Database, keys: &std::path::Path) -> (Arc<Authority>, Option<String>) {
    let deployment = Deployment {
        issuer: fixture::ISSUER.into(),
        schedule: Schedule::with_lead(Schedule::DEFAULT_LEAD),
        status: StatusProfile::DEFAULT,
        lease: chancery::domain::revocation::DEFAULT_LEASE,
        api_key_prefix: ApiKeyPrefix::parse("", ApiKeyPrefix::DEFAULT).unwrap(),
        webhook_networks: Vec::new(),
    };
    let mut announced = None;
    let told = |key: &Secret| announced = Some(key.expose().to_owned());
    let authority = start::start(deployment, database, &MasterKeyPlace::Folder(keys.into()), None, Clock::system(), told).await.unwrap();
    (authority, announced)
}

#[tokio::test(flavor = "multi_thread")]
async fn eight_first_starts_at_once_found_one_installation() {
    let Some(server) = cluster("eight_first_starts_at_once_found_one_installation") else { return };
    let folder = tempfile::tempdir().unwrap();
    let url = server.of(folder.path()).await;
    let starts: Vec<_> = (0..8)
        .map(|_| {
            let (url, keys) = (url.clone(), folder.path().join("keys"));
            // As in a process of its own.
            std::thread::spawn(move || {
                tokio::runtime::Runtime::new().unwrap().block_on(async move {
                    let (authority, announced) = instance(url.open(10).await.unwrap(), &keys).await;
                    assert!(authority.can_sign());
                    announced
                })
            })
        })
        .collect();
    let announced: Vec<String> = starts.into_iter().filter_map(|start| start.join().unwrap()).collect();
    assert_eq!(announced.len(), 1, "one management key");
    let database = url.open(10).await.unwrap();
    let keys = signing_keys::all(&mut database.read().await.unwrap()).await.unwrap();
    for purpose in [KeyPurpose::AccessToken, KeyPurpose::Status] {
        let active = keys.iter().filter(|stored| stored.key.purpose == purpose && stored.key.state == KeyState::Active);
        assert_eq!(active.count(), 1, "{purpose:?}");
    }
}
