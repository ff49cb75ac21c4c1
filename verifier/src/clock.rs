//! The one place this crate reads a clock.
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// Milliseconds since the epoch.
#[expect(clippy::disallowed_methods, reason = "the one place this crate reads the wall clock")]
pub(crate) fn wall_millis() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).ok().and_then(|since| i64::try_from(since.as_millis()).ok()).unwrap_or(0)
}

#[expect(clippy::disallowed_methods, reason = "the one place this crate reads the monotonic clock")]
pub(crate) fn monotonic() -> Instant {
    Instant::now()
}
