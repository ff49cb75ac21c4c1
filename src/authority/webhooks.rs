//! Webhook endpoints: register, change, replay, delete. What is sent to them is read from the event chain, so nothing is told twice or lost.
use serde_json::json;

use super::Authority;
use super::acting::demand_admin;
use super::caller::Caller;
use super::change::Change;
use super::error::Error;
use crate::domain::credential::Secret;
use crate::domain::event::{NewEvent, Subject};
use crate::domain::id::WebhookEndpointId;
use crate::domain::management_key::{Power, Reach};
use crate::domain::page::{Cursor, Page, PageRequest};
use crate::domain::text::FieldError;
use crate::domain::webhook::{Delivery, EndpointStatus, EndpointUrl, NewWebhookEndpoint, WebhookEndpoint, WebhookEndpointChange};
use crate::storage::{events, installation, organizations, webhooks};

const NAME: &str = "webhook endpoint";
const MAX_OF_ORGANIZATION: i64 = 10;

/// An endpoint with the secret its deliveries are signed with, this once.
pub struct RevealedWebhookEndpoint {
    pub endpoint: WebhookEndpoint,
    pub plain: Secret,
}

impl Authority {
    /// Whether deliveries to this URL would be let out (case 249). It may take a moment: ask before a change begins.
    ///
    /// # Errors
    /// [`Error::Invalid`].
    pub async fn check_endpoint_url(&self, url: &EndpointUrl) -> Result<(), Error> {
        self.courier.admit(url.url()).await.map_err(|message| FieldError::new("internal_address", "endpoint_url", message).into())
    }

    pub async fn list_webhook_endpoints(&self, caller: &Caller, request: &PageRequest) -> Result<Page<WebhookEndpoint>, Error> {
        let reach = caller.demand(Power::WebhookEndpointsRead)?;
        let mut tx = self.database.read().await?;
        demand_admin(&mut tx, caller, None).await?;
        if let Some(Cursor::After(id) | Cursor::Before(id)) = &request.cursor {
            webhooks::find(&mut tx, reach, id).await?.ok_or(Error::InvalidCursor)?;
        }
        Ok(webhooks::list(&mut tx, reach, request).await?)
    }

    pub async fn find_webhook_endpoint(&self, caller: &Caller, id: &str) -> Result<WebhookEndpoint, Error> {
        let reach = caller.demand(Power::WebhookEndpointsRead)?;
        let mut tx = self.database.read().await?;
        let endpoint = webhooks::find(&mut tx, reach, id).await?.ok_or(Error::NotFound(NAME))?.endpoint;
        demand_admin(&mut tx, caller, endpoint.organization_id).await?;
        Ok(endpoint)
    }

    /// Every attempt, the newest first.
    pub async fn list_deliveries(&self, caller: &Caller, endpoint: &str, request: &PageRequest) -> Result<Page<Delivery>, Error> {
        let endpoint = self.find_webhook_endpoint(caller, endpoint).await?;
        let mut tx = self.database.read().await?;
        if let Some(Cursor::After(id) | Cursor::Before(id)) = &request.cursor
            && !webhooks::delivery_exists(&mut tx, endpoint.id, id).await?
        {
            return Err(Error::InvalidCursor);
        }
        Ok(webhooks::list_deliveries(&mut tx, endpoint.id, request).await?)
    }
}

impl Change {
    /// It is sent what happens from now on, its own registration first where it asked for that.
    pub async fn register_webhook_endpoint(&mut self, new: NewWebhookEndpoint) -> Result<RevealedWebhookEndpoint, Error> {
        // A caller bound to one organization is told of that one, said or unsaid.
        let organization_id = match (self.reach(), new.organization_id) {
            (Reach::Organization(own), None) => Some(own),
            (_, asked) => asked,
        };
        match organization_id {
            Some(id) => {
                let reach = self.reach();
                organizations::find(&mut self.tx, reach, &id.to_string()).await?.ok_or(Error::NotFound("organization"))?;
                self.act_in(id).await?;
                if webhooks::count_of_organization(&mut self.tx, id).await? >= MAX_OF_ORGANIZATION {
                    let message = format!("an organization has at most {MAX_OF_ORGANIZATION} webhook endpoints: delete one first");
                    return Err(Error::conflict("too_many_webhook_endpoints", message));
                }
            }
            None => self.demand_installation()?,
        }
        let plain = Secret::webhook_secret(&self.authority.random.bytes()?);
        let endpoint = WebhookEndpoint {
            id: self.authority.random.id(self.now),
            endpoint_url: new.endpoint_url.url().to_string(),
            status: EndpointStatus::Enabled,
            events: new.events.names().to_vec(),
            organization_id,
            secret: plain.obfuscated(),
            failed_attempts: 0,
            next_attempt_at: None,
            created_by: self.actor.id.clone(),
            created_at: self.now,
            updated_at: self.now,
            position: installation::head(&mut self.tx).await?.rev,
            version: 1,
        };
        let sealed = self.authority.sealer.seal(&identity(endpoint.id), plain.expose().as_bytes(), &self.authority.random)?;
        webhooks::insert(&mut self.tx, &endpoint, &sealed).await?;
        self.note_webhook_endpoint("webhook_endpoint.created", &endpoint, None);
        Ok(RevealedWebhookEndpoint { endpoint, plain })
    }

