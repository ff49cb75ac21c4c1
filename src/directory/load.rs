//! Loading the directory, and following the event chain.
use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::entry::{ApiKeyEntry, ApplicationEntry, Catalogue};
use super::{Directory, Meter, OrganizationEntry};
use crate::domain::application::MAX_ENFORCED_ACCESS_TOKEN_TTL;
use crate::domain::event::Subject;
use crate::domain::id::{ApplicationId, OrganizationId};
use crate::domain::management_key::Reach;
use crate::domain::timestamp::Timestamp;
use crate::domain::token_quota::{QuotaHolder, Window};
use crate::storage::api_keys::StoredApiKey;
use crate::storage::clients::StoredClient;
use crate::storage::token_quotas::StoredQuota;
use crate::storage::{
    self, Database, StoreError, Tx, api_keys, clients, events, installation, management_keys, organizations, permissions, resource_servers,
    revoked_tokens, token_quotas,
};

impl Directory {
    /// Reads everything.
    ///
    /// # Errors
    /// [`storage::StoreError`].
    pub async fn load(&self, tx: &mut Tx, now: Timestamp) -> storage::Result<()> {
        let mut followed = self.followed.lock().await;
        let head = installation::head(tx).await?;
        for organization in organizations::all(tx).await? {
            self.organizations.insert(organization.id, OrganizationEntry::from(&organization));
        }
        let mut last = String::new();
        loop {
            let stretch = clients::after(tx, &last).await?;
            let Some(client) = stretch.last() else { break };
            last = client.id.to_string();
            for client in stretch {
                self.put(client, now);
            }
        }
        for stored in management_keys::all(tx).await? {
            self.put_management_key(stored);
        }
        for stored in api_keys::all(tx, now).await? {
            self.put_api_key(stored);
        }
        for token in revoked_tokens::all(tx).await? {
            self.revoked_tokens.insert(token.jti, Timestamp::from_millis(token.expires_at));
        }
        self.load_catalogue(tx).await?;
        for quota in token_quotas::all(tx).await? {
            self.put_token_quota(quota);
        }
        self.count_tokens(tx, now).await?;
        self.rev.store(head.rev, Ordering::Release);
        *followed = head;
        Ok(())
    }

    /// Takes in every change committed since the last round. When it returns, whatever was committed before it was called is in memory.
    ///
    /// # Errors
    /// [`storage::StoreError`]; then the next round takes it in. [`StoreError::Another`] when the store's chain is not the one followed so far.
    pub async fn follow(&self, database: &Database, now: Timestamp) -> storage::Result<()> {
        let mut followed = self.followed.lock().await;
        let head = database.look().await?;
        if head == *followed {
            return Ok(());
        }
        if head.rev <= followed.rev {
            return Err(StoreError::Another);
        }
        let mut tx = database.read_changes().await?;
        loop {
            let Some(changes) = events::changes_after(&mut tx, followed.rev).await? else {
                // A connection that led somewhere else than the look did.
                return if followed.rev < head.rev { Err(StoreError::OutOfReach) } else { Ok(()) };
            };
            if changes.previous_hash != followed.event_hash {
                return Err(StoreError::Another);
            }
            let subjects: HashSet<Subject> = changes.subjects.into_iter().collect();
            for subject in &subjects {
                if *subject == Subject::SigningKeys {
                    self.set_signing_keys_changed();
                }
                self.reload(&mut tx, subject, now).await?;
            }
            self.rev.store(changes.last.rev, Ordering::Release);
            *followed = changes.last;
        }
    }

    async fn reload(&self, tx: &mut Tx, subject: &Subject, now: Timestamp) -> storage::Result<()> {
        match subject {
            Subject::Organization(id) => self.reload_organization(tx, id, now).await,
            Subject::Application(id) => self.reload_application(tx, id, now).await,
            Subject::ManagementKey(id) => {
                let Ok(key_id) = id.parse() else { return Ok(()) };
                match management_keys::find(tx, Reach::Installation, id).await? {
                    Some(stored) => self.put_management_key(stored),
                    None => {
                        if let Some((_, digest)) = self.management_key_digests.remove(&key_id) {
                            self.management_keys.remove(&digest);
                        }
                    }
                }
                Ok(())
            }
            Subject::ApiKey(id) => {
                if let Some(stored) = api_keys::find(tx, Reach::Installation, id, now).await? {
                    self.put_api_key(stored);
                }
                Ok(())
            }
            Subject::Token(jti) => {
                if let Some(token) = revoked_tokens::find(tx, jti).await? {
                    self.revoked_tokens.insert(token.jti, Timestamp::from_millis(token.expires_at));
                }
                Ok(())
            }
            Subject::TokenQuota(id) => {
                if let Some(quota) = token_quotas::find(tx, id).await? {
                    self.put_token_quota(quota);
                }
                Ok(())
            }
            Subject::Permissions | Subject::ResourceServers => self.load_catalogue(tx).await,
            Subject::SigningKeys | Subject::Nothing => Ok(()),
        }
    }

