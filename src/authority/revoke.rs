//! Revocation of one access token (RFC 7009): only it dies, its siblings live.
use std::sync::Arc;

use serde_json::json;

use super::Authority;
use super::error::Error;
use super::introspect::Asker;
use crate::domain::credential::{Purpose, Secret};
use crate::domain::event::{NewEvent, Subject};
use crate::domain::timestamp::Timestamp;
use crate::storage::revoked_tokens;

/// How many tokens of one credential are revoked one by one at the most.
const MAX_PER_CREDENTIAL: i64 = 1000;

/// Why a token was not revoked.
#[derive(Debug, thiserror::Error)]
pub enum RevokeError {
    /// RFC 7009 §2.1: "the request is refused and the client is informed".
    #[error("the token was issued to another client")]
    NotYours,
    /// RFC 7009 §2.2.1: this endpoint does not revoke API keys.
    /// Each is told to every verifier until it expires, so there is an end to them.
    #[error(
        "{MAX_PER_CREDENTIAL} tokens of this credential are revoked one by one already: revoke all it has, or its tokens as they expire"
    )]
    TooMany,
    #[error("an API key is revoked with DELETE /api_keys/{{id}}")]
    ApiKey,
    #[error(transparent)]
    Failed(#[from] Error),
}

impl Authority {
    /// Revokes a live token the asker may revoke. One that is not live needs no revoking (RFC 7009 §2.2).
    ///
    /// # Errors
    /// [`RevokeError`]. When the store cannot hold it, it is not revoked, and nobody is told that it were.
    pub async fn revoke_token(self: &Arc<Self>, asker: &Asker, token: &str) -> Result<(), RevokeError> {
        // By its form alone: whether there is such a key is not told.
        if Secret::presented(token).is_well_formed(Purpose::ApiKey) {
            return Err(RevokeError::ApiKey);
        }
        let Some(claims) = self.valid(token) else { return Ok(()) };
        if !asker.reaches(&claims) {
            return Err(RevokeError::NotYours);
        }
        let expires_at = Timestamp::from_millis(i64::try_from(claims.exp).unwrap_or(i64::MAX / 1000).saturating_mul(1000));
        let mut change = self.begin_as(asker.actor()).await?;
        if revoked_tokens::count_of(&mut change.tx, &claims.cred).await.map_err(Error::from)? >= MAX_PER_CREDENTIAL {
            return Err(RevokeError::TooMany);
        }
        if revoked_tokens::insert(&mut change.tx, &claims.jti, &claims.cred, expires_at).await.map_err(Error::from)? {
            change.note(NewEvent {
                event: "token.revoked".into(),
                organization_id: claims.org_id.parse().ok(),
                data: json!({ "jti": claims.jti, "client_id": claims.client_id, "cred": claims.cred, "expires_at": expires_at }),
                before: None,
                subject: Subject::Token(claims.jti.clone()),
            });
        }
        Ok(change.commit(&[]).await?)
    }
}
