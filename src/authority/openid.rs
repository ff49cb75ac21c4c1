//! Operators by their identity provider: each is somebody whom a management key names, and may what that key may.
use serde::{Deserialize, Serialize};
use url::Url;

use super::caller::Caller;
use super::error::Error;
use super::{Authority, follow};
use crate::domain::console::CONFIRMED;
use crate::domain::id::ConsoleSessionId;
use crate::domain::timestamp::Timestamp;
use crate::openid::{Attempt, RelyingParty};
use crate::storage::management_keys;

pub use crate::openid::{Authorization, PATIENCE, Unproven};

/// What it is sealed for.
const AWAY: &str = "console sign-in";

/// What an operator's browser keeps while he is at his provider, sealed: it would say what has to be proved.
#[derive(Serialize, Deserialize)]
struct Away {
    attempt: Attempt,
    /// The session that is to be confirmed; without one another begins.
    session: Option<String>,
    next: String,
}

/// An operator who came back.
pub struct Returned {
    pub caller: Caller,
    pub session: Option<ConsoleSessionId>,
    /// The page he is to go on to.
    pub next: String,
    /// When he proved who he is: where that is long ago, or not known, nothing destructive is done on it (case 263).
    pub confirmed_at: Timestamp,
}

/// Why nobody is let in.
#[derive(Debug, thiserror::Error)]
pub enum SignInError {
    #[error(transparent)]
    Unproven(#[from] Unproven),
    #[error("this sign-in was not begun here, or has taken too long: begin again")]
    Stale,
    /// Who it is is certain, and that no management key names him.
    #[error(
        "no management key says that {0} signs in as it: an operator makes one at Management keys, with that in its \u{201c}Signs in as\u{201d}"
    )]
    Unknown(String),
    #[error(transparent)]
    Failed(#[from] Error),
}

impl Authority {
    /// Where operators sign in, by the name of its host; `None` where management keys are all there is.
    pub fn openid_host(&self) -> Option<String> {
        self.openid.as_ref().map(RelyingParty::provider_host)
    }

    /// Its issuer.
    pub fn openid_issuer(&self) -> Option<&str> {
        self.deployment.openid.as_ref().map(|registration| registration.issuer.as_str())
    }

    /// Where an operator has to go, and what to keep until he is back; with a session, he is asked anew there, and confirms it.
    ///
    /// # Errors
    /// [`SignInError::Unproven`]; [`Error::NotFound`] without a provider.
    pub async fn begin_sign_in(&self, session: Option<ConsoleSessionId>, next: &str) -> Result<(Url, String), SignInError> {
        let provider = self.openid.as_ref().ok_or(Error::NotFound("page"))?;
        let (url, attempt) = provider.begin(session.is_some(), self.clock.now()).await?;
        let away = Away { attempt, session: session.map(|id| id.to_string()), next: next.to_owned() };
        let away = serde_json::to_vec(&away).map_err(|_json| SignInError::Stale)?;
        Ok((url, self.sealer.seal(AWAY, &away, &self.random).map_err(Error::from)?))
    }

    /// Who came back from the provider, with what was kept.
    ///
    /// # Errors
    /// [`SignInError`].
    pub async fn finish_sign_in(&self, kept: &str, authorization: &Authorization<'_>) -> Result<Returned, SignInError> {
        let provider = self.openid.as_ref().ok_or(Error::NotFound("page"))?;
        let away = self.sealer.open(AWAY, kept).map_err(|_cannot| SignInError::Stale)?;
        let away: Away = serde_json::from_slice(&away).map_err(|_json| SignInError::Stale)?;
        let session = away.session.map(|id| id.parse()).transpose().map_err(|_id| SignInError::Stale)?;
        let now = self.clock.now();
        let proof = provider.finish(&away.attempt, authorization, now).await?;
        // The provider took its time, which is not the store's.
        follow::is_asked();
        let confirmed_at = match (session, proof.signed_in_at) {
            // That he was asked anew was looked at.
            (Some(_), _) => now,
            (None, Some(at)) => at.min(now),
            (None, None) => now - CONFIRMED,
        };
        let mut tx = self.database.read().await.map_err(Error::from)?;
        for identity in &proof.identities {
            if let Some(key) = management_keys::find_by_identity(&mut tx, identity).await.map_err(Error::from)? {
                return Ok(Returned { caller: Caller::known(key), session, next: away.next, confirmed_at });
            }
        }
        // What one is told to write there is the address, where there is one.
        let known = proof.identities.last().map_or("nobody the provider names", |identity| identity.as_str());
        Err(SignInError::Unknown(known.to_owned()))
    }
}
