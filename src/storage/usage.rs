//! Counts of uses, written in batches.
use std::collections::BTreeMap;

use sqlx::QueryBuilder;

use super::{Result, Tx, changed, on, run};
use crate::domain::id::ManagementKeyId;
use crate::domain::timestamp::Timestamp;
use crate::domain::usage::{Used, Uses};

/// Notes the batch; whether it was not written before.
pub async fn begin_batch(tx: &mut Tx, id: &str, now: Timestamp) -> Result<bool> {
    let sql = "INSERT INTO usage_batch (id, written_at) VALUES ($1, $2) ON CONFLICT (id) DO NOTHING RETURNING id";
    let new: Option<String> = on!(tx, |connection| sqlx::query_scalar(sql).bind(id).bind(now.millis()).fetch_optional(connection))?;
    Ok(new.is_some())
}

/// Uses of one row of one table.
struct Row {
    id: String,
    application_id: Option<String>,
    hour: i64,
    uses: i64,
    at: i64,
    ip: Option<String>,
}

/// Runs a statement that finds these rows as `used`: one for many, because of one for each its way to the database is most of the cost.
macro_rules! over {
    ($tx:expr, $rows:expr, $statement:literal) => {
        if !$rows.is_empty() {
            run!($tx, |connection| async {
                let mut query = QueryBuilder::new("WITH used (id, application_id, hour, uses, at, ip) AS (");
                query.push_values($rows.iter(), |mut row, used| {
                    row.push_bind(&used.id).push_bind(&used.application_id).push_bind(used.hour);
                    row.push_bind(used.uses).push_bind(used.at).push_bind(&used.ip);
                });
                query.push(concat!(") ", $statement));
                query.build().persistent(false).execute(connection).await
            })?;
        }
    };
}

/// Adds the counts of what still exists; what was deleted meanwhile is not counted.
pub async fn add(tx: &mut Tx, uses: &[Uses]) -> Result<()> {
    let (mut secrets, mut api_keys, mut token_quotas) = (Vec::new(), Vec::new(), Vec::new());
    for uses in uses {
        let (of, id, application_id) = match uses.of {
            Used::ClientSecret { id, application_id } => (&mut secrets, id.to_string(), Some(application_id.to_string())),
            Used::ApiKey(id) => (&mut api_keys, id.to_string(), None),
            Used::TokenQuota(holder) => (&mut token_quotas, holder.to_string(), None),
        };
        let (at, ip) = (uses.last_used_at.millis(), uses.last_used_ip.clone());
        of.push(Row { id, application_id, hour: uses.hour, uses: uses.uses, at, ip });
    }
    add_secrets(tx, &secrets).await?;
    add_api_keys(tx, &api_keys).await?;
    add_tokens(tx, &token_quotas).await
}

async fn add_secrets(tx: &mut Tx, used: &[Row]) -> Result<()> {
    over!(
        tx,
        used,
        "INSERT INTO usage_hour (secret_id, application_id, hour, uses) \
         SELECT used.id, used.application_id, used.hour, used.uses FROM used JOIN client_secret ON client_secret.id = used.id WHERE 1 = 1 \
         ON CONFLICT (application_id, secret_id, hour) DO UPDATE SET uses = usage_hour.uses + excluded.uses"
    );
    let last = last_of(used, |used| Some(&used.id));
    over!(
        tx,
        last,
        "UPDATE client_secret SET last_used_at = used.at, last_used_ip = used.ip FROM used \
         WHERE client_secret.id = used.id AND COALESCE(client_secret.last_used_at, 0) <= used.at"
    );
    let last = last_of(used, |used| used.application_id.as_ref());
    over!(
        tx,
        last,
        "UPDATE application SET last_used_at = used.at, last_used_ip = used.ip FROM used \
         WHERE application.id = used.application_id AND COALESCE(application.last_used_at, 0) <= used.at"
    );
    Ok(())
}

async fn add_api_keys(tx: &mut Tx, used: &[Row]) -> Result<()> {
    over!(
        tx,
        used,
        "INSERT INTO api_key_usage_hour (api_key_id, hour, uses) \
         SELECT used.id, used.hour, used.uses FROM used JOIN api_key ON api_key.id = used.id WHERE 1 = 1 \
         ON CONFLICT (api_key_id, hour) DO UPDATE SET uses = api_key_usage_hour.uses + excluded.uses"
    );
    let last = last_of(used, |used| Some(&used.id));
    over!(
        tx,
        last,
        "UPDATE api_key SET last_used_at = used.at, last_used_ip = used.ip FROM used \
         WHERE api_key.id = used.id AND COALESCE(api_key.last_used_at, 0) <= used.at"
    );
    Ok(())
}

async fn add_tokens(tx: &mut Tx, used: &[Row]) -> Result<()> {
    over!(
        tx,
        used,
        "INSERT INTO token_quota_hour (quota_id, hour, tokens) \
         SELECT used.id, used.hour, used.uses FROM used JOIN token_quota ON token_quota.id = used.id WHERE 1 = 1 \
         ON CONFLICT (quota_id, hour) DO UPDATE SET tokens = token_quota_hour.tokens + excluded.tokens"
    );
    Ok(())
}

pub async fn add_token_requests(tx: &mut Tx, hour: i64, requests: &[(&str, i64)]) -> Result<()> {
    let sql = "INSERT INTO token_request_hour (outcome, hour, requests) VALUES ($1, $2, $3) \
               ON CONFLICT (outcome, hour) DO UPDATE SET requests = token_request_hour.requests + excluded.requests";
    for (outcome, count) in requests {
        run!(tx, |connection| sqlx::query(sql).bind(*outcome).bind(hour).bind(*count).execute(connection))?;
    }
    Ok(())
}

/// The last use of each: a statement that meets a row twice does not say which of them it takes.
fn last_of<'a>(used: &'a [Row], of: impl Fn(&'a Row) -> Option<&'a String>) -> Vec<&'a Row> {
    let mut last: BTreeMap<&String, &Row> = BTreeMap::new();
    for used in used {
        let Some(id) = of(used) else { continue };
        last.entry(id).and_modify(|before| *before = if before.at <= used.at { used } else { before }).or_insert(used);
    }
    last.into_values().collect()
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
    let requests = "DELETE FROM token_request_hour WHERE hour < $1";
    let requests = changed!(tx, |connection| sqlx::query(requests).bind(before_hour).execute(connection))?;
    Ok(secrets + keys + requests > 0)
}

/// Forgets some of the batches of long ago; whether there were any.
pub async fn purge_batches(tx: &mut Tx, before: Timestamp) -> Result<bool> {
    let sql = "DELETE FROM usage_batch WHERE id IN (SELECT id FROM usage_batch WHERE written_at < $1 LIMIT 1000)";
    Ok(changed!(tx, |connection| sqlx::query(sql).bind(before.millis()).execute(connection))? > 0)
}
