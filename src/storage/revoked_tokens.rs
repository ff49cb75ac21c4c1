//! Single tokens revoked before their time (RFC 7009), kept until they would have expired.
use super::{Result, Tx, changed, on};
use crate::domain::revocation::KEPT_AFTER_EXPIRY;
use crate::domain::timestamp::Timestamp;

/// A revoked token: its `jti` and when it would have expired.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct RevokedToken {
    pub jti: String,
    pub expires_at: i64,
}

pub async fn find(tx: &mut Tx, jti: &str) -> Result<Option<RevokedToken>> {
    let sql = "SELECT jti, expires_at FROM revoked_token WHERE jti = $1";
    on!(tx, |connection| sqlx::query_as(sql).bind(jti).fetch_optional(connection))
}

pub async fn all(tx: &mut Tx) -> Result<Vec<RevokedToken>> {
    on!(tx, |connection| sqlx::query_as("SELECT jti, expires_at FROM revoked_token").fetch_all(connection))
}

/// Whether it was not revoked before.
pub async fn insert(tx: &mut Tx, jti: &str, cred: &str, expires_at: Timestamp) -> Result<bool> {
    let sql = "INSERT INTO revoked_token (jti, expires_at, cred, rev) \
               SELECT CAST($1 AS TEXT), CAST($2 AS BIGINT), CAST($3 AS TEXT), head.rev + 1 FROM head \
               WHERE head.id = 1 ON CONFLICT (jti) DO NOTHING RETURNING jti";
    let new: Option<String> =
        on!(tx, |connection| sqlx::query_scalar(sql).bind(jti).bind(expires_at.millis()).bind(cred).fetch_optional(connection))?;
    Ok(new.is_some())
}

/// How many tokens of a credential are revoked one by one.
pub async fn count_of(tx: &mut Tx, cred: &str) -> Result<i64> {
    on!(tx, |connection| sqlx::query_scalar("SELECT COUNT(*) FROM revoked_token WHERE cred = $1").bind(cred).fetch_one(connection))
}

pub async fn purge(tx: &mut Tx, now: Timestamp) -> Result<bool> {
    let sql = "DELETE FROM revoked_token WHERE jti IN (SELECT jti FROM revoked_token WHERE expires_at <= $1 LIMIT 1000)";
    let expired_before = now - KEPT_AFTER_EXPIRY;
    Ok(changed!(tx, |connection| sqlx::query(sql).bind(expired_before.millis()).execute(connection))? > 0)
}
