//! The console's sessions: an operator signs in with a management key, and may then do what that key may.
use std::net::IpAddr;
use std::sync::Arc;

use serde_json::json;

use super::Authority;
use super::caller::Caller;
use super::change::Change;
use super::error::Error;
use crate::domain::console::{ConsoleSession, MAX_SESSIONS, MAX_USER_AGENT, SEEN};
use crate::domain::credential::{Purpose, Secret};
use crate::domain::event::{NewEvent, Subject};
use crate::domain::id::{ConsoleSessionId, OrganizationId};
use crate::domain::management_key::{Power, Reach};
use crate::domain::timestamp::Timestamp;
use crate::storage::{console_sessions, management_keys};

/// Who is in the console.
pub struct Operator {
    pub session: ConsoleSession,
    pub caller: Caller,
}

impl Authority {
    /// Lets in who is known by his management key, or by what his identity provider said. `confirmed_at` is when he proved it.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`] when the key is gone, [`Error::Unavailable`].
    pub async fn sign_in(
        self: &Arc<Self>,
        caller: &Caller,
        confirmed_at: Timestamp,
        request_id: &str,
        source: Option<IpAddr>,
        user_agent: Option<&str>,
    ) -> Result<Secret, Error> {
        let (plain, id) = (Secret::console_session(&self.random.bytes()?), self.random.id(self.clock.now()));
        let mut change = self.begin_as(Caller::in_console(caller.key().clone(), id).actor()).await?;
        change.came_from(request_id, source);
        caller.demand_alive(&mut change.tx).await?;
        let now = change.now;
        let session = ConsoleSession {
            id,
            management_key_id: caller.id(),
            source_ip: source.map(|address| address.to_string()),
            user_agent: user_agent.map(|name| name.chars().filter(|c| !c.is_control()).take(MAX_USER_AGENT).collect()),
            created_at: now,
            seen_at: now,
            confirmed_at,
        };
        console_sessions::insert(&mut change.tx, &session, &self.pepper.digest(&plain)).await?;
        console_sessions::keep_newest(&mut change.tx, session.management_key_id, MAX_SESSIONS).await?;
        change.note_console("console_session.created", &session, caller.reach().organization());
        change.commit(&[]).await?;
        Ok(plain)
    }

    /// Whose session this is, while it lasts and its management key lives.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn find_operator(self: &Arc<Self>, session: &Secret) -> Result<Option<Operator>, Error> {
        if !session.is_well_formed(Purpose::ConsoleSession) {
            return Ok(None);
        }
        self.renew().await?;
        let (mut tx, now) = (self.database.read().await?, self.clock.now());
        let Some(session) = console_sessions::find(&mut tx, &self.pepper.digest(session), now).await? else { return Ok(None) };
        let id = session.management_key_id.to_string();
        let Some(stored) = management_keys::find(&mut tx, Reach::Installation, &id).await? else { return Ok(None) };
        let caller = Caller::in_console(stored.key, session.id);
        if caller.demand_alive(&mut tx).await.is_err() {
            return Ok(None);
        }
        drop(tx);
        if now.since(session.seen_at) > SEEN {
            // Where no change can begin, the session is good all the same.
            if let Ok(mut tx) = self.database.write().await {
                console_sessions::see(&mut tx, session.id, now).await?;
                tx.commit().await?;
            }
        }
        Ok(Some(Operator { session, caller }))
    }

    /// Takes it that the operator proved once more who he is, for what is destructive. The session goes on under another name (case 257).
    ///
    /// # Errors
    /// [`Error::Unauthenticated`] when the session is over or another's, [`Error::Unavailable`].
    pub async fn confirm_operator(
        self: &Arc<Self>,
        session: ConsoleSessionId,
        caller: &Caller,
        request_id: &str,
        source: Option<IpAddr>,
    ) -> Result<Secret, Error> {
        let plain = Secret::console_session(&self.random.bytes()?);
        let mut change = self.begin_as(Caller::in_console(caller.key().clone(), session).actor()).await?;
        change.came_from(request_id, source);
        let now = change.now;
        let session = console_sessions::find_by_id(&mut change.tx, &session.to_string(), now).await?.ok_or(Error::Unauthenticated)?;
        if session.management_key_id != caller.id() {
            return Err(Error::Unauthenticated);
        }
        console_sessions::confirm(&mut change.tx, session.id, &self.pepper.digest(&plain), now).await?;
        change.note_console("console_session.confirmed", &session, caller.reach().organization());
        change.commit(&[]).await?;
        Ok(plain)
    }

    /// Ends one's own session.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn leave_console(self: &Arc<Self>, operator: &Operator, request_id: &str, source: Option<IpAddr>) -> Result<(), Error> {
        let mut change = self.begin_as(operator.caller.actor()).await?;
        change.came_from(request_id, source);
        console_sessions::delete(&mut change.tx, operator.session.id).await?;
        change.note_console("console_session.ended", &operator.session, operator.caller.reach().organization());
        change.commit(&[]).await
    }

    /// The sessions that last, of the keys that the caller may see.
    ///
    /// # Errors
    /// [`Error::Forbidden`], [`Error::Unavailable`].
    pub async fn list_console_sessions(&self, caller: &Caller) -> Result<Vec<ConsoleSession>, Error> {
        let reach = caller.demand(Power::ManagementKeysRead)?;
        let mut tx = self.database.read().await?;
        Ok(console_sessions::list(&mut tx, reach.organization(), self.clock.now()).await?)
    }
}

impl Change {
    /// Asks whether the session still lasts: it may have ended while its operator's request was on its way.
    pub async fn demand_console_session(&mut self, id: ConsoleSessionId) -> Result<(), Error> {
        let lasts = console_sessions::lasts(&mut self.tx, id, self.now).await?;
        if lasts { Ok(()) } else { Err(Error::Unauthenticated) }
    }

    /// Ends a session of a key that the caller could delete: one within his reach, that may nothing he may not.
    pub async fn end_console_session(&mut self, id: &str) -> Result<(), Error> {
        let not_found = || Error::NotFound("console session");
        let session = console_sessions::find_by_id(&mut self.tx, id, self.now).await?.ok_or_else(not_found)?;
        let reach = self.reach();
        let key = management_keys::find(&mut self.tx, reach, &session.management_key_id.to_string()).await?.ok_or_else(not_found)?.key;
        if self.caller.as_ref().is_some_and(|caller| caller.id() != key.id && !caller.key().permissions.cover(&key.permissions)) {
            return Err(Error::forbidden("insufficient_permission", "the session's management key may more than yours"));
        }
        console_sessions::delete(&mut self.tx, session.id).await?;
        self.note_console("console_session.ended", &session, key.organization_id);
        Ok(())
    }

    fn note_console(&mut self, event: &str, session: &ConsoleSession, organization_id: Option<OrganizationId>) {
        self.note(NewEvent { event: event.into(), organization_id, subject: Subject::Nothing, data: json!(session), before: None });
    }
}
