//! Sessions in the console: seen, and ended (case 257).
use std::collections::{HashMap, HashSet};

use axum::extract::Path;
use axum::response::Response;

use super::door::END_SESSION;
use super::visit::Visit;
use crate::http::pages::{Action, Cell, Page, Refused, Table, Tone, short};

pub async fn list(visit: Visit) -> Result<Response, Refused> {
    let sessions = visit.app.authority.list_console_sessions(visit.caller()).await.map_err(|error| visit.refused(error))?;
    let mut table = Table::new("", &["Management key", "Since", "Last seen", "From", "Browser", ""], "Nobody is signed in.");
    let mut names = HashMap::new();
    for id in sessions.iter().map(|session| session.management_key_id).collect::<HashSet<_>>() {
        let key = visit.app.authority.find_management_key(visit.caller(), &id.to_string()).await;
        names.extend(key.ok().map(|key| (id, key.name.as_str().to_owned())));
    }
    for session in sessions {
        let own = session.id == visit.who.session.id;
        let last = if own {
            Cell::chip(Tone::Good, "This one")
        } else if !visit.may(END_SESSION.1) {
            Cell::text("")
        } else {
            Cell::Actions(vec![Action::post(visit.path(format!("sessions/{}/end", session.id)), "End", "this session").dangerous()])
        };
        table.rows.push(vec![
            Cell::text(names.get(&session.management_key_id).cloned().unwrap_or_else(|| session.management_key_id.to_string())),
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
