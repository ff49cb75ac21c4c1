//! Events: what happened, by whom, and what came of it.
use std::time::Duration;

use axum::extract::Path;
use axum::response::Response;

use super::organizations;
use super::visit::Visit;
use crate::domain::event::{EVENT_NAMES, Event, EventFilter};
use crate::domain::text::FieldError;
use crate::domain::timestamp::Timestamp;
use crate::http::pages::{Cell, Page, Refused, Table, short};

const KEPT: [&str; 4] = ["search", "organization_id", "from", "until"];
const DAY: Duration = Duration::from_secs(24 * 3600);

/// The midnight a day begins with, UTC.
fn midnight(visit: &Visit, name: &'static str) -> Result<Option<Timestamp>, Refused> {
    let Some(day) = visit.query.get(name) else { return Ok(None) };
    let wrong = || visit.refused(FieldError::new("invalid_value", name, format!("{name} takes a day, as in 2026-11-21")));
    Timestamp::parse(&format!("{day}T00:00:00Z")).map(Some).ok_or_else(wrong)
}

fn table(visit: &Visit, events: &[Event], place: &str) -> Table {
    let mut table = Table::new("", &["When", "Event", "By", "Through", "About"], "Nothing has happened yet.");
    table.searches = "Event names";
    visit.search(&mut table, place, &["organization_id"]);
    table.known = EVENT_NAMES;
    table.days = Some((visit.query.text("from").to_owned(), visit.query.text("until").to_owned()));
    table.filtered |= visit.query.has("from") || visit.query.has("until");
    for event in events {
        let actor = &event.context.actor;
        let subject = serde_json::from_str::<serde_json::Value>(event.data.get()).unwrap_or_default();
        let named = ["name", "slug", "endpoint_url", "email", "id", "kid"].into_iter().map(|name| &subject[name]);
        let about = [&subject["user"]["email"]].into_iter().chain(named).find_map(|value| value.as_str()).unwrap_or("Details");
        table.rows.push(vec![
            Cell::Time(Some(event.created_at), ""),
            Cell::code(event.event.clone()),
            Cell::text(actor.name.clone().unwrap_or_else(|| actor.id.clone())),
            Cell::text(actor.source.clone()),
            Cell::Details(short(about, 80), serde_json::to_value(event).map_or_else(|_| String::new(), |event| format!("{event:#}"))),
        ]);
    }
    table
}

async fn found(visit: &Visit, organization_id: Option<String>, place: &str) -> Result<Table, Refused> {
    let events = visit.query.text("search").split([' ', ',']).filter(|name| !name.is_empty()).map(str::to_owned).collect();
    let (from, to) = (midnight(visit, "from")?, midnight(visit, "until")?.map(|last| last + DAY));
    let filter = EventFilter { events, organization_id, from, to };
    let listed = visit.app.authority.list_events(visit.caller(), &filter, &visit.page_request()).await;
    let listed = listed.map_err(|error| visit.refused(error))?;
    let mut table = table(visit, &listed.data, place);
    visit.turn(&mut table, &listed, place, &KEPT);
    Ok(table)
}

pub async fn list(visit: Visit) -> Result<Response, Refused> {
    let table = found(&visit, visit.query.owned("organization_id"), "events").await?;
    let mut page = Page::new("Events");
    page.push(table);
    Ok(visit.render("events", page))
}

pub async fn of_organization(visit: Visit, Path(id): Path<String>) -> Result<Response, Refused> {
    let (mut page, organization) = organizations::page(&visit, &id, "events").await?;
    let id = organization.to_string();
    page.push(found(&visit, Some(id.clone()), &format!("organizations/{id}/events")).await?);
    Ok(visit.render("organizations", page))
}
