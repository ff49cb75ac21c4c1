//! Links into the portal and the sessions they opened, by their digests.
use sqlx::FromRow;

use super::client_secrets::write_digest;
use super::{Result, StoreError, Tx, changed, on, run, stored};
use crate::domain::credential::SecretDigest;
use crate::domain::id::{OrganizationId, PortalSessionId, UserId};
use crate::domain::portal::{Capability, PortalSession};
use crate::domain::timestamp::Timestamp;

#[derive(FromRow)]
struct Row {
    id: String,
    organization_id: String,
    management_key_id: String,
    user_id: Option<String>,
    capabilities: String,
    return_url: Option<String>,
    expires_at: i64,
    created_at: i64,
}

impl TryFrom<Row> for PortalSession {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self> {
        Ok(Self {
            id: stored("portal_session.id", &row.id)?,
            organization_id: stored("portal_session.organization_id", &row.organization_id)?,
            management_key_id: stored("portal_session.management_key_id", &row.management_key_id)?,
            user_id: row.user_id.map(|id| stored("portal_session.user_id", &id)).transpose()?,
            capabilities: row.capabilities.split(' ').filter_map(Capability::stored).collect(),
            return_url: row.return_url,
            expires_at: Timestamp::from_millis(row.expires_at),
            created_at: Timestamp::from_millis(row.created_at),
        })
    }
}

pub async fn insert(tx: &mut Tx, session: &PortalSession, link: &SecretDigest) -> Result<()> {
    let sql = "INSERT INTO portal_session (id, organization_id, management_key_id, user_id, capabilities, return_url, link_digest, \
               expires_at, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)";
    let capabilities = session.capabilities.iter().map(|capability| capability.name()).collect::<Vec<_>>().join(" ");
    run!(tx, |connection| sqlx::query(sql)
        .bind(session.id.to_string())
        .bind(session.organization_id.to_string())
        .bind(session.management_key_id.to_string())
        .bind(session.user_id.map(|id| id.to_string()))
        .bind(capabilities)
        .bind(&session.return_url)
        .bind(write_digest(link))
        .bind(session.expires_at.millis())
        .bind(session.created_at.millis())
        .execute(connection))
}

/// Opens a link that has not been opened, once: from then on it is known by the session's digest.
pub async fn open(
    tx: &mut Tx,
    link: &SecretDigest,
    session: &SecretDigest,
    now: Timestamp,
    until: Timestamp,
) -> Result<Option<PortalSession>> {
    let sql = "UPDATE portal_session SET link_digest = NULL, session_digest = $2, expires_at = $4 \
               WHERE link_digest = $1 AND expires_at > $3 RETURNING *";
    let row: Option<Row> = on!(tx, |connection| sqlx::query_as(sql)
        .bind(write_digest(link))
        .bind(write_digest(session))
        .bind(now.millis())
        .bind(until.millis())
        .fetch_optional(connection))?;
    row.map(TryInto::try_into).transpose()
}

/// Whether there is such a link, not opened and in time.
pub async fn link_exists(tx: &mut Tx, link: &SecretDigest, now: Timestamp) -> Result<bool> {
    let sql = "SELECT COUNT(*) FROM portal_session WHERE link_digest = $1 AND expires_at > $2";
    let count: i64 = on!(tx, |connection| sqlx::query_scalar(sql).bind(write_digest(link)).bind(now.millis()).fetch_one(connection))?;
    Ok(count > 0)
}

/// Whether this session still lasts.
pub async fn lasts(tx: &mut Tx, id: PortalSessionId, now: Timestamp) -> Result<bool> {
    let sql = "SELECT COUNT(*) FROM portal_session WHERE id = $1 AND expires_at > $2";
    let count: i64 = on!(tx, |connection| sqlx::query_scalar(sql).bind(id.to_string()).bind(now.millis()).fetch_one(connection))?;
    Ok(count > 0)
}

/// The session with this digest, while it lasts.
pub async fn find(tx: &mut Tx, session: &SecretDigest, now: Timestamp) -> Result<Option<PortalSession>> {
    let sql = "SELECT * FROM portal_session WHERE session_digest = $1 AND expires_at > $2";
    let row: Option<Row> =
        on!(tx, |connection| sqlx::query_as(sql).bind(write_digest(session)).bind(now.millis()).fetch_optional(connection))?;
    row.map(TryInto::try_into).transpose()
}

pub async fn delete(tx: &mut Tx, organization: OrganizationId, id: PortalSessionId) -> Result<()> {
    let sql = "DELETE FROM portal_session WHERE id = $1 AND organization_id = $2";
    run!(tx, |connection| sqlx::query(sql).bind(id.to_string()).bind(organization.to_string()).execute(connection))
}

/// Ends a user's links and sessions there; answers them.
pub async fn delete_of_user(tx: &mut Tx, organization: OrganizationId, user: UserId) -> Result<Vec<PortalSession>> {
    let sql = "DELETE FROM portal_session WHERE organization_id = $1 AND user_id = $2 RETURNING *";
    let rows: Vec<Row> =
        on!(tx, |connection| sqlx::query_as(sql).bind(organization.to_string()).bind(user.to_string()).fetch_all(connection))?;
    rows.into_iter().map(TryInto::try_into).collect()
}

pub async fn purge(tx: &mut Tx, now: Timestamp) -> Result<bool> {
    let sql = "DELETE FROM portal_session WHERE id IN (SELECT id FROM portal_session WHERE expires_at <= $1 LIMIT 1000)";
    Ok(changed!(tx, |connection| sqlx::query(sql).bind(now.millis()).execute(connection))? > 0)
}
