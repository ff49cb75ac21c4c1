//! Who calls the management surface, and what he may do there.
use std::net::IpAddr;
use std::sync::Arc;

use super::Authority;
use super::error::Error;
use super::idempotency::Idempotency;
use crate::domain::credential::{Purpose, Secret};
use crate::domain::event::Actor;
use crate::domain::id::{ConsoleSessionId, ManagementKeyId, PortalSessionId, UserId};
use crate::domain::management_key::{ManagementKey, Power, Reach};
use crate::domain::organization::OrganizationStatus;
use crate::storage::{Tx, management_keys, organizations};

/// The least length of a preset management key, characters.
pub const MIN_PRESET_LENGTH: usize = 32;

/// A management key that authenticated, and the user for whom it acts.
#[derive(Clone, Debug)]
pub struct Caller {
    key: Arc<ManagementKey>,
    acting_user: Option<UserId>,
    door: Door,
}

/// Where he came in.
#[derive(Clone, Copy, Debug)]
enum Door {
    Api,
    Portal(PortalSessionId),
    Console(ConsoleSessionId),
}

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
    /// The same caller, acting for a user: what he may do is then also what an admin of the organization may.
    pub fn acting_for(self, user: UserId) -> Self {
        Self { acting_user: Some(user), ..self }
    }

    /// A visitor of the portal: `key` is narrowed to what his session grants.
    pub(super) fn visiting(key: ManagementKey, session: PortalSessionId, user: Option<UserId>) -> Self {
        Self { key: Arc::new(key), acting_user: user, door: Door::Portal(session) }
    }

    /// Somebody whom the key is made for, and who has proved that by other means than its value.
    pub(super) fn known(key: ManagementKey) -> Self {
        Self { key: Arc::new(key), acting_user: None, door: Door::Api }
    }

    /// An operator in the console.
    pub(super) fn in_console(key: ManagementKey, session: ConsoleSessionId) -> Self {
        Self { key: Arc::new(key), acting_user: None, door: Door::Console(session) }
    }

    /// Where he comes from, as events tell it, and through what.
    pub(super) fn source(&self) -> (&'static str, Option<String>) {
        match self.door {
            Door::Portal(session) => ("admin_portal", Some(session.to_string())),
            Door::Console(session) => ("console", Some(session.to_string())),
            Door::Api => ("api", self.acting_user.map(|_| self.key.id.to_string())),
        }
    }

    pub fn acting_user(&self) -> Option<UserId> {
        self.acting_user
    }

    pub fn id(&self) -> ManagementKeyId {
        self.key.id
    }

    pub fn actor(&self) -> Actor {
        let (source, via) = self.source();
        Actor { id: self.key.id.to_string(), source, name: Some(self.key.name.as_str().to_owned()), via }
    }

    pub fn reach(&self) -> Reach {
        self.key.organization_id.map_or(Reach::Installation, Reach::Organization)
    }

    pub fn key(&self) -> &ManagementKey {
        &self.key
    }

    pub fn may(&self, power: Power) -> bool {
        self.key.permissions.allow(power)
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
        match (self.reach(), self.acting_user) {
            (Reach::Installation, None) => Ok(()),
            (Reach::Installation, Some(_)) => {
                Err(Error::forbidden("not_an_admin", "this concerns the whole installation: no organization's admin may do it"))
            }
            (Reach::Organization(_), _) => {
                Err(Error::forbidden("organization_bound", "this management key is bound to one organization: this takes one that is not"))
            }
        }
    }
}

impl Caller {
    /// Asks the store whether the key and its organization still live: between the request's head and its turn to change something they
    /// may have been taken away.
    pub(super) async fn demand_alive(&self, tx: &mut Tx) -> Result<(), Error> {
        let key = management_keys::find(tx, Reach::Installation, &self.key.id.to_string()).await?;
        let organization_lives = match self.key.organization_id {
            Some(id) => organizations::find(tx, Reach::Installation, &id.to_string())
                .await?
                .is_some_and(|organization| organization.status == OrganizationStatus::Active),
            None => true,
        };
        if key.is_some() && organization_lives { Ok(()) } else { Err(Error::Unauthenticated) }
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
        Some(Caller { key, acting_user: None, door: Door::Api })
    }
}
