//! Presets of permissions, and the whole catalogue with them.
use serde_json::json;

use super::Authority;
use super::caller::Caller;
use super::change::Change;
use super::error::Error;
use crate::domain::event::{NewEvent, Subject};
use crate::domain::management_key::Power;
use crate::domain::page::{Cursor, Page, PageRequest};
use crate::domain::permission::{HolderKind, NewPreset, PermissionCatalogue, Preset, PresetChange};
use crate::storage::{permissions, presets};

const NAME: &str = "permission preset";

impl Authority {
    /// Everything that can be granted, grouped by resource (P13).
    pub async fn permission_catalogue(&self, caller: &Caller) -> Result<PermissionCatalogue, Error> {
        caller.demand(Power::PermissionsRead)?;
        let mut tx = self.database.read().await?;
        Ok(PermissionCatalogue::new(permissions::all(&mut tx).await?, presets::all(&mut tx).await?))
    }

    /// What can be granted to this kind of holder: for forms, whose visitor need not have the right to read the catalogue.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn grantable(&self, kind: HolderKind) -> Result<PermissionCatalogue, Error> {
        let mut tx = self.database.read().await?;
        let mut permissions = permissions::all(&mut tx).await?;
        permissions.retain(|permission| permission.grantable_to.contains(&kind));
        Ok(PermissionCatalogue::new(permissions, presets::all(&mut tx).await?))
    }

    pub async fn list_presets(&self, caller: &Caller, request: &PageRequest) -> Result<Page<Preset>, Error> {
        caller.demand(Power::PermissionsRead)?;
        let mut tx = self.database.read().await?;
        if let Some(Cursor::After(id) | Cursor::Before(id)) = &request.cursor
            && !presets::exists(&mut tx, id).await?
        {
            return Err(Error::InvalidCursor);
        }
        Ok(presets::list(&mut tx, request).await?)
    }
}

impl Change {
    pub async fn add_preset(&mut self, new: NewPreset) -> Result<Preset, Error> {
        self.demand_installation()?;
        let preset = Preset {
            id: self.authority.random.id(self.now),
            slug: new.slug,
            name: new.name,
            description: new.description,
            permissions: self.resolve_preset(&new.permissions).await?,
            created_at: self.now,
            updated_at: self.now,
            version: 1,
        };
        let taken = |error| Error::taken(error, "slug_taken", "another preset has this slug");
        presets::insert(&mut self.tx, &preset).await.map_err(taken)?;
        self.note_preset("permission_preset.created", &preset, None);
        Ok(preset)
    }

    /// What was granted through it before stays as it is.
    pub async fn change_preset(&mut self, slug: &str, change: PresetChange) -> Result<Preset, Error> {
        let before = self.preset(slug).await?;
        let mut preset = before.clone();
        preset.name = change.name.unwrap_or(preset.name);
        preset.description = change.description.unwrap_or(preset.description);
        if let Some(names) = change.permissions {
            preset.permissions = self.resolve_preset(&names).await?;
        }
        (preset.updated_at, preset.version) = (self.now, preset.version + 1);
        presets::update(&mut self.tx, &preset).await?;
        self.note_preset("permission_preset.updated", &preset, Some(&before));
        Ok(preset)
    }

    pub async fn remove_preset(&mut self, slug: &str) -> Result<(), Error> {
        let preset = self.preset(slug).await?;
        presets::delete(&mut self.tx, preset.id).await?;
        self.note_preset("permission_preset.deleted", &preset, Some(&preset));
        Ok(())
    }

    async fn preset(&mut self, slug: &str) -> Result<Preset, Error> {
        self.demand_installation()?;
        let preset = presets::find(&mut self.tx, slug).await?.ok_or(Error::NotFound(NAME))?;
        self.check_version(preset.version)?;
        Ok(preset)
    }

    fn note_preset(&mut self, event: &str, preset: &Preset, before: Option<&Preset>) {
        self.note(NewEvent {
            event: event.into(),
            organization_id: None,
            subject: Subject::Nothing,
            data: json!(preset),
            before: before.map(|before| json!(before)),
        });
    }
}
