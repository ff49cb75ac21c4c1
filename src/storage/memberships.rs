//! Memberships, each with its user.
use sqlx::FromRow;

use super::page::keyset;
use super::{Result, StoreError, Tx, on, run, stored, users};
use crate::domain::id::{MembershipId, OrganizationId, UserId};
use crate::domain::management_key::Reach;
use crate::domain::membership::{Membership, MembershipFilter, MembershipStatus, NoAttributes, Role, RoleSlug};
use crate::domain::page::{Page, PageRequest};
use crate::domain::text::Name;
use crate::domain::timestamp::Timestamp;

#[derive(FromRow)]
struct Row {
    membership_id: String,
    organization_id: String,
    organization_name: String,
    role: String,
    status: String,
    membership_created_at: i64,
    membership_updated_at: i64,
    membership_version: i64,
    #[sqlx(flatten)]
    user: users::Row,
}

impl TryFrom<Row> for Membership {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self> {
        let user: crate::domain::user::User = row.user.try_into()?;
        let role = RoleSlug { slug: if row.role == Role::Admin.name() { Role::Admin } else { Role::Member } };
        Ok(Self {
            id: stored("organization_membership.id", &row.membership_id)?,
            user_id: user.id,
            organization_id: stored("organization_membership.organization_id", &row.organization_id)?,
            organization_name: Name::stored(row.organization_name),
            role,
            roles: [role],
            status: if row.status == MembershipStatus::Active.name() { MembershipStatus::Active } else { MembershipStatus::Inactive },
            directory_managed: false,
            custom_attributes: NoAttributes {},
            user,
            created_at: Timestamp::from_millis(row.membership_created_at),
            updated_at: Timestamp::from_millis(row.membership_updated_at),
            version: row.membership_version,
        })
    }
}

/// A membership in reach, with its user and its organization's name; what follows is a condition.
macro_rules! select {
    ($condition:literal) => {
        concat!(
            "SELECT organization_membership.id AS membership_id, organization_membership.organization_id, organization.name AS organization_name, ",
            "organization_membership.role, organization_membership.status, organization_membership.created_at AS membership_created_at, ",
            "organization_membership.updated_at AS membership_updated_at, organization_membership.version AS membership_version, \"user\".* ",
            "FROM organization_membership JOIN organization ON organization.id = organization_membership.organization_id ",
            "JOIN \"user\" ON \"user\".id = organization_membership.user_id ",
            "WHERE (CAST($1 AS TEXT) IS NULL OR organization_membership.organization_id = $1) AND ",
            $condition
        )
    };
}

pub async fn find(tx: &mut Tx, reach: Reach, id: &str) -> Result<Option<Membership>> {
    let sql = select!("organization_membership.id = $2");
    let own = reach.organization().map(|id| id.to_string());
    let row: Option<Row> = on!(tx, |connection| sqlx::query_as(sql).bind(own).bind(id).fetch_optional(connection))?;
    row.map(TryInto::try_into).transpose()
}

/// The one membership of this user there.
pub async fn find_of(tx: &mut Tx, user: UserId, organization: OrganizationId) -> Result<Option<Membership>> {
    let sql = select!("organization_membership.user_id = $2");
    let row: Option<Row> =
        on!(tx, |connection| sqlx::query_as(sql).bind(organization.to_string()).bind(user.to_string()).fetch_optional(connection))?;
    row.map(TryInto::try_into).transpose()
}

pub async fn of_organization(tx: &mut Tx, organization: OrganizationId) -> Result<Vec<Membership>> {
    let sql = select!("organization_membership.organization_id = $1");
    let rows: Vec<Row> = on!(tx, |connection| sqlx::query_as(sql).bind(organization.to_string()).fetch_all(connection))?;
    rows.into_iter().map(TryInto::try_into).collect()
}

/// All of one user's.
pub async fn of_user(tx: &mut Tx, user: UserId) -> Result<Vec<Membership>> {
    let sql = select!("organization_membership.user_id = $2");
    let everywhere: Option<String> = None;
    let rows: Vec<Row> = on!(tx, |connection| sqlx::query_as(sql).bind(everywhere).bind(user.to_string()).fetch_all(connection))?;
    rows.into_iter().map(TryInto::try_into).collect()
}

pub async fn list(tx: &mut Tx, reach: Reach, filter: &MembershipFilter, request: &PageRequest) -> Result<Page<Membership>> {
    let select = select!(
        "(CAST($2 AS TEXT) IS NULL OR organization_membership.organization_id = $2) \
         AND (CAST($3 AS TEXT) IS NULL OR organization_membership.user_id = $3) AND $4 LIKE '%,' || organization_membership.status || ',%'"
    );
    let within = match (filter.organization_id, filter.user_id) {
        (Some(_), _) => "organization_membership.organization_id = $2",
        (None, Some(_)) => "organization_membership.user_id = $3",
        (None, None) => "organization_membership.organization_id = $1",
    };
    let keyset = keyset(select, Some(within), "organization_membership.id", 4, request);
    let own = reach.organization().map(|id| id.to_string());
    let statuses = filter.statuses.iter().map(|status| status.name()).collect::<Vec<_>>().join(",");
    let rows: Vec<Row> = on!(tx, |connection| sqlx::query_as(keyset.sql)
        .bind(own)
        .bind(filter.organization_id.map(|id| id.to_string()))
        .bind(filter.user_id.map(|id| id.to_string()))
        .bind(format!(",{statuses},"))
        .bind(keyset.cursor)
        .bind(keyset.limit)
        .fetch_all(connection))?;
    let memberships = rows.into_iter().map(TryInto::try_into).collect::<Result<Vec<Membership>>>()?;
    Ok(Page::of(memberships, request, |membership| membership.id.to_string()))
}

/// How many active admins the organization has.
pub async fn count_active_admins(tx: &mut Tx, organization: OrganizationId) -> Result<i64> {
    let sql = "SELECT COUNT(*) FROM organization_membership WHERE organization_id = $1 AND role = 'admin' AND status = 'active'";
    on!(tx, |connection| sqlx::query_scalar(sql).bind(organization.to_string()).fetch_one(connection))
}

pub async fn insert(tx: &mut Tx, membership: &Membership) -> Result<()> {
    let sql = "INSERT INTO organization_membership (id, user_id, organization_id, role, status, created_at, updated_at, version) \
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
    run!(tx, |connection| sqlx::query(sql)
        .bind(membership.id.to_string())
        .bind(membership.user_id.to_string())
        .bind(membership.organization_id.to_string())
        .bind(membership.role.slug.name())
        .bind(membership.status.name())
        .bind(membership.created_at.millis())
        .bind(membership.updated_at.millis())
        .bind(membership.version)
        .execute(connection))
}

pub async fn update(tx: &mut Tx, membership: &Membership) -> Result<()> {
    let sql = "UPDATE organization_membership SET role = $3, status = $4, updated_at = $5, version = $6 \
               WHERE id = $1 AND organization_id = $2";
    run!(tx, |connection| sqlx::query(sql)
        .bind(membership.id.to_string())
        .bind(membership.organization_id.to_string())
        .bind(membership.role.slug.name())
        .bind(membership.status.name())
        .bind(membership.updated_at.millis())
        .bind(membership.version)
        .execute(connection))
}

pub async fn delete(tx: &mut Tx, organization: OrganizationId, id: MembershipId) -> Result<()> {
    let sql = "DELETE FROM organization_membership WHERE id = $1 AND organization_id = $2";
    run!(tx, |connection| sqlx::query(sql).bind(id.to_string()).bind(organization.to_string()).execute(connection))
}
