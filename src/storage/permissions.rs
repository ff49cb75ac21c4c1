//! The permission catalogue.
use sqlx::FromRow;

use super::page::keyset;
use super::{Result, StoreError, Tx, on, run, stored};
use crate::domain::id::PermissionId;
use crate::domain::page::{Page, PageRequest};
use crate::domain::permission::{HolderKind, Permission, Slug};
use crate::domain::text::Name;
use crate::domain::timestamp::Timestamp;

#[derive(FromRow)]
struct Row {
    id: String,
    slug: String,
    name: String,
    description: Option<String>,
    resource_server: Option<String>,
    grantable_to: String,
    created_at: i64,
    updated_at: i64,
    version: i64,
}

impl TryFrom<Row> for Permission {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self> {
        Ok(Self {
            id: stored("permission.id", &row.id)?,
            slug: Slug::stored(row.slug),
            name: Name::stored(row.name),
            description: row.description,
            system: false,
            resource_type_slug: "organization".into(),
            resource_server: row.resource_server,
            grantable_to: HolderKind::parse_all(row.grantable_to.split(' '))
                .map_err(|_kind| StoreError::Unreadable(format!("permission {} grantable_to", row.id)))?,
            created_at: Timestamp::from_millis(row.created_at),
            updated_at: Timestamp::from_millis(row.updated_at),
            version: row.version,
        })
    }
}

pub async fn find(tx: &mut Tx, slug: &str) -> Result<Option<Permission>> {
    let sql = "SELECT * FROM permission WHERE slug = $1";
    let row: Option<Row> = on!(tx, |connection| sqlx::query_as(sql).bind(slug).fetch_optional(connection))?;
    row.map(TryInto::try_into).transpose()
}

pub async fn list(tx: &mut Tx, request: &PageRequest) -> Result<Page<Permission>> {
    let keyset = keyset("SELECT * FROM permission WHERE 1 = 1", None, "id", 0, request);
    let rows: Vec<Row> = on!(tx, |connection| sqlx::query_as(keyset.sql).bind(keyset.cursor).bind(keyset.limit).fetch_all(connection))?;
    let permissions = rows.into_iter().map(TryInto::try_into).collect::<Result<Vec<Permission>>>()?;
    Ok(Page::of(permissions, request, |permission| permission.id.to_string()))
}

pub async fn all(tx: &mut Tx) -> Result<Vec<Permission>> {
    let rows: Vec<Row> = on!(tx, |connection| sqlx::query_as("SELECT * FROM permission ORDER BY slug").fetch_all(connection))?;
    rows.into_iter().map(TryInto::try_into).collect()
}

/// Whether the id names one, for a list's cursor.
pub async fn exists(tx: &mut Tx, id: &str) -> Result<bool> {
    let sql = "SELECT COUNT(*) FROM permission WHERE id = $1";
    let count: i64 = on!(tx, |connection| sqlx::query_scalar(sql).bind(id).fetch_one(connection))?;
    Ok(count > 0)
}

/// Whether any permission is for this resource server alone.
pub async fn any_for_resource_server(tx: &mut Tx, identifier: &str) -> Result<bool> {
    let sql = "SELECT COUNT(*) FROM permission WHERE resource_server = $1";
    let count: i64 = on!(tx, |connection| sqlx::query_scalar(sql).bind(identifier).fetch_one(connection))?;
    Ok(count > 0)
}

pub async fn insert(tx: &mut Tx, permission: &Permission) -> Result<()> {
    let sql = "INSERT INTO permission (id, slug, name, description, resource_server, grantable_to, created_at, updated_at, version) \
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)";
    run!(tx, |connection| sqlx::query(sql)
        .bind(permission.id.to_string())
        .bind(permission.slug.as_str())
        .bind(permission.name.as_str())
        .bind(&permission.description)
        .bind(&permission.resource_server)
        .bind(kinds(permission))
        .bind(permission.created_at.millis())
        .bind(permission.updated_at.millis())
        .bind(permission.version)
        .execute(connection))
}

pub async fn update(tx: &mut Tx, permission: &Permission) -> Result<()> {
    let sql = "UPDATE permission SET name = $2, description = $3, grantable_to = $4, updated_at = $5, version = $6 WHERE id = $1";
    run!(tx, |connection| sqlx::query(sql)
        .bind(permission.id.to_string())
        .bind(permission.name.as_str())
        .bind(&permission.description)
        .bind(kinds(permission))
        .bind(permission.updated_at.millis())
        .bind(permission.version)
        .execute(connection))
}

pub async fn delete(tx: &mut Tx, id: PermissionId) -> Result<()> {
    run!(tx, |connection| sqlx::query("DELETE FROM permission WHERE id = $1").bind(id.to_string()).execute(connection))
}

fn kinds(permission: &Permission) -> String {
    permission.grantable_to.iter().map(|kind| kind.name()).collect::<Vec<_>>().join(" ")
}
