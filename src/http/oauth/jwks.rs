//! The JWK set (RFC 7517 §5), from memory.
use std::sync::Arc;

use axum::extract::State;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_NONE_MATCH, RETRY_AFTER};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use schemars::JsonSchema;
use serde_json::{Map, Value};

use crate::http::App;

const CACHE: &str = "public, max-age=300";

/// RFC 7517 §5, for the reference.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "the set is the key ring's own text; this describes it")]
#[schemars(rename = "KeySet")]
pub struct KeySet {
    keys: Vec<Map<String, Value>>,
}

/// Never an empty set: a verifier would forget every key it knows (case 219).
pub async fn jwks(State(app): State<Arc<App>>, headers: HeaderMap) -> Response {
    let ring = app.authority.ring.snapshot();
    if ring.algorithms().is_empty() {
        return (StatusCode::SERVICE_UNAVAILABLE, [(RETRY_AFTER, "1")]).into_response();
    }
    let tags = [(ETAG, ring.etag.clone()), (CACHE_CONTROL, CACHE.to_owned())];
    let known = headers.get_all(IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(','));
    if known.map(|tag| tag.trim().trim_start_matches("W/")).any(|tag| tag == ring.etag || tag == "*") {
        return (StatusCode::NOT_MODIFIED, tags).into_response();
    }
    (tags, [(CONTENT_TYPE, "application/json")], ring.jwks.clone()).into_response()
}
