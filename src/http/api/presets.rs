//! `/permission_presets`.
use axum::extract::Path;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

use super::answer::{Answer, List};
use super::call::Call;
use super::error::Stop;
use super::json::nullable;
use crate::authority::caller::Operation;
use crate::domain::management_key::Power;
use crate::domain::permission::{NewPreset, Preset, PresetChange, Slug};
use crate::domain::text::{MAX_DESCRIPTION, Name, parse_optional};
use crate::http::reference::Routes;

pub fn routes() -> Routes {
    let example = || json!({ "slug": "ci", "name": "CI pipeline", "permissions": ["flows:execute", "runner:complete"] });
    Routes::new("Permission presets")
        .get("/permission_presets", list, "List permission presets", |op| op.pages().answers::<List<Preset>>())
        .post("/permission_presets", create, "Add a permission preset", |op| op.takes::<CreateBody>(example()).creates::<Preset>())
        .put("/permission_presets/{slug}", update, "Change a permission preset", |op| {
            op.about("What was granted through it before stays as it is.")
                .takes::<UpdateBody>(json!({ "permissions": ["flows:execute"] }))
                .answers::<Preset>()
        })
        .delete("/permission_presets/{slug}", delete, "Remove a permission preset", |op| op)
}

const fn write(name: &'static str) -> Operation {
    Operation { name, power: Power::PermissionsWrite }
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "NewPermissionPreset")]
struct CreateBody {
    #[schemars(length(min = 1, max = 128), pattern(r"^[a-z0-9_.*-]+(:[a-z0-9_.*-]+)*$"))]
    slug: String,
    #[schemars(with = "Name")]
    name: String,
    #[serde(default)]
    #[schemars(length(max = 1000))]
    description: Option<String>,
    /// Slugs; `*` is all there are now.
    #[schemars(length(min = 1, max = 100))]
    permissions: Vec<String>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "PermissionPresetChange")]
struct UpdateBody {
    #[serde(default)]
    #[schemars(with = "Option<Name>")]
    name: Option<String>,
    #[serde(default, deserialize_with = "nullable")]
    #[schemars(length(max = 1000))]
    description: Option<Option<String>>,
    #[serde(default)]
    #[schemars(length(min = 1, max = 100))]
    permissions: Option<Vec<String>>,
}

pub async fn list(call: Call) -> Result<Answer, Stop> {
    let page = call.query.page()?;
    Ok(Answer::list(call.app.authority.list_presets(call.caller(), &page).await?))
}

pub async fn create(call: Call) -> Result<Answer, Stop> {
    let call = call.authorize(write("permission_preset.create"), None).await?;
    let body: CreateBody = call.json()?;
    let new = NewPreset {
        slug: Slug::parse(&body.slug)?,
        name: Name::parse("name", &body.name)?,
        description: parse_optional("description", body.description.as_deref(), MAX_DESCRIPTION)?,
        permissions: body.permissions,
    };
    let mut begin = call.begin().await?;
    let outcome = begin.change.add_preset(new).await;
    begin.finish(outcome.map(|preset| Answer::created(&preset).version(preset.version))).await
}

pub async fn update(Path(slug): Path<String>, call: Call) -> Result<Answer, Stop> {
    let call = call.authorize(write("permission_preset.update"), Some(&slug)).await?;
    let body: UpdateBody = call.json()?;
    let change = PresetChange {
        name: body.name.map(|name| Name::parse("name", &name)).transpose()?,
        description: body.description.map(|text| parse_optional("description", text.as_deref(), MAX_DESCRIPTION)).transpose()?,
        permissions: body.permissions,
    };
    let mut begin = call.begin().await?;
    let outcome = begin.change.change_preset(&slug, change).await;
    begin.finish(outcome.map(|preset| Answer::ok(&preset).version(preset.version))).await
}

pub async fn delete(Path(slug): Path<String>, call: Call) -> Result<Answer, Stop> {
    let call = call.authorize(write("permission_preset.delete"), Some(&slug)).await?;
    let mut begin = call.begin().await?;
    let outcome = begin.change.remove_preset(&slug).await;
    begin.finish(outcome.map(|()| Answer::no_content())).await
}
