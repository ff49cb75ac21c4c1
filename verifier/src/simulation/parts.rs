//! What a simulated world is made of.
use crate::revocations::{Action, Revocations};
use crate::{KeySet, StatusIndex};

/// What of the authority may be wrong, to see that it matters.
#[derive(Clone, Copy)]
pub(super) struct Authority {
    /// Nothing is signed without a read of the database.
    pub(super) reads_before_it_signs: bool,
    /// Revisions are given in the order of the commits.
    pub(super) numbers_at_commit: bool,
}

pub(super) const SOUND: Authority = Authority { reads_before_it_signs: true, numbers_at_commit: true };

/// A generator whose every run is the same (SplitMix64).
pub(super) struct Chance(pub(super) u64);

impl Chance {
    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    pub(super) fn below(&mut self, bound: i64) -> i64 {
        i64::try_from(self.next() % u64::try_from(bound).unwrap()).unwrap()
    }

    /// Once in so many times.
    pub(super) fn once_in(&mut self, times: i64) -> bool {
        self.below(times) == 0
    }
}

pub(super) struct Revocation {
    pub(super) rev: i64,
    pub(super) index: StatusIndex,
    pub(super) committed_at: i64,
}

/// A publisher: what it last framed, and until when it is cut off from the database.
pub(super) struct Publisher {
    pub(super) framed: i64,
    pub(super) beat_at: i64,
    pub(super) cut_until: i64,
}

/// One feed of a verifier: frames under way, and until when it is frozen.
pub(super) struct Feed {
    pub(super) publisher: usize,
    pub(super) under_way: Vec<(i64, String)>,
    pub(super) frozen_until: i64,
}

pub(super) enum Answer {
    Frame(String),
    Snapshot(String),
    Keys(KeySet),
    Failed(Action),
}

pub(super) struct Verifier {
    pub(super) revocations: Revocations,
    pub(super) clock_difference: i64,
    /// Until when its clock is wrong, and by how much more.
    pub(super) clock_wrong: (i64, i64),
    pub(super) feeds: [Feed; 2],
    pub(super) answers: Vec<(i64, Answer)>,
}

/// An issuer that makes tokens of what it remembers.
pub(super) struct Issuer {
    pub(super) frozen: Option<(i64, Vec<StatusIndex>)>,
}

#[derive(Default, Debug)]
pub(super) struct Outcome {
    pub(super) attempts: u64,
    pub(super) past_the_bound: u64,
    pub(super) accepted: u64,
    pub(super) stale: u64,
}

impl Verifier {
    /// How much later than S it may still accept: clocks may differ by two seconds. One that was set back by more than that, and is given old
    /// publications alone, cannot know better than by as much as it lags; were it set back by hours it would notice.
    pub(super) fn lag(&self) -> i64 {
        if self.clock_wrong.1 < 0 { 5500 } else { 2000 }
    }

    /// What its clock says.
    pub(super) fn time(&self, now: i64) -> i64 {
        now + self.clock_difference + self.clock_wrong.1
    }
}
