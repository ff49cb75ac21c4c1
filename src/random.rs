//! Randomness: the one place random bytes and ids are made. Where the system gives none, nothing is made (F32).
use ring::rand::{SecureRandom, SystemRandom};
use uuid::{ClockSequence, ContextV7, NoContext, Timestamp as UuidTimestamp, Uuid};
use zeroize::Zeroizing;

use crate::domain::id::Id;
use crate::domain::timestamp::Timestamp;

/// The system's random source failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the system's random source failed")]
pub struct NoRandomness;

/// Makes ids in order of creation, also within one millisecond, and random bytes.
pub struct Random {
    source: SystemRandom,
    order: std::sync::Mutex<ContextV7>,
}

impl Default for Random {
    fn default() -> Self {
        Self { source: SystemRandom::new(), order: std::sync::Mutex::new(ContextV7::new()) }
    }
}

fn make<K>(context: impl ClockSequence<Output = impl Into<u128>>, now: Timestamp) -> Id<K> {
    let millis = u64::try_from(now.millis()).unwrap_or(0);
    let nanos = u32::try_from(millis % 1000).unwrap_or(0) * 1_000_000;
    Id::new(Uuid::new_v7(UuidTimestamp::from_unix(context, millis / 1000, nanos)))
}

impl Random {
    pub fn id<K>(&self, now: Timestamp) -> Id<K> {
        let order = self.order.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        make(&*order, now)
    }

    /// Within one millisecond in no order: for what is made with every request, on every core.
    pub fn unordered_id<K>(&self, now: Timestamp) -> Id<K> {
        make(NoContext, now)
    }

    /// # Errors
    /// [`NoRandomness`].
    pub fn bytes<const N: usize>(&self) -> Result<Zeroizing<[u8; N]>, NoRandomness> {
        let mut bytes = Zeroizing::new([0; N]);
        self.source.fill(bytes.as_mut()).map_err(|_unspecified| NoRandomness)?;
        Ok(bytes)
    }

    pub fn source(&self) -> &SystemRandom {
        &self.source
    }
}
