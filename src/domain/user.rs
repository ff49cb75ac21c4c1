//! A user: whom personal keys act for. Who he is comes from the embedding product; nobody signs in here.
use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Serialize, Serializer};

use super::id::{OrganizationId, UserId};
use super::metadata::Metadata;
use super::text::FieldError;
use super::timestamp::Timestamp;

pub const MAX_EMAIL: usize = 254;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(tag = "object", rename = "user")]
pub struct User {
    pub id: UserId,
    pub email: Email,
    pub email_verified: bool,
    pub first_name: Option<String>,
    pub last_name: Option<String>,
    pub name: Option<String>,
    /// Always null: pictures are the embedding product's. The SDKs need the member.
    pub profile_picture_url: Option<()>,
    pub locale: Option<String>,
    pub external_id: Option<String>,
    /// Always null: nobody signs in here. The SDKs need the member.
    pub last_sign_in_at: Option<()>,
    pub metadata: Metadata,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    #[serde(skip)]
    pub version: i64,
}

impl User {
    /// What a person reads as his name.
    pub fn display_name(&self) -> String {
        let parts = [self.first_name.as_deref(), self.last_name.as_deref()];
        let full = parts.into_iter().flatten().collect::<Vec<_>>().join(" ");
        match &self.name {
            Some(name) => name.clone(),
            None if full.is_empty() => self.email.as_str().to_owned(),
            None => full,
        }
    }
}

/// An e-mail address, as far as its form tells: one `@` between two parts, no space, at most 254 characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Email(String);

impl Email {
    /// # Errors
    /// A [`FieldError`].
    pub fn parse(text: &str) -> Result<Self, FieldError> {
        let text = text.trim();
        let parts = text.split_once('@').filter(|(local, domain)| !local.is_empty() && !domain.is_empty() && !domain.contains('@'));
        if parts.is_some() && text.chars().count() <= MAX_EMAIL && !text.chars().any(|c| c.is_control() || c.is_whitespace()) {
            return Ok(Self(text.to_owned()));
        }
        Err(FieldError::new("invalid_email", "email", "email takes an address such as ada@example.com, at most 254 characters"))
    }

    pub fn stored(text: String) -> Self {
        Self(text)
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What two spellings of one address share.
    pub fn key(&self) -> String {
        self.0.to_lowercase()
    }
}

impl JsonSchema for Email {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "email".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "maxLength": MAX_EMAIL, "examples": ["ada@example.com"] })
    }
}

impl Serialize for Email {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

pub struct NewUser {
    pub email: Email,
    pub email_verified: bool,
    pub first_name: Option<String>,
    pub last_name: Option<String>,
    pub name: Option<String>,
    pub locale: Option<String>,
    pub external_id: Option<String>,
    pub metadata: Metadata,
}

/// A partial change; the outer `None` leaves a field as it is.
#[derive(Default)]
pub struct UserChange {
    pub email: Option<Email>,
    pub email_verified: Option<bool>,
    pub first_name: Option<Option<String>>,
    pub last_name: Option<Option<String>>,
    pub name: Option<Option<String>>,
    pub locale: Option<Option<String>>,
    pub external_id: Option<Option<String>>,
    pub metadata: Option<Metadata>,
}

/// Which users are asked for; an empty field is no condition.
#[derive(Default)]
pub struct UserFilter {
    pub email: Option<String>,
    /// Those with a membership there, active or not.
    pub organization_id: Option<OrganizationId>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_one_at_sign_and_no_space() {
        for good in ["ada@example.com", " ada@example.com ", "a+b@x", "ä@ö.example"] {
            assert!(Email::parse(good).is_ok(), "{good}");
        }
        for bad in ["", "ada", "@x", "a@", "a@b@c", "a b@c", "a@b\n.c", &format!("{}@x", "a".repeat(300))] {
            assert!(Email::parse(bad).is_err(), "{bad}");
        }
    }
}
