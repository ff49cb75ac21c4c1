//! Counts of uses, hour by hour.
use sqlx::QueryBuilder;

use super::{Result, Tx, on, stored};
use crate::domain::id::{ApiKeyId, ApplicationId, ClientSecretId, OrganizationId};

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

fn read_ids<T: std::str::FromStr>(column: &str, ids: &[String]) -> Result<Vec<T>> {
    ids.iter().map(|id| stored(column, id)).collect()
}

/// Runs a query that finds these ids as `shown`, and what else it is asked with as `asked`.
macro_rules! of_these {
    ($tx:expr, $ids:expr, $organization:expr, $after_hour:expr, $query:literal) => {{
        let (organization, ids) = ($organization.map(|id| id.to_string()), $ids.iter().map(ToString::to_string).collect::<Vec<_>>());
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        on!($tx, |connection| async {
            let mut query = QueryBuilder::new("WITH asked (organization_id, after_hour) AS (VALUES (");
            query.push_bind(organization).push(", ").push_bind($after_hour).push(")), shown (id) AS (");
            query.push_values(ids, |mut row, id| {
                row.push_bind(id);
            });
            query.push(concat!(") ", $query));
            query.build_query_as().persistent(false).fetch_all(connection).await
        })?
    }};
}

/// Of these applications of an organization, after an hour.
pub async fn of_applications(
    tx: &mut Tx,
    organization: OrganizationId,
    ids: &[ApplicationId],
    after_hour: i64,
) -> Result<Vec<HourOf<ApplicationId>>> {
    let rows = of_these!(
        tx,
        ids,
        Some(organization),
        after_hour,
        "SELECT usage_hour.application_id, hour, CAST(SUM(uses) AS BIGINT) FROM shown \
         JOIN application ON application.id = shown.id JOIN usage_hour ON usage_hour.application_id = shown.id CROSS JOIN asked \
         WHERE application.organization_id = asked.organization_id AND hour > asked.after_hour GROUP BY usage_hour.application_id, hour"
    );
    read("usage_hour.application_id", rows)
}

/// The applications of an organization with the most uses after an hour.
pub async fn busiest_applications(tx: &mut Tx, organization: OrganizationId, after_hour: i64, most: i64) -> Result<Vec<ApplicationId>> {
    let sql = "SELECT usage_hour.application_id FROM application JOIN usage_hour ON usage_hour.application_id = application.id \
               WHERE application.organization_id = $1 AND hour > $2 \
               GROUP BY usage_hour.application_id ORDER BY SUM(uses) DESC, usage_hour.application_id LIMIT $3";
    let of = organization.to_string();
    let ids: Vec<String> = on!(tx, |connection| sqlx::query_scalar(sql).bind(of).bind(after_hour).bind(most).fetch_all(connection))?;
    read_ids("usage_hour.application_id", &ids)
}

/// Of these API keys of an organization and its members, after an hour.
pub async fn of_api_keys(tx: &mut Tx, organization: OrganizationId, ids: &[ApiKeyId], after_hour: i64) -> Result<Vec<HourOf<ApiKeyId>>> {
    let rows = of_these!(
        tx,
        ids,
        Some(organization),
        after_hour,
        "SELECT api_key_id, hour, uses FROM shown \
         JOIN api_key ON api_key.id = shown.id JOIN api_key_usage_hour ON api_key_id = shown.id CROSS JOIN asked \
         WHERE api_key.organization_id = asked.organization_id AND hour > asked.after_hour"
    );
    read("api_key_usage_hour.api_key_id", rows)
}

