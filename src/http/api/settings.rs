//! `/settings` and `/organizations/{id}/settings`.
use axum::extract::Path;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

use super::answer::Answer;
use super::call::Call;
use super::error::Stop;
use super::json::nullable;
use crate::authority::caller::Operation;
use crate::domain::credential::ApiKeyPrefix;
use crate::domain::management_key::Power;
use crate::domain::settings::{Settings, SettingsChange, check_expiry_days};
use crate::http::reference::Routes;

pub fn routes() -> Routes {
    Routes::new("Settings")
        .get("/settings", find_of_installation, "Show the settings", |op| op.answers::<Settings>())
        .put("/settings", update_of_installation, "Change the settings", |op| {
            op.about("What is left out stays as it is; null goes back to what is built in.")
                .takes::<UpdateBody>(json!({ "api_key_prefix": "eg_live", "default_expiry_days": 90 }))
                .answers::<Settings>()
        })
        .get("/organizations/{id}/settings", find_of_organization, "Show the settings of an organization", |op| op.answers::<Settings>())
        .put("/organizations/{id}/settings", update_of_organization, "Change the settings of an organization", |op| {
            op.about("What is left out stays as it is; null inherits from the installation.")
                .takes::<UpdateBody>(json!({ "require_permissions": true, "max_expiry_days": 365 }))
                .answers::<Settings>()
        })
}

const fn write(name: &'static str) -> Operation {
    Operation { name, power: Power::SettingsWrite }
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "SettingsChange")]
struct UpdateBody {
    /// Whether API keys may be made; those there are go on working.
    #[serde(default, deserialize_with = "nullable")]
    api_keys_enabled: Option<Option<bool>>,
    /// Whether applications may be made; those there are go on working.
    #[serde(default, deserialize_with = "nullable")]
    applications_enabled: Option<Option<bool>>,
    /// What new API keys begin with.
    #[serde(default, deserialize_with = "nullable")]
    #[schemars(with = "Option<ApiKeyPrefix>")]
    api_key_prefix: Option<Option<String>>,
    /// Whether a key needs at least one permission.
    #[serde(default, deserialize_with = "nullable")]
    require_permissions: Option<Option<bool>>,
    /// The expiry of a key made without saying one.
    #[serde(default, deserialize_with = "nullable")]
    #[schemars(range(min = 1, max = 3650))]
    default_expiry_days: Option<Option<u32>>,
    /// The latest expiry a key may be given; with it, every new key has one.
    #[serde(default, deserialize_with = "nullable")]
    #[schemars(range(min = 1, max = 3650))]
    max_expiry_days: Option<Option<u32>>,
}

fn parse(body: UpdateBody) -> Result<SettingsChange, Stop> {
    check_expiry_days("default_expiry_days", body.default_expiry_days.flatten())?;
    check_expiry_days("max_expiry_days", body.max_expiry_days.flatten())?;
    let prefix = |prefix: Option<String>| prefix.map(|text| ApiKeyPrefix::parse("api_key_prefix", &text)).transpose();
    Ok(SettingsChange {
        api_keys_enabled: body.api_keys_enabled,
        applications_enabled: body.applications_enabled,
        api_key_prefix: body.api_key_prefix.map(prefix).transpose()?,
        require_permissions: body.require_permissions,
        default_expiry_days: body.default_expiry_days,
        max_expiry_days: body.max_expiry_days,
    })
}

fn answer(settings: &Settings) -> Answer {
    Answer::ok(settings).version(settings.version)
}

pub async fn find_of_installation(call: Call) -> Result<Answer, Stop> {
    Ok(answer(&call.app.authority.find_settings(call.caller(), None).await?))
}

pub async fn find_of_organization(Path(id): Path<String>, call: Call) -> Result<Answer, Stop> {
    Ok(answer(&call.app.authority.find_settings(call.caller(), Some(&id)).await?))
}

pub async fn update_of_installation(call: Call) -> Result<Answer, Stop> {
    update(None, call).await
}

pub async fn update_of_organization(Path(id): Path<String>, call: Call) -> Result<Answer, Stop> {
    update(Some(&id), call).await
}

async fn update(of: Option<&str>, call: Call) -> Result<Answer, Stop> {
    let call = call.authorize(write("settings.update"), of).await?;
    let change = parse(call.json()?)?;
    let mut begin = call.begin().await?;
    let outcome = begin.change.change_settings(of, change).await;
    begin.finish(outcome.map(|settings| answer(&settings))).await
}
