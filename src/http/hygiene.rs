//! What holds for every request and every answer: one Host, bounded heads, a request id, no panic, no sniffing, and errors in their dialect.
use std::fmt;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::http::header::{CONNECTION, CONTENT_LENGTH, HOST, TRANSFER_ENCODING, X_CONTENT_TYPE_OPTIONS};
use axum::http::uri::Authority;
use axum::http::{HeaderName, HeaderValue, Method, StatusCode, Uri, Version};
use axum::response::{IntoResponse, Response};
use futures_util::FutureExt;
use percent_encoding::percent_decode_str;
use tower::ServiceExt;
use tracing::{Instrument, Span};

use super::api::Problem;
use super::oauth::OauthError;
use super::{App, api, oauth};
use crate::authority::follow::promptly;
use crate::domain::credential::Secret;

const MAX_HEADERS: usize = 64;
const MAX_HEADER_BYTES: usize = 16 * 1024;
const MAX_TARGET_BYTES: usize = 8 * 1024;
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The request's id, in its extensions and on its answer.
#[derive(Clone, Debug)]
pub struct RequestId(HeaderValue);

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.to_str().unwrap_or_default())
    }
}

/// What went wrong inside, in an answer's extensions: it is logged here, once, and told to nobody.
#[derive(Clone, Debug)]
pub struct Cause(pub String);

/// What stands before all routes.
pub async fn keep(app: Arc<App>, routes: Router, mut request: Request) -> Response {
    let request_id = HeaderValue::try_from(app.authority.request_id()).map_or(RequestId(HeaderValue::from_static("")), RequestId);
    request.extensions_mut().insert(request_id.clone());
    let (method, uri) = (request.method().clone(), request.uri().clone());
    // A request with Transfer-Encoding is the last of its connection: no one can hide another behind it (RFC 9112 §6.1).
    let closes = request.headers().contains_key(TRANSFER_ENCODING) || app.drain.has_begun();
    let refused = refuse_head(&request);
    let span = span(&request, &request_id);
    let answer = AssertUnwindSafe(async move {
        let Ok(response) = routes.oneshot(request).await;
        tracing::debug!(status = response.status().as_u16(), "answered");
        response
    });
    let answer = answer.catch_unwind().instrument(span);
    let answer = match refused {
        Some((status, message)) => Ok(refusal(&uri, status, message)),
        None if changes_something(&method, uri.path()) => {
            // A change goes on to its end when the client goes away: otherwise it could be committed and not be in memory.
            tokio::spawn(promptly(answer)).await.unwrap_or_else(|ended| Err(Box::new(ended)))
        }
        None if app.authority.asks_a_server() => promptly(answer).await,
        None => answer.await,
    };
    // What a panic said is logged by the panic hook, and told to nobody.
    let response = answer.unwrap_or_else(|_panic| {
        app.metrics.panics.inc();
        refusal(&uri, StatusCode::INTERNAL_SERVER_ERROR, "internal error")
    });
    finish(&app, response, &request_id, &uri, closes)
}

fn finish(app: &App, mut response: Response, request_id: &RequestId, uri: &Uri, closes: bool) -> Response {
    if let Some(Cause(cause)) = response.extensions_mut().remove() {
        // Of a store that is away whoever follows it has told.
        if response.status() == StatusCode::SERVICE_UNAVAILABLE && !app.authority.store_figures().0 {
            tracing::debug!(%request_id, cause, path = told(uri.path()), "a request was refused");
        } else {
            tracing::error!(%request_id, cause, path = told(uri.path()), "a request failed");
        }
    }
    if let Some(problem) = response.extensions_mut().remove::<Problem>() {
        response.headers_mut().remove(CONTENT_LENGTH);
        *response.body_mut() = Body::from(problem.render(response.status(), &request_id.to_string()));
    }
    app.metrics.note_response(response.status());
    let headers = response.headers_mut();
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(REQUEST_ID, request_id.0.clone());
    if closes {
        headers.insert(CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

/// RFC 9112 §3.2: exactly one Host in HTTP/1.1; RFC 6585 §5: bounded fields; RFC 9110 §15.5.15: a bounded target.
fn refuse_head(request: &Request) -> Option<(StatusCode, &'static str)> {
    let headers = request.headers();
    let hosts = headers.get_all(HOST).iter().count();
    if hosts > 1 || (hosts == 0 && request.version() == Version::HTTP_11) {
        return Some((StatusCode::BAD_REQUEST, "a request has exactly one Host header"));
    }
    let host = headers.get(HOST).map(|host| host.to_str().ok().filter(|host| host.is_empty() || is_authority(host)));
    if host == Some(None) {
        return Some((StatusCode::BAD_REQUEST, "the Host header is not a host and port"));
    }
    let mut codings = headers.get_all(TRANSFER_ENCODING).iter();
    if codings.any(|coding| !coding.as_bytes().eq_ignore_ascii_case(b"chunked")) {
        return Some((StatusCode::NOT_IMPLEMENTED, "chunked is the only transfer coding"));
    }
    if percent_decode_str(request.uri().path()).decode_utf8().is_err() {
        return Some((StatusCode::NOT_FOUND, "there is nothing at this path"));
    }
    if request.uri().path_and_query().map_or(0, |target| target.as_str().len()) > MAX_TARGET_BYTES {
        return Some((StatusCode::URI_TOO_LONG, "the request target is longer than 8 KiB"));
    }
    let bytes: usize = headers.iter().map(|(name, value)| name.as_str().len() + value.len() + 4).sum();
    if headers.len() > MAX_HEADERS || bytes > MAX_HEADER_BYTES {
        return Some((StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, "a request has at most 64 header fields of 16 KiB together"));
    }
    None
}

fn is_authority(host: &str) -> bool {
    !host.contains('@') && host.parse::<Authority>().is_ok()
}

fn changes_something(method: &Method, path: &str) -> bool {
    match *method {
        Method::POST => !(oauth::only_reads(path) || api::only_reads(path)),
        Method::PUT | Method::PATCH | Method::DELETE => true,
        // Somebody comes back from his identity provider, and a session begins.
        Method::GET => path.ends_with("/console/openid/callback"),
        _ => false,
    }
}

/// An error that no handler made, in the dialect of the path.
fn refusal(uri: &Uri, status: StatusCode, message: &'static str) -> Response {
    if oauth::is_oauth_path(uri.path()) {
        OauthError::of_status(status, message).into_response()
    } else {
        Problem::of_status(status, message).into_response()
    }
}

pub async fn not_found(uri: Uri) -> Response {
    let _ = uri;
    Problem::of_status(StatusCode::NOT_FOUND, "there is nothing at this path").into_response()
}

pub async fn method_not_allowed(uri: Uri) -> Response {
    refusal(&uri, StatusCode::METHOD_NOT_ALLOWED, "this path does not take this method")
}

/// A path as it may stand in the log: a secret that somebody took for an id is left out.
fn told(path: &str) -> String {
    let tell = |segment: &str| if Secret::presented(segment).is_any() { "…".to_owned() } else { segment.to_owned() };
    path.split('/').map(tell).collect::<Vec<_>>().join("/")
}

/// The span of a request: never its query, headers or body, where a secret could be.
fn span(request: &Request, request_id: &RequestId) -> Span {
    tracing::debug_span!("request", method = %request.method(), path = told(request.uri().path()), %request_id)
}
