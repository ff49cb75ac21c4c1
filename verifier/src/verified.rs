//! A token that was found good, with how much is known of its revocation.
use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use crate::claims::AccessToken;

/// A good access token. It reads as its claims do, and clones for nothing.
#[derive(Clone, Debug)]
pub struct Verified {
    token: Arc<AccessToken>,
    revocation_age: Option<Duration>,
}

impl Verified {
    pub(crate) fn new(token: Arc<AccessToken>, revocation_age: Option<Duration>) -> Self {
        Self { token, revocation_age }
    }

    /// As of how long ago it is known not to be revoked; `None` where revocations are not followed.
    pub fn revocation_age(&self) -> Option<Duration> {
        self.revocation_age
    }

    /// Its claims.
    pub fn claims(&self) -> &AccessToken {
        &self.token
    }
}

impl Deref for Verified {
    type Target = AccessToken;

    fn deref(&self) -> &AccessToken {
        &self.token
    }
}

impl PartialEq for Verified {
    /// Two are the same when their tokens are.
    fn eq(&self, other: &Self) -> bool {
        self.token == other.token
    }
}
