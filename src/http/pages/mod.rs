//! What the console and the portal are made of: pages of blocks, rendered here alone, under one policy and with one style.
mod assets;
mod chart;
pub mod credentials;
mod fields;
mod form;
pub mod lists;
mod question;
mod refused;
pub mod revocation;
pub mod rotation;
mod sent;
mod snippets;
mod table;
mod view;
mod visit;

use std::sync::Arc;

use axum::Router;
use axum::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, STRICT_TRANSPORT_SECURITY};
use axum::http::{HeaderName, HeaderValue};
use axum::middleware::from_fn_with_state;
use tower::util::option_layer;
use tower_http::csrf::CsrfLayer;
use tower_http::set_header::SetResponseHeaderLayer;
use url::Url;

use super::App;
use crate::domain::brand::Origin;

pub use assets::assets;
pub use chart::{Bar, Stretch, columns, rows, timeline};
pub use fields::Fields;
pub use form::{Checks, Field, Form, Kind, MAX_JSON, permission_checks, with_full_access};
pub use question::Question;
pub use refused::Refused;
pub use snippets::{Credential, dotenv, snippets};
pub use table::{Action, Cell, Chip, Sorted, Table};
pub use view::{Block, Facts, Frame, Link, Notice, Page, Reveal, Tone, minute, seconds, short};
pub use visit::{Visit, Who, cookie};

/// Case 259: nothing inline, nothing from elsewhere, in nobody's frame but these origins'.
fn policy(origins: &[Origin]) -> HeaderValue {
    let ancestors = origins.iter().map(Origin::as_str).collect::<Vec<_>>().join(" ");
    let ancestors = if ancestors.is_empty() { "'none'" } else { &ancestors };
    let policy = format!(
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; form-action 'self'; \
         frame-ancestors {ancestors}; base-uri 'none'; object-src 'none'"
    );
    HeaderValue::try_from(policy).unwrap_or(HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'"))
}

/// Cases 258 to 260: what holds for every page.
///
/// What is around a form that cannot be read is the `frame` of who is nobody there.
pub fn guarded(pages: Router<Arc<App>>, origins: &[Origin], app: &Arc<App>, frame: fn(&App) -> Frame) -> Router<Arc<App>> {
    let header = |name: HeaderName, value: &'static str| SetResponseHeaderLayer::overriding(name, HeaderValue::from_static(value));
    // RFC 6797: where it is reached by https, it always is.
    let https = app.authority.deployment.issuer.starts_with("https:");
    let again = sent::Place { app: Arc::clone(app), frame, pages: pages.clone().with_state(Arc::clone(app)) };
    pages
        .layer(from_fn_with_state(again, sent::keep))
        .layer(CsrfLayer::new())
        .layer(header(CACHE_CONTROL, "no-store"))
        .layer(SetResponseHeaderLayer::overriding(CONTENT_SECURITY_POLICY, policy(origins)))
        .layer(header(HeaderName::from_static("referrer-policy"), "no-referrer"))
        .layer(header(HeaderName::from_static("cross-origin-opener-policy"), "same-origin"))
        .layer(header(HeaderName::from_static("cross-origin-resource-policy"), "same-origin"))
        .layer(option_layer(https.then(|| header(STRICT_TRANSPORT_SECURITY, "max-age=31536000"))))
}

/// The path of the issuer, before every path of a page; empty without one.
pub fn base(app: &App) -> String {
    Url::parse(&app.authority.deployment.issuer).map_or(String::new(), |url| url.path().trim_end_matches('/').to_owned())
}
