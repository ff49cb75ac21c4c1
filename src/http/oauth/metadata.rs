//! Authorization server metadata (RFC 8414) and its OpenID alias. Only what works is named, under the configured issuer alone.
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::header::CACHE_CONTROL;
use axum::response::{IntoResponse, Response};
use chancery_verifier::Algorithm;
use schemars::JsonSchema;
use serde_json::{Value, json};

use crate::domain::application::ClientAuthenticationMethod;
use crate::http::{App, status};

const CACHE: &str = "public, max-age=300";

/// RFC 8414 §2, for the reference: the members a client needs.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "the document is put together as JSON; this describes it")]
#[schemars(rename = "AuthorizationServerMetadata")]
pub struct Metadata {
    issuer: String,
    token_endpoint: String,
    jwks_uri: String,
    introspection_endpoint: String,
    revocation_endpoint: String,
    /// draft-ietf-oauth-status-list §11.1.
    status_list_aggregation_endpoint: String,
    status_feed_endpoint: String,
    status_snapshot_endpoint: String,
    status_jwks_uri: String,
    /// Seconds.
    status_max_staleness: u64,
    grant_types_supported: Vec<String>,
    token_endpoint_auth_methods_supported: Vec<String>,
}

pub async fn authorization_server(State(app): State<Arc<App>>) -> Response {
    ([(CACHE_CONTROL, CACHE)], Json(metadata(&app))).into_response()
}

/// Verifiers that only know OpenID Connect Discovery read the allowed algorithms from `id_token_signing_alg_values_supported`: these are
/// the access tokens', there are no id tokens here.
pub async fn openid(State(app): State<Arc<App>>) -> Response {
    let mut document = metadata(&app);
    let algorithms: Vec<_> = app.authority.ring.snapshot().algorithms().into_iter().map(Algorithm::name).collect();
    document["subject_types_supported"] = json!(["public"]);
    document["id_token_signing_alg_values_supported"] = json!(algorithms);
    ([(CACHE_CONTROL, CACHE)], Json(document)).into_response()
}

/// `response_types_supported` is left out: there is no authorization endpoint, and RFC 8414 §3.2 leaves out what has no values.
fn metadata(app: &App) -> Value {
    let issuer = &app.authority.deployment.issuer;
    let methods = ClientAuthenticationMethod::ALL.map(ClientAuthenticationMethod::name);
    json!({
        "issuer": issuer,
        "token_endpoint": format!("{issuer}/oauth/token"),
        "token_endpoint_auth_methods_supported": methods,
        "grant_types_supported": ["client_credentials"],
        "jwks_uri": format!("{issuer}/.well-known/jwks.json"),
        "introspection_endpoint": format!("{issuer}/oauth/introspect"),
        "introspection_endpoint_auth_methods_supported": methods,
        "revocation_endpoint": format!("{issuer}/oauth/revoke"),
        "revocation_endpoint_auth_methods_supported": methods,
        "status_list_aggregation_endpoint": format!("{issuer}{}", status::AGGREGATION),
        "status_feed_endpoint": format!("{issuer}{}", status::FEED),
        "status_snapshot_endpoint": format!("{issuer}{}", status::SNAPSHOT),
        "status_jwks_uri": format!("{issuer}{}", status::JWKS),
        "status_max_staleness": app.authority.deployment.status.max_staleness.as_secs(),
    })
}
