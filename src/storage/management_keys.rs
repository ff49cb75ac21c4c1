//! Management keys.
use sqlx::FromRow;

use super::client_secrets::{read_digest, write_digest};
use super::page::keyset;
use super::{Result, StoreError, Tx, on, run, stored};
use crate::domain::credential::SecretDigest;
use crate::domain::id::{ManagementKeyId, OrganizationId};
use crate::domain::management_key::{Grants, Identity, ManagementKey, Reach};
use crate::domain::page::{Page, PageRequest};
use crate::domain::text::Name;
use crate::domain::timestamp::Timestamp;

/// A management key as the directory needs it.
pub struct StoredManagementKey {
    pub key: ManagementKey,
    pub digest: SecretDigest,
}

#[derive(FromRow)]
struct Row {
    id: String,
    name: String,
    digest: String,
    key_hint: String,
    permissions: String,
    signs_in_as: Option<String>,
    organization_id: Option<String>,
    last_used_at: Option<i64>,
    created_by: String,
    created_at: i64,
    updated_at: i64,
}

impl TryFrom<Row> for StoredManagementKey {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self> {
        let key = ManagementKey {
            id: stored("management_key.id", &row.id)?,
            name: Name::stored(row.name),
            permissions: Grants::stored(&row.permissions),
            organization_id: row.organization_id.map(|id| stored("management_key.organization_id", &id)).transpose()?,
            key_hint: row.key_hint,
            signs_in_as: row.signs_in_as.map(Identity::stored),
            last_used_at: row.last_used_at.map(Timestamp::from_millis),
            created_by: row.created_by,
            created_at: Timestamp::from_millis(row.created_at),
            updated_at: Timestamp::from_millis(row.updated_at),
        };
        let digest = read_digest(&row.digest).ok_or_else(|| StoreError::Unreadable(format!("management_key {} digest", row.id)))?;
        Ok(Self { key, digest })
    }
}

pub async fn find(tx: &mut Tx, reach: Reach, id: &str) -> Result<Option<StoredManagementKey>> {
    let sql = "SELECT * FROM management_key WHERE id = $1 AND (CAST($2 AS TEXT) IS NULL OR organization_id = $2)";
    let own = reach.organization().map(|id| id.to_string());
    let row: Option<Row> = on!(tx, |connection| sqlx::query_as(sql).bind(id).bind(own).fetch_optional(connection))?;
    row.map(TryInto::try_into).transpose()
}

/// The one that this person signs in as.
pub async fn find_by_identity(tx: &mut Tx, identity: &Identity) -> Result<Option<ManagementKey>> {
    let sql = "SELECT * FROM management_key WHERE signs_in_as = $1";
    let row: Option<Row> = on!(tx, |connection| sqlx::query_as(sql).bind(identity.as_str()).fetch_optional(connection))?;
    row.map(|row| StoredManagementKey::try_from(row).map(|stored| stored.key)).transpose()
}

pub async fn list(tx: &mut Tx, reach: Reach, request: &PageRequest) -> Result<Page<ManagementKey>> {
    let select = "SELECT * FROM management_key WHERE (CAST($1 AS TEXT) IS NULL OR organization_id = $1)";
    let keyset = keyset(select, None, "id", 1, request);
    let own = reach.organization().map(|id| id.to_string());
    let rows: Vec<Row> =
        on!(tx, |connection| sqlx::query_as(keyset.sql).bind(own).bind(keyset.cursor).bind(keyset.limit).fetch_all(connection))?;
    let keys =
        rows.into_iter().map(StoredManagementKey::try_from).map(|stored| stored.map(|stored| stored.key)).collect::<Result<Vec<_>>>()?;
    Ok(Page::of(keys, request, |key| key.id.to_string()))
}

pub async fn of_organization(tx: &mut Tx, organization: OrganizationId) -> Result<Vec<ManagementKey>> {
    let sql = "SELECT * FROM management_key WHERE organization_id = $1";
    let rows: Vec<Row> = on!(tx, |connection| sqlx::query_as(sql).bind(organization.to_string()).fetch_all(connection))?;
    rows.into_iter().map(|row| StoredManagementKey::try_from(row).map(|stored| stored.key)).collect()
}

pub async fn all(tx: &mut Tx) -> Result<Vec<StoredManagementKey>> {
    let rows: Vec<Row> = on!(tx, |connection| sqlx::query_as("SELECT * FROM management_key").fetch_all(connection))?;
    rows.into_iter().map(TryInto::try_into).collect()
}

pub async fn insert(tx: &mut Tx, key: &ManagementKey, digest: &SecretDigest) -> Result<()> {
    let sql = "INSERT INTO management_key \
               (id, name, digest, key_hint, permissions, organization_id, created_by, created_at, updated_at, signs_in_as) \
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)";
    run!(tx, |connection| sqlx::query(sql)
        .bind(key.id.to_string())
        .bind(key.name.as_str())
        .bind(write_digest(digest))
        .bind(&key.key_hint)
        .bind(key.permissions.to_string())
        .bind(key.organization_id.map(|id| id.to_string()))
        .bind(&key.created_by)
        .bind(key.created_at.millis())
        .bind(key.updated_at.millis())
        .bind(key.signs_in_as.as_ref().map(Identity::as_str))
        .execute(connection))
}

pub async fn delete(tx: &mut Tx, id: ManagementKeyId) -> Result<()> {
    run!(tx, |connection| sqlx::query("DELETE FROM management_key WHERE id = $1").bind(id.to_string()).execute(connection))
}
