//! An organization: a customer of the product, to whom applications and keys belong.
use std::collections::BTreeMap;

use serde::Serialize;

use super::id::{OrganizationId, PrincipalId};
use super::text::{FieldError, Name};
use super::timestamp::Timestamp;

/// Whether anything of the organization works.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum OrganizationStatus {
    Active,
    Suspended,
}

impl OrganizationStatus {
    pub fn name(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Suspended => "suspended",
        }
    }
}

pub type Metadata = BTreeMap<String, String>;

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "object", rename = "organization")]
pub struct Organization {
    pub id: OrganizationId,
    pub name: Name,
    /// Domains belong to the embedding product; the SDKs need the member.
    pub domains: [(); 0],
    pub metadata: Metadata,
    pub external_id: Option<String>,
    pub status: OrganizationStatus,
    pub principal: OrganizationPrincipal,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    #[serde(skip)]
    pub version: i64,
}

/// The organization's one synthetic principal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "type", rename = "organization")]
pub struct OrganizationPrincipal {
    pub id: PrincipalId,
}

pub struct NewOrganization {
    pub name: Name,
    pub external_id: Option<String>,
    pub metadata: Metadata,
}

/// A partial change; the outer `None` leaves a field as it is.
pub struct OrganizationChange {
    pub name: Option<Name>,
    pub external_id: Option<Option<String>>,
    pub metadata: Option<Metadata>,
}

/// # Errors
/// A [`FieldError`] when there are more than 50 members, or one is too long.
pub fn check_metadata(metadata: &Metadata) -> Result<(), FieldError> {
    if metadata.len() > 50 {
        return Err(FieldError::new("too_many", "metadata", "metadata takes at most 50 members"));
    }
    match metadata.iter().find(|(key, value)| key.is_empty() || key.chars().count() > 40 || value.chars().count() > 500) {
        Some((key, _)) => {
            Err(FieldError::new("too_long", format!("metadata.{key}"), "a metadata key takes 1 to 40 characters, a value at most 500"))
        }
        None => Ok(()),
    }
}
