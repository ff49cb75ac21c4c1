//! The permission catalogue: what can be granted, and to whom.
use axum::extract::Path;
use axum::response::Response;

use super::presets;
use super::resource_servers;
use super::visit::Visit;
use crate::authority::error::Error;
use crate::domain::management_key::Power;
use crate::domain::permission::{HolderKind, NewPermission, PermissionChange, Slug};
use crate::domain::text::{FieldError, MAX_DESCRIPTION, Name, parse_optional};
use crate::http::pages::{Action, Cell, Facts, Field, Fields, Form, Kind, Page, Question, Refused, Table};

const WRITE: Power = Power::PermissionsWrite;

pub async fn list(visit: Visit) -> Result<Response, Refused> {
    let catalogue = visit.app.authority.permission_catalogue(visit.caller()).await.map_err(|error| visit.refused(error))?;
    let writes = visit.may(WRITE) && visit.caller().demand_installation().is_ok();
    let mut page = Page::new("Permissions");
    let mut table = Table::new("Catalogue", &["Slug", "Name", "Description", "For", ""], "The catalogue is empty: say what your API has.");
    for permission in catalogue.resources.iter().flat_map(|group| &group.permissions) {
        let slug = permission.slug.as_str();
        let delete = Action::link(visit.path(format!("permissions/{slug}/delete")), "Delete", slug).last();
        table.rows.push(vec![
            Cell::link(visit.path(format!("permissions/{slug}")), slug),
            Cell::text(permission.name.as_str()),
            Cell::text(permission.description.clone().unwrap_or_default()),
            Cell::text(permission.resource_server.clone().unwrap_or_else(|| "every resource server".into())),
            Cell::Actions(if writes { vec![delete] } else { Vec::new() }),
        ]);
    }
    if writes {
        page.push(Form {
            title: "New permission".into(),
            action: visit.path("permissions"),
            fields: vec![
                Field::required("slug", "Slug", "threads:read", "resource:action, as it stands in a token's scope.").of_kind(Kind::Slug),
                Field::name("", "Read threads"),
                Field::description(None, "List and fetch threads"),
                Field::text(
                    "resource_server",
                    "Only for the resource server",
                    "https://api.example.com",
                    "Its identifier; any where nothing is said.",
                )
                .suggesting(resource_servers::named(&visit).await?),
            ]
            .into_iter()
            .chain(kinds(&HolderKind::ALL))
            .collect(),
            button: "Create".into(),
            open: catalogue.resources.is_empty(),
            ..Form::default()
        });
    }
    page.push(table);
    page.blocks.extend(presets::blocks(&visit, catalogue, writes));
    Ok(visit.render("permissions", page))
}

pub async fn create(visit: Visit, fields: Fields) -> Result<Response, Refused> {
    let refused = |error: FieldError| visit.refused(error);
    let new = NewPermission {
        slug: Slug::parse(fields.text("slug")).map_err(refused)?,
        name: Name::parse("name", fields.text("name")).map_err(refused)?,
        description: parse_optional("description", fields.get("description"), MAX_DESCRIPTION).map_err(refused)?,
        resource_server: fields.owned("resource_server"),
        grantable_to: chosen_kinds(&fields).map_err(refused)?,
    };
    visit.change(("permission.create", WRITE), None, async |change| change.add_permission(new).await).await?;
    Ok(visit.done("permissions", "made", None))
}

pub async fn show(visit: Visit, Path(slug): Path<String>) -> Result<Response, Refused> {
    let permission = visit.app.authority.find_permission(visit.caller(), &slug).await.map_err(|error| visit.refused(error))?;
    let kinds_held = permission.grantable_to.iter().map(|kind| kind.name()).collect::<Vec<_>>().join(", ");
    let description = permission.description.clone().unwrap_or_default();
    let mut page = Page::new(permission.slug.as_str());
    page.trail.push(visit.link("permissions", "Permissions"));
    page.push(Facts {
        title: String::new(),
        rows: vec![
            ("Name".into(), Cell::text(permission.name.as_str())),
            ("Description".into(), Cell::text(description.clone())),
            ("For".into(), Cell::text(permission.resource_server.clone().unwrap_or_else(|| "every resource server".into()))),
            ("Can be granted to".into(), Cell::text(kinds_held)),
            ("Created".into(), Cell::Time(Some(permission.created_at), "")),
        ],
    });
    if visit.may(WRITE) && visit.caller().demand_installation().is_ok() {
        page.push(Form {
            title: "Change".into(),
            action: visit.path(format!("permissions/{slug}")),
            fields: [Field::name(permission.name.as_str(), ""), Field::description(Some(description), "")]
                .into_iter()
                .chain(kinds(&permission.grantable_to))
                .collect(),
            button: "Save".into(),
            version: Some(permission.version),
            ..Form::default()
        });
    }
    Ok(visit.render("permissions", page))
}

/// Who can be granted it.
fn kinds(on: &[HolderKind]) -> impl Iterator<Item = Field> {
    let label = |kind| match kind {
        HolderKind::ApiKeyOrganization => "Can be granted to an organization's own API keys",
        HolderKind::ApiKeyUser => "Can be granted to personal API keys",
        HolderKind::M2m => "Can be granted to applications",
    };
    HolderKind::ALL.into_iter().map(move |kind| Field::Tick { name: kind.name(), label: label(kind), on: on.contains(&kind) })
}

fn chosen_kinds(fields: &Fields) -> Result<Vec<HolderKind>, FieldError> {
    HolderKind::parse_all(HolderKind::ALL.into_iter().map(HolderKind::name).filter(|name| fields.has(name)))
}

pub async fn update(visit: Visit, Path(slug): Path<String>, fields: Fields) -> Result<Response, Refused> {
    let refused = |error: FieldError| visit.refused(error);
    let change = PermissionChange {
        name: Some(Name::parse("name", fields.text("name")).map_err(refused)?),
        description: Some(parse_optional("description", fields.get("description"), MAX_DESCRIPTION).map_err(refused)?),
        grantable_to: Some(chosen_kinds(&fields).map_err(refused)?),
    };
    visit.change(("permission.update", WRITE), Some(&slug), async |begun| begun.change_permission(&slug, change).await).await?;
    Ok(visit.done(format!("permissions/{slug}"), "saved", None))
}

pub async fn confirm_deletion(visit: Visit, Path(slug): Path<String>) -> Result<Response, Refused> {
    let slug = Slug::parse(&slug).map_err(|_slug| visit.refused(Error::NotFound("permission")))?;
    let text = "It can be granted to nobody any more. One that an application or a key holds cannot be deleted.";
    let question = Question {
        title: format!("Delete {}?", slug.as_str()),
        text,
        facts: Facts::default(),
        action: visit.path(format!("permissions/{}/delete", slug.as_str())),
        button: "Delete",
        back: visit.path("permissions"),
        ..Question::default()
    };
    Ok(visit.render("permissions", question.page()))
}

pub async fn delete(visit: Visit, Path(slug): Path<String>) -> Result<Response, Refused> {
    visit.change(("permission.delete", WRITE), Some(&slug), async |change| change.remove_permission(&slug).await).await?;
    Ok(visit.done("permissions", "deleted", None))
}
