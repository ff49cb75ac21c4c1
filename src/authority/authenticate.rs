//! Client authentication with a secret (RFC 6749 §2.3.1): one answer for every failure, and the same work for each.
use std::net::IpAddr;
use std::sync::Arc;

use super::Authority;
use crate::directory::{ApplicationEntry, SecretEntry};
use crate::domain::application::{ApplicationStatus, ClientAuthenticationMethod};
use crate::domain::client_secret::MAX_LIVE_SECRETS;
use crate::domain::credential::{Purpose, Secret, SecretDigest};
use crate::domain::id::ClientId;
use crate::domain::organization::OrganizationStatus;
use crate::domain::timestamp::Timestamp;
use crate::keys::pepper::same;

/// What an unknown client's secret is compared with.
const NOBODY: SecretDigest = SecretDigest([0; 32]);

/// What a client presented, and how.
pub struct ClientCredentials {
    pub client_id: String,
    pub secret: Secret,
    pub method: ClientAuthenticationMethod,
}

/// A client that authenticated, and the secret it did so with.
pub struct Authenticated {
    pub application: Arc<ApplicationEntry>,
    pub secret: SecretEntry,
}

/// The client did not authenticate; why is nobody's business (RFC 6749 §5.2 `invalid_client`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("client authentication failed")]
pub struct InvalidClient;

impl Authority {
    /// Authenticates a client. A secret that is no secret fails before any lookup, whoever the client is; all else costs one digest, one
    /// lookup and the same number of comparisons, whether the client is unknown, disabled, of a suspended organization, or has another secret.
    ///
    /// # Errors
    /// [`InvalidClient`], and nothing else.
    pub fn authenticate(&self, presented: &ClientCredentials, source: Option<IpAddr>) -> Result<Authenticated, InvalidClient> {
        let now = self.clock.now();
        let client_id = presented.client_id.parse::<ClientId>().ok();
        if !presented.secret.is_well_formed(Purpose::ClientSecret) {
            let known = client_id.filter(|id| self.directory.application(*id).is_some());
            self.failures.note(known, source, now);
            return Err(InvalidClient);
        }
        let digest = self.pepper.digest(&presented.secret);
        let application = client_id.and_then(|id| self.directory.application(id));
        let secrets: &[SecretEntry] = application.as_ref().map_or(&[], |application| &application.secrets);
        let mut matching = None;
        for place in 0..secrets.len().max(MAX_LIVE_SECRETS) {
            let secret = secrets.get(place);
            if same(&digest, secret.map_or(&NOBODY, |secret| &secret.digest)) {
                matching = secret.copied();
            }
        }
        match (application, matching) {
            (Some(application), Some(secret)) if self.lives(&application, &secret, presented.method, now) => {
                Ok(Authenticated { application, secret })
            }
            (application, _) => {
                self.failures.note(application.map(|application| application.client_id), source, now);
                Err(InvalidClient)
            }
        }
    }

    /// Whether a right secret is enough: it and all above it must be live.
    fn lives(&self, application: &ApplicationEntry, secret: &SecretEntry, method: ClientAuthenticationMethod, now: Timestamp) -> bool {
        let organization = self.directory.organization(application.organization_id);
        secret.life.is_live(now)
            && application.status == ApplicationStatus::Active
            && organization.is_some_and(|organization| organization.status == OrganizationStatus::Active)
            && application.takes(method)
    }
}
