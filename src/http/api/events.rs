//! `GET /events`.
use serde::Serialize;
use serde_json::value::RawValue;

use super::answer::Answer;
use super::call::Call;
use super::error::Stop;
use crate::domain::event::{Event, EventFilter};
use crate::domain::id::EventId;
use crate::domain::page::Page;
use crate::domain::text::FieldError;
use crate::domain::timestamp::Timestamp;

#[derive(Serialize)]
#[serde(tag = "object", rename = "event")]
struct EventView {
    id: EventId,
    event: String,
    data: Box<RawValue>,
    created_at: Timestamp,
    context: ContextView,
}

#[derive(Serialize)]
struct ContextView {
    actor: ActorView,
}

#[derive(Serialize)]
struct ActorView {
    id: String,
    source: String,
    name: Option<String>,
}

impl From<Event> for EventView {
    fn from(event: Event) -> Self {
        let data = RawValue::from_string(event.data).unwrap_or_default();
        let actor = ActorView { id: event.actor_id, source: event.actor_source, name: event.actor_name };
        Self { id: event.id, event: event.event, data, created_at: event.created_at, context: ContextView { actor } }
    }
}

fn parse_time(field: &str, text: Option<&str>) -> Result<Option<Timestamp>, FieldError> {
    let invalid = || FieldError::new("invalid_time", field, format!("{field} takes an RFC 3339 time, as in 2026-11-21T00:00:00Z"));
    text.map(|text| Timestamp::parse(text).ok_or_else(invalid)).transpose()
}

/// With `order=asc`, `after` follows the chain.
pub async fn list(call: Call) -> Result<Answer, Stop> {
    let page = call.query.page()?;
    let names = call.query.get("events").unwrap_or_default();
    let filter = EventFilter {
        events: names.split(',').filter(|name| !name.is_empty()).map(str::to_owned).collect(),
        organization_id: call.query.get("organization_id").map(str::to_owned),
        from: parse_time("range_start", call.query.get("range_start"))?,
        to: parse_time("range_end", call.query.get("range_end"))?,
    };
    let Page { data, before, after } = call.app.authority.list_events(call.caller(), &filter, &page).await?;
    Ok(Answer::list(&Page { data: data.into_iter().map(EventView::from).collect(), before, after }))
}
