//! Counting tokens against a quota, without a lock: each window's number and its count are one word.
use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::domain::id::OrganizationId;
use crate::domain::timestamp::Timestamp;
use crate::domain::token_quota::{Left, Limits, QuotaHolder, Window};

/// The limits of one holder, and what he obtained.
#[derive(Debug)]
pub struct Meter {
    pub holder: QuotaHolder,
    pub organization_id: OrganizationId,
    pub limits: Limits,
    /// Kept when the limits are replaced.
    counts: Arc<[Count; 2]>,
}

#[derive(Debug, Default)]
struct Count {
    /// The number of the window in the upper half, tokens in the lower.
    tokens: AtomicU64,
    /// The last window of which was told that its limit is exceeded.
    told: AtomicU64,
}

impl Count {
    fn add(&self, window: u64, tokens: u32) {
        let added = |word: u64| match word >> 32 {
            running if running == window => Some((window << 32) | u64::from((word as u32).saturating_add(tokens))),
            // One instance's clock may be a moment behind: the next window's count stays.
            later if later > window => None,
            _ => Some((window << 32) | u64::from(tokens)),
        };
        let _ = self.tokens.fetch_update(Ordering::Relaxed, Ordering::Relaxed, added);
    }

    fn get(&self, window: u64) -> u32 {
        let word = self.tokens.load(Ordering::Relaxed);
        if word >> 32 == window { word as u32 } else { 0 }
    }
}

fn number(window: Window, now: Timestamp) -> u64 {
    u64::try_from(window.at(now)).unwrap_or(0)
}

impl Meter {
    /// `before` is the meter this one replaces.
    pub fn new(holder: QuotaHolder, organization_id: OrganizationId, limits: Limits, before: Option<&Self>) -> Self {
        let counts = before.map(|before| Arc::clone(&before.counts)).unwrap_or_default();
        Self { holder, organization_id, limits, counts }
    }

    fn count(&self, window: Window) -> &Count {
        &self.counts[window as usize]
    }

    /// What was obtained in the running window.
    pub fn tokens(&self, window: Window, now: Timestamp) -> u32 {
        self.count(window).get(number(window, now))
    }

    /// Counts one token.
    pub fn add(&self, now: Timestamp) {
        for window in Window::ALL {
            self.count(window).add(number(window, now), 1);
        }
    }

    /// What all instances counted is known of as many.
    pub fn at_least(&self, window: Window, now: Timestamp, tokens: u32) {
        let missing = tokens.saturating_sub(self.tokens(window, now));
        if missing > 0 {
            self.count(window).add(number(window, now), missing);
        }
    }

    /// The limits, and what is left of each.
    pub fn left(&self, now: Timestamp) -> impl Iterator<Item = Left> {
        Window::ALL.into_iter().filter_map(move |window| {
            let limit: NonZeroU32 = self.limits.of(window)?;
            let left = limit.get().saturating_sub(self.tokens(window, now));
            Some(Left { holder: self.holder, window, limit, left, resets_in: window.seconds_left(now) })
        })
    }

    /// Whether nobody was told yet that the limit of the running window is exceeded; only once.
    pub fn take_untold(&self, window: Window, now: Timestamp) -> bool {
        let running = number(window, now);
        self.count(window).told.swap(running, Ordering::Relaxed) != running
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_begins_with_nothing_and_a_late_clock_does_not_bring_the_old_one_back() {
        let count = Count::default();
        count.add(7, 2);
        count.add(7, 1);
        assert_eq!((count.get(7), count.get(8)), (3, 0));
        count.add(8, 1);
        count.add(7, 1);
        assert_eq!((count.get(7), count.get(8)), (0, 1));
    }

    #[test]
    fn a_count_that_is_full_stays_full() {
        let count = Count::default();
        count.add(1, u32::MAX);
        count.add(1, 1);
        assert_eq!(count.get(1), u32::MAX);
    }
}