/// The API keys of an organization and its members with the most uses after an hour.
pub async fn busiest_api_keys(tx: &mut Tx, organization: OrganizationId, after_hour: i64, most: i64) -> Result<Vec<ApiKeyId>> {
    let sql = "SELECT api_key_id FROM api_key JOIN api_key_usage_hour ON api_key_id = api_key.id \
               WHERE api_key.organization_id = $1 AND hour > $2 GROUP BY api_key_id ORDER BY SUM(uses) DESC, api_key_id LIMIT $3";
    let of = organization.to_string();
    let ids: Vec<String> = on!(tx, |connection| sqlx::query_scalar(sql).bind(of).bind(after_hour).bind(most).fetch_all(connection))?;
    read_ids("api_key_usage_hour.api_key_id", &ids)
}

/// Of these organizations, as far as one may be asked about, after an hour.
pub async fn of_organizations(
    tx: &mut Tx,
    only: Option<OrganizationId>,
    ids: &[OrganizationId],
    after_hour: i64,
) -> Result<Vec<HourOf<OrganizationId>>> {
    let rows = of_these!(
        tx,
        ids,
        only,
        after_hour,
        "SELECT application.organization_id, hour, CAST(SUM(uses) AS BIGINT) FROM shown \
         JOIN application ON application.organization_id = shown.id JOIN usage_hour ON usage_hour.application_id = application.id \
         CROSS JOIN asked WHERE hour > asked.after_hour \
         AND (asked.organization_id IS NULL OR application.organization_id = asked.organization_id) GROUP BY application.organization_id, hour"
    );
    read("application.organization_id", rows)
}

/// The organizations with the most tokens after an hour.
pub async fn busiest_organizations(tx: &mut Tx, only: Option<OrganizationId>, after_hour: i64, most: i64) -> Result<Vec<OrganizationId>> {
    let sql = "SELECT application.organization_id FROM usage_hour JOIN application ON application.id = usage_hour.application_id \
               WHERE hour > $1 AND (CAST($2 AS TEXT) IS NULL OR application.organization_id = $2) \
               GROUP BY application.organization_id ORDER BY SUM(uses) DESC, application.organization_id LIMIT $3";
    let only = only.map(|id| id.to_string());
    let ids: Vec<String> = on!(tx, |connection| sqlx::query_scalar(sql).bind(after_hour).bind(only).bind(most).fetch_all(connection))?;
    read_ids("application.organization_id", &ids)
}

/// Tokens of one organization or of all, after an hour: the hour and how many.
pub async fn tokens_by_hour(tx: &mut Tx, only: Option<OrganizationId>, after_hour: i64) -> Result<Vec<(i64, i64)>> {
    let sql = "SELECT hour, CAST(SUM(uses) AS BIGINT) FROM usage_hour JOIN application ON application.id = usage_hour.application_id \
               WHERE hour > $1 AND (CAST($2 AS TEXT) IS NULL OR application.organization_id = $2) GROUP BY hour";
    let only = only.map(|id| id.to_string());
    on!(tx, |connection| sqlx::query_as(sql).bind(after_hour).bind(only).fetch_all(connection))
}

/// How often each secret of an application was used from an hour on.
pub async fn of_secrets_since(tx: &mut Tx, application: ApplicationId, hour: i64) -> Result<Vec<(ClientSecretId, i64)>> {
    let sql = "SELECT secret_id, CAST(SUM(uses) AS BIGINT) FROM usage_hour WHERE application_id = $1 AND hour >= $2 GROUP BY secret_id";
    let rows: Vec<(String, i64)> =
        on!(tx, |connection| sqlx::query_as(sql).bind(application.to_string()).bind(hour).fetch_all(connection))?;
    rows.into_iter().map(|(id, uses)| Ok((stored("usage_hour.secret_id", &id)?, uses))).collect()
}

/// What came of token requests after an hour: the outcome, the hour, and how many.
pub async fn token_requests(tx: &mut Tx, after_hour: i64) -> Result<Vec<(String, i64, i64)>> {
    let sql = "SELECT outcome, hour, requests FROM token_request_hour WHERE hour > $1";
    on!(tx, |connection| sqlx::query_as(sql).bind(after_hour).fetch_all(connection))
}
