//! API keys: make, list, rename, expire, revoke. The value leaves with the answer that made it, and is kept nowhere.
use std::collections::HashMap;

use serde_json::{Value, json};

use super::Authority;
use super::acting::{demand_admin, demand_admin_of};
use super::bound::Revokes;
use super::caller::Caller;
use super::change::Change;
use super::error::Error;
use super::users::NAME as USER;
use crate::domain::api_key::{ApiKey, ApiKeyChange, ApiKeyFilter, ApiKeyStatus, NewApiKey, NewOwner, Owner, OwnerFilter, choose_expiry};
use crate::domain::credential::Secret;
use crate::domain::event::{NewEvent, Subject};
use crate::domain::id::{ApiKeyId, OrganizationId, UserId};
use crate::domain::management_key::Power;
use crate::domain::membership::MembershipStatus;
use crate::domain::organization::Organization;
use crate::domain::page::{Cursor, Page, PageRequest};
use crate::domain::permission::HolderKind;
use crate::domain::rotation::Life;
use crate::domain::settings::Effective;
use crate::domain::text::FieldError;
use crate::domain::timestamp::Timestamp;
use crate::domain::usage::{KEPT_HOURS, Usage};
use crate::storage::api_keys::{self, HourOfUse};
use crate::storage::{memberships, organizations, users};

pub(super) const NAME: &str = "API key";
const ORGANIZATION: &str = "organization";

/// A key with its value, this once.
pub struct RevealedApiKey {
    pub key: ApiKey,
    pub plain: Secret,
}

impl Authority {
    pub async fn find_api_key(&self, caller: &Caller, id: &str) -> Result<ApiKey, Error> {
        let reach = caller.demand(Power::ApiKeysRead)?;
        let mut tx = self.database.read().await?;
        let stored = api_keys::find(&mut tx, reach, id, self.clock.now()).await?.ok_or(Error::NotFound(NAME))?;
        demand_admin(&mut tx, caller, Some(stored.key.owner.organization_id())).await?;
        Ok(stored.key)
    }

    /// Of one organization, which must be in reach.
    pub async fn list_api_keys_of_organization(
        &self,
        caller: &Caller,
        id: &str,
        filter: ApiKeyFilter,
        request: &PageRequest,
    ) -> Result<Page<ApiKey>, Error> {
        let reach = caller.demand(Power::ApiKeysRead)?;
        organizations::find(&mut self.database.read().await?, reach, id).await?.ok_or(Error::NotFound(ORGANIZATION))?;
        self.list_api_keys(caller, ApiKeyFilter { organization_id: Some(id.to_owned()), ..filter }, request).await
    }

    /// Of one user, who must be in reach; in one organization or in all.
    pub async fn list_api_keys_of_user(
        &self,
        caller: &Caller,
        id: &str,
        filter: ApiKeyFilter,
        request: &PageRequest,
    ) -> Result<Page<ApiKey>, Error> {
        let reach = caller.demand(Power::ApiKeysRead)?;
        let user = users::find(&mut self.database.read().await?, reach, id).await?.ok_or(Error::NotFound(USER))?;
        self.list_api_keys(caller, ApiKeyFilter { user_id: Some(user.id), ..filter }, request).await
    }

    async fn list_api_keys(&self, caller: &Caller, filter: ApiKeyFilter, request: &PageRequest) -> Result<Page<ApiKey>, Error> {
        let (mut tx, reach, now) = (self.database.read().await?, caller.reach(), self.clock.now());
        demand_admin_of(&mut tx, caller, filter.organization_id.as_deref()).await?;
        if let Some(Cursor::After(id) | Cursor::Before(id)) = &request.cursor {
            let key = api_keys::find(&mut tx, reach, id, now).await?.ok_or(Error::InvalidCursor)?.key;
            let other_owner = match filter.owner {
                OwnerFilter::Organization => key.owner.user_id().is_some(),
                OwnerFilter::User => key.owner.user_id().is_none(),
                OwnerFilter::All => false,
            };
            let other_user = filter.user_id.is_some_and(|user| key.owner.user_id() != Some(user));
            let other_organization = filter.organization_id.as_ref().is_some_and(|of| *of != key.owner.organization_id().to_string());
            if other_owner || other_user || other_organization {
                return Err(Error::InvalidCursor);
            }
        }
        Ok(api_keys::list(&mut tx, reach, &filter, request, now).await?)
    }

    /// What the users are called whose keys these are, as far as they belong to the organization still.
    pub async fn owners_of_api_keys(&self, caller: &Caller, of: OrganizationId, keys: &[ApiKey]) -> Result<HashMap<UserId, String>, Error> {
        let reach = caller.demand(Power::ApiKeysRead)?;
        let mut owners: Vec<_> = keys.iter().filter_map(|key| key.owner.user_id()).collect();
        owners.sort_unstable_by_key(ToString::to_string);
        owners.dedup();
        let mut tx = self.database.read().await?;
        let organization = self.organization_of(&mut tx, caller, reach, &of.to_string()).await?;
        let found = users::of_organization(&mut tx, organization, &owners).await?;
        Ok(found.into_iter().map(|user| (user.id, user.display_name())).collect())
    }

