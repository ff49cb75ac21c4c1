//! The console for operators: everything the management surface does, as pages; signed in with a management key (`authority/console.rs`).
mod api_keys;
mod applications;
mod check;
mod client_secrets;
mod door;
mod events;
mod management_keys;
mod member;
mod members;
mod openid;
mod organizations;
mod overview;
mod permissions;
mod portal_links;
mod presets;
mod resource_servers;
mod sessions;
mod settings;
mod signing_keys;
mod token_quotas;
mod usage;
mod users;
mod visit;
mod webhooks;

use std::sync::Arc;

use axum::Router;
use axum::http::HeaderMap;
use axum::response::Redirect;
use axum::routing::{get, post};

use super::App;
use super::pages::{Frame, assets, base as path_of, guarded};

pub fn routes(base: &str, app: &Arc<App>) -> Router<Arc<App>> {
    let base = base.to_owned();
    let pages = Router::new()
        .route("/console", get(overview::overview))
        .route("/console/sign_in", get(door::sign_in_page).post(door::sign_in))
        .route("/console/sign_out", post(door::sign_out))
        .route("/console/openid", get(openid::sign_in))
        .route("/console/openid/again", get(openid::sign_in_again))
        .route("/console/openid/callback", get(openid::callback))
        .route("/console/confirm", get(door::confirm_page).post(door::confirm))
        .route("/console/organizations", get(organizations::list).post(organizations::create))
        .route("/console/organizations/{id}", get(organizations::show).post(organizations::update))
        .route("/console/organizations/{id}/applications", post(applications::create))
        .route("/console/organizations/{id}/api_keys", get(api_keys::list_of_organization).post(api_keys::create))
        .route("/console/organizations/{id}/members", get(members::list).post(members::create))
        .route("/console/organizations/{id}/portal_link", post(portal_links::create))
        .route("/console/members/{id}", get(member::show).post(member::update))
        .route("/console/members/{id}/api_keys", post(member::create_key))
        .route("/console/members/{id}/delete", get(member::confirm_removal).post(member::remove))
        .route("/console/members/{id}/deactivate", get(member::confirm_deactivation).post(member::deactivate))
        .route("/console/members/{id}/portal_links/revoke", get(portal_links::confirm_revocation).post(portal_links::revoke))
        .route("/console/members/{id}/{what}", post(members::change))
        .route("/console/organizations/{id}/usage", get(usage::show))
        .route("/console/organizations/{id}/settings", get(settings::show).post(settings::update))
        .route("/console/organizations/{id}/token_quota", post(token_quotas::change_of_organization))
        .route("/console/organizations/{id}/events", get(events::of_organization))
        .route("/console/organizations/{id}/suspend", get(organizations::confirm_suspension).post(organizations::suspend))
        .route("/console/organizations/{id}/reactivate", post(organizations::reactivate))
        .route("/console/organizations/{id}/delete", get(organizations::confirm_deletion).post(organizations::delete))
        .route("/console/applications/{id}", get(applications::show).post(applications::update))
        .route("/console/applications/{id}/token_quota", post(token_quotas::change_of_application))
        .route("/console/applications/{id}/client_secrets", post(client_secrets::create))
        .route("/console/applications/{id}/rotate", post(client_secrets::rotate))
        .route("/console/applications/{id}/cancel_rotation", get(client_secrets::confirm_cancellation).post(client_secrets::cancel))
        .route("/console/applications/{id}/disable", get(applications::confirm_disabling).post(applications::disable))
        .route("/console/applications/{id}/enable", post(applications::enable))
        .route("/console/applications/{id}/revoke_tokens", get(applications::confirm_revocation).post(applications::revoke_tokens))
        .route("/console/applications/{id}/delete", get(applications::confirm_deletion).post(applications::delete))
        .route(
            "/console/applications/{id}/client_secrets/{secret}/delete",
            get(client_secrets::confirm_deletion).post(client_secrets::delete),
        )
        .route("/console/api_keys/{id}", get(api_keys::show).post(api_keys::update))
        .route("/console/api_keys/{id}/expire", post(api_keys::expire))
        .route("/console/api_keys/{id}/rotate", post(api_keys::rotate))
        .route("/console/api_keys/{id}/revoke", get(api_keys::confirm_revocation).post(api_keys::revoke))
        .route("/console/permissions", get(permissions::list).post(permissions::create))
        .route("/console/permissions/{slug}", get(permissions::show).post(permissions::update))
        .route("/console/permissions/{slug}/delete", get(permissions::confirm_deletion).post(permissions::delete))
        .route("/console/presets", post(presets::create))
        .route("/console/presets/{slug}", get(presets::show).post(presets::update))
        .route("/console/presets/{slug}/delete", get(presets::confirm_deletion).post(presets::delete))
        .route("/console/resource_servers", get(resource_servers::list).post(resource_servers::create))
        .route("/console/resource_servers/{id}", get(resource_servers::show).post(resource_servers::update))
        .route("/console/resource_servers/{id}/delete", get(resource_servers::confirm_deletion).post(resource_servers::delete))
        .route("/console/signing_keys", get(signing_keys::list))
        .route("/console/signing_keys/rotate", get(signing_keys::confirm_rotation).post(signing_keys::rotate))
        .route("/console/signing_keys/{kid}/revoke", get(signing_keys::confirm_compromise).post(signing_keys::compromise))
        .route("/console/webhook_endpoints", get(webhooks::list).post(webhooks::create))
        .route("/console/webhook_endpoints/{id}", get(webhooks::show).post(webhooks::update))
        .route("/console/webhook_endpoints/{id}/replay", post(webhooks::replay))
        .route("/console/webhook_endpoints/{id}/delete", get(webhooks::confirm_deletion).post(webhooks::delete))
        .route("/console/management_keys", get(management_keys::list).post(management_keys::create))
        .route("/console/management_keys/new", get(management_keys::form))
        .route("/console/management_keys/{id}/delete", get(management_keys::confirm_deletion).post(management_keys::delete))
        .route("/console/settings", get(settings::show_of_installation).post(settings::update_of_installation))
        .route("/console/check", get(check::form).post(check::check))
        .route("/console/users", get(users::list))
        .route("/console/users/{id}/delete", get(users::confirm_deletion).post(users::delete))
        .route("/console/events", get(events::list))
        .route("/console/sessions", get(sessions::list))
        .route("/console/sessions/{id}/end", post(sessions::end))
        .route("/", get(async move |headers: HeaderMap| Redirect::to(&door::first_page(&base, &headers))));
    guarded(pages, &[], app, |app| Frame::bare(&path_of(app))).merge(assets("console"))
}
