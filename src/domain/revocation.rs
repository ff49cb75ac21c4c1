//! A revocation as verifiers are told of it: what is refused, from which place in the chain on, and until when it must be remembered.
use std::time::Duration;

use chancery_verifier::StatusIndex;

use super::timestamp::Timestamp;

/// How much longer than a token lives a revocation of it is remembered: clocks differ (K25).
pub const KEPT_AFTER_EXPIRY: Duration = Duration::from_secs(60);
/// For how long an issuer that is cut off from the store goes on making tokens of what it knew, unless it is set.
pub const DEFAULT_LEASE: Duration = Duration::from_secs(60);

/// How long a revocation is remembered where no token lives longer than `lifetime`, and a cut-off issuer makes them for as long as `lease`.
pub fn kept_for(lifetime: Duration, lease: Duration) -> Duration {
    lifetime + lease + KEPT_AFTER_EXPIRY
}

/// What is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Revoked {
    /// All tokens of one generation of a credential.
    Credential(StatusIndex),
    /// One token.
    Token { jti: String, expires_at: Timestamp },
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Revocation {
    /// The place in the chain of the change that revoked it.
    pub rev: i64,
    pub revoked: Revoked,
    /// By then every token it covers has expired, also one that a cut-off issuer made afterwards.
    pub kept_until: Timestamp,
}

/// How often verifiers are told that nothing happened, and for how long they believe what they were told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StatusProfile {
    /// The time between two frames when nothing happens.
    pub heartbeat: Duration,
    /// The oldest knowledge a verifier may decide by.
    pub max_staleness: Duration,
}

impl StatusProfile {
    pub const DEFAULT: Self = Self { heartbeat: Duration::from_secs(2), max_staleness: Duration::from_secs(10) };
    /// The bound is three seconds, at four times the frames.
    pub const STRICT: Self = Self { heartbeat: Duration::from_millis(500), max_staleness: Duration::from_secs(3) };
    /// Resource servers bear five minutes without the authority.
    pub const AVAILABLE: Self = Self { heartbeat: Duration::from_secs(2), max_staleness: Duration::from_secs(300) };
}

/// How far the clocks of the authority and of a verifier may differ.
pub const CLOCK_DIFFERENCE: Duration = Duration::from_secs(2);
