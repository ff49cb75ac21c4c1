//! `/organizations/{id}/token_quota` and `/connect/applications/{id}/token_quota`.
use axum::extract::Path;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

use super::answer::Answer;
use super::call::Call;
use super::error::Stop;
use super::json::nullable;
use crate::authority::caller::Operation;
use crate::authority::token_quotas::QuotaOf;
use crate::domain::management_key::Power;
use crate::domain::token_quota::{LimitsChange, TokenQuota, parse_limit};
use crate::http::reference::Routes;

const ABOUT: &str = "What is left out stays as it is; null is no limit. With enforce, a token beyond a limit is answered 429 until the window is \
                     over; without, it is issued, and an event and a counter tell of it.";

pub fn routes() -> Routes {
    let example = || json!({ "per_hour": 1000, "per_day": 10_000, "enforce": false });
    Routes::new("Token quotas")
        .get("/organizations/{id}/token_quota", find_of_organization, "Show the token quota of an organization", |op| {
            op.about("Of all its applications and keys together.").answers::<TokenQuota>()
        })
        .put("/organizations/{id}/token_quota", update_of_organization, "Change the token quota of an organization", |op| {
            op.about(ABOUT).takes::<UpdateBody>(example()).answers::<TokenQuota>()
        })
        .get("/connect/applications/{id}/token_quota", find_of_application, "Show the token quota of an application", |op| {
            op.answers::<TokenQuota>()
        })
        .put("/connect/applications/{id}/token_quota", update_of_application, "Change the token quota of an application", |op| {
            op.about(ABOUT).takes::<UpdateBody>(example()).answers::<TokenQuota>()
        })
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "TokenQuotaChange")]
struct UpdateBody {
    /// Tokens in an hour of the clock.
    #[serde(default, deserialize_with = "nullable")]
    #[schemars(range(min = 1, max = 1_000_000_000))]
    per_hour: Option<Option<i64>>,
    /// Tokens in a day of UTC.
    #[serde(default, deserialize_with = "nullable")]
    #[schemars(range(min = 1, max = 1_000_000_000))]
    per_day: Option<Option<i64>>,
    /// Whether tokens beyond a limit are refused.
    #[serde(default)]
    enforce: Option<bool>,
}

fn parse(body: UpdateBody) -> Result<LimitsChange, Stop> {
    let limit = |field, limit: Option<Option<i64>>| limit.map(|limit| parse_limit(field, limit)).transpose();
    Ok(LimitsChange { per_hour: limit("per_hour", body.per_hour)?, per_day: limit("per_day", body.per_day)?, enforce: body.enforce })
}

fn answer(quota: &TokenQuota) -> Answer {
    Answer::ok(quota).version(quota.version)
}

pub async fn find_of_organization(Path(id): Path<String>, call: Call) -> Result<Answer, Stop> {
    find(QuotaOf::Organization(&id), call).await
}

pub async fn find_of_application(Path(id): Path<String>, call: Call) -> Result<Answer, Stop> {
    find(QuotaOf::Application(&id), call).await
}

pub async fn update_of_organization(Path(id): Path<String>, call: Call) -> Result<Answer, Stop> {
    update(QuotaOf::Organization(&id), &id, call).await
}

pub async fn update_of_application(Path(id): Path<String>, call: Call) -> Result<Answer, Stop> {
    update(QuotaOf::Application(&id), &id, call).await
}

async fn find(of: QuotaOf<'_>, call: Call) -> Result<Answer, Stop> {
    Ok(answer(&call.app.authority.find_token_quota(call.caller(), of).await?))
}

async fn update(of: QuotaOf<'_>, id: &str, call: Call) -> Result<Answer, Stop> {
    let operation = Operation { name: "token_quota.update", power: Power::SettingsWrite };
    let call = call.authorize(operation, Some(id)).await?;
    let change = parse(call.json()?)?;
    let mut begin = call.begin().await?;
    let outcome = begin.change.change_token_quota(of, change).await;
    begin.finish(outcome.map(|quota| answer(&quota))).await
}
