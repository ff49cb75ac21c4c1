//! What a verifier counts, for whatever metrics its resource server has.
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// The counters, at one moment. All but the first two only grow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Figures {
    /// How old the knowledge of revocations is; `None` while there is none, or where none is followed.
    pub revocation_age: Option<Duration>,
    /// How many revocations are remembered.
    pub revocations: usize,
    /// Frames of the feeds that were taken in.
    pub frames: u64,
    /// Publications after which something was still missing: frames before them, or the keys they name.
    pub incomplete: u64,
    /// Publications that could not be verified.
    pub invalid: u64,
    /// Publications from the future: this clock, or the authority's, is wrong. Raise an alarm.
    pub from_the_future: u64,
    /// Feeds that were opened.
    pub connections: u64,
    /// Snapshots that were fetched.
    pub snapshots: u64,
    /// Tokens and keys that were refused because they were revoked.
    pub refused_revoked: u64,
    /// Tokens and keys that were refused because too little was known: each was a 503.
    pub refused_stale: u64,
}

#[derive(Default)]
pub(crate) struct Counters {
    pub(crate) frames: Counter,
    pub(crate) incomplete: Counter,
    pub(crate) invalid: Counter,
    pub(crate) from_the_future: Counter,
    pub(crate) connections: Counter,
    pub(crate) snapshots: Counter,
    pub(crate) refused_revoked: Counter,
    pub(crate) refused_stale: Counter,
}

#[derive(Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    pub(crate) fn add(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn read(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}
