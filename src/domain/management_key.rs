//! A management key: what an operator, or one organization's admin, calls the management surface with.
use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::{Serialize, Serializer};

use super::id::{ManagementKeyId, OrganizationId};
use super::text::{FieldError, Name};
use super::timestamp::Timestamp;
use super::user::Email;

/// What may be done on the management surface, as `resource:action`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Power {
    OrganizationsRead,
    OrganizationsWrite,
    ApplicationsRead,
    ApplicationsWrite,
    UsersRead,
    UsersWrite,
    MembershipsRead,
    MembershipsWrite,
    ApiKeysRead,
    ApiKeysWrite,
    ApiKeysValidate,
    SettingsRead,
    SettingsWrite,
    WebhookEndpointsRead,
    WebhookEndpointsWrite,
    PermissionsRead,
    PermissionsWrite,
    ResourceServersRead,
    ResourceServersWrite,
    SigningKeysRead,
    SigningKeysWrite,
    ManagementKeysRead,
    ManagementKeysWrite,
    EventsRead,
    TokensIntrospect,
    TokensRevoke,
}

impl Power {
    pub const ALL: [Self; 26] = [
        Self::OrganizationsRead,
        Self::OrganizationsWrite,
        Self::ApplicationsRead,
        Self::ApplicationsWrite,
        Self::UsersRead,
        Self::UsersWrite,
        Self::MembershipsRead,
        Self::MembershipsWrite,
        Self::ApiKeysRead,
        Self::ApiKeysWrite,
        Self::ApiKeysValidate,
        Self::SettingsRead,
        Self::SettingsWrite,
        Self::WebhookEndpointsRead,
        Self::WebhookEndpointsWrite,
        Self::PermissionsRead,
        Self::PermissionsWrite,
        Self::ResourceServersRead,
        Self::ResourceServersWrite,
        Self::SigningKeysRead,
        Self::SigningKeysWrite,
        Self::ManagementKeysRead,
        Self::ManagementKeysWrite,
        Self::EventsRead,
        Self::TokensIntrospect,
        Self::TokensRevoke,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Self::OrganizationsRead => "organizations:read",
            Self::OrganizationsWrite => "organizations:write",
            Self::ApplicationsRead => "applications:read",
            Self::ApplicationsWrite => "applications:write",
            Self::UsersRead => "users:read",
            Self::UsersWrite => "users:write",
            Self::MembershipsRead => "organization_memberships:read",
            Self::MembershipsWrite => "organization_memberships:write",
            Self::ApiKeysRead => "api_keys:read",
            Self::ApiKeysWrite => "api_keys:write",
            Self::ApiKeysValidate => "api_keys:validate",
            Self::SettingsRead => "settings:read",
            Self::SettingsWrite => "settings:write",
            Self::WebhookEndpointsRead => "webhook_endpoints:read",
            Self::WebhookEndpointsWrite => "webhook_endpoints:write",
            Self::PermissionsRead => "permissions:read",
            Self::PermissionsWrite => "permissions:write",
            Self::ResourceServersRead => "resource_servers:read",
            Self::ResourceServersWrite => "resource_servers:write",
            Self::SigningKeysRead => "signing_keys:read",
            Self::SigningKeysWrite => "signing_keys:write",
            Self::ManagementKeysRead => "management_keys:read",
            Self::ManagementKeysWrite => "management_keys:write",
            Self::EventsRead => "events:read",
            Self::TokensIntrospect => "tokens:introspect",
            Self::TokensRevoke => "tokens:revoke",
        }
    }
}

const EVERYTHING: &str = "*";
const EVERY_READ: &str = "*:read";

/// What a management key was granted: powers by name, `*:read`, or `*`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grants(BTreeSet<String>);

impl Grants {
    pub fn everything() -> Self {
        Self([EVERYTHING.to_owned()].into())
    }

