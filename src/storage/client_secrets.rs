//! Client secrets: what is kept of them, and their digests.
use sqlx::FromRow;

use super::installation::take_status_indexes;
use super::{Result, Tx, life, on, revocations, run, stored};
use crate::domain::client_secret::{ClientSecret, SecretStatus};
use crate::domain::credential::SecretDigest;
use crate::domain::id::{ApplicationId, ClientSecretId, ClientSecretKind, OrganizationId};
use crate::domain::management_key::Reach;
use crate::domain::rotation::Life;
use crate::domain::text::Name;
use crate::domain::timestamp::Timestamp;
use crate::domain::usage::Usage;

#[derive(FromRow)]
struct Row {
    id: String,
    application_id: String,
    organization_id: String,
    name: Option<String>,
    secret_hint: String,
    expires_at: Option<i64>,
    successor_id: Option<String>,
    overlap_ms: Option<i64>,
    retires_at: Option<i64>,
    activated_at: Option<i64>,
    last_used_at: Option<i64>,
    last_used_ip: Option<String>,
    created_by: String,
    created_at: i64,
    updated_at: i64,
    uses_24h: i64,
    uses_7d: i64,
    uses_30d: i64,
}

impl Row {
    fn read(self, now: Timestamp) -> Result<ClientSecret> {
        let life = life::read(self.expires_at, self.successor_id.as_deref(), self.overlap_ms, self.retires_at)?;
        Ok(ClientSecret {
            id: stored("client_secret.id", &self.id)?,
            application_id: stored("client_secret.application_id", &self.application_id)?,
            organization_id: stored("client_secret.organization_id", &self.organization_id)?,
            name: self.name.map(Name::stored),
            secret_hint: self.secret_hint,
            status: SecretStatus::of(&life, now),
            expires_at: life.ends_at(),
            activated_at: self.activated_at.map(Timestamp::from_millis),
            last_used_at: self.last_used_at.map(Timestamp::from_millis),
            last_used_ip: self.last_used_ip,
            usage: Usage { last_24h: self.uses_24h, last_7d: self.uses_7d, last_30d: self.uses_30d },
            created_by: self.created_by,
            created_at: Timestamp::from_millis(self.created_at),
            updated_at: Timestamp::from_millis(self.updated_at),
            life,
        })
    }
}

/// The secret with its counts, `$1` the running hour; what follows is the condition and the order.
macro_rules! select {
    ($condition:literal) => {
        concat!(
            "SELECT client_secret.*, ",
            "(SELECT CAST(COALESCE(SUM(uses), 0) AS BIGINT) FROM usage_hour ",
            "WHERE application_id = client_secret.application_id AND secret_id = client_secret.id AND hour > $1 - 24) AS uses_24h, ",
            "(SELECT CAST(COALESCE(SUM(uses), 0) AS BIGINT) FROM usage_hour ",
            "WHERE application_id = client_secret.application_id AND secret_id = client_secret.id AND hour > $1 - 168) AS uses_7d, ",
            "(SELECT CAST(COALESCE(SUM(uses), 0) AS BIGINT) FROM usage_hour ",
            "WHERE application_id = client_secret.application_id AND secret_id = client_secret.id AND hour > $1 - 720) AS uses_30d ",
            "FROM client_secret WHERE ",
            $condition
        )
    };
}

/// All of an application's, the newest first.
pub async fn of_application(tx: &mut Tx, application: ApplicationId, now: Timestamp) -> Result<Vec<ClientSecret>> {
    let sql = select!("application_id = $2 ORDER BY id DESC");
    let rows: Vec<Row> = on!(tx, |connection| sqlx::query_as(sql).bind(now.hour()).bind(application.to_string()).fetch_all(connection))?;
    rows.into_iter().map(|row| row.read(now)).collect()
}

pub async fn find(tx: &mut Tx, reach: Reach, id: &str, now: Timestamp) -> Result<Option<ClientSecret>> {
    let sql = select!("id = $2 AND (CAST($3 AS TEXT) IS NULL OR organization_id = $3)");
    let own = reach.organization().map(|id| id.to_string());
    let row: Option<Row> = on!(tx, |connection| sqlx::query_as(sql).bind(now.hour()).bind(id).bind(own).fetch_optional(connection))?;
    row.map(|row| row.read(now)).transpose()
}

