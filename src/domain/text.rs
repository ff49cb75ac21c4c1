//! Texts that people give: names and descriptions, with the limits that keep them printable and their pages small.
use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Serialize, Serializer};

/// What is wrong with one field of a request; `field` is its JSON name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FieldError {
    pub code: &'static str,
    pub field: String,
    pub message: String,
}

impl FieldError {
    pub fn new(code: &'static str, field: impl Into<String>, message: impl Into<String>) -> Self {
        Self { code, field: field.into(), message: message.into() }
    }
}

pub const MAX_NAME: usize = 255;
pub const MAX_DESCRIPTION: usize = 1000;
pub const MAX_EXTERNAL_ID: usize = 255;

/// A name of 1 to 255 characters, without control characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Name(String);

impl Name {
    /// # Errors
    /// A [`FieldError`] for `field`.
    pub fn parse(field: &str, text: &str) -> Result<Self, FieldError> {
        let text = text.trim();
        match text.chars().count() {
            0 => Err(FieldError::new("name_required", field, format!("{field} must not be empty"))),
            1..=MAX_NAME if text.chars().any(char::is_control) => {
                Err(FieldError::new("control_character", field, format!("{field} must not contain control characters")))
            }
            1..=MAX_NAME => Ok(Self(text.to_owned())),
            length => {
                Err(FieldError::new("name_too_long", field, format!("{field} takes at most {MAX_NAME} characters, this has {length}")))
            }
        }
    }

    /// A name read from the store, where only parsed ones are.
    pub fn stored(text: String) -> Self {
        Self(text)
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl JsonSchema for Name {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "name".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "minLength": 1, "maxLength": MAX_NAME, "examples": ["Production backend"] })
    }
}

impl Serialize for Name {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

/// An optional text of at most `max` characters, in which only line breaks and tabs may be control characters.
///
/// # Errors
/// A [`FieldError`] for `field`.
pub fn parse_optional(field: &str, text: Option<&str>, max: usize) -> Result<Option<String>, FieldError> {
    let Some(text) = text else { return Ok(None) };
    if text.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\r' | '\t')) {
        return Err(FieldError::new("control_character", field, format!("{field} must not contain control characters")));
    }
    match text.chars().count() {
        0 => Ok(None),
        length if length > max => {
            Err(FieldError::new("too_long", field, format!("{field} takes at most {max} characters, this has {length}")))
        }
        _ => Ok(Some(text.to_owned())),
    }
}
