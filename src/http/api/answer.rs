//! A success, in the form in which it can be kept for a retry and given again, byte for byte, with what it promises of a revocation.
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::authority::bound::Bound;
use crate::domain::page::Page;
use crate::domain::timestamp::Timestamp;

/// Status, body, version of the object in it, and by when what it revoked is refused everywhere. The body may hold a secret, so an answer does not print.
#[derive(Serialize, Deserialize)]
pub struct Answer {
    status: u16,
    body: String,
    version: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    bound: Option<Bound>,
    /// The seconds it was held back for, as the caller preferred (RFC 7240 §3).
    #[serde(skip)]
    waited: Option<u64>,
}

const REVOCATION_REV: HeaderName = HeaderName::from_static("revocation-rev");
const REVOCATION_EFFECTIVE_BY: HeaderName = HeaderName::from_static("revocation-effective-by");
const PREFERENCE_APPLIED: HeaderName = HeaderName::from_static("preference-applied");

/// A page of a list.
#[derive(Serialize, JsonSchema)]
#[serde(tag = "object", rename = "list")]
#[schemars(rename = "list.{T}")]
pub struct List<T> {
    data: Vec<T>,
    list_metadata: ListMetadata,
}

/// The ids between which the page lies; null where the list ends.
#[derive(Serialize, JsonSchema)]
pub struct ListMetadata {
    before: Option<String>,
    after: Option<String>,
}

impl Answer {
    pub fn ok(body: &impl Serialize) -> Self {
        Self::of(StatusCode::OK, body)
    }

    pub fn created(body: &impl Serialize) -> Self {
        Self::of(StatusCode::CREATED, body)
    }

    pub fn no_content() -> Self {
        Self { status: StatusCode::NO_CONTENT.as_u16(), body: String::new(), version: None, bound: None, waited: None }
    }

    pub fn list<T: Serialize>(page: Page<T>) -> Self {
        Self::ok(&List { data: page.data, list_metadata: ListMetadata { before: page.before, after: page.after } })
    }

    /// The version `If-Match` may name.
    pub fn version(mut self, version: i64) -> Self {
        self.version = Some(version);
        self
    }

    /// What may be promised of what it revoked.
    pub fn bound(mut self, bound: Option<Bound>) -> Self {
        self.bound = bound;
        self
    }

    /// Says that it was held back until the revocation was published.
    pub fn waited(mut self, seconds: u64) -> Self {
        self.waited = Some(seconds);
        self
    }

    fn of(status: StatusCode, body: &impl Serialize) -> Self {
        // Our own types have text keys only, so this cannot fail; were it to, an empty object would be the honest answer.
        let body = serde_json::to_string(body).unwrap_or_else(|_json| "{}".into());
        Self { status: status.as_u16(), body, version: None, bound: None, waited: None }
    }

    pub fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
        Zeroizing::new(serde_json::to_vec(self).unwrap_or_default())
    }

    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        serde_json::from_slice(bytes).ok()
    }
}

impl IntoResponse for Answer {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut headers = HeaderMap::from_iter([(CACHE_CONTROL, HeaderValue::from_static("no-store"))]);
        if let Some(tag) = self.version.and_then(|version| HeaderValue::from_str(&format!("\"{version}\"")).ok()) {
            headers.insert(ETAG, tag);
        }
        if let Some(bound) = self.bound {
            let effective_by = Timestamp::from_millis(bound.effective_by_ms).to_string();
            for (name, value) in [(REVOCATION_REV, bound.id), (REVOCATION_EFFECTIVE_BY, effective_by)] {
                headers.extend(HeaderValue::from_str(&value).ok().map(|value| (name, value)));
            }
        }
        if let Some(seconds) = self.waited {
            headers.extend(HeaderValue::from_str(&format!("wait={seconds}")).ok().map(|value| (PREFERENCE_APPLIED, value)));
        }
        if status == StatusCode::NO_CONTENT {
            return (status, headers).into_response();
        }
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        (status, headers, self.body).into_response()
    }
}
