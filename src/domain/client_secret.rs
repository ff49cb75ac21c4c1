//! A client secret (RFC 6749 §2.3.1): named, expiring, rotated with an overlap, and counted by generation.
use schemars::JsonSchema;
use serde::Serialize;

use super::id::{ApplicationId, ClientSecretId, ClientSecretKind, OrganizationId};
use super::rotation::Life;
use super::text::Name;
use super::timestamp::Timestamp;
use super::usage::Usage;

/// How many secrets of one application may be live at once.
pub const MAX_LIVE_SECRETS: usize = 5;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum SecretStatus {
    /// It obtains tokens.
    Active,
    /// It obtains tokens until its overlap ends.
    Retiring,
    /// It obtains none any more; the tokens it obtained live to their own `exp`.
    Expired,
}

/// What is kept of a secret beside its digest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(tag = "object", rename = "connect_application_secret")]
pub struct ClientSecret {
    pub id: ClientSecretId,
    #[serde(skip)]
    pub application_id: ApplicationId,
    #[serde(skip)]
    pub organization_id: OrganizationId,
    pub name: Option<Name>,
    pub secret_hint: String,
    pub status: SecretStatus,
    /// When it stops obtaining tokens: its own expiry or the end of its overlap, whichever comes first.
    pub expires_at: Option<Timestamp>,
    /// Its first successful exchange.
    pub activated_at: Option<Timestamp>,
    pub last_used_at: Option<Timestamp>,
    pub last_used_ip: Option<String>,
    pub usage: Usage,
    pub created_by: String,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    #[serde(skip)]
    pub life: Life<ClientSecretKind>,
}

pub struct NewClientSecret {
    pub name: Option<Name>,
    pub expires_at: Option<Timestamp>,
}

impl SecretStatus {
    pub fn of(life: &Life<ClientSecretKind>, now: Timestamp) -> Self {
        match (life.is_live(now), life.retirement) {
            (false, _) => Self::Expired,
            (true, Some(_)) => Self::Retiring,
            (true, None) => Self::Active,
        }
    }
}
