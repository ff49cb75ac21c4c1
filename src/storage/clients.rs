//! Applications with their secrets as the directory holds them: no more of them than issuing and introspecting need, and all of them in
//! stretches, since there may be millions.
use chancery_verifier::{Scope, StatusIndex};

use super::applications::{read_methods, read_resources, read_scope, read_status};
use super::client_secrets::read_digest;
use super::{Result, StoreError, Tx, life, on, revocations, stored};
use crate::domain::application::{ApplicationStatus, ClientAuthenticationMethod};
use crate::domain::credential::SecretDigest;
use crate::domain::id::{ApplicationId, ClientId, ClientSecretId, ClientSecretKind, OrganizationId};
use crate::domain::rotation::Life;

/// How many applications are read together.
const STRETCH: i64 = 5_000;

/// An application that obtains tokens.
pub struct StoredClient {
    pub id: ApplicationId,
    pub client_id: ClientId,
    pub organization_id: OrganizationId,
    pub scope: Scope,
    pub status: ApplicationStatus,
    pub access_token_ttl: Option<u32>,
    pub resources: Option<Vec<String>>,
    pub token_endpoint_auth_methods: Vec<ClientAuthenticationMethod>,
    pub secrets: Vec<StoredClientSecret>,
}

pub struct StoredClientSecret {
    pub id: ClientSecretId,
    pub digest: SecretDigest,
    pub generation: i64,
    pub status_index: StatusIndex,
    pub life: Life<ClientSecretKind>,
    pub activated: bool,
}

/// In the order of [`application!`].
type ApplicationRow = (String, String, String, String, String, Option<i64>, Option<String>, String);
/// In the order of [`secret!`].
type SecretRow = (String, String, String, i64, i64, Option<i64>, Option<String>, Option<i64>, Option<i64>, Option<i64>);

macro_rules! application {
    ($condition:literal) => {
        concat!(
            "SELECT id, client_id, organization_id, scope, status, access_token_ttl, resources, auth_methods FROM application WHERE ",
            $condition
        )
    };
}

macro_rules! secret {
    ($condition:literal) => {
        concat!(
            "SELECT application_id, id, digest, generation, status_index, expires_at, successor_id, overlap_ms, retires_at, activated_at ",
            "FROM client_secret WHERE ",
            $condition,
            " ORDER BY application_id, id"
        )
    };
}

/// The next stretch after an application, in the order of their ids; empty when there are no more.
pub async fn after(tx: &mut Tx, application: &str) -> Result<Vec<StoredClient>> {
    let sql = application!("id > $1 ORDER BY id LIMIT $2");
    let rows: Vec<ApplicationRow> = on!(tx, |connection| sqlx::query_as(sql).bind(application).bind(STRETCH).fetch_all(connection))?;
    let last = rows.last().map_or("", |row| row.0.as_str());
    let sql = secret!("application_id > $1 AND application_id <= $2");
    let secrets: Vec<SecretRow> = on!(tx, |connection| sqlx::query_as(sql).bind(application).bind(last).fetch_all(connection))?;
    read(rows, secrets)
}

pub async fn find(tx: &mut Tx, application: &str) -> Result<Option<StoredClient>> {
    let rows: Vec<ApplicationRow> = on!(tx, |connection| sqlx::query_as(application!("id = $1")).bind(application).fetch_all(connection))?;
    let secrets: Vec<SecretRow> =
        on!(tx, |connection| sqlx::query_as(secret!("application_id = $1")).bind(application).fetch_all(connection))?;
    Ok(read(rows, secrets)?.pop())
}

pub async fn of_organization(tx: &mut Tx, organization: &str) -> Result<Vec<StoredClient>> {
    let sql = application!("organization_id = $1 ORDER BY id");
    let rows: Vec<ApplicationRow> = on!(tx, |connection| sqlx::query_as(sql).bind(organization).fetch_all(connection))?;
    let sql = secret!("organization_id = $1");
    let secrets: Vec<SecretRow> = on!(tx, |connection| sqlx::query_as(sql).bind(organization).fetch_all(connection))?;
    read(rows, secrets)
}

/// Both are in the order of the applications' ids.
fn read(applications: Vec<ApplicationRow>, secrets: Vec<SecretRow>) -> Result<Vec<StoredClient>> {
    let mut secrets = secrets.into_iter().peekable();
    let mut clients = Vec::with_capacity(applications.len());
    for row in applications {
        let mut own = Vec::new();
        while let Some(secret) = secrets.next_if(|secret| secret.0 == row.0) {
            own.push(read_secret(&secret)?);
        }
        clients.push(read_application(row, own)?);
    }
    Ok(clients)
}

fn read_application(row: ApplicationRow, secrets: Vec<StoredClientSecret>) -> Result<StoredClient> {
    let (id, client_id, organization_id, scope, status, access_token_ttl, resources, methods) = row;
    Ok(StoredClient {
        id: stored("application.id", &id)?,
        client_id: stored("application.client_id", &client_id)?,
        organization_id: stored("application.organization_id", &organization_id)?,
        scope: read_scope(&id, &scope)?,
        status: read_status(&status),
        access_token_ttl: access_token_ttl.and_then(|seconds| u32::try_from(seconds).ok()),
        resources: read_resources(&id, resources.as_deref())?,
        token_endpoint_auth_methods: read_methods(&id, &methods)?,
        secrets,
    })
}

fn read_secret(row: &SecretRow) -> Result<StoredClientSecret> {
    let (_, id, digest, generation, status_index, expires_at, successor, overlap_ms, retires_at, activated_at) = row;
    Ok(StoredClientSecret {
        id: stored("client_secret.id", id)?,
        digest: read_digest(digest).ok_or_else(|| StoreError::Unreadable(format!("client_secret {id} digest")))?,
        generation: *generation,
        status_index: revocations::read_index(*status_index)?,
        life: life::read(*expires_at, successor.as_deref(), *overlap_ms, *retires_at)?,
        activated: activated_at.is_some(),
    })
}
