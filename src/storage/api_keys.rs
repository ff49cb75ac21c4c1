//! API keys: what is kept of them, and their digests.
use chancery_verifier::{Scope, StatusIndex};
use sqlx::FromRow;

use super::client_secrets::{read_digest, write_digest};
use super::installation::take_status_indexes;
use super::page::{Sortable, keyset_sorted};
use super::{Result, StoreError, Tx, escape_like, life, on, revocations, run, stored, with_part};
use crate::domain::api_key::{ApiKey, ApiKeyFilter, ApiKeyStatus, Owner, OwnerFilter, StatusFilter};
use crate::domain::credential::SecretDigest;
use crate::domain::id::{ApiKeyId, OrganizationId, UserId};
use crate::domain::management_key::Reach;
use crate::domain::page::{Page, PageRequest, SortKey};
use crate::domain::text::Name;
use crate::domain::timestamp::Timestamp;
use crate::domain::usage::Usage;

/// A key as the directory needs it.
pub struct StoredApiKey {
    pub key: ApiKey,
    pub digest: SecretDigest,
    pub generation: i64,
    pub status_index: StatusIndex,
}

const SORTABLE: Sortable = Sortable { table: "api_key", by: &[SortKey::Name, SortKey::LastUsed] };

#[derive(FromRow)]
struct Row {
    id: String,
    organization_id: String,
    user_id: Option<String>,
    name: String,
    description: Option<String>,
    digest: String,
    obfuscated_value: String,
    permissions: String,
    generation: i64,
    status_index: i64,
    expires_at: Option<i64>,
    successor_id: Option<String>,
    overlap_ms: Option<i64>,
    retires_at: Option<i64>,
    revoked_at: Option<i64>,
    activated_at: Option<i64>,
    last_used_at: Option<i64>,
    last_used_ip: Option<String>,
    created_by: String,
    created_at: i64,
    updated_at: i64,
    version: i64,
    principal_id: String,
    uses_24h: i64,
    uses_7d: i64,
    uses_30d: i64,
}

impl Row {
    fn read(self, now: Timestamp) -> Result<StoredApiKey> {
        let unreadable = |column: &str| StoreError::Unreadable(format!("api_key {} {column}", self.id));
        let organization_id: OrganizationId = stored("api_key.organization_id", &self.organization_id)?;
        let owner = match &self.user_id {
            None => Owner::Organization { id: organization_id },
            Some(user) => Owner::User { id: stored("api_key.user_id", user)?, organization_id },
        };
        let life = life::read(self.expires_at, self.successor_id.as_deref(), self.overlap_ms, self.retires_at)?;
        let permissions = Scope::parse(&self.permissions).map_err(|_scope| unreadable("permissions"))?;
        let digest = read_digest(&self.digest).ok_or_else(|| unreadable("digest"))?;
        let mut key = ApiKey {
            id: stored("api_key.id", &self.id)?,
            owner,
            name: Name::stored(self.name),
            description: self.description,
            obfuscated_value: self.obfuscated_value,
            permissions,
            status: ApiKeyStatus::Active,
            principal: owner.principal(stored("organization.principal_id", &self.principal_id)?),
            expires_at: None,
            revoked_at: self.revoked_at.map(Timestamp::from_millis),
            activated_at: self.activated_at.map(Timestamp::from_millis),
            last_used_at: self.last_used_at.map(Timestamp::from_millis),
            last_used_ip: self.last_used_ip,
            usage: Some(Usage { last_24h: self.uses_24h, last_7d: self.uses_7d, last_30d: self.uses_30d }),
            created_by: self.created_by,
            created_at: Timestamp::from_millis(self.created_at),
            updated_at: Timestamp::from_millis(self.updated_at),
            life,
            version: self.version,
        };
        key.refresh(now);
        Ok(StoredApiKey { key, digest, generation: self.generation, status_index: revocations::read_index(self.status_index)? })
    }
}

