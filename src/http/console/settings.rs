//! What holds in one organization: its settings, its token quota, and its end.
use axum::extract::Path;
use axum::response::Response;

use super::organizations::{self, status};
use super::token_quotas::blocks;
use super::visit::Visit;
use crate::authority::token_quotas::QuotaOf;
use crate::domain::credential::ApiKeyPrefix;
use crate::domain::management_key::Power;
use crate::domain::organization::OrganizationStatus;
use crate::domain::settings::{Effective, Settings, SettingsChange, check_expiry_days};
use crate::domain::text::FieldError;
use crate::http::pages::{Action, Block, Cell, Facts, Field, Fields, Form, Kind, Page, Refused};

const UPDATE: (&str, Power) = ("settings.update", Power::SettingsWrite);

pub async fn show(visit: Visit, Path(id): Path<String>) -> Result<Response, Refused> {
    if !visit.may(Power::OrganizationsRead) {
        return show_without_the_organization(visit, &id).await;
    }
    let (mut page, organization) = organizations::page_of(&visit, &id, "settings").await?;
    let (authority, id) = (&visit.app.authority, organization.id.to_string());
    let settings = authority.find_settings(visit.caller(), Some(&id)).await.map_err(|error| visit.refused(error))?;
    let quota = authority.find_token_quota(visit.caller(), QuotaOf::Organization(&id)).await.map_err(|error| visit.refused(error))?;
    let mut rows = vec![
        ("ID".into(), Cell::code(id.clone())),
        ("External ID".into(), Cell::text(organization.external_id.clone().unwrap_or_default())),
        ("Principal".into(), Cell::code(organization.principal.id.to_string())),
        ("Status".into(), Cell::Chip(status(&organization))),
    ];
    rows.extend(effective_rows(&settings.effective));
    page.push(Facts { title: String::new(), rows });
    let installation = visit.caller().demand_installation().is_ok();
    if visit.may(Power::OrganizationsWrite) {
        let external_id = organization.external_id.clone().unwrap_or_default();
        page.push(Form {
            title: "Change name, external ID and metadata".into(),
            action: visit.path(format!("organizations/{id}")),
            fields: vec![
                Field::name(organization.name.as_str(), ""),
                Field::filled("external_id", "External ID", external_id, ""),
                Field::metadata(&organization.metadata),
            ],
            button: "Save".into(),
            version: Some(organization.version),
            ..Form::default()
        });
    }
    let change_settings = visit.may(Power::SettingsWrite) && installation;
    if change_settings {
        page.push(settings_form(visit.path(format!("organizations/{id}/settings")), &settings));
    }
    page.blocks.extend(blocks(&quota, visit.path(format!("organizations/{id}/token_quota")), change_settings));
    if visit.may(Power::OrganizationsWrite) && installation {
        let place = |what: &str| visit.path(format!("organizations/{id}/{what}"));
        let name = organization.name.as_str();
        let first = match organization.status {
            OrganizationStatus::Active => Action::link(place("suspend"), "Suspend", name).dangerous(),
            OrganizationStatus::Suspended => Action::post(place("reactivate"), "Reactivate", name),
        };
        page.blocks.push(Block::Actions(vec![first, Action::link(place("delete"), "Delete", name).last()]));
    }
    Ok(visit.render("organizations", page))
}

fn effective_rows(effective: &Effective) -> Vec<(String, Cell)> {
    let yes = |on: bool| Cell::text(if on { "yes" } else { "no" });
    let days = |days: Option<u32>| Cell::text(days.map_or_else(|| "none".to_owned(), |days| format!("{days} days")));
    vec![
        ("API keys may be made".into(), yes(effective.api_keys_enabled)),
        ("Applications may be made".into(), yes(effective.applications_enabled)),
        ("API keys begin with".into(), Cell::code(effective.api_key_prefix.as_str())),
        ("Keys need a scope".into(), yes(effective.require_permissions)),
        ("Expiry of a new key".into(), days(effective.default_expiry_days)),
        ("Latest expiry".into(), days(effective.max_expiry_days)),
    ]
}

