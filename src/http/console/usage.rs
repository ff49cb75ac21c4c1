//! What an organization uses: its tokens by the hour, and which of its applications and keys they go to.
use axum::extract::Path;
use axum::response::Response;

use super::organizations;
use super::overview::by_hour;
use super::visit::Visit;
use crate::domain::management_key::Power;
use crate::http::pages::{Cell, Refused, Table};

pub async fn show(visit: Visit, Path(id): Path<String>) -> Result<Response, Refused> {
    let (mut page, organization) = organizations::page(&visit, &id, "usage").await?;
    let (authority, id) = (&visit.app.authority, organization.to_string());
    let tokens = authority.tokens_of_organization(visit.caller(), &id).await.map_err(|error| visit.refused(error))?;
    page.blocks.push(by_hour("Tokens of its applications in the last 24 hours", "Tokens", &tokens, visit.now()));
    let busiest = authority.busiest_applications(visit.caller(), &id).await.map_err(|error| visit.refused(error))?;
    let columns = ["Application", "Tokens in 24 hours", "24 h / 7 d / 30 d"];
    let mut table = Table::new("Applications that obtained the most", &columns, "None obtained a token in the last 24 hours.");
    for (application, hours) in busiest {
        let found = authority.find_application(visit.caller(), &application.to_string()).await.map_err(|error| visit.refused(error))?;
        table.rows.push(vec![
            Cell::link(visit.path(format!("applications/{application}")), found.name.as_str()),
            Cell::Number(hours.iter().sum()),
            Cell::Usage(found.usage, Some(hours)),
        ]);
    }
    page.push(table);
    if visit.may(Power::ApiKeysRead) {
        let busiest = authority.busiest_api_keys(visit.caller(), &id).await.map_err(|error| visit.refused(error))?;
        let columns = ["API key", "Uses in 24 hours", "24 h / 7 d / 30 d"];
        let mut table = Table::new("API keys used the most", &columns, "None was used in the last 24 hours.");
        for (key, hours) in busiest {
            let found = authority.find_api_key(visit.caller(), &key.to_string()).await.map_err(|error| visit.refused(error))?;
            table.rows.push(vec![
                Cell::link(visit.path(format!("api_keys/{key}")), found.name.as_str()),
                Cell::Number(hours.iter().sum()),
                Cell::Usage(found.usage.unwrap_or_default(), Some(hours)),
            ]);
        }
        page.push(table);
    }
    Ok(visit.render("organizations", page))
}
