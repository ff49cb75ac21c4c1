//! Who may obtain a token and whose token is good, in memory: loaded at the start, then kept true by following the event chain.
//!
//! Nothing on the token path or in introspection reads the store. Whoever commits a change follows the chain before he tells anyone of it.
mod entry;
mod load;

use std::sync::Arc;

use arc_swap::ArcSwap;
use dashmap::DashMap;
use tokio::sync::Mutex;

use crate::domain::credential::SecretDigest;
use crate::domain::id::{ApplicationId, ClientId, ManagementKeyId, OrganizationId};
use crate::domain::management_key::ManagementKey;
use crate::domain::timestamp::Timestamp;

pub use entry::{ApplicationEntry, Catalogue, OrganizationEntry, SecretEntry};

/// The memory. Each map is read and written entry by entry; an entry is never changed, only replaced.
#[derive(Default)]
pub struct Directory {
    organizations: DashMap<OrganizationId, OrganizationEntry>,
    applications: DashMap<ClientId, Arc<ApplicationEntry>>,
    client_ids: DashMap<ApplicationId, ClientId>,
    management_keys: DashMap<SecretDigest, Arc<ManagementKey>>,
    management_key_digests: DashMap<ManagementKeyId, SecretDigest>,
    catalogue: ArcSwap<Catalogue>,
    revoked_tokens: DashMap<String, Timestamp>,
    /// The last event that is in the maps; moved by one follower at a time.
    followed: Mutex<i64>,
}

impl Directory {
    pub fn organization(&self, id: OrganizationId) -> Option<OrganizationEntry> {
        self.organizations.get(&id).map(|entry| *entry)
    }

    pub fn application(&self, client_id: ClientId) -> Option<Arc<ApplicationEntry>> {
        self.applications.get(&client_id).map(|entry| Arc::clone(&entry))
    }

    pub fn management_key(&self, digest: &SecretDigest) -> Option<Arc<ManagementKey>> {
        self.management_keys.get(digest).map(|entry| Arc::clone(&entry))
    }

    pub fn catalogue(&self) -> Arc<Catalogue> {
        self.catalogue.load_full()
    }

    pub fn is_revoked(&self, jti: &str) -> bool {
        self.revoked_tokens.contains_key(jti)
    }

    pub fn application_count(&self) -> usize {
        self.applications.len()
    }

    /// Forgets single revoked tokens that have expired (K25).
    pub fn purge_revoked_tokens(&self, expired_before: Timestamp) {
        self.revoked_tokens.retain(|_, expires_at| *expires_at >= expired_before);
    }
}