    /// # Errors
    /// A [`FieldError`] when there is none, or one that does not exist.
    pub fn parse<'a>(names: impl IntoIterator<Item = &'a str>) -> Result<Self, FieldError> {
        let grants: BTreeSet<String> = names.into_iter().map(str::to_owned).collect();
        let exists = |name: &str| [EVERYTHING, EVERY_READ].contains(&name) || Power::ALL.iter().any(|power| power.name() == name);
        if let Some(unknown) = grants.iter().find(|name| !exists(name)) {
            let known = Power::ALL.map(Power::name).join(", ");
            let unknown: String = unknown.chars().take(64).collect();
            return Err(FieldError::new("unknown_permission", "permissions", format!("{unknown:?} is none of {known}, *:read, *")));
        }
        if grants.is_empty() {
            return Err(FieldError::new("permissions_required", "permissions", "a management key needs at least one permission"));
        }
        Ok(Self(grants))
    }

    pub fn stored(text: &str) -> Self {
        Self(text.split(' ').map(str::to_owned).collect())
    }

    pub fn allow(&self, power: Power) -> bool {
        self.0.contains(EVERYTHING) || self.0.contains(power.name()) || (power.name().ends_with(":read") && self.0.contains(EVERY_READ))
    }

    pub fn are_everything(&self) -> bool {
        self.0.contains(EVERYTHING)
    }

    /// Whether everything in `other` is in these (A4): nobody grants what he lacks.
    pub fn cover(&self, other: &Self) -> bool {
        self.0.contains(EVERYTHING)
            || other.0.iter().all(|name| self.0.contains(name) || (name.ends_with(":read") && self.0.contains(EVERY_READ)))
    }
}

impl std::fmt::Display for Grants {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0.iter().map(String::as_str).collect::<Vec<_>>().join(" "))
    }
}

impl Serialize for Grants {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(&self.0)
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(tag = "object", rename = "management_key")]
pub struct ManagementKey {
    pub id: ManagementKeyId,
    pub name: Name,
    #[schemars(with = "Vec<String>")]
    pub permissions: Grants,
    /// The one organization it reaches; `None` is the whole installation.
    pub organization_id: Option<OrganizationId>,
    pub key_hint: String,
    /// Who signs in to the console as this key by an identity provider.
    pub signs_in_as: Option<Identity>,
    pub last_used_at: Option<Timestamp>,
    pub created_by: String,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

pub struct NewManagementKey {
    pub name: Name,
    pub permissions: Grants,
    pub organization_id: Option<OrganizationId>,
    pub signs_in_as: Option<Identity>,
}

/// What an identity provider knows somebody by: an e-mail address that it verified, or its `sub`, which is somebody only together with the
/// provider's issuer (OpenID Connect Core 1.0 §5.7). What has an `@` is an address, whatever its case.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(transparent)]
pub struct Identity(String);

impl Identity {
    /// `issuer` is the provider that there is.
    ///
    /// # Errors
    /// A [`FieldError`].
    pub fn parse(text: &str, issuer: Option<&str>) -> Result<Self, FieldError> {
        if text.contains('@') {
            return Self::of_email(text).map_err(|error| FieldError::new("invalid_email", "signs_in_as", error.message));
        }
        if !(1..=255).contains(&text.len()) || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            let message =
                "signs_in_as takes an e-mail address, or the sub of an identity provider: 1 to 255 ASCII characters without space";
            return Err(FieldError::new("invalid_identity", "signs_in_as", message));
        }
        let unknown = || {
            FieldError::new(
                "no_identity_provider",
                "signs_in_as",
                "a sub is somebody at one provider alone, and CHANCERY_OPENID_ISSUER names none: give an e-mail address",
            )
        };
        Ok(Self::of_subject(issuer.ok_or_else(unknown)?, text))
    }

    /// # Errors
    /// A [`FieldError`] for what is no address.
    pub fn of_email(text: &str) -> Result<Self, FieldError> {
        Email::parse(text).map(|email| Self(email.key()))
    }

    pub fn of_subject(issuer: &str, sub: &str) -> Self {
        Self(format!("{issuer}#{sub}"))
    }

    pub fn stored(text: String) -> Self {
        Self(text)
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Which organizations a caller reaches. It stands in every tenant statement (A3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    Installation,
    Organization(OrganizationId),
}

impl Reach {
    pub fn organization(self) -> Option<OrganizationId> {
        match self {
            Self::Installation => None,
            Self::Organization(id) => Some(id),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a4_nobody_grants_what_he_lacks() {
        let grants = |names: &[&str]| Grants::parse(names.iter().copied()).unwrap();
        assert!(grants(&["*"]).cover(&grants(&["*"])));
        assert!(grants(&["*:read"]).cover(&grants(&["events:read", "*:read"])));
        assert!(!grants(&["*:read"]).cover(&grants(&["applications:write"])));
        let all: Vec<_> = Power::ALL.iter().map(|power| power.name()).collect();
        assert!(!grants(&all).cover(&grants(&["*"])), "a power that comes later is not theirs to give");
    }

    #[test]
    fn every_power_is_a_resource_and_an_action() {
        for power in Power::ALL {
            assert_eq!(power.name().split(':').count(), 2);
            assert_eq!(Grants::everything().allow(power), Grants::parse([power.name()]).unwrap().allow(power));
        }
    }
}
