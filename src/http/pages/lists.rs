//! The lists of credentials, the same for an operator and for a customer's admin: found, with their use by the hour, searched, sorted and turned.
use std::collections::HashMap;

use super::credentials::{application_fields, application_status, key_cells, key_fields, shown_keys};
use super::rotation::rotation_form;
use super::{Action, Block, Cell, Field, Form, Notice, Refused, Table, Tone, Visit, Who, short};
use crate::domain::api_key::{ApiKey, ApiKeyFilter, OwnerFilter, StatusFilter};
use crate::domain::application::Application;
use crate::domain::id::{OrganizationId, UserId};
use crate::domain::page::{Page, PageRequest};
use crate::domain::permission::HolderKind;
use crate::domain::timestamp::Timestamp;

/// G16, with B15 and the expiry.
const KEY_COLUMNS: [&str; 9] = ["Name", "Key Prefix", "Scopes", "Last Used", "24 h / 7 d / 30 d", "Status", "Created", "Expires", ""];
const APPLICATION_COLUMNS: [&str; 8] = ["Name", "Client ID", "Scopes", "Last Used", "24 h / 7 d / 30 d", "Status", "Created", ""];

const SWITCHED_OFF: &str = "No API keys are made here: they are switched off for this organization.";
/// What it means to tick no scope of a personal key.
const PERSONAL: &str =
    "A personal key acts as its user: with no scope ticked it may whatever he may, with some ticked only those. It ends when he leaves.";
const PERSONAL_WITH_SCOPES: &str =
    "A personal key acts as its user, within the scopes ticked: it needs one at least. It ends when he leaves.";

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
    let listed = some_keys(visit, keys, status, &visit.page_request()).await?;
    let shown: Vec<_> = listed.data.iter().map(|key| key.id).collect();
    let hours = authority.uses_of_api_keys(visit.caller(), &organization, &shown).await.map_err(|error| visit.refused(error))?;
    let owners = if keys.named {
        authority.owners_of_api_keys(visit.caller(), keys.organization, &listed.data).await.map_err(|error| visit.refused(error))?
    } else {
        HashMap::new()
    };
    let mut table = Table::new("", &KEY_COLUMNS, empty);
    table.filters = filters;
    if listed.data.is_empty() && !visit.query.has("search") {
        let ended =
            status == StatusFilter::Ended || !some_keys(visit, keys, StatusFilter::Ended, &PageRequest::newest(1)).await?.data.is_empty();
        table.fresh = !ended;
        match status {
            StatusFilter::Ended => table.empty = "None was revoked, and none has expired.".into(),
            _ if ended => table.empty = "None works: those that ended are under Revoked / Expired.".into(),
            _ => {}
        }
    }
    for key in &listed.data {
        let (href, actions) = row(key);
        let of = key.owner.user_id().filter(|_| keys.named).map(|id| owners.get(&id).cloned().unwrap_or_else(|| id.to_string()));
        let name = Cell::Name { text: key.name.as_str().to_owned(), href, of };
        table.rows.push(key_cells(name, key, Some(hours.of_one(&key.id)), visit.now(), actions));
    }
    visit.search(&mut table, place, &["status"]);
    visit.sort(&mut table, place, &["status", "search"]);
    visit.turn(&mut table, &listed, place, &["status", "search"]);
    Ok(table)
}

async fn some_keys<W: Who>(visit: &Visit<W>, keys: &Keys, status: StatusFilter, request: &PageRequest) -> Result<Page<ApiKey>, Refused> {
    let (authority, organization) = (&visit.app.authority, keys.organization.to_string());
    let search = visit.query.owned("search");
    let filter = ApiKeyFilter { owner: keys.owner, user_id: None, organization_id: Some(organization.clone()), status, search };
    let listed = match keys.user {
        Some(user) => authority.list_api_keys_of_user(visit.caller(), &user.to_string(), filter, request).await,
        None => authority.list_api_keys_of_organization(visit.caller(), &organization, filter, request).await,
    };
    listed.map_err(|error| visit.refused(error))
}

