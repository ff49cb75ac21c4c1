//! Client secrets: make, list, delete. The plain text leaves with the answer that made it, and is kept nowhere.
use serde_json::json;

use super::Authority;
use super::acting::demand_admin;
use super::applications::NAME as APPLICATION;
use super::bound::Revokes;
use super::caller::Caller;
use super::change::Change;
use super::error::Error;
use crate::domain::application::Application;
use crate::domain::client_secret::{ClientSecret, MAX_LIVE_SECRETS, NewClientSecret, SecretStatus};
use crate::domain::credential::Secret;
use crate::domain::event::{NewEvent, Subject};
use crate::domain::management_key::Power;
use crate::domain::rotation::{Life, check_expiry};
use crate::domain::usage::Usage;
use crate::storage::applications;
use crate::storage::client_secrets;

/// A secret with its plain text, this once.
pub struct RevealedSecret {
    pub secret: ClientSecret,
    pub plain: Secret,
}

impl Authority {
    /// All secrets of an application, the newest first; expired ones too, so that one sees when they were last used.
    pub async fn list_client_secrets(&self, caller: &Caller, application: &str) -> Result<Vec<ClientSecret>, Error> {
        let reach = caller.demand(Power::ApplicationsRead)?;
        let (mut tx, now) = (self.database.read().await?, self.clock.now());
        let application = applications::find(&mut tx, reach, application, now).await?.ok_or(Error::NotFound(APPLICATION))?;
        demand_admin(&mut tx, caller, Some(application.organization_id)).await?;
        Ok(client_secrets::of_application(&mut tx, application.id, now).await?)
    }
}

impl Change {
    pub async fn create_client_secret(&mut self, application: &str, new: NewClientSecret) -> Result<RevealedSecret, Error> {
        let mut application = self.application(application).await?;
        self.check_room(&application, 1).await?;
        let revealed = self.make_secret(&application, new).await?;
        self.store_application(&mut application).await?;
        Ok(revealed)
    }

    /// Deletes a secret and with it every token it obtained. The last live one goes only with `force`.
    pub async fn delete_client_secret(&mut self, id: &str, force: bool) -> Result<(), Error> {
        let reach = self.reach();
        let secret = client_secrets::find(&mut self.tx, reach, id, self.now).await?.ok_or(Error::NotFound("client secret"))?;
        let mut application = self.application(&secret.application_id.to_string()).await?;
        let live = self.live_secrets(&application).await?;
        let last = live.len() == 1 && live.iter().any(|other| other.id == secret.id);
        if last && !force {
            let message = "this is the application's last live secret: create another first, or delete it with ?force=true";
            return Err(Error::conflict("last_live_secret", message));
        }
        self.revokes = Some(Revokes::Application(application.clone()));
        client_secrets::delete(&mut self.tx, secret.id, self.now).await?;
        self.note_secret("connect_application_secret.deleted", &secret, Some(&secret));
        self.store_application(&mut application).await
    }

    /// Makes a secret, without asking whether there is room.
    pub(super) async fn make_secret(&mut self, application: &Application, new: NewClientSecret) -> Result<RevealedSecret, Error> {
        check_expiry(new.expires_at, self.now)?;
        let plain = Secret::client_secret(&self.authority.random.bytes()?);
        let secret = ClientSecret {
            id: self.authority.random.id(self.now),
            application_id: application.id,
            organization_id: application.organization_id,
            name: new.name,
            secret_hint: plain.hint().to_owned(),
            status: SecretStatus::Active,
            expires_at: new.expires_at,
            activated_at: None,
            last_used_at: None,
            last_used_ip: None,
            usage: Usage::default(),
            created_by: self.actor.id.clone(),
            created_at: self.now,
            updated_at: self.now,
            life: Life { expires_at: new.expires_at, retirement: None },
        };
        client_secrets::insert(&mut self.tx, &secret, &self.authority.pepper.digest(&plain)).await?;
        self.note_secret("connect_application_secret.created", &secret, None);
        Ok(RevealedSecret { secret, plain })
    }

    pub(super) async fn live_secrets(&mut self, application: &Application) -> Result<Vec<ClientSecret>, Error> {
        let secrets = client_secrets::of_application(&mut self.tx, application.id, self.now).await?;
        Ok(secrets.into_iter().filter(|secret| secret.life.is_live(self.now)).collect())
    }

    pub(super) async fn check_room(&mut self, application: &Application, wanted: usize) -> Result<(), Error> {
        if self.live_secrets(application).await?.len() + wanted <= MAX_LIVE_SECRETS {
            return Ok(());
        }
        let message = format!("an application has at most {MAX_LIVE_SECRETS} live secrets: delete one first");
        Err(Error::conflict("too_many_secrets", message))
    }

    pub(super) fn note_secret(&mut self, event: &str, secret: &ClientSecret, before: Option<&ClientSecret>) {
        let with_application = |secret: &ClientSecret| {
            let mut data = json!(secret);
            data["application_id"] = json!(secret.application_id);
            data
        };
        self.note(NewEvent {
            event: event.into(),
            organization_id: Some(secret.organization_id),
            subject: Subject::Application(secret.application_id.to_string()),
            data: with_application(secret),
            before: before.map(with_application),
        });
    }
}
