//! `RateLimit` and `RateLimit-Policy` (draft-ietf-httpapi-ratelimit-headers-10): what is left of the token quotas that are enforced.
use std::fmt::Write;

use axum::http::{HeaderMap, HeaderName, HeaderValue};

use crate::domain::token_quota::Left;

const POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
const LIMIT: HeaderName = HeaderName::from_static("ratelimit");

/// Both are lists of structured fields (RFC 9651), an item for each limit, named as `application-hour`.
pub fn put(left: &[Left], headers: &mut HeaderMap) {
    if left.is_empty() {
        return;
    }
    let (mut policy, mut limit) = (String::new(), String::new());
    for one in left {
        let between = if policy.is_empty() { "" } else { ", " };
        let (holder, window) = (one.holder.name(), one.window.name());
        let _ = write!(policy, r#"{between}"{holder}-{window}";q={};w={}"#, one.limit, one.window.seconds());
        let _ = write!(limit, r#"{between}"{holder}-{window}";r={};t={}"#, one.left, one.resets_in);
    }
    for (name, value) in [(POLICY, policy), (LIMIT, limit)] {
        if let Ok(value) = HeaderValue::try_from(value) {
            headers.insert(name, value);
        }
    }
}
