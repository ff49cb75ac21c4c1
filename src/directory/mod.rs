//! Who may obtain a token and whose token is good, in memory: loaded at the start, then kept true by following the event chain.
//!
//! Nothing on the token path or in introspection reads the store. Whoever commits a change follows the chain before he tells anyone of it.
mod entry;
mod load;
mod meter;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use arc_swap::ArcSwap;
use dashmap::DashMap;
use tokio::sync::Mutex;

use crate::domain::api_key::ApiKeyStatus;
use crate::domain::credential::SecretDigest;
use crate::domain::id::{ApiKeyId, ApplicationId, ClientId, ManagementKeyId, OrganizationId};
use crate::domain::management_key::ManagementKey;
use crate::domain::timestamp::Timestamp;
use crate::domain::token_quota::QuotaHolder;
use crate::storage::installation::Head;

pub use entry::{ApiKeyEntry, ApplicationEntry, Catalogue, OrganizationEntry, SecretEntry};
pub use meter::Meter;

/// The memory. Each map is read and written entry by entry; an entry is never changed, only replaced.
#[derive(Default)]
pub struct Directory {
    organizations: DashMap<OrganizationId, OrganizationEntry>,
    applications: DashMap<ClientId, Arc<ApplicationEntry>>,
    applications_by_id: DashMap<ApplicationId, Arc<ApplicationEntry>>,
    management_keys: DashMap<SecretDigest, Arc<ManagementKey>>,
    management_key_digests: DashMap<ManagementKeyId, SecretDigest>,
    api_keys: DashMap<ApiKeyId, Arc<ApiKeyEntry>>,
    api_key_ids: DashMap<SecretDigest, ApiKeyId>,
    catalogue: ArcSwap<Catalogue>,
    /// Of those that have a limit.
    meters: DashMap<QuotaHolder, Arc<Meter>>,
    revoked_tokens: DashMap<String, Timestamp>,
    /// Whether a signing key changed that the key ring has not been told of.
    signing_keys_changed: AtomicBool,
    /// The last event that is in the maps; moved by one follower at a time.
    followed: Mutex<Head>,
    rev: AtomicI64,
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

    pub fn api_key(&self, id: ApiKeyId) -> Option<Arc<ApiKeyEntry>> {
        self.api_keys.get(&id).map(|entry| Arc::clone(&entry))
    }

    pub fn api_key_by_digest(&self, digest: &SecretDigest) -> Option<Arc<ApiKeyEntry>> {
        let id = self.api_key_ids.get(digest).map(|entry| *entry)?;
        self.api_key(id)
    }

    pub fn meter(&self, holder: QuotaHolder) -> Option<Arc<Meter>> {
        self.meters.get(&holder).map(|entry| Arc::clone(&entry))
    }

    pub fn has_meters(&self) -> bool {
        !self.meters.is_empty()
    }

    /// When each key that works was made and last used: all of them, or one organization's.
    pub fn api_key_ages(&self, of: Option<OrganizationId>, now: Timestamp) -> Vec<(Timestamp, Option<Timestamp>)> {
        let in_reach = |entry: &ApiKeyEntry| of.is_none_or(|of| entry.key.owner.organization_id() == of);
        let works = |entry: &ApiKeyEntry| entry.key.status_at(now) == ApiKeyStatus::Active;
        let keys = self.api_keys.iter().filter(|entry| in_reach(entry) && works(entry));
        keys.map(|entry| (entry.key.created_at, entry.last_used_at())).collect()
    }

    pub fn catalogue(&self) -> Arc<Catalogue> {
        self.catalogue.load_full()
    }

    pub fn is_revoked(&self, jti: &str) -> bool {
        self.revoked_tokens.contains_key(jti)
    }

    pub fn api_key_count(&self) -> usize {
        self.api_keys.len()
    }

    pub fn application_count(&self) -> usize {
        self.applications.len()
    }

    /// The place in the chain of the last event that is in the maps.
    pub fn rev(&self) -> i64 {
        self.rev.load(Ordering::Acquire)
    }

    /// Whether the signing keys are to be read again; whoever asks does so, or says that he could not.
    pub fn take_signing_keys_changed(&self) -> bool {
        self.signing_keys_changed.swap(false, Ordering::AcqRel)
    }

    pub fn signing_keys_changed(&self) -> bool {
        self.signing_keys_changed.load(Ordering::Acquire)
    }

    pub fn set_signing_keys_changed(&self) {
        self.signing_keys_changed.store(true, Ordering::Release);
    }

    /// Forgets single revoked tokens that have expired (K25).
    pub fn purge_revoked_tokens(&self, expired_before: Timestamp) {
        self.revoked_tokens.retain(|_, expires_at| *expires_at >= expired_before);
    }
}
