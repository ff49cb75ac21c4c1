//! An API key: a long-lived credential of an organization or of one of its users, with permissions, an expiry, and a successor when rotated.
use std::time::Duration;

use chancery_verifier::{Principal, Scope};
use schemars::JsonSchema;
use serde::Serialize;

use super::application::scope_as_array;
use super::id::{ApiKeyId, ApiKeyKind, OrganizationId, PrincipalId, UserId};
use super::organization::PrincipalSchema;
use super::rotation::Life;
use super::text::{FieldError, Name};
use super::timestamp::Timestamp;
use super::usage::Usage;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ApiKeyStatus {
    Active,
    /// Past its expiry, or the end of its overlap.
    Expired,
    /// Never to be used again; it says so even when it has expired too.
    Revoked,
}

/// Whose key it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(tag = "type", rename_all = "lowercase")]
pub enum Owner {
    Organization { id: OrganizationId },
    User { id: UserId, organization_id: OrganizationId },
}

impl Owner {
    pub fn organization_id(self) -> OrganizationId {
        match self {
            Self::Organization { id } => id,
            Self::User { organization_id, .. } => organization_id,
        }
    }

    pub fn user_id(self) -> Option<UserId> {
        match self {
            Self::Organization { .. } => None,
            Self::User { id, .. } => Some(id),
        }
    }

    /// For whom the key acts: its user, or the organization's synthetic principal.
    pub fn principal(self, of_organization: PrincipalId) -> Principal {
        match self {
            Self::Organization { .. } => Principal::Organization { id: of_organization.to_string() },
            Self::User { id, .. } => Principal::User { id: id.to_string() },
        }
    }
}

/// What is kept of a key beside its digest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(tag = "object", rename = "api_key")]
pub struct ApiKey {
    pub id: ApiKeyId,
    pub owner: Owner,
    pub name: Name,
    pub description: Option<String>,
    pub obfuscated_value: String,
    #[serde(serialize_with = "scope_as_array")]
    #[schemars(with = "Vec<String>")]
    pub permissions: Scope,
    pub status: ApiKeyStatus,
    /// For whom it acts.
    #[schemars(with = "PrincipalSchema")]
    pub principal: Principal,
    /// Its own expiry or the end of its overlap, whichever comes first.
    pub expires_at: Option<Timestamp>,
    pub revoked_at: Option<Timestamp>,
    /// Its first use.
    pub activated_at: Option<Timestamp>,
    pub last_used_at: Option<Timestamp>,
    pub last_used_ip: Option<String>,
    /// Left out of the answer to a validation, which reads no row.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub usage: Option<Usage>,
    pub created_by: String,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    #[serde(skip)]
    pub life: Life<ApiKeyKind>,
    #[serde(skip)]
    pub version: i64,
}

impl ApiKey {
    pub fn status_at(&self, now: Timestamp) -> ApiKeyStatus {
        // An instance whose clock is behind has read what another wrote.
        match (self.revoked_at, self.life.is_live(now.max(self.updated_at))) {
            (Some(_), _) => ApiKeyStatus::Revoked,
            (None, false) => ApiKeyStatus::Expired,
            (None, true) => ApiKeyStatus::Active,
        }
    }

    /// Brings what depends on its life up to date.
    pub fn refresh(&mut self, now: Timestamp) {
        (self.status, self.expires_at) = (self.status_at(now), self.life.ends_at());
    }
}

pub struct NewApiKey {
    pub owner: NewOwner,
    pub name: Name,
    pub description: Option<String>,
    pub grant: Grant,
    /// `None` leaves it to the settings; `Some(None)` is never.
    pub expires_at: Option<Option<Timestamp>>,
}

/// Whose key it is to be, as named by the caller.
pub enum NewOwner {
    Organization(String),
    User { id: String, organization_id: String },
}

/// Permissions by name, with those of a preset; `*` is all there are.
#[derive(Default)]
pub struct Grant {
    pub permissions: Vec<String>,
    pub preset: Option<String>,
}

#[derive(Default)]
pub struct ApiKeyChange {
    pub name: Option<Name>,
    pub description: Option<Option<String>>,
}

/// Which owner's keys of an organization are listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OwnerFilter {
    Organization,
    User,
    All,
}

impl OwnerFilter {
    pub fn name(self) -> &'static str {
        match self {
            Self::Organization => "organization",
            Self::User => "user",
            Self::All => "all",
        }
    }
}

/// Which keys are listed by their status; `None` is all that are not revoked.
pub struct ApiKeyFilter {
    pub owner: OwnerFilter,
    pub user_id: Option<UserId>,
    pub organization_id: Option<String>,
    pub status: StatusFilter,
    /// A part of the name, in any case.
    pub search: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StatusFilter {
    /// Active and expired ones.
    NotRevoked,
    Only(ApiKeyStatus),
    /// Revoked and expired ones.
    Ended,
    All,
}

/// Why a presented value is no valid key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum InvalidReason {
    /// It cannot be a key: its form or its checksum is wrong.
    Malformed,
    /// There is none, or none the caller may know of.
    NotFound,
    Revoked,
    Expired,
    /// Its organization is suspended.
    OrganizationSuspended,
    /// It is another organization's than the one asked for.
    OrganizationMismatch,
    /// It lacks one of the permissions asked for.
    MissingPermission,
}

pub fn days_long(days: u32) -> Duration {
    Duration::from_secs(u64::from(days) * 24 * 3600)
}

impl InvalidReason {
    pub fn name(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::NotFound => "not_found",
            Self::Revoked => "revoked",
            Self::Expired => "expired",
            Self::OrganizationSuspended => "organization_suspended",
            Self::OrganizationMismatch => "organization_mismatch",
            Self::MissingPermission => "missing_permission",
        }
    }
}

/// The expiry a new key gets; `unsaid` is what it gets when the caller says nothing; the latest counts from when it is or was made.
///
/// # Errors
/// A [`FieldError`] when it lies in the past, or beyond the latest that is allowed.
pub fn choose_expiry(
    asked: Option<Option<Timestamp>>,
    unsaid: Option<Timestamp>,
    max_days: Option<u32>,
    made_at: Timestamp,
    now: Timestamp,
) -> Result<Option<Timestamp>, FieldError> {
    let after = |days: u32| made_at + days_long(days);
    let chosen = asked.unwrap_or(unsaid);
    super::rotation::check_expiry(chosen, now)?;
    match (max_days, chosen) {
        (Some(max), Some(at)) if at > after(max) => {
            Err(FieldError::new("expiry_too_late", "expires_at", format!("expires_at lies at most {max} days after the key was made")))
        }
        (Some(max), None) => Err(FieldError::new(
            "expiry_required",
            "expires_at",
            format!("a key here expires: expires_at lies at most {max} days after it was made"),
        )),
        _ => Ok(chosen),
    }
}
