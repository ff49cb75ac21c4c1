//! Users: register, change, delete. Who leaves takes his personal keys with him.
use serde_json::json;

use super::Authority;
use super::acting::{demand_admin, demand_admin_of};
use super::caller::Caller;
use super::change::Change;
use super::error::Error;
use crate::domain::event::{NewEvent, Subject};
use crate::domain::management_key::Power;
use crate::domain::page::{Cursor, Page, PageRequest};
use crate::domain::user::{Email, NewUser, User, UserChange, UserFilter};
use crate::storage::{StoreError, memberships, users};

pub(super) const NAME: &str = "user";

impl Authority {
    pub async fn find_user(&self, caller: &Caller, id: &str) -> Result<User, Error> {
        let reach = caller.demand(Power::UsersRead)?;
        let mut tx = self.database.read().await?;
        demand_admin(&mut tx, caller, None).await?;
        users::find(&mut tx, reach, id).await?.ok_or(Error::NotFound(NAME))
    }

    pub async fn find_user_by_external_id(&self, caller: &Caller, external_id: &str) -> Result<User, Error> {
        let reach = caller.demand(Power::UsersRead)?;
        let mut tx = self.database.read().await?;
        demand_admin(&mut tx, caller, None).await?;
        users::find_by_external_id(&mut tx, reach, external_id).await?.ok_or(Error::NotFound(NAME))
    }

    /// `of` is the organization they are members of; an id that is none has no members.
    pub async fn list_users(
        &self,
        caller: &Caller,
        email: Option<&str>,
        of: Option<&str>,
        request: &PageRequest,
    ) -> Result<Page<User>, Error> {
        let reach = caller.demand(Power::UsersRead)?;
        let mut tx = self.database.read().await?;
        demand_admin_of(&mut tx, caller, of).await?;
        if let Some(Cursor::After(id) | Cursor::Before(id)) = &request.cursor {
            users::find(&mut tx, reach, id).await?.ok_or(Error::InvalidCursor)?;
        }
        let Ok(organization_id) = of.map(str::parse).transpose() else { return Ok(Page::empty()) };
        let filter = UserFilter { email: email.map(str::to_owned), organization_id };
        Ok(users::list(&mut tx, reach, &filter, request).await?)
    }
}

impl Change {
    pub async fn register_user(&mut self, new: NewUser) -> Result<User, Error> {
        self.demand_installation()?;
        let user = User {
            id: self.authority.random.id(self.now),
            email: new.email,
            email_verified: new.email_verified,
            first_name: new.first_name,
            last_name: new.last_name,
            name: new.name,
            profile_picture_url: None,
            locale: new.locale,
            external_id: new.external_id,
            last_sign_in_at: None,
            metadata: new.metadata,
            created_at: self.now,
            updated_at: self.now,
            version: 1,
        };
        self.check_email(&user.email, &user).await?;
        users::insert(&mut self.tx, &user).await.map_err(external_id_taken)?;
        self.note_user("user.created", &user, None);
        Ok(user)
    }

    pub async fn change_user(&mut self, id: &str, change: UserChange) -> Result<User, Error> {
        let before = self.user(id).await?;
        let mut user = before.clone();
        if let Some(email) = change.email {
            self.check_email(&email, &user).await?;
            // Nobody has verified an address that is new, unless the caller has.
            user.email_verified &= email.key() == user.email.key();
            user.email = email;
        }
        user.email_verified = change.email_verified.unwrap_or(user.email_verified);
        user.first_name = change.first_name.unwrap_or(user.first_name);
        user.last_name = change.last_name.unwrap_or(user.last_name);
        user.name = change.name.unwrap_or(user.name);
        user.locale = change.locale.unwrap_or(user.locale);
        user.external_id = change.external_id.unwrap_or(user.external_id);
        user.metadata = change.metadata.unwrap_or(user.metadata);
        (user.updated_at, user.version) = (self.now, user.version + 1);
        users::update(&mut self.tx, &user).await.map_err(external_id_taken)?;
        self.note_user("user.updated", &user, Some(&before));
        Ok(user)
    }

    /// Deletes him; his memberships end and his personal keys are revoked, everywhere.
    pub async fn delete_user(&mut self, id: &str) -> Result<(), Error> {
        let user = self.user(id).await?;
        for membership in memberships::of_user(&mut self.tx, user.id).await? {
            self.revoke_personal_keys(membership.organization_id, user.id).await?;
            self.note_membership("organization_membership.deleted", &membership, Some(&membership));
        }
        users::delete(&mut self.tx, user.id).await?;
        self.note_user("user.deleted", &user, Some(&user));
        Ok(())
    }

    async fn user(&mut self, id: &str) -> Result<User, Error> {
        let reach = self.reach();
        let user = users::find(&mut self.tx, reach, id).await?.ok_or(Error::NotFound(NAME))?;
        self.demand_installation()?;
        self.check_version(user.version)?;
        Ok(user)
    }

    async fn check_email(&mut self, email: &Email, user: &User) -> Result<(), Error> {
        if users::email_is_taken(&mut self.tx, email, user.id).await? {
            return Err(Error::conflict("email_taken", "another user has this email"));
        }
        Ok(())
    }

    fn note_user(&mut self, event: &str, user: &User, before: Option<&User>) {
        self.note(NewEvent {
            event: event.into(),
            organization_id: None,
            subject: Subject::Nothing,
            data: json!(user),
            before: before.map(|before| json!(before)),
        });
    }
}

fn external_id_taken(error: StoreError) -> Error {
    Error::taken(error, "external_id_taken", "another user has this external_id")
}
