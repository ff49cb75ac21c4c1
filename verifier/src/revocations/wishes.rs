//! What must be fetched for the verifier to be, or to stay, fresh.
use std::time::Duration;

use super::{Position, Revocations, millis};
use crate::revocations::outcome::Action;

/// The same wish is not repeated before this time, milliseconds.
const PATIENCE: i64 = 500;
/// Keys are asked for at most this often, milliseconds, and often enough to stay fresh.
const KEYS_PATIENCE: i64 = 5000;

impl Revocations {
    /// What was asked for could not be had.
    pub fn on_failure(&mut self, action: &Action) {
        match action {
            // Frames may not reach back that far: the snapshot is tried in its turn.
            Action::AskSlot { .. } | Action::CatchUp { .. } => self.failed = true,
            Action::FetchSnapshot | Action::FetchKeys { .. } => {}
        }
    }

    /// What to fetch now, if anything. Whoever calls does it, says what came of it, and asks again.
    pub fn next_action(&mut self, now: i64) -> Option<Action> {
        self.mind_the_clock(now);
        if !self.has_the_keys() {
            let patience = KEYS_PATIENCE.min(millis(self.limit(None)) / 4);
            if self.may_ask("keys", patience, now) {
                let fingerprint = if self.unknown_key { String::new() } else { self.named.clone() };
                return Some(Action::FetchKeys { fingerprint });
            }
        }
        let silent = self.is_silent(now);
        if self.wants_snapshot || (self.failed && (silent || self.gap.is_some())) {
            let may = self.may_ask("snapshot", PATIENCE, now);
            self.failed &= !may;
            return may.then_some(Action::FetchSnapshot);
        }
        if self.gap.is_some() {
            return self.catch_up().filter(|_| self.may_ask("catch up", PATIENCE, now));
        }
        if silent && self.may_ask("slot", 1000, now) {
            return Some(Action::AskSlot { second: now.div_euclid(1000) });
        }
        None
    }

    /// To fetch what came after the last revision that is known.
    pub(crate) fn catch_up(&self) -> Option<Action> {
        let Position { epoch, rev } = self.position.clone()?;
        Some(Action::CatchUp { epoch, rev })
    }

    /// Whether nothing new came for longer than it should.
    fn is_silent(&self, now: i64) -> bool {
        self.fresh.is_none_or(|fresh| now - fresh > millis(self.patience()))
    }

    /// For how long a feed may say nothing: two heartbeats and a half, or half of what may decide where that is less.
    pub fn patience(&self) -> Duration {
        let (of_heartbeats, of_limit) = (self.heartbeat * 5 / 2, self.limit(None) / 2);
        if of_limit.is_zero() { of_heartbeats } else { of_heartbeats.min(of_limit) }
    }
}
