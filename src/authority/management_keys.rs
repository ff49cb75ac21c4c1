//! Management keys: make, list, delete. Nobody grants what he lacks (A4).
use serde_json::json;

use super::Authority;
use super::acting::demand_admin;
use super::caller::Caller;
use super::change::Change;
use super::error::Error;
use crate::domain::credential::{Purpose, Secret};
use crate::domain::event::{NewEvent, Subject};
use crate::domain::management_key::{Grants, ManagementKey, NewManagementKey, Power, Reach};
use crate::domain::page::{Cursor, Page, PageRequest};
use crate::domain::text::{FieldError, Name};
use crate::storage::{management_keys, organizations};

const NAME: &str = "management key";

/// A management key with its value, this once.
pub struct RevealedManagementKey {
    pub key: ManagementKey,
    pub plain: Secret,
}

impl Authority {
    pub async fn find_management_key(&self, caller: &Caller, id: &str) -> Result<ManagementKey, Error> {
        let reach = caller.demand(Power::ManagementKeysRead)?;
        let mut tx = self.database.read().await?;
        demand_admin(&mut tx, caller, None).await?;
        Ok(management_keys::find(&mut tx, reach, id).await?.ok_or(Error::NotFound(NAME))?.key)
    }

    pub async fn list_management_keys(&self, caller: &Caller, request: &PageRequest) -> Result<Page<ManagementKey>, Error> {
        let reach = caller.demand(Power::ManagementKeysRead)?;
        let mut tx = self.database.read().await?;
        demand_admin(&mut tx, caller, None).await?;
        if let Some(Cursor::After(id) | Cursor::Before(id)) = &request.cursor {
            management_keys::find(&mut tx, reach, id).await?.ok_or(Error::InvalidCursor)?;
        }
        Ok(management_keys::list(&mut tx, reach, request).await?)
    }
}

impl Change {
    pub async fn create_management_key(&mut self, new: NewManagementKey) -> Result<RevealedManagementKey, Error> {
        let caller = self.caller.clone();
        if caller.as_ref().is_some_and(|caller| !caller.key().permissions.cover(&new.permissions)) {
            return Err(Error::forbidden("permission_not_held", "a management key cannot grant a permission it lacks"));
        }
        // A key bound to one organization makes keys bound to the same one, said or unsaid.
        let organization_id = match (self.reach(), new.organization_id) {
            (Reach::Installation, asked) => asked,
            (Reach::Organization(own), None) => Some(own),
            (Reach::Organization(own), Some(asked)) if asked == own => Some(own),
            (Reach::Organization(_), Some(_)) => return Err(Error::NotFound("organization")),
        };
        match organization_id {
            Some(id) => {
                organizations::find(&mut self.tx, Reach::Installation, &id.to_string()).await?.ok_or(Error::NotFound("organization"))?;
                self.act_in(id).await?;
            }
            None => self.demand_installation()?,
        }
        if let Some(identity) = &new.signs_in_as {
            // Whoever is known here is known to the whole installation, and by one key.
            self.demand_installation()?;
            if management_keys::find_by_identity(&mut self.tx, identity).await?.is_some() {
                let message = format!("{} signs in as another management key already: delete that one first", identity.as_str());
                return Err(FieldError::new("taken", "signs_in_as", message).into());
            }
        }
        let plain = Secret::management_key(&self.authority.random.bytes()?);
        let key = self.insert_management_key(NewManagementKey { organization_id, ..new }, &plain).await?;
        Ok(RevealedManagementKey { key, plain })
    }

    pub async fn delete_management_key(&mut self, id: &str) -> Result<(), Error> {
        let reach = self.reach();
        let key = management_keys::find(&mut self.tx, reach, id).await?.ok_or(Error::NotFound(NAME))?.key;
        match key.organization_id {
            Some(organization) => self.act_in(organization).await?,
            None => self.demand_installation()?,
        }
        if self.caller.as_ref().is_some_and(|caller| caller.id() == key.id) {
            return Err(Error::conflict("own_key", "a management key cannot delete itself: use another one"));
        }
        if self.caller.as_ref().is_some_and(|caller| !caller.key().permissions.cover(&key.permissions)) {
            return Err(Error::forbidden("permission_not_held", "a management key cannot delete one that may do more than itself"));
        }
        management_keys::delete(&mut self.tx, key.id).await?;
        self.note_management_key("management_key.deleted", &key, Some(&key));
        Ok(())
    }

    /// Makes sure that a preset key exists, with all powers; whoever set it has looked at its length.
    pub(super) async fn ensure_preset_key(&mut self, preset: &Secret) -> Result<(), Error> {
        let digest = self.authority.pepper.digest(preset);
        if management_keys::all(&mut self.tx).await?.iter().any(|stored| stored.digest == digest) {
            return Ok(());
        }
        let new = NewManagementKey {
            name: Name::stored("preset by CHANCERY_MANAGEMENT_KEY".into()),
            permissions: Grants::everything(),
            organization_id: None,
            signs_in_as: None,
        };
        self.insert_management_key(new, preset).await.map(drop)
    }

    /// On a first start without a preset key: makes one, with all powers. `None` when there is any.
    pub(super) async fn make_first_key(&mut self) -> Result<Option<Secret>, Error> {
        if !management_keys::all(&mut self.tx).await?.is_empty() {
            return Ok(None);
        }
        let plain = Secret::management_key(&self.authority.random.bytes()?);
        let new = NewManagementKey {
            name: Name::stored("made on the first start".into()),
            permissions: Grants::everything(),
            organization_id: None,
            signs_in_as: None,
        };
        self.insert_management_key(new, &plain).await?;
        Ok(Some(plain))
    }

    async fn insert_management_key(&mut self, new: NewManagementKey, plain: &Secret) -> Result<ManagementKey, Error> {
        let hint = plain.expose();
        let key = ManagementKey {
            id: self.authority.random.id(self.now),
            name: new.name,
            permissions: new.permissions,
            organization_id: new.organization_id,
            signs_in_as: new.signs_in_as,
            // The last characters of a preset key are not a checksum: they are not shown.
            key_hint: if plain.is_well_formed(Purpose::ManagementKey) { plain.hint().to_owned() } else { "•".repeat(hint.len().min(6)) },
            last_used_at: None,
            created_by: self.actor.id.clone(),
            created_at: self.now,
            updated_at: self.now,
        };
        management_keys::insert(&mut self.tx, &key, &self.authority.pepper.digest(plain)).await?;
        self.note_management_key("management_key.created", &key, None);
        Ok(key)
    }

    pub(super) fn note_management_key(&mut self, event: &str, key: &ManagementKey, before: Option<&ManagementKey>) {
        self.note(NewEvent {
            event: event.into(),
            organization_id: key.organization_id,
            subject: Subject::ManagementKey(key.id.to_string()),
            data: json!(key),
            before: before.map(|before| json!(before)),
        });
    }
}
