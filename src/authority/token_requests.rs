//! What comes of token requests (RFC 6749 §5): counted where they are answered, written with the counts of uses, and told to operators.
use std::sync::atomic::{AtomicI64, Ordering};

use super::Authority;
use super::caller::Caller;
use super::error::Error;
use crate::domain::management_key::Power;
use crate::domain::usage::TOKEN_OUTCOMES;
use crate::storage::usage_history;

/// What came of the token requests of a day.
pub struct Outcomes {
    pub requests: [(&'static str, i64); TOKEN_OUTCOMES.len()],
    /// The tokens, the running hour last.
    pub issued_by_hour: Vec<i64>,
}

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

    /// Counts a token that was refused, by the reason, one of [`TOKEN_OUTCOMES`].
    pub fn note_token_refused(&self, reason: &str) {
        if let Some(at) = TOKEN_OUTCOMES.iter().position(|outcome| *outcome == reason) {
            self.token_requests.0[at].fetch_add(1, Ordering::Relaxed);
        }
    }

    /// The token requests of the last 24 hours, the running one included, of all instances.
    ///
    /// # Errors
    /// [`Error::Forbidden`] for who may not see the whole installation; [`Error::Unavailable`].
    pub async fn token_requests(&self, caller: &Caller) -> Result<Outcomes, Error> {
        caller.demand(Power::ApplicationsRead)?;
        caller.demand_installation()?;
        let counted = usage_history::token_requests(&mut self.database.read().await?, self.after()).await?;
        let of = |outcome: &'static str| counted.iter().filter(move |(known, ..)| known == outcome);
        let requests = TOKEN_OUTCOMES.map(|outcome| (outcome, of(outcome).map(|(.., requests)| requests).sum()));
        let issued_by_hour = self.series(of(TOKEN_OUTCOMES[0]).map(|(_, hour, requests)| (*hour, *requests)));
        Ok(Outcomes { requests, issued_by_hour })
    }
}
