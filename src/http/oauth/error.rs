//! The errors of the OAuth endpoints, in one table (RFC 6749 §5.2, RFC 7009 §2.2.1, RFC 8707 §2, RFC 6750 §3.1).
use axum::http::header::{CACHE_CONTROL, CONNECTION, PRAGMA, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use super::rate_limit;
use crate::authority::error::Error;
use crate::authority::issue::IssueError;
use crate::authority::token_quotas::QuotaExceeded;
use crate::domain::token_quota::{QuotaHolder, Window};
use crate::http::body::BodyError;
use crate::http::hygiene::Cause;

/// Room for those that are added later, too.
const HEADERS: usize = 8;

/// One error. Descriptions are ours alone: what was sent is never echoed.
#[derive(Debug)]
pub enum OauthError {
    InvalidRequest(&'static str),
    /// 401 with a `Basic` challenge for this realm, the issuer.
    InvalidClient(String),
    /// 429, for a source that failed too often.
    TooManyFailures,
    /// 429: so many tokens of one credential are revoked one by one that the next must wait for one of them to expire.
    TooManyRevocations,
    /// 429 until the window is over, with the `RateLimit` headers.
    QuotaExceeded(Box<QuotaExceeded>),
    UnsupportedGrantType,
    InvalidScope(&'static str),
    InvalidTarget(&'static str),
    UnsupportedTokenType(&'static str),
    /// 401 with a `Bearer` challenge: a management key that is none.
    InvalidBearer,
    /// 403: a management key that lacks the permission.
    InsufficientScope,
    Unavailable(String),
    /// 503: there is more to do than there is time for.
    Overloaded,
    Internal(String),
    Body(BodyError),
    Status(StatusCode, &'static str),
}

impl OauthError {
    pub fn of_status(status: StatusCode, message: &'static str) -> Self {
        Self::Status(status, message)
    }

    /// The row of the table: status, `error`, `error_description`.
    fn row(&self) -> (StatusCode, &'static str, &'static str) {
        match self {
            Self::InvalidRequest(why) => (StatusCode::BAD_REQUEST, "invalid_request", why),
            Self::InvalidClient(_) => (StatusCode::UNAUTHORIZED, "invalid_client", "client authentication failed"),
            Self::TooManyFailures => {
                (StatusCode::TOO_MANY_REQUESTS, "temporarily_unavailable", "too many failed attempts from this address")
            }
            Self::TooManyRevocations => (
                StatusCode::TOO_MANY_REQUESTS,
                "temporarily_unavailable",
                "1000 tokens of this credential are revoked one by one: have all its tokens revoked at once, or wait until some expire",
            ),
            Self::QuotaExceeded(quota) => (StatusCode::TOO_MANY_REQUESTS, "temporarily_unavailable", used_up(quota)),
            Self::UnsupportedGrantType => (StatusCode::BAD_REQUEST, "unsupported_grant_type", "grant_type must be client_credentials"),
            Self::InvalidScope(why) => (StatusCode::BAD_REQUEST, "invalid_scope", why),
            Self::InvalidTarget(why) => (StatusCode::BAD_REQUEST, "invalid_target", why),
            Self::UnsupportedTokenType(why) => (StatusCode::BAD_REQUEST, "unsupported_token_type", why),
            Self::InvalidBearer => (StatusCode::UNAUTHORIZED, "invalid_token", "this is no management key"),
            Self::InsufficientScope => (StatusCode::FORBIDDEN, "insufficient_scope", "this management key lacks the permission"),
            Self::Unavailable(_) => (StatusCode::SERVICE_UNAVAILABLE, "temporarily_unavailable", "try again"),
            Self::Overloaded => (StatusCode::SERVICE_UNAVAILABLE, "temporarily_unavailable", "too much is asked at once: try again"),
            Self::Internal(_) => (StatusCode::INTERNAL_SERVER_ERROR, "server_error", "internal error"),
            Self::Body(error) => (error.status(), "invalid_request", error.message()),
            Self::Status(status, message) if status.is_server_error() => (*status, "server_error", message),
            Self::Status(status, message) => (*status, "invalid_request", message),
        }
    }

    /// The `error` code, for the counters.
    pub fn code(&self) -> &'static str {
        self.row().1
    }

    /// The same, told apart where one code has several causes.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::TooManyFailures => "too_many_failures",
            Self::QuotaExceeded(_) => "quota_exceeded",
            Self::Unavailable(_) => "store_unavailable",
            Self::Overloaded => "overloaded",
            other => other.code(),
        }
    }

    fn challenge(&self) -> Option<String> {
        match self {
            Self::InvalidClient(realm) => Some(format!("Basic realm=\"{realm}\"")),
            Self::InvalidBearer => Some("Bearer error=\"invalid_token\"".into()),
            Self::InsufficientScope => Some("Bearer error=\"insufficient_scope\"".into()),
            _ => None,
        }
    }
}

impl IntoResponse for OauthError {
    fn into_response(self) -> Response {
        let (status, error, description) = self.row();
        let body = axum::Json(json!({ "error": error, "error_description": description }));
        let mut response = (status, no_store(), body).into_response();
        let headers = response.headers_mut();
        if let Some(challenge) = self.challenge().and_then(|challenge| HeaderValue::from_str(&challenge).ok()) {
            headers.insert(WWW_AUTHENTICATE, challenge);
        }
        match &self {
            Self::Unavailable(_) | Self::Overloaded | Self::TooManyFailures | Self::TooManyRevocations => {
                headers.insert(RETRY_AFTER, HeaderValue::from_static("1"));
            }
            Self::QuotaExceeded(quota) => {
                headers.insert(RETRY_AFTER, quota.exceeded.resets_in.into());
                rate_limit::put(&quota.left, headers);
            }
            Self::Body(error) if error.closes() => {
                headers.insert(CONNECTION, HeaderValue::from_static("close"));
            }
            Self::Body(BodyError::Encoded) => {
                headers.insert(HeaderName::from_static("accept-encoding"), HeaderValue::from_static("identity"));
            }
            _ => {}
        }
        if let Self::Unavailable(cause) | Self::Internal(cause) = self {
            response.extensions_mut().insert(Cause(cause));
        }
        response
    }
}

fn used_up(quota: &QuotaExceeded) -> &'static str {
    match (quota.exceeded.holder, quota.exceeded.window) {
        (QuotaHolder::Application(_), Window::Hour) => {
            "this application obtained all the tokens of its quota for this hour: use a token until it expires"
        }
        (QuotaHolder::Application(_), Window::Day) => {
            "this application obtained all the tokens of its quota for this day: use a token until it expires"
        }
        (QuotaHolder::Organization(_), Window::Hour) => {
            "this organization obtained all the tokens of its quota for this hour: use a token until it expires"
        }
        (QuotaHolder::Organization(_), Window::Day) => {
            "this organization obtained all the tokens of its quota for this day: use a token until it expires"
        }
    }
}

/// RFC 6749 §5.1: both, for caches old and new.
pub fn no_store() -> HeaderMap {
    let mut headers = HeaderMap::with_capacity(HEADERS);
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(PRAGMA, HeaderValue::from_static("no-cache"));
    headers
}

impl From<IssueError> for OauthError {
    fn from(error: IssueError) -> Self {
        match error {
            IssueError::InvalidScope => Self::InvalidScope("the scope is not within what this client holds for the resource"),
            IssueError::UnknownTarget => Self::InvalidTarget("the resource is unknown, or not granted to this client"),
            IssueError::AmbiguousTarget => Self::InvalidTarget("several resources are possible: name one with the resource parameter"),
            IssueError::OtherOrganization => Self::InvalidRequest("the organization is not this client's"),
            IssueError::QuotaExceeded(quota) => Self::QuotaExceeded(Box::new(quota)),
            IssueError::NoKey => Self::Unavailable("no key is active for the resource's algorithm".into()),
            other => Self::Internal(other.to_string()),
        }
    }
}

impl From<Error> for OauthError {
    fn from(error: Error) -> Self {
        match error {
            Error::Unavailable(cause) => Self::Unavailable(cause.to_string()),
            other => Self::Internal(format!("{other:?}")),
        }
    }
}

impl From<BodyError> for OauthError {
    fn from(error: BodyError) -> Self {
        Self::Body(error)
    }
}
