//! Introspection (RFC 7662): a client sees its own tokens, a management key those of its organizations and their API keys; all else is not
//! active.
use std::net::IpAddr;
use std::sync::Arc;

use chancery_verifier::{AccessToken, Principal, Scope};

use super::Authority;
use super::authenticate::Authenticated;
use super::caller::Caller;
use crate::directory::ApiKeyEntry;
use crate::domain::credential::Secret;
use crate::domain::event::Actor;
use crate::domain::management_key::Reach;

/// Who asks about a token.
pub enum Asker {
    Client(Authenticated),
    ManagementKey(Caller),
}

/// What is told of something active.
pub enum Introspected {
    AccessToken(Arc<AccessToken>),
    ApiKey(IntrospectedApiKey),
}

/// An API key, in the words of a token (RFC 7662 §2.2).
pub struct IntrospectedApiKey {
    entry: Arc<ApiKeyEntry>,
}

impl IntrospectedApiKey {
    /// The key is a client of its own.
    pub fn client_id(&self) -> String {
        self.entry.key.id.to_string()
    }

    /// The key, or the user it acts for.
    pub fn sub(&self) -> String {
        self.entry.key.owner.user_id().map_or_else(|| self.client_id(), |user| user.to_string())
    }

    pub fn org_id(&self) -> String {
        self.entry.key.owner.organization_id().to_string()
    }

    pub fn principal(&self) -> &Principal {
        &self.entry.key.principal
    }

    /// `None` when it holds nothing.
    pub fn scope(&self) -> Option<&Scope> {
        Some(&self.entry.key.permissions).filter(|scope| !scope.is_empty())
    }

    /// Seconds since the epoch.
    pub fn iat(&self) -> u64 {
        self.entry.key.created_at.seconds()
    }

    /// Seconds since the epoch; `None` when it does not expire.
    pub fn exp(&self) -> Option<u64> {
        self.entry.key.life.ends_at().map(|end| end.seconds())
    }
}

impl Asker {
    /// Whether the token is one the asker may know of.
    pub(super) fn reaches(&self, claims: &AccessToken) -> bool {
        match self {
            Self::Client(client) => client.client_id() == claims.client_id,
            Self::ManagementKey(caller) => match caller.reach() {
                Reach::Installation => true,
                Reach::Organization(id) => id.to_string() == claims.org_id,
            },
        }
    }

    pub(super) fn actor(&self) -> Actor {
        match self {
            Self::Client(client) => Actor { id: client.client_id(), source: "api", name: None, via: None },
            Self::ManagementKey(caller) => caller.actor(),
        }
    }
}

impl Authority {
    /// What is known of a token or key that is active and that the asker may know of; `None` is the one constant `{"active":false}`.
    pub fn introspect(&self, asker: &Asker, token: &str, source: Option<IpAddr>) -> Option<Introspected> {
        if let Asker::ManagementKey(caller) = asker
            && let Ok(entry) = self.find_key_by_value(&Secret::presented(token), caller.reach())
        {
            let now = self.clock.now();
            self.check_key_life(&entry, now).ok()?;
            // A gateway that authenticates keys this way uses them.
            entry.note_use(now, source);
            self.uses.note_api_key(&entry, now, source);
            return Some(Introspected::ApiKey(IntrospectedApiKey { entry }));
        }
        let claims = self.valid(token).filter(|claims| asker.reaches(claims))?;
        Some(Introspected::AccessToken(claims))
    }
}
