//! The JWK sets (RFC 7517 §5), from memory: that of access tokens, and that of what tells of revocations.
use std::sync::Arc;

use axum::extract::{RawQuery, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, RETRY_AFTER};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use schemars::JsonSchema;
use serde_json::{Map, Value};

use crate::authority::PublishedKeys;
use crate::http::App;
use crate::http::conditional::is_known;

const CACHE: &str = "public, max-age=300";

/// RFC 7517 §5, for the reference.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "the set is the key ring's own text; this describes it")]
#[schemars(rename = "KeySet")]
pub struct KeySet {
    keys: Vec<Map<String, Value>>,
}

/// Never an empty set: a verifier would forget every key it knows (case 219).
pub async fn jwks(State(app): State<Arc<App>>, query: RawQuery, headers: HeaderMap) -> Response {
    let ring = app.authority.ring.snapshot();
    answer(&ring.tokens, cache(&query, &ring.fingerprint), &headers)
}

/// The keys of frames, snapshots and status lists. They stand apart: a stock verifier takes any key of `jwks_uri`, whatever it is for.
pub async fn status_jwks(State(app): State<Arc<App>>, query: RawQuery, headers: HeaderMap) -> Response {
    let ring = app.authority.ring.snapshot();
    answer(&ring.status, cache(&query, &ring.fingerprint), &headers)
}

/// Who asks for a version must not be given another by a cache.
fn cache(RawQuery(query): &RawQuery, fingerprint: &str) -> &'static str {
    let query = query.as_deref().unwrap_or_default();
    let other = form_urlencoded::parse(query.as_bytes()).any(|(name, version)| name == "v" && version != fingerprint);
    if other { "no-store" } else { CACHE }
}

fn answer(published: &PublishedKeys, cache: &'static str, headers: &HeaderMap) -> Response {
    if published.key_set.is_empty() {
        return (StatusCode::SERVICE_UNAVAILABLE, [(RETRY_AFTER, "1")]).into_response();
    }
    let tags = [(ETAG, published.etag.clone()), (CACHE_CONTROL, cache.to_owned())];
    if is_known(headers, &published.etag) {
        return (StatusCode::NOT_MODIFIED, tags).into_response();
    }
    (tags, [(CONTENT_TYPE, "application/json")], published.jwks.clone()).into_response()
}
