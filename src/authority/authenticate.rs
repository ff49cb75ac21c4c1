//! Client authentication with a secret (RFC 6749 §2.3.1): one answer for every failure, and the same work for each.
use std::net::IpAddr;
use std::sync::Arc;

use super::Authority;
use super::failures::FailedClient;
use crate::directory::{ApiKeyEntry, ApplicationEntry, OrganizationEntry, SecretEntry};
use crate::domain::application::{ApplicationStatus, ClientAuthenticationMethod};
use crate::domain::client_secret::MAX_LIVE_SECRETS;
use crate::domain::credential::{Purpose, Secret, SecretDigest};
use crate::domain::id::{ApiKeyId, ClientId};
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

/// A client that authenticated: an application, with the secret it did so with, or an API key, which is its own client.
pub enum Authenticated {
    Application { application: Arc<ApplicationEntry>, secret: SecretEntry, organization: OrganizationEntry },
    ApiKey(Arc<ApiKeyEntry>),
}

impl Authenticated {
    pub fn client_id(&self) -> String {
        match self {
            Self::Application { application, .. } => application.client_id.to_string(),
            Self::ApiKey(entry) => entry.key.id.to_string(),
        }
    }
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
        if let Ok(id) = presented.client_id.parse::<ApiKeyId>() {
            return self.authenticate_api_key(id, &presented.secret, source, now);
        }
        let client_id = presented.client_id.parse::<ClientId>().ok();
        if !presented.secret.is_well_formed(Purpose::ClientSecret) {
            let known = client_id.filter(|id| self.directory.application(*id).is_some());
            self.failures.note(known.map(FailedClient::Application), source, now);
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
            (Some(application), Some(secret)) if let Some(organization) = self.lives(&application, &secret, presented.method, now) => {
                Ok(Authenticated::Application { application, secret, organization })
            }
            (application, _) => {
                self.failures.note(application.map(|application| FailedClient::Application(application.client_id)), source, now);
                Err(InvalidClient)
            }
        }
    }

    /// An API key in the place of a client secret: its id is the client's. The same work and the same answer as for an application.
    fn authenticate_api_key(
        &self,
        id: ApiKeyId,
        value: &Secret,
        source: Option<IpAddr>,
        now: Timestamp,
    ) -> Result<Authenticated, InvalidClient> {
        let entry = self.directory.api_key(id);
        let right = value.is_well_formed(Purpose::ApiKey)
            && same(&self.pepper.digest(value), entry.as_ref().map_or(&NOBODY, |entry| &entry.digest));
        match entry {
            // A token ends with its key, and times in it are whole seconds: there must be one left.
            Some(entry) if right && self.check_key_life(&entry, now).is_ok() && !ends_within_this_second(&entry, now) => {
                Ok(Authenticated::ApiKey(entry))
            }
            entry => {
                self.failures.note(entry.map(|entry| FailedClient::ApiKey(entry.key.id)), source, now);
                Err(InvalidClient)
            }
        }
    }

    /// The organization, where a right secret is enough: it and all above it must be live.
    fn lives(
        &self,
        application: &ApplicationEntry,
        secret: &SecretEntry,
        method: ClientAuthenticationMethod,
        now: Timestamp,
    ) -> Option<OrganizationEntry> {
        let organization = self.directory.organization(application.organization_id);
        let live = secret.is_live(now) && application.status == ApplicationStatus::Active && application.takes(method);
        organization.filter(|organization| live && organization.status == OrganizationStatus::Active)
    }
}

fn ends_within_this_second(entry: &ApiKeyEntry, now: Timestamp) -> bool {
    entry.key.life.ends_at().is_some_and(|end| end.seconds() <= now.seconds())
}
