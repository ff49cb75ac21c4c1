//! Events: what happened, by whom, and what came of it.
use axum::extract::Path;
use axum::response::Response;

use super::organizations;
use super::visit::Visit;
use crate::domain::event::{Event, EventFilter};
use crate::http::pages::{Cell, Page, Refused, Table, short};

const KEPT: [&str; 2] = ["search", "organization_id"];

fn table(visit: &Visit, events: &[Event]) -> Table {
    let mut table = Table::new("", &["When", "Event", "By", "Through", "About"], "Nothing has happened yet.");
    table.searches = "Event names";
    visit.search(&mut table);
    for event in events {
        let actor = &event.context.actor;
        let subject = serde_json::from_str::<serde_json::Value>(event.data.get()).unwrap_or_default();
        let text = |name: &str| subject[name].as_str().map(str::to_owned);
        let about = text("name").or_else(|| text("slug")).or_else(|| text("endpoint_url")).or_else(|| text("id")).or_else(|| text("kid"));
        table.rows.push(vec![
            Cell::Time(Some(event.created_at), ""),
            Cell::code(event.event.clone()),
            Cell::text(actor.name.clone().unwrap_or_else(|| actor.id.clone())),
            Cell::text(actor.source.clone()),
            Cell::text(short(&about.unwrap_or_default(), 80)),
        ]);
    }
    table
}

async fn found(visit: &Visit, organization_id: Option<String>, place: &str) -> Result<Table, Refused> {
    let events = visit.query.text("search").split([' ', ',']).filter(|name| !name.is_empty()).map(str::to_owned).collect();
    let filter = EventFilter { events, organization_id, ..EventFilter::default() };
    let listed = visit.app.authority.list_events(visit.caller(), &filter, &visit.page_request()).await;
    let listed = listed.map_err(|error| visit.refused(error))?;
    let mut table = table(visit, &listed.data);
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
