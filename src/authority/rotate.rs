//! Rotation: a new secret beside the old ones, which retire after an overlap that runs from now or from the new one's first use.
use super::bound::Revokes;
use super::change::Change;
use super::client_secrets::RevealedSecret;
use super::error::Error;
use crate::domain::application::Application;
use crate::domain::client_secret::{ClientSecret, NewClientSecret, SecretStatus};
use crate::domain::id::ClientSecretId;
use crate::domain::rotation::{OverlapFrom, Rotation};
use crate::domain::timestamp::Timestamp;
use crate::domain::usage::Used;
use crate::storage::client_secrets;

/// What a rotation made of the secrets that were live before it.
pub struct Rotated {
    pub revealed: RevealedSecret,
    /// Each with when it stops obtaining tokens; `None` until the new one is used.
    pub retiring: Vec<(ClientSecretId, Option<Timestamp>)>,
}

impl Change {
    /// Makes a new secret and retires all that are live. With an overlap of nothing from now, those and their tokens die at once.
    pub async fn rotate_client_secrets(&mut self, application: &str, rotation: Rotation) -> Result<Rotated, Error> {
        let mut application = self.application(application).await?;
        self.write_first_uses(&application).await?;
        let at_once = rotation.is_at_once();
        if at_once {
            self.revokes = Some(Revokes::Application(application.clone()));
        } else {
            self.check_room(&application, 1).await?;
        }
        let live = self.live_secrets(&application).await?;
        let new = NewClientSecret { name: rotation.name.clone(), expires_at: rotation.expires_at };
        let revealed = self.make_secret(&application, new).await?;
        let mut retiring = Vec::with_capacity(live.len());
        for before in live {
            if at_once {
                client_secrets::delete(&mut self.tx, before.id, self.now).await?;
                self.note_secret("connect_application_secret.deleted", &before, Some(&before));
                retiring.push((before.id, Some(self.now)));
                continue;
            }
            let mut secret = before.clone();
            secret.life.retire(revealed.secret.id, &rotation, self.now);
            let secret = self.store_life(secret).await?;
            retiring.push((secret.id, secret.expires_at));
            self.note_secret("connect_application_secret.retiring", &secret, Some(&before));
        }
        if let (false, OverlapFrom::Now, false) = (at_once, rotation.from, retiring.is_empty()) {
            self.revokes = Some(Revokes::Later(application.clone(), self.now + rotation.overlap));
        }
        self.store_application(&mut application).await?;
        Ok(Rotated { revealed, retiring })
    }

    /// Takes the latest rotation back: the new secret and its tokens die, those still retiring live on without end.
    pub async fn cancel_rotation(&mut self, application: &str) -> Result<Vec<ClientSecret>, Error> {
        let mut application = self.application(application).await?;
        let live = self.live_secrets(&application).await?;
        let successor = live.iter().filter_map(|secret| secret.life.retirement).map(|retirement| retirement.successor.to_string()).max();
        let Some(successor) = successor else {
            return Err(Error::conflict("nothing_to_cancel", "no secret of this application is retiring"));
        };
        self.revokes = Some(Revokes::Application(application.clone()));
        for before in live {
            if before.id.to_string() == successor {
                client_secrets::delete(&mut self.tx, before.id, self.now).await?;
                self.note_secret("connect_application_secret.deleted", &before, Some(&before));
            } else if before.life.retirement.is_some() {
                let mut secret = before.clone();
                secret.life.retirement = None;
                let secret = self.store_life(secret).await?;
                self.note_secret("connect_application_secret.restored", &secret, Some(&before));
            }
        }
        self.store_application(&mut application).await?;
        Ok(client_secrets::of_application(&mut self.tx, application.id, self.now).await?)
    }

    /// First uses that are noticed but not yet written come before what is done now.
    async fn write_first_uses(&mut self, application: &Application) -> Result<(), Error> {
        for secret in self.live_secrets(application).await? {
            let used = Used::ClientSecret { id: secret.id, application_id: application.id };
            if let Some(at) = self.authority.uses.first_use_of(used) {
                self.activate_secret(secret.id, at).await?;
            }
        }
        Ok(())
    }

    /// A secret was used for the first time: overlaps that waited for it begin to run, and one of no length ends what it was for.
    pub(super) async fn activate_secret(&mut self, id: ClientSecretId, at: Timestamp) -> Result<(), Error> {
        let reach = self.reach();
        let Some(before) = client_secrets::find(&mut self.tx, reach, &id.to_string(), self.now).await? else { return Ok(()) };
        if before.activated_at.is_some() {
            return Ok(());
        }
        let secret = self.store_life(ClientSecret { activated_at: Some(at), ..before.clone() }).await?;
        self.note_secret("connect_application_secret.activated", &secret, Some(&before));
        for before in client_secrets::of_application(&mut self.tx, secret.application_id, self.now).await? {
            let Some(retirement) = before.life.retirement.filter(|retirement| retirement.successor == id) else { continue };
            if !before.life.is_live(self.now) {
                continue;
            }
            if retirement.overlap.is_zero() {
                client_secrets::delete(&mut self.tx, before.id, self.now).await?;
                self.note_secret("connect_application_secret.deleted", &before, Some(&before));
                continue;
            }
            let mut secret = before.clone();
            secret.life.successor_used(at);
            if secret.life == before.life {
                continue;
            }
            let secret = self.store_life(secret).await?;
            self.note_secret("connect_application_secret.retiring", &secret, Some(&before));
        }
        Ok(())
    }

    async fn store_life(&mut self, mut secret: ClientSecret) -> Result<ClientSecret, Error> {
        client_secrets::update_life(&mut self.tx, secret.id, &secret.life, secret.activated_at, self.now).await?;
        (secret.updated_at, secret.status, secret.expires_at) = (self.now, SecretStatus::of(&secret.life, self.now), secret.life.ends_at());
        Ok(secret)
    }
}
