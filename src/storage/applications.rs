//! Applications.
use chancery_verifier::Scope;
use sqlx::FromRow;

use super::page::{Sortable, keyset_sorted};
use super::{Result, StoreError, Tx, escape_like, on, revocations, run, stored, with_part};
use crate::domain::application::{Application, ApplicationStatus, ApplicationType, ClientAuthenticationMethod};
use crate::domain::id::{ApplicationId, OrganizationId};
use crate::domain::management_key::Reach;
use crate::domain::page::{Page, PageRequest, SortKey};
use crate::domain::text::Name;
use crate::domain::timestamp::Timestamp;
use crate::domain::usage::Usage;

const SORTABLE: Sortable = Sortable { table: "application", by: &[SortKey::Name, SortKey::LastUsed] };

#[derive(FromRow)]
struct Row {
    id: String,
    client_id: String,
    organization_id: String,
    name: String,
    description: Option<String>,
    scope: String,
    status: String,
    access_token_ttl: Option<i64>,
    resources: Option<String>,
    auth_methods: String,
    last_used_at: Option<i64>,
    last_used_ip: Option<String>,
    created_by: String,
    created_at: i64,
    updated_at: i64,
    version: i64,
    uses_24h: i64,
    uses_7d: i64,
    uses_30d: i64,
}

impl TryFrom<Row> for Application {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self> {
        Ok(Self {
            id: stored("application.id", &row.id)?,
            client_id: stored("application.client_id", &row.client_id)?,
            organization_id: stored("application.organization_id", &row.organization_id)?,
            application_type: ApplicationType::M2m,
            name: Name::stored(row.name),
            description: row.description,
            scope: read_scope(&row.id, &row.scope)?,
            status: read_status(&row.status),
            access_token_ttl: row.access_token_ttl.and_then(|seconds| u32::try_from(seconds).ok()),
            resources: read_resources(&row.id, row.resources.as_deref())?,
            token_endpoint_auth_methods: read_methods(&row.id, &row.auth_methods)?,
            last_used_at: row.last_used_at.map(Timestamp::from_millis),
            last_used_ip: row.last_used_ip,
            usage: Usage { last_24h: row.uses_24h, last_7d: row.uses_7d, last_30d: row.uses_30d },
            created_by: row.created_by,
            created_at: Timestamp::from_millis(row.created_at),
            updated_at: Timestamp::from_millis(row.updated_at),
            version: row.version,
        })
    }
}

fn unreadable(id: &str, column: &str) -> StoreError {
    StoreError::Unreadable(format!("application {id} {column}"))
}

pub(super) fn read_scope(id: &str, text: &str) -> Result<Scope> {
    Scope::parse(text).map_err(|_scope| unreadable(id, "scope"))
}

pub(super) fn read_status(name: &str) -> ApplicationStatus {
    if name == ApplicationStatus::Active.name() { ApplicationStatus::Active } else { ApplicationStatus::Disabled }
}

pub(super) fn read_resources(id: &str, json: Option<&str>) -> Result<Option<Vec<String>>> {
    json.map(serde_json::from_str).transpose().map_err(|_json| unreadable(id, "resources"))
}

pub(super) fn read_methods(id: &str, names: &str) -> Result<Vec<ClientAuthenticationMethod>> {
    let methods = names.split(' ').map(ClientAuthenticationMethod::parse).collect::<std::result::Result<_, _>>();
    methods.map_err(|_method| unreadable(id, "auth_methods"))
}

/// The application with its counts, `$1` the running hour; what follows is the condition.
macro_rules! select {
    ($condition:literal) => {
        concat!(
            "SELECT application.*, ",
            "(SELECT CAST(COALESCE(SUM(uses), 0) AS BIGINT) FROM usage_hour WHERE application_id = application.id AND hour > $1 - 24) AS uses_24h, ",
            "(SELECT CAST(COALESCE(SUM(uses), 0) AS BIGINT) FROM usage_hour WHERE application_id = application.id AND hour > $1 - 168) AS uses_7d, ",
            "(SELECT CAST(COALESCE(SUM(uses), 0) AS BIGINT) FROM usage_hour WHERE application_id = application.id AND hour > $1 - 720) AS uses_30d ",
            "FROM application WHERE ",
            $condition
        )
    };
}

/// By id or by client_id.
pub async fn find(tx: &mut Tx, reach: Reach, id: &str, now: Timestamp) -> Result<Option<Application>> {
    let sql = select!("(id = $2 OR client_id = $2) AND (CAST($3 AS TEXT) IS NULL OR organization_id = $3)");
    let own = reach.organization().map(|id| id.to_string());
    let row: Option<Row> = on!(tx, |connection| sqlx::query_as(sql).bind(now.hour()).bind(id).bind(own).fetch_optional(connection))?;
    row.map(TryInto::try_into).transpose()
}

