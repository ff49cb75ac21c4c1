//! Organizations: the list, and what is the same on every page of one.
use axum::extract::Path;
use axum::response::{IntoResponse, Redirect, Response};

use super::applications;
use super::visit::Visit;
use crate::authority::error::Error;
use crate::domain::id::OrganizationId;
use crate::domain::management_key::Power;
use crate::domain::metadata::Metadata;
use crate::domain::organization::{NewOrganization, Organization, OrganizationChange, OrganizationStatus};
use crate::domain::page::PageRequest;
use crate::domain::text::{FieldError, MAX_EXTERNAL_ID, Name, parse_optional};
use crate::http::pages::revocation::keys_of_organization;
use crate::http::pages::{Block, Cell, Chip, Facts, Field, Fields, Form, Link, Notice, Page, Question, Refused, Table, Tone};

const CREATE: (&str, Power) = ("organization.create", Power::OrganizationsWrite);
const UPDATE: (&str, Power) = ("organization.update", Power::OrganizationsWrite);

pub fn status(organization: &Organization) -> Chip {
    match organization.status {
        OrganizationStatus::Active => Chip { tone: Tone::Good, text: "Active" },
        OrganizationStatus::Suspended => Chip { tone: Tone::Bad, text: "Suspended" },
    }
}

/// The form that makes one.
pub fn new_organization(visit: &Visit, open: bool) -> Form {
    Form {
        title: "New organization".into(),
        about: "A customer of your product: applications and keys belong to one.".into(),
        action: visit.path("organizations"),
        fields: vec![Field::name("", "Acme"), Field::text("external_id", "External ID", "customer-42", "What your product calls it.")],
        button: "Create".into(),
        open,
        ..Form::default()
    }
}

pub async fn list(visit: Visit) -> Result<Response, Refused> {
    let search = visit.query.get("search");
    let listed = visit.app.authority.list_organizations(visit.caller(), search, &visit.page_request()).await;
    let listed = listed.map_err(|error| visit.refused(error))?;
    let mut table = Table::new("", &["Name", "External ID", "Status", "Created", "ID"], "No organization yet.");
    visit.search(&mut table, "organizations", &[]);
    for organization in &listed.data {
        let id = organization.id.to_string();
        table.rows.push(vec![
            Cell::link(visit.path(format!("organizations/{id}")), organization.name.as_str()),
            Cell::text(organization.external_id.clone().unwrap_or_default()),
            Cell::Chip(status(organization)),
            Cell::Time(Some(organization.created_at), ""),
            Cell::code(id),
        ]);
    }
    visit.sort(&mut table, "organizations", &["search"]);
    visit.turn(&mut table, &listed, "organizations", &["search"]);
    let mut page = Page::new("Organizations");
    if visit.may(Power::OrganizationsWrite) {
        page.push(new_organization(&visit, listed.data.is_empty() && search.is_none()));
    }
    page.push(table);
    Ok(visit.render("organizations", page))
}

/// The newest, by id, for a field that one is written in.
pub async fn named(visit: &Visit) -> Result<Vec<(String, String)>, Refused> {
    if !visit.may(Power::OrganizationsRead) {
        return Ok(Vec::new());
    }
    let listed = visit.app.authority.list_organizations(visit.caller(), None, &PageRequest::newest(100)).await;
    let listed = listed.map_err(|error| visit.refused(error))?.data.into_iter();
    Ok(listed.map(|organization| (organization.id.to_string(), organization.name.as_str().to_owned())).collect())
}

pub async fn create(visit: Visit, fields: Fields) -> Result<Response, Refused> {
    let new = NewOrganization {
        name: Name::parse("name", fields.text("name")).map_err(|error| visit.refused(error))?,
        external_id: parse_optional("external_id", fields.get("external_id"), MAX_EXTERNAL_ID).map_err(|error| visit.refused(error))?,
        metadata: Metadata::default(),
    };
    let (organization, _) = visit.change(CREATE, None, async |change| change.register_organization(new).await).await?;
    Ok(visit.done(format!("organizations/{}", organization.id), "made", None))
}

