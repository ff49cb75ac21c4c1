//! A membership: that a user belongs to an organization, and as what. Leaving takes his personal keys there with it.
use schemars::JsonSchema;
use serde::Serialize;

use super::id::{MembershipId, OrganizationId, UserId};
use super::text::{FieldError, Name};
use super::timestamp::Timestamp;
use super::user::User;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// He may make keys and applications.
    Admin,
    Member,
}

impl Role {
    pub fn name(self) -> &'static str {
        match self {
            Self::Admin => "admin",
            Self::Member => "member",
        }
    }

    /// # Errors
    /// A [`FieldError`] that names what there is.
    pub fn parse(slug: &str) -> Result<Self, FieldError> {
        let known = [Self::Admin, Self::Member].into_iter().find(|role| role.name() == slug);
        known.ok_or_else(|| FieldError::new("unknown_role", "role_slug", "role_slug takes admin or member"))
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum MembershipStatus {
    Active,
    Inactive,
}

impl MembershipStatus {
    pub fn name(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Inactive => "inactive",
        }
    }
}

/// A role as the SDKs read it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct RoleSlug {
    pub slug: Role,
}

/// Nothing: the SDKs need the member.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct NoAttributes {}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(tag = "object", rename = "organization_membership")]
pub struct Membership {
    pub id: MembershipId,
    pub user_id: UserId,
    pub organization_id: OrganizationId,
    pub organization_name: Name,
    pub role: RoleSlug,
    /// The one role again: the SDKs need both.
    pub roles: [RoleSlug; 1],
    pub status: MembershipStatus,
    /// Always false: the SDKs need the member.
    pub directory_managed: bool,
    pub custom_attributes: NoAttributes,
    pub user: User,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    #[serde(skip)]
    pub version: i64,
}

impl Membership {
    pub fn is_active_admin(&self) -> bool {
        self.status == MembershipStatus::Active && self.role.slug == Role::Admin
    }

    pub fn set_role(&mut self, role: Role) {
        (self.role, self.roles) = (RoleSlug { slug: role }, [RoleSlug { slug: role }]);
    }
}

pub struct NewMembership {
    pub user_id: UserId,
    pub organization_id: OrganizationId,
    pub role: Role,
}

/// Which memberships are asked for.
pub struct MembershipFilter {
    pub user_id: Option<UserId>,
    pub organization_id: Option<OrganizationId>,
    pub statuses: Vec<MembershipStatus>,
}
