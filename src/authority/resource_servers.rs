//! Resource servers: register, change, remove. A changed algorithm signs only once its key has been published for the lead.

use chancery_verifier::Algorithm;
use serde_json::json;

use super::Authority;
use super::caller::Caller;
use super::change::Change;
use super::error::Error;
use crate::domain::application::check_access_token_ttl;
use crate::domain::event::{NewEvent, Subject};
use crate::domain::management_key::Power;
use crate::domain::page::{Cursor, Page, PageRequest};
use crate::domain::resource_server::{NewResourceServer, ResourceServer, ResourceServerChange, Signing};
use crate::domain::signing_key::KeyLine;
use crate::domain::timestamp::Timestamp;
use crate::storage::{api_keys, applications, permissions, resource_servers};

const NAME: &str = "resource server";

impl Authority {
    pub async fn find_resource_server(&self, caller: &Caller, id: &str) -> Result<ResourceServer, Error> {
        caller.demand(Power::ResourceServersRead)?;
        resource_servers::find(&mut self.database.read().await?, id).await?.ok_or(Error::NotFound(NAME))
    }

    pub async fn list_resource_servers(&self, caller: &Caller, request: &PageRequest) -> Result<Page<ResourceServer>, Error> {
        caller.demand(Power::ResourceServersRead)?;
        let mut tx = self.database.read().await?;
        if let Some(Cursor::After(id) | Cursor::Before(id)) = &request.cursor {
            let cursor = resource_servers::find(&mut tx, id).await?.ok_or(Error::InvalidCursor)?;
            if cursor.id.to_string() != *id {
                return Err(Error::InvalidCursor);
            }
        }
        Ok(resource_servers::list(&mut tx, request).await?)
    }
}

impl Change {
    pub async fn register_resource_server(&mut self, new: NewResourceServer) -> Result<ResourceServer, Error> {
        self.demand_installation()?;
        // Nobody verifies tokens for a new audience yet, so nobody's copy of the key set can be too old: a first key may sign at once.
        self.ensure_active_key(KeyLine::of_tokens(new.signing_alg)).await?;
        let server = ResourceServer {
            id: self.authority.random.id(self.now),
            identifier: new.identifier,
            name: new.name,
            signing: Signing::at_once(new.signing_alg),
            token_typ: new.token_typ,
            access_token_ttl: new.access_token_ttl,
            claims: new.claims,
            default: new.default,
            status_enforcing: new.status_enforcing,
            created_at: self.now,
            updated_at: self.now,
            version: 1,
        };
        self.check_lifetime(&server).await?;
        let first = resource_servers::all(&mut self.tx).await?.is_empty();
        if first && (applications::any(&mut self.tx).await? || api_keys::any(&mut self.tx).await?) {
            // Their tokens were for the issuer itself, until now.
            self.note_unenforced_tokens(false).await?;
        }
        if server.default {
            self.take_default_mark().await?;
        }
        let taken = |error| Error::taken(error, "identifier_taken", "another resource server has this identifier");
        resource_servers::insert(&mut self.tx, &server).await.map_err(taken)?;
        self.note_resource_server("resource_server.created", &server, None);
        Ok(server)
    }

    pub async fn change_resource_server(&mut self, id: &str, change: ResourceServerChange) -> Result<ResourceServer, Error> {
        let before = self.resource_server(id).await?;
        let mut server = before.clone();
        if let Some(name) = change.name {
            server.name = name;
        }
        if let Some(alg) = change.signing_alg {
            server.signing = self.switch_algorithm(server.signing, alg).await?;
        }
        if let Some(typ) = change.token_typ {
            server.token_typ = typ;
        }
        if let Some(ttl) = change.access_token_ttl {
            server.access_token_ttl = ttl;
        }
        if let Some(claims) = change.claims {
            server.claims = claims;
        }
        if let Some(default) = change.default {
            if default && !server.default {
                self.take_default_mark().await?;
            }
            server.default = default;
        }
        if let Some(status_enforcing) = change.status_enforcing {
            server.status_enforcing = status_enforcing;
        }
        self.check_lifetime(&server).await?;
        (server.updated_at, server.version) = (self.now, server.version + 1);
        if server.status_enforcing != before.status_enforcing || server.access_token_ttl != before.access_token_ttl {
            self.note_unenforced_tokens(before.status_enforcing && !server.status_enforcing).await?;
        }
        resource_servers::update(&mut self.tx, &server).await?;
        self.note_resource_server("resource_server.updated", &server, Some(&before));
        Ok(server)
    }

    /// Its tokens are not active any more; its verifiers, should they still run, take them to their end: nobody's credential was revoked. One that
    /// an application or a permission names stays.
    pub async fn remove_resource_server(&mut self, id: &str) -> Result<(), Error> {
        let server = self.resource_server(id).await?;
        if applications::any_names_resource(&mut self.tx, &server.identifier).await? {
            return Err(Error::conflict("resource_server_in_use", "an application names it among its resources: take it from there first"));
        }
        if permissions::any_for_resource_server(&mut self.tx, &server.identifier).await? {
            return Err(Error::conflict("resource_server_in_use", "a permission is for it: remove that first"));
        }
        self.note_unenforced_tokens(server.status_enforcing).await?;
        resource_servers::delete(&mut self.tx, server.id).await?;
        self.note_resource_server("resource_server.deleted", &server, Some(&server));
        Ok(())
    }

    /// Tokens may live for a day only where revocation reaches the verifier; from then on revocations are remembered for as long.
    async fn check_lifetime(&mut self, server: &ResourceServer) -> Result<(), Error> {
        check_access_token_ttl(server.access_token_ttl, server.status_enforcing)?;
        if server.status_enforcing {
            self.keep_revocations(true).await?;
        }
        Ok(())
    }

    /// There is one default at the most: whichever has the mark loses it, and that is a change of its own.
    async fn take_default_mark(&mut self) -> Result<(), Error> {
        for before in resource_servers::all(&mut self.tx).await?.into_iter().filter(|server| server.default) {
            let mut server = ResourceServer { default: false, ..before.clone() };
            (server.updated_at, server.version) = (self.now, server.version + 1);
            resource_servers::update(&mut self.tx, &server).await?;
            self.note_resource_server("resource_server.updated", &server, Some(&before));
        }
        Ok(())
    }

    /// The algorithm in force goes on signing until every verifier can have the new one's key.
    async fn switch_algorithm(&mut self, signing: Signing, alg: Algorithm) -> Result<Signing, Error> {
        let in_force = signing.algorithm(self.now);
        if in_force == alg {
            return Ok(Signing::at_once(alg));
        }
        let key = self.ensure_published_key(KeyLine::of_tokens(alg)).await?;
        let activates_at: Timestamp = key.activates_at.max(key.published_at + self.authority.deployment.schedule.lead);
        if activates_at <= self.now {
            return Ok(Signing::at_once(alg));
        }
        Ok(Signing { signing_alg: alg, activates_at: Some(activates_at), before: Some(in_force) })
    }

    async fn resource_server(&mut self, id: &str) -> Result<ResourceServer, Error> {
        self.demand_installation()?;
        let server = resource_servers::find(&mut self.tx, id).await?.ok_or(Error::NotFound(NAME))?;
        self.check_version(server.version)?;
        Ok(server)
    }

    fn note_resource_server(&mut self, event: &str, server: &ResourceServer, before: Option<&ResourceServer>) {
        self.note(NewEvent {
            event: event.into(),
            organization_id: None,
            subject: Subject::ResourceServers,
            data: json!(server),
            before: before.map(|before| json!(before)),
        });
    }
}
