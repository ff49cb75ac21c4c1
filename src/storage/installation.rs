//! The head of the chain and what the master key seals.
use chancery_verifier::StatusIndex;

use super::{Result, StoreError, Tx, changed, on, run};
use crate::domain::event::CHAIN_START;
use crate::domain::timestamp::Timestamp;

/// The head: the last event's place and hash.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Head {
    pub rev: i64,
    pub event_hash: String,
}

/// Of a chain without events.
impl Default for Head {
    fn default() -> Self {
        Self { rev: 0, event_hash: CHAIN_START.to_owned() }
    }
}

pub async fn head(tx: &mut Tx) -> Result<Head> {
    on!(tx, |connection| sqlx::query_as("SELECT rev, event_hash FROM head WHERE id = 1").fetch_one(connection))
}

pub async fn move_head(tx: &mut Tx, head: &Head) -> Result<()> {
    let sql = "UPDATE head SET rev = $1, event_hash = $2 WHERE id = 1 AND moved_to IS NULL";
    let here = changed!(tx, |connection| sqlx::query(sql).bind(head.rev).bind(&head.event_hash).execute(connection))?;
    if here == 1 { Ok(()) } else { Err(StoreError::Moved) }
}

/// Takes `count` numbers that were never given out, and never will be again; answers the first.
pub async fn take_status_indexes(tx: &mut Tx, count: i64) -> Result<i64> {
    let sql = "UPDATE head SET next_status_index = next_status_index + $1 WHERE id = 1 RETURNING next_status_index - $1";
    on!(tx, |connection| sqlx::query_scalar(sql).bind(count).fetch_one(connection))
}

/// Notes that the store took a write at this moment.
pub async fn beat(tx: &mut Tx, now: Timestamp) -> Result<()> {
    run!(tx, |connection| sqlx::query("UPDATE head SET beat_at = $1 WHERE id = 1").bind(now.millis()).execute(connection))
}

/// What is published of the head.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct StatusHead {
    pub rev: i64,
    /// The database's incarnation; `None` until the first start gives it one.
    pub status_epoch: Option<String>,
    pub revocation_kept_ms: i64,
    pub next_status_index: i64,
    pub unenforced_until: i64,
}

pub async fn status_head(tx: &mut Tx) -> Result<StatusHead> {
    let sql = "SELECT rev, status_epoch, revocation_kept_ms, next_status_index, unenforced_until FROM head WHERE id = 1";
    on!(tx, |connection| sqlx::query_as(sql).fetch_one(connection))
}

pub async fn set_status_epoch(tx: &mut Tx, epoch: &str) -> Result<()> {
    let sql = "UPDATE head SET status_epoch = $1 WHERE id = 1";
    run!(tx, |connection| sqlx::query(sql).bind(epoch).execute(connection))
}

/// The next start gives the database another name.
pub async fn end_status_epoch(tx: &mut Tx) -> Result<()> {
    // Numbers were given out since the backup that it knows nothing of: none may be given out again, so there is a jump by more than a list.
    let sql = "UPDATE head SET status_epoch = NULL, next_status_index = (next_status_index / $1 + 2) * $1 WHERE id = 1";
    let per_list = i64::try_from(StatusIndex::PER_LIST).unwrap_or(i64::MAX);
    run!(tx, |connection| sqlx::query(sql).bind(per_list).execute(connection))
}

/// What verifiers are told to bear from now on; answers what they were told before.
pub async fn replace_max_staleness(tx: &mut Tx, millis: i64) -> Result<i64> {
    let before: i64 = on!(tx, |connection| sqlx::query_scalar("SELECT max_staleness_ms FROM head WHERE id = 1").fetch_one(connection))?;
    run!(tx, |connection| sqlx::query("UPDATE head SET max_staleness_ms = $1 WHERE id = 1").bind(millis).execute(connection))?;
    Ok(before)
}

/// It never becomes earlier.
pub async fn set_unenforced_until(tx: &mut Tx, until: Timestamp) -> Result<()> {
    let sql = "UPDATE head SET unenforced_until = $1 WHERE id = 1 AND unenforced_until < $1";
    run!(tx, |connection| sqlx::query(sql).bind(until.millis()).execute(connection))
}

pub async fn find_sealed_value(tx: &mut Tx, name: &str) -> Result<Option<String>> {
    let sql = "SELECT sealed FROM sealed_value WHERE name = $1";
    on!(tx, |connection| sqlx::query_scalar(sql).bind(name).fetch_optional(connection))
}

pub async fn insert_sealed_value(tx: &mut Tx, name: &str, sealed: &str, now: Timestamp) -> Result<()> {
    let sql = "INSERT INTO sealed_value (name, sealed, created_at) VALUES ($1, $2, $3)";
    run!(tx, |connection| sqlx::query(sql).bind(name).bind(sealed).bind(now.millis()).execute(connection))
}
