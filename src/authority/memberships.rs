//! Memberships: join, change role, leave. Leaving, for good or for a time, revokes that user's personal keys there, and only those (E15, E47).
use serde_json::json;

use super::Authority;
use super::acting::demand_admin;
use super::caller::Caller;
use super::change::Change;
use super::error::Error;
use super::users::NAME as USER;
use crate::domain::event::{NewEvent, Subject};
use crate::domain::id::{OrganizationId, UserId};
use crate::domain::management_key::{Power, Reach};
use crate::domain::membership::{Membership, MembershipFilter, MembershipStatus, NewMembership, NoAttributes, Role, RoleSlug};
use crate::domain::page::{Cursor, Page, PageRequest};
use crate::storage::{api_keys, memberships, organizations, users};

const NAME: &str = "organization membership";

impl Authority {
    pub async fn find_membership(&self, caller: &Caller, id: &str) -> Result<Membership, Error> {
        let reach = caller.demand(Power::MembershipsRead)?;
        let mut tx = self.database.read().await?;
        let membership = memberships::find(&mut tx, reach, id).await?.ok_or(Error::NotFound(NAME))?;
        demand_admin(&mut tx, caller, Some(membership.organization_id)).await?;
        Ok(membership)
    }

    pub async fn list_memberships(
        &self,
        caller: &Caller,
        filter: &MembershipFilter,
        request: &PageRequest,
    ) -> Result<Page<Membership>, Error> {
        let reach = caller.demand(Power::MembershipsRead)?;
        let mut tx = self.database.read().await?;
        demand_admin(&mut tx, caller, filter.organization_id).await?;
        if let Some(Cursor::After(id) | Cursor::Before(id)) = &request.cursor {
            memberships::find(&mut tx, reach, id).await?.ok_or(Error::InvalidCursor)?;
        }
        Ok(memberships::list(&mut tx, reach, filter, request).await?)
    }
}

impl Change {
    /// Makes a user a member; one who had left returns, with the role given.
    pub async fn add_membership(&mut self, new: NewMembership) -> Result<Membership, Error> {
        let reach = self.reach();
        let organization = organizations::find(&mut self.tx, reach, &new.organization_id.to_string()).await?;
        let organization = organization.ok_or(Error::NotFound("organization"))?;
        self.act_in(organization.id).await?;
        let user = users::find(&mut self.tx, reach, &new.user_id.to_string()).await?.ok_or(Error::NotFound(USER))?;
        match memberships::find_of(&mut self.tx, user.id, organization.id).await? {
            Some(membership) if membership.status == MembershipStatus::Active => {
                Err(Error::conflict("membership_exists", "this user is an active member already: change the role with PUT"))
            }
            Some(before) => {
                let mut membership = before.clone();
                membership.status = MembershipStatus::Active;
                membership.set_role(new.role);
                self.store_membership(membership, &before).await
            }
            None => {
                let role = RoleSlug { slug: new.role };
                let membership = Membership {
                    id: self.authority.random.id(self.now),
                    user_id: user.id,
                    organization_id: organization.id,
                    organization_name: organization.name,
                    role,
                    roles: [role],
                    status: MembershipStatus::Active,
                    directory_managed: false,
                    custom_attributes: NoAttributes {},
                    user,
                    created_at: self.now,
                    updated_at: self.now,
                    version: 1,
                };
                memberships::insert(&mut self.tx, &membership).await?;
                self.note_membership("organization_membership.created", &membership, None);
                Ok(membership)
            }
        }
    }

    pub async fn change_role(&mut self, id: &str, role: Option<Role>) -> Result<Membership, Error> {
        let before = self.membership(id).await?;
        let Some(role) = role.filter(|role| *role != before.role.slug) else { return Ok(before) };
        if role == Role::Member {
            self.keep_an_admin(&before).await?;
        }
        let mut membership = before.clone();
        membership.set_role(role);
        self.store_membership(membership, &before).await
    }

    /// Doing it again changes nothing.
    pub async fn deactivate_membership(&mut self, id: &str) -> Result<Membership, Error> {
        let before = self.membership(id).await?;
        if before.status == MembershipStatus::Inactive {
            return Ok(before);
        }
        self.keep_an_admin(&before).await?;
        self.revoke_personal_keys(before.organization_id, before.user_id).await?;
        let membership = Membership { status: MembershipStatus::Inactive, ..before.clone() };
        self.store_membership(membership, &before).await
    }

    /// He may make keys again; those from before stay revoked. Doing it again changes nothing.
    pub async fn reactivate_membership(&mut self, id: &str) -> Result<Membership, Error> {
        let before = self.membership(id).await?;
        if before.status == MembershipStatus::Active {
            return Ok(before);
        }
        let membership = Membership { status: MembershipStatus::Active, ..before.clone() };
        self.store_membership(membership, &before).await
    }

    pub async fn delete_membership(&mut self, id: &str) -> Result<(), Error> {
        let membership = self.membership(id).await?;
        self.keep_an_admin(&membership).await?;
        self.revoke_personal_keys(membership.organization_id, membership.user_id).await?;
        memberships::delete(&mut self.tx, membership.organization_id, membership.id).await?;
        self.note_membership("organization_membership.deleted", &membership, Some(&membership));
        Ok(())
    }

    pub(super) async fn revoke_personal_keys(&mut self, organization: OrganizationId, user: UserId) -> Result<(), Error> {
        for stored in api_keys::unrevoked_of_user(&mut self.tx, organization, user, self.now).await? {
            self.revoke_key(stored.key).await?;
        }
        Ok(())
    }

    /// An organization's own people cannot leave it without an admin (A4); the operator can.
    async fn keep_an_admin(&mut self, leaving: &Membership) -> Result<(), Error> {
        let operator = self.reach() == Reach::Installation && self.caller.as_ref().is_none_or(|caller| caller.acting_user().is_none());
        if operator || !leaving.is_active_admin() || memberships::count_active_admins(&mut self.tx, leaving.organization_id).await? > 1 {
            return Ok(());
        }
        Err(Error::conflict("last_admin", "this is the organization's last active admin: make another member admin first"))
    }

    async fn membership(&mut self, id: &str) -> Result<Membership, Error> {
        let reach = self.reach();
        let membership = memberships::find(&mut self.tx, reach, id).await?.ok_or(Error::NotFound(NAME))?;
        self.act_in(membership.organization_id).await?;
        self.check_version(membership.version)?;
        Ok(membership)
    }

    async fn store_membership(&mut self, mut membership: Membership, before: &Membership) -> Result<Membership, Error> {
        (membership.updated_at, membership.version) = (self.now, membership.version + 1);
        memberships::update(&mut self.tx, &membership).await?;
        self.note_membership("organization_membership.updated", &membership, Some(before));
        Ok(membership)
    }

    pub(super) fn note_membership(&mut self, event: &str, membership: &Membership, before: Option<&Membership>) {
        self.note(NewEvent {
            event: event.into(),
            organization_id: Some(membership.organization_id),
            subject: Subject::Nothing,
            data: json!(membership),
            before: before.map(|before| json!(before)),
        });
    }
}
