//! Organizations.
use sqlx::FromRow;

use super::page::{Sortable, keyset_sorted};
use super::{Result, StoreError, Tx, on, revocations, run, stored, with_part};
use crate::domain::id::OrganizationId;
use crate::domain::management_key::Reach;
use crate::domain::organization::{Organization, OrganizationPrincipal, OrganizationStatus};
use crate::domain::page::{Page, PageRequest, SortKey};
use crate::domain::text::Name;
use crate::domain::timestamp::Timestamp;

const SORTABLE: Sortable = Sortable { table: "organization", by: &[SortKey::Name] };

#[derive(FromRow)]
struct Row {
    id: String,
    name: String,
    external_id: Option<String>,
    metadata: String,
    status: String,
    principal_id: String,
    created_at: i64,
    updated_at: i64,
    version: i64,
}

impl TryFrom<Row> for Organization {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self> {
        Ok(Self {
            id: stored("organization.id", &row.id)?,
            name: Name::stored(row.name),
            domains: [],
            metadata: serde_json::from_str(&row.metadata).map_err(|error| StoreError::Unreadable(error.to_string()))?,
            external_id: row.external_id,
            status: if row.status == OrganizationStatus::Active.name() {
                OrganizationStatus::Active
            } else {
                OrganizationStatus::Suspended
            },
            principal: OrganizationPrincipal { id: stored("organization.principal_id", &row.principal_id)? },
            created_at: Timestamp::from_millis(row.created_at),
            updated_at: Timestamp::from_millis(row.updated_at),
            version: row.version,
        })
    }
}

pub async fn find(tx: &mut Tx, reach: Reach, id: &str) -> Result<Option<Organization>> {
    let sql = "SELECT * FROM organization WHERE id = $1 AND (CAST($2 AS TEXT) IS NULL OR id = $2)";
    let own = reach.organization().map(|id| id.to_string());
    let row: Option<Row> = on!(tx, |connection| sqlx::query_as(sql).bind(id).bind(own).fetch_optional(connection))?;
    row.map(TryInto::try_into).transpose()
}

pub async fn find_by_external_id(tx: &mut Tx, reach: Reach, external_id: &str) -> Result<Option<Organization>> {
    let sql = "SELECT * FROM organization WHERE external_id = $1 AND (CAST($2 AS TEXT) IS NULL OR id = $2)";
    let own = reach.organization().map(|id| id.to_string());
    let row: Option<Row> = on!(tx, |connection| sqlx::query_as(sql).bind(external_id).bind(own).fetch_optional(connection))?;
    row.map(TryInto::try_into).transpose()
}

/// `search` is a part of the name, compared without ASCII case; `None` is all.
pub async fn list(tx: &mut Tx, reach: Reach, search: Option<&str>, request: &PageRequest) -> Result<Page<Organization>> {
    let select = "SELECT * FROM organization WHERE (CAST($1 AS TEXT) IS NULL OR id = $1) \
                  AND (CAST($2 AS TEXT) IS NULL OR LOWER(name) LIKE $2 ESCAPE '!')";
    let keyset = keyset_sorted(select, None, &SORTABLE, 2, request);
    let own = reach.organization().map(|id| id.to_string());
    let rows: Vec<Row> = on!(tx, |connection| sqlx::query_as(keyset.sql)
        .bind(own)
        .bind(search.map(with_part))
        .bind(keyset.cursor)
        .bind(keyset.limit)
        .fetch_all(connection))?;
    let organizations = rows.into_iter().map(TryInto::try_into).collect::<Result<Vec<Organization>>>()?;
    Ok(Page::of(organizations, request, |organization| organization.id.to_string()))
}

pub async fn all(tx: &mut Tx) -> Result<Vec<Organization>> {
    let rows: Vec<Row> = on!(tx, |connection| sqlx::query_as("SELECT * FROM organization").fetch_all(connection))?;
    rows.into_iter().map(TryInto::try_into).collect()
}

pub async fn insert(tx: &mut Tx, organization: &Organization) -> Result<()> {
    let sql = "INSERT INTO organization (id, name, external_id, metadata, status, principal_id, created_at, updated_at, version) \
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)";
    run!(tx, |connection| sqlx::query(sql)
        .bind(organization.id.to_string())
        .bind(organization.name.as_str())
        .bind(&organization.external_id)
        .bind(metadata(organization))
        .bind(organization.status.name())
        .bind(organization.principal.id.to_string())
        .bind(organization.created_at.millis())
        .bind(organization.updated_at.millis())
        .bind(organization.version)
        .execute(connection))
}

pub async fn update(tx: &mut Tx, organization: &Organization) -> Result<()> {
    let sql =
        "UPDATE organization SET name = $2, external_id = $3, metadata = $4, status = $5, updated_at = $6, version = $7 WHERE id = $1";
    run!(tx, |connection| sqlx::query(sql)
        .bind(organization.id.to_string())
        .bind(organization.name.as_str())
        .bind(&organization.external_id)
        .bind(metadata(organization))
        .bind(organization.status.name())
        .bind(organization.updated_at.millis())
        .bind(organization.version)
        .execute(connection))
}

/// Deletes an organization with all it has; the tokens of its credentials are dead.
pub async fn delete(tx: &mut Tx, id: OrganizationId, now: Timestamp) -> Result<()> {
    revocations::of_secrets_of_organization(tx, id, now).await?;
    revocations::of_api_keys_of_organization(tx, id, now).await?;
    run!(tx, |connection| sqlx::query("DELETE FROM organization WHERE id = $1").bind(id.to_string()).execute(connection))
}

fn metadata(organization: &Organization) -> String {
    serde_json::json!(organization.metadata).to_string()
}
