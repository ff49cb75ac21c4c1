//! Applications: register, change, disable, enable, revoke their tokens, delete.
use chancery_verifier::Scope;
use serde_json::json;

use super::Authority;
use super::acting::{demand_admin, demand_admin_of};
use super::bound::Revokes;
use super::caller::Caller;
use super::change::Change;
use super::client_secrets::RevealedSecret;
use super::error::Error;
use crate::domain::application::{
    Application, ApplicationChange, ApplicationStatus, ApplicationType, NewApplication, check_access_token_ttl,
};
use crate::domain::client_secret::NewClientSecret;
use crate::domain::event::{NewEvent, Subject};
use crate::domain::management_key::Power;
use crate::domain::page::{Cursor, Page, PageRequest};
use crate::domain::permission::HolderKind;
use crate::domain::resource_server::{ResourceServer, may_ask_for};
use crate::domain::text::FieldError;
use crate::domain::usage::Usage;
use crate::storage::{applications, client_secrets, organizations, resource_servers};

pub(super) const NAME: &str = "application";

impl Authority {
    pub async fn find_application(&self, caller: &Caller, id: &str) -> Result<Application, Error> {
        let reach = caller.demand(Power::ApplicationsRead)?;
        let mut tx = self.database.read().await?;
        let application = applications::find(&mut tx, reach, id, self.clock.now()).await?.ok_or(Error::NotFound(NAME))?;
        demand_admin(&mut tx, caller, Some(application.organization_id)).await?;
        Ok(application)
    }

    /// Of one organization, or of all in the caller's reach; with a part of the name, those that have it.
    pub async fn list_applications(
        &self,
        caller: &Caller,
        of: Option<&str>,
        search: Option<&str>,
        request: &PageRequest,
    ) -> Result<Page<Application>, Error> {
        let reach = caller.demand(Power::ApplicationsRead)?;
        let (mut tx, now) = (self.database.read().await?, self.clock.now());
        demand_admin_of(&mut tx, caller, of).await?;
        if let Some(Cursor::After(id) | Cursor::Before(id)) = &request.cursor {
            let cursor = applications::find(&mut tx, reach, id, now).await?.ok_or(Error::InvalidCursor)?;
            if cursor.id.to_string() != *id {
                return Err(Error::InvalidCursor);
            }
        }
        Ok(applications::list(&mut tx, reach, of, search, request, now).await?)
    }
}

impl Change {
    /// Registers an application, with its first secret unless none is wanted.
    pub async fn register_application(
        &mut self,
        new: NewApplication,
        with_secret: bool,
    ) -> Result<(Application, Option<RevealedSecret>), Error> {
        let reach = self.reach();
        let organization = organizations::find(&mut self.tx, reach, &new.organization_id).await?.ok_or(Error::NotFound("organization"))?;
        self.act_in(organization.id).await?;
        if !self.effective_settings(organization.id).await?.applications_enabled {
            let message = "applications are switched off for this organization: PUT /organizations/{id}/settings";
            return Err(Error::forbidden("feature_disabled", message));
        }
        let scope = self.resolve_grant(&new.grant, HolderKind::M2m, &Scope::default(), "scopes").await?;
        let application = Application {
            id: self.authority.random.id(self.now),
            client_id: self.authority.random.id(self.now),
            organization_id: organization.id,
            application_type: ApplicationType::M2m,
            name: new.name,
            description: new.description,
            scope,
            status: ApplicationStatus::Active,
            access_token_ttl: new.access_token_ttl,
            resources: new.resources,
            token_endpoint_auth_methods: new.token_endpoint_auth_methods,
            last_used_at: None,
            last_used_ip: None,
            usage: Usage::default(),
            created_by: self.actor.id.clone(),
            created_at: self.now,
            updated_at: self.now,
            version: 1,
        };
        self.check_resources(&application).await?;
        self.check_application_lifetime(&application).await?;
        applications::insert(&mut self.tx, &application).await?;
        self.note_application("connect_application.created", &application, None);
        let secret = match with_secret {
            true => Some(self.make_secret(&application, NewClientSecret { name: None, expires_at: None }).await?),
            false => None,
        };
        Ok((application, secret))
    }

    pub async fn change_application(&mut self, id: &str, change: ApplicationChange) -> Result<Application, Error> {
        let before = self.application(id).await?;
        let mut application = before.clone();
        if let Some(name) = change.name {
            application.name = name;
        }
        if let Some(description) = change.description {
            application.description = description;
        }
        if let Some(grant) = change.grant {
            application.scope = self.resolve_grant(&grant, HolderKind::M2m, &before.scope, "scopes").await?;
        }
        if let Some(resources) = change.resources {
            application.resources = resources;
        }
        if let Some(ttl) = change.access_token_ttl {
            application.access_token_ttl = ttl;
            self.check_application_lifetime(&application).await?;
        }
        if let Some(methods) = change.token_endpoint_auth_methods {
            application.token_endpoint_auth_methods = methods;
        }
        self.check_resources(&application).await?;
        if loses_rights(&before, &application) {
            self.revokes = Some(Revokes::Application(before.clone()));
            client_secrets::raise_generations_of_application(&mut self.tx, application.id, self.now).await?;
        }
        self.store_application(&mut application).await?;
        self.note_application("connect_application.updated", &application, Some(&before));
        Ok(application)
    }

