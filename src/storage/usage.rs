//! Counts of uses, written in batches.
use super::{Result, Tx, on};
use crate::domain::id::{ApplicationId, ClientSecretId, ManagementKeyId};
use crate::domain::timestamp::Timestamp;

/// Uses of one secret within one hour.
#[derive(Clone, Debug)]
pub struct SecretUses {
    pub secret_id: ClientSecretId,
    pub application_id: ApplicationId,
    pub hour: i64,
    pub uses: i64,
    pub last_used_at: Timestamp,
    pub last_used_ip: Option<String>,
}

/// Notes the batch; whether it was not written before.
pub async fn begin_batch(tx: &mut Tx, id: &str, now: Timestamp) -> Result<bool> {
    let sql = "INSERT INTO usage_batch (id, written_at) VALUES ($1, $2) ON CONFLICT (id) DO NOTHING RETURNING id";
    let new: Option<String> = on!(tx, |connection| sqlx::query_scalar(sql).bind(id).bind(now.millis()).fetch_optional(connection))?;
    Ok(new.is_some())
}

/// Adds the counts of a secret that still exists; what was deleted meanwhile is not counted.
pub async fn add(tx: &mut Tx, uses: &SecretUses) -> Result<()> {
    let (secret, application) = (uses.secret_id.to_string(), uses.application_id.to_string());
    let (at, ip) = (uses.last_used_at.millis(), &uses.last_used_ip);
    let count = "INSERT INTO usage_hour (secret_id, application_id, hour, uses) \
                 SELECT id, application_id, $2, $3 FROM client_secret WHERE id = $1 \
                 ON CONFLICT (application_id, secret_id, hour) DO UPDATE SET uses = usage_hour.uses + $3";
    on!(tx, |connection| sqlx::query(count).bind(&secret).bind(uses.hour).bind(uses.uses).execute(connection))?;
    let of_secret = "UPDATE client_secret SET last_used_at = $2, last_used_ip = $3 WHERE id = $1 AND COALESCE(last_used_at, 0) <= $2";
    on!(tx, |connection| sqlx::query(of_secret).bind(&secret).bind(at).bind(ip).execute(connection))?;
    let of_application = "UPDATE application SET last_used_at = $2, last_used_ip = $3 WHERE id = $1 AND COALESCE(last_used_at, 0) <= $2";
    on!(tx, |connection| sqlx::query(of_application).bind(&application).bind(at).bind(ip).execute(connection)).map(drop)
}

pub async fn touch_management_key(tx: &mut Tx, id: ManagementKeyId, at: Timestamp) -> Result<()> {
    let sql = "UPDATE management_key SET last_used_at = $2 WHERE id = $1 AND COALESCE(last_used_at, 0) <= $2";
    on!(tx, |connection| sqlx::query(sql).bind(id.to_string()).bind(at.millis()).execute(connection)).map(drop)
}

/// Forgets hours and batches that nobody asks for any more.
pub async fn purge(tx: &mut Tx, before_hour: i64, batches_before: Timestamp) -> Result<()> {
    on!(tx, |connection| sqlx::query("DELETE FROM usage_hour WHERE hour < $1").bind(before_hour).execute(connection))?;
    let sql = "DELETE FROM usage_batch WHERE written_at < $1";
    on!(tx, |connection| sqlx::query(sql).bind(batches_before.millis()).execute(connection)).map(drop)
}
