//! The permission catalogue: what a scope token (RFC 6749 §3.3) means, and at which resource server.
use serde::Serialize;

use super::id::PermissionId;
use super::text::{FieldError, Name};
use super::timestamp::Timestamp;

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
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
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    #[serde(skip)]
    pub version: i64,
}

pub struct NewPermission {
    pub slug: Slug,
    pub name: Name,
    pub description: Option<String>,
    pub resource_server: Option<String>,
}

#[derive(Default)]
pub struct PermissionChange {
    pub name: Option<Name>,
    pub description: Option<Option<String>>,
}

/// `[a-z0-9_.*-]+(:[a-z0-9_.*-]+)*`, at most 128 characters: a scope token by construction.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Slug(String);

impl Slug {
    /// # Errors
    /// A [`FieldError`] outside the grammar.
    pub fn parse(text: &str) -> Result<Self, FieldError> {
        let part_is_good =
            |part: &str| !part.is_empty() && part.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'.' | b'*' | b'-'));
        if text.len() <= 128 && text != "*" && text.split(':').all(part_is_good) {
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
}
