//! `/management_keys`.
use axum::extract::Path;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::answer::{Answer, List};
use super::call::Call;
use super::error::Stop;
use crate::authority::caller::Operation;
use crate::authority::error::Error;
use crate::domain::id::OrganizationId;
use crate::domain::management_key::{Grants, Identity, ManagementKey, NewManagementKey, Power};
use crate::domain::text::Name;
use crate::http::reference::Routes;

pub fn routes() -> Routes {
    Routes::new("Management keys")
        .get("/management_keys", list, "List management keys", |op| op.pages().answers::<List<ManagementKey>>())
        .post("/management_keys", create, "Create a management key", |op| {
            op.about("The answer holds its value, this once. No key grants what it lacks.")
                .takes::<CreateBody>(json!({ "name": "Deploy", "permissions": ["applications:read", "applications:write"] }))
                .creates::<RevealedView>()
        })
        .delete("/management_keys/{id}", delete, "Delete a management key", |op| op)
}

const fn write(name: &'static str) -> Operation {
    Operation { name, power: Power::ManagementKeysWrite }
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "NewManagementKey")]
struct CreateBody {
    #[schemars(with = "Name")]
    name: String,
    /// `*`, `*:read`, or `resource:action` of this API.
    #[schemars(length(min = 1))]
    permissions: Vec<String>,
    /// The one organization it reaches; left out, it reaches the whole installation.
    #[serde(default)]
    organization_id: Option<String>,
    /// Who signs in to the console as it, where an identity provider is set: an e-mail address that it verified, or its `sub`.
    #[serde(default)]
    #[schemars(length(min = 1, max = 255))]
    signs_in_as: Option<String>,
}

/// A management key with its value: in the answer that made it, and nowhere else.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "management_key.created")]
struct RevealedView<'a> {
    #[serde(flatten)]
    key: &'a ManagementKey,
    value: &'a str,
}

pub async fn list(call: Call) -> Result<Answer, Stop> {
    let page = call.query.page()?;
    Ok(Answer::list(call.app.authority.list_management_keys(call.caller(), &page).await?))
}

pub async fn create(call: Call) -> Result<Answer, Stop> {
    let call = call.authorize(write("management_key.create"), None).await?;
    let body: CreateBody = call.json()?;
    let name = Name::parse("name", &body.name)?;
    let permissions = Grants::parse(body.permissions.iter().map(String::as_str))?;
    let organization_id = body.organization_id.map(|id| id.parse::<OrganizationId>()).transpose();
    let signs_in_as = body.signs_in_as.as_deref().map(|text| Identity::parse(text, call.call.app.authority.openid_issuer())).transpose()?;
    let mut begin = call.begin().await?;
    let outcome = match organization_id {
        Ok(organization_id) => {
            begin.change.create_management_key(NewManagementKey { name, permissions, organization_id, signs_in_as }).await
        }
        Err(_) => Err(Error::NotFound("organization")),
    };
    begin.finish(outcome.map(|revealed| Answer::created(&RevealedView { key: &revealed.key, value: revealed.plain.expose() }))).await
}

pub async fn delete(Path(id): Path<String>, call: Call) -> Result<Answer, Stop> {
    let call = call.authorize(write("management_key.delete"), Some(&id)).await?;
    let mut begin = call.begin().await?;
    let outcome = begin.change.delete_management_key(&id).await;
    begin.finish(outcome.map(|()| Answer::no_content())).await
}