    /// No token is issued any more, and those issued are dead. Doing it again changes nothing.
    pub async fn disable_application(&mut self, id: &str) -> Result<Application, Error> {
        self.set_application_status(id, ApplicationStatus::Disabled, "connect_application.disabled").await
    }

    /// Its secrets obtain tokens again; the tokens from before stay dead.
    pub async fn enable_application(&mut self, id: &str) -> Result<Application, Error> {
        self.set_application_status(id, ApplicationStatus::Active, "connect_application.enabled").await
    }

    /// All tokens issued so far are dead; the secrets go on obtaining new ones.
    pub async fn revoke_application_tokens(&mut self, id: &str) -> Result<Application, Error> {
        let before = self.application(id).await?;
        self.revokes = Some(Revokes::Application(before.clone()));
        let mut application = before.clone();
        client_secrets::raise_generations_of_application(&mut self.tx, application.id, self.now).await?;
        self.store_application(&mut application).await?;
        self.note_application("connect_application.tokens_revoked", &application, Some(&before));
        Ok(application)
    }

    pub async fn delete_application(&mut self, id: &str) -> Result<(), Error> {
        let application = self.application(id).await?;
        self.revokes = Some(Revokes::Application(application.clone()));
        applications::delete(&mut self.tx, application.organization_id, application.id, self.now).await?;
        self.note_application("connect_application.deleted", &application, Some(&application));
        Ok(())
    }

    async fn set_application_status(&mut self, id: &str, status: ApplicationStatus, event: &str) -> Result<Application, Error> {
        let before = self.application(id).await?;
        if before.status == status {
            return Ok(before);
        }
        let mut application = Application { status, ..before.clone() };
        self.store_application(&mut application).await?;
        if status == ApplicationStatus::Disabled {
            self.revokes = Some(Revokes::Application(before.clone()));
            client_secrets::raise_generations_of_application(&mut self.tx, application.id, self.now).await?;
        }
        self.note_application(event, &application, Some(&before));
        Ok(application)
    }

    /// The application, by id or client_id, if it is the caller's to change and he saw its latest version.
    pub(super) async fn application(&mut self, id: &str) -> Result<Application, Error> {
        let reach = self.reach();
        let application = applications::find(&mut self.tx, reach, id, self.now).await?.ok_or(Error::NotFound(NAME))?;
        self.act_in(application.organization_id).await?;
        self.check_version(application.version)?;
        Ok(application)
    }

    pub(super) async fn store_application(&mut self, application: &mut Application) -> Result<(), Error> {
        (application.updated_at, application.version) = (self.now, application.version + 1);
        Ok(applications::update(&mut self.tx, application).await?)
    }

    pub(super) fn note_application(&mut self, event: &str, application: &Application, before: Option<&Application>) {
        self.note(NewEvent {
            event: event.into(),
            organization_id: Some(application.organization_id),
            subject: Subject::Application(application.id.to_string()),
            data: json!(application),
            before: before.map(|before| json!(before)),
        });
    }

    /// Tokens may live for a day only where revocation reaches the verifier. For any other resource server they are cut to an hour.
    async fn check_application_lifetime(&mut self, application: &Application) -> Result<(), Error> {
        let servers = resource_servers::all(&mut self.tx).await?;
        let may = |server: &ResourceServer| may_ask_for(application.resources.as_deref(), &server.identifier);
        let enforcing = servers.iter().any(|server| server.status_enforcing && may(server));
        Ok(check_access_token_ttl(application.access_token_ttl, enforcing)?)
    }

    /// Every resource must be registered.
    async fn check_resources(&mut self, application: &Application) -> Result<(), Error> {
        let mut errors = Vec::new();
        for identifier in application.resources.iter().flatten() {
            if resource_servers::find(&mut self.tx, identifier).await?.is_none_or(|server| server.identifier != *identifier) {
                let message = "resources takes identifiers of registered resource servers: register this one with POST /resource_servers";
                errors.push(FieldError::new("unknown_resource_server", "resources", message));
            }
        }
        if errors.is_empty() { Ok(()) } else { Err(Error::Invalid(errors)) }
    }
}

/// Whether tokens issued before may hold more than the application now does.
fn loses_rights(before: &Application, after: &Application) -> bool {
    let narrower = |before: &Option<Vec<String>>, after: &Option<Vec<String>>| match (before, after) {
        (_, None) => false,
        (None, Some(_)) => true,
        (Some(before), Some(after)) => before.iter().any(|identifier| !after.contains(identifier)),
    };
    let fewer = |before: &Scope, after: &Scope| !before.is_subset(after);
    fewer(&before.scope, &after.scope) || narrower(&before.resources, &after.resources)
}
