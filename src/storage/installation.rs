//! The head of the chain and what the master key seals.
use super::{Result, Tx, on};
use crate::domain::timestamp::Timestamp;

/// The head: the last event's place and hash.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Head {
    pub rev: i64,
    pub event_hash: String,
}

pub async fn head(tx: &mut Tx) -> Result<Head> {
    on!(tx, |connection| sqlx::query_as("SELECT rev, event_hash FROM head WHERE id = 1").fetch_one(connection))
}

pub async fn move_head(tx: &mut Tx, head: &Head) -> Result<()> {
    let sql = "UPDATE head SET rev = $1, event_hash = $2 WHERE id = 1";
    on!(tx, |connection| sqlx::query(sql).bind(head.rev).bind(&head.event_hash).execute(connection)).map(drop)
}

/// Takes `count` numbers that were never given out, and never will be again; answers the first.
pub async fn take_status_indexes(tx: &mut Tx, count: i64) -> Result<i64> {
    let sql = "UPDATE head SET next_status_index = next_status_index + $1 WHERE id = 1 RETURNING next_status_index - $1";
    on!(tx, |connection| sqlx::query_scalar(sql).bind(count).fetch_one(connection))
}

pub async fn find_sealed_value(tx: &mut Tx, name: &str) -> Result<Option<String>> {
    let sql = "SELECT sealed FROM sealed_value WHERE name = $1";
    on!(tx, |connection| sqlx::query_scalar(sql).bind(name).fetch_optional(connection))
}

pub async fn insert_sealed_value(tx: &mut Tx, name: &str, sealed: &str, now: Timestamp) -> Result<()> {
    let sql = "INSERT INTO sealed_value (name, sealed, created_at) VALUES ($1, $2, $3)";
    on!(tx, |connection| sqlx::query(sql).bind(name).bind(sealed).bind(now.millis()).execute(connection)).map(drop)
}
