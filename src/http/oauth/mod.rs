//! The OAuth surface, exactly by the RFCs. Errors are those of RFC 6749 §5.2.
mod client_authentication;
mod error;
mod form;
mod introspect;
mod jwks;
mod metadata;
mod revoke;
pub mod throttle;
mod token;

use std::sync::Arc;

use axum::Router;
use axum::routing::{get, post};
use tower_http::cors::{Any, CorsLayer};

use super::App;
pub use error::OauthError;

const TOKEN: [&str; 2] = ["/oauth/token", "/oauth2/token"];
const INTROSPECTION: [&str; 2] = ["/oauth/introspect", "/oauth2/introspection"];
const JWKS: [&str; 2] = ["/.well-known/jwks.json", "/oauth2/jwks"];
const AUTHORIZATION_SERVER: &str = "/.well-known/oauth-authorization-server";
const OPENID: &str = "/.well-known/openid-configuration";

/// `issuer_path` is the path of the issuer identifier, for the path-inserted metadata (RFC 8414 §3.1); empty without one.
pub fn routes(issuer_path: &str) -> Router<Arc<App>> {
    let mut private = Router::new().route("/oauth/revoke", post(revoke::revoke));
    for path in TOKEN {
        private = private.route(path, post(token::token));
    }
    for path in INTROSPECTION {
        private = private.route(path, post(introspect::introspect));
    }
    let mut public = Router::new().route(AUTHORIZATION_SERVER, get(metadata::authorization_server)).route(OPENID, get(metadata::openid));
    if !issuer_path.is_empty() {
        public = public.route(&format!("{AUTHORIZATION_SERVER}{issuer_path}"), get(metadata::authorization_server));
        public = public.route(&format!("{OPENID}{issuer_path}"), get(metadata::openid));
    }
    for path in JWKS {
        public = public.route(path, get(jwks::jwks));
    }
    // Anyone may read these from a page; nobody may send credentials from one.
    private.merge(public.layer(CorsLayer::new().allow_origin(Any)))
}

/// Whether errors at this path are RFC 6749's.
pub fn is_oauth_path(path: &str) -> bool {
    TOKEN.iter().chain(&INTROSPECTION).chain(&["/oauth/revoke"]).any(|own| path.ends_with(own))
}

/// Whether a POST there changes nothing that is stored.
pub fn only_reads(path: &str) -> bool {
    TOKEN.iter().chain(&INTROSPECTION).any(|own| path.ends_with(own))
}
