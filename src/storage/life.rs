//! The columns of a credential's life, the same for client secrets and API keys.
use std::time::Duration;

use super::{Result, stored};
use crate::domain::id::Kind;
use crate::domain::rotation::{Life, Retirement};
use crate::domain::timestamp::Timestamp;

pub(super) fn read<K: Kind>(
    expires_at: Option<i64>,
    successor: Option<&str>,
    overlap_ms: Option<i64>,
    retires_at: Option<i64>,
) -> Result<Life<K>> {
    let retirement = match (successor, overlap_ms) {
        (Some(successor), Some(overlap)) => Some(Retirement {
            successor: stored("successor_id", successor)?,
            overlap: Duration::from_millis(u64::try_from(overlap).unwrap_or(0)),
            ends_at: retires_at.map(Timestamp::from_millis),
        }),
        _ => None,
    };
    Ok(Life { expires_at: expires_at.map(Timestamp::from_millis), retirement })
}

/// The successor, the overlap and the end of it.
pub(super) fn write<K: Kind>(life: &Life<K>) -> (Option<String>, Option<i64>, Option<i64>) {
    let Some(retirement) = &life.retirement else { return (None, None, None) };
    let overlap = i64::try_from(retirement.overlap.as_millis()).unwrap_or(i64::MAX);
    (Some(retirement.successor.to_string()), Some(overlap), retirement.ends_at.map(Timestamp::millis))
}
