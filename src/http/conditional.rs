//! Conditional requests (RFC 9110 §13.1.2).
use axum::http::HeaderMap;
use axum::http::header::IF_NONE_MATCH;

/// Whether the client has what this entity tag, quotes included, stands for.
pub fn is_known(headers: &HeaderMap, tag: &str) -> bool {
    let known = headers.get_all(IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(','));
    known.map(|known| known.trim().trim_start_matches("W/")).any(|known| known == tag || known == "*")
}