/// The key with its counts and its organization's principal, `$1` the running hour; what follows is the condition.
macro_rules! select {
    ($condition:literal) => {
        concat!(
            "SELECT api_key.*, organization.principal_id, ",
            "(SELECT CAST(COALESCE(SUM(uses), 0) AS BIGINT) FROM api_key_usage_hour WHERE api_key_id = api_key.id AND hour > $1 - 24) AS uses_24h, ",
            "(SELECT CAST(COALESCE(SUM(uses), 0) AS BIGINT) FROM api_key_usage_hour WHERE api_key_id = api_key.id AND hour > $1 - 168) AS uses_7d, ",
            "(SELECT CAST(COALESCE(SUM(uses), 0) AS BIGINT) FROM api_key_usage_hour WHERE api_key_id = api_key.id AND hour > $1 - 720) AS uses_30d ",
            "FROM api_key JOIN organization ON organization.id = api_key.organization_id WHERE ",
            $condition
        )
    };
}

/// The same without the counts, for memory, which does not hold them.
macro_rules! select_uncounted {
    ($condition:literal) => {
        concat!(
            "SELECT api_key.*, organization.principal_id, CAST(0 AS BIGINT) AS uses_24h, CAST(0 AS BIGINT) AS uses_7d, CAST(0 AS BIGINT) AS uses_30d ",
            "FROM api_key JOIN organization ON organization.id = api_key.organization_id WHERE ",
            $condition
        )
    };
}

/// Whether there is any.
pub async fn any(tx: &mut Tx) -> Result<bool> {
    let sql = "SELECT id FROM api_key LIMIT 1";
    let id: Option<String> = on!(tx, |connection| sqlx::query_scalar(sql).fetch_optional(connection))?;
    Ok(id.is_some())
}

pub async fn find(tx: &mut Tx, reach: Reach, id: &str, now: Timestamp) -> Result<Option<StoredApiKey>> {
    let sql = select!("api_key.id = $2 AND (CAST($3 AS TEXT) IS NULL OR api_key.organization_id = $3)");
    let own = reach.organization().map(|id| id.to_string());
    let row: Option<Row> = on!(tx, |connection| sqlx::query_as(sql).bind(now.hour()).bind(id).bind(own).fetch_optional(connection))?;
    row.map(|row| row.read(now)).transpose()
}

pub async fn list(tx: &mut Tx, reach: Reach, filter: &ApiKeyFilter, request: &PageRequest, now: Timestamp) -> Result<Page<ApiKey>> {
    // What ends it is the earlier of its own expiry and its overlap's end.
    let select = select!(
        "(CAST($2 AS TEXT) IS NULL OR api_key.organization_id = $2) AND (CAST($3 AS TEXT) IS NULL OR api_key.organization_id = $3) \
         AND (CAST($4 AS TEXT) IS NULL OR api_key.user_id = $4) \
         AND CASE $5 WHEN 'organization' THEN api_key.user_id IS NULL WHEN 'user' THEN api_key.user_id IS NOT NULL ELSE 1 = 1 END \
         AND CASE $6 WHEN 'all' THEN 1 = 1 WHEN 'revoked' THEN revoked_at IS NOT NULL \
         WHEN 'ended' THEN revoked_at IS NOT NULL OR COALESCE(expires_at, $7 + 1) <= $7 OR COALESCE(retires_at, $7 + 1) <= $7 WHEN 'not_revoked' THEN revoked_at IS NULL \
         WHEN 'active' THEN revoked_at IS NULL AND COALESCE(expires_at, $7 + 1) > $7 AND COALESCE(retires_at, $7 + 1) > $7 \
         ELSE revoked_at IS NULL AND (COALESCE(expires_at, $7 + 1) <= $7 OR COALESCE(retires_at, $7 + 1) <= $7) END \
         AND (CAST($8 AS TEXT) IS NULL OR LOWER(api_key.name) LIKE $8 ESCAPE '!')"
    );
    let within = match filter.user_id {
        Some(_) => "api_key.user_id = $4",
        None => "api_key.organization_id = $3",
    };
    let keyset = keyset_sorted(select, Some(within), &SORTABLE, 8, request);
    let status = match filter.status {
        StatusFilter::All => "all",
        StatusFilter::NotRevoked => "not_revoked",
        StatusFilter::Ended => "ended",
        StatusFilter::Only(ApiKeyStatus::Active) => "active",
        StatusFilter::Only(ApiKeyStatus::Expired) => "expired",
        StatusFilter::Only(ApiKeyStatus::Revoked) => "revoked",
    };
    let rows: Vec<Row> = on!(tx, |connection| sqlx::query_as(keyset.sql)
        .bind(now.hour())
        .bind(reach.organization().map(|id| id.to_string()))
        .bind(&filter.organization_id)
        .bind(filter.user_id.map(|id| id.to_string()))
        .bind(filter.owner.name())
        .bind(status)
        .bind(now.millis())
        .bind(filter.search.as_deref().map(with_part))
        .bind(keyset.cursor)
        .bind(keyset.limit)
        .fetch_all(connection))?;
    let keys = rows.into_iter().map(|row| row.read(now).map(|stored| stored.key)).collect::<Result<Vec<_>>>()?;
    Ok(Page::of(keys, request, |key| key.id.to_string()))
}

