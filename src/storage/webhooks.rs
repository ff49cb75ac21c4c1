//! Webhook endpoints, how far each has come along the chain, and the delivery log.
use sqlx::FromRow;

use super::page::keyset;
use super::{Result, StoreError, Tx, changed, on, run, stored};
use crate::domain::id::{OrganizationId, WebhookEndpointId};
use crate::domain::management_key::Reach;
use crate::domain::page::{Page, PageRequest};
use crate::domain::timestamp::Timestamp;
use crate::domain::webhook::{Delivery, EndpointStatus, Outcome, WebhookEndpoint};

/// An endpoint with its sealed secret.
pub struct StoredWebhookEndpoint {
    pub endpoint: WebhookEndpoint,
    pub sealed_secret: String,
}

#[derive(FromRow)]
struct Row {
    id: String,
    organization_id: Option<String>,
    endpoint_url: String,
    status: String,
    events: String,
    sealed_secret: String,
    secret_hint: String,
    position: i64,
    attempts: i64,
    next_attempt_at: i64,
    created_by: String,
    created_at: i64,
    updated_at: i64,
    version: i64,
}

impl TryFrom<Row> for StoredWebhookEndpoint {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self> {
        let endpoint = WebhookEndpoint {
            id: stored("webhook_endpoint.id", &row.id)?,
            endpoint_url: row.endpoint_url,
            status: if row.status == EndpointStatus::Enabled.name() { EndpointStatus::Enabled } else { EndpointStatus::Disabled },
            events: row.events.split(' ').map(str::to_owned).collect(),
            organization_id: row.organization_id.map(|id| stored("webhook_endpoint.organization_id", &id)).transpose()?,
            secret: row.secret_hint,
            failed_attempts: row.attempts,
            next_attempt_at: (row.attempts > 0).then(|| Timestamp::from_millis(row.next_attempt_at)),
            created_by: row.created_by,
            created_at: Timestamp::from_millis(row.created_at),
            updated_at: Timestamp::from_millis(row.updated_at),
            position: row.position,
            version: row.version,
        };
        Ok(Self { endpoint, sealed_secret: row.sealed_secret })
    }
}

pub async fn find(tx: &mut Tx, reach: Reach, id: &str) -> Result<Option<StoredWebhookEndpoint>> {
    let sql = "SELECT * FROM webhook_endpoint WHERE id = $1 AND (CAST($2 AS TEXT) IS NULL OR organization_id = $2)";
    let own = reach.organization().map(|id| id.to_string());
    let row: Option<Row> = on!(tx, |connection| sqlx::query_as(sql).bind(id).bind(own).fetch_optional(connection))?;
    row.map(TryInto::try_into).transpose()
}

pub async fn list(tx: &mut Tx, reach: Reach, request: &PageRequest) -> Result<Page<WebhookEndpoint>> {
    let select = "SELECT * FROM webhook_endpoint WHERE (CAST($1 AS TEXT) IS NULL OR organization_id = $1)";
    let keyset = keyset(select, None, "id", 1, request);
    let own = reach.organization().map(|id| id.to_string());
    let rows: Vec<Row> =
        on!(tx, |connection| sqlx::query_as(keyset.sql).bind(own).bind(keyset.cursor).bind(keyset.limit).fetch_all(connection))?;
    let endpoints =
        rows.into_iter().map(|row| StoredWebhookEndpoint::try_from(row).map(|stored| stored.endpoint)).collect::<Result<Vec<_>>>()?;
    Ok(Page::of(endpoints, request, |endpoint| endpoint.id.to_string()))
}

pub async fn of_organization(tx: &mut Tx, organization: OrganizationId) -> Result<Vec<WebhookEndpoint>> {
    let sql = "SELECT * FROM webhook_endpoint WHERE organization_id = $1";
    let rows: Vec<Row> = on!(tx, |connection| sqlx::query_as(sql).bind(organization.to_string()).fetch_all(connection))?;
    rows.into_iter().map(|row| StoredWebhookEndpoint::try_from(row).map(|stored| stored.endpoint)).collect()
}

/// How many there are for this organization.
pub async fn count_of_organization(tx: &mut Tx, organization: OrganizationId) -> Result<i64> {
    let sql = "SELECT COUNT(*) FROM webhook_endpoint WHERE organization_id = $1";
    on!(tx, |connection| sqlx::query_scalar(sql).bind(organization.to_string()).fetch_one(connection))
}

