//! The permission catalogue: add, change, remove. One that an application holds cannot vanish.
use serde_json::json;

use super::Authority;
use super::caller::Caller;
use super::change::Change;
use super::error::Error;
use crate::domain::api_key::OwnerFilter;
use crate::domain::event::{NewEvent, Subject};
use crate::domain::management_key::Power;
use crate::domain::page::{Cursor, Page, PageRequest};
use crate::domain::permission::{HolderKind, NewPermission, Permission, PermissionChange};
use crate::domain::text::FieldError;
use crate::storage::{api_keys, applications, permissions, presets, resource_servers};

const NAME: &str = "permission";

impl Authority {
    pub async fn find_permission(&self, caller: &Caller, slug: &str) -> Result<Permission, Error> {
        caller.demand(Power::PermissionsRead)?;
        permissions::find(&mut self.database.read().await?, slug).await?.ok_or(Error::NotFound(NAME))
    }

    pub async fn list_permissions(&self, caller: &Caller, request: &PageRequest) -> Result<Page<Permission>, Error> {
        caller.demand(Power::PermissionsRead)?;
        let mut tx = self.database.read().await?;
        if let Some(Cursor::After(id) | Cursor::Before(id)) = &request.cursor
            && !permissions::exists(&mut tx, id).await?
        {
            return Err(Error::InvalidCursor);
        }
        Ok(permissions::list(&mut tx, request).await?)
    }
}

impl Change {
    pub async fn add_permission(&mut self, new: NewPermission) -> Result<Permission, Error> {
        self.demand_installation()?;
        if let Some(identifier) = &new.resource_server
            && resource_servers::find(&mut self.tx, identifier).await?.is_none_or(|server| server.identifier != *identifier)
        {
            let message = "resource_server takes the identifier of a registered resource server, or null";
            return Err(FieldError::new("unknown_resource_server", "resource_server", message).into());
        }
        let permission = Permission {
            id: self.authority.random.id(self.now),
            slug: new.slug,
            name: new.name,
            description: new.description,
            system: false,
            resource_type_slug: "organization".into(),
            resource_server: new.resource_server,
            grantable_to: new.grantable_to,
            created_at: self.now,
            updated_at: self.now,
            version: 1,
        };
        let taken = |error| Error::taken(error, "slug_taken", "another permission has this slug");
        permissions::insert(&mut self.tx, &permission).await.map_err(taken)?;
        self.note_permission("permission.created", &permission, None);
        Ok(permission)
    }

    pub async fn change_permission(&mut self, slug: &str, change: PermissionChange) -> Result<Permission, Error> {
        let before = self.permission(slug).await?;
        let mut permission = before.clone();
        if let Some(name) = change.name {
            permission.name = name;
        }
        if let Some(description) = change.description {
            permission.description = description;
        }
        if let Some(kinds) = change.grantable_to {
            for kind in permission.grantable_to.iter().filter(|kind| !kinds.contains(kind)) {
                if self.any_holds(&permission, *kind).await? {
                    let message = format!("a credential of the kind {} holds this permission: take it from there first", kind.name());
                    return Err(Error::conflict("permission_in_use", message));
                }
            }
            permission.grantable_to = kinds;
        }
        (permission.updated_at, permission.version) = (self.now, permission.version + 1);
        permissions::update(&mut self.tx, &permission).await?;
        self.note_permission("permission.updated", &permission, Some(&before));
        Ok(permission)
    }

    pub async fn remove_permission(&mut self, slug: &str) -> Result<(), Error> {
        let permission = self.permission(slug).await?;
        for kind in HolderKind::ALL {
            if self.any_holds(&permission, kind).await? {
                let message = match kind {
                    HolderKind::M2m => "an application holds this permission: take it from there first",
                    _ => "an API key holds this permission: revoke that first",
                };
                return Err(Error::conflict("permission_in_use", message));
            }
        }
        if presets::any_holds(&mut self.tx, permission.slug.as_str()).await? {
            return Err(Error::conflict("permission_in_use", "a preset holds this permission: take it from there first"));
        }
        permissions::delete(&mut self.tx, permission.id).await?;
        self.note_permission("permission.deleted", &permission, Some(&permission));
        Ok(())
    }

    async fn any_holds(&mut self, permission: &Permission, kind: HolderKind) -> Result<bool, Error> {
        let slug = permission.slug.as_str();
        Ok(match kind {
            HolderKind::M2m => applications::any_holds(&mut self.tx, slug).await?,
            HolderKind::ApiKeyOrganization => api_keys::any_holds(&mut self.tx, slug, OwnerFilter::Organization).await?,
            HolderKind::ApiKeyUser => api_keys::any_holds(&mut self.tx, slug, OwnerFilter::User).await?,
        })
    }

    async fn permission(&mut self, slug: &str) -> Result<Permission, Error> {
        self.demand_installation()?;
        let permission = permissions::find(&mut self.tx, slug).await?.ok_or(Error::NotFound(NAME))?;
        self.check_version(permission.version)?;
        Ok(permission)
    }

    fn note_permission(&mut self, event: &str, permission: &Permission, before: Option<&Permission>) {
        self.note(NewEvent {
            event: event.into(),
            organization_id: None,
            subject: Subject::Permissions,
            data: json!(permission),
            before: before.map(|before| json!(before)),
        });
    }
}