pub async fn all(tx: &mut Tx, now: Timestamp) -> Result<Vec<StoredApiKey>> {
    let rows: Vec<Row> = on!(tx, |connection| sqlx::query_as(select_uncounted!("$1 = $1")).bind(now.hour()).fetch_all(connection))?;
    rows.into_iter().map(|row| row.read(now)).collect()
}

pub async fn of_organization(tx: &mut Tx, organization: OrganizationId, now: Timestamp) -> Result<Vec<StoredApiKey>> {
    let sql = select_uncounted!("api_key.organization_id = $2");
    let rows: Vec<Row> = on!(tx, |connection| sqlx::query_as(sql).bind(now.hour()).bind(organization.to_string()).fetch_all(connection))?;
    rows.into_iter().map(|row| row.read(now)).collect()
}

/// The personal keys of a user there that are not revoked.
pub async fn unrevoked_of_user(tx: &mut Tx, organization: OrganizationId, user: UserId, now: Timestamp) -> Result<Vec<StoredApiKey>> {
    let sql = select!("api_key.organization_id = $2 AND api_key.user_id = $3 AND revoked_at IS NULL");
    let rows: Vec<Row> = on!(tx, |connection| sqlx::query_as(sql)
        .bind(now.hour())
        .bind(organization.to_string())
        .bind(user.to_string())
        .fetch_all(connection))?;
    rows.into_iter().map(|row| row.read(now)).collect()
}

/// The keys that retire in favour of this one.
pub async fn retiring_for(tx: &mut Tx, organization: OrganizationId, successor: ApiKeyId, now: Timestamp) -> Result<Vec<StoredApiKey>> {
    let sql = select!("api_key.organization_id = $2 AND successor_id = $3 AND revoked_at IS NULL");
    let rows: Vec<Row> = on!(tx, |connection| sqlx::query_as(sql)
        .bind(now.hour())
        .bind(organization.to_string())
        .bind(successor.to_string())
        .fetch_all(connection))?;
    rows.into_iter().map(|row| row.read(now)).collect()
}

/// Whether any key that is not revoked, of one of these owners, holds this permission.
pub async fn any_holds(tx: &mut Tx, slug: &str, owner: OwnerFilter) -> Result<bool> {
    let escaped = escape_like(slug);
    let sql = "SELECT COUNT(*) FROM api_key WHERE revoked_at IS NULL AND ' ' || permissions || ' ' LIKE $1 ESCAPE '!' \
               AND CASE $2 WHEN 'organization' THEN user_id IS NULL WHEN 'user' THEN user_id IS NOT NULL ELSE 1 = 1 END";
    let count: i64 = on!(tx, |connection| sqlx::query_scalar(sql).bind(format!("% {escaped} %")).bind(owner.name()).fetch_one(connection))?;
    Ok(count > 0)
}

