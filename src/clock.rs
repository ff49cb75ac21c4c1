//! The clock: the one place the time is read, and what tests move.
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::domain::timestamp::Timestamp;

/// Wall-clock time that never runs backwards within the process, and believes no sudden leap (F14).
#[derive(Clone)]
pub struct Clock(Arc<Source>);

enum Source {
    Runs { steady: Steady, started: Instant },
    Stands(AtomicI64),
}

/// How far the wall clock may run ahead of the monotonic one before it is doubted, milliseconds.
const LEAP: i64 = 5 * 60 * 1000;
/// How long it must stay there to be believed after all, milliseconds: a machine that slept, or a clock that was set.
const BELIEVED_AFTER: i64 = 60 * 1000;
const NO_DOUBT: i64 = i64::MIN;

/// Makes one steady time of two readings, in milliseconds.
struct Steady {
    /// What the wall clock was ahead of the monotonic one when it was last believed.
    offset: AtomicI64,
    /// The monotonic time since when the wall clock is doubted.
    doubted_since: AtomicI64,
    latest: AtomicI64,
}

impl Steady {
    fn new(wall: i64) -> Self {
        Self { offset: AtomicI64::new(wall), doubted_since: AtomicI64::new(NO_DOUBT), latest: AtomicI64::new(wall) }
    }

    /// A step back holds the time where it was. A leap forward is not followed for a minute: one bad reading would otherwise stay.
    fn read(&self, wall: i64, monotonic: i64) -> i64 {
        let expected = self.offset.load(Ordering::Acquire).saturating_add(monotonic);
        let time = if wall.saturating_sub(expected) <= LEAP {
            self.believe(wall, monotonic)
        } else {
            let since = self.doubted_since.load(Ordering::Acquire);
            let since = if since == NO_DOUBT { monotonic } else { since };
            self.doubted_since.store(since, Ordering::Release);
            if monotonic.saturating_sub(since) >= BELIEVED_AFTER { self.believe(wall, monotonic) } else { expected }
        };
        self.latest.fetch_max(time, Ordering::AcqRel).max(time)
    }

    fn believe(&self, wall: i64, monotonic: i64) -> i64 {
        self.doubted_since.store(NO_DOUBT, Ordering::Release);
        // Backwards it is only ever held: what it then says is where the next leap is measured from.
        self.offset.store(wall.saturating_sub(monotonic), Ordering::Release);
        wall
    }
}

impl Clock {
    /// The machine's clock.
    pub fn system() -> Self {
        Self(Arc::new(Source::Runs { steady: Steady::new(wall_millis()), started: instant() }))
    }

    /// A clock that stands until it is moved.
    pub fn standing_at(at: Timestamp) -> Self {
        Self(Arc::new(Source::Stands(AtomicI64::new(at.millis()))))
    }

    pub fn now(&self) -> Timestamp {
        Timestamp::from_millis(match &*self.0 {
            Source::Stands(at) => at.load(Ordering::Acquire),
            Source::Runs { steady, started } => {
                steady.read(wall_millis(), i64::try_from(started.elapsed().as_millis()).unwrap_or(i64::MAX))
            }
        })
    }

    /// Moves a standing clock forward; a running one is moved by nobody.
    pub fn advance(&self, duration: Duration) {
        if let Source::Stands(at) = &*self.0 {
            at.fetch_add(i64::try_from(duration.as_millis()).unwrap_or(0), Ordering::AcqRel);
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

#[cfg(test)]
mod tests {
    use super::*;

    const START: i64 = 1_795_132_800_000;
    const YEARS: i64 = 10 * 365 * 24 * 3_600_000;

    #[test]
    fn f14_one_bad_reading_is_not_believed() {
        let steady = Steady::new(START);
        assert_eq!(steady.read(START + 1000, 1000), START + 1000);
        assert_eq!(steady.read(START + YEARS, 2000), START + 2000);
        assert_eq!(steady.read(START + 3000, 3000), START + 3000);
        assert_eq!(steady.read(START + YEARS, 90_000), START + 90_000, "the doubt begins anew");
    }

    #[test]
    fn f14_a_clock_that_was_set_forward_is_believed_after_a_minute() {
        let steady = Steady::new(START);
        for second in 0..60 {
            assert_eq!(steady.read(START + YEARS + second * 1000, second * 1000), START + second * 1000);
        }
        assert_eq!(steady.read(START + YEARS + 60_000, 60_000), START + YEARS + 60_000);
    }

    #[test]
    fn f14_time_never_runs_backwards_and_small_steps_are_followed() {
        let steady = Steady::new(START);
        assert_eq!(steady.read(START + 60_000, 1000), START + 60_000);
        assert_eq!(steady.read(START, 2000), START + 60_000);
        assert_eq!(steady.read(START + 30_000, 32_000), START + 60_000);
        assert_eq!(steady.read(START + 61_000, 63_000), START + 61_000);
    }
}
