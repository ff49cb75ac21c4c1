//! `/authorization/permissions`.
use axum::extract::Path;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

use super::answer::{Answer, List};
use super::call::Call;
use super::error::Stop;
use super::json::{Ignored, nullable};
use crate::authority::caller::Operation;
use crate::domain::management_key::Power;
use crate::domain::permission::{HolderKind, NewPermission, Permission, PermissionCatalogue, PermissionChange, Slug};
use crate::domain::text::{FieldError, MAX_DESCRIPTION, Name, parse_optional};
use crate::http::reference::Routes;

pub fn routes() -> Routes {
    let example = || json!({ "slug": "flows:execute", "name": "Execute flows", "description": "Start a flow and read its result" });
    Routes::new("Permissions")
        .get("/permissions", catalogue, "Show the permission catalogue", |op| {
            op.about("Every permission, grouped by resource, and every preset.").answers::<PermissionCatalogue>()
        })
        .get("/authorization/permissions", list, "List permissions", |op| op.pages().answers::<List<Permission>>())
        .post("/authorization/permissions", create, "Add a permission", |op| op.takes::<CreateBody>(example()).creates::<Permission>())
        .get("/authorization/permissions/{slug}", find, "Find a permission", |op| op.answers::<Permission>())
        .patch("/authorization/permissions/{slug}", update, "Change a permission", |op| {
            op.takes::<UpdateBody>(json!({ "name": "Run flows" })).answers::<Permission>()
        })
        .delete("/authorization/permissions/{slug}", delete, "Remove a permission", |op| op.about("One that anything holds stays: 409."))
}

const fn write(name: &'static str) -> Operation {
    Operation { name, power: Power::PermissionsWrite }
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "NewPermission")]
struct CreateBody {
    #[schemars(length(min = 1, max = 128), pattern(r"^[a-z0-9_.*-]+(:[a-z0-9_.*-]+)*$"))]
    slug: String,
    #[schemars(with = "Name")]
    name: String,
    #[serde(default)]
    #[schemars(length(max = 1000))]
    description: Option<String>,
    /// Which kinds of credential may hold it; all unless said otherwise.
    #[serde(default)]
    #[schemars(with = "Option<Vec<HolderKind>>", length(min = 1))]
    grantable_to: Option<Vec<String>>,
    /// The identifier of the one resource server it is for; null is any.
    #[serde(default)]
    resource_server: Option<String>,
    #[serde(default, rename = "resource_type_slug")]
    _resource_type_slug: Option<Ignored>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "PermissionChange")]
struct UpdateBody {
    #[serde(default)]
    #[schemars(with = "Option<Name>")]
    name: Option<String>,
    #[serde(default, deserialize_with = "nullable")]
    #[schemars(length(max = 1000))]
    description: Option<Option<String>>,
    #[serde(default)]
    #[schemars(with = "Option<Vec<HolderKind>>", length(min = 1))]
    grantable_to: Option<Vec<String>>,
}

fn parse_kinds(names: Option<Vec<String>>) -> Result<Option<Vec<HolderKind>>, FieldError> {
    names.map(|names| HolderKind::parse_all(names.iter().map(String::as_str))).transpose()
}

pub async fn list(call: Call) -> Result<Answer, Stop> {
    let page = call.query.page()?;
    Ok(Answer::list(call.app.authority.list_permissions(call.caller(), &page).await?))
}

/// Everything at once, for whoever picks.
pub async fn catalogue(call: Call) -> Result<Answer, Stop> {
    Ok(Answer::ok(&call.app.authority.permission_catalogue(call.caller()).await?))
}

pub async fn find(Path(slug): Path<String>, call: Call) -> Result<Answer, Stop> {
    let permission = call.app.authority.find_permission(call.caller(), &slug).await?;
    Ok(Answer::ok(&permission).version(permission.version))
}

pub async fn create(call: Call) -> Result<Answer, Stop> {
    let call = call.authorize(write("permission.create"), None).await?;
    let body: CreateBody = call.json()?;
    let new = NewPermission {
        slug: Slug::parse(&body.slug)?,
        name: Name::parse("name", &body.name)?,
        description: parse_optional("description", body.description.as_deref(), MAX_DESCRIPTION)?,
        resource_server: body.resource_server,
        grantable_to: parse_kinds(body.grantable_to)?.unwrap_or(HolderKind::ALL.to_vec()),
    };
    let mut begin = call.begin().await?;
    let outcome = begin.change.add_permission(new).await;
    begin.finish(outcome.map(|permission| Answer::created(&permission).version(permission.version))).await
}

pub async fn update(Path(slug): Path<String>, call: Call) -> Result<Answer, Stop> {
    let call = call.authorize(write("permission.update"), Some(&slug)).await?;
    let body: UpdateBody = call.json()?;
    let name = body.name.map(|name| Name::parse("name", &name)).transpose()?;
    let description = match body.description {
        Some(description) => Some(parse_optional("description", description.as_deref(), MAX_DESCRIPTION)?),
        None => None,
    };
    let grantable_to = parse_kinds(body.grantable_to)?;
    let mut begin = call.begin().await?;
    let outcome = begin.change.change_permission(&slug, PermissionChange { name, description, grantable_to }).await;
    begin.finish(outcome.map(|permission| Answer::ok(&permission).version(permission.version))).await
}

pub async fn delete(Path(slug): Path<String>, call: Call) -> Result<Answer, Stop> {
    let call = call.authorize(write("permission.delete"), Some(&slug)).await?;
    let mut begin = call.begin().await?;
    let outcome = begin.change.remove_permission(&slug).await;
    begin.finish(outcome.map(|()| Answer::no_content())).await
}
