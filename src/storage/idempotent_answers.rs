//! Answers kept for retries, sealed; only a hash of the Idempotency-Key is here.
use super::{Result, Tx, changed, on, run};
use crate::domain::timestamp::Timestamp;

/// A kept answer.
#[derive(sqlx::FromRow)]
pub struct KeptAnswer {
    pub fingerprint: String,
    pub sealed: String,
}

pub async fn find(tx: &mut Tx, key_hash: &str, now: Timestamp) -> Result<Option<KeptAnswer>> {
    let sql = "SELECT fingerprint, sealed FROM idempotent_answer WHERE key_hash = $1 AND expires_at > $2";
    on!(tx, |connection| sqlx::query_as(sql).bind(key_hash).bind(now.millis()).fetch_optional(connection))
}

pub async fn insert(tx: &mut Tx, key_hash: &str, answer: &KeptAnswer, expires_at: Timestamp) -> Result<()> {
    let sql = "INSERT INTO idempotent_answer (key_hash, fingerprint, sealed, expires_at) VALUES ($1, $2, $3, $4) \
               ON CONFLICT (key_hash) DO UPDATE SET fingerprint = $2, sealed = $3, expires_at = $4";
    run!(tx, |connection| sqlx::query(sql)
        .bind(key_hash)
        .bind(&answer.fingerprint)
        .bind(&answer.sealed)
        .bind(expires_at.millis())
        .execute(connection))
}

pub async fn purge(tx: &mut Tx, now: Timestamp) -> Result<bool> {
    let sql = "DELETE FROM idempotent_answer WHERE key_hash IN (SELECT key_hash FROM idempotent_answer WHERE expires_at <= $1 LIMIT 1000)";
    Ok(changed!(tx, |connection| sqlx::query(sql).bind(now.millis()).execute(connection))? > 0)
}
