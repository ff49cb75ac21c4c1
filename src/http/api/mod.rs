//! The management surface: JSON in, JSON out, errors as RFC 9457; one file per resource.
mod answer;
mod applications;
mod call;
mod client_secrets;
mod error;
mod events;
mod json;
mod management_keys;
mod organizations;
mod page;
mod permissions;
mod resource_servers;
mod signing_keys;

use std::sync::Arc;

use axum::Router;
use axum::routing::{delete, get, post};

use super::App;
pub use error::Problem;

pub fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/organizations", get(organizations::list).post(organizations::create))
        .route("/organizations/{id}", get(organizations::find).put(organizations::update).delete(organizations::delete))
        .route("/organizations/external_id/{external_id}", get(organizations::find_by_external_id))
        .route("/organizations/{id}/suspend", post(organizations::suspend))
        .route("/organizations/{id}/reactivate", post(organizations::reactivate))
        .route("/connect/applications", get(applications::list).post(applications::create))
        .route("/connect/applications/{id}", get(applications::find).put(applications::update).delete(applications::delete))
        .route("/connect/applications/{id}/disable", post(applications::disable))
        .route("/connect/applications/{id}/enable", post(applications::enable))
        .route("/connect/applications/{id}/revoke_tokens", post(applications::revoke_tokens))
        .route("/connect/applications/{id}/client_secrets", get(client_secrets::list).post(client_secrets::create))
        .route("/connect/applications/{id}/client_secrets/rotate", post(client_secrets::rotate))
        .route("/connect/applications/{id}/client_secrets/rotate/cancel", post(client_secrets::cancel_rotation))
        .route("/connect/client_secrets/{id}", delete(client_secrets::delete))
        .route("/authorization/permissions", get(permissions::list).post(permissions::create))
        .route("/authorization/permissions/{slug}", get(permissions::find).patch(permissions::update).delete(permissions::delete))
        .route("/resource_servers", get(resource_servers::list).post(resource_servers::create))
        .route("/resource_servers/{id}", get(resource_servers::find).patch(resource_servers::update).delete(resource_servers::delete))
        .route("/management_keys", get(management_keys::list).post(management_keys::create))
        .route("/management_keys/{id}", delete(management_keys::delete))
        .route("/signing_keys", get(signing_keys::list))
        .route("/signing_keys/rotate", post(signing_keys::rotate))
        .route("/signing_keys/{kid}/revoke", post(signing_keys::revoke))
        .route("/events", get(events::list))
}
