//! Reading a JSON body: malformed is 400; a member that nobody knows, or of another type, is 422 and named; the input is never echoed.
use std::borrow::Cow;
use std::collections::HashSet;

use axum::http::StatusCode;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::de::{DeserializeOwned, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::error::Category;

use super::error::{Problem, Stop};
use crate::authority::error::Error;
use crate::domain::text::FieldError;
use crate::domain::timestamp::Timestamp;
use crate::http::reference::anything;

/// # Errors
/// 400 or 422.
pub fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, Stop> {
    let malformed = |message: &str| Stop::Problem(StatusCode::BAD_REQUEST, Problem::new("malformed_json", message));
    let body = if body.is_empty() { b"{}" } else { body };
    // Syntax first, to its end and to a bounded depth: what is not JSON is 400, whatever its first members are.
    let Checked { is_object } = serde_json::from_slice(body).map_err(|error| match error.classify() {
        Category::Data => malformed("the body names a member twice"),
        _ => malformed("the body is not JSON"),
    })?;
    if !is_object {
        return Err(Error::from(FieldError::new("invalid_type", "", "the body takes a JSON object")).into());
    }
    let mut deserializer = serde_json::Deserializer::from_slice(body);
    serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
        let path = error.path().to_string();
        let inner = error.into_inner();
        let text = inner.to_string();
        match inner.classify() {
            Category::Data => Error::from(describe(&path, &text)).into(),
            _ => malformed("the body is not JSON"),
        }
    })
}

/// serde's message holds the value that was sent; only what was expected is told.
fn describe(path: &str, text: &str) -> FieldError {
    let text = text.rsplit_once(" at line ").map_or(text, |(text, _)| text);
    let name: String = path.chars().filter(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '[' | ']' | '-')).take(64).collect();
    if let Some(rest) = text.strip_prefix("missing field `") {
        let field = rest.split('`').next().unwrap_or_default();
        return FieldError::new("required", field, format!("{field} is required"));
    }
    if let Some((_, known)) = text.strip_prefix("unknown field").and_then(|rest| rest.split_once(", expected ")) {
        let known = known.trim_start_matches("one of ").replace('`', "");
        return FieldError::new("unknown_field", name.clone(), format!("{name} is not a member of this request, which takes {known}"));
    }
    if text.starts_with("unknown field") {
        return FieldError::new("unknown_field", name.clone(), format!("{name} is not a member of this request, which takes none"));
    }
    let expected = text.rsplit_once("expected ").map_or("another value", |(_, rest)| rest);
    let expected = match expected {
        "u8" | "u16" | "u32" | "u64" => "a whole number of 0 or more",
        "a sequence" => "an array",
        "a map" => "an object",
        other => other,
    };
    FieldError::new("invalid_type", name.clone(), format!("{name} takes {expected}"))
}

/// Any JSON value in which no object, at whatever depth, names a member twice: a parser that takes the first and one that takes the last
/// must not disagree about what was asked.
struct Checked {
    is_object: bool,
}

impl<'de> Deserialize<'de> for Checked {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any;
        impl<'de> Visitor<'de> for Any {
            type Value = Checked;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("JSON")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Checked, A::Error> {
                let mut names = HashSet::new();
                while let Some((name, Checked { .. })) = access.next_entry::<String, Checked>()? {
                    if !names.insert(name) {
                        return Err(A::Error::custom("a member is there twice"));
                    }
                }
                Ok(Checked { is_object: true })
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Checked, A::Error> {
                while access.next_element::<Checked>()?.is_some() {}
                Ok(Checked { is_object: false })
            }

            fn visit_bool<E>(self, _: bool) -> Result<Checked, E> {
                Ok(Checked { is_object: false })
            }

            fn visit_i64<E>(self, _: i64) -> Result<Checked, E> {
                Ok(Checked { is_object: false })
            }

            fn visit_u64<E>(self, _: u64) -> Result<Checked, E> {
                Ok(Checked { is_object: false })
            }

            fn visit_f64<E>(self, _: f64) -> Result<Checked, E> {
                Ok(Checked { is_object: false })
            }

            fn visit_str<E>(self, _: &str) -> Result<Checked, E> {
                Ok(Checked { is_object: false })
            }

            fn visit_unit<E>(self) -> Result<Checked, E> {
                Ok(Checked { is_object: false })
            }
        }
        deserializer.deserialize_any(Any)
    }
}

/// For a member where left out and `null` mean two things: `None`, `Some(None)` and `Some(Some(value))`.
pub fn nullable<'de, T: Deserialize<'de>, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Option<T>>, D::Error> {
    Option::<T>::deserialize(deserializer).map(Some)
}

/// A member that the SDKs send and that means nothing here: taken, and not looked at.
pub struct Ignored;

impl<'de> Deserialize<'de> for Ignored {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        IgnoredAny::deserialize(deserializer).map(|_| Self)
    }
}

impl JsonSchema for Ignored {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "ignored".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        anything()
    }
}

/// A time in a body: RFC 3339 with any offset.
///
/// # Errors
/// A [`FieldError`] for `field`.
pub fn parse_time(field: &str, text: Option<&str>) -> Result<Option<Timestamp>, FieldError> {
    let invalid = || {
        FieldError::new("invalid_time", field, format!("{field} takes an RFC 3339 time, as in 2027-01-31T00:00:00Z, before the year 3000"))
    };
    text.map(|text| Timestamp::parse(text).ok_or_else(invalid)).transpose()
}