/// The form of a new key for such a holder in an organization, as its settings have it; `about` says what an organization's is, and it is
/// `open` at once where there is nothing yet.
pub async fn new_key<W: Who>(
    visit: &Visit<W>,
    (holder, about): (HolderKind, &str),
    of: OrganizationId,
    action: String,
    open: bool,
) -> Result<Block, Refused> {
    let authority = &visit.app.authority;
    let settings = authority.effective_settings_of(of).await.map_err(|error| visit.refused(error))?;
    if !settings.api_keys_enabled {
        return Ok(Notice::new(Tone::Plain, SWITCHED_OFF).into());
    }
    let about = match (holder, settings.require_permissions) {
        (HolderKind::ApiKeyUser, false) => PERSONAL,
        (HolderKind::ApiKeyUser, true) => PERSONAL_WITH_SCOPES,
        _ => about,
    };
    let catalogue = authority.grantable(holder).await.map_err(|error| visit.refused(error))?;
    let fields = key_fields(&catalogue, &settings);
    let (title, button) = ("New API key".into(), "Create".into());
    Ok(Form { title, about: about.into(), action, fields, button, open, ..Form::default() }.into())
}

/// The same of a new application, with what `more` is asked of it.
pub async fn new_application<W: Who>(
    visit: &Visit<W>,
    of: OrganizationId,
    action: String,
    open: bool,
    more: Vec<Field>,
) -> Result<Block, Refused> {
    let authority = &visit.app.authority;
    let settings = authority.effective_settings_of(of).await.map_err(|error| visit.refused(error))?;
    if !settings.applications_enabled {
        return Ok(Notice::new(Tone::Plain, "No applications are made here: they are switched off for this organization.").into());
    }
    let catalogue = authority.grantable(HolderKind::M2m).await.map_err(|error| visit.refused(error))?;
    let fields = application_fields(&catalogue).into_iter().chain(more).collect();
    let about = "A client of its own for each program and each environment, so that one can be rotated or revoked without the others.";
    Ok(Form { title: "New application".into(), about: about.into(), action, fields, button: "Save".into(), open, ..Form::default() }.into())
}

/// The form that rotates a key; unsaid, the new one ends as late as the old one was made for (`authority/rotate_api_key.rs`). A page of its own
/// has a way `back`.
pub async fn key_rotation<W: Who>(visit: &Visit<W>, key: &ApiKey, back: Option<String>) -> Result<Block, Refused> {
    let settings = visit.app.authority.effective_settings_of(key.owner.organization_id()).await.map_err(|error| visit.refused(error))?;
    if !settings.api_keys_enabled {
        return Ok(Notice::new(Tone::Plain, SWITCHED_OFF).into());
    }
    let (latest, now) = (settings.max_expiry_days, visit.now());
    let days = |until: Timestamp| u32::try_from(until.since(now).as_secs() / (24 * 3600)).unwrap_or(u32::MAX);
    let unsaid = match (key.life.expires_at, settings.unsaid_expiry(now)) {
        (Some(at), _) => match (days(now + at.since(key.created_at)), latest) {
            (lived, Some(latest)) if lived > latest => format!("{latest} days, the latest there may be"),
            (lived, _) => format!("As long as the one before: {lived} days"),
        },
        (None, Some(at)) => format!("{} days", days(at)),
        (None, None) => "Never".to_owned(),
    };
    let form = rotation_form(visit.path(format!("api_keys/{}/rotate", key.id)), Field::end_of_successor(latest, &unsaid));
    Ok(Form { open: back.is_some(), cancel: back, ..form }.into())
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
    table.fresh = listed.data.is_empty() && !visit.query.has("search");
    visit.search(&mut table, place, &[]);
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