    /// How often a key was used, hour by hour.
    pub async fn api_key_usage(&self, caller: &Caller, id: &str) -> Result<(ApiKey, Usage, Vec<HourOfUse>), Error> {
        let key = self.find_api_key(caller, id).await?;
        let after = self.clock.now().hour() - KEPT_HOURS;
        let hours = api_keys::hours_of_use(&mut self.database.read().await?, key.id, after).await?;
        let usage = key.usage.unwrap_or_default();
        Ok((key, usage, hours))
    }
}

impl Change {
    pub async fn create_api_key(&mut self, new: NewApiKey) -> Result<RevealedApiKey, Error> {
        let (owner, organization) = self.find_owner(new.owner).await?;
        let settings = self.settings_for_keys(organization.id).await?;
        let kind = kind_of(owner);
        let permissions = self.resolve_grant(&new.grant, kind, &Default::default(), "permissions").await?;
        if settings.require_permissions && permissions.is_empty() {
            return Err(FieldError::new("permissions_required", "permissions", "a key needs at least one permission here").into());
        }
        let expires_at = choose_expiry(new.expires_at, settings.unsaid_expiry(self.now), settings.max_expiry_days, self.now, self.now)?;
        let plain = Secret::api_key(&settings.api_key_prefix, &self.authority.random.bytes()?);
        let mut key = ApiKey {
            id: self.authority.random.id(self.now),
            owner,
            name: new.name,
            description: new.description,
            obfuscated_value: plain.obfuscated(),
            permissions,
            status: ApiKeyStatus::Active,
            principal: owner.principal(organization.principal.id),
            expires_at: None,
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
        };
        key.refresh(self.now);
        self.insert_key(&key, &plain).await?;
        Ok(RevealedApiKey { key, plain })
    }

    pub async fn change_api_key(&mut self, id: &str, change: ApiKeyChange) -> Result<ApiKey, Error> {
        let before = self.api_key(id).await?;
        if before.revoked_at.is_some() {
            return Err(Error::conflict("api_key_revoked", "this key is revoked: it stays to be seen as it was"));
        }
        let mut key = before.clone();
        key.name = change.name.unwrap_or(key.name);
        key.description = change.description.unwrap_or(key.description);
        self.store_key(key, &before).await
    }

    /// Ends a key at a time; at once when that has passed; or, with `None`, never after all.
    pub async fn expire_api_key(&mut self, id: &str, at: Option<Timestamp>) -> Result<ApiKey, Error> {
        let before = self.api_key(id).await?;
        self.demand_active(&before)?;
        let expires_at = match at {
            Some(at) if at <= self.now => Some(self.now),
            later => {
                let settings = self.effective_settings(before.owner.organization_id()).await?;
                choose_expiry(Some(later), None, settings.max_expiry_days, before.created_at, self.now)?
            }
        };
        let mut key = before.clone();
        key.life.expires_at = expires_at;
        if expires_at == Some(self.now) {
            // It never lives again, so its tokens need not either.
            api_keys::raise_generation(&mut self.tx, key.id, self.now).await?;
            self.revokes.get_or_insert(Revokes::ApiKeys);
            self.release_waiting(key.id, key.owner.organization_id()).await?;
        }
        self.store_key(key, &before).await
    }

    /// Revokes it for good; the row stays. Doing it again changes nothing.
    pub async fn revoke_api_key(&mut self, id: &str) -> Result<(), Error> {
        let key = self.api_key(id).await?;
        if key.revoked_at.is_none() {
            self.revoke_key(key).await?;
        }
        Ok(())
    }

    /// Revokes a key that nothing replaces.
    pub(super) async fn revoke_key(&mut self, key: ApiKey) -> Result<(), Error> {
        let (id, organization) = (key.id, key.owner.organization_id());
        self.end_key(key).await?;
        self.release_waiting(id, organization).await
    }

    /// Keys that wait for this one's first use would wait for ever: they live on instead.
    async fn release_waiting(&mut self, id: ApiKeyId, organization: OrganizationId) -> Result<(), Error> {
        for waiting in api_keys::retiring_for(&mut self.tx, organization, id, self.now).await? {
            let before = waiting.key;
            if before.life.retirement.is_some_and(|retirement| retirement.ends_at.is_none()) {
                let mut restored = before.clone();
                restored.life.retirement = None;
                self.store_key(restored, &before).await?;
            }
        }
        Ok(())
    }

