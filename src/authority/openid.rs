//! Operators by their identity provider: each is somebody whom a management key names, and may what that key may.
use url::Url;

use super::Authority;
use super::caller::Caller;
use super::error::Error;
use crate::openid::RelyingParty;
pub use crate::openid::{Attempt, Unproven};
use crate::storage::management_keys;

/// Why nobody is let in.
#[derive(Debug, thiserror::Error)]
pub enum SignInError {
    #[error(transparent)]
    Unproven(#[from] Unproven),
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

    /// Where an operator has to go; `again` has him asked anew there.
    ///
    /// # Errors
    /// [`Unproven`]; [`Error::NotFound`] without a provider.
    pub async fn begin_sign_in(&self, again: bool) -> Result<(Url, Attempt), SignInError> {
        let provider = self.openid.as_ref().ok_or(Error::NotFound("page"))?;
        Ok(provider.begin(again, self.clock.now()).await?)
    }

    /// Who came back from the provider.
    ///
    /// # Errors
    /// [`SignInError`].
    pub async fn finish_sign_in(&self, attempt: &Attempt, code: &str, state: &str) -> Result<Caller, SignInError> {
        let provider = self.openid.as_ref().ok_or(Error::NotFound("page"))?;
        let identities = provider.finish(attempt, code, state, self.clock.now()).await?;
        let mut tx = self.database.read().await.map_err(Error::from)?;
        for identity in &identities {
            if let Some(key) = management_keys::find_by_identity(&mut tx, identity).await.map_err(Error::from)? {
                return Ok(Caller::known(key));
            }
        }
        // What one is told to write there is the address, where there is one.
        let known = identities.last().map_or("nobody the provider names", |identity| identity.as_str());
        Err(SignInError::Unknown(known.to_owned()))
    }
}
