//! The lists of credentials, the same for an operator and for a customer's admin: found, with their use by the hour, searched, sorted and turned.
use std::collections::HashMap;

use super::credentials::{application_status, key_cells, key_fields, shown_keys};
use super::rotation::rotation_form;
use super::{Action, Cell, Field, Form, Refused, Table, Visit, Who, short};
use crate::domain::api_key::{ApiKey, ApiKeyFilter, OwnerFilter};
use crate::domain::application::Application;
use crate::domain::id::{OrganizationId, UserId};
use crate::domain::permission::HolderKind;

/// G16, with B15 and the expiry.
const KEY_COLUMNS: [&str; 9] = ["Name", "Key Prefix", "Scopes", "Last Used", "24 h / 7 d / 30 d", "Status", "Created", "Expires", ""];
const APPLICATION_COLUMNS: [&str; 8] = ["Name", "Client ID", "Scopes", "Last Used", "24 h / 7 d / 30 d", "Status", "Created", ""];

/// Whose keys a list has.
pub struct Keys {
    pub organization: OrganizationId,
    /// Of one member alone.
    pub user: Option<UserId>,
    pub owner: OwnerFilter,
    /// Whether it is told whose each is, beside the organization's own.
    pub named: bool,
}

/// The keys as a table; `place` is the path of its page, and `row` says where a key has a page and what can be done about it.
pub async fn keys<W: Who>(
    visit: &Visit<W>,
    keys: &Keys,
    place: &str,
    empty: &str,
    row: impl Fn(&ApiKey) -> (Option<String>, Vec<Action>),
) -> Result<Table, Refused> {
    let (authority, organization) = (&visit.app.authority, keys.organization.to_string());
    let (status, filters) = shown_keys(&visit.query, &visit.path(place));
    let (organization_id, search) = (Some(organization.clone()), visit.query.owned("search"));
    let filter = ApiKeyFilter { owner: keys.owner, user_id: None, organization_id, status, search };
    let listed = match keys.user {
        Some(user) => authority.list_api_keys_of_user(visit.caller(), &user.to_string(), filter, &visit.page_request()).await,
        None => authority.list_api_keys_of_organization(visit.caller(), &organization, filter, &visit.page_request()).await,
    };
    let listed = listed.map_err(|error| visit.refused(error))?;
    let shown: Vec<_> = listed.data.iter().map(|key| key.id).collect();
    let hours = authority.uses_of_api_keys(visit.caller(), &organization, &shown).await.map_err(|error| visit.refused(error))?;
    let owners = match keys.named {
        true => {
            authority.owners_of_api_keys(visit.caller(), keys.organization, &listed.data).await.map_err(|error| visit.refused(error))?
        }
        false => HashMap::new(),
    };
    let mut table = Table::new("", &KEY_COLUMNS, empty);
    table.filtered = visit.query.has("status");
    table.filters = filters;
    for key in &listed.data {
        let (href, actions) = row(key);
        let of = key.owner.user_id().filter(|_| keys.named).map(|id| owners.get(&id).cloned().unwrap_or_else(|| id.to_string()));
        let name = Cell::Name { text: key.name.as_str().to_owned(), href, of };
        table.rows.push(key_cells(name, key, Some(hours.of_one(&key.id)), visit.now(), actions));
    }
    visit.search(&mut table, place);
    visit.sort(&mut table, place, &["status", "search"]);
    visit.turn(&mut table, &listed, place, &["status", "search"]);
    Ok(table)
}

/// The form of a new key for such a holder in an organization, as its settings have it.
pub async fn new_key<W: Who>(visit: &Visit<W>, holder: HolderKind, of: OrganizationId, action: String) -> Result<Form, Refused> {
    let authority = &visit.app.authority;
    let catalogue = authority.grantable(holder).await.map_err(|error| visit.refused(error))?;
    let latest = authority.latest_expiry(of).await.map_err(|error| visit.refused(error))?;
    let fields = key_fields(&catalogue, latest);
    Ok(Form { title: "New API key".into(), action, fields, button: "Create".into(), ..Form::default() })
}

/// The form that rotates a key; unsaid, the new one ends as late as the old one was made for.
pub async fn key_rotation<W: Who>(visit: &Visit<W>, key: &ApiKey) -> Result<Form, Refused> {
    let latest = visit.app.authority.latest_expiry(key.owner.organization_id()).await.map_err(|error| visit.refused(error))?;
    let unsaid = if key.life.expires_at.is_some() { "After as long as the one before" } else { "As the settings say" };
    Ok(rotation_form(visit.path(format!("api_keys/{}/rotate", key.id)), Field::end_of_successor(latest, unsaid)))
}

/// The applications of an organization as a table; those who may not `change` them have no buttons.
pub async fn applications<W: Who>(visit: &Visit<W>, organization: &str, place: &str, empty: &str, change: bool) -> Result<Table, Refused> {
    let authority = &visit.app.authority;
    let listed = authority.list_applications(visit.caller(), Some(organization), visit.query.get("search"), &visit.page_request()).await;
    let listed = listed.map_err(|error| visit.refused(error))?;
    let shown: Vec<_> = listed.data.iter().map(|application| application.id).collect();
    let hours = authority.tokens_of_applications(visit.caller(), organization, &shown).await.map_err(|error| visit.refused(error))?;
    let mut table = Table::new("", &APPLICATION_COLUMNS, empty);
    table.rows = listed.data.iter().map(|application| row(visit, application, hours.of_one(&application.id), change)).collect();
    visit.search(&mut table, place);
    visit.sort(&mut table, place, &["search"]);
    visit.turn(&mut table, &listed, place, &["search"]);
    Ok(table)
}

fn row<W: Who>(visit: &Visit<W>, application: &Application, hours: Vec<i64>, change: bool) -> Vec<Cell> {
    let (place, name) = (visit.path(format!("applications/{}", application.id)), application.name.as_str());
    let rotate = Action::link(format!("{place}#rotate"), "Rotate", name);
    let delete = Action::link(format!("{place}/delete"), "Delete", name).last();
    vec![
        Cell::link(place, name),
        Cell::code(application.client_id.to_string()),
        Cell::text(short(&application.scope.to_string(), 60)),
        Cell::Time(application.last_used_at, "never"),
        Cell::Usage(application.usage, Some(hours)),
        Cell::Chip(application_status(application)),
        Cell::Time(Some(application.created_at), ""),
        Cell::Actions(if change { vec![rotate, delete] } else { Vec::new() }),
    ]
}