/// Stores a new key as generation 1, under a number of its own.
pub async fn insert(tx: &mut Tx, key: &ApiKey, digest: &SecretDigest) -> Result<()> {
    let status_index = take_status_indexes(tx, 1).await?;
    let sql = "INSERT INTO api_key (id, organization_id, user_id, name, description, digest, obfuscated_value, permissions, generation, \
               status_index, expires_at, created_by, created_at, updated_at, version) \
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 1, $9, $10, $11, $12, $12, $13)";
    run!(tx, |connection| sqlx::query(sql)
        .bind(key.id.to_string())
        .bind(key.owner.organization_id().to_string())
        .bind(key.owner.user_id().map(|id| id.to_string()))
        .bind(key.name.as_str())
        .bind(&key.description)
        .bind(write_digest(digest))
        .bind(&key.obfuscated_value)
        .bind(key.permissions.to_string())
        .bind(status_index)
        .bind(key.life.expires_at.map(Timestamp::millis))
        .bind(&key.created_by)
        .bind(key.created_at.millis())
        .bind(key.version)
        .execute(connection))
}

/// Writes what may change of a key; the tokens of one that is revoked now are dead.
pub async fn update(tx: &mut Tx, key: &ApiKey) -> Result<()> {
    if let Some(revoked_at) = key.revoked_at {
        revocations::of_api_key(tx, key.id, revoked_at).await?;
    }
    let sql = "UPDATE api_key SET name = $3, description = $4, expires_at = $5, successor_id = $6, overlap_ms = $7, retires_at = $8, \
               revoked_at = $9, activated_at = $10, updated_at = $11, version = $12 WHERE id = $1 AND organization_id = $2";
    let (successor, overlap, retires_at) = life::write(&key.life);
    run!(tx, |connection| sqlx::query(sql)
        .bind(key.id.to_string())
        .bind(key.owner.organization_id().to_string())
        .bind(key.name.as_str())
        .bind(&key.description)
        .bind(key.life.expires_at.map(Timestamp::millis))
        .bind(successor)
        .bind(overlap)
        .bind(retires_at)
        .bind(key.revoked_at.map(Timestamp::millis))
        .bind(key.activated_at.map(Timestamp::millis))
        .bind(key.updated_at.millis())
        .bind(key.version)
        .execute(connection))
}

/// Begins a new generation of a key: the tokens of the one before are dead.
pub async fn raise_generation(tx: &mut Tx, id: ApiKeyId, now: Timestamp) -> Result<()> {
    revocations::of_api_key(tx, id, now).await?;
    let index = take_status_indexes(tx, 1).await?;
    let sql = "UPDATE api_key SET generation = generation + 1, status_index = $2 WHERE id = $1";
    run!(tx, |connection| sqlx::query(sql).bind(id.to_string()).bind(index).execute(connection))
}

/// Begins a new generation of every key of an organization: the tokens of the one before are dead.
pub async fn raise_generations_of_organization(tx: &mut Tx, organization: OrganizationId, now: Timestamp) -> Result<()> {
    revocations::of_api_keys_of_organization(tx, organization, now).await?;
    let count = "SELECT COUNT(*) FROM api_key WHERE organization_id = $1";
    let count: i64 = on!(tx, |connection| sqlx::query_scalar(count).bind(organization.to_string()).fetch_one(connection))?;
    let first = take_status_indexes(tx, count).await?;
    let raise = "UPDATE api_key SET generation = generation + 1, status_index = numbered.status_index \
                 FROM (SELECT id AS key_id, $2 + ROW_NUMBER() OVER (ORDER BY id) - 1 AS status_index FROM api_key \
                 WHERE organization_id = $1) AS numbered WHERE api_key.id = numbered.key_id";
    run!(tx, |connection| sqlx::query(raise).bind(organization.to_string()).bind(first).execute(connection))
}

/// Uses of one hour.
#[derive(FromRow)]
pub struct HourOfUse {
    pub hour: i64,
    pub uses: i64,
}

/// The hours with uses after `hour`, in order.
pub async fn hours_of_use(tx: &mut Tx, id: ApiKeyId, after_hour: i64) -> Result<Vec<HourOfUse>> {
    let sql = "SELECT hour, uses FROM api_key_usage_hour WHERE api_key_id = $1 AND hour > $2 ORDER BY hour";
    on!(tx, |connection| sqlx::query_as(sql).bind(id.to_string()).bind(after_hour).fetch_all(connection))
}
