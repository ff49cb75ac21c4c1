//! What comes of a publication, of a check, and of asking what to do next.
use std::time::Duration;

use crate::verify::VerifyError;

/// What must be fetched for the verifier to be, or to stay, fresh.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Both key sets: they are not those the authority publishes now. Add the fingerprint as `?v=`, so that no cache answers with old ones.
    FetchKeys {
        /// Which keys there should be.
        fingerprint: String,
    },
    /// What came after a revision: frames are missing.
    CatchUp {
        /// The database's incarnation.
        epoch: String,
        /// The last revision that was applied.
        rev: i64,
    },
    /// Everything: nothing is known yet, or the database is another one.
    FetchSnapshot,
    /// The frame of this second: the feeds are silent.
    AskSlot {
        /// Seconds since the epoch.
        second: i64,
    },
}

/// Why a publication was not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PublicationError {
    /// The signature, the type or the issuer is not right.
    #[error(transparent)]
    Invalid(#[from] VerifyError),
    /// It was published in the future: this clock, or the authority's, is wrong.
    #[error("published in the future: the clocks differ by more than 2 s")]
    FromTheFuture,
}

/// What became of a publication.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Applied {
    /// All that was published before is known too.
    Current,
    /// Something before it is missing, or the keys it names; what it revokes is known all the same.
    Incomplete,
}

/// What is known of a token's revocation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It was not revoked, as of this long ago.
    Good {
        /// How old that knowledge is.
        age: Duration,
    },
    /// It was revoked: 401.
    Revoked,
    /// Its status is published nowhere this verifier looks: 401.
    Unknown,
    /// The verifier knows too little to decide: 503, never 401.
    Stale,
}
