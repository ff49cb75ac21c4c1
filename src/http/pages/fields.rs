//! What was written into a form, and what stands in a query.
use std::convert::Infallible;
use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use serde::de::DeserializeOwned;

use super::sent::Sent;
use crate::domain::credential::Secret;
use crate::domain::metadata::{Metadata, check_metadata};
use crate::domain::text::FieldError;
use crate::http::App;

/// Names and values, in their order.
#[derive(Default)]
pub struct Fields(Vec<(String, String)>);

impl Fields {
    pub fn of_query(query: Option<&str>) -> Self {
        let pairs = form_urlencoded::parse(query.unwrap_or_default().as_bytes());
        // Browsers end the lines of a text in another way than it was stored (HTML, the value of a textarea when it is sent).
        Self(pairs.map(|(name, value)| (name.into_owned(), value.replace("\r\n", "\n"))).collect())
    }

    /// What was written into a field, without the space around it; nothing is as if it were not there.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value.trim()).filter(|value| !value.is_empty())
    }

    pub fn text(&self, name: &str) -> &str {
        self.get(name).unwrap_or_default()
    }

    pub fn owned(&self, name: &str) -> Option<String> {
        self.get(name).map(str::to_owned)
    }

    /// All that were chosen.
    pub fn all(&self, name: &str) -> Vec<String> {
        self.0.iter().filter(|(known, value)| known == name && !value.is_empty()).map(|(_, value)| value.clone()).collect()
    }

    /// Whether there was such a field, whatever was written into it.
    pub fn had(&self, name: &str) -> bool {
        self.0.iter().any(|(known, _)| known == name)
    }

    pub fn has(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    /// These of them again, to stand behind another parameter in an address.
    pub fn kept(&self, names: &[&str]) -> String {
        let kept = names.iter().filter_map(|name| self.get(name).map(|value| (name, value)));
        kept.map(|(name, value)| format!("&{name}={}", form_urlencoded::byte_serialize(value.as_bytes()).collect::<String>())).collect()
    }

    /// All but these again, as a query.
    pub fn without(&self, names: &[&str]) -> String {
        let others = self.0.iter().filter(|(name, _)| !names.contains(&name.as_str()));
        let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(others).finish();
        if query.is_empty() { query } else { format!("?{query}") }
    }

    /// Which of these was chosen; `None` where nothing was.
    ///
    /// # Errors
    /// A [`FieldError`] that names what there is.
    pub fn chosen<T: Copy>(&self, name: &'static str, known: &[(&str, T)]) -> Result<Option<T>, FieldError> {
        let Some(text) = self.get(name) else { return Ok(None) };
        let found = known.iter().find(|(value, _)| *value == text).map(|(_, meant)| Some(*meant));
        let values = || known.iter().map(|(value, _)| *value).collect::<Vec<_>>().join(", ");
        found.ok_or_else(|| FieldError::new("invalid_value", name, format!("{name} takes one of {}", values())))
    }

    /// What is written as JSON; `None` where nothing is.
    ///
    /// # Errors
    /// A [`FieldError`] that says `what` it takes.
    pub fn json<T: DeserializeOwned>(&self, name: &'static str, what: &str) -> Result<Option<T>, FieldError> {
        let read = self.get(name).map(serde_json::from_str).transpose();
        read.map_err(|error| FieldError::new("invalid_value", name, format!("{name} takes {what}: {error}")))
    }

    /// `None` where the form had no such field.
    ///
    /// # Errors
    /// A [`FieldError`] for what is no metadata.
    pub fn metadata(&self) -> Result<Option<Metadata>, FieldError> {
        let metadata = self.json("metadata", "a JSON object of texts, as in {\"plan\": \"gold\"}")?.unwrap_or_default();
        check_metadata(&metadata).map(|()| Some(metadata).filter(|_| self.had("metadata")))
    }

    pub fn secret(&self, name: &str) -> Secret {
        Secret::presented(self.text(name))
    }
}

impl FromRequestParts<Arc<App>> for Fields {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &Arc<App>) -> Result<Self, Infallible> {
        Ok(parts.extensions.get::<Sent>().map(Sent::fields).unwrap_or_default())
    }
}
