//! The schedule of signing keys: how long each is published, signs, and stays.
use std::time::Duration;

use super::application::MAX_ENFORCED_ACCESS_TOKEN_TTL;
use super::timestamp::Timestamp;

/// The parameters of the key schedule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Schedule {
    /// How long a key is published before it signs; at least what a verifier caches.
    pub lead: Duration,
    /// How long a key signs.
    pub active_period: Duration,
    /// How long an instance may take to see a change of state.
    pub propagation: Duration,
    /// How far clocks may differ.
    pub skew: Duration,
    /// The longest lifetime of a token.
    pub max_token_lifetime: Duration,
}

impl Schedule {
    const PROPAGATION: Duration = Duration::from_secs(30);
    pub const DEFAULT_LEAD: Duration = Duration::from_secs(4 * 3600);

    pub const fn with_lead(lead: Duration) -> Self {
        Self {
            lead,
            active_period: Duration::from_secs(30 * 24 * 3600),
            propagation: Self::PROPAGATION,
            skew: Duration::from_secs(60),
            max_token_lifetime: Duration::from_secs(MAX_ENFORCED_ACCESS_TOKEN_TTL as u64),
        }
    }

    /// An instance that is cut off goes on for as long as its lease lasts.
    pub fn with_lease(self, lease: Duration) -> Self {
        Self { propagation: lease.max(Self::PROPAGATION), ..self }
    }

    /// Whether verifiers that honour our `max-age` have every key before it signs.
    pub fn leads_long_enough(&self) -> bool {
        self.lead >= Duration::from_secs(300) + self.propagation + self.skew
    }

    /// When a key that stops signing at `retired_at` may leave the JWK set.
    pub fn removes_at(&self, retired_at: Timestamp) -> Timestamp {
        retired_at + self.propagation + self.max_token_lifetime + self.skew
    }

    /// When the private half of a key that stopped signing may be wiped: no instance can still be signing with it.
    pub fn erases_at(&self, retired_at: Timestamp) -> Timestamp {
        retired_at + self.propagation * 2
    }
}
