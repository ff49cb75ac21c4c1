//! Failed authentications per source address (RFC 6749 §2.3.1: "protect against brute force"): beyond a quota they are answered 429.
use std::net::IpAddr;
use std::num::NonZeroU32;

use governor::clock::DefaultClock;
use governor::state::keyed::DashMapStateStore;
use governor::{Quota, RateLimiter};

/// Failures a second, after the burst.
const PER_SECOND: NonZeroU32 = NonZeroU32::new(50).unwrap();
const BURST: NonZeroU32 = NonZeroU32::new(500).unwrap();
/// Beyond this many sources those that are idle are forgotten.
const MAX_SOURCES: usize = 10_000;

/// Counts failures by source. IPv6 sources are counted by their /64, which is one subscriber's.
pub struct Throttle {
    limiter: RateLimiter<IpAddr, DashMapStateStore<IpAddr>, DefaultClock>,
}

impl Default for Throttle {
    fn default() -> Self {
        Self { limiter: RateLimiter::dashmap(Quota::per_second(PER_SECOND).allow_burst(BURST)) }
    }
}

impl Throttle {
    /// Counts a failure; whether it is within the quota.
    pub fn admits_failure(&self, source: Option<IpAddr>) -> bool {
        let Some(source) = source else { return true };
        let source = match source {
            IpAddr::V6(address) => IpAddr::V6((u128::from(address) >> 64 << 64).into()),
            v4 @ IpAddr::V4(_) => v4,
        };
        if self.limiter.len() > MAX_SOURCES {
            self.limiter.retain_recent();
        }
        self.limiter.check_key(&source).is_ok()
    }
}
