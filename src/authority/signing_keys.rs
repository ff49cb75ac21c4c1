//! Signing keys: publish ahead, rotate, withdraw. What is due is decided in `domain::signing_key`; here it is done.
use std::sync::Arc;

use serde_json::json;

use super::Authority;
use super::caller::Caller;
use super::change::Change;
use super::error::Error;
use crate::domain::event::{Actor, NewEvent, Subject};
use crate::domain::management_key::Power;
use crate::domain::signing_key::{KeyLine, KeyState, MAX_PUBLISHED_KEYS, SigningKey, Step, next_step, successor};
use crate::domain::timestamp::Timestamp;
use crate::keys::generate::generate;
use crate::keys::provider;
use crate::keys::ring::seal_key;
use crate::storage::signing_keys;

impl Authority {
    pub async fn list_signing_keys(&self, caller: &Caller) -> Result<Vec<SigningKey>, Error> {
        caller.demand(Power::SigningKeysRead)?;
        let mut tx = self.database.read().await?;
        Ok(signing_keys::all(&mut tx).await?.into_iter().map(|stored| stored.key).collect())
    }

    /// Does what is due for every line in use, and wipes private keys that sign no more.
    pub(super) async fn tend_signing_keys(self: &Arc<Self>) -> Result<(), Error> {
        let now = self.clock.now();
        let stored = signing_keys::all(&mut self.database.read().await?).await?;
        // Wiping is no event: what another instance wiped is forgotten here as well.
        let wiped = stored.iter().filter(|stored| stored.sealed_private.is_none());
        provider::forget(&wiped.map(|stored| stored.key.kid.clone()).collect::<Vec<_>>());
        let due = KeyLine::all().any(|line| {
            let keys: Vec<_> = stored.iter().map(|stored| stored.key.clone()).filter(|key| key.line() == line).collect();
            !keys.is_empty() && next_step(&keys, now, &self.deployment.schedule).is_some()
        });
        let erasable = |stored: &signing_keys::StoredKey| {
            let stopped = stored.key.state == KeyState::Compromised
                || stored.key.retired_at.is_some_and(|at| self.deployment.schedule.erases_at(at) <= now);
            stored.sealed_private.is_some() && stopped && !matches!(stored.key.state, KeyState::Active | KeyState::Published)
        };
        if !due && !stored.iter().any(erasable) {
            return Ok(());
        }
        let mut change = self.begin_as(Actor::system()).await?;
        for line in KeyLine::all() {
            if stored.iter().any(|stored| stored.key.line() == line) {
                change.take_due_steps(line).await?;
            }
        }
        for stored in stored.iter().filter(|stored| erasable(stored)) {
            signing_keys::erase_private(&mut change.tx, &stored.key.kid).await?;
        }
        change.commit(&[]).await?;
        // Wiping is no event; the parsed key is forgotten all the same.
        self.directory.set_signing_keys_changed();
        self.catch_up().await
    }
}

impl Change {
    /// Lets the published successor sign; with `force` before its lead is over. Answers the new active key.
    pub async fn rotate_signing_key(&mut self, line: KeyLine, force: bool) -> Result<SigningKey, Error> {
        self.demand_installation()?;
        let keys = self.keys(line).await?;
        let Some(next) = successor(&keys).cloned() else {
            return Err(Error::conflict("no_signing_key", format!("no resource server uses {}, so it has no key", line.alg)));
        };
        if next.activates_at > self.now && !force {
            let message =
                format!("the successor may sign from {} on, when every verifier can have it; \"force\" overrides that", next.activates_at);
            return Err(Error::Conflict { code: "too_early", message, until: Some(next.activates_at) });
        }
        if keys.iter().filter(|key| key.state.is_in_jwks()).count() >= MAX_PUBLISHED_KEYS {
            let message =
                format!("the key set holds {MAX_PUBLISHED_KEYS} keys of {}, which is the most: wait for a retiring one to leave", line.alg);
            let until = keys.iter().filter_map(|key| key.removes_at.filter(|_| key.state == KeyState::Retiring)).min();
            return Err(Error::Conflict { code: "too_many_keys", message, until });
        }
        let active = keys.iter().find(|key| key.state == KeyState::Active).map(|key| key.kid.clone());
        let promoted = self.promote(&keys, active.as_deref(), &next.kid).await?;
        self.take_due_steps(line).await?;
        Ok(promoted)
    }

    /// Withdraws a compromised key: out of the key set at once, its tokens dead, its successor signing whatever its lead.
    pub async fn compromise_signing_key(&mut self, kid: &str) -> Result<SigningKey, Error> {
        self.demand_installation()?;
        let stored = signing_keys::all(&mut self.tx).await?;
        let before = stored.into_iter().map(|stored| stored.key).find(|key| key.kid == kid).ok_or(Error::NotFound("signing key"))?;
        if !before.state.is_in_jwks() {
            return Err(Error::conflict("not_published", format!("this key is {} already", before.state.name())));
        }
        let key = SigningKey { state: KeyState::Compromised, removes_at: Some(self.now), ..before.clone() };
        self.move_key(&before, &key, "signing_key.compromised").await?;
        signing_keys::erase_private(&mut self.tx, kid).await?;
        let keys = self.keys(before.line()).await?;
        if before.state == KeyState::Active {
            match successor(&keys).cloned() {
                Some(next) => drop(self.promote(&keys, None, &next.kid).await?),
                None => drop(self.publish(before.line(), KeyState::Active, self.now).await?),
            }
        }
        self.take_due_steps(before.line()).await?;
        Ok(key)
    }

