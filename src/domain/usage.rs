//! How often a credential was used, in whole hours: the running one and those before it.
use schemars::JsonSchema;
use serde::Serialize;

use super::id::{ApiKeyId, ApplicationId, ClientSecretId};
use super::timestamp::Timestamp;
use super::token_quota::QuotaHolder;

/// Counts of successful uses. `last_24h` is the running hour and the 23 before it; likewise days.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Usage {
    pub last_24h: i64,
    pub last_7d: i64,
    pub last_30d: i64,
}

/// How many hours of counts are kept.
pub const KEPT_HOURS: i64 = 30 * 24;

/// What can come of a token request: a token, or an error (RFC 6749 §5.2, RFC 8707 §2), for `temporarily_unavailable` its cause.
pub const TOKEN_OUTCOMES: [&str; 12] = [
    "issued",
    "invalid_client",
    "invalid_request",
    "invalid_scope",
    "invalid_target",
    "unsupported_grant_type",
    "too_many_failures",
    "quota_exceeded",
    "overloaded",
    "store_unavailable",
    "insufficient_scope",
    "server_error",
];

/// Whose uses are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Used {
    ClientSecret {
        id: ClientSecretId,
        application_id: ApplicationId,
    },
    ApiKey(ApiKeyId),
    /// By a token.
    TokenQuota(QuotaHolder),
}

/// Uses of one of them within one hour.
#[derive(Clone, Debug)]
pub struct Uses {
    pub of: Used,
    pub hour: i64,
    pub uses: i64,
    pub last_used_at: Timestamp,
    pub last_used_ip: Option<String>,
}
