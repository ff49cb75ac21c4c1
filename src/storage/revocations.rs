//! Revocations: the status indexes that verifiers are to refuse, written in the transaction that revokes them.
use std::time::Duration;

use chancery_verifier::StatusIndex;
use sqlx::FromRow;

use super::{Result, StoreError, Tx, changed, on, run};
use crate::domain::id::{ApiKeyId, ApplicationId, ClientSecretId, OrganizationId};
use crate::domain::revocation::{KEPT_AFTER_EXPIRY, Revocation, Revoked};
use crate::domain::timestamp::Timestamp;

/// Revokes the indexes of the rows at hand; `$1` is the time, `$2` whose they are. Their place in the chain is that of the change's first
/// event, which is written last, under the same head lock. A credential that ended so long ago that none of its tokens can live needs no
/// entry: a planned rotation costs nothing.
macro_rules! revoke {
    ($from:literal) => {
        concat!(
            "INSERT INTO revocation (status_index, rev, kept_until) ",
            "SELECT status_index, head.rev + 1, $1 + head.revocation_kept_ms FROM head, ",
            $from,
            " AND (expires_at IS NULL OR expires_at > $1 - head.revocation_kept_ms) ",
            "AND (retires_at IS NULL OR retires_at > $1 - head.revocation_kept_ms) ",
            "ON CONFLICT (status_index) DO NOTHING"
        )
    };
}

pub(super) async fn of_client_secret(tx: &mut Tx, id: ClientSecretId, now: Timestamp) -> Result<()> {
    insert(tx, revoke!("client_secret WHERE client_secret.id = $2"), id.to_string(), now).await
}

pub(super) async fn of_application(tx: &mut Tx, id: ApplicationId, now: Timestamp) -> Result<()> {
    insert(tx, revoke!("client_secret WHERE client_secret.application_id = $2"), id.to_string(), now).await
}

pub(super) async fn of_api_key(tx: &mut Tx, id: ApiKeyId, now: Timestamp) -> Result<()> {
    insert(tx, revoke!("api_key WHERE api_key.id = $2 AND revoked_at IS NULL"), id.to_string(), now).await
}

pub(super) async fn of_secrets_of_organization(tx: &mut Tx, id: OrganizationId, now: Timestamp) -> Result<()> {
    insert(tx, revoke!("client_secret WHERE client_secret.organization_id = $2"), id.to_string(), now).await
}

pub(super) async fn of_api_keys_of_organization(tx: &mut Tx, id: OrganizationId, now: Timestamp) -> Result<()> {
    insert(tx, revoke!("api_key WHERE api_key.organization_id = $2 AND revoked_at IS NULL"), id.to_string(), now).await
}

async fn insert(tx: &mut Tx, sql: &'static str, owner: String, now: Timestamp) -> Result<()> {
    run!(tx, |connection| sqlx::query(sql).bind(now.millis()).bind(owner).execute(connection))
}

#[derive(FromRow)]
struct Row {
    rev: i64,
    status_index: Option<i64>,
    jti: Option<String>,
    kept_until: i64,
}

/// Everything revoked after `rev`, single tokens too, in the order of the chain; what nothing can carry any more is left out.
pub async fn after(tx: &mut Tx, rev: i64, now: Timestamp) -> Result<Vec<Revocation>> {
    let sql = "SELECT rev, status_index, CAST(NULL AS TEXT) AS jti, kept_until FROM revocation WHERE rev > $1 AND kept_until > $2 \
               UNION ALL \
               SELECT rev, CAST(NULL AS BIGINT) AS status_index, jti, expires_at + $3 AS kept_until FROM revoked_token \
               WHERE rev > $1 AND expires_at + $3 > $2 ORDER BY rev";
    let rows: Vec<Row> = on!(tx, |connection| sqlx::query_as(sql)
        .bind(rev)
        .bind(now.millis())
        .bind(i64::try_from(KEPT_AFTER_EXPIRY.as_millis()).unwrap_or(i64::MAX))
        .fetch_all(connection))?;
    rows.into_iter().map(TryInto::try_into).collect()
}

impl TryFrom<Row> for Revocation {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self> {
        let revoked = match (row.status_index, row.jti) {
            (Some(index), _) => Revoked::Credential(read_index(index)?),
            (None, Some(jti)) => Revoked::Token { jti, expires_at: Timestamp::from_millis(row.kept_until) - KEPT_AFTER_EXPIRY },
            (None, None) => return Err(StoreError::Unreadable(format!("the revocation at {}", row.rev))),
        };
        Ok(Self { rev: row.rev, revoked, kept_until: Timestamp::from_millis(row.kept_until) })
    }
}

/// A `status_index` as it is stored.
pub(super) fn read_index(column: i64) -> Result<StatusIndex> {
    u64::try_from(column).map(StatusIndex::new).map_err(|_negative| StoreError::Unreadable(format!("the status_index {column}")))
}

/// Remembers what is revoked from now on for at least this long. It never becomes less: a token of the longer lifetime may still live.
pub async fn keep_for(tx: &mut Tx, kept: Duration) -> Result<()> {
    let sql = "UPDATE head SET revocation_kept_ms = $1 WHERE id = 1 AND revocation_kept_ms < $1";
    let kept = i64::try_from(kept.as_millis()).unwrap_or(i64::MAX);
    run!(tx, |connection| sqlx::query(sql).bind(kept).execute(connection))
}

/// Forgets what no token can carry any more.
pub async fn purge(tx: &mut Tx, now: Timestamp) -> Result<bool> {
    let sql = "DELETE FROM revocation WHERE status_index IN (SELECT status_index FROM revocation WHERE kept_until <= $1 LIMIT 1000)";
    Ok(changed!(tx, |connection| sqlx::query(sql).bind(now.millis()).execute(connection))? > 0)
}
