//! Settings: read and change. Only who reaches the whole installation changes them: they bound what an organization may do.
use serde_json::json;

use super::Authority;
use super::acting::demand_admin;
use super::caller::Caller;
use super::change::Change;
use super::error::Error;
use crate::domain::event::{NewEvent, Subject};
use crate::domain::id::OrganizationId;
use crate::domain::management_key::Power;
use crate::domain::settings::{Effective, Settings, SettingsChange};
use crate::domain::text::FieldError;
use crate::storage::settings::StoredSettings;
use crate::storage::{Tx, organizations, settings};

impl Authority {
    /// Those of the installation, or of one organization.
    pub async fn find_settings(&self, caller: &Caller, of: Option<&str>) -> Result<Settings, Error> {
        let reach = caller.demand(Power::SettingsRead)?;
        let mut tx = self.database.read().await?;
        let of = match of {
            Some(id) => Some(organizations::find(&mut tx, reach, id).await?.ok_or(Error::NotFound("organization"))?.id),
            None => None,
        };
        demand_admin(&mut tx, caller, of).await?;
        self.settings(&mut tx, of).await
    }

    /// What holds for new credentials of this organization.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn effective_settings_of(&self, organization: OrganizationId) -> Result<Effective, Error> {
        let mut tx = self.database.read().await?;
        Ok(self.settings(&mut tx, Some(organization)).await?.effective)
    }

    async fn settings(&self, tx: &mut Tx, of: Option<OrganizationId>) -> Result<Settings, Error> {
        let built_in = Effective::built_in(self.deployment.api_key_prefix.clone());
        let installation = settings::find(tx, None).await?;
        let over = |base: &Effective, stored: &Option<StoredSettings>| match stored {
            Some(stored) => base.overlaid(&stored.choices),
            None => base.clone(),
        };
        let of_installation = over(&built_in, &installation);
        let (stored, effective) = match of {
            None => (installation, of_installation),
            Some(id) => {
                let own = settings::find(tx, Some(id)).await?;
                let effective = over(&of_installation, &own);
                (own, effective)
            }
        };
        let (updated_at, version) = stored.as_ref().map_or((None, 0), |stored| (Some(stored.updated_at), stored.version));
        let choices = stored.map(|stored| stored.choices).unwrap_or_default();
        Ok(Settings { organization_id: of, choices, effective, updated_at, version })
    }
}

impl Change {
    pub async fn change_settings(&mut self, of: Option<&str>, change: SettingsChange) -> Result<Settings, Error> {
        let reach = self.reach();
        let of = match of {
            Some(id) => Some(organizations::find(&mut self.tx, reach, id).await?.ok_or(Error::NotFound("organization"))?.id),
            None => None,
        };
        self.demand_installation()?;
        let before = self.settings(of).await?;
        self.check_version(before.version)?;
        let mut choices = before.choices.clone();
        change.apply(&mut choices);
        if let (Some(default), Some(max)) = (choices.default_expiry_days, choices.max_expiry_days)
            && default > max
        {
            let message = format!("default_expiry_days is at most max_expiry_days, which is {max}");
            return Err(FieldError::new("out_of_range", "default_expiry_days", message).into());
        }
        let stored = StoredSettings { choices, updated_at: self.now, version: before.version + 1 };
        settings::store(&mut self.tx, of, &stored).await?;
        let after = self.settings(of).await?;
        self.note(NewEvent {
            event: "settings.updated".into(),
            organization_id: of,
            subject: Subject::Nothing,
            data: json!(after),
            before: Some(json!(before)),
        });
        Ok(after)
    }

    /// What holds in an organization.
    pub(super) async fn effective_settings(&mut self, organization: OrganizationId) -> Result<Effective, Error> {
        Ok(self.settings(Some(organization)).await?.effective)
    }

    async fn settings(&mut self, of: Option<OrganizationId>) -> Result<Settings, Error> {
        let authority = std::sync::Arc::clone(&self.authority);
        authority.settings(&mut self.tx, of).await
    }
}
