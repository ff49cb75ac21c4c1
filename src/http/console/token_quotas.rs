//! Token quotas: how many tokens an organization or an application may obtain, and how many it has.
use axum::extract::Path;
use axum::response::Response;

use super::visit::Visit;
use crate::authority::token_quotas::QuotaOf;
use crate::domain::management_key::Power;
use crate::domain::text::FieldError;
use crate::domain::token_quota::{LimitsChange, TokenQuota, parse_limit};
use crate::http::pages::{Block, Cell, Facts, Field, Fields, Form, Kind, Refused};

/// What there is to say of a quota, and the form that changes it.
pub fn blocks(quota: &TokenQuota, action: String, changeable: bool) -> Vec<Block> {
    let limit = |limit: Option<std::num::NonZeroU32>| limit.map_or_else(String::new, |limit| limit.to_string());
    let (per_hour, per_day) = (limit(quota.limits.per_hour), limit(quota.limits.per_day));
    let shown = |limit: &str, tokens: u32| if limit.is_empty() { "no limit".to_owned() } else { format!("{tokens} of {limit}") };
    let rows = vec![
        ("Tokens this hour".to_owned(), Cell::text(shown(&per_hour, quota.tokens_this_hour))),
        ("Tokens today (UTC)".to_owned(), Cell::text(shown(&per_day, quota.tokens_today))),
        (
            "Beyond a limit".to_owned(),
            Cell::text(match (quota.limits.is_any(), quota.limits.enforce) {
                (false, _) => "–",
                (true, true) => "refused with 429",
                (true, false) => "only told",
            }),
        ),
    ];
    let mut blocks = vec![Facts { title: "Token quota".into(), rows }.into()];
    if changeable {
        let text = |name, label, value| Field::filled(name, label, value, "").of_kind(Kind::Number(1, u32::MAX));
        let form = Form {
            title: "Change the token quota".into(),
            action,
            fields: vec![
                text("per_hour", "Tokens an hour", per_hour),
                text("per_day", "Tokens a day", per_day),
                Field::Tick { name: "enforce", label: "Refuse what is beyond it", on: quota.limits.enforce },
            ],
            button: "Save".into(),
            version: Some(quota.version),
            ..Form::default()
        };
        blocks.push(form.into());
    }
    blocks
}

/// What a form says of a quota: an empty field is no limit.
fn limits(fields: &Fields) -> Result<LimitsChange, FieldError> {
    let limit = |name: &'static str| {
        let number = fields.get(name).map(|text| text.parse::<i64>().unwrap_or(0));
        parse_limit(name, number).map(Some)
    };
    Ok(LimitsChange { per_hour: limit("per_hour")?, per_day: limit("per_day")?, enforce: Some(fields.has("enforce")) })
}

async fn change(visit: Visit, of: QuotaOf<'_>, id: &str, place: String, fields: Fields) -> Result<Response, Refused> {
    let change = limits(&fields).map_err(|error| visit.refused(error))?;
    let update = ("token_quota.update", Power::SettingsWrite);
    visit.change(update, Some(id), async |begun| begun.change_token_quota(of, change).await).await?;
    Ok(visit.done(place, "saved", None))
}

pub async fn change_of_organization(visit: Visit, Path(id): Path<String>, fields: Fields) -> Result<Response, Refused> {
    change(visit, QuotaOf::Organization(&id), &id, format!("organizations/{id}/settings"), fields).await
}

pub async fn change_of_application(visit: Visit, Path(id): Path<String>, fields: Fields) -> Result<Response, Refused> {
    change(visit, QuotaOf::Application(&id), &id, format!("applications/{id}"), fields).await
}