/// What there is of an organization, and who may see it.
const PARTS: [(&str, &str, Power); 6] = [
    ("", "Applications", Power::ApplicationsRead),
    ("/api_keys", "API Keys", Power::ApiKeysRead),
    ("/members", "Members", Power::MembershipsRead),
    ("/usage", "Usage", Power::ApplicationsRead),
    ("/settings", "Settings", Power::SettingsRead),
    ("/events", "Events", Power::EventsRead),
];

/// The applications, or for who may not see them the first part that he may.
pub async fn show(visit: Visit, Path(id): Path<String>) -> Result<Response, Refused> {
    match PARTS.into_iter().find(|(_, _, power)| visit.may(*power)) {
        Some(("", _, _)) => applications::list_of_organization(visit, id).await,
        Some((place, _, _)) => Ok(Redirect::to(&visit.path(format!("organizations/{id}{place}"))).into_response()),
        None => {
            let (page, _) = page(&visit, &id, "").await?;
            Ok(visit.render("organizations", page))
        }
    }
}

/// The way back to it from a page of something it has.
pub async fn trail(visit: &Visit, id: OrganizationId, part: &str) -> [Link; 2] {
    let found = visit.app.authority.find_organization(visit.caller(), &id.to_string()).await;
    let name = found.map_or_else(|_| id.to_string(), |organization| organization.name.as_str().to_owned());
    [visit.link("organizations", "Organizations"), visit.link(format!("organizations/{id}{part}"), name)]
}

/// The head of every page of one organization; for who may not read what it is called, with its id.
pub async fn page(visit: &Visit, id: &str, part: &str) -> Result<(Page, OrganizationId), Refused> {
    if visit.may(Power::OrganizationsRead) {
        let organization = find(visit, id).await?;
        let id = organization.id;
        return Ok((head_of(visit, &organization, part), id));
    }
    let reached = |id: &OrganizationId| visit.caller().reach().organization().is_none_or(|own| own == *id);
    let id = id.parse().ok().filter(reached).ok_or_else(|| visit.refused(Error::NotFound("organization")))?;
    Ok((head(visit, id, &id.to_string(), part), id))
}

async fn find(visit: &Visit, id: &str) -> Result<Organization, Refused> {
    visit.app.authority.find_organization(visit.caller(), id).await.map_err(|error| visit.refused(error))
}

/// The same with all that it is.
pub async fn page_of(visit: &Visit, id: &str, part: &str) -> Result<(Page, Organization), Refused> {
    let organization = find(visit, id).await?;
    Ok((head_of(visit, &organization, part), organization))
}

fn head_of(visit: &Visit, organization: &Organization, part: &str) -> Page {
    let mut page = head(visit, organization.id, organization.name.as_str(), part);
    if organization.status == OrganizationStatus::Suspended {
        page.push(Notice::new(Tone::Bad, "This organization is suspended: nothing of it works until it is reactivated, in its settings."));
    }
    page
}

fn head(visit: &Visit, id: OrganizationId, name: &str, part: &str) -> Page {
    let mut page = Page::new(name);
    if visit.may(Power::OrganizationsRead) {
        page.trail.push(visit.link("organizations", "Organizations"));
    }
    let seen = PARTS.into_iter().filter(|(_, _, power)| visit.may(*power));
    let tabs = seen.map(|(place, text, _)| {
        let mut tab = visit.link(format!("organizations/{id}{place}"), text);
        if place.trim_start_matches('/') == part {
            tab.href.clear();
        }
        tab
    });
    page.blocks.push(Block::Tabs(tabs.collect()));
    page
}

pub async fn update(visit: Visit, Path(id): Path<String>, fields: Fields) -> Result<Response, Refused> {
    let name = Name::parse("name", fields.text("name")).map_err(|error| visit.refused(error))?;
    let external_id = parse_optional("external_id", fields.get("external_id"), MAX_EXTERNAL_ID).map_err(|error| visit.refused(error))?;
    let metadata = fields.metadata().map_err(|error| visit.refused(error))?;
    let change = OrganizationChange { name: Some(name), external_id: Some(external_id), metadata };
    visit.change(UPDATE, Some(&id), async |begun| begun.change_organization(&id, change).await).await?;
    Ok(visit.done(format!("organizations/{id}/settings"), "saved", None))
}

