//! Counts of uses, written in batches.
use super::{Result, Tx, changed, on, run};
use crate::domain::id::ManagementKeyId;
use crate::domain::timestamp::Timestamp;
use crate::domain::usage::{UsedCredential, Uses};

/// Notes the batch; whether it was not written before.
pub async fn begin_batch(tx: &mut Tx, id: &str, now: Timestamp) -> Result<bool> {
    let sql = "INSERT INTO usage_batch (id, written_at) VALUES ($1, $2) ON CONFLICT (id) DO NOTHING RETURNING id";
    let new: Option<String> = on!(tx, |connection| sqlx::query_scalar(sql).bind(id).bind(now.millis()).fetch_optional(connection))?;
    Ok(new.is_some())
}

/// Adds the counts of a credential that still exists; what was deleted meanwhile is not counted.
pub async fn add(tx: &mut Tx, uses: &Uses) -> Result<()> {
    let (at, ip) = (uses.last_used_at.millis(), &uses.last_used_ip);
    match uses.credential {
        UsedCredential::ClientSecret { id, application_id } => {
            let count = "INSERT INTO usage_hour (secret_id, application_id, hour, uses) \
                         SELECT id, application_id, $2, $3 FROM client_secret WHERE id = $1 \
                         ON CONFLICT (application_id, secret_id, hour) DO UPDATE SET uses = usage_hour.uses + $3";
            run!(tx, |connection| sqlx::query(count).bind(id.to_string()).bind(uses.hour).bind(uses.uses).execute(connection))?;
            let secret = "UPDATE client_secret SET last_used_at = $2, last_used_ip = $3 WHERE id = $1 AND COALESCE(last_used_at, 0) <= $2";
            touch(tx, secret, id.to_string(), at, ip).await?;
            let application =
                "UPDATE application SET last_used_at = $2, last_used_ip = $3 WHERE id = $1 AND COALESCE(last_used_at, 0) <= $2";
            touch(tx, application, application_id.to_string(), at, ip).await
        }
        UsedCredential::ApiKey(id) => {
            let count = "INSERT INTO api_key_usage_hour (api_key_id, hour, uses) SELECT id, $2, $3 FROM api_key WHERE id = $1 \
                         ON CONFLICT (api_key_id, hour) DO UPDATE SET uses = api_key_usage_hour.uses + $3";
            run!(tx, |connection| sqlx::query(count).bind(id.to_string()).bind(uses.hour).bind(uses.uses).execute(connection))?;
            let key = "UPDATE api_key SET last_used_at = $2, last_used_ip = $3 WHERE id = $1 AND COALESCE(last_used_at, 0) <= $2";
            touch(tx, key, id.to_string(), at, ip).await
        }
    }
}

async fn touch(tx: &mut Tx, sql: &'static str, id: String, at: i64, ip: &Option<String>) -> Result<()> {
    run!(tx, |connection| sqlx::query(sql).bind(id).bind(at).bind(ip).execute(connection))
}

pub async fn touch_management_key(tx: &mut Tx, id: ManagementKeyId, at: Timestamp) -> Result<()> {
    let sql = "UPDATE management_key SET last_used_at = $2 WHERE id = $1 AND COALESCE(last_used_at, 0) <= $2";
    run!(tx, |connection| sqlx::query(sql).bind(id.to_string()).bind(at.millis()).execute(connection))
}

/// Forgets some of the counts of hours that nobody asks for any more; whether there were any.
pub async fn purge_hours(tx: &mut Tx, before_hour: i64) -> Result<bool> {
    let secrets = "DELETE FROM usage_hour WHERE (application_id, secret_id, hour) IN \
                   (SELECT application_id, secret_id, hour FROM usage_hour WHERE hour < $1 LIMIT 1000)";
    let secrets = changed!(tx, |connection| sqlx::query(secrets).bind(before_hour).execute(connection))?;
    let keys = "DELETE FROM api_key_usage_hour WHERE (api_key_id, hour) IN \
                (SELECT api_key_id, hour FROM api_key_usage_hour WHERE hour < $1 LIMIT 1000)";
    let keys = changed!(tx, |connection| sqlx::query(keys).bind(before_hour).execute(connection))?;
    Ok(secrets + keys > 0)
}

/// Forgets some of the batches of long ago; whether there were any.
pub async fn purge_batches(tx: &mut Tx, before: Timestamp) -> Result<bool> {
    let sql = "DELETE FROM usage_batch WHERE id IN (SELECT id FROM usage_batch WHERE written_at < $1 LIMIT 1000)";
    Ok(changed!(tx, |connection| sqlx::query(sql).bind(before.millis()).execute(connection))? > 0)
}