    /// Makes sure that a key of the line signs now.
    pub(super) async fn ensure_active_key(&mut self, line: KeyLine) -> Result<(), Error> {
        let keys = self.keys(line).await?;
        if keys.iter().any(|key| key.state == KeyState::Active) {
            return Ok(());
        }
        match successor(&keys).cloned() {
            Some(next) => drop(self.promote(&keys, None, &next.kid).await?),
            None => drop(self.publish(line, KeyState::Active, self.now).await?),
        }
        self.take_due_steps(line).await
    }

    /// Makes sure that a key of the line is published, and answers the one that signs, or will.
    pub(super) async fn ensure_published_key(&mut self, line: KeyLine) -> Result<SigningKey, Error> {
        let keys = self.keys(line).await?;
        if let Some(key) = keys.iter().find(|key| key.state == KeyState::Active).or_else(|| successor(&keys)) {
            return Ok(key.clone());
        }
        let lead = self.authority.deployment.schedule.lead;
        self.publish(line, KeyState::Published, self.now + lead).await
    }

    async fn take_due_steps(&mut self, line: KeyLine) -> Result<(), Error> {
        loop {
            let keys = self.keys(line).await?;
            match next_step(&keys, self.now, &self.authority.deployment.schedule) {
                None => return Ok(()),
                Some(Step::Publish { activates_at }) => drop(self.publish(line, KeyState::Published, activates_at).await?),
                Some(Step::PublishActive) => drop(self.publish(line, KeyState::Active, self.now).await?),
                Some(Step::Promote { retiring, successor }) => drop(self.promote(&keys, retiring.as_deref(), &successor).await?),
                Some(Step::Remove { kid }) => {
                    let before = find(&keys, &kid)?;
                    self.move_key(before, &SigningKey { state: KeyState::Removed, ..before.clone() }, "signing_key.removed").await?;
                }
            }
        }
    }

    async fn keys(&mut self, line: KeyLine) -> Result<Vec<SigningKey>, Error> {
        let stored = signing_keys::all(&mut self.tx).await?;
        Ok(stored.into_iter().map(|stored| stored.key).filter(|key| key.line() == line).collect())
    }

    async fn publish(&mut self, line: KeyLine, state: KeyState, activates_at: Timestamp) -> Result<SigningKey, Error> {
        let authority = Arc::clone(&self.authority);
        // An RSA key takes a fifth of a second, in which a worker would answer nobody.
        let key = tokio::task::spawn_blocking(move || generate(line.alg, &authority.random)).await.map_err(Error::internal)??;
        let stored = seal_key(&key, line.purpose, state, self.now, activates_at, &self.authority.sealer, &self.authority.random)?;
        signing_keys::insert(&mut self.tx, &stored).await?;
        let event = if state == KeyState::Active { "signing_key.activated" } else { "signing_key.published" };
        self.note_signing_key(event, &stored.key, None);
        Ok(stored.key)
    }

    async fn promote(&mut self, keys: &[SigningKey], retiring: Option<&str>, next: &str) -> Result<SigningKey, Error> {
        if let Some(retiring) = retiring {
            let before = find(keys, retiring)?;
            let removes_at = Some(self.authority.deployment.schedule.removes_at(self.now));
            let retired = SigningKey { state: KeyState::Retiring, retired_at: Some(self.now), removes_at, ..before.clone() };
            self.move_key(before, &retired, "signing_key.retired").await?;
        }
        let before = find(keys, next)?;
        let active = SigningKey { state: KeyState::Active, activated_at: Some(self.now), ..before.clone() };
        self.move_key(before, &active, "signing_key.activated").await?;
        Ok(active)
    }

    async fn move_key(&mut self, before: &SigningKey, after: &SigningKey, event: &str) -> Result<(), Error> {
        if !signing_keys::update(&mut self.tx, before.state, after).await? {
            return Err(Error::conflict("already_rotated", "another rotation was quicker"));
        }
        self.note_signing_key(event, after, Some(before));
        Ok(())
    }

    fn note_signing_key(&mut self, event: &str, key: &SigningKey, before: Option<&SigningKey>) {
        self.note(NewEvent {
            event: event.into(),
            organization_id: None,
            subject: Subject::SigningKeys,
            data: json!(key),
            before: before.map(|before| json!(before)),
        });
    }
}

fn find<'a>(keys: &'a [SigningKey], kid: &str) -> Result<&'a SigningKey, Error> {
    keys.iter().find(|key| key.kid == kid).ok_or(Error::NotFound("signing key"))
}
