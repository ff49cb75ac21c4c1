//! The OAuth surface, exactly by the RFCs. Errors are those of RFC 6749 §5.2.
mod client_authentication;
mod error;
mod form;
mod introspect;
mod jwks;
mod metadata;
mod rate_limit;
mod revoke;
pub mod throttle;
mod token;

use axum::routing::{get, post};
use serde_json::json;
use tower_http::cors::{Any, CorsLayer};

use super::reference::{Dialect, Routes};
pub use error::OauthError;
pub use jwks::status_jwks;

const TOKEN: [&str; 2] = ["/oauth/token", "/oauth2/token"];
const INTROSPECTION: [&str; 2] = ["/oauth/introspect", "/oauth2/introspection"];
const JWKS: [&str; 2] = ["/.well-known/jwks.json", "/oauth2/jwks"];
const AUTHORIZATION_SERVER: &str = "/.well-known/oauth-authorization-server";
const OPENID: &str = "/.well-known/openid-configuration";

/// `issuer_path` is the path of the issuer identifier, for the path-inserted metadata (RFC 8414 §3.1); empty without one.
pub fn routes(issuer_path: &str) -> Routes {
    let example = || json!({ "grant_type": "client_credentials", "scope": "threads:read" });
    let token_example = || json!({ "token": "eyJ…" });
    let private = Routes::new("OAuth")
        .post(TOKEN[0], token::token, "Obtain an access token", |op| {
            op.about("RFC 6749 §4.4. The client authenticates with Basic or in the body; an API key is its own client.")
                .takes_form::<token::TokenForm>(example())
                .answers::<token::TokenResponse>()
                .speaks(Dialect::Oauth, &[])
        })
        .post(INTROSPECTION[0], introspect::introspect, "Introspect a token", |op| {
            op.about("RFC 7662. A client sees its own tokens, a management key those of its organizations and their API keys.")
                .takes_form::<introspect::TokenForm>(token_example())
                .answers::<introspect::Introspection>()
                .speaks(Dialect::Oauth, &[403])
        })
        .post("/oauth/revoke", revoke::revoke, "Revoke a token", |op| {
            op.about("RFC 7009. Only that one token dies.")
                .takes_form::<introspect::TokenForm>(token_example())
                .speaks(Dialect::Oauth, &[403])
        })
        .alias(TOKEN[1], post(token::token))
        .alias(INTROSPECTION[1], post(introspect::introspect));
    let mut public = Routes::new("Discovery")
        .get(JWKS[0], jwks::jwks, "Show the key set", |op| {
            op.about("RFC 7517 §5: the public keys that verify access tokens.").answers::<jwks::KeySet>().speaks(Dialect::Public, &[])
        })
        .get(AUTHORIZATION_SERVER, metadata::authorization_server, "Show the metadata", |op| {
            op.about("RFC 8414.").answers::<metadata::Metadata>().speaks(Dialect::Public, &[])
        })
        .alias(OPENID, get(metadata::openid))
        .alias(JWKS[1], get(jwks::jwks));
    if !issuer_path.is_empty() {
        public = public.map_router(|router| {
            router
                .route(&format!("{AUTHORIZATION_SERVER}{issuer_path}"), get(metadata::authorization_server))
                .route(&format!("{OPENID}{issuer_path}"), get(metadata::openid))
        });
    }
    // Anyone may read these from a page; nobody may send credentials from one.
    private.merge(public.map_router(|router| router.layer(CorsLayer::new().allow_origin(Any))))
}

/// Whether errors at this path are RFC 6749's.
pub fn is_oauth_path(path: &str) -> bool {
    TOKEN.iter().chain(&INTROSPECTION).chain(&["/oauth/revoke"]).any(|own| path.ends_with(own))
}

/// Whether a POST there changes nothing that is stored.
pub fn only_reads(path: &str) -> bool {
    TOKEN.iter().chain(&INTROSPECTION).any(|own| path.ends_with(own))
}
