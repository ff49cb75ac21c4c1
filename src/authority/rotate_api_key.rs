//! Rotating an API key: a new one with the same owner and permissions beside it (P18), which replaces it after an overlap.
use super::api_keys::RevealedApiKey;
use super::change::Change;
use super::error::Error;
use crate::domain::api_key::{ApiKey, ApiKeyStatus, choose_expiry, days_long};
use crate::domain::credential::Secret;
use crate::domain::id::ApiKeyId;
use crate::domain::management_key::Reach;
use crate::domain::rotation::{Life, Rotation};
use crate::domain::timestamp::Timestamp;
use crate::domain::usage::{Usage, Used};
use crate::storage::api_keys;

/// How many keys of one line of rotations may be live at once, as with client secrets.
const MAX_LIVE_KEYS: usize = 5;

/// What a rotation made of the keys that were live before it.
pub struct RotatedApiKey {
    pub revealed: RevealedApiKey,
    /// Each with when it stops working, as far as that is known.
    pub retiring: Vec<(ApiKeyId, Option<Timestamp>)>,
}

impl Change {
    /// Makes a new key and retires this one, and with it whatever rotations before left live: keys it replaces and keys that replace it.
    /// With an overlap of nothing from now, those and their tokens die at once.
    pub async fn rotate_api_key(&mut self, id: &str, rotation: Rotation) -> Result<RotatedApiKey, Error> {
        let before = self.api_key(id).await?;
        self.demand_active(&before)?;
        before.owner.user_id().map_or(Ok(()), |owner| self.demand_own_key(owner))?;
        let settings = self.settings_for_keys(before.owner.organization_id()).await?;
        self.write_first_use_of_keys(&before).await?;
        let live = self.live_line(before.clone()).await?;
        let at_once = rotation.is_at_once();
        if !at_once && live.len() >= MAX_LIVE_KEYS {
            let message =
                format!("{MAX_LIVE_KEYS} keys of this line are live: revoke those that nobody uses, or rotate with overlap_seconds 0");
            return Err(Error::conflict("too_many_keys", message));
        }
        // Unsaid, the new key lives as long as the old one was made for.
        let unsaid = match before.life.expires_at {
            Some(at) => {
                let latest = settings.max_expiry_days.map(|days| self.now + days_long(days));
                Some(latest.map_or(self.now + at.since(before.created_at), |latest| latest.min(self.now + at.since(before.created_at))))
            }
            None => settings.unsaid_expiry(self.now),
        };
        let expires_at = choose_expiry(rotation.expires_at.map(Some), unsaid, settings.max_expiry_days, self.now, self.now)?;
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
        let mut retiring = Vec::with_capacity(live.len());
        for before in live {
            let mut old = before.clone();
            if at_once {
                retiring.push((old.id, Some(self.now)));
                self.end_key(old).await?;
            } else {
                old.life.retire(key.id, &rotation, self.now);
                let old = self.store_key(old, &before).await?;
                retiring.push((old.id, old.expires_at));
            }
        }
        Ok(RotatedApiKey { revealed: RevealedApiKey { key, plain }, retiring })
    }

    /// The live keys of one line of rotations: this one, those that retire in favour of any of them, and those in whose favour.
    async fn live_line(&mut self, key: ApiKey) -> Result<Vec<ApiKey>, Error> {
        let organization = key.owner.organization_id();
        let mut line = vec![key];
        let mut place = 0;
        while let Some(key) = line.get(place).cloned() {
            place += 1;
            let mut related = api_keys::retiring_for(&mut self.tx, organization, key.id, self.now).await?;
            if let Some(retirement) = key.life.retirement {
                let successor = retirement.successor.to_string();
                related.extend(api_keys::find(&mut self.tx, Reach::Organization(organization), &successor, self.now).await?);
            }
            for stored in related {
                if stored.key.status_at(self.now) == ApiKeyStatus::Active && line.iter().all(|known| known.id != stored.key.id) {
                    line.push(stored.key);
                }
            }
        }
        Ok(line)
    }

    /// First uses that are noticed but not yet written come before what is done now.
    async fn write_first_use_of_keys(&mut self, key: &ApiKey) -> Result<(), Error> {
        for key in self.live_line(key.clone()).await? {
            if let Some(at) = self.authority.uses.first_use_of(Used::ApiKey(key.id)) {
                self.activate_api_key(key.id, at).await?;
            }
        }
        Ok(())
    }

    /// A key was used for the first time: the overlap that waited for it begins to run, and one of no length ends what it was for.
    pub(super) async fn activate_api_key(&mut self, id: ApiKeyId, at: Timestamp) -> Result<(), Error> {
        let Some(stored) = api_keys::find(&mut self.tx, Reach::Installation, &id.to_string(), self.now).await? else { return Ok(()) };
        let before = stored.key;
        if before.activated_at.is_some() {
            return Ok(());
        }
        let organization = before.owner.organization_id();
        // Its use is not a change of it: its version stays.
        let mut key = before.clone();
        key.activated_at = Some(at);
        api_keys::update(&mut self.tx, &key).await?;
        self.note_key("api_key.activated", &key, Some(&before), None);
        for waiting in api_keys::retiring_for(&mut self.tx, organization, id, self.now).await? {
            let before = waiting.key;
            if before.status_at(self.now) != ApiKeyStatus::Active {
                continue;
            }
            let mut old = before.clone();
            old.life.successor_used(at);
            if old.life.retirement.is_some_and(|retirement| retirement.overlap.is_zero()) {
                self.end_key(before).await?;
            } else if old.life != before.life {
                self.store_key(old, &before).await?;
            }
        }
        Ok(())
    }
}
