//! The clock: the one place the time is read, and what tests move.
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::domain::timestamp::Timestamp;

/// Wall-clock time that never runs backwards within the process: a step back holds it where it was (F14).
#[derive(Clone)]
pub struct Clock {
    latest: Arc<AtomicI64>,
    runs: bool,
}

impl Clock {
    /// The machine's clock.
    pub fn system() -> Self {
        Self { latest: Arc::new(AtomicI64::new(wall_millis())), runs: true }
    }

    /// A clock that stands until it is moved.
    pub fn standing_at(at: Timestamp) -> Self {
        Self { latest: Arc::new(AtomicI64::new(at.millis())), runs: false }
    }

    pub fn now(&self) -> Timestamp {
        if !self.runs {
            return Timestamp::from_millis(self.latest.load(Ordering::Acquire));
        }
        let wall = wall_millis();
        Timestamp::from_millis(self.latest.fetch_max(wall, Ordering::AcqRel).max(wall))
    }

    /// Moves a standing clock forward; a running one is moved by nobody.
    pub fn advance(&self, duration: Duration) {
        if !self.runs {
            self.latest.fetch_add(i64::try_from(duration.as_millis()).unwrap_or(0), Ordering::AcqRel);
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "the one place the wall clock is read")]
fn wall_millis() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).ok().and_then(|since| i64::try_from(since.as_millis()).ok()).unwrap_or(0)
}

/// A point on the monotonic clock, for measuring how long something took.
#[expect(clippy::disallowed_methods, reason = "the one place the monotonic clock is read")]
pub fn instant() -> Instant {
    Instant::now()
}
