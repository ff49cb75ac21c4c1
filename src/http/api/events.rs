//! `GET /events`.
use super::answer::{Answer, List};
use super::call::Call;
use super::error::Stop;
use super::json::parse_time;
use crate::domain::event::{Event, EventFilter};
use crate::http::reference::Routes;

pub fn routes() -> Routes {
    Routes::new("Events").get("/events", list, "List events", |op| {
        op.about("One for every change, in the order of the chain. With order=asc, after follows it.")
            .pages()
            .query("events", "Names, with commas between them; empty is all.")
            .query("organization_id", "Of one organization.")
            .query("range_start", "Not before this time, RFC 3339.")
            .query("range_end", "Before this time, RFC 3339.")
            .answers::<List<Event>>()
    })
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
    Ok(Answer::list(call.app.authority.list_events(call.caller(), &filter, &page).await?))
}
