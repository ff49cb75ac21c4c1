//! The reference: `/openapi.json`, made from the same declarations that make the routes, and `/docs`, which renders it and works offline.
mod document;
mod operation;

use std::sync::Arc;

use axum::Router;
use axum::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use axum::http::{HeaderName, HeaderValue};
use axum::response::IntoResponse;
use axum::routing::get;
use bytes::Bytes;
use tower_http::set_header::SetResponseHeaderLayer;
use utoipa_swagger_ui::{Config, SwaggerUi};

pub use document::anything;
pub use operation::{Dialect, Operation, Routes};

use super::App;

/// The page's own scripts and styles, and nothing from elsewhere.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self'; \
                      frame-ancestors 'none'; base-uri 'none'; form-action 'none'";

/// The routes, and beside them what describes them.
pub fn serve(routes: Routes, issuer: &str) -> Router<Arc<App>> {
    let document = Bytes::from(document::document(&routes.operations, issuer).to_string());
    let headers = [(CONTENT_TYPE, "application/json"), (CACHE_CONTROL, "public, max-age=300")];
    let header = |name: HeaderName, value: &'static str| SetResponseHeaderLayer::overriding(name, HeaderValue::from_static(value));
    let page: Router<Arc<App>> = SwaggerUi::new("/docs").config(Config::from("/openapi.json").default_models_expand_depth(0)).into();
    let page = page.layer(header(CONTENT_SECURITY_POLICY, POLICY)).layer(header(HeaderName::from_static("referrer-policy"), "no-referrer"));
    routes.router.route("/openapi.json", get(move || async move { (headers, document).into_response() })).merge(page)
}