    pub(super) async fn end_key(&mut self, mut key: ApiKey) -> Result<(), Error> {
        self.revokes.get_or_insert(Revokes::ApiKeys);
        let before = key.clone();
        (key.revoked_at, key.updated_at, key.version) = (Some(self.now), self.now, key.version + 1);
        key.refresh(self.now);
        api_keys::update(&mut self.tx, &key).await?;
        self.note_key("api_key.revoked", &key, Some(&before), None);
        Ok(())
    }

    pub(super) async fn insert_key(&mut self, key: &ApiKey, plain: &Secret) -> Result<(), Error> {
        api_keys::insert(&mut self.tx, key, &self.authority.pepper.digest(plain)).await?;
        self.note_key("api_key.created", key, None, None);
        Ok(())
    }

    pub(super) async fn store_key(&mut self, mut key: ApiKey, before: &ApiKey) -> Result<ApiKey, Error> {
        (key.updated_at, key.version) = (self.now, key.version + 1);
        key.refresh(self.now);
        api_keys::update(&mut self.tx, &key).await?;
        let previous = json!({ "expires_at": before.expires_at });
        self.note_key("api_key.updated", &key, Some(before), Some(previous));
        Ok(key)
    }

    /// The key, if it is the caller's to change and he saw its latest version.
    pub(super) async fn api_key(&mut self, id: &str) -> Result<ApiKey, Error> {
        let reach = self.reach();
        let key = api_keys::find(&mut self.tx, reach, id, self.now).await?.ok_or(Error::NotFound(NAME))?.key;
        self.act_in(key.owner.organization_id()).await?;
        self.check_version(key.version)?;
        Ok(key)
    }

    pub(super) fn demand_active(&self, key: &ApiKey) -> Result<(), Error> {
        match key.status_at(self.now) {
            ApiKeyStatus::Active => Ok(()),
            ApiKeyStatus::Expired => Err(Error::conflict("api_key_expired", "this key has expired: make another")),
            ApiKeyStatus::Revoked => Err(Error::conflict("api_key_revoked", "this key is revoked for good: make another")),
        }
    }

    /// The settings where a key is to be made, if one may be.
    pub(super) async fn settings_for_keys(&mut self, organization: OrganizationId) -> Result<Effective, Error> {
        let settings = self.effective_settings(organization).await?;
        if settings.api_keys_enabled {
            return Ok(settings);
        }
        Err(Error::forbidden("feature_disabled", "API keys are switched off for this organization: PUT /organizations/{id}/settings"))
    }

    /// A personal key is for an active member.
    async fn find_owner(&mut self, owner: NewOwner) -> Result<(Owner, Organization), Error> {
        let reach = self.reach();
        let (user, organization_id) = match owner {
            NewOwner::Organization(id) => (None, id),
            NewOwner::User { id, organization_id } => {
                let user = users::find(&mut self.tx, reach, &id).await?.ok_or(Error::NotFound(USER))?;
                (Some(user.id), organization_id)
            }
        };
        let organization = organizations::find(&mut self.tx, reach, &organization_id).await?.ok_or(Error::NotFound(ORGANIZATION))?;
        self.act_in(organization.id).await?;
        let Some(user) = user else { return Ok((Owner::Organization { id: organization.id }, organization)) };
        self.demand_own_key(user)?;
        let membership = memberships::find_of(&mut self.tx, user, organization.id).await?;
        if membership.is_none_or(|membership| membership.status != MembershipStatus::Active) {
            return Err(FieldError::new("not_a_member", "organization_id", "the user is no active member of this organization").into());
        }
        Ok((Owner::User { id: user, organization_id: organization.id }, organization))
    }

    /// A personal key acts as its user: an admin may revoke another's, but never hold one.
    pub(super) fn demand_own_key(&self, owner: UserId) -> Result<(), Error> {
        match self.caller.as_ref().and_then(Caller::acting_user) {
            Some(acting) if acting != owner => {
                Err(Error::forbidden("not_the_owner", "a personal key is made and rotated by the user it acts for, or by the operator"))
            }
            _ => Ok(()),
        }
    }

    pub(super) fn note_key(&mut self, event: &str, key: &ApiKey, before: Option<&ApiKey>, previous: Option<Value>) {
        let mut data = json!(key);
        if let Some(previous) = previous {
            data["previous_attributes"] = previous;
        }
        self.note(NewEvent {
            event: event.into(),
            organization_id: Some(key.owner.organization_id()),
            subject: Subject::ApiKey(key.id.to_string()),
            data,
            before: before.map(|before| json!(before)),
        });
    }
}

pub(super) fn kind_of(owner: Owner) -> HolderKind {
    match owner {
        Owner::Organization { .. } => HolderKind::ApiKeyOrganization,
        Owner::User { .. } => HolderKind::ApiKeyUser,
    }
}