    async fn reload_organization(&self, tx: &mut Tx, id: &str, now: Timestamp) -> storage::Result<()> {
        let Ok(organization_id) = id.parse::<OrganizationId>() else { return Ok(()) };
        let Some(organization) = organizations::find(tx, Reach::Installation, id).await? else {
            self.organizations.remove(&organization_id);
            self.applications.retain(|_, application| application.organization_id != organization_id);
            self.applications_by_id.retain(|_, application| application.organization_id != organization_id);
            self.api_keys.retain(|_, entry| entry.key.owner.organization_id() != organization_id);
            self.api_key_ids.retain(|_, id| self.api_keys.contains_key(id));
            self.management_keys.retain(|_, key| key.organization_id != Some(organization_id));
            self.management_key_digests.retain(|_, digest| self.management_keys.contains_key(digest));
            self.meters.retain(|_, meter| meter.organization_id != organization_id);
            return Ok(());
        };
        self.organizations.insert(organization.id, OrganizationEntry::from(&organization));
        for client in clients::of_organization(tx, id).await? {
            self.put(client, now);
        }
        for stored in api_keys::of_organization(tx, organization_id, now).await? {
            self.put_api_key(stored);
        }
        Ok(())
    }

    async fn reload_application(&self, tx: &mut Tx, id: &str, now: Timestamp) -> storage::Result<()> {
        let Ok(application_id) = id.parse::<ApplicationId>() else { return Ok(()) };
        match clients::find(tx, id).await? {
            Some(client) => self.put(client, now),
            None => {
                self.meters.remove(&QuotaHolder::Application(application_id));
                if let Some((_, application)) = self.applications_by_id.remove(&application_id) {
                    self.applications.remove(&application.client_id);
                }
            }
        }
        Ok(())
    }

    /// A secret that ended so long ago that none of its tokens can be alive is left out.
    fn put(&self, mut client: StoredClient, now: Timestamp) {
        let token_lifetime = Duration::from_secs(u64::from(MAX_ENFORCED_ACCESS_TOKEN_TTL)) * 2;
        client.secrets.retain(|secret| secret.life.ends_at().is_none_or(|end| now < end + token_lifetime));
        let entry = Arc::new(ApplicationEntry::from(client));
        self.applications_by_id.insert(entry.id, Arc::clone(&entry));
        self.applications.insert(entry.client_id, entry);
    }

    fn put_api_key(&self, stored: StoredApiKey) {
        let (id, digest) = (stored.key.id, stored.digest);
        let entry = ApiKeyEntry::new(stored, self.api_key(id).as_deref());
        self.api_keys.insert(id, Arc::new(entry));
        self.api_key_ids.insert(digest, id);
    }

    fn put_management_key(&self, stored: management_keys::StoredManagementKey) {
        self.management_key_digests.insert(stored.key.id, stored.digest);
        self.management_keys.insert(stored.digest, Arc::new(stored.key));
    }

    /// What was counted stays, whatever the limits become; without one nothing is asked, and nothing counted.
    fn put_token_quota(&self, quota: StoredQuota) {
        let before = self.meter(quota.holder);
        let meter = Meter::new(quota.holder, quota.organization_id, quota.limits, before.as_deref());
        self.meters.insert(quota.holder, Arc::new(meter));
    }

    /// Takes over what is stored of the tokens that were obtained: by other instances, or before the start.
    ///
    /// # Errors
    /// [`storage::StoreError`].
    pub async fn count_tokens(&self, tx: &mut Tx, now: Timestamp) -> storage::Result<()> {
        for (holder, in_hour, in_day) in token_quotas::tokens_of(tx, Window::Day.first_hour(now), now.hour()).await? {
            let Some(meter) = self.meter(holder) else { continue };
            meter.at_least(Window::Hour, now, u32::try_from(in_hour).unwrap_or(u32::MAX));
            meter.at_least(Window::Day, now, u32::try_from(in_day).unwrap_or(u32::MAX));
        }
        Ok(())
    }

    async fn load_catalogue(&self, tx: &mut Tx) -> storage::Result<()> {
        let mut catalogue = Catalogue::default();
        for server in resource_servers::all(tx).await? {
            if server.default {
                catalogue.default = Some(server.identifier.clone());
            }
            catalogue.resource_servers.insert(server.identifier.clone(), Arc::new(server));
        }
        for permission in permissions::all(tx).await? {
            catalogue.permissions.insert(permission.slug.as_str().to_owned(), permission.resource_server);
        }
        self.catalogue.store(Arc::new(catalogue));
        Ok(())
    }
}
