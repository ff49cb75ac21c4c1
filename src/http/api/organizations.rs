//! `/organizations`.
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
use crate::domain::metadata::{SentMetadata, check_metadata, without_nulls};
use crate::domain::organization::{NewOrganization, Organization, OrganizationChange};
use crate::domain::page::Page;
use crate::domain::text::{MAX_EXTERNAL_ID, Name, parse_optional};
use crate::http::reference::Routes;

pub fn routes() -> Routes {
    let example = || json!({ "name": "Acme", "external_id": "customer-42", "metadata": { "plan": "paid" } });
    Routes::new("Organizations")
        .get("/organizations", list, "List organizations", |op| {
            op.pages()
                .query("search", "A part of the name.")
                .query("domains", "Domains, with commas between them: no organization has any.")
                .answers::<List<Organization>>()
        })
        .post("/organizations", create, "Register an organization", |op| op.takes::<CreateBody>(example()).creates::<Organization>())
        .get("/organizations/{id}", find, "Find an organization", |op| op.answers::<Organization>())
        .put("/organizations/{id}", update, "Change an organization", |op| {
            op.about("What is left out stays as it is; null clears.")
                .takes::<UpdateBody>(json!({ "name": "Acme Ltd" }))
                .answers::<Organization>()
        })
        .delete("/organizations/{id}", delete, "Delete an organization", |op| {
            op.about("With everything under it: its applications, keys, memberships and tokens are dead at once.")
        })
        .get("/organizations/external_id/{external_id}", find_by_external_id, "Find an organization by its external id", |op| {
            op.answers::<Organization>()
        })
        .post("/organizations/{id}/suspend", suspend, "Suspend an organization", |op| {
            op.about("Nothing of it works until it is reactivated; tokens from before stay dead.").answers::<Organization>()
        })
        .post("/organizations/{id}/reactivate", reactivate, "Reactivate an organization", |op| op.answers::<Organization>())
}

const fn write(name: &'static str) -> Operation {
    Operation { name, power: Power::OrganizationsWrite }
}

/// The ignored members are the WorkOS SDKs', which have no meaning here.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "NewOrganization")]
struct CreateBody {
    #[schemars(with = "Name")]
    name: String,
    #[serde(default)]
    #[schemars(length(max = 255))]
    external_id: Option<String>,
    #[serde(default)]
    metadata: Option<SentMetadata>,
    #[serde(default, rename = "domain_data")]
    _domain_data: Option<Ignored>,
    #[serde(default, rename = "domains")]
    _domains: Option<Ignored>,
    #[serde(default, rename = "allow_profiles_outside_organization")]
    _allow_profiles_outside_organization: Option<Ignored>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "OrganizationChange")]
struct UpdateBody {
    #[serde(default)]
    #[schemars(with = "Option<Name>")]
    name: Option<String>,
    #[serde(default, deserialize_with = "nullable")]
    #[schemars(length(max = 255))]
    external_id: Option<Option<String>>,
    #[serde(default, deserialize_with = "nullable")]
    metadata: Option<Option<SentMetadata>>,
    #[serde(default, rename = "domain_data")]
    _domain_data: Option<Ignored>,
    #[serde(default, rename = "domains")]
    _domains: Option<Ignored>,
    #[serde(default, rename = "allow_profiles_outside_organization")]
    _allow_profiles_outside_organization: Option<Ignored>,
    #[serde(default, rename = "stripe_customer_id")]
    _stripe_customer_id: Option<Ignored>,
}

fn answer(organization: &Organization) -> Answer {
    Answer::ok(organization).version(organization.version)
}

pub async fn list(call: Call) -> Result<Answer, Stop> {
    let page = call.query.page()?;
    // No organization has domains here, so none has any of these.
    if call.query.get("domains").is_some() {
        return Ok(Answer::list(Page::<Organization>::empty()));
    }
    Ok(Answer::list(call.app.authority.list_organizations(call.caller(), call.query.get("search"), &page).await?))
}

pub async fn find(Path(id): Path<String>, call: Call) -> Result<Answer, Stop> {
    Ok(answer(&call.app.authority.find_organization(call.caller(), &id).await?))
}

pub async fn find_by_external_id(Path(external_id): Path<String>, call: Call) -> Result<Answer, Stop> {
    Ok(answer(&call.app.authority.find_organization_by_external_id(call.caller(), &external_id).await?))
}

pub async fn create(call: Call) -> Result<Answer, Stop> {
    let call = call.authorize(write("organization.create"), None).await?;
    let body: CreateBody = call.json()?;
    let metadata = without_nulls(body.metadata.unwrap_or_default());
    check_metadata(&metadata)?;
    let new = NewOrganization {
        name: Name::parse("name", &body.name)?,
        external_id: parse_optional("external_id", body.external_id.as_deref(), MAX_EXTERNAL_ID)?,
        metadata,
    };
    let mut begin = call.begin().await?;
    let outcome = begin.change.register_organization(new).await;
    begin.finish(outcome.map(|organization| Answer::created(&organization).version(organization.version))).await
}

pub async fn update(Path(id): Path<String>, call: Call) -> Result<Answer, Stop> {
    let call = call.authorize(write("organization.update"), Some(&id)).await?;
    let body: UpdateBody = call.json()?;
    let metadata = body.metadata.map(|metadata| without_nulls(metadata.unwrap_or_default()));
    metadata.as_ref().map_or(Ok(()), check_metadata)?;
    let external_id = match body.external_id {
        Some(external_id) => Some(parse_optional("external_id", external_id.as_deref(), MAX_EXTERNAL_ID)?),
        None => None,
    };
    let name = body.name.map(|name| Name::parse("name", &name)).transpose()?;
    let mut begin = call.begin().await?;
    let outcome = begin.change.change_organization(&id, OrganizationChange { name, external_id, metadata }).await;
    begin.finish(outcome.map(|organization| answer(&organization))).await
}

pub async fn suspend(Path(id): Path<String>, call: Call) -> Result<Answer, Stop> {
    let call = call.authorize(write("organization.suspend"), Some(&id)).await?;
    call.nothing()?;
    let mut begin = call.begin().await?;
    let outcome = begin.change.suspend_organization(&id).await;
    begin.finish(outcome.map(|organization| answer(&organization))).await
}

pub async fn reactivate(Path(id): Path<String>, call: Call) -> Result<Answer, Stop> {
    let call = call.authorize(write("organization.reactivate"), Some(&id)).await?;
    call.nothing()?;
    let mut begin = call.begin().await?;
    let outcome = begin.change.reactivate_organization(&id).await;
    begin.finish(outcome.map(|organization| answer(&organization))).await
}

pub async fn delete(Path(id): Path<String>, call: Call) -> Result<Answer, Stop> {
    let call = call.authorize(write("organization.delete"), Some(&id)).await?;
    let mut begin = call.begin().await?;
    let outcome = begin.change.delete_organization(&id).await;
    begin.finish(outcome.map(|()| Answer::no_content())).await
}
