//! An organization: a customer of the product, to whom applications and keys belong.
use schemars::JsonSchema;
use serde::Serialize;

use super::id::{OrganizationId, PrincipalId};
use super::metadata::Metadata;
use super::text::Name;
use super::timestamp::Timestamp;

/// Whether anything of the organization works.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
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

#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(tag = "object", rename = "organization")]
pub struct Organization {
    pub id: OrganizationId,
    pub name: Name,
    /// Domains belong to the embedding product; the SDKs need the member.
    #[schemars(length(max = 0))]
    pub domains: [(); 0],
    pub metadata: Metadata,
    pub external_id: Option<String>,
    pub status: OrganizationStatus,
    #[schemars(with = "PrincipalSchema")]
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

/// The form of a principal.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "it only gives the schema of a type of another crate")]
#[schemars(rename = "principal")]
pub(super) struct PrincipalSchema {
    /// `organization` or `user`.
    r#type: String,
    id: String,
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
