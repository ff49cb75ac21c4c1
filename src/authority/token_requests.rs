//! What comes of token requests (RFC 6749 §5): counted where they are answered, written with the counts of uses, and told to operators.
use std::sync::atomic::{AtomicI64, Ordering};

use super::Authority;
use super::caller::Caller;
use super::error::Error;
use crate::domain::management_key::Power;
use crate::domain::usage::TOKEN_OUTCOMES;
use crate::storage::usage_history;

/// Counts that have not been taken to be written yet, of each outcome.
#[derive(Default)]
pub(crate) struct TokenRequests([AtomicI64; TOKEN_OUTCOMES.len()]);

impl TokenRequests {
    pub(super) fn are_there(&self) -> bool {
        self.0.iter().any(|count| count.load(Ordering::Relaxed) > 0)
    }

    /// Each count is taken out as a whole: what is counted meanwhile begins a new one.
    pub(super) fn take(&self) -> Vec<(&'static str, i64)> {
        let taken = TOKEN_OUTCOMES.into_iter().zip(&self.0).map(|(outcome, count)| (outcome, count.swap(0, Ordering::Relaxed)));
        taken.filter(|(_, count)| *count > 0).collect()
    }
}

impl Authority {
    /// Counts a token that was issued.
    pub fn note_token_issued(&self) {
        self.token_requests.0[0].fetch_add(1, Ordering::Relaxed);
    }

    /// Counts a token that was refused, by the error code of the answer.
    pub fn note_token_refused(&self, code: &str) {
        if let Some(at) = TOKEN_OUTCOMES.iter().position(|outcome| *outcome == code) {
            self.token_requests.0[at].fetch_add(1, Ordering::Relaxed);
        }
    }

    /// How many token requests of the last 24 hours, the running one included, had each of these outcomes; those of all instances.
    ///
    /// # Errors
    /// [`Error::Forbidden`] for who may not see the whole installation; [`Error::Unavailable`].
    pub async fn token_requests(&self, caller: &Caller) -> Result<Vec<(String, i64)>, Error> {
        caller.demand(Power::ApplicationsRead)?;
        caller.demand_installation()?;
        Ok(usage_history::token_requests(&mut self.database.read().await?, self.clock.now().hour() - 24).await?)
    }
}
