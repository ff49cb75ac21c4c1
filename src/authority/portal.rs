//! The portal: links that open once, and sessions in which a customer's own admin does what the management key that let him in may do, in
//! his organization and within the link's capabilities.
use std::net::IpAddr;
use std::sync::Arc;

use serde_json::json;

use super::Authority;
use super::acting::demand_admin;
use super::caller::{Caller, Operation};
use super::change::Change;
use super::error::Error;
use crate::domain::credential::{Purpose, Secret};
use crate::domain::event::{Actor, NewEvent, Subject};
use crate::domain::id::{PortalSessionId, UserId};
use crate::domain::management_key::{Grants, Power, Reach};
use crate::domain::portal::{Capability, LINK_LIFE, NewPortalSession, PortalSession, SESSION_LIFE};
use crate::domain::text::FieldError;
use crate::storage::{Tx, management_keys, organizations, portal_sessions, users};

/// Who is in the portal, and what he may do there.
pub struct Visitor {
    pub session: PortalSession,
    /// The management key that let him in, narrowed to the link, and acting for its user.
    pub caller: Caller,
    pub organization_name: String,
}

impl Visitor {
    /// # Errors
    /// [`Error::NotFound`]: what the link did not grant is not there.
    pub fn demand(&self, capability: Capability) -> Result<(), Error> {
        if self.session.capabilities.contains(&capability) { Ok(()) } else { Err(Error::NotFound("page")) }
    }
}

impl Authority {
    /// Opens a link, once. `None` when it is none, was opened, or has expired.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn open_portal(self: &Arc<Self>, link: &Secret, request_id: &str, source: Option<IpAddr>) -> Result<Option<Secret>, Error> {
        let link_digest = self.pepper.digest(link);
        // Nobody is known yet: only a link that is there is worth the writer's time.
        let known = portal_sessions::link_exists(&mut self.database.read().await?, &link_digest, self.clock.now()).await?;
        if !link.is_well_formed(Purpose::PortalLink) || !known {
            return Ok(None);
        }
        let session = Secret::portal_link(&self.random.bytes()?);
        let mut change = self.begin_as(Actor::system()).await?;
        change.came_from(request_id, source);
        let (link, digest, now) = (link_digest, self.pepper.digest(&session), change.now);
        let Some(opened) = portal_sessions::open(&mut change.tx, &link, &digest, now, now + SESSION_LIFE).await? else { return Ok(None) };
        change.note_portal("portal_session.opened", &opened);
        change.commit(&[]).await?;
        Ok(Some(session))
    }

    /// Whose session this is, while it lasts and the management key that let it in lives.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn find_visitor(self: &Arc<Self>, session: &Secret) -> Result<Option<Visitor>, Error> {
        if !session.is_well_formed(Purpose::PortalLink) {
            return Ok(None);
        }
        self.renew().await?;
        let mut tx = self.database.read().await?;
        let Some(session) = portal_sessions::find(&mut tx, &self.pepper.digest(session), self.clock.now()).await? else { return Ok(None) };
        let id = session.management_key_id.to_string();
        let Some(stored) = management_keys::find(&mut tx, Reach::Installation, &id).await? else { return Ok(None) };
        let organization = organizations::find(&mut tx, Reach::Installation, &session.organization_id.to_string()).await?;
        let Some(organization) = organization else { return Ok(None) };
        let granted = session.capabilities.iter().flat_map(|capability| capability.powers());
        let powers: Vec<_> = granted.filter(|power| stored.key.permissions.allow(*power)).map(|power| power.name()).collect();
        let Ok(permissions) = Grants::parse(powers) else { return Ok(None) };
        let mut key = stored.key;
        (key.permissions, key.organization_id) = (permissions, Some(session.organization_id));
        let caller = Caller::visiting(key, session.id, session.user_id);
        let lives = caller.demand_alive(&mut tx).await.is_ok();
        if !lives || demand_admin(&mut tx, &caller, Some(session.organization_id)).await.is_err() {
            return Ok(None);
        }
        Ok(Some(Visitor { session, caller, organization_name: organization.name.as_str().to_owned() }))
    }
}

