//! Sessions in the console: seen, and ended (case 257).
use axum::extract::Path;
use axum::response::Response;

use super::door::END_SESSION;
use super::visit::Visit;
use crate::http::pages::{Action, Cell, Page, Refused, Table, Tone, short};

pub async fn list(visit: Visit) -> Result<Response, Refused> {
    let sessions = visit.app.authority.list_console_sessions(visit.caller()).await.map_err(|error| visit.refused(error))?;
    let mut table = Table::new("", &["Management key", "Since", "Last seen", "From", "Browser", ""], "Nobody is signed in.");
    for session in sessions {
        let own = session.id == visit.who.session.id;
        let last = if own {
            Cell::chip(Tone::Good, "This one")
        } else {
            Cell::Actions(vec![Action::post(visit.path(format!("sessions/{}/end", session.id)), "End", "this session").dangerous()])
        };
        table.rows.push(vec![
            Cell::code(session.management_key_id.to_string()),
            Cell::Time(Some(session.created_at), ""),
            Cell::Time(Some(session.seen_at), ""),
            Cell::text(session.source_ip.unwrap_or_default()),
            Cell::text(short(&session.user_agent.unwrap_or_default(), 60)),
            last,
        ]);
    }
    let mut page = Page::new("Sessions");
    page.push(table);
    Ok(visit.render("sessions", page))
}

pub async fn end(visit: Visit, Path(id): Path<String>) -> Result<Response, Refused> {
    visit.change(END_SESSION, Some(&id), async |change| change.end_console_session(&id).await).await?;
    Ok(visit.done("sessions", "ended", None))
}
