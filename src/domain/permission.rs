//! The permission catalogue: what a scope token (RFC 6749 §3.3) means, and at which resource server.
use std::collections::BTreeMap;

use chancery_verifier::Scope;
use schemars::JsonSchema;
use serde::Serialize;

use super::application::scope_as_array;
use super::id::{PermissionId, PresetId};
use super::text::{FieldError, Name};
use super::timestamp::Timestamp;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(tag = "object", rename = "permission")]
pub struct Permission {
    pub id: PermissionId,
    pub slug: Slug,
    pub name: Name,
    pub description: Option<String>,
    /// Always false: the catalogue is the operator's. The SDKs need the member.
    pub system: bool,
    /// The SDKs need the member.
    pub resource_type_slug: String,
    /// The identifier of the one resource server it is for; `None` is any.
    pub resource_server: Option<String>,
    /// Which kinds of credential may hold it.
    pub grantable_to: Vec<HolderKind>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    #[serde(skip)]
    pub version: i64,
}

/// A kind of credential, as far as it decides what may be granted to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum HolderKind {
    /// An organization's own API key: no user stands behind it.
    ApiKeyOrganization,
    /// A user's personal API key.
    ApiKeyUser,
    /// An application.
    M2m,
}

impl HolderKind {
    pub const ALL: [Self; 3] = [Self::ApiKeyOrganization, Self::ApiKeyUser, Self::M2m];

    pub fn name(self) -> &'static str {
        match self {
            Self::ApiKeyOrganization => "api_key_organization",
            Self::ApiKeyUser => "api_key_user",
            Self::M2m => "m2m",
        }
    }

    /// # Errors
    /// A [`FieldError`] that names what there is, or asks for at least one.
    pub fn parse_all<'a>(names: impl IntoIterator<Item = &'a str>) -> Result<Vec<Self>, FieldError> {
        let mut kinds = Vec::new();
        for name in names {
            let known = Self::ALL.into_iter().find(|kind| kind.name() == name);
            let message = "grantable_to takes api_key_organization, api_key_user and m2m";
            let kind = known.ok_or_else(|| FieldError::new("unknown_kind", "grantable_to", message))?;
            if !kinds.contains(&kind) {
                kinds.push(kind);
            }
        }
        if kinds.is_empty() {
            return Err(FieldError::new("required", "grantable_to", "grantable_to takes at least one kind, or is left out for all"));
        }
        Ok(kinds)
    }
}

pub struct NewPermission {
    pub slug: Slug,
    pub name: Name,
    pub description: Option<String>,
    pub resource_server: Option<String>,
    pub grantable_to: Vec<HolderKind>,
}

#[derive(Default)]
pub struct PermissionChange {
    pub name: Option<Name>,
    pub description: Option<Option<String>>,
    pub grantable_to: Option<Vec<HolderKind>>,
}

/// A curated choice of permissions, so that one need not pick by hand.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(tag = "object", rename = "permission_preset")]
pub struct Preset {
    pub id: PresetId,
    pub slug: Slug,
    pub name: Name,
    pub description: Option<String>,
    #[serde(serialize_with = "scope_as_array")]
    #[schemars(with = "Vec<String>")]
    pub permissions: Scope,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    #[serde(skip)]
    pub version: i64,
}

pub struct NewPreset {
    pub slug: Slug,
    pub name: Name,
    pub description: Option<String>,
    pub permissions: Vec<String>,
}

#[derive(Default)]
pub struct PresetChange {
    pub name: Option<Name>,
    pub description: Option<Option<String>>,
    pub permissions: Option<Vec<String>>,
}

/// The whole catalogue, grouped by what stands before the first colon.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(tag = "object", rename = "permission_catalogue")]
pub struct PermissionCatalogue {
    pub resources: Vec<PermissionGroup>,
    pub presets: Vec<Preset>,
}

#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct PermissionGroup {
    pub resource: String,
    pub permissions: Vec<Permission>,
}

impl PermissionCatalogue {
    pub fn new(permissions: Vec<Permission>, presets: Vec<Preset>) -> Self {
        let mut groups: BTreeMap<String, Vec<Permission>> = BTreeMap::new();
        for permission in permissions {
            groups.entry(permission.slug.resource().to_owned()).or_default().push(permission);
        }
        let resources = groups.into_iter().map(|(resource, permissions)| PermissionGroup { resource, permissions }).collect();
        Self { resources, presets }
    }
}

/// The grant of everything, which is stored expanded.
pub const EVERY_PERMISSION: &str = "*";

/// `[a-z0-9_.*-]+(:[a-z0-9_.*-]+)*`, at most 128 characters: a scope token by construction.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(transparent)]
pub struct Slug(String);

impl Slug {
    /// # Errors
    /// A [`FieldError`] outside the grammar.
    pub fn parse(text: &str) -> Result<Self, FieldError> {
        let part_is_good =
            |part: &str| !part.is_empty() && part.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'.' | b'*' | b'-'));
        if text.len() <= 128 && !["*", ".", ".."].contains(&text) && text.split(':').all(part_is_good) {
            Ok(Self(text.to_owned()))
        } else {
            Err(FieldError::new(
                "invalid_slug",
                "slug",
                "slug takes parts of a-z, 0-9, _ . * - with one colon between them, as in threads:read, at most 128 characters",
            ))
        }
    }

    pub fn stored(text: String) -> Self {
        Self(text)
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What stands before the first colon.
    pub fn resource(&self) -> &str {
        self.0.split(':').next().unwrap_or(&self.0)
    }
}
