//! A client secret (RFC 6749 §2.3.1): named, expiring, rotated with an overlap, and counted by generation.
use std::time::Duration;

use serde::Serialize;

use super::id::{ApplicationId, ClientSecretId, OrganizationId};
use super::text::{FieldError, Name};
use super::timestamp::Timestamp;
use super::usage::Usage;

/// How many secrets of one application may be live at once.
pub const MAX_LIVE_SECRETS: usize = 5;
pub const DEFAULT_OVERLAP: Duration = Duration::from_secs(24 * 3600);
pub const MAX_OVERLAP: Duration = Duration::from_secs(7 * 24 * 3600);

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum SecretStatus {
    /// It obtains tokens.
    Active,
    /// It obtains tokens until its overlap ends.
    Retiring,
    /// It obtains none any more; the tokens it obtained live to their own `exp`.
    Expired,
}

/// What is kept of a secret beside its digest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "object", rename = "connect_application_secret")]
pub struct ClientSecret {
    pub id: ClientSecretId,
    #[serde(skip)]
    pub application_id: ApplicationId,
    #[serde(skip)]
    pub organization_id: OrganizationId,
    pub name: Option<Name>,
    pub secret_hint: String,
    pub status: SecretStatus,
    /// When it stops obtaining tokens: its own expiry or the end of its overlap, whichever comes first.
    pub expires_at: Option<Timestamp>,
    /// Its first successful exchange.
    pub activated_at: Option<Timestamp>,
    pub last_used_at: Option<Timestamp>,
    pub last_used_ip: Option<String>,
    pub usage: Usage,
    pub created_by: String,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    #[serde(skip)]
    pub life: Life,
}

/// How long a secret obtains tokens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Life {
    /// Its own expiry, set when it was made.
    pub expires_at: Option<Timestamp>,
    /// What a rotation decided.
    pub retirement: Option<Retirement>,
}

/// A rotation's decision over a secret that was live before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retirement {
    /// The secret that replaces this one.
    pub successor: ClientSecretId,
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

pub struct NewClientSecret {
    pub name: Option<Name>,
    pub expires_at: Option<Timestamp>,
}

impl Life {
    /// When it stops obtaining tokens, as far as that is known.
    pub fn ends_at(&self) -> Option<Timestamp> {
        [self.expires_at, self.retirement.and_then(|retirement| retirement.ends_at)].into_iter().flatten().min()
    }

    pub fn is_live(&self, now: Timestamp) -> bool {
        self.ends_at().is_none_or(|end| now < end)
    }

    pub fn status(&self, now: Timestamp) -> SecretStatus {
        match (self.is_live(now), self.retirement) {
            (false, _) => SecretStatus::Expired,
            (true, Some(_)) => SecretStatus::Retiring,
            (true, None) => SecretStatus::Active,
        }
    }

    /// Retires it in favour of `successor`. An end already set is never moved later.
    pub fn retire(&mut self, successor: ClientSecretId, rotation: &Rotation, now: Timestamp) {
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

    /// The successor was used for the first time: the overlap begins to run, unless it runs already.
    pub fn successor_used(&mut self, at: Timestamp) {
        if let Some(retirement) = &mut self.retirement {
            retirement.ends_at.get_or_insert(at + retirement.overlap);
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
    use crate::domain::id::ClientSecretId;
    use proptest::prelude::*;
    use uuid::Uuid;

    fn rotation(seconds: u64, from: OverlapFrom) -> Rotation {
        Rotation { overlap: Duration::from_secs(seconds), from, name: None, expires_at: None }
    }

    proptest! {
        #[test]
        fn an_end_already_set_is_never_moved_later(steps in proptest::collection::vec((0_u64..600, any::<bool>(), 0_i64..300_000), 1..12)) {
            let mut life = Life::default();
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
                prop_assert!(end.is_none() || life.ends_at() == end);
                prop_assert!(life.ends_at().is_some());
            }
        }
    }
}
