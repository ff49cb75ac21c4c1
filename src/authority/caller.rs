//! Who calls the management surface, and what he may do there.
use std::net::IpAddr;
use std::sync::Arc;

use super::Authority;
use super::error::Error;
use super::idempotency::Idempotency;
use crate::domain::credential::{Purpose, Secret};
use crate::domain::event::Actor;
use crate::domain::id::ManagementKeyId;
use crate::domain::management_key::{ManagementKey, Power, Reach};
use crate::domain::organization::OrganizationStatus;

/// The least length of a preset management key, characters.
pub const MIN_PRESET_LENGTH: usize = 32;

/// A management key that authenticated.
#[derive(Clone, Debug)]
pub struct Caller(pub(super) Arc<ManagementKey>);

/// One call of the management surface.
pub struct Call {
    pub caller: Caller,
    pub request_id: String,
    pub source_ip: Option<IpAddr>,
    /// The last version of the object the caller saw, where he says so.
    pub if_match: Option<i64>,
    pub idempotency: Option<Idempotency>,
}

/// What is to be done, for the permission check and for the event of a refusal.
#[derive(Clone, Copy, Debug)]
pub struct Operation {
    /// As in `connect_application.create`.
    pub name: &'static str,
    pub power: Power,
}

impl Caller {
    pub fn id(&self) -> ManagementKeyId {
        self.0.id
    }

    pub fn actor(&self) -> Actor {
        Actor { id: self.0.id.to_string(), source: "api", name: Some(self.0.name.as_str().to_owned()) }
    }

    pub fn reach(&self) -> Reach {
        self.0.organization_id.map_or(Reach::Installation, Reach::Organization)
    }

    pub fn key(&self) -> &ManagementKey {
        &self.0
    }

    pub fn may(&self, power: Power) -> bool {
        self.0.permissions.allow(power)
    }

    /// # Errors
    /// [`Error::Forbidden`] without the power.
    pub fn demand(&self, power: Power) -> Result<Reach, Error> {
        if self.may(power) {
            return Ok(self.reach());
        }
        Err(Error::forbidden("insufficient_permission", format!("this management key lacks the permission {}", power.name())))
    }

    /// # Errors
    /// [`Error::Forbidden`] for a key that is bound to one organization.
    pub fn demand_installation(&self) -> Result<(), Error> {
        match self.reach() {
            Reach::Installation => Ok(()),
            Reach::Organization(_) => {
                Err(Error::forbidden("organization_bound", "this management key is bound to one organization: this takes one that is not"))
            }
        }
    }
}

impl Authority {
    /// The management key with this value, unless it or its organization is dead.
    pub fn find_caller(&self, presented: &Secret) -> Option<Caller> {
        let length = presented.expose().len();
        if !presented.is_well_formed(Purpose::ManagementKey) && !(MIN_PRESET_LENGTH..=1024).contains(&length) {
            return None;
        }
        let key = self.directory.management_key(&self.pepper.digest(presented))?;
        let organization_is_active = |id| self.directory.organization(id).is_some_and(|entry| entry.status == OrganizationStatus::Active);
        if key.organization_id.is_some_and(|id| !organization_is_active(id)) {
            return None;
        }
        self.uses.note_management_key(key.id, self.clock.now());
        Some(Caller(key))
    }
}
