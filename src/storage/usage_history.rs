//! Counts of uses, hour by hour.
use super::{Result, Tx, on, stored};
use crate::domain::id::{ApiKeyId, ApplicationId, OrganizationId};

/// Uses within an hour, of whatever was asked about.
pub struct HourOf<T> {
    pub of: T,
    pub hour: i64,
    pub uses: i64,
}

type Row = (String, i64, i64);

fn read<T: std::str::FromStr>(column: &str, rows: Vec<Row>) -> Result<Vec<HourOf<T>>> {
    rows.into_iter().map(|(id, hour, uses)| Ok(HourOf { of: stored(column, &id)?, hour, uses })).collect()
}

/// Of each application of an organization, after an hour.
pub async fn of_applications(tx: &mut Tx, organization: OrganizationId, after_hour: i64) -> Result<Vec<HourOf<ApplicationId>>> {
    let sql = "SELECT usage_hour.application_id, hour, CAST(SUM(uses) AS BIGINT) FROM usage_hour \
               JOIN application ON application.id = usage_hour.application_id \
               WHERE application.organization_id = $1 AND hour > $2 GROUP BY usage_hour.application_id, hour";
    let rows = on!(tx, |connection| sqlx::query_as(sql).bind(organization.to_string()).bind(after_hour).fetch_all(connection))?;
    read("usage_hour.application_id", rows)
}

/// Of each API key of an organization and its members, after an hour.
pub async fn of_api_keys(tx: &mut Tx, organization: OrganizationId, after_hour: i64) -> Result<Vec<HourOf<ApiKeyId>>> {
    let sql = "SELECT api_key_id, hour, uses FROM api_key_usage_hour JOIN api_key ON api_key.id = api_key_id \
               WHERE api_key.organization_id = $1 AND hour > $2";
    let rows = on!(tx, |connection| sqlx::query_as(sql).bind(organization.to_string()).bind(after_hour).fetch_all(connection))?;
    read("api_key_usage_hour.api_key_id", rows)
}

/// Of each organization, or of one, after an hour.
pub async fn of_organizations(tx: &mut Tx, only: Option<OrganizationId>, after_hour: i64) -> Result<Vec<HourOf<OrganizationId>>> {
    let sql = "SELECT application.organization_id, hour, CAST(SUM(uses) AS BIGINT) FROM usage_hour \
               JOIN application ON application.id = usage_hour.application_id \
               WHERE hour > $1 AND (CAST($2 AS TEXT) IS NULL OR application.organization_id = $2) GROUP BY application.organization_id, hour";
    let only = only.map(|id| id.to_string());
    let rows = on!(tx, |connection| sqlx::query_as(sql).bind(after_hour).bind(only).fetch_all(connection))?;
    read("application.organization_id", rows)
}
