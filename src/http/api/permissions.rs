//! `/authorization/permissions`.
use axum::extract::Path;
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::answer::Answer;
use super::call::Call;
use super::error::Stop;
use super::json::nullable;
use crate::authority::caller::Operation;
use crate::domain::management_key::Power;
use crate::domain::permission::{NewPermission, PermissionChange, Slug};
use crate::domain::text::{MAX_DESCRIPTION, Name, parse_optional};

const fn write(name: &'static str) -> Operation {
    Operation { name, power: Power::PermissionsWrite }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CreateBody {
    slug: String,
    name: String,
    #[serde(default)]
    description: Option<String>,
    #[serde(default)]
    resource_server: Option<String>,
    #[serde(default, rename = "resource_type_slug")]
    _resource_type_slug: Option<IgnoredAny>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct UpdateBody {
    #[serde(default)]
    name: Option<String>,
    #[serde(default, deserialize_with = "nullable")]
    description: Option<Option<String>>,
}

pub async fn list(call: Call) -> Result<Answer, Stop> {
    let page = call.query.page()?;
    Ok(Answer::list(&call.app.authority.list_permissions(call.caller(), &page).await?))
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
    let mut begin = call.begin().await?;
    let outcome = begin.change.change_permission(&slug, PermissionChange { name, description }).await;
    begin.finish(outcome.map(|permission| Answer::ok(&permission).version(permission.version))).await
}

pub async fn delete(Path(slug): Path<String>, call: Call) -> Result<Answer, Stop> {
    let call = call.authorize(write("permission.delete"), Some(&slug)).await?;
    let mut begin = call.begin().await?;
    let outcome = begin.change.remove_permission(&slug).await;
    begin.finish(outcome.map(|()| Answer::no_content())).await
}
