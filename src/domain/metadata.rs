//! Metadata: what the embedding product keeps with an organization or a user.
use std::collections::BTreeMap;

use super::text::FieldError;

pub type Metadata = BTreeMap<String, String>;

/// As it is sent: a member that is null is left out.
pub type SentMetadata = BTreeMap<String, Option<String>>;

const MAX_VALUE: usize = 600;

pub fn without_nulls(sent: SentMetadata) -> Metadata {
    sent.into_iter().filter_map(|(key, value)| Some((key, value?))).collect()
}

/// Whether JavaScript takes the name for an array's index, and puts it before all others.
pub fn is_array_index(name: &str) -> bool {
    name == "0" || (!name.starts_with('0') && !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_digit()))
}

/// # Errors
/// A [`FieldError`] when there are more than 50 members, one is too long, or one's key reads as a whole number: webhook bodies must stay the
/// same byte for byte in a parser that puts such keys first.
pub fn check_metadata(metadata: &Metadata) -> Result<(), FieldError> {
    if metadata.len() > 50 {
        return Err(FieldError::new("too_many", "metadata", "metadata takes at most 50 members"));
    }
    for (key, value) in metadata {
        if key.is_empty() || key.chars().count() > 40 || value.chars().count() > MAX_VALUE {
            let message = "a metadata key takes 1 to 40 characters, a value at most 600";
            return Err(FieldError::new("too_long", format!("metadata.{key}"), message));
        }
        if is_array_index(key) {
            let message = "a metadata key is not a whole number: JSON parsers put such members in another order";
            return Err(FieldError::new("numeric_key", format!("metadata.{key}"), message));
        }
    }
    Ok(())
}