fn settings_form(action: String, settings: &Settings) -> Form {
    let (choices, inherits) = (&settings.choices, settings.organization_id.is_some());
    let switch = |on: Option<bool>| match on {
        None => "",
        Some(true) => "yes",
        Some(false) => "no",
    };
    let options = [("", if inherits { "as the installation" } else { "as it comes" }), ("yes", "yes"), ("no", "no")];
    let number = |days: Option<u32>| days.map_or_else(String::new, |days| days.to_string());
    let prefix = choices.api_key_prefix.as_ref().map_or_else(String::new, |prefix| prefix.as_str().to_owned());
    Form {
        title: "Change the settings".into(),
        about: if inherits {
            "What is left empty is as in the installation."
        } else {
            "What an organization does not say for itself is as here."
        }
        .into(),
        action,
        fields: vec![
            Field::choice("api_keys_enabled", "API keys may be made", &options, switch(choices.api_keys_enabled)),
            Field::choice("applications_enabled", "Applications may be made", &options, switch(choices.applications_enabled)),
            Field::filled("api_key_prefix", "API keys begin with", prefix, "eg_live"),
            Field::choice("require_permissions", "Keys need a scope", &options, switch(choices.require_permissions)),
            Field::filled("default_expiry_days", "Expiry of a new key, days", number(choices.default_expiry_days), "90")
                .of_kind(Kind::Number(1, 3650)),
            Field::filled("max_expiry_days", "Latest expiry, days", number(choices.max_expiry_days), "365").of_kind(Kind::Number(1, 3650)),
        ],
        button: "Save".into(),
        version: Some(settings.version),
        ..Form::default()
    }
}

/// For who may read what holds there, and not what it is.
async fn show_without_the_organization(visit: Visit, id: &str) -> Result<Response, Refused> {
    let (mut page, _) = organizations::page(&visit, id, "settings").await?;
    let settings = visit.app.authority.find_settings(visit.caller(), Some(id)).await.map_err(|error| visit.refused(error))?;
    page.push(Facts { title: String::new(), rows: effective_rows(&settings.effective) });
    Ok(visit.render("organizations", page))
}

/// What holds where an organization says nothing else.
pub async fn show_of_installation(visit: Visit) -> Result<Response, Refused> {
    let settings = visit.app.authority.find_settings(visit.caller(), None).await.map_err(|error| visit.refused(error))?;
    let mut page = Page::new("Settings");
    page.push(Facts { title: "Where an organization says nothing else".into(), rows: effective_rows(&settings.effective) });
    if visit.may(Power::SettingsWrite) && visit.caller().demand_installation().is_ok() {
        page.push(settings_form(visit.path("settings"), &settings));
    }
    Ok(visit.render("settings", page))
}

pub async fn update_of_installation(visit: Visit, fields: Fields) -> Result<Response, Refused> {
    let change = settings_change(&fields).map_err(|error| visit.refused(error))?;
    visit.change(UPDATE, None, async |begun| begun.change_settings(None, change).await).await?;
    Ok(visit.done("settings", "saved", None))
}

pub async fn update(visit: Visit, Path(id): Path<String>, fields: Fields) -> Result<Response, Refused> {
    let change = settings_change(&fields).map_err(|error| visit.refused(error))?;
    visit.change(UPDATE, Some(&id), async |begun| begun.change_settings(Some(&id), change).await).await?;
    Ok(visit.done(format!("organizations/{id}/settings"), "saved", None))
}

fn settings_change(fields: &Fields) -> Result<SettingsChange, FieldError> {
    let switch = |name: &'static str| fields.chosen(name, &[("yes", true), ("no", false)]).map(Some);
    let days = |name: &'static str| {
        let days = fields.get(name).map(|text| text.parse::<u32>().unwrap_or(0));
        check_expiry_days(name, days).map(|()| Some(days))
    };
    let prefix = fields.get("api_key_prefix").map(|text| ApiKeyPrefix::parse("api_key_prefix", text)).transpose()?;
    Ok(SettingsChange {
        api_keys_enabled: switch("api_keys_enabled")?,
        applications_enabled: switch("applications_enabled")?,
        api_key_prefix: Some(prefix),
        require_permissions: switch("require_permissions")?,
        default_expiry_days: days("default_expiry_days")?,
        max_expiry_days: days("max_expiry_days")?,
    })
}
