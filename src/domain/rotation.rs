//! Rotation: a new credential beside the old one, which retires after an overlap; the same for client secrets and API keys.
use std::time::Duration;

use super::id::{Id, Kind};
use super::text::{FieldError, Name};
use super::timestamp::Timestamp;

pub const DEFAULT_OVERLAP: Duration = Duration::from_secs(24 * 3600);
pub const MAX_OVERLAP: Duration = Duration::from_secs(7 * 24 * 3600);

/// How long a credential of kind `K` works.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Life<K: Kind> {
    /// Its own expiry, set when it was made.
    pub expires_at: Option<Timestamp>,
    /// What a rotation decided.
    pub retirement: Option<Retirement<K>>,
}

/// A rotation's decision over a credential that was live before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retirement<K: Kind> {
    /// The credential that replaces this one.
    pub successor: Id<K>,
    /// The length of the overlap.
    pub overlap: Duration,
    /// When the overlap ends; `None` until the successor is used for the first time.
    pub ends_at: Option<Timestamp>,
}

/// From when the overlap of a rotation runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OverlapFrom {
    Now,
    FirstUse,
}

/// A rotation as it was asked for.
pub struct Rotation {
    pub overlap: Duration,
    pub from: OverlapFrom,
    pub name: Option<Name>,
    pub expires_at: Option<Timestamp>,
}

impl Rotation {
    /// Nothing of the one before goes on.
    pub fn is_at_once(&self) -> bool {
        self.overlap.is_zero() && self.from == OverlapFrom::Now
    }
}

impl<K: Kind> Default for Life<K> {
    fn default() -> Self {
        Self { expires_at: None, retirement: None }
    }
}

impl<K: Kind + Copy> Life<K> {
    /// When it stops working, as far as that is known.
    pub fn ends_at(&self) -> Option<Timestamp> {
        [self.expires_at, self.retirement.and_then(|retirement| retirement.ends_at)].into_iter().flatten().min()
    }

    pub fn is_live(&self, now: Timestamp) -> bool {
        self.ends_at().is_none_or(|end| now < end)
    }

    /// Retires it in favour of `successor`. An end already set is never moved later.
    pub fn retire(&mut self, successor: Id<K>, rotation: &Rotation, now: Timestamp) {
        let new_end = match rotation.from {
            OverlapFrom::Now => Some(now + rotation.overlap),
            OverlapFrom::FirstUse => None,
        };
        let old_end = self.retirement.and_then(|retirement| retirement.ends_at);
        let ends_at = match (old_end, new_end) {
            (Some(old), Some(new)) => Some(old.min(new)),
            (old, new) => old.or(new),
        };
        self.retirement = Some(Retirement { successor, overlap: rotation.overlap, ends_at });
    }

    /// The successor was used for the first time: the overlap runs from then, unless it ends earlier already.
    pub fn successor_used(&mut self, at: Timestamp) {
        if let Some(retirement) = &mut self.retirement {
            let end = at + retirement.overlap;
            retirement.ends_at = Some(retirement.ends_at.map_or(end, |earlier| earlier.min(end)));
        }
    }
}

/// # Errors
/// A [`FieldError`] unless it lies in the future.
pub fn check_expiry(expires_at: Option<Timestamp>, now: Timestamp) -> Result<(), FieldError> {
    match expires_at {
        Some(at) if at <= now => Err(FieldError::new("in_the_past", "expires_at", "expires_at must lie in the future")),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::id::{ClientSecretId, ClientSecretKind};
    use proptest::prelude::*;
    use uuid::Uuid;

    fn rotation(seconds: u64, from: OverlapFrom) -> Rotation {
        Rotation { overlap: Duration::from_secs(seconds), from, name: None, expires_at: None }
    }

    proptest! {
        #[test]
        fn an_end_already_set_is_never_moved_later(steps in proptest::collection::vec((0_u64..600, any::<bool>(), 0_i64..300_000), 1..12)) {
            let mut life = Life::<ClientSecretKind>::default();
            let mut now = Timestamp::from_millis(0);
            for (seconds, first_use, passed) in steps {
                let before = life.ends_at();
                let from = if first_use { OverlapFrom::FirstUse } else { OverlapFrom::Now };
                life.retire(ClientSecretId::new(Uuid::from_u128(1)), &rotation(seconds, from), now);
                if let Some(before) = before {
                    prop_assert!(life.ends_at().is_some_and(|end| end <= before));
                }
                now = now + Duration::from_millis(passed as u64);
                let end = life.ends_at();
                life.successor_used(now);
                prop_assert!(end.is_none() || life.ends_at() <= end);
                prop_assert!(life.ends_at().is_some());
            }
        }
    }
}
