//! Presets: several permissions in one click (P14).
use axum::extract::Path;
use axum::response::Response;

use super::visit::Visit;
use crate::authority::error::Error;
use crate::domain::management_key::Power;
use crate::domain::permission::{NewPreset, PermissionCatalogue, PresetChange, Slug};
use crate::domain::text::{FieldError, MAX_DESCRIPTION, Name, parse_optional};
use crate::http::pages::{Action, Block, Cell, Facts, Field, Fields, Form, Kind, Page, Question, Refused, Table, permission_checks};

const WRITE: Power = Power::PermissionsWrite;

/// What the page of the catalogue says of them.
pub fn blocks(visit: &Visit, catalogue: PermissionCatalogue, writes: bool) -> Vec<Block> {
    let mut table = Table::new("Presets", &["Slug", "Name", "Scopes", ""], "No preset: one selects several permissions at once.");
    for preset in &catalogue.presets {
        let slug = preset.slug.as_str();
        let delete = Action::link(visit.path(format!("presets/{slug}/delete")), "Delete", slug).last();
        table.rows.push(vec![
            Cell::link(visit.path(format!("presets/{slug}")), slug),
            Cell::text(preset.name.as_str()),
            Cell::text(preset.permissions.to_string()),
            Cell::Actions(if writes { vec![delete] } else { Vec::new() }),
        ]);
    }
    let mut blocks = Vec::new();
    if writes && !catalogue.resources.is_empty() {
        let form = Form {
            title: "New preset".into(),
            action: visit.path("presets"),
            fields: vec![
                Field::required("slug", "Slug", "ci", "").of_kind(Kind::Slug),
                Field::name("", "CI pipeline"),
                Field::description(None, "What a pipeline needs"),
                permission_checks(&without_presets(catalogue), &[]),
            ],
            button: "Create".into(),
            ..Form::default()
        };
        blocks.push(form.into());
    }
    blocks.push(table.into());
    blocks
}

/// A preset is made of permissions, not of other presets.
fn without_presets(catalogue: PermissionCatalogue) -> PermissionCatalogue {
    PermissionCatalogue { presets: Vec::new(), ..catalogue }
}

pub async fn create(visit: Visit, fields: Fields) -> Result<Response, Refused> {
    let refused = |error: FieldError| visit.refused(error);
    let new = NewPreset {
        slug: Slug::parse(fields.text("slug")).map_err(refused)?,
        name: Name::parse("name", fields.text("name")).map_err(refused)?,
        description: parse_optional("description", fields.get("description"), MAX_DESCRIPTION).map_err(refused)?,
        permissions: fields.all("permissions"),
    };
    visit.change(("permission_preset.create", WRITE), None, async |change| change.add_preset(new).await).await?;
    Ok(visit.done("permissions", "made", None))
}

pub async fn show(visit: Visit, Path(slug): Path<String>) -> Result<Response, Refused> {
    let catalogue = visit.app.authority.permission_catalogue(visit.caller()).await.map_err(|error| visit.refused(error))?;
    let preset = catalogue.presets.iter().find(|preset| preset.slug.as_str() == slug).cloned();
    let preset = preset.ok_or_else(|| visit.refused(Error::NotFound("permission preset")))?;
    let held: Vec<String> = preset.permissions.iter().map(|token| token.as_str().to_owned()).collect();
    let description = preset.description.clone().unwrap_or_default();
    let mut page = Page::new(preset.slug.as_str());
    page.trail.push(visit.link("permissions", "Permissions"));
    page.push(Facts {
        title: String::new(),
        rows: vec![
            ("Name".into(), Cell::text(preset.name.as_str())),
            ("Description".into(), Cell::text(description.clone())),
            ("Scopes".into(), Cell::text(preset.permissions.to_string())),
        ],
    });
    if visit.may(WRITE) && visit.caller().demand_installation().is_ok() {
        page.push(Form {
            title: "Change".into(),
            about: "What was granted with it before stays as it was granted.".into(),
            action: visit.path(format!("presets/{slug}")),
            fields: vec![
                Field::name(preset.name.as_str(), ""),
                Field::description(Some(description), ""),
                permission_checks(&without_presets(catalogue), &held),
            ],
            button: "Save".into(),
            version: Some(preset.version),
            ..Form::default()
        });
    }
    Ok(visit.render("permissions", page))
}

pub async fn update(visit: Visit, Path(slug): Path<String>, fields: Fields) -> Result<Response, Refused> {
    let refused = |error: FieldError| visit.refused(error);
    let change = PresetChange {
        name: Some(Name::parse("name", fields.text("name")).map_err(refused)?),
        description: Some(parse_optional("description", fields.get("description"), MAX_DESCRIPTION).map_err(refused)?),
        permissions: Some(fields.all("permissions")),
    };
    visit.change(("permission_preset.update", WRITE), Some(&slug), async |begun| begun.change_preset(&slug, change).await).await?;
    Ok(visit.done(format!("presets/{slug}"), "saved", None))
}

pub async fn confirm_deletion(visit: Visit, Path(slug): Path<String>) -> Result<Response, Refused> {
    let slug = Slug::parse(&slug).map_err(|_slug| visit.refused(Error::NotFound("permission preset")))?;
    let question = Question {
        title: format!("Delete {}?", slug.as_str()),
        text: "What was granted with it stays granted.",
        facts: Facts::default(),
        action: visit.path(format!("presets/{}/delete", slug.as_str())),
        button: "Delete",
        back: visit.path("permissions"),
        ..Question::default()
    };
    Ok(visit.render("permissions", question.page()))
}

pub async fn delete(visit: Visit, Path(slug): Path<String>) -> Result<Response, Refused> {
    visit.change(("permission_preset.delete", WRITE), Some(&slug), async |change| change.remove_preset(&slug).await).await?;
    Ok(visit.done("permissions", "deleted", None))
}
