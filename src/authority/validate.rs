//! Validating an API key: one digest and one look into memory, whoever's key it is; no row is read.
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use chancery_verifier::Status;

use super::Authority;
use super::caller::Caller;
use super::error::Error;
use crate::directory::ApiKeyEntry;
use crate::domain::api_key::{ApiKey, ApiKeyStatus, InvalidReason};
use crate::domain::credential::{Purpose, Secret};
use crate::domain::management_key::{Power, Reach};
use crate::domain::organization::OrganizationStatus;
use crate::domain::timestamp::Timestamp;

/// What is to be looked at.
pub struct ValidationRequest {
    pub value: Secret,
    /// Permissions the key must hold, all of them.
    pub required_permissions: Vec<String>,
    /// The organization it must be of.
    pub organization_id: Option<String>,
    /// Who presented the key, as far as the caller knows.
    pub source_ip: Option<IpAddr>,
}

/// A good key.
pub struct Validated {
    pub key: ApiKey,
    /// Where its revocation is published.
    pub status: Status,
    /// For how long whoever follows the revocations may rely on this answer.
    pub cache_lifetime: Duration,
}

/// Revocations reach whoever follows them at once; that a key is about to retire, or was given an earlier end, this much later.
const CACHE_LIFETIME: Duration = Duration::from_secs(10);

impl Authority {
    /// The key, with what is known of it now; or why the value is none that is good. A good one counts as used.
    ///
    /// # Errors
    /// [`Error::Forbidden`] without the power.
    pub fn validate_api_key(&self, caller: &Caller, request: &ValidationRequest) -> Result<Result<Validated, InvalidReason>, Error> {
        let reach = caller.demand(Power::ApiKeysValidate)?;
        let now = self.clock.now();
        let entry = match self.find_key_by_value(&request.value, reach) {
            Ok(entry) => entry,
            Err(reason) => return Ok(Err(reason)),
        };
        if let Err(reason) = self.check_key(&entry, request, now) {
            return Ok(Err(reason));
        }
        let mut key = entry.key.clone();
        key.refresh(now);
        key.usage = None;
        (key.last_used_at, key.last_used_ip) = entry.note_use(now, request.source_ip);
        self.uses.note_api_key(&entry, now, request.source_ip);
        let left = key.life.ends_at().map_or(CACHE_LIFETIME, |end| end.since(now));
        let status = Status::of(&self.deployment.issuer, entry.status_index);
        Ok(Ok(Validated { key, status, cache_lifetime: left.min(CACHE_LIFETIME) }))
    }

    /// The key with this value, dead or alive, if it is in reach.
    pub(super) fn find_key_by_value(&self, value: &Secret, reach: Reach) -> Result<Arc<ApiKeyEntry>, InvalidReason> {
        if !value.is_well_formed(Purpose::ApiKey) {
            return Err(InvalidReason::Malformed);
        }
        let entry = self.directory.api_key_by_digest(&self.pepper.digest(value)).ok_or(InvalidReason::NotFound)?;
        match reach {
            Reach::Organization(own) if own != entry.key.owner.organization_id() => Err(InvalidReason::NotFound),
            _ => Ok(entry),
        }
    }

    fn check_key(&self, entry: &ApiKeyEntry, request: &ValidationRequest, now: Timestamp) -> Result<(), InvalidReason> {
        self.check_key_life(entry, now)?;
        let organization = entry.key.owner.organization_id();
        if request.organization_id.as_ref().is_some_and(|asked| *asked != organization.to_string()) {
            return Err(InvalidReason::OrganizationMismatch);
        }
        if request.required_permissions.iter().any(|permission| !entry.key.permissions.contains(permission)) {
            return Err(InvalidReason::MissingPermission);
        }
        Ok(())
    }

    /// Whether the key and its organization live.
    pub(super) fn check_key_life(&self, entry: &ApiKeyEntry, now: Timestamp) -> Result<(), InvalidReason> {
        match entry.key.status_at(now) {
            ApiKeyStatus::Revoked => return Err(InvalidReason::Revoked),
            ApiKeyStatus::Expired => return Err(InvalidReason::Expired),
            ApiKeyStatus::Active => {}
        }
        let organization = self.directory.organization(entry.key.owner.organization_id());
        if organization.is_some_and(|organization| organization.status == OrganizationStatus::Active) {
            Ok(())
        } else {
            Err(InvalidReason::OrganizationSuspended)
        }
    }
}
