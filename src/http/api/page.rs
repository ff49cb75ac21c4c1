//! The query of a list: `limit`, `before`, `after`, `order`, and each list's own filters.
use std::collections::HashMap;

use super::error::Stop;
use crate::authority::error::Error;
use crate::domain::page::{Cursor, Order, PageRequest, SortKey};
use crate::domain::text::FieldError;

/// The parameters of a query, the last of each name.
pub struct Query(HashMap<String, String>);

impl Query {
    pub fn parse(query: Option<&str>) -> Self {
        Self(form_urlencoded::parse(query.unwrap_or_default().as_bytes()).into_owned().collect())
    }

    /// A parameter with a value.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// A parameter of which only some values have a meaning: an empty one has none.
    pub fn choice(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    pub fn page(&self) -> Result<PageRequest, Stop> {
        let invalid = |field: &str, message: String| Stop::from(Error::from(FieldError::new("invalid_value", field, message)));
        let limit = match self.choice("limit").map(str::parse::<u8>) {
            None => PageRequest::DEFAULT_LIMIT,
            Some(Ok(limit @ 1..=PageRequest::MAX_LIMIT)) => limit,
            Some(_) => return Err(invalid("limit", format!("limit takes 1 to {}", PageRequest::MAX_LIMIT))),
        };
        let order = match self.choice("order") {
            None => Order::Descending,
            Some("asc") => Order::Ascending,
            Some("desc") => Order::Descending,
            Some(_) => return Err(invalid("order", "order takes asc or desc".into())),
        };
        let cursor = match (self.get("after"), self.get("before")) {
            (None, None) => None,
            (Some(after), None) => Some(Cursor::After(after.to_owned())),
            (None, Some(before)) => Some(Cursor::Before(before.to_owned())),
            (Some(_), Some(_)) => return Err(invalid("after", "a page takes after or before, not both".into())),
        };
        Ok(PageRequest { limit, by: SortKey::Created, order, cursor })
    }
}
