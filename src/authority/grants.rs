//! What may be granted to a credential: permissions of the catalogue, those of a preset, or all of them, each for the kinds it is meant for.
use chancery_verifier::{Scope, ScopeToken};

use super::change::Change;
use super::error::Error;
use crate::domain::api_key::Grant;
use crate::domain::application::MAX_SCOPE_BYTES;
use crate::domain::permission::{EVERY_PERMISSION, HolderKind};
use crate::domain::text::FieldError;
use crate::storage::{permissions, presets};

/// How many names one request may hold.
const MAX_NAMES: usize = 100;

impl Change {
    /// What the grant comes to, every permission by name; what the holder has already is not asked about again. `field` is its JSON name.
    pub(super) async fn resolve_grant(&mut self, grant: &Grant, kind: HolderKind, held: &Scope, field: &str) -> Result<Scope, Error> {
        if grant.permissions.len() > MAX_NAMES {
            return Err(FieldError::new("too_many", field, format!("{field} takes at most {MAX_NAMES} permissions")).into());
        }
        let mut scope = Scope::default();
        if let Some(slug) = &grant.preset {
            let preset = presets::find(&mut self.tx, slug).await?;
            let unknown =
                || FieldError::new("unknown_preset", "preset", "preset takes the slug of a preset: GET /permission_presets lists them");
            scope = preset.ok_or_else(unknown)?.permissions;
        }
        if grant.permissions.iter().any(|name| name == EVERY_PERMISSION) {
            scope = scope.iter().chain(self.every_permission(kind).await?.iter()).collect();
        }
        let mut errors = Vec::new();
        for name in grant.permissions.iter().filter(|name| *name != EVERY_PERMISSION) {
            match ScopeToken::parse(name) {
                Ok(token) => scope = scope.iter().chain([token]).collect(),
                Err(_) => errors.push(FieldError::new(
                    "invalid_permission",
                    field,
                    format!("each of {field} is one permission's slug, as in threads:read"),
                )),
            }
        }
        for token in scope.iter().filter(|token| !held.contains(token.as_str())) {
            match permissions::find(&mut self.tx, token.as_str()).await? {
                None => {
                    let message = format!("{token} is not in the permission catalogue: add it with POST /authorization/permissions");
                    errors.push(FieldError::new("unknown_permission", field, message));
                }
                Some(permission) if !permission.grantable_to.contains(&kind) => {
                    let message = format!("{token} cannot be granted to this kind of credential, {}", kind.name());
                    errors.push(FieldError::new("not_grantable", field, message));
                }
                Some(_) => {}
            }
        }
        if scope.to_string().len() > MAX_SCOPE_BYTES {
            let message = format!("{field} take at most {MAX_SCOPE_BYTES} bytes when joined by spaces: a token would grow too long");
            errors.push(FieldError::new("too_long", field, message));
        }
        if errors.is_empty() { Ok(scope) } else { Err(Error::Invalid(errors)) }
    }

    /// All there are for this kind (G10): only who holds everything himself grants that.
    async fn every_permission(&mut self, kind: HolderKind) -> Result<Scope, Error> {
        if self.caller.as_ref().is_some_and(|caller| !caller.key().permissions.are_everything()) {
            return Err(Error::forbidden("permission_not_held", "* is granted only by a management key that holds * itself"));
        }
        let all = permissions::all(&mut self.tx).await?;
        let grantable = all.iter().filter(|permission| permission.grantable_to.contains(&kind));
        Ok(grantable.filter_map(|permission| ScopeToken::parse(permission.slug.as_str()).ok()).collect())
    }

    /// The same for a preset, which may hold whatever is in the catalogue.
    pub(super) async fn resolve_preset(&mut self, names: &[String]) -> Result<Scope, Error> {
        let grant = Grant { permissions: names.to_vec(), preset: None };
        if names.is_empty() {
            return Err(FieldError::new("permissions_required", "permissions", "a preset holds at least one permission").into());
        }
        let known: Scope =
            permissions::all(&mut self.tx).await?.iter().filter_map(|one| ScopeToken::parse(one.slug.as_str()).ok()).collect();
        if names.iter().any(|name| name == EVERY_PERMISSION) {
            self.every_permission(HolderKind::M2m).await?;
            return Ok(known);
        }
        self.resolve_grant(&grant, HolderKind::M2m, &known, "permissions").await
    }
}
