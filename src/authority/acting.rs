//! The acting user: an admin of an organization for whom a management key acts. He may do there what the key may, and nowhere else.
use super::caller::Caller;
use super::change::Change;
use super::error::Error;
use crate::domain::event::Actor;
use crate::domain::id::OrganizationId;
use crate::domain::management_key::Reach;
use crate::domain::membership::Membership;
use crate::storage::{Tx, memberships, users};

fn not_an_admin() -> Error {
    let message = "Chancery-Acting-User names no active admin of this organization: make the user one, or leave the header out";
    Error::forbidden("not_an_admin", message)
}

/// Who did or tried something, and in which organization, where that is known.
pub struct Whereabouts {
    pub(super) actor: Actor,
    pub(super) organization_id: Option<OrganizationId>,
}

/// Asks whether the user for whom the caller acts, if he does for any, is an active admin there; `None` is no single organization.
pub(super) async fn demand_admin(tx: &mut Tx, caller: &Caller, organization: Option<OrganizationId>) -> Result<(), Error> {
    let Some(user) = caller.acting_user() else { return Ok(()) };
    let organization = organization.or(caller.reach().organization()).ok_or_else(not_an_admin)?;
    let membership = memberships::find_of(tx, user, organization).await?;
    if membership.as_ref().is_some_and(Membership::is_active_admin) { Ok(()) } else { Err(not_an_admin()) }
}

/// The same where the organization is named by text.
pub(super) async fn demand_admin_of(tx: &mut Tx, caller: &Caller, organization: Option<&str>) -> Result<(), Error> {
    demand_admin(tx, caller, organization.and_then(|id| id.parse().ok())).await
}

/// Who does it: the user, where the caller acts for one, and else the caller.
pub(super) async fn actor(tx: &mut Tx, caller: &Caller) -> Result<Actor, Error> {
    let Some(id) = caller.acting_user() else { return Ok(caller.actor()) };
    let user = users::find(tx, Reach::Installation, &id.to_string()).await?.ok_or_else(not_an_admin)?;
    let (source, via) = caller.source();
    Ok(Actor { id: id.to_string(), source, name: Some(user.display_name()), via })
}

impl Change {
    /// Notes that the change is in this organization, where an acting user must be an admin.
    pub(super) async fn act_in(&mut self, organization: OrganizationId) -> Result<(), Error> {
        if self.acted_in.contains(&organization) {
            return Ok(());
        }
        self.acted_in.push(organization);
        match self.caller.clone() {
            Some(caller) => demand_admin(&mut self.tx, &caller, Some(organization)).await,
            None => Ok(()),
        }
    }

    /// Who was about to do it, and where: for the event of a refusal.
    pub fn whereabouts(&self) -> Whereabouts {
        Whereabouts { actor: self.actor.clone(), organization_id: self.acted_in.first().copied() }
    }

    /// What an acting user changed must lie where he is known to be an admin: the last line, for a change that forgot to ask.
    pub(super) fn demand_acted_in(&self, organization: Option<OrganizationId>) -> Result<(), Error> {
        let acts = self.caller.as_ref().is_some_and(|caller| caller.acting_user().is_some());
        if !acts || organization.is_some_and(|organization| self.acted_in.contains(&organization)) {
            return Ok(());
        }
        Err(not_an_admin())
    }
}
