//! Settings of the installation and of its organizations.
use sqlx::FromRow;

use super::{Result, Tx, on, run};
use crate::domain::credential::ApiKeyPrefix;
use crate::domain::id::OrganizationId;
use crate::domain::settings::Choices;
use crate::domain::timestamp::Timestamp;

const INSTALLATION: &str = "installation";

/// What was set, and when.
pub struct StoredSettings {
    pub choices: Choices,
    pub updated_at: Timestamp,
    pub version: i64,
}

#[derive(FromRow)]
struct Row {
    api_keys_enabled: Option<i64>,
    applications_enabled: Option<i64>,
    api_key_prefix: Option<String>,
    require_permissions: Option<i64>,
    default_expiry_days: Option<i64>,
    max_expiry_days: Option<i64>,
    updated_at: i64,
    version: i64,
}

impl From<Row> for StoredSettings {
    fn from(row: Row) -> Self {
        let flag = |value: Option<i64>| value.map(|value| value != 0);
        let days = |value: Option<i64>| value.and_then(|value| u32::try_from(value).ok());
        let choices = Choices {
            api_keys_enabled: flag(row.api_keys_enabled),
            applications_enabled: flag(row.applications_enabled),
            api_key_prefix: row.api_key_prefix.map(ApiKeyPrefix::stored),
            require_permissions: flag(row.require_permissions),
            default_expiry_days: days(row.default_expiry_days),
            max_expiry_days: days(row.max_expiry_days),
        };
        Self { choices, updated_at: Timestamp::from_millis(row.updated_at), version: row.version }
    }
}

fn id(of: Option<OrganizationId>) -> String {
    of.map_or_else(|| INSTALLATION.to_owned(), |organization| organization.to_string())
}

/// Of one organization, or of the installation.
pub async fn find(tx: &mut Tx, of: Option<OrganizationId>) -> Result<Option<StoredSettings>> {
    let sql = "SELECT * FROM settings WHERE id = $1";
    let row: Option<Row> = on!(tx, |connection| sqlx::query_as(sql).bind(id(of)).fetch_optional(connection))?;
    Ok(row.map(Into::into))
}

pub async fn store(tx: &mut Tx, of: Option<OrganizationId>, stored: &StoredSettings) -> Result<()> {
    let sql = "INSERT INTO settings (id, organization_id, api_keys_enabled, applications_enabled, api_key_prefix, require_permissions, \
               default_expiry_days, max_expiry_days, updated_at, version) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) \
               ON CONFLICT (id) DO UPDATE SET api_keys_enabled = $3, applications_enabled = $4, api_key_prefix = $5, \
               require_permissions = $6, default_expiry_days = $7, max_expiry_days = $8, updated_at = $9, version = $10";
    let choices = &stored.choices;
    run!(tx, |connection| sqlx::query(sql)
        .bind(id(of))
        .bind(of.map(|organization| organization.to_string()))
        .bind(choices.api_keys_enabled.map(i64::from))
        .bind(choices.applications_enabled.map(i64::from))
        .bind(choices.api_key_prefix.as_ref().map(ApiKeyPrefix::as_str))
        .bind(choices.require_permissions.map(i64::from))
        .bind(choices.default_expiry_days.map(i64::from))
        .bind(choices.max_expiry_days.map(i64::from))
        .bind(stored.updated_at.millis())
        .bind(stored.version)
        .execute(connection))
}
