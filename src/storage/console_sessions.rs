//! Sessions in the console, by their digests.
use sqlx::FromRow;

use super::client_secrets::write_digest;
use super::{Result, StoreError, Tx, changed, on, run, stored};
use crate::domain::console::{ConsoleSession, IDLE, LIFE};
use crate::domain::credential::SecretDigest;
use crate::domain::id::{ConsoleSessionId, ManagementKeyId, OrganizationId};
use crate::domain::timestamp::Timestamp;

#[derive(FromRow)]
struct Row {
    id: String,
    management_key_id: String,
    source_ip: Option<String>,
    user_agent: Option<String>,
    created_at: i64,
    seen_at: i64,
    confirmed_at: i64,
}

impl TryFrom<Row> for ConsoleSession {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self> {
        Ok(Self {
            id: stored("console_session.id", &row.id)?,
            management_key_id: stored("console_session.management_key_id", &row.management_key_id)?,
            source_ip: row.source_ip,
            user_agent: row.user_agent,
            created_at: Timestamp::from_millis(row.created_at),
            seen_at: Timestamp::from_millis(row.seen_at),
            confirmed_at: Timestamp::from_millis(row.confirmed_at),
        })
    }
}

pub async fn insert(tx: &mut Tx, session: &ConsoleSession, digest: &SecretDigest) -> Result<()> {
    let sql = "INSERT INTO console_session (id, management_key_id, digest, source_ip, user_agent, created_at, seen_at, confirmed_at) \
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
    run!(tx, |connection| sqlx::query(sql)
        .bind(session.id.to_string())
        .bind(session.management_key_id.to_string())
        .bind(write_digest(digest))
        .bind(&session.source_ip)
        .bind(&session.user_agent)
        .bind(session.created_at.millis())
        .bind(session.seen_at.millis())
        .bind(session.confirmed_at.millis())
        .execute(connection))
}

/// The session with this digest, while it lasts.
pub async fn find(tx: &mut Tx, digest: &SecretDigest, now: Timestamp) -> Result<Option<ConsoleSession>> {
    let sql = "SELECT * FROM console_session WHERE digest = $1 AND created_at > $2 AND seen_at > $3";
    let row: Option<Row> = on!(tx, |connection| sqlx::query_as(sql)
        .bind(write_digest(digest))
        .bind((now - LIFE).millis())
        .bind((now - IDLE).millis())
        .fetch_optional(connection))?;
    row.map(TryInto::try_into).transpose()
}

/// The session with this id, while it lasts.
pub async fn find_by_id(tx: &mut Tx, id: &str, now: Timestamp) -> Result<Option<ConsoleSession>> {
    let sql = "SELECT * FROM console_session WHERE id = $1 AND created_at > $2 AND seen_at > $3";
    let row: Option<Row> = on!(tx, |connection| sqlx::query_as(sql)
        .bind(id)
        .bind((now - LIFE).millis())
        .bind((now - IDLE).millis())
        .fetch_optional(connection))?;
    row.map(TryInto::try_into).transpose()
}

/// Ends the oldest of a key's sessions beyond so many.
pub async fn keep_newest(tx: &mut Tx, key: ManagementKeyId, most: u8) -> Result<()> {
    let sql = "DELETE FROM console_session WHERE management_key_id = $1 AND id NOT IN \
               (SELECT id FROM console_session WHERE management_key_id = $1 ORDER BY id DESC LIMIT $2)";
    run!(tx, |connection| sqlx::query(sql).bind(key.to_string()).bind(i64::from(most)).execute(connection))
}

/// Whether this session still lasts.
pub async fn lasts(tx: &mut Tx, id: ConsoleSessionId, now: Timestamp) -> Result<bool> {
    let sql = "SELECT COUNT(*) FROM console_session WHERE id = $1 AND created_at > $2 AND seen_at > $3";
    let count: i64 = on!(tx, |connection| sqlx::query_scalar(sql)
        .bind(id.to_string())
        .bind((now - LIFE).millis())
        .bind((now - IDLE).millis())
        .fetch_one(connection))?;
    Ok(count > 0)
}

/// Those that last, the newest first: of the management keys of one organization, or of all.
pub async fn list(tx: &mut Tx, of: Option<OrganizationId>, now: Timestamp) -> Result<Vec<ConsoleSession>> {
    let sql = "SELECT console_session.* FROM console_session JOIN management_key ON management_key.id = management_key_id \
               WHERE console_session.created_at > $1 AND seen_at > $2 AND (CAST($3 AS TEXT) IS NULL OR management_key.organization_id = $3) \
               ORDER BY console_session.id DESC LIMIT 200";
    let rows: Vec<Row> = on!(tx, |connection| sqlx::query_as(sql)
        .bind((now - LIFE).millis())
        .bind((now - IDLE).millis())
        .bind(of.map(|id| id.to_string()))
        .fetch_all(connection))?;
    rows.into_iter().map(TryInto::try_into).collect()
}

pub async fn see(tx: &mut Tx, id: ConsoleSessionId, now: Timestamp) -> Result<()> {
    let sql = "UPDATE console_session SET seen_at = $2 WHERE id = $1";
    run!(tx, |connection| sqlx::query(sql).bind(id.to_string()).bind(now.millis()).execute(connection))
}

/// The management key was presented again: from then on the session is known by another digest.
pub async fn confirm(tx: &mut Tx, id: ConsoleSessionId, digest: &SecretDigest, now: Timestamp) -> Result<()> {
    let sql = "UPDATE console_session SET confirmed_at = $3, seen_at = $3, digest = $2 WHERE id = $1";
    run!(tx, |connection| sqlx::query(sql).bind(id.to_string()).bind(write_digest(digest)).bind(now.millis()).execute(connection))
}

/// Ends one; whether there was one.
pub async fn delete(tx: &mut Tx, id: ConsoleSessionId) -> Result<bool> {
    let sql = "DELETE FROM console_session WHERE id = $1";
    Ok(changed!(tx, |connection| sqlx::query(sql).bind(id.to_string()).execute(connection))? > 0)
}

/// Forgets some that are over; whether there were any.
pub async fn purge(tx: &mut Tx, now: Timestamp) -> Result<bool> {
    let sql = "DELETE FROM console_session WHERE id IN \
               (SELECT id FROM console_session WHERE created_at <= $1 OR seen_at <= $2 LIMIT 1000)";
    Ok(changed!(tx, |connection| sqlx::query(sql).bind((now - LIFE).millis()).bind((now - IDLE).millis()).execute(connection))? > 0)
}
