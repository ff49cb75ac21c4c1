//! Resource servers.
use chancery_verifier::{Algorithm, TokenType};
use sqlx::FromRow;

use super::page::keyset;
use super::{Result, StoreError, Tx, on, run, stored};
use crate::domain::id::ResourceServerId;
use crate::domain::page::{Page, PageRequest};
use crate::domain::resource_server::{ResourceServer, Signing};
use crate::domain::text::Name;
use crate::domain::timestamp::Timestamp;

#[derive(FromRow)]
struct Row {
    id: String,
    identifier: String,
    name: String,
    signing_alg: String,
    signing_alg_before: Option<String>,
    activates_at: Option<i64>,
    token_typ: String,
    access_token_ttl: Option<i64>,
    claims: String,
    is_default: i64,
    status_enforcing: i64,
    created_at: i64,
    updated_at: i64,
    version: i64,
}

impl TryFrom<Row> for ResourceServer {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self> {
        let unreadable = |column: &str| StoreError::Unreadable(format!("resource_server {} {column}", row.id));
        Ok(Self {
            id: stored("resource_server.id", &row.id)?,
            identifier: row.identifier,
            name: Name::stored(row.name),
            signing: Signing {
                signing_alg: Algorithm::from_name(&row.signing_alg).ok_or_else(|| unreadable("signing_alg"))?,
                activates_at: row.activates_at.map(Timestamp::from_millis),
                before: row.signing_alg_before.as_deref().and_then(Algorithm::from_name),
            },
            token_typ: if row.token_typ == TokenType::Jwt.name() { TokenType::Jwt } else { TokenType::AccessToken },
            access_token_ttl: row.access_token_ttl.and_then(|seconds| u32::try_from(seconds).ok()),
            claims: serde_json::from_str(&row.claims).map_err(|_json| unreadable("claims"))?,
            default: row.is_default == 1,
            status_enforcing: row.status_enforcing == 1,
            created_at: Timestamp::from_millis(row.created_at),
            updated_at: Timestamp::from_millis(row.updated_at),
            version: row.version,
        })
    }
}

/// By id or by identifier.
pub async fn find(tx: &mut Tx, id: &str) -> Result<Option<ResourceServer>> {
    let sql = "SELECT * FROM resource_server WHERE id = $1 OR identifier = $1";
    let row: Option<Row> = on!(tx, |connection| sqlx::query_as(sql).bind(id).fetch_optional(connection))?;
    row.map(TryInto::try_into).transpose()
}

pub async fn list(tx: &mut Tx, request: &PageRequest) -> Result<Page<ResourceServer>> {
    let keyset = keyset("SELECT * FROM resource_server WHERE 1 = 1", None, "id", 0, request);
    let rows: Vec<Row> = on!(tx, |connection| sqlx::query_as(keyset.sql).bind(keyset.cursor).bind(keyset.limit).fetch_all(connection))?;
    let servers = rows.into_iter().map(TryInto::try_into).collect::<Result<Vec<ResourceServer>>>()?;
    Ok(Page::of(servers, request, |server| server.id.to_string()))
}

pub async fn all(tx: &mut Tx) -> Result<Vec<ResourceServer>> {
    let rows: Vec<Row> = on!(tx, |connection| sqlx::query_as("SELECT * FROM resource_server ORDER BY id").fetch_all(connection))?;
    rows.into_iter().map(TryInto::try_into).collect()
}

pub async fn insert(tx: &mut Tx, server: &ResourceServer) -> Result<()> {
    let sql = "INSERT INTO resource_server (id, identifier, name, signing_alg, signing_alg_before, activates_at, token_typ, access_token_ttl, \
               claims, is_default, status_enforcing, created_at, updated_at, version) \
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)";
    run!(tx, |connection| sqlx::query(sql)
        .bind(server.id.to_string())
        .bind(&server.identifier)
        .bind(server.name.as_str())
        .bind(server.signing.signing_alg.name())
        .bind(server.signing.before.map(Algorithm::name))
        .bind(server.signing.activates_at.map(Timestamp::millis))
        .bind(server.token_typ.name())
        .bind(server.access_token_ttl.map(i64::from))
        .bind(serde_json::json!(server.claims).to_string())
        .bind(i64::from(server.default))
        .bind(i64::from(server.status_enforcing))
        .bind(server.created_at.millis())
        .bind(server.updated_at.millis())
        .bind(server.version)
        .execute(connection))
}

pub async fn update(tx: &mut Tx, server: &ResourceServer) -> Result<()> {
    let sql = "UPDATE resource_server SET name = $2, signing_alg = $3, signing_alg_before = $4, activates_at = $5, token_typ = $6, \
               access_token_ttl = $7, claims = $8, is_default = $9, status_enforcing = $10, updated_at = $11, version = $12 WHERE id = $1";
    run!(tx, |connection| sqlx::query(sql)
        .bind(server.id.to_string())
        .bind(server.name.as_str())
        .bind(server.signing.signing_alg.name())
        .bind(server.signing.before.map(Algorithm::name))
        .bind(server.signing.activates_at.map(Timestamp::millis))
        .bind(server.token_typ.name())
        .bind(server.access_token_ttl.map(i64::from))
        .bind(serde_json::json!(server.claims).to_string())
        .bind(i64::from(server.default))
        .bind(i64::from(server.status_enforcing))
        .bind(server.updated_at.millis())
        .bind(server.version)
        .execute(connection))
}

pub async fn delete(tx: &mut Tx, id: ResourceServerId) -> Result<()> {
    run!(tx, |connection| sqlx::query("DELETE FROM resource_server WHERE id = $1").bind(id.to_string()).execute(connection))
}