/// Stores a new secret as generation 1, under a number of its own.
pub async fn insert(tx: &mut Tx, secret: &ClientSecret, digest: &SecretDigest) -> Result<()> {
    let status_index = take_status_indexes(tx, 1).await?;
    let sql = "INSERT INTO client_secret (id, application_id, organization_id, name, digest, secret_hint, generation, status_index, \
               expires_at, created_by, created_at, updated_at) VALUES ($1, $2, $3, $4, $5, $6, 1, $7, $8, $9, $10, $10)";
    run!(tx, |connection| sqlx::query(sql)
        .bind(secret.id.to_string())
        .bind(secret.application_id.to_string())
        .bind(secret.organization_id.to_string())
        .bind(secret.name.as_ref().map(Name::as_str))
        .bind(write_digest(digest))
        .bind(&secret.secret_hint)
        .bind(status_index)
        .bind(secret.life.expires_at.map(Timestamp::millis))
        .bind(&secret.created_by)
        .bind(secret.created_at.millis())
        .execute(connection))
}

pub async fn update_life(
    tx: &mut Tx,
    id: ClientSecretId,
    life: &Life<ClientSecretKind>,
    activated_at: Option<Timestamp>,
    now: Timestamp,
) -> Result<()> {
    let sql =
        "UPDATE client_secret SET successor_id = $2, overlap_ms = $3, retires_at = $4, activated_at = $5, updated_at = $6 WHERE id = $1";
    let (successor, overlap, retires_at) = life::write(life);
    run!(tx, |connection| sqlx::query(sql)
        .bind(id.to_string())
        .bind(successor)
        .bind(overlap)
        .bind(retires_at)
        .bind(activated_at.map(Timestamp::millis))
        .bind(now.millis())
        .execute(connection))
}

/// Deletes a secret; its tokens are dead.
pub async fn delete(tx: &mut Tx, id: ClientSecretId, now: Timestamp) -> Result<()> {
    revocations::of_client_secret(tx, id, now).await?;
    run!(tx, |connection| sqlx::query("DELETE FROM client_secret WHERE id = $1").bind(id.to_string()).execute(connection))
}

/// Begins a new generation of every secret of an application: the tokens of the one before are dead.
pub async fn raise_generations_of_application(tx: &mut Tx, application: ApplicationId, now: Timestamp) -> Result<()> {
    revocations::of_application(tx, application, now).await?;
    let count = "SELECT COUNT(*) FROM client_secret WHERE application_id = $1";
    let raise = "UPDATE client_secret SET generation = generation + 1, status_index = numbered.status_index \
                 FROM (SELECT id AS secret_id, $2 + ROW_NUMBER() OVER (ORDER BY id) - 1 AS status_index FROM client_secret \
                 WHERE application_id = $1) AS numbered WHERE client_secret.id = numbered.secret_id";
    raise_generations(tx, count, raise, application.to_string()).await
}

/// The same for every application of an organization.
pub async fn raise_generations_of_organization(tx: &mut Tx, organization: OrganizationId, now: Timestamp) -> Result<()> {
    revocations::of_secrets_of_organization(tx, organization, now).await?;
    let count = "SELECT COUNT(*) FROM client_secret WHERE organization_id = $1";
    let raise = "UPDATE client_secret SET generation = generation + 1, status_index = numbered.status_index \
                 FROM (SELECT id AS secret_id, $2 + ROW_NUMBER() OVER (ORDER BY id) - 1 AS status_index FROM client_secret \
                 WHERE organization_id = $1) AS numbered WHERE client_secret.id = numbered.secret_id";
    raise_generations(tx, count, raise, organization.to_string()).await
}

async fn raise_generations(tx: &mut Tx, count: &'static str, raise: &'static str, owner: String) -> Result<()> {
    let count: i64 = on!(tx, |connection| sqlx::query_scalar(count).bind(&owner).fetch_one(connection))?;
    let first = take_status_indexes(tx, count).await?;
    run!(tx, |connection| sqlx::query(raise).bind(&owner).bind(first).execute(connection))
}

pub(super) fn write_digest(digest: &SecretDigest) -> String {
    digest.0.iter().map(|byte| format!("{byte:02x}")).collect()
}

pub(super) fn read_digest(hex: &str) -> Option<SecretDigest> {
    let mut digest = [0; 32];
    if hex.len() != 64 || !hex.is_ascii() {
        return None;
    }
    for (byte, at) in digest.iter_mut().zip((0..64).step_by(2)) {
        *byte = u8::from_str_radix(hex.get(at..at + 2)?, 16).ok()?;
    }
    Some(SecretDigest(digest))
}
