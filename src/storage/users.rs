//! Users.
use sqlx::{FromRow, QueryBuilder};

use super::page::keyset;
use super::{Result, StoreError, Tx, on, run, stored};
use crate::domain::id::{OrganizationId, UserId};
use crate::domain::management_key::Reach;
use crate::domain::page::{Page, PageRequest};
use crate::domain::timestamp::Timestamp;
use crate::domain::user::{Email, User, UserFilter};

#[derive(FromRow)]
pub(super) struct Row {
    id: String,
    email: String,
    email_verified: i64,
    first_name: Option<String>,
    last_name: Option<String>,
    name: Option<String>,
    locale: Option<String>,
    external_id: Option<String>,
    metadata: String,
    created_at: i64,
    updated_at: i64,
    version: i64,
}

impl TryFrom<Row> for User {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self> {
        Ok(Self {
            id: stored("user.id", &row.id)?,
            email: Email::stored(row.email),
            email_verified: row.email_verified != 0,
            first_name: row.first_name,
            last_name: row.last_name,
            name: row.name,
            profile_picture_url: None,
            locale: row.locale,
            external_id: row.external_id,
            last_sign_in_at: None,
            metadata: serde_json::from_str(&row.metadata).map_err(|error| StoreError::Unreadable(error.to_string()))?,
            created_at: Timestamp::from_millis(row.created_at),
            updated_at: Timestamp::from_millis(row.updated_at),
            version: row.version,
        })
    }
}

/// A user in reach: of one organization, those who are members there, active or not.
macro_rules! select {
    ($condition:literal) => {
        concat!(
            "SELECT * FROM \"user\" WHERE (CAST($1 AS TEXT) IS NULL OR EXISTS (SELECT 1 FROM organization_membership ",
            "WHERE user_id = \"user\".id AND organization_id = $1)) AND ",
            $condition
        )
    };
}

pub async fn find(tx: &mut Tx, reach: Reach, id: &str) -> Result<Option<User>> {
    find_by(tx, reach, select!("id = $2"), id).await
}

pub async fn find_by_external_id(tx: &mut Tx, reach: Reach, external_id: &str) -> Result<Option<User>> {
    find_by(tx, reach, select!("external_id = $2"), external_id).await
}

async fn find_by(tx: &mut Tx, reach: Reach, sql: &'static str, value: &str) -> Result<Option<User>> {
    let own = reach.organization().map(|id| id.to_string());
    let row: Option<Row> = on!(tx, |connection| sqlx::query_as(sql).bind(own).bind(value).fetch_optional(connection))?;
    row.map(TryInto::try_into).transpose()
}

/// Those of these who are members of an organization, active or not.
pub async fn of_organization(tx: &mut Tx, organization: OrganizationId, ids: &[UserId]) -> Result<Vec<User>> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let rows: Vec<Row> = on!(tx, |connection| async {
        let mut query = QueryBuilder::new("WITH shown (id) AS (");
        query.push_values(ids, |mut row, id| {
            row.push_bind(id.to_string());
        });
        query.push(
            ") SELECT \"user\".* FROM shown JOIN \"user\" ON \"user\".id = shown.id \
             JOIN organization_membership ON user_id = \"user\".id WHERE organization_id = ",
        );
        query.push_bind(organization.to_string());
        query.build_query_as().persistent(false).fetch_all(connection).await
    })?;
    rows.into_iter().map(TryInto::try_into).collect()
}

pub async fn list(tx: &mut Tx, reach: Reach, filter: &UserFilter, request: &PageRequest) -> Result<Page<User>> {
    let select = select!(
        "(CAST($2 AS TEXT) IS NULL OR email_key = $2) AND (CAST($3 AS TEXT) IS NULL OR EXISTS (SELECT 1 FROM organization_membership \
         WHERE user_id = \"user\".id AND organization_id = $3))"
    );
    let within = match (&filter.email, reach.organization(), filter.organization_id) {
        (Some(_), _, _) => Some("email_key = $2"),
        (None, Some(_), _) => Some("id IN (SELECT user_id FROM organization_membership WHERE organization_id = $1)"),
        (None, None, Some(_)) => Some("id IN (SELECT user_id FROM organization_membership WHERE organization_id = $3)"),
        (None, None, None) => None,
    };
    let keyset = keyset(select, within, "id", 3, request);
    let own = reach.organization().map(|id| id.to_string());
    let rows: Vec<Row> = on!(tx, |connection| sqlx::query_as(keyset.sql)
        .bind(own)
        .bind(filter.email.as_ref().map(|email| email.to_lowercase()))
        .bind(filter.organization_id.map(|id| id.to_string()))
        .bind(keyset.cursor)
        .bind(keyset.limit)
        .fetch_all(connection))?;
    let users = rows.into_iter().map(TryInto::try_into).collect::<Result<Vec<User>>>()?;
    Ok(Page::of(users, request, |user| user.id.to_string()))
}

pub async fn insert(tx: &mut Tx, user: &User) -> Result<()> {
    let sql = "INSERT INTO \"user\" (id, email, email_key, email_verified, first_name, last_name, name, locale, external_id, metadata, \
               created_at, updated_at, version) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)";
    write(tx, sql, user).await
}

pub async fn update(tx: &mut Tx, user: &User) -> Result<()> {
    let sql = "UPDATE \"user\" SET email = $2, email_key = $3, email_verified = $4, first_name = $5, last_name = $6, name = $7, \
               locale = $8, external_id = $9, metadata = $10, created_at = $11, updated_at = $12, version = $13 WHERE id = $1";
    write(tx, sql, user).await
}

async fn write(tx: &mut Tx, sql: &'static str, user: &User) -> Result<()> {
    run!(tx, |connection| sqlx::query(sql)
        .bind(user.id.to_string())
        .bind(user.email.as_str())
        .bind(user.email.key())
        .bind(i64::from(user.email_verified))
        .bind(&user.first_name)
        .bind(&user.last_name)
        .bind(&user.name)
        .bind(&user.locale)
        .bind(&user.external_id)
        .bind(serde_json::json!(user.metadata).to_string())
        .bind(user.created_at.millis())
        .bind(user.updated_at.millis())
        .bind(user.version)
        .execute(connection))
}

/// Whether another user has this address.
pub async fn email_is_taken(tx: &mut Tx, email: &Email, by_another_than: UserId) -> Result<bool> {
    let sql = "SELECT COUNT(*) FROM \"user\" WHERE email_key = $1 AND id <> $2";
    let count: i64 =
        on!(tx, |connection| sqlx::query_scalar(sql).bind(email.key()).bind(by_another_than.to_string()).fetch_one(connection))?;
    Ok(count > 0)
}

/// Deletes him and, by the schema's references, his memberships.
pub async fn delete(tx: &mut Tx, id: UserId) -> Result<()> {
    run!(tx, |connection| sqlx::query("DELETE FROM \"user\" WHERE id = $1").bind(id.to_string()).execute(connection))
}
