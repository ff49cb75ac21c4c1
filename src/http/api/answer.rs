//! A success, in the form in which it can be kept for a retry and given again, byte for byte.
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::domain::page::Page;

/// Status, body and version of the object in it. The body may hold a secret, so an answer does not print.
#[derive(Serialize, Deserialize)]
pub struct Answer {
    status: u16,
    body: String,
    version: Option<i64>,
}

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
        Self { status: StatusCode::NO_CONTENT.as_u16(), body: String::new(), version: None }
    }

    pub fn list<T: Serialize>(page: Page<T>) -> Self {
        Self::ok(&List { data: page.data, list_metadata: ListMetadata { before: page.before, after: page.after } })
    }

    /// The version `If-Match` may name.
    pub fn version(mut self, version: i64) -> Self {
        self.version = Some(version);
        self
    }

    fn of(status: StatusCode, body: &impl Serialize) -> Self {
        // Our own types have text keys only, so this cannot fail; were it to, an empty object would be the honest answer.
        Self { status: status.as_u16(), body: serde_json::to_string(body).unwrap_or_else(|_json| "{}".into()), version: None }
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
        if status == StatusCode::NO_CONTENT {
            return (status, headers).into_response();
        }
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        (status, headers, self.body).into_response()
    }
}