/// Those that are enabled, behind the head of the chain, due, and claimed by no other instance.
pub async fn due(tx: &mut Tx, now: Timestamp, instance: &str) -> Result<Vec<StoredWebhookEndpoint>> {
    let sql = "SELECT webhook_endpoint.* FROM webhook_endpoint JOIN head ON head.rev > webhook_endpoint.position \
               WHERE status = 'enabled' AND next_attempt_at <= $1 AND (claimed_until <= $1 OR claimed_by = $2) ORDER BY webhook_endpoint.id";
    let rows: Vec<Row> = on!(tx, |connection| sqlx::query_as(sql).bind(now.millis()).bind(instance).fetch_all(connection))?;
    rows.into_iter().map(TryInto::try_into).collect()
}

pub async fn insert(tx: &mut Tx, endpoint: &WebhookEndpoint, sealed_secret: &str) -> Result<()> {
    let sql = "INSERT INTO webhook_endpoint (id, organization_id, endpoint_url, status, events, sealed_secret, secret_hint, position, \
               attempts, next_attempt_at, created_by, created_at, updated_at, version) \
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 0, 0, $9, $10, $10, $11)";
    run!(tx, |connection| sqlx::query(sql)
        .bind(endpoint.id.to_string())
        .bind(endpoint.organization_id.map(|id| id.to_string()))
        .bind(&endpoint.endpoint_url)
        .bind(endpoint.status.name())
        .bind(endpoint.events.join(" "))
        .bind(sealed_secret)
        .bind(&endpoint.secret)
        .bind(endpoint.position)
        .bind(&endpoint.created_by)
        .bind(endpoint.created_at.millis())
        .bind(endpoint.version)
        .execute(connection))
}

/// Writes what was changed by its owner; what failed before is tried again at once.
pub async fn update(tx: &mut Tx, endpoint: &WebhookEndpoint) -> Result<()> {
    let sql = "UPDATE webhook_endpoint SET endpoint_url = $2, status = $3, events = $4, position = $5, attempts = 0, next_attempt_at = 0, \
               updated_at = $6, version = $7 WHERE id = $1";
    run!(tx, |connection| sqlx::query(sql)
        .bind(endpoint.id.to_string())
        .bind(&endpoint.endpoint_url)
        .bind(endpoint.status.name())
        .bind(endpoint.events.join(" "))
        .bind(endpoint.position)
        .bind(endpoint.updated_at.millis())
        .bind(endpoint.version)
        .execute(connection))
}

/// An instance's claim to be the one that sends to an endpoint.
pub struct Claim<'a> {
    pub instance: &'a str,
    pub now: Timestamp,
    pub until: Timestamp,
}

/// Claims an endpoint that is as it was read; false when another instance has it, or has sent to it since.
pub async fn claim(tx: &mut Tx, endpoint: &WebhookEndpoint, claim: &Claim<'_>) -> Result<bool> {
    let sql = "UPDATE webhook_endpoint SET claimed_by = $4, claimed_until = $6 \
               WHERE id = $1 AND version = $2 AND position = $3 AND (claimed_until <= $5 OR claimed_by = $4) RETURNING id";
    let id: Option<String> = on!(tx, |connection| sqlx::query_scalar(sql)
        .bind(endpoint.id.to_string())
        .bind(endpoint.version)
        .bind(endpoint.position)
        .bind(claim.instance)
        .bind(claim.now.millis())
        .bind(claim.until.millis())
        .fetch_optional(connection))?;
    Ok(id.is_some())
}

/// Gives a claim back.
pub async fn release(tx: &mut Tx, id: WebhookEndpointId, instance: &str) -> Result<()> {
    let sql = "UPDATE webhook_endpoint SET claimed_until = 0 WHERE id = $1 AND claimed_by = $2";
    run!(tx, |connection| sqlx::query(sql).bind(id.to_string()).bind(instance).execute(connection))
}

/// Gives all of an instance's claims back.
pub async fn release_all(tx: &mut Tx, instance: &str) -> Result<()> {
    let sql = "UPDATE webhook_endpoint SET claimed_until = 0 WHERE claimed_by = $1 AND claimed_until > 0";
    run!(tx, |connection| sqlx::query(sql).bind(instance).execute(connection))
}