    pub async fn change_webhook_endpoint(&mut self, id: &str, change: WebhookEndpointChange) -> Result<WebhookEndpoint, Error> {
        let before = self.webhook_endpoint(id).await?;
        let mut endpoint = before.clone();
        if let Some(url) = change.endpoint_url {
            endpoint.endpoint_url = url.url().to_string();
        }
        if let Some(events) = change.events {
            endpoint.events = events.names().to_vec();
        }
        endpoint.status = change.status.unwrap_or(endpoint.status);
        self.store_webhook_endpoint("webhook_endpoint.updated", endpoint, &before).await
    }

    /// Begins again at an event: it and all after it are sent once more, in their order.
    pub async fn replay_webhooks(&mut self, id: &str, from: &str) -> Result<WebhookEndpoint, Error> {
        let before = self.webhook_endpoint(id).await?;
        let reach = before.organization_id.map_or(self.reach(), Reach::Organization);
        let rev = events::find_rev(&mut self.tx, reach, from).await?;
        let unknown = || FieldError::new("unknown_event", "from", "from takes the id of an event this endpoint may be sent");
        // Never forwards: what was not delivered yet still is.
        let position = before.position.min(rev.ok_or_else(unknown)? - 1);
        let endpoint = WebhookEndpoint { position, ..before.clone() };
        self.store_webhook_endpoint("webhook_endpoint.replayed", endpoint, &before).await
    }

    pub async fn delete_webhook_endpoint(&mut self, id: &str) -> Result<(), Error> {
        let endpoint = self.webhook_endpoint(id).await?;
        webhooks::delete(&mut self.tx, endpoint.id).await?;
        self.note_webhook_endpoint("webhook_endpoint.deleted", &endpoint, Some(&endpoint));
        Ok(())
    }

    async fn webhook_endpoint(&mut self, id: &str) -> Result<WebhookEndpoint, Error> {
        let reach = self.reach();
        let endpoint = webhooks::find(&mut self.tx, reach, id).await?.ok_or(Error::NotFound(NAME))?.endpoint;
        match endpoint.organization_id {
            Some(organization) => self.act_in(organization).await?,
            None => self.demand_installation()?,
        }
        self.check_version(endpoint.version)?;
        Ok(endpoint)
    }

    async fn store_webhook_endpoint(
        &mut self,
        event: &str,
        mut endpoint: WebhookEndpoint,
        before: &WebhookEndpoint,
    ) -> Result<WebhookEndpoint, Error> {
        (endpoint.updated_at, endpoint.version) = (self.now, endpoint.version + 1);
        (endpoint.failed_attempts, endpoint.next_attempt_at) = (0, None);
        webhooks::update(&mut self.tx, &endpoint).await?;
        self.note_webhook_endpoint(event, &endpoint, Some(before));
        Ok(endpoint)
    }

    pub(super) fn note_webhook_endpoint(&mut self, event: &str, endpoint: &WebhookEndpoint, before: Option<&WebhookEndpoint>) {
        self.note(NewEvent {
            event: event.into(),
            organization_id: endpoint.organization_id,
            subject: Subject::Nothing,
            data: json!(endpoint),
            before: before.map(|before| json!(before)),
        });
    }
}

/// The associated data of a sealed webhook secret.
pub(super) fn identity(id: WebhookEndpointId) -> String {
    format!("webhook_endpoint|{id}|secret")
}