/// What an organization has, for the page before it ends.
async fn blast_radius(visit: &Visit, organization: &Organization) -> Result<Facts, Refused> {
    let mut rows = vec![("Organization".to_owned(), Cell::text(organization.name.as_str()))];
    if visit.may(Power::ApplicationsRead) {
        let tokens = visit.app.authority.tokens_of_organization(visit.caller(), &organization.id.to_string()).await;
        let tokens = tokens.map_err(|error| visit.refused(error))?;
        rows.push((
            "Tokens of its applications in this hour and the one before".to_owned(),
            Cell::Number(tokens.iter().rev().take(2).sum()),
        ));
        rows.push(("And in 24 hours".to_owned(), Cell::Number(tokens.iter().sum())));
    }
    if visit.may(Power::ApiKeysRead) {
        rows.extend(keys_of_organization(visit, &organization.id.to_string()).await?);
    }
    Ok(Facts { title: "What hangs on it".into(), rows })
}

pub async fn confirm_suspension(visit: Visit, Path(id): Path<String>) -> Result<Response, Refused> {
    visit.demand_confirmed(&format!("organizations/{id}/suspend"))?;
    let organization = find(&visit, &id).await?;
    let facts = blast_radius(&visit, &organization).await?;
    let question = Question {
        title: format!("Suspend {}?", organization.name.as_str()),
        text: "Nothing of it works until it is reactivated: its keys are refused, its secrets obtain no tokens, and the tokens from before stay dead for good.",
        facts,
        action: visit.path(format!("organizations/{id}/suspend")),
        button: "Suspend",
        back: visit.path(format!("organizations/{id}/settings")),
        ..Question::default()
    };
    Ok(visit.render("organizations", question.page()))
}

pub async fn suspend(visit: Visit, Path(id): Path<String>) -> Result<Response, Refused> {
    visit.demand_confirmed(&format!("organizations/{id}/suspend"))?;
    let suspend = ("organization.suspend", Power::OrganizationsWrite);
    let (_, bound) = visit.change(suspend, Some(&id), async |change| change.suspend_organization(&id).await).await?;
    Ok(visit.done(format!("organizations/{id}/settings"), "suspended", bound.as_ref()))
}

pub async fn reactivate(visit: Visit, Path(id): Path<String>) -> Result<Response, Refused> {
    let reactivate = ("organization.reactivate", Power::OrganizationsWrite);
    visit.change(reactivate, Some(&id), async |change| change.reactivate_organization(&id).await).await?;
    Ok(visit.done(format!("organizations/{id}/settings"), "saved", None))
}

pub async fn confirm_deletion(visit: Visit, Path(id): Path<String>) -> Result<Response, Refused> {
    visit.demand_confirmed(&format!("organizations/{id}/delete"))?;
    let organization = find(&visit, &id).await?;
    let facts = blast_radius(&visit, &organization).await?;
    let question = Question {
        title: format!("Delete {}?", organization.name.as_str()),
        text: "Everything of it goes at once: applications, secrets, keys, members and tokens. It cannot be brought back.",
        facts,
        asks: vec![Field::required("name", "Write its name", "", "So that it is not another one.")],
        action: visit.path(format!("organizations/{id}/delete")),
        button: "Delete",
        back: visit.path(format!("organizations/{id}/settings")),
    };
    Ok(visit.render("organizations", question.page()))
}

/// Case 263: by its name, too.
pub async fn delete(visit: Visit, Path(id): Path<String>, fields: Fields) -> Result<Response, Refused> {
    visit.demand_confirmed(&format!("organizations/{id}/delete"))?;
    let organization = find(&visit, &id).await?;
    if fields.text("name") != organization.name.as_str().trim() {
        let message = format!("name takes the name of the organization, {}, and nothing was deleted", organization.name.as_str());
        return Err(visit.refused(FieldError::new("invalid_value", "name", message)));
    }
    let delete = ("organization.delete", Power::OrganizationsWrite);
    let (_, bound) = visit.change(delete, Some(&id), async |change| change.delete_organization(&id).await).await?;
    Ok(visit.done("organizations", "deleted", bound.as_ref()))
}
