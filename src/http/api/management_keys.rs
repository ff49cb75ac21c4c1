//! `/management_keys`.
use axum::extract::Path;
use serde::{Deserialize, Serialize};

use super::answer::Answer;
use super::call::Call;
use super::error::Stop;
use crate::authority::caller::Operation;
use crate::authority::error::Error;
use crate::domain::id::OrganizationId;
use crate::domain::management_key::{Grants, ManagementKey, NewManagementKey, Power};
use crate::domain::text::Name;

const fn write(name: &'static str) -> Operation {
    Operation { name, power: Power::ManagementKeysWrite }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CreateBody {
    name: String,
    permissions: Vec<String>,
    #[serde(default)]
    organization_id: Option<String>,
}

/// A management key with its value: in the answer that made it, and nowhere else.
#[derive(Serialize)]
struct RevealedView<'a> {
    #[serde(flatten)]
    key: &'a ManagementKey,
    value: &'a str,
}

pub async fn list(call: Call) -> Result<Answer, Stop> {
    let page = call.query.page()?;
    Ok(Answer::list(&call.app.authority.list_management_keys(call.caller(), &page).await?))
}

pub async fn create(call: Call) -> Result<Answer, Stop> {
    let call = call.authorize(write("management_key.create"), None).await?;
    let body: CreateBody = call.json()?;
    let organization_id =
        body.organization_id.map(|id| id.parse::<OrganizationId>()).transpose().map_err(|_id| Error::NotFound("organization"))?;
    let new = NewManagementKey {
        name: Name::parse("name", &body.name)?,
        permissions: Grants::parse(body.permissions.iter().map(String::as_str))?,
        organization_id,
    };
    let mut begin = call.begin().await?;
    let outcome = begin.change.create_management_key(new).await;
    begin.finish(outcome.map(|revealed| Answer::created(&RevealedView { key: &revealed.key, value: revealed.plain.expose() }))).await
}

pub async fn delete(Path(id): Path<String>, call: Call) -> Result<Answer, Stop> {
    let call = call.authorize(write("management_key.delete"), Some(&id)).await?;
    let mut begin = call.begin().await?;
    let outcome = begin.change.delete_management_key(&id).await;
    begin.finish(outcome.map(|()| Answer::no_content())).await
}
