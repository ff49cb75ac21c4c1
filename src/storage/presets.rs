//! Presets of permissions.
use chancery_verifier::Scope;
use sqlx::FromRow;

use super::page::keyset;
use super::{Result, StoreError, Tx, escape_like, on, run, stored};
use crate::domain::id::PresetId;
use crate::domain::page::{Page, PageRequest};
use crate::domain::permission::{Preset, Slug};
use crate::domain::text::Name;
use crate::domain::timestamp::Timestamp;

#[derive(FromRow)]
struct Row {
    id: String,
    slug: String,
    name: String,
    description: Option<String>,
    permissions: String,
    created_at: i64,
    updated_at: i64,
    version: i64,
}

impl TryFrom<Row> for Preset {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self> {
        let permissions =
            Scope::parse(&row.permissions).map_err(|_scope| StoreError::Unreadable(format!("permission_preset {}", row.id)))?;
        Ok(Self {
            id: stored("permission_preset.id", &row.id)?,
            slug: Slug::stored(row.slug),
            name: Name::stored(row.name),
            description: row.description,
            permissions,
            created_at: Timestamp::from_millis(row.created_at),
            updated_at: Timestamp::from_millis(row.updated_at),
            version: row.version,
        })
    }
}

pub async fn find(tx: &mut Tx, slug: &str) -> Result<Option<Preset>> {
    let sql = "SELECT * FROM permission_preset WHERE slug = $1";
    let row: Option<Row> = on!(tx, |connection| sqlx::query_as(sql).bind(slug).fetch_optional(connection))?;
    row.map(TryInto::try_into).transpose()
}

pub async fn list(tx: &mut Tx, request: &PageRequest) -> Result<Page<Preset>> {
    let keyset = keyset("SELECT * FROM permission_preset WHERE 1 = 1", None, "id", 0, request);
    let rows: Vec<Row> = on!(tx, |connection| sqlx::query_as(keyset.sql).bind(keyset.cursor).bind(keyset.limit).fetch_all(connection))?;
    let presets = rows.into_iter().map(TryInto::try_into).collect::<Result<Vec<Preset>>>()?;
    Ok(Page::of(presets, request, |preset| preset.id.to_string()))
}

pub async fn all(tx: &mut Tx) -> Result<Vec<Preset>> {
    let rows: Vec<Row> = on!(tx, |connection| sqlx::query_as("SELECT * FROM permission_preset ORDER BY slug").fetch_all(connection))?;
    rows.into_iter().map(TryInto::try_into).collect()
}

/// Whether the id names one, for a list's cursor.
pub async fn exists(tx: &mut Tx, id: &str) -> Result<bool> {
    let sql = "SELECT COUNT(*) FROM permission_preset WHERE id = $1";
    let count: i64 = on!(tx, |connection| sqlx::query_scalar(sql).bind(id).fetch_one(connection))?;
    Ok(count > 0)
}

/// Whether any preset holds this permission.
pub async fn any_holds(tx: &mut Tx, slug: &str) -> Result<bool> {
    let escaped = escape_like(slug);
    let sql = "SELECT COUNT(*) FROM permission_preset WHERE ' ' || permissions || ' ' LIKE $1 ESCAPE '!'";
    let count: i64 = on!(tx, |connection| sqlx::query_scalar(sql).bind(format!("% {escaped} %")).fetch_one(connection))?;
    Ok(count > 0)
}

pub async fn insert(tx: &mut Tx, preset: &Preset) -> Result<()> {
    let sql = "INSERT INTO permission_preset (id, slug, name, description, permissions, created_at, updated_at, version) \
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
    write(tx, sql, preset).await
}

pub async fn update(tx: &mut Tx, preset: &Preset) -> Result<()> {
    let sql = "UPDATE permission_preset SET slug = $2, name = $3, description = $4, permissions = $5, created_at = $6, updated_at = $7, \
               version = $8 WHERE id = $1";
    write(tx, sql, preset).await
}

async fn write(tx: &mut Tx, sql: &'static str, preset: &Preset) -> Result<()> {
    run!(tx, |connection| sqlx::query(sql)
        .bind(preset.id.to_string())
        .bind(preset.slug.as_str())
        .bind(preset.name.as_str())
        .bind(&preset.description)
        .bind(preset.permissions.to_string())
        .bind(preset.created_at.millis())
        .bind(preset.updated_at.millis())
        .bind(preset.version)
        .execute(connection))
}

pub async fn delete(tx: &mut Tx, id: PresetId) -> Result<()> {
    run!(tx, |connection| sqlx::query("DELETE FROM permission_preset WHERE id = $1").bind(id.to_string()).execute(connection))
}
