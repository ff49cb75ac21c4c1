//! The management surface: JSON in, JSON out, errors as RFC 9457; one file per resource, its routes first.
mod answer;
mod api_keys;
mod applications;
mod call;
mod client_secrets;
mod error;
mod events;
mod json;
mod management_keys;
mod memberships;
mod organizations;
mod page;
mod permissions;
mod portal;
mod presets;
mod resource_servers;
mod revocations;
mod settings;
mod signing_keys;
mod token_quotas;
mod users;
mod validations;
mod webhooks;

use super::reference::Routes;
pub use error::{Problem, Stop};

pub fn routes() -> Routes {
    organizations::routes()
        .merge(settings::routes())
        .merge(token_quotas::routes())
        .merge(users::routes())
        .merge(memberships::routes())
        .merge(applications::routes())
        .merge(client_secrets::routes())
        .merge(api_keys::routes())
        .merge(validations::routes())
        .merge(permissions::routes())
        .merge(presets::routes())
        .merge(resource_servers::routes())
        .merge(events::routes())
        .merge(revocations::routes())
        .merge(webhooks::routes())
        .merge(portal::routes())
        .merge(management_keys::routes())
        .merge(signing_keys::routes())
}

/// Whether a POST there changes nothing that is stored.
pub fn only_reads(path: &str) -> bool {
    path.ends_with(validations::PATH)
}
