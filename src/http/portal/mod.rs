//! The portal for customers' own admins: let in by a link that opens once (`authority/portal.rs`), they see what the link grants and no more.
mod api_keys;
mod applications;
mod brand;
mod door;
mod visit;

use std::sync::Arc;

use axum::Router;
use axum::routing::{get, post};

use super::App;
use super::pages::{assets, guarded};

pub fn routes(app: &Arc<App>) -> Router<Arc<App>> {
    let pages = Router::new()
        .route("/portal", get(door::home))
        .route("/portal/open", post(door::open))
        .route("/portal/leave", post(door::leave))
        .route("/portal/{link}", get(door::link))
        .route("/portal/api_keys", get(api_keys::list).post(api_keys::create))
        .route("/portal/own_keys", get(api_keys::list_own).post(api_keys::create_own))
        .route("/portal/members_keys", get(api_keys::list_of_members))
        .route("/portal/api_keys/{id}", get(api_keys::show))
        .route("/portal/api_keys/{id}/rotate", get(api_keys::rotation_page).post(api_keys::rotate))
        .route("/portal/api_keys/{id}/revoke", get(api_keys::confirm_revocation).post(api_keys::revoke))
        .route("/portal/applications", get(applications::list).post(applications::create))
        .route("/portal/applications/{id}", get(applications::show))
        .route("/portal/applications/{id}/rotate", post(applications::rotate))
        .route("/portal/applications/{id}/cancel_rotation", get(applications::confirm_cancellation).post(applications::cancel_rotation))
        .route("/portal/applications/{id}/client_secrets/{secret}/delete", get(applications::confirm_removal).post(applications::remove))
        .route("/portal/applications/{id}/delete", get(applications::confirm_deletion).post(applications::delete));
    guarded(pages, &app.authority.deployment.brand.origins, app, |app| brand::frame(app, None))
        .merge(assets("portal"))
        .merge(brand::routes())
}
