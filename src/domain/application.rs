//! An M2M application: an OAuth client (RFC 6749 §2) of one organization, confidential, with the client_credentials grant and no other.
use chancery_verifier::Scope;
use schemars::JsonSchema;
use serde::{Serialize, Serializer};

use super::api_key::Grant;
use super::id::{ApplicationId, ClientId, OrganizationId};
use super::text::{FieldError, Name};
use super::timestamp::Timestamp;
use super::usage::Usage;

/// Lifetimes of access tokens, seconds (K3).
pub const MIN_ACCESS_TOKEN_TTL: u32 = 60;
pub const DEFAULT_ACCESS_TOKEN_TTL: u32 = 300;
/// The longest for a plain verifier, which no revocation reaches.
pub const MAX_ACCESS_TOKEN_TTL: u32 = 3600;
/// The longest for a resource server that follows the revocations.
pub const MAX_ENFORCED_ACCESS_TOKEN_TTL: u32 = 86_400;

/// What a client is told of a lifetime, seconds: up to `percent` less, a part of that by `spread`, whose whole is 2^32.
pub fn told_lifetime(lifetime: u64, percent: u32, spread: u32) -> u64 {
    let most = lifetime * u64::from(percent) / 100;
    lifetime - ((most * u64::from(spread)) >> u32::BITS)
}

/// How long a token lives, seconds: the shorter of what the client and the resource server ask for, within what is allowed.
pub fn access_token_lifetime(of_client: Option<u32>, of_server: Option<u32>, status_enforcing: bool) -> u32 {
    let asked = [of_client, of_server].into_iter().flatten().min();
    asked.unwrap_or(DEFAULT_ACCESS_TOKEN_TTL).clamp(MIN_ACCESS_TOKEN_TTL, max_access_token_ttl(status_enforcing))
}

/// The longest lifetime of a token for a resource server that does, or does not, follow the revocations.
pub fn max_access_token_ttl(status_enforcing: bool) -> u32 {
    if status_enforcing { MAX_ENFORCED_ACCESS_TOKEN_TTL } else { MAX_ACCESS_TOKEN_TTL }
}
/// How long an application's scope may be when written out, bytes: with all its other claims a token stays below 4 KiB (case 188).
pub const MAX_SCOPE_BYTES: usize = 1400;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ApplicationStatus {
    Active,
    Disabled,
}

impl ApplicationStatus {
    pub fn name(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Disabled => "disabled",
        }
    }
}

/// How a client may present its secret (RFC 6749 §2.3.1; names of RFC 7591 §2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub enum ClientAuthenticationMethod {
    #[serde(rename = "client_secret_basic")]
    Basic,
    #[serde(rename = "client_secret_post")]
    Post,
}

impl ClientAuthenticationMethod {
    pub const ALL: [Self; 2] = [Self::Basic, Self::Post];

    pub fn name(self) -> &'static str {
        match self {
            Self::Basic => "client_secret_basic",
            Self::Post => "client_secret_post",
        }
    }

    /// # Errors
    /// A [`FieldError`] that names what is supported; `none` would make a public client (RFC 6749 §4.4 forbids).
    pub fn parse(name: &str) -> Result<Self, FieldError> {
        Self::ALL.into_iter().find(|method| method.name() == name).ok_or_else(|| {
            FieldError::new(
                "unsupported_method",
                "token_endpoint_auth_methods",
                "token_endpoint_auth_methods takes client_secret_basic and client_secret_post",
            )
        })
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(tag = "object", rename = "connect_application")]
pub struct Application {
    pub id: ApplicationId,
    pub client_id: ClientId,
    pub organization_id: OrganizationId,
    pub application_type: ApplicationType,
    pub name: Name,
    pub description: Option<String>,
    #[serde(rename = "scopes", serialize_with = "scope_as_array")]
    #[schemars(with = "Vec<String>")]
    pub scope: Scope,
    pub status: ApplicationStatus,
    pub access_token_ttl: Option<u32>,
    /// Identifiers of the resource servers it may ask for; `None` is any registered one.
    pub resources: Option<Vec<String>>,
    pub token_endpoint_auth_methods: Vec<ClientAuthenticationMethod>,
    pub last_used_at: Option<Timestamp>,
    pub last_used_ip: Option<String>,
    pub usage: Usage,
    pub created_by: String,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    #[serde(skip)]
    pub version: i64,
}

/// The one type there is; the SDKs tell models apart by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ApplicationType {
    M2m,
}

pub struct NewApplication {
    /// As the caller named it.
    pub organization_id: String,
    pub name: Name,
    pub description: Option<String>,
    pub grant: Grant,
    pub access_token_ttl: Option<u32>,
    pub resources: Option<Vec<String>>,
    pub token_endpoint_auth_methods: Vec<ClientAuthenticationMethod>,
}

/// A partial change; the outer `None` leaves a field as it is.
#[derive(Default)]
pub struct ApplicationChange {
    pub name: Option<Name>,
    pub description: Option<Option<String>>,
    pub grant: Option<Grant>,
    pub access_token_ttl: Option<Option<u32>>,
    pub resources: Option<Option<Vec<String>>>,
    pub token_endpoint_auth_methods: Option<Vec<ClientAuthenticationMethod>>,
}

/// # Errors
/// A [`FieldError`] outside 60 to 3600 seconds, or to 86,400 where tokens are for resource servers that follow the revocations.
pub fn check_access_token_ttl(seconds: Option<u32>, status_enforcing: bool) -> Result<(), FieldError> {
    let longest = max_access_token_ttl(status_enforcing);
    let Some(seconds) = seconds.filter(|seconds| !(MIN_ACCESS_TOKEN_TTL..=longest).contains(seconds)) else { return Ok(()) };
    let message = if !status_enforcing && (longest..=MAX_ENFORCED_ACCESS_TOKEN_TTL).contains(&seconds) {
        format!("access_token_ttl takes {MIN_ACCESS_TOKEN_TTL} to {longest} seconds; more only for a status_enforcing resource server")
    } else {
        format!("access_token_ttl takes {MIN_ACCESS_TOKEN_TTL} to {longest} seconds, or null for the default")
    };
    Err(FieldError::new("out_of_range", "access_token_ttl", message))
}

/// A scope the way the management surface writes it: one text for each token.
///
/// # Errors
/// The serializer's.
pub fn scope_as_array<S: Serializer>(scope: &Scope, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(scope.iter().map(|token| token.as_str()))
}
