//! What holds in one organization: its settings, its token quota, and its end.
use axum::extract::Path;
use axum::response::Response;

use super::organizations::{self, status};
use super::visit::Visit;
use crate::authority::token_quotas::QuotaOf;
use crate::domain::credential::ApiKeyPrefix;
use crate::domain::management_key::Power;
use crate::domain::organization::OrganizationStatus;
use crate::domain::settings::{Choices, SettingsChange, check_expiry_days};
use crate::domain::text::FieldError;
use crate::domain::token_quota::{LimitsChange, TokenQuota, parse_limit};
use crate::http::pages::{Action, Block, Cell, Facts, Field, Fields, Form, Refused};

/// What there is to say of a quota, and the form that changes it.
pub fn quota_blocks(quota: &TokenQuota, action: String, changeable: bool) -> Vec<Block> {
    let limit = |limit: Option<std::num::NonZeroU32>| limit.map_or_else(String::new, |limit| limit.to_string());
    let (per_hour, per_day) = (limit(quota.limits.per_hour), limit(quota.limits.per_day));
    let shown = |limit: &str, tokens: u32| if limit.is_empty() { "no limit".to_owned() } else { format!("{tokens} of {limit}") };
    let rows = vec![
        ("Tokens this hour".to_owned(), Cell::text(shown(&per_hour, quota.tokens_this_hour))),
        ("Tokens today (UTC)".to_owned(), Cell::text(shown(&per_day, quota.tokens_today))),
        ("Beyond a limit".to_owned(), Cell::text(if quota.limits.enforce { "refused with 429" } else { "only told" })),
    ];
    let mut blocks = vec![Facts { title: "Token quota".into(), rows }.into()];
    if changeable {
        let text = |name, label, value| Field::filled(name, label, value, "");
        let form = Form {
            title: "Change the token quota".into(),
            action,
            fields: vec![
                text("per_hour", "Tokens an hour", per_hour),
                text("per_day", "Tokens a day", per_day),
                Field::Tick { name: "enforce", label: "Refuse what is beyond it", on: quota.limits.enforce },
            ],
            button: "Save".into(),
            ..Form::default()
        };
        blocks.push(form.into());
    }
    blocks
}

/// What a form says of a quota: an empty field is no limit.
pub fn limits(fields: &Fields) -> Result<LimitsChange, FieldError> {
    let limit = |name: &'static str| {
        let number = fields.get(name).map(|text| text.parse::<i64>().unwrap_or(0));
        parse_limit(name, number).map(Some)
    };
    Ok(LimitsChange { per_hour: limit("per_hour")?, per_day: limit("per_day")?, enforce: Some(fields.has("enforce")) })
}

pub async fn show(visit: Visit, Path(id): Path<String>) -> Result<Response, Refused> {
    let (mut page, organization) = organizations::page(&visit, &id, "settings").await?;
    let (authority, id) = (&visit.app.authority, organization.id.to_string());
    let settings = authority.find_settings(visit.caller(), Some(&id)).await.map_err(|error| visit.refused(error))?;
    let quota = authority.find_token_quota(visit.caller(), QuotaOf::Organization(&id)).await.map_err(|error| visit.refused(error))?;
    let effective = &settings.effective;
    let yes = |on: bool| Cell::text(if on { "yes" } else { "no" });
    let days = |days: Option<u32>| Cell::text(days.map_or_else(|| "none".to_owned(), |days| format!("{days} days")));
    page.push(Facts {
        title: String::new(),
        rows: vec![
            ("ID".into(), Cell::code(id.clone())),
            ("External ID".into(), Cell::text(organization.external_id.clone().unwrap_or_default())),
            ("Principal".into(), Cell::code(organization.principal.id.to_string())),
            ("Status".into(), Cell::Chip(status(&organization))),
            ("API keys may be made".into(), yes(effective.api_keys_enabled)),
            ("Applications may be made".into(), yes(effective.applications_enabled)),
            ("API keys begin with".into(), Cell::code(effective.api_key_prefix.as_str())),
            ("Keys need a scope".into(), yes(effective.require_permissions)),
            ("Expiry of a new key".into(), days(effective.default_expiry_days)),
            ("Latest expiry".into(), days(effective.max_expiry_days)),
        ],
    });
    let installation = visit.caller().demand_installation().is_ok();
    if visit.may(Power::OrganizationsWrite) {
        let external_id = organization.external_id.clone().unwrap_or_default();
        page.push(Form {
            title: "Change name and external ID".into(),
            action: visit.path(format!("organizations/{id}")),
            fields: vec![Field::name(organization.name.as_str(), ""), Field::filled("external_id", "External ID", external_id, "")],
            button: "Save".into(),
            ..Form::default()
        });
    }
    let change_settings = visit.may(Power::SettingsWrite) && installation;
    if change_settings {
        page.push(settings_form(visit.path(format!("organizations/{id}/settings")), &settings.choices));
    }
    page.blocks.extend(quota_blocks(&quota, visit.path(format!("organizations/{id}/token_quota")), change_settings));
    if visit.may(Power::OrganizationsWrite) && installation {
        let place = |what: &str| visit.path(format!("organizations/{id}/{what}"));
        let name = organization.name.as_str();
        let first = match organization.status {
            OrganizationStatus::Active => Action::link(place("suspend"), "Suspend", name).dangerous(),
            OrganizationStatus::Suspended => Action::post(place("reactivate"), "Reactivate", name),
        };
        page.blocks.push(Block::Actions(vec![first, Action::link(place("delete"), "Delete", name).dangerous()]));
    }
    Ok(visit.render("organizations", page))
}

