//! How often a credential was used, in whole hours: the running one and those before it.
use serde::Serialize;

/// Counts of successful uses. `last_24h` is the running hour and the 23 before it; likewise days.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Usage {
    pub last_24h: i64,
    pub last_7d: i64,
    pub last_30d: i64,
}

/// How many hours of counts are kept.
pub const KEPT_HOURS: i64 = 30 * 24;