/// Of one organization, or of all that are in reach.
pub async fn list(
    tx: &mut Tx,
    reach: Reach,
    of: Option<&str>,
    search: Option<&str>,
    request: &PageRequest,
    now: Timestamp,
) -> Result<Page<Application>> {
    let sql = select!(
        "(CAST($2 AS TEXT) IS NULL OR organization_id = $2) AND (CAST($3 AS TEXT) IS NULL OR organization_id = $3) \
         AND (CAST($4 AS TEXT) IS NULL OR LOWER(application.name) LIKE $4 ESCAPE '!')"
    );
    let within = match (reach.organization(), of) {
        (Some(_), _) => Some("organization_id = $2"),
        (None, Some(_)) => Some("organization_id = $3"),
        (None, None) => None,
    };
    let keyset = keyset_sorted(sql, within, &SORTABLE, 4, request);
    let own = reach.organization().map(|id| id.to_string());
    let rows: Vec<Row> = on!(tx, |connection| sqlx::query_as(keyset.sql)
        .bind(now.hour())
        .bind(own)
        .bind(of)
        .bind(search.map(with_part))
        .bind(keyset.cursor)
        .bind(keyset.limit)
        .fetch_all(connection))?;
    let applications = rows.into_iter().map(TryInto::try_into).collect::<Result<Vec<Application>>>()?;
    Ok(Page::of(applications, request, |application| application.id.to_string()))
}

/// All that an organization has, without their counts: it goes, and they go with it.
pub async fn of_organization(tx: &mut Tx, organization: &str) -> Result<Vec<Application>> {
    let sql = "SELECT application.*, CAST(0 AS BIGINT) AS uses_24h, CAST(0 AS BIGINT) AS uses_7d, CAST(0 AS BIGINT) AS uses_30d \
               FROM application WHERE organization_id = $1";
    let rows: Vec<Row> = on!(tx, |connection| sqlx::query_as(sql).bind(organization).fetch_all(connection))?;
    rows.into_iter().map(TryInto::try_into).collect()
}

/// Whether any application lists this identifier among its resources.
pub async fn any_names_resource(tx: &mut Tx, identifier: &str) -> Result<bool> {
    let quoted = escape_like(&serde_json::json!(identifier).to_string());
    let sql = "SELECT COUNT(*) FROM application WHERE resources LIKE $1 ESCAPE '!'";
    let count: i64 = on!(tx, |connection| sqlx::query_scalar(sql).bind(format!("%{quoted}%")).fetch_one(connection))?;
    Ok(count > 0)
}

/// Whether any application holds this scope token.
pub async fn any_holds(tx: &mut Tx, slug: &str) -> Result<bool> {
    let escaped = escape_like(slug);
    let sql = "SELECT COUNT(*) FROM application WHERE ' ' || scope || ' ' LIKE $1 ESCAPE '!'";
    let count: i64 = on!(tx, |connection| sqlx::query_scalar(sql).bind(format!("% {escaped} %")).fetch_one(connection))?;
    Ok(count > 0)
}

pub async fn insert(tx: &mut Tx, application: &Application) -> Result<()> {
    let sql = "INSERT INTO application (id, client_id, organization_id, name, description, scope, status, access_token_ttl, resources, \
               auth_methods, created_by, created_at, updated_at, version) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)";
    run!(tx, |connection| sqlx::query(sql)
        .bind(application.id.to_string())
        .bind(application.client_id.to_string())
        .bind(application.organization_id.to_string())
        .bind(application.name.as_str())
        .bind(&application.description)
        .bind(application.scope.to_string())
        .bind(application.status.name())
        .bind(application.access_token_ttl.map(i64::from))
        .bind(resources(application))
        .bind(auth_methods(application))
        .bind(&application.created_by)
        .bind(application.created_at.millis())
        .bind(application.updated_at.millis())
        .bind(application.version)
        .execute(connection))
}

pub async fn update(tx: &mut Tx, application: &Application) -> Result<()> {
    let sql = "UPDATE application SET name = $2, description = $3, scope = $4, status = $5, access_token_ttl = $6, resources = $7, \
               auth_methods = $8, updated_at = $9, version = $10 WHERE id = $1 AND organization_id = $11";
    run!(tx, |connection| sqlx::query(sql)
        .bind(application.id.to_string())
        .bind(application.name.as_str())
        .bind(&application.description)
        .bind(application.scope.to_string())
        .bind(application.status.name())
        .bind(application.access_token_ttl.map(i64::from))
        .bind(resources(application))
        .bind(auth_methods(application))
        .bind(application.updated_at.millis())
        .bind(application.version)
        .bind(application.organization_id.to_string())
        .execute(connection))
}

/// Whether there is any.
pub async fn any(tx: &mut Tx) -> Result<bool> {
    let sql = "SELECT id FROM application LIMIT 1";
    let id: Option<String> = on!(tx, |connection| sqlx::query_scalar(sql).fetch_optional(connection))?;
    Ok(id.is_some())
}

/// Deletes an application with its secrets; their tokens are dead.
pub async fn delete(tx: &mut Tx, organization: OrganizationId, id: ApplicationId, now: Timestamp) -> Result<()> {
    revocations::of_application(tx, id, now).await?;
    let sql = "DELETE FROM application WHERE id = $1 AND organization_id = $2";
    run!(tx, |connection| sqlx::query(sql).bind(id.to_string()).bind(organization.to_string()).execute(connection))
}

fn resources(application: &Application) -> Option<String> {
    application.resources.as_ref().map(|resources| serde_json::json!(resources).to_string())
}

fn auth_methods(application: &Application) -> String {
    application.token_endpoint_auth_methods.iter().map(|method| method.name()).collect::<Vec<_>>().join(" ")
}
