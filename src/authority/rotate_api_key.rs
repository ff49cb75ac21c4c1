//! Rotating an API key: a new one with the same owner and permissions beside it (P18), which replaces it after an overlap.
use std::time::Duration;

use super::api_keys::RevealedApiKey;
use super::change::Change;
use super::error::Error;
use crate::domain::api_key::{ApiKey, ApiKeyStatus, choose_expiry};
use crate::domain::credential::Secret;
use crate::domain::id::ApiKeyId;
use crate::domain::management_key::Reach;
use crate::domain::rotation::{Life, OverlapFrom, Rotation};
use crate::domain::timestamp::Timestamp;
use crate::domain::usage::Usage;
use crate::storage::api_keys;

/// What a rotation made of the key that was live before it.
pub struct RotatedApiKey {
    pub revealed: RevealedApiKey,
    pub retiring: ApiKeyId,
    /// When it stops working; `None` until the new one is used.
    pub ends_at: Option<Timestamp>,
}

impl Change {
    /// With an overlap of nothing from now, the old key and its tokens die at once.
    pub async fn rotate_api_key(&mut self, id: &str, rotation: Rotation) -> Result<RotatedApiKey, Error> {
        let before = self.api_key(id).await?;
        self.demand_active(&before)?;
        let organization = before.owner.organization_id();
        let settings = self.settings_for_keys(organization).await?;
        // Unsaid, the new key lives as long as the old one was made for.
        let days = |life: Duration| u32::try_from(life.as_secs().div_ceil(24 * 3600)).unwrap_or(u32::MAX);
        let own_days = before.life.expires_at.map(|at| days(at.since(before.created_at)));
        let unsaid = match (own_days, settings.max_expiry_days) {
            (Some(own), Some(max)) => Some(own.min(max)),
            (own, _) => own.or(settings.unsaid_expiry_days()),
        };
        let expires_at = choose_expiry(rotation.expires_at.map(Some), unsaid, settings.max_expiry_days, self.now)?;
        let plain = Secret::api_key(&settings.api_key_prefix, &self.authority.random.bytes()?);
        let mut key = ApiKey {
            id: self.authority.random.id(self.now),
            name: rotation.name.clone().unwrap_or_else(|| before.name.clone()),
            obfuscated_value: plain.obfuscated(),
            revoked_at: None,
            activated_at: None,
            last_used_at: None,
            last_used_ip: None,
            usage: Some(Usage::default()),
            created_by: self.actor.id.clone(),
            created_at: self.now,
            updated_at: self.now,
            life: Life { expires_at, retirement: None },
            version: 1,
            ..before.clone()
        };
        key.refresh(self.now);
        self.insert_key(&key, &plain).await?;
        let retiring = before.id;
        let ends_at = if rotation.from == OverlapFrom::Now && rotation.overlap.is_zero() {
            self.revoke_key(before).await?;
            Some(self.now)
        } else {
            let mut old = before.clone();
            old.life.retire(key.id, &rotation, self.now);
            self.store_key(old, &before).await?.expires_at
        };
        Ok(RotatedApiKey { revealed: RevealedApiKey { key, plain }, retiring, ends_at })
    }

    /// A key was used for the first time: the overlap that waited for it begins to run, and one of no length ends what it was for.
    pub(super) async fn activate_api_key(&mut self, id: ApiKeyId, at: Timestamp) -> Result<(), Error> {
        let Some(stored) = api_keys::find(&mut self.tx, Reach::Installation, &id.to_string(), self.now).await? else { return Ok(()) };
        let before = stored.key;
        if before.activated_at.is_some() {
            return Ok(());
        }
        let organization = before.owner.organization_id();
        let mut key = before.clone();
        key.activated_at = Some(at);
        self.store_key(key, &before).await?;
        for waiting in api_keys::retiring_for(&mut self.tx, organization, id, self.now).await? {
            let before = waiting.key;
            if before.status_at(self.now) != ApiKeyStatus::Active {
                continue;
            }
            let mut old = before.clone();
            old.life.successor_used(at);
            if old.life.retirement.is_some_and(|retirement| retirement.overlap.is_zero()) {
                self.revoke_key(before).await?;
            } else if old.life != before.life {
                self.store_key(old, &before).await?;
            }
        }
        Ok(())
    }
}
