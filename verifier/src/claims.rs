//! The claims of an access token (RFC 9068 §2.2) with Chancery's own: organization, principal, credential, generation.
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::scope::Scope;
use crate::status::Status;

/// On whose behalf the credential acts.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "lowercase")]
pub enum Principal {
    /// The organization's one synthetic principal, shared by all its applications and organization-wide API keys.
    Organization {
        /// Its id, `prn_…`.
        id: String,
    },
    /// A user.
    User {
        /// The user's id, `user_…`.
        id: String,
    },
}

impl Principal {
    /// The principal's id.
    pub fn id(&self) -> &str {
        match self {
            Self::Organization { id } | Self::User { id } => id,
        }
    }
}

/// The audience: always one string, the resource server's identifier. An array is refused, so no token is good for two resource servers.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Audience(pub String);

/// The claims of an access token. From [`crate::verify`] or [`crate::Verifier::verify`] they are verified; anything else is not.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AccessToken {
    /// Issuer identifier.
    pub iss: String,
    /// The subject: the application's `client_id`, or a user's id.
    pub sub: String,
    /// The resource server's identifier.
    pub aud: Audience,
    /// When it expires, seconds since the epoch.
    pub exp: u64,
    /// When it was issued, seconds since the epoch.
    pub iat: u64,
    /// Its unique id.
    pub jti: String,
    /// The client that obtained it.
    pub client_id: String,
    /// The organization that owns the client.
    pub org_id: String,
    /// What was granted; `None` when nothing was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<Scope>,
    /// On whose behalf.
    pub principal: Principal,
    /// Id of the credential that obtained it.
    pub cred: String,
    /// Generation of that credential.
    #[serde(rename = "gen")]
    pub generation: i64,
    /// Where its status is published. Tokens of a version that published none lack it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<Status>,
    /// Not before, where there is one, seconds since the epoch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nbf: Option<u64>,
    /// The resource server's own static claims.
    #[serde(flatten)]
    pub custom: Map<String, Value>,
}

/// The token verified, but lacks a scope the route needs (RFC 6750 §3.1 `insufficient_scope`, 403).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the access token lacks the scope {0}")]
pub struct InsufficientScope(pub String);

impl AccessToken {
    /// The names Chancery itself sets; a resource server's static claims may not use them.
    pub const RESERVED: [&'static str; 23] = [
        "iss",
        "sub",
        "aud",
        "exp",
        "iat",
        "jti",
        "nbf",
        "client_id",
        "org_id",
        "scope",
        "principal",
        "cred",
        "gen",
        "status",
        "cnf",
        "act",
        "may_act",
        "azp",
        "auth_time",
        "acr",
        "active",
        "token_type",
        "username",
    ];

    /// The organization's id, `org_…`.
    pub fn organization(&self) -> &str {
        &self.org_id
    }

    /// On whose behalf the caller acts.
    pub fn principal(&self) -> &Principal {
        &self.principal
    }

    /// Whether the scope token was granted.
    pub fn has_scope(&self, token: &str) -> bool {
        self.scope.as_ref().is_some_and(|scope| scope.contains(token))
    }

    /// Demands a scope token.
    ///
    /// # Errors
    /// [`InsufficientScope`], to be answered with 403.
    pub fn require_scope(&self, token: &str) -> Result<(), InsufficientScope> {
        if self.has_scope(token) { Ok(()) } else { Err(InsufficientScope(token.into())) }
    }
}