impl Authority {
    /// Ends the visitor's session.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn leave_portal(self: &Arc<Self>, visitor: &Visitor, request_id: &str, source: Option<IpAddr>) -> Result<(), Error> {
        let mut change = self.begin_as(visitor.caller.actor()).await?;
        change.came_from(request_id, source);
        portal_sessions::delete(&mut change.tx, visitor.session.organization_id, visitor.session.id).await?;
        change.note_portal("portal_session.revoked", &visitor.session);
        change.commit(&[]).await
    }
}

impl Change {
    /// Makes a link; its secret leaves with the answer.
    pub async fn create_portal_link(&mut self, new: NewPortalSession) -> Result<(PortalSession, Secret), Error> {
        let reach = self.reach();
        let organization = organizations::find(&mut self.tx, reach, &new.organization).await?.ok_or(Error::NotFound("organization"))?;
        self.act_in(organization.id).await?;
        let Some(caller) = self.caller.clone() else { return Err(Error::NotFound("management key")) };
        for power in new.capabilities.iter().flat_map(|capability| capability.powers()) {
            caller.demand(power)?;
        }
        let user = match &new.user {
            Some(user) => Some(find_user(&mut self.tx, reach, user).await?),
            None if new.capabilities.contains(&Capability::OwnKeys) => {
                return Err(FieldError::new("required", "user_id", "a user's own keys need a user_id").into());
            }
            None => caller.acting_user(),
        };
        // Who acts hands on what is his: never another's name.
        if caller.acting_user().is_some_and(|acting| user != Some(acting)) {
            return Err(Error::forbidden("not_the_owner", "a link is made for the acting user himself, or by the operator for any admin"));
        }
        if let Some(user) = user {
            demand_admin(&mut self.tx, &caller.clone().acting_for(user), Some(organization.id)).await?;
        }
        let plain = Secret::portal_link(&self.authority.random.bytes()?);
        let session = PortalSession {
            id: self.authority.random.id(self.now),
            organization_id: organization.id,
            management_key_id: caller.id(),
            user_id: user,
            capabilities: new.capabilities,
            return_url: new.return_url,
            expires_at: self.now + LINK_LIFE,
            created_at: self.now,
        };
        portal_sessions::insert(&mut self.tx, &session, &self.authority.pepper.digest(&plain)).await?;
        self.note_portal("portal_session.created", &session);
        Ok((session, plain))
    }

    /// Asks whether a session still lasts: it may have ended while its visitor's request was on its way.
    pub async fn demand_portal_session(&mut self, id: PortalSessionId) -> Result<(), Error> {
        let lasts = portal_sessions::lasts(&mut self.tx, id, self.now).await?;
        if lasts { Ok(()) } else { Err(Error::Unauthenticated) }
    }

    /// Ends a user's links and sessions. There may be none.
    pub async fn revoke_portal_links(&mut self, organization: &str, user: &str) -> Result<(), Error> {
        let reach = self.reach();
        let organization = organizations::find(&mut self.tx, reach, organization).await?.ok_or(Error::NotFound("organization"))?;
        self.act_in(organization.id).await?;
        let user = find_user(&mut self.tx, reach, user).await?;
        for session in portal_sessions::delete_of_user(&mut self.tx, organization.id, user).await? {
            self.note_portal("portal_session.revoked", &session);
        }
        Ok(())
    }

    fn note_portal(&mut self, event: &str, session: &PortalSession) {
        self.note(NewEvent {
            event: event.into(),
            organization_id: Some(session.organization_id),
            subject: Subject::Nothing,
            data: json!(session),
            before: None,
        });
    }
}

/// By id, or by the id the embedding product gave him.
async fn find_user(tx: &mut Tx, reach: Reach, user: &str) -> Result<UserId, Error> {
    let found = match users::find(tx, reach, user).await? {
        Some(user) => Some(user),
        None => users::find_by_external_id(tx, reach, user).await?,
    };
    found.map(|user| user.id).ok_or(Error::NotFound("user"))
}

/// What a visitor does is done as an API call is, under the same name.
pub const fn operation(name: &'static str, capability: Capability) -> Operation {
    let power = match capability {
        Capability::Applications => Power::ApplicationsWrite,
        _ => Power::ApiKeysWrite,
    };
    Operation { name, power }
}