fn settings_form(action: String, choices: &Choices) -> Form {
    let switch = |on: Option<bool>| match on {
        None => "",
        Some(true) => "yes",
        Some(false) => "no",
    };
    let options = [("", "as the installation"), ("yes", "yes"), ("no", "no")];
    let number = |days: Option<u32>| days.map_or_else(String::new, |days| days.to_string());
    let prefix = choices.api_key_prefix.as_ref().map_or_else(String::new, |prefix| prefix.as_str().to_owned());
    Form {
        title: "Change the settings".into(),
        about: "What is left empty is as in the installation.".into(),
        action,
        fields: vec![
            Field::choice("api_keys_enabled", "API keys may be made", &options, switch(choices.api_keys_enabled)),
            Field::choice("applications_enabled", "Applications may be made", &options, switch(choices.applications_enabled)),
            Field::filled("api_key_prefix", "API keys begin with", prefix, "eg_live"),
            Field::choice("require_permissions", "Keys need a scope", &options, switch(choices.require_permissions)),
            Field::filled("default_expiry_days", "Expiry of a new key, days", number(choices.default_expiry_days), "90"),
            Field::filled("max_expiry_days", "Latest expiry, days", number(choices.max_expiry_days), "365"),
        ],
        button: "Save".into(),
        ..Form::default()
    }
}

pub async fn update(visit: Visit, Path(id): Path<String>, fields: Fields) -> Result<Response, Refused> {
    let change = settings_change(&fields).map_err(|error| visit.refused(error))?;
    let update = ("settings.update", Power::SettingsWrite);
    visit.change(update, Some(&id), async |begun| begun.change_settings(Some(&id), change).await).await?;
    Ok(visit.done(format!("organizations/{id}/settings"), "saved", None))
}

fn settings_change(fields: &Fields) -> Result<SettingsChange, FieldError> {
    let switch = |name: &str| Some(fields.get(name).map(|text| text == "yes"));
    let days = |name: &'static str| {
        let days = fields.get(name).map(|text| text.parse::<u32>().unwrap_or(0));
        check_expiry_days(name, days).map(|()| Some(days))
    };
    let prefix = fields.get("api_key_prefix").map(|text| ApiKeyPrefix::parse("api_key_prefix", text)).transpose()?;
    Ok(SettingsChange {
        api_keys_enabled: switch("api_keys_enabled"),
        applications_enabled: switch("applications_enabled"),
        api_key_prefix: Some(prefix),
        require_permissions: switch("require_permissions"),
        default_expiry_days: days("default_expiry_days")?,
        max_expiry_days: days("max_expiry_days")?,
    })
}

pub async fn change_quota(visit: Visit, Path(id): Path<String>, fields: Fields) -> Result<Response, Refused> {
    let change = limits(&fields).map_err(|error| visit.refused(error))?;
    let update = ("token_quota.update", Power::SettingsWrite);
    visit.change(update, Some(&id), async |begun| begun.change_token_quota(QuotaOf::Organization(&id), change).await).await?;
    Ok(visit.done(format!("organizations/{id}/settings"), "saved", None))
}
