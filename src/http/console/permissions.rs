//! The permission catalogue and its presets.
use axum::extract::Path;
use axum::response::Response;

use super::visit::Visit;
use crate::authority::error::Error;
use crate::domain::management_key::Power;
use crate::domain::permission::{HolderKind, NewPermission, NewPreset, Slug};
use crate::domain::text::{FieldError, MAX_DESCRIPTION, Name, parse_optional};
use crate::http::pages::{Action, Cell, Facts, Field, Fields, Form, Page, Question, Refused, Table, permission_checks};

const WRITE: Power = Power::PermissionsWrite;

pub async fn list(visit: Visit) -> Result<Response, Refused> {
    let catalogue = visit.app.authority.permission_catalogue(visit.caller()).await.map_err(|error| visit.refused(error))?;
    let writes = visit.may(WRITE) && visit.caller().demand_installation().is_ok();
    let mut page = Page::new("Permissions");
    let mut table = Table::new("Catalogue", &["Slug", "Name", "Description", "For", ""], "The catalogue is empty: say what your API has.");
    for permission in catalogue.resources.iter().flat_map(|group| &group.permissions) {
        let slug = permission.slug.as_str();
        let delete = Action::link(visit.path(format!("permissions/{slug}/delete")), "Delete", slug).dangerous();
        table.rows.push(vec![
            Cell::code(slug),
            Cell::text(permission.name.as_str()),
            Cell::text(permission.description.clone().unwrap_or_default()),
            Cell::text(permission.resource_server.clone().unwrap_or_else(|| "every resource server".into())),
            Cell::Actions(if writes { vec![delete] } else { Vec::new() }),
        ]);
    }
    let mut presets = Table::new("Presets", &["Slug", "Name", "Scopes", ""], "No preset: one selects several permissions at once.");
    for preset in &catalogue.presets {
        let slug = preset.slug.as_str();
        let delete = Action::link(visit.path(format!("presets/{slug}/delete")), "Delete", slug).dangerous();
        presets.rows.push(vec![
            Cell::code(slug),
            Cell::text(preset.name.as_str()),
            Cell::text(preset.permissions.to_string()),
            Cell::Actions(if writes { vec![delete] } else { Vec::new() }),
        ]);
    }
    if writes {
        page.push(Form {
            title: "New permission".into(),
            action: visit.path("permissions"),
            fields: vec![
                Field::required("slug", "Slug", "threads:read", "resource:action, as it stands in a token's scope."),
                Field::name("", "Read threads"),
                Field::text("description", "Description", "List and fetch threads", ""),
            ],
            button: "Create".into(),
            open: catalogue.resources.is_empty(),
            ..Form::default()
        });
    }
    page.push(table);
    if writes && !catalogue.resources.is_empty() {
        page.push(Form {
            title: "New preset".into(),
            action: visit.path("presets"),
            fields: vec![
                Field::required("slug", "Slug", "ci", ""),
                Field::name("", "CI pipeline"),
                permission_checks(&crate::domain::permission::PermissionCatalogue { presets: Vec::new(), ..catalogue }, &[]),
            ],
            button: "Create".into(),
            ..Form::default()
        });
    }
    page.push(presets);
    Ok(visit.render("permissions", page))
}

pub async fn create(visit: Visit, fields: Fields) -> Result<Response, Refused> {
    let refused = |error: FieldError| visit.refused(error);
    let new = NewPermission {
        slug: Slug::parse(fields.text("slug")).map_err(refused)?,
        name: Name::parse("name", fields.text("name")).map_err(refused)?,
        description: parse_optional("description", fields.get("description"), MAX_DESCRIPTION).map_err(refused)?,
        resource_server: None,
        grantable_to: HolderKind::ALL.to_vec(),
    };
    visit.change(("permission.create", WRITE), None, async |change| change.add_permission(new).await).await?;
    Ok(visit.done("permissions", "made", None))
}

pub async fn create_preset(visit: Visit, fields: Fields) -> Result<Response, Refused> {
    let refused = |error: FieldError| visit.refused(error);
    let new = NewPreset {
        slug: Slug::parse(fields.text("slug")).map_err(refused)?,
        name: Name::parse("name", fields.text("name")).map_err(refused)?,
        description: None,
        permissions: fields.all("permissions"),
    };
    visit.change(("permission_preset.create", WRITE), None, async |change| change.add_preset(new).await).await?;
    Ok(visit.done("permissions", "made", None))
}

fn question<'a>(visit: &Visit, slug: &str, kind: &str, text: &'a str) -> Question<'a> {
    Question {
        title: format!("Delete {slug}?"),
        text,
        facts: Facts::default(),
        action: visit.path(format!("{kind}/{slug}/delete")),
        button: "Delete",
        back: visit.path("permissions"),
    }
}

pub async fn confirm_deletion(visit: Visit, Path(slug): Path<String>) -> Result<Response, Refused> {
    let slug = Slug::parse(&slug).map_err(|_slug| visit.refused(Error::NotFound("permission")))?;
    let text = "It can be granted to nobody any more. One that an application or a key holds cannot be deleted.";
    let question = question(&visit, slug.as_str(), "permissions", text);
    Ok(visit.render("permissions", question.page()))
}

pub async fn delete(visit: Visit, Path(slug): Path<String>) -> Result<Response, Refused> {
    visit.change(("permission.delete", WRITE), Some(&slug), async |change| change.remove_permission(&slug).await).await?;
    Ok(visit.done("permissions", "deleted", None))
}

pub async fn confirm_preset_deletion(visit: Visit, Path(slug): Path<String>) -> Result<Response, Refused> {
    let slug = Slug::parse(&slug).map_err(|_slug| visit.refused(Error::NotFound("permission preset")))?;
    let question = question(&visit, slug.as_str(), "presets", "What was granted with it stays granted.");
    Ok(visit.render("permissions", question.page()))
}

pub async fn delete_preset(visit: Visit, Path(slug): Path<String>) -> Result<Response, Refused> {
    visit.change(("permission_preset.delete", WRITE), Some(&slug), async |change| change.remove_preset(&slug).await).await?;
    Ok(visit.done("permissions", "deleted", None))
}