/// Writes how far an endpoint has come, unless its owner has changed it since it was read, or another instance has it now: then it goes on
/// from what they set.
pub async fn advance(
    tx: &mut Tx,
    endpoint: &WebhookEndpoint,
    position: i64,
    attempts: i64,
    next_attempt_at: Timestamp,
    claim: &Claim<'_>,
) -> Result<bool> {
    let sql = "UPDATE webhook_endpoint SET position = $4, attempts = $5, next_attempt_at = $6 \
               WHERE id = $1 AND version = $2 AND position = $3 AND (claimed_until <= $8 OR claimed_by = $7) RETURNING id";
    let id: Option<String> = on!(tx, |connection| sqlx::query_scalar(sql)
        .bind(endpoint.id.to_string())
        .bind(endpoint.version)
        .bind(endpoint.position)
        .bind(position)
        .bind(attempts)
        .bind(next_attempt_at.millis())
        .bind(claim.instance)
        .bind(claim.now.millis())
        .fetch_optional(connection))?;
    Ok(id.is_some())
}

pub async fn delete(tx: &mut Tx, id: WebhookEndpointId) -> Result<()> {
    run!(tx, |connection| sqlx::query("DELETE FROM webhook_endpoint WHERE id = $1").bind(id.to_string()).execute(connection))
}

#[derive(FromRow)]
struct DeliveryRow {
    id: String,
    webhook_endpoint_id: String,
    event_id: String,
    event: String,
    attempt: i64,
    outcome: String,
    response_status: Option<i64>,
    error: Option<String>,
    duration_ms: i64,
    created_at: i64,
}

impl TryFrom<DeliveryRow> for Delivery {
    type Error = StoreError;

    fn try_from(row: DeliveryRow) -> Result<Self> {
        Ok(Self {
            id: stored("webhook_delivery.id", &row.id)?,
            webhook_endpoint_id: stored("webhook_delivery.webhook_endpoint_id", &row.webhook_endpoint_id)?,
            event_id: stored("webhook_delivery.event_id", &row.event_id)?,
            event: row.event,
            attempt: row.attempt,
            outcome: Outcome::stored(&row.outcome).ok_or_else(|| StoreError::Unreadable(format!("webhook_delivery {} outcome", row.id)))?,
            response_status: row.response_status.and_then(|status| u16::try_from(status).ok()),
            error: row.error,
            duration_ms: row.duration_ms,
            created_at: Timestamp::from_millis(row.created_at),
        })
    }
}

pub async fn insert_delivery(tx: &mut Tx, delivery: &Delivery) -> Result<()> {
    let sql = "INSERT INTO webhook_delivery (id, webhook_endpoint_id, event_id, event, attempt, outcome, response_status, error, \
               duration_ms, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)";
    run!(tx, |connection| sqlx::query(sql)
        .bind(delivery.id.to_string())
        .bind(delivery.webhook_endpoint_id.to_string())
        .bind(delivery.event_id.to_string())
        .bind(&delivery.event)
        .bind(delivery.attempt)
        .bind(delivery.outcome.name())
        .bind(delivery.response_status.map(i64::from))
        .bind(&delivery.error)
        .bind(delivery.duration_ms)
        .bind(delivery.created_at.millis())
        .execute(connection))
}

pub async fn list_deliveries(tx: &mut Tx, endpoint: WebhookEndpointId, request: &PageRequest) -> Result<Page<Delivery>> {
    let keyset = keyset("SELECT * FROM webhook_delivery WHERE webhook_endpoint_id = $1", None, "id", 1, request);
    let rows: Vec<DeliveryRow> = on!(tx, |connection| sqlx::query_as(keyset.sql)
        .bind(endpoint.to_string())
        .bind(keyset.cursor)
        .bind(keyset.limit)
        .fetch_all(connection))?;
    let deliveries = rows.into_iter().map(TryInto::try_into).collect::<Result<Vec<Delivery>>>()?;
    Ok(Page::of(deliveries, request, |delivery| delivery.id.to_string()))
}

/// Whether the id names one of this endpoint's, for a list's cursor.
pub async fn delivery_exists(tx: &mut Tx, endpoint: WebhookEndpointId, id: &str) -> Result<bool> {
    let sql = "SELECT COUNT(*) FROM webhook_delivery WHERE id = $1 AND webhook_endpoint_id = $2";
    let count: i64 = on!(tx, |connection| sqlx::query_scalar(sql).bind(id).bind(endpoint.to_string()).fetch_one(connection))?;
    Ok(count > 0)
}

/// Forgets some of the attempts of long ago; whether there were any.
pub async fn purge_deliveries(tx: &mut Tx, before: Timestamp) -> Result<bool> {
    let sql = "DELETE FROM webhook_delivery WHERE id IN (SELECT id FROM webhook_delivery WHERE created_at < $1 LIMIT 1000)";
    Ok(changed!(tx, |connection| sqlx::query(sql).bind(before.millis()).execute(connection))? > 0)
}
