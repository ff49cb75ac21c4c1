//! Users, whatever organizations they belong to: who left them all is still here.
use axum::extract::Path;
use axum::response::Response;

use super::visit::Visit;
use crate::domain::management_key::Power;
use crate::http::pages::revocation::of_user;
use crate::http::pages::{Action, Cell, Facts, Page, Question, Refused, Table};

pub async fn list(visit: Visit) -> Result<Response, Refused> {
    let listed = visit.app.authority.list_users(visit.caller(), visit.query.get("search"), None, &visit.page_request()).await;
    let listed = listed.map_err(|error| visit.refused(error))?;
    let writes = visit.may(Power::UsersWrite) && visit.caller().demand_installation().is_ok();
    let mut table =
        Table::new("", &["Name", "Email", "External ID", "ID", "Created", ""], "No user yet: they are added as members of organizations.");
    table.searches = "Whole email address";
    for user in &listed.data {
        let delete = Action::link(visit.path(format!("users/{}/delete", user.id)), "Remove everywhere", &user.display_name()).last();
        table.rows.push(vec![
            Cell::text(user.display_name()),
            Cell::text(user.email.as_str()),
            Cell::text(user.external_id.clone().unwrap_or_default()),
            Cell::code(user.id.to_string()),
            Cell::Time(Some(user.created_at), ""),
            Cell::Actions(if writes { vec![delete] } else { Vec::new() }),
        ]);
    }
    visit.search(&mut table, "users", &[]);
    visit.turn(&mut table, &listed, "users", &["search"]);
    let mut page = Page::new("Users");
    page.push(table);
    Ok(visit.render("users", page))
}

pub async fn confirm_deletion(visit: Visit, Path(id): Path<String>) -> Result<Response, Refused> {
    visit.demand_confirmed(&format!("users/{id}/delete"))?;
    let user = visit.app.authority.find_user(visit.caller(), &id).await.map_err(|error| visit.refused(error))?;
    let mut facts = if visit.may(Power::ApiKeysRead) { of_user(&visit, &id, None).await? } else { Facts::default() };
    facts.rows.insert(0, ("Email".into(), Cell::text(user.email.as_str())));
    let question = Question {
        title: format!("Remove {} everywhere?", user.display_name()),
        text: "He leaves every organization, and his personal keys are revoked at once.",
        facts,
        action: visit.path(format!("users/{id}/delete")),
        button: "Remove",
        back: visit.path("users"),
        ..Question::default()
    };
    Ok(visit.render("users", question.page()))
}

pub async fn delete(visit: Visit, Path(id): Path<String>) -> Result<Response, Refused> {
    visit.demand_confirmed(&format!("users/{id}/delete"))?;
    let delete = ("user.delete", Power::UsersWrite);
    let (_, bound) = visit.change(delete, Some(&id), async |change| change.delete_user(&id).await).await?;
    Ok(visit.done("users", "deleted", bound.as_ref()))
}
