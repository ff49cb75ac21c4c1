//! Token quotas, and the tokens counted against them.
use std::num::NonZeroU32;

use sqlx::FromRow;

use super::{Result, StoreError, Tx, changed, on, run, stored};
use crate::domain::id::{ApplicationId, OrganizationId};
use crate::domain::timestamp::Timestamp;
use crate::domain::token_quota::{Limits, QuotaHolder};

/// What was set, and when.
pub struct StoredQuota {
    pub holder: QuotaHolder,
    pub organization_id: OrganizationId,
    pub limits: Limits,
    pub updated_at: Timestamp,
    pub version: i64,
}

#[derive(FromRow)]
struct Row {
    id: String,
    organization_id: String,
    per_hour: Option<i64>,
    per_day: Option<i64>,
    enforce: i64,
    updated_at: i64,
    version: i64,
}

impl TryFrom<Row> for StoredQuota {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self> {
        let limit = |tokens: Option<i64>| tokens.and_then(|tokens| u32::try_from(tokens).ok()).and_then(NonZeroU32::new);
        Ok(Self {
            holder: stored("token_quota.id", &row.id)?,
            organization_id: stored("token_quota.organization_id", &row.organization_id)?,
            limits: Limits { per_hour: limit(row.per_hour), per_day: limit(row.per_day), enforce: row.enforce == 1 },
            updated_at: Timestamp::from_millis(row.updated_at),
            version: row.version,
        })
    }
}

pub async fn find(tx: &mut Tx, holder: &str) -> Result<Option<StoredQuota>> {
    let sql = "SELECT * FROM token_quota WHERE id = $1";
    let row: Option<Row> = on!(tx, |connection| sqlx::query_as(sql).bind(holder).fetch_optional(connection))?;
    row.map(TryInto::try_into).transpose()
}

pub async fn all(tx: &mut Tx) -> Result<Vec<StoredQuota>> {
    let rows: Vec<Row> = on!(tx, |connection| sqlx::query_as("SELECT * FROM token_quota").fetch_all(connection))?;
    rows.into_iter().map(TryInto::try_into).collect()
}

pub async fn store(tx: &mut Tx, quota: &StoredQuota) -> Result<()> {
    let sql = "INSERT INTO token_quota (id, organization_id, application_id, per_hour, per_day, enforce, updated_at, version) \
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8) \
               ON CONFLICT (id) DO UPDATE SET per_hour = $4, per_day = $5, enforce = $6, updated_at = $7, version = $8";
    let application: Option<ApplicationId> = match quota.holder {
        QuotaHolder::Application(id) => Some(id),
        QuotaHolder::Organization(_) => None,
    };
    let limit = |tokens: Option<NonZeroU32>| tokens.map(|tokens| i64::from(tokens.get()));
    run!(tx, |connection| sqlx::query(sql)
        .bind(quota.holder.to_string())
        .bind(quota.organization_id.to_string())
        .bind(application.map(|id| id.to_string()))
        .bind(limit(quota.limits.per_hour))
        .bind(limit(quota.limits.per_day))
        .bind(i64::from(quota.limits.enforce))
        .bind(quota.updated_at.millis())
        .bind(quota.version)
        .execute(connection))
}

/// What every holder obtained in this hour, and in the day that began with `first_hour`; who obtained none is left out.
pub async fn tokens_of(tx: &mut Tx, first_hour: i64, hour: i64) -> Result<Vec<(QuotaHolder, i64, i64)>> {
    let sql = "SELECT quota_id, CAST(SUM(CASE WHEN hour = $2 THEN tokens ELSE 0 END) AS BIGINT), CAST(SUM(tokens) AS BIGINT) \
               FROM token_quota_hour WHERE hour >= $1 AND hour < $1 + 24 GROUP BY quota_id";
    let rows: Vec<(String, i64, i64)> = on!(tx, |connection| sqlx::query_as(sql).bind(first_hour).bind(hour).fetch_all(connection))?;
    rows.into_iter().map(|(id, in_hour, in_day)| Ok((stored("token_quota_hour.quota_id", &id)?, in_hour, in_day))).collect()
}

/// Forgets some of the counts of windows that are over; whether there were any.
pub async fn purge_hours(tx: &mut Tx, before_hour: i64) -> Result<bool> {
    let sql = "DELETE FROM token_quota_hour WHERE (quota_id, hour) IN \
               (SELECT quota_id, hour FROM token_quota_hour WHERE hour < $1 LIMIT 1000)";
    Ok(changed!(tx, |connection| sqlx::query(sql).bind(before_hour).execute(connection))? > 0)
}
