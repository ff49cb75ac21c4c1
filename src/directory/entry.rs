//! What the directory holds of each thing: what issuing and introspecting need, and no more.
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use chancery_verifier::{Scope, StatusIndex};

use crate::domain::api_key::ApiKey;
use crate::domain::application::{ApplicationStatus, ClientAuthenticationMethod};
use crate::domain::credential::SecretDigest;
use crate::domain::id::{ApplicationId, ClientId, ClientSecretId, OrganizationId, PrincipalId};
use crate::domain::organization::{Organization, OrganizationStatus};
use crate::domain::resource_server::ResourceServer;
use crate::domain::timestamp::Timestamp;
use crate::storage::api_keys::StoredApiKey;
use crate::storage::clients::{StoredClient, StoredClientSecret};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OrganizationEntry {
    pub status: OrganizationStatus,
    pub principal: PrincipalId,
}

impl From<&Organization> for OrganizationEntry {
    fn from(organization: &Organization) -> Self {
        Self { status: organization.status, principal: organization.principal.id }
    }
}

#[derive(Debug)]
pub struct ApplicationEntry {
    pub id: ApplicationId,
    pub client_id: ClientId,
    pub organization_id: OrganizationId,
    pub status: ApplicationStatus,
    pub scope: Scope,
    pub access_token_ttl: Option<u32>,
    pub resources: Option<Box<[String]>>,
    pub basic: bool,
    pub post: bool,
    pub secrets: Box<[SecretEntry]>,
}

impl From<StoredClient> for ApplicationEntry {
    fn from(application: StoredClient) -> Self {
        let takes = |method| application.token_endpoint_auth_methods.contains(&method);
        Self {
            id: application.id,
            client_id: application.client_id,
            organization_id: application.organization_id,
            status: application.status,
            basic: takes(ClientAuthenticationMethod::Basic),
            post: takes(ClientAuthenticationMethod::Post),
            scope: application.scope,
            access_token_ttl: application.access_token_ttl,
            resources: application.resources.map(Into::into),
            secrets: application.secrets.into_iter().map(SecretEntry::from).collect(),
        }
    }
}

impl ApplicationEntry {
    pub fn takes(&self, method: ClientAuthenticationMethod) -> bool {
        match method {
            ClientAuthenticationMethod::Basic => self.basic,
            ClientAuthenticationMethod::Post => self.post,
        }
    }
}

/// A secret that obtains tokens, or whose tokens may still be about.
#[derive(Clone, Copy, Debug)]
pub struct SecretEntry {
    pub id: ClientSecretId,
    pub digest: SecretDigest,
    pub generation: i64,
    pub status_index: StatusIndex,
    /// When it stops working, as far as that is known.
    pub ends_at: Option<Timestamp>,
    /// Whether its first use has been written down.
    pub activated: bool,
}

impl SecretEntry {
    pub fn is_live(&self, now: Timestamp) -> bool {
        self.ends_at.is_none_or(|end| now < end)
    }
}

impl From<StoredClientSecret> for SecretEntry {
    fn from(stored: StoredClientSecret) -> Self {
        let StoredClientSecret { id, digest, generation, status_index, life, activated } = stored;
        Self { id, digest, generation, status_index, ends_at: life.ends_at(), activated }
    }
}

/// An API key, dead or alive: a validation tells why it is refused.
#[derive(Debug)]
pub struct ApiKeyEntry {
    pub key: ApiKey,
    pub digest: SecretDigest,
    pub generation: i64,
    pub status_index: StatusIndex,
    /// Kept here because a validation reads no row.
    last_use: Mutex<LastUse>,
}

/// When, and from where.
pub type LastUse = (Option<Timestamp>, Option<String>);

impl ApiKeyEntry {
    /// `before` is what was known of the key until now: its last use may not be written yet.
    pub fn new(stored: StoredApiKey, before: Option<&Self>) -> Self {
        let written = (stored.key.last_used_at, stored.key.last_used_ip.clone());
        let known = before.map(Self::last_use);
        let last_use = known.filter(|known| known.0 > written.0).unwrap_or(written);
        let StoredApiKey { key, digest, generation, status_index } = stored;
        Self { key, digest, generation, status_index, last_use: Mutex::new(last_use) }
    }

    /// Notes a use; answers the one before.
    pub fn note_use(&self, now: Timestamp, source: Option<IpAddr>) -> LastUse {
        let mut last_use = self.last_use.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::replace(&mut last_use, (Some(now), source.map(|address| address.to_string())))
    }

    pub fn last_used_at(&self) -> Option<Timestamp> {
        self.last_use().0
    }

    fn last_use(&self) -> LastUse {
        self.last_use.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// The resource servers and the permission catalogue, replaced as a whole.
#[derive(Default)]
pub struct Catalogue {
    /// By identifier, which is the audience.
    pub resource_servers: HashMap<String, Arc<ResourceServer>>,
    /// The identifier of the one marked as default.
    pub default: Option<String>,
    /// For each permission the one resource server it is for, if it is for one.
    pub permissions: HashMap<String, Option<String>>,
}

impl Catalogue {
    /// Whether the scope token may be granted for this audience.
    pub fn is_for(&self, token: &str, audience: &str) -> bool {
        match self.permissions.get(token) {
            Some(Some(resource_server)) => resource_server == audience,
            Some(None) | None => true,
        }
    }
}
