//! Organizations: register, change, suspend, reactivate, delete. Suspending or deleting one kills everything under it.
use serde_json::json;

use super::Authority;
use super::acting::demand_admin;
use super::bound::Revokes;
use super::caller::Caller;
use super::change::Change;
use super::error::Error;
use crate::domain::event::{NewEvent, Subject};
use crate::domain::management_key::Power;
use crate::domain::organization::{NewOrganization, Organization, OrganizationChange, OrganizationPrincipal, OrganizationStatus};
use crate::domain::page::{Cursor, Page, PageRequest};
use crate::storage::{api_keys, applications, client_secrets, management_keys, memberships, organizations, webhooks};

const NAME: &str = "organization";

impl Authority {
    pub async fn find_organization(&self, caller: &Caller, id: &str) -> Result<Organization, Error> {
        let reach = caller.demand(Power::OrganizationsRead)?;
        let mut tx = self.database.read().await?;
        let organization = organizations::find(&mut tx, reach, id).await?.ok_or(Error::NotFound(NAME))?;
        demand_admin(&mut tx, caller, Some(organization.id)).await?;
        Ok(organization)
    }

    pub async fn find_organization_by_external_id(&self, caller: &Caller, external_id: &str) -> Result<Organization, Error> {
        let reach = caller.demand(Power::OrganizationsRead)?;
        let mut tx = self.database.read().await?;
        let organization = organizations::find_by_external_id(&mut tx, reach, external_id).await?.ok_or(Error::NotFound(NAME))?;
        demand_admin(&mut tx, caller, Some(organization.id)).await?;
        Ok(organization)
    }

    pub async fn list_organizations(
        &self,
        caller: &Caller,
        search: Option<&str>,
        request: &PageRequest,
    ) -> Result<Page<Organization>, Error> {
        let reach = caller.demand(Power::OrganizationsRead)?;
        let mut tx = self.database.read().await?;
        demand_admin(&mut tx, caller, None).await?;
        if let Some(Cursor::After(id) | Cursor::Before(id)) = &request.cursor {
            organizations::find(&mut tx, reach, id).await?.ok_or(Error::InvalidCursor)?;
        }
        Ok(organizations::list(&mut tx, reach, search, request).await?)
    }
}

impl Change {
    pub async fn register_organization(&mut self, new: NewOrganization) -> Result<Organization, Error> {
        self.demand_installation()?;
        let organization = Organization {
            id: self.authority.random.id(self.now),
            name: new.name,
            domains: [],
            metadata: new.metadata,
            external_id: new.external_id,
            status: OrganizationStatus::Active,
            principal: OrganizationPrincipal { id: self.authority.random.id(self.now) },
            created_at: self.now,
            updated_at: self.now,
            version: 1,
        };
        organizations::insert(&mut self.tx, &organization).await.map_err(external_id_taken)?;
        self.note_organization("organization.created", &organization, None);
        Ok(organization)
    }

    pub async fn change_organization(&mut self, id: &str, change: OrganizationChange) -> Result<Organization, Error> {
        let before = self.organization(id).await?;
        let mut organization = before.clone();
        if let Some(name) = change.name {
            organization.name = name;
        }
        if let Some(external_id) = change.external_id.filter(|external_id| *external_id != before.external_id) {
            // The embedding product finds its customers by it: one of them must not take another's.
            self.demand_installation()?;
            organization.external_id = external_id;
        }
        if let Some(metadata) = change.metadata {
            organization.metadata = metadata;
        }
        self.store_organization(&mut organization).await?;
        self.note_organization("organization.updated", &organization, Some(&before));
        Ok(organization)
    }

    /// Suspends it: no token is issued, none is active, its management keys are dead. Doing it again changes nothing.
    pub async fn suspend_organization(&mut self, id: &str) -> Result<Organization, Error> {
        self.set_status(id, OrganizationStatus::Suspended, "organization.suspended").await
    }

    /// Its secrets obtain tokens again; the tokens from before the suspension stay dead.
    pub async fn reactivate_organization(&mut self, id: &str) -> Result<Organization, Error> {
        self.set_status(id, OrganizationStatus::Active, "organization.reactivated").await
    }

    pub async fn delete_organization(&mut self, id: &str) -> Result<(), Error> {
        let organization = self.organization(id).await?;
        self.demand_installation()?;
        self.end_everything_of(&organization).await?;
        self.revokes = Some(Revokes::Any);
        organizations::delete(&mut self.tx, organization.id, self.now).await?;
        self.note_organization("organization.deleted", &organization, Some(&organization));
        Ok(())
    }

    /// What goes with an organization is told thing by thing, as if each had been ended by itself; their rows go with its own.
    async fn end_everything_of(&mut self, organization: &Organization) -> Result<(), Error> {
        let id = organization.id;
        for stored in api_keys::of_organization(&mut self.tx, id, self.now).await? {
            if stored.key.revoked_at.is_none() {
                self.end_key(stored.key).await?;
            }
        }
        for application in applications::of_organization(&mut self.tx, &id.to_string()).await? {
            self.note_application("connect_application.deleted", &application, Some(&application));
        }
        for membership in memberships::of_organization(&mut self.tx, id).await? {
            self.note_membership("organization_membership.deleted", &membership, Some(&membership));
        }
        for endpoint in webhooks::of_organization(&mut self.tx, id).await? {
            self.note_webhook_endpoint("webhook_endpoint.deleted", &endpoint, Some(&endpoint));
        }
        for key in management_keys::of_organization(&mut self.tx, id).await? {
            self.note_management_key("management_key.deleted", &key, Some(&key));
        }
        Ok(())
    }

    async fn set_status(&mut self, id: &str, status: OrganizationStatus, event: &str) -> Result<Organization, Error> {
        let before = self.organization(id).await?;
        self.demand_installation()?;
        if before.status == status {
            return Ok(before);
        }
        let mut organization = Organization { status, ..before.clone() };
        self.store_organization(&mut organization).await?;
        if status == OrganizationStatus::Suspended {
            self.revokes = Some(Revokes::Any);
            client_secrets::raise_generations_of_organization(&mut self.tx, organization.id, self.now).await?;
            api_keys::raise_generations_of_organization(&mut self.tx, organization.id, self.now).await?;
        }
        self.note_organization(event, &organization, Some(&before));
        Ok(organization)
    }

    /// The organization, if it is the caller's to change and he saw its latest version.
    async fn organization(&mut self, id: &str) -> Result<Organization, Error> {
        let reach = self.reach();
        let organization = organizations::find(&mut self.tx, reach, id).await?.ok_or(Error::NotFound(NAME))?;
        self.act_in(organization.id).await?;
        self.check_version(organization.version)?;
        Ok(organization)
    }

    async fn store_organization(&mut self, organization: &mut Organization) -> Result<(), Error> {
        (organization.updated_at, organization.version) = (self.now, organization.version + 1);
        organizations::update(&mut self.tx, organization).await.map_err(external_id_taken)
    }

    fn note_organization(&mut self, event: &str, organization: &Organization, before: Option<&Organization>) {
        // Name, metadata and external_id are in nobody's memory: all that belongs to the organization need not be read again.
        let subject = match event {
            "organization.updated" => Subject::Nothing,
            _ => Subject::Organization(organization.id.to_string()),
        };
        self.note(NewEvent {
            event: event.into(),
            organization_id: Some(organization.id),
            subject,
            data: json!(organization),
            before: before.map(|before| json!(before)),
        });
    }
}

fn external_id_taken(error: crate::storage::StoreError) -> Error {
    Error::taken(error, "external_id_taken", "another organization has this external_id")
}
