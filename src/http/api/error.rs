//! The errors of the management surface, in one table (RFC 9457), with the members the WorkOS SDKs read.
use axum::http::header::{CACHE_CONTROL, CONNECTION, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::answer::Answer;
use crate::authority::error::Error;
use crate::domain::text::FieldError;
use crate::domain::timestamp::Timestamp;
use crate::http::body::BodyError;
use crate::http::hygiene::Cause;

/// One error; the request's id is added where it leaves.
#[derive(Clone, Debug)]
pub struct Problem {
    code: &'static str,
    message: String,
    errors: Vec<FieldError>,
    activates_at: Option<Timestamp>,
}

/// Why a handler does not go on.
pub enum Stop {
    Problem(StatusCode, Problem),
    Unauthenticated {
        presented: bool,
    },
    Unavailable(String),
    Internal(String),
    Body(BodyError),
    /// The answer that was given to the same request before.
    Replay(Answer),
}

impl Problem {
    pub fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), errors: Vec::new(), activates_at: None }
    }

    /// One code over errors of single fields.
    pub fn of_fields(code: &'static str, errors: Vec<FieldError>) -> Self {
        let message = errors.iter().map(|error| error.message.as_str()).collect::<Vec<_>>().join("; ");
        Self { errors, ..Self::new(code, message) }
    }

    pub fn of_status(status: StatusCode, message: &'static str) -> Stop {
        let code = match status {
            StatusCode::NOT_FOUND => "not_found",
            StatusCode::METHOD_NOT_ALLOWED => "method_not_allowed",
            StatusCode::INTERNAL_SERVER_ERROR => "internal_error",
            _ => "invalid_request",
        };
        Stop::Problem(status, Self::new(code, message))
    }

    /// `errors` stands on 400 and 422 only and is never empty; there is never a top-level `error`: the SDKs take both for something else.
    pub fn render(&self, status: StatusCode, request_id: &str) -> Vec<u8> {
        let mut body = json!({
            "type": format!("urn:chancery:problem:{}", self.code),
            "title": status.canonical_reason().unwrap_or("Error"),
            "status": status.as_u16(),
            "detail": self.message,
            "code": self.code,
            "message": self.message,
            "request_id": request_id,
        });
        if !self.errors.is_empty() && matches!(status.as_u16(), 400 | 422) {
            body["errors"] = json!(self.errors);
        }
        if let Some(at) = self.activates_at {
            body["activates_at"] = Value::String(at.to_string());
        }
        body.to_string().into_bytes()
    }
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        let message = error.to_string();
        let (status, code) = match error {
            Error::Invalid(errors) => {
                return Self::Problem(StatusCode::UNPROCESSABLE_ENTITY, Problem::of_fields("invalid", errors));
            }
            Error::Conflict { code, message, until } => {
                return Self::Problem(StatusCode::CONFLICT, Problem { activates_at: until, ..Problem::new(code, message) });
            }
            Error::Forbidden { code, .. } => (StatusCode::FORBIDDEN, code),
            Error::Unauthenticated => return Self::Unauthenticated { presented: true },
            Error::InvalidCursor => (StatusCode::BAD_REQUEST, "invalid_cursor"),
            Error::NotFound(_) => (StatusCode::NOT_FOUND, "not_found"),
            Error::VersionMismatch => (StatusCode::PRECONDITION_FAILED, "version_mismatch"),
            Error::IdempotencyKeyReused => {
                let code = "idempotency_key_reused";
                let problem = Problem::of_fields(code, vec![FieldError::new(code, "Idempotency-Key", message)]);
                return Self::Problem(StatusCode::UNPROCESSABLE_ENTITY, problem);
            }
            Error::IdempotencyInProgress => (StatusCode::CONFLICT, "idempotency_in_progress"),
            Error::Unavailable(cause) => return Self::Unavailable(cause.to_string()),
            Error::Internal(cause) => return Self::Internal(cause.to_string()),
        };
        Self::Problem(status, Problem::new(code, message))
    }
}

impl From<FieldError> for Stop {
    fn from(error: FieldError) -> Self {
        Error::from(error).into()
    }
}

impl From<BodyError> for Stop {
    fn from(error: BodyError) -> Self {
        Self::Body(error)
    }
}

impl IntoResponse for Stop {
    fn into_response(self) -> Response {
        let (status, problem, cause) = match self {
            Self::Replay(answer) => return answer.into_response(),
            Self::Problem(status, problem) => (status, problem, None),
            Self::Unauthenticated { presented } => {
                let message = match presented {
                    true => {
                        "this is no live management key; where all are lost, start the authority once with CHANCERY_MANAGEMENT_KEY set to a new one"
                    }
                    false => "send a management key as Authorization: Bearer",
                };
                let problem = Problem::new("unauthorized", message);
                let mut response = respond(StatusCode::UNAUTHORIZED, problem);
                let challenge = if presented { "Bearer error=\"invalid_token\"" } else { "Bearer" };
                response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
                return response;
            }
            Self::Unavailable(cause) => {
                let mut response =
                    respond(StatusCode::SERVICE_UNAVAILABLE, Problem::new("unavailable", "the store is not available: try again"));
                response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
                response.extensions_mut().insert(Cause(cause));
                return response;
            }
            Self::Internal(cause) => (StatusCode::INTERNAL_SERVER_ERROR, Problem::new("internal_error", "internal error"), Some(cause)),
            Self::Body(error) => {
                let code = if error == BodyError::TooLarge { "payload_too_large" } else { "invalid_body" };
                let mut response = respond(error.status(), Problem::new(code, error.message()));
                if error.closes() {
                    response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
                }
                return response;
            }
        };
        let mut response = respond(status, problem);
        if let Some(cause) = cause {
            response.extensions_mut().insert(Cause(cause));
        }
        response
    }
}

/// The body is written where the request's id is known.
fn respond(status: StatusCode, problem: Problem) -> Response {
    let headers = HeaderMap::from_iter([
        (CONTENT_TYPE, HeaderValue::from_static("application/problem+json")),
        (CACHE_CONTROL, HeaderValue::from_static("no-store")),
    ]);
    let mut response = (status, headers).into_response();
    if problem.code == "insufficient_permission" {
        // RFC 6750 §3.1.
        response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer error=\"insufficient_scope\""));
    }
    response.extensions_mut().insert(problem);
    response
}
