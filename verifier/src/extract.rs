//! The axum extractor, and the challenges of RFC 6750 §3 for what it refuses.
use std::time::Duration;

use axum::extract::{FromRef, FromRequestParts};
use axum::http::header::{AUTHORIZATION, CACHE_CONTROL, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, HeaderValue, StatusCode, request::Parts};
use axum::response::{IntoResponse, Response};

use crate::claims::InsufficientScope;
use crate::verified::Verified;
use crate::verifier::Verifier;
use crate::verify::VerifyError;

/// A verified access token, taken from `Authorization: Bearer`. The state must give a [`Verifier`] ([`FromRef`]).
#[derive(Clone, Debug)]
pub struct Bearer(pub Verified);

/// Why a request is refused (RFC 6750 §3.1), ready to be answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Challenge {
    /// No credential: 401, and no `error` attribute, as RFC 6750 §3.1 asks.
    Missing,
    /// More than one credential, or a malformed header: 400.
    InvalidRequest,
    /// The token is not good: 401.
    InvalidToken(VerifyError),
    /// The token is good, but not for this: 403.
    InsufficientScope(InsufficientScope),
    /// The issuer's keys are not at hand, or too little is known of revocations: 503, never 401, so that clients do not all run for a new
    /// token.
    Unavailable,
}

impl<S> FromRequestParts<S> for Bearer
where
    Verifier: FromRef<S>,
    S: Send + Sync,
{
    type Rejection = Challenge;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Challenge> {
        authenticate(&Verifier::from_ref(state), &parts.headers, None).await.map(Self)
    }
}

pub(crate) async fn authenticate(verifier: &Verifier, headers: &HeaderMap, max_staleness: Option<Duration>) -> Result<Verified, Challenge> {
    let token = bearer_token(headers)?;
    verifier.verify_within(token, max_staleness).await.map_err(|error| match error {
        VerifyError::KeysUnavailable | VerifyError::Stale => Challenge::Unavailable,
        error => Challenge::InvalidToken(error),
    })
}

/// RFC 6750 §2.1. The scheme is compared without case (RFC 9110 §11.1); another scheme counts as no credential.
fn bearer_token(headers: &HeaderMap) -> Result<&str, Challenge> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let (Some(value), None) = (values.next(), values.next()) else {
        return Err(if headers.contains_key(AUTHORIZATION) { Challenge::InvalidRequest } else { Challenge::Missing });
    };
    let (scheme, token) = value.to_str().ok().and_then(|value| value.split_once(' ')).ok_or(Challenge::InvalidRequest)?;
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Err(Challenge::Missing);
    }
    let token = token.trim_matches(' ');
    if token.is_empty() || token.contains([' ', ',']) { Err(Challenge::InvalidRequest) } else { Ok(token) }
}

impl From<InsufficientScope> for Challenge {
    fn from(error: InsufficientScope) -> Self {
        Self::InsufficientScope(error)
    }
}

impl IntoResponse for Challenge {
    fn into_response(self) -> Response {
        let (status, challenge) = match self {
            Self::Missing => (StatusCode::UNAUTHORIZED, "Bearer".to_owned()),
            Self::InvalidRequest => {
                (StatusCode::BAD_REQUEST, r#"Bearer error="invalid_request", error_description="send exactly one Bearer token""#.to_owned())
            }
            Self::InvalidToken(error) => {
                (StatusCode::UNAUTHORIZED, format!(r#"Bearer error="invalid_token", error_description="{}""#, describe(&error)))
            }
            Self::InsufficientScope(InsufficientScope(scope)) => {
                let scope: String = scope.chars().filter(|c| !matches!(c, '"' | '\\')).collect();
                (StatusCode::FORBIDDEN, format!(r#"Bearer error="insufficient_scope", scope="{scope}""#))
            }
            Self::Unavailable => {
                return (StatusCode::SERVICE_UNAVAILABLE, [(RETRY_AFTER, "1"), (CACHE_CONTROL, "no-store")]).into_response();
            }
        };
        let mut response = (status, [(CACHE_CONTROL, "no-store")]).into_response();
        if let Ok(challenge) = HeaderValue::from_str(&challenge) {
            response.headers_mut().insert(WWW_AUTHENTICATE, challenge);
        }
        response
    }
}

/// The characters RFC 6750 §3 allows in `error_description`; what serde says of a claim may have quotes.
fn describe(error: &VerifyError) -> String {
    let text =
        if matches!(error, VerifyError::Claims(_)) { "the token's claims are not those of RFC 9068".to_owned() } else { error.to_string() };
    text.chars().filter(|c| matches!(c, ' '..='~') && !matches!(c, '"' | '\\')).collect()
}
