//! Introspection (RFC 7662): an application sees its own tokens, a management key those of its organizations; all else is not active.
use std::sync::Arc;

use chancery_verifier::AccessToken;

use super::Authority;
use super::caller::Caller;
use crate::directory::ApplicationEntry;
use crate::domain::management_key::Reach;

/// Who asks about a token.
pub enum Asker {
    Application(Arc<ApplicationEntry>),
    ManagementKey(Caller),
}

impl Asker {
    /// Whether the token is one the asker may know of.
    pub(super) fn reaches(&self, claims: &AccessToken) -> bool {
        match self {
            Self::Application(application) => application.client_id.to_string() == claims.client_id,
            Self::ManagementKey(caller) => match caller.reach() {
                Reach::Installation => true,
                Reach::Organization(id) => id.to_string() == claims.org_id,
            },
        }
    }
}

impl Authority {
    /// The claims of an active token the asker may know of; `None` is the one constant `{"active":false}`.
    pub fn introspect(&self, asker: &Asker, token: &str) -> Option<AccessToken> {
        self.valid(token).filter(|claims| asker.reaches(claims))
    }
}
