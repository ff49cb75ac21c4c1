//! A million applications in one instance: how long it takes to be ready, what one weighs, and how soon a change is seen.
use std::path::Path;
use std::time::{Duration, Instant};

use chancery::clock::instant;
use serde_json::json;
use sqlx::{Connection, Executor, SqliteConnection};
use tempfile::TempDir;

use crate::driver::{Arrivals, Load, ask};
use crate::house::{House, text};
use crate::rungs::{ASKED, CONNECTIONS, basic, median, post};

const APPLICATIONS: usize = 1_000_000;

pub struct Million {
    pub house: House,
    secret: String,
    /// Bytes that each application takes.
    pub each: u64,
    organization: String,
    _folder: TempDir,
}

impl Million {
    /// A million copies of one application, with as many secrets each, and the authority started on them, on these cores.
    pub fn start(secrets: u32, cores: &str) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let folder = tempfile::tempdir_in("target").unwrap();
        let house = House::start_in(folder.path(), Some("0"), &[]);
        let (organization, secret) = runtime.block_on(async {
            house.manage("POST", "/authorization/permissions", json!({ "slug": "threads:read", "name": "Read" })).await;
            let organization = house.organization().await;
            let application = json!({ "name": "a", "organization_id": organization, "scopes": ["threads:read"] });
            let made = house.manage("POST", "/connect/applications", application).await;
            let (client, secret) = (text(&made["client_id"]), text(&made["client_secret"]["secret"]));
            house.token(&client, &secret).await;
            // Until the first use is written down, so that no copy has one to come.
            tokio::time::sleep(Duration::from_secs(2)).await;
            (organization, secret)
        });
        let empty = house.resident();
        house.stop();
        runtime.block_on(copy(&folder.path().join("data/chancery.db"), secrets));
        let house = House::start_in(folder.path(), Some(cores), &[]);
        let each = house.resident().saturating_sub(empty) / APPLICATIONS as u64;
        Self { house, secret, each, organization, _folder: folder }
    }

    /// One token for each of them.
    fn requests(&self) -> Vec<String> {
        // In an order that no cache foresees.
        let client = |number: usize| format!("client_0{:025}", number * 611_953 % APPLICATIONS + 1);
        (0..APPLICATIONS).map(|number| post("/oauth/token", &basic(&client(number), &self.secret), ASKED)).collect()
    }

    /// Tokens a second of one of them, and of all in turn, in rounds.
    pub fn one_and_all(&self) -> (f64, f64) {
        let all = self.requests();
        let load = |requests| Load::new(self.house.address(), requests, CONNECTIONS, Arrivals::Closed);
        let loads = [load(all[..1].to_vec()), load(all)];
        let rounds: Vec<_> = (0..5).map(|_| loads.each_ref().map(|load| ask(load, Duration::from_secs(3)).per_second(200))).collect();
        (median(rounds.iter().map(|round| round[0])), median(rounds.iter().map(|round| round[1])))
    }

    /// From asking for a new application to its first token, the median of some.
    pub fn one_change(&self) -> Duration {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let mut times: Vec<_> = (0..21)
            .map(|_| {
                let began = instant();
                runtime.block_on(self.house.application(&self.organization));
                Instant::elapsed(&began)
            })
            .collect();
        times.sort();
        times[times.len() / 2]
    }
}

async fn copy(database: &Path, secrets: u32) {
    let mut connection = SqliteConnection::connect(&format!("sqlite://{}", database.display())).await.unwrap();
    let numbers = format!("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {APPLICATIONS})");
    let own = "organization_id, created_by, created_at, updated_at";
    let mut statements = vec![
        "PRAGMA synchronous = OFF".to_owned(),
        "BEGIN".into(),
        format!(
            "{numbers} INSERT INTO application (id, client_id, name, scope, status, auth_methods, version, {own}) \
             SELECT 'app_0' || printf('%025d', i), 'client_0' || printf('%025d', i), name, scope, status, auth_methods, version, {own} \
             FROM n, (SELECT * FROM application LIMIT 1)"
        ),
    ];
    for secret in 1..=secrets {
        statements.push(format!(
            "{numbers} INSERT INTO client_secret (id, application_id, digest, secret_hint, generation, status_index, activated_at, {own}) \
             SELECT 'secret_{secret}' || printf('%025d', i), 'app_0' || printf('%025d', i), digest, secret_hint, generation, \
             {secret} * 10000000 + i, activated_at, {own} FROM n, (SELECT * FROM client_secret WHERE activated_at IS NOT NULL LIMIT 1)"
        ));
    }
    statements.push(format!("UPDATE head SET next_status_index = {}", (secrets + 1) * 10_000_000));
    statements.push("COMMIT".into());
    for statement in statements {
        connection.execute(sqlx::AssertSqlSafe(statement)).await.unwrap();
    }
    connection.close().await.unwrap();
}
