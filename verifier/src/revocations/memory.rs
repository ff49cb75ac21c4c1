//! What is revoked, until no token can carry it any more.
use std::collections::{BTreeMap, HashMap};

use crate::status::StatusIndex;

/// How long after `exp` a single revoked token is remembered, milliseconds.
const KEPT_AFTER_EXPIRY: i64 = 60_000;
/// Entries are forgotten in groups of this many milliseconds.
const FORGET_STEP: i64 = 60_000;

/// Revoked credentials and single tokens. It only grows, but for what has expired. Times are milliseconds since the epoch.
#[derive(Default)]
pub(super) struct Memory {
    credentials: HashMap<StatusIndex, i64>,
    tokens: HashMap<String, i64>,
    /// Credentials in the order in which they may be forgotten.
    to_forget: BTreeMap<i64, Vec<StatusIndex>>,
}

impl Memory {
    /// Remembers a credential until then, or longer if it already was.
    pub(super) fn revoke(&mut self, index: StatusIndex, until: i64) {
        let known = self.credentials.entry(index).or_insert(i64::MIN);
        let (before, group) = (known.div_euclid(FORGET_STEP), until.div_euclid(FORGET_STEP));
        *known = until.max(*known);
        if before < group {
            self.to_forget.entry(group).or_default().push(index);
        }
    }

    /// Remembers a token by its `exp`, seconds.
    pub(super) fn revoke_token(&mut self, jti: &str, exp: u64) {
        let exp = i64::try_from(exp).unwrap_or(i64::MAX / 1000).saturating_mul(1000);
        self.tokens.insert(jti.to_owned(), exp.saturating_add(KEPT_AFTER_EXPIRY));
    }

    pub(super) fn has_credential(&self, index: StatusIndex) -> bool {
        self.credentials.contains_key(&index)
    }

    pub(super) fn has_token(&self, jti: &str) -> bool {
        self.tokens.contains_key(jti)
    }

    pub(super) fn len(&self) -> usize {
        self.credentials.len() + self.tokens.len()
    }

    pub(super) fn forget(&mut self, now: i64) {
        while let Some(group) = self.to_forget.first_entry().filter(|group| (group.key() + 1) * FORGET_STEP <= now) {
            for index in group.remove() {
                if self.credentials.get(&index).is_some_and(|until| *until <= now) {
                    self.credentials.remove(&index);
                }
            }
        }
        self.tokens.retain(|_, until| *until > now);
    }
}
