//! The portal for customers' own admins: plain pages without scripts, let in by a link that opens once (`authority/portal.rs`).
mod door;
mod pages;
mod visit;

use std::sync::Arc;

use axum::Router;
use axum::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use axum::http::{HeaderName, HeaderValue};
use axum::routing::{get, post};
use tower_http::csrf::CsrfLayer;
use tower_http::set_header::SetResponseHeaderLayer;

use super::App;

const POLICY: &str = "default-src 'none'; style-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'; object-src 'none'";

pub fn routes() -> Router<Arc<App>> {
    let header = |name: HeaderName, value: &'static str| SetResponseHeaderLayer::overriding(name, HeaderValue::from_static(value));
    let pages = Router::new()
        .route("/portal", get(pages::home))
        .route("/portal/open", post(door::open))
        .route("/portal/leave", post(door::leave))
        .route("/portal/{link}", get(door::link))
        .route("/portal/api_keys", post(pages::create_key))
        .route("/portal/api_keys/{id}/revoke", get(pages::confirm_revocation).post(pages::revoke_key))
        .route("/portal/applications", post(pages::create_application))
        .route("/portal/applications/{id}/rotate", post(pages::rotate_secret))
        .route("/portal/applications/{id}/delete", get(pages::confirm_deletion).post(pages::delete_application))
        .layer(CsrfLayer::new())
        .layer(header(CACHE_CONTROL, "no-store"))
        .layer(header(CONTENT_SECURITY_POLICY, POLICY))
        .layer(header(HeaderName::from_static("referrer-policy"), "no-referrer"))
        .layer(header(HeaderName::from_static("cross-origin-opener-policy"), "same-origin"))
        .layer(header(HeaderName::from_static("cross-origin-resource-policy"), "same-origin"));
    let style =
        get(async || ([(CONTENT_TYPE, "text/css; charset=utf-8"), (CACHE_CONTROL, "public, max-age=3600")], include_str!("style.css")));
    pages.route("/portal/style.css", style)
}
