//! Reading a JSON body: malformed is 400; a member that nobody knows, or of another type, is 422 and named; the input is never echoed.
use axum::http::StatusCode;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use serde_json::error::Category;

use super::error::{Problem, Stop};
use crate::authority::error::Error;
use crate::domain::text::FieldError;

/// # Errors
/// 400 or 422.
pub fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, Stop> {
    let malformed = |message: &str| Stop::Problem(StatusCode::BAD_REQUEST, Problem::new("malformed_json", message));
    let body = if body.is_empty() { b"{}" } else { body };
    // Syntax first, to its end and to a bounded depth: what is not JSON is 400, whatever its first members are.
    serde_json::from_slice::<Value>(body).map_err(|_syntax| malformed("the body is not JSON"))?;
    let mut deserializer = serde_json::Deserializer::from_slice(body);
    serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
        let path = error.path().to_string();
        let inner = error.into_inner();
        let text = inner.to_string();
        match inner.classify() {
            Category::Data if text.starts_with("duplicate field") => malformed("the body names a member twice"),
            Category::Data => Error::from(describe(&path, &text)).into(),
            _ => malformed("the body is not JSON"),
        }
    })
}

/// serde's message holds the value that was sent; only what was expected is told.
fn describe(path: &str, text: &str) -> FieldError {
    let name: String = path.chars().filter(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '[' | ']' | '-')).take(64).collect();
    if let Some(rest) = text.strip_prefix("missing field `") {
        let field = rest.split('`').next().unwrap_or_default();
        return FieldError::new("required", field, format!("{field} is required"));
    }
    if text.starts_with("unknown field") {
        return FieldError::new("unknown_field", name.clone(), format!("{name} is not a member of this request"));
    }
    let expected = text.rsplit_once("expected ").map_or("another value", |(_, rest)| rest.split(" at line").next().unwrap_or(rest));
    FieldError::new("invalid_type", name.clone(), format!("{name} takes {expected}"))
}

/// For a member where left out and `null` mean two things: `None`, `Some(None)` and `Some(Some(value))`.
pub fn nullable<'de, T: Deserialize<'de>, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Option<T>>, D::Error> {
    Option::<T>::deserialize(deserializer).map(Some)
}
