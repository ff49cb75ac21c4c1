//! `/organizations/{id}/api_keys`, `/user_management/users/{id}/api_keys` and `/api_keys/{id}`.
use axum::extract::Path;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::answer::{Answer, List};
use super::call::{Authorized, Call};
use super::client_secrets::{RotateBody, parse_rotation};
use super::error::Stop;
use super::json::{nullable, parse_time};
use super::page::Query;
use crate::authority::api_keys::RevealedApiKey;
use crate::authority::caller::Operation;
use crate::authority::rotate_api_key::RotatedApiKey;
use crate::domain::api_key::{ApiKey, ApiKeyChange, ApiKeyFilter, ApiKeyStatus, Grant, NewApiKey, NewOwner, OwnerFilter, StatusFilter};
use crate::domain::id::ApiKeyId;
use crate::domain::management_key::Power;
use crate::domain::text::{FieldError, MAX_DESCRIPTION, Name, parse_optional};
use crate::domain::timestamp::Timestamp;
use crate::domain::usage::Usage;
use crate::http::reference::Routes;

pub fn routes() -> Routes {
    let example = || json!({ "name": "CI/CD Pipeline", "permissions": ["flows:execute"], "expires_at": "2027-02-19T00:00:00Z" });
    let personal = || json!({ "name": "My key", "organization_id": "org_01KAJ2M3N4P5Q6R7S8T9V0W1X2", "permissions": ["flows:read"] });
    let statuses = &["active", "expired", "revoked", "all"];
    let status = "What is active or expired unless said otherwise.";
    Routes::new("API keys")
        .get("/organizations/{id}/api_keys", list_of_organization, "List the API keys of an organization", |op| {
            op.pages()
                .choice("status", status, statuses)
                .choice("owner", "Whose: the organization's own unless said otherwise.", &["organization", "user", "all"])
                .query("search", "A part of the name.")
                .answers::<List<ApiKey>>()
        })
        .post("/organizations/{id}/api_keys", create_of_organization, "Create an API key of an organization", |op| {
            op.about("The answer holds its value, this once.").takes::<CreateBody>(example()).creates::<RevealedView>()
        })
        .get("/user_management/users/{id}/api_keys", list_of_user, "List the API keys of a user", |op| {
            op.pages()
                .choice("status", status, statuses)
                .query("organization_id", "In one organization.")
                .query("search", "A part of the name.")
                .answers::<List<ApiKey>>()
        })
        .post("/user_management/users/{id}/api_keys", create_of_user, "Create an API key of a user", |op| {
            op.about("It acts for that user, in one organization, and dies when he leaves it. The answer holds its value, this once.")
                .takes::<CreatePersonalBody>(personal())
                .creates::<RevealedView>()
        })
        .get("/api_keys/{id}", find, "Find an API key", |op| op.answers::<ApiKey>())
        .patch("/api_keys/{id}", update, "Rename an API key", |op| {
            op.takes::<UpdateBody>(json!({ "name": "Nightly build" })).answers::<ApiKey>()
        })
        .delete("/api_keys/{id}", delete, "Revoke an API key", |op| op.about("For good. The key stays to be seen, as revoked."))
        .post("/api_keys/{id}/rotate", rotate, "Rotate an API key", |op| {
            op.about("A new key with the same owner and permissions; this one stops working after the overlap.")
                .takes::<RotateBody>(json!({}))
                .creates::<RotatedView>()
        })
        .post("/api_keys/{id}/expire", expire, "Expire an API key", |op| {
            op.about("At once, unless a later time is given; null takes an expiry back that has not come yet.")
                .takes::<ExpireBody>(json!({}))
                .answers::<ApiKey>()
        })
        .get("/api_keys/{id}/usage", usage, "Show the usage of an API key", |op| op.answers::<UsageView>())
}

const fn write(name: &'static str) -> Operation {
    Operation { name, power: Power::ApiKeysWrite }
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "NewApiKey")]
struct CreateBody {
    #[schemars(with = "Name")]
    name: String,
    #[serde(default)]
    #[schemars(length(max = 1000))]
    description: Option<String>,
    /// Slugs of the catalogue; `*` is all there are. Left out, the key holds none.
    #[serde(default)]
    #[schemars(length(max = 100))]
    permissions: Option<Vec<String>>,
    /// The slug of a preset, whose permissions it gets too.
    #[serde(default)]
    preset: Option<String>,
    /// Left out, the settings decide.
    #[serde(default, deserialize_with = "nullable")]
    #[schemars(with = "Option<Timestamp>")]
    expires_at: Option<Option<String>>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "NewPersonalApiKey")]
struct CreatePersonalBody {
    #[schemars(with = "Name")]
    name: String,
    /// Where it acts.
    organization_id: String,
    #[serde(default)]
    #[schemars(length(max = 1000))]
    description: Option<String>,
    #[serde(default)]
    #[schemars(length(max = 100))]
    permissions: Option<Vec<String>>,
    #[serde(default)]
    preset: Option<String>,
    #[serde(default, deserialize_with = "nullable")]
    #[schemars(with = "Option<Timestamp>")]
    expires_at: Option<Option<String>>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "ApiKeyChange")]
struct UpdateBody {
    #[serde(default)]
    #[schemars(with = "Option<Name>")]
    name: Option<String>,
    #[serde(default, deserialize_with = "nullable")]
    #[schemars(length(max = 1000))]
    description: Option<Option<String>>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "ApiKeyExpiry")]
struct ExpireBody {
    #[serde(default, deserialize_with = "nullable")]
    #[schemars(with = "Option<Timestamp>")]
    expires_at: Option<Option<String>>,
}

/// A key with its value: in the answer that made it, and nowhere else.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "api_key.created")]
struct RevealedView<'a> {
    #[serde(flatten)]
    key: &'a ApiKey,
    value: &'a str,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "api_key.rotated")]
struct RotatedView<'a> {
    #[serde(flatten)]
    new: RevealedView<'a>,
    retiring: Vec<RetiringView>,
}

/// What retires, and when it stops working: null until the new one is used.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "RetiringApiKey")]
struct RetiringView {
    id: ApiKeyId,
    expires_at: Option<Timestamp>,
}

#[derive(Serialize, JsonSchema)]
#[serde(tag = "object", rename = "api_key_usage")]
struct UsageView {
    api_key_id: ApiKeyId,
    #[serde(flatten)]
    usage: Usage,
    last_used_at: Option<Timestamp>,
    last_used_ip: Option<String>,
    /// The hours in which it was used, the oldest first, thirty days back.
    hours: Vec<HourView>,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "HourOfUse")]
struct HourView {
    /// When it begins.
    hour: Timestamp,
    uses: i64,
}

fn revealed(revealed: &RevealedApiKey) -> RevealedView<'_> {
    RevealedView { key: &revealed.key, value: revealed.plain.expose() }
}

fn answer(key: &ApiKey) -> Answer {
    Answer::ok(key).version(key.version)
}

fn parse_status(query: &Query) -> Result<StatusFilter, FieldError> {
    match query.choice("status") {
        None => Ok(StatusFilter::NotRevoked),
        Some("active") => Ok(StatusFilter::Only(ApiKeyStatus::Active)),
        Some("expired") => Ok(StatusFilter::Only(ApiKeyStatus::Expired)),
        Some("revoked") => Ok(StatusFilter::Only(ApiKeyStatus::Revoked)),
        Some("all") => Ok(StatusFilter::All),
        Some(_) => Err(FieldError::new("invalid_value", "status", "status takes active, expired, revoked or all")),
    }
}

fn parse_owner(query: &Query) -> Result<OwnerFilter, FieldError> {
    match query.choice("owner") {
        None | Some("organization") => Ok(OwnerFilter::Organization),
        Some("user") => Ok(OwnerFilter::User),
        Some("all") => Ok(OwnerFilter::All),
        Some(_) => Err(FieldError::new("invalid_value", "owner", "owner takes organization, user or all")),
    }
}

/// Left out, `null`, or a time.
fn parse_expiry(text: Option<Option<String>>) -> Result<Option<Option<Timestamp>>, FieldError> {
    text.map(|text| parse_time("expires_at", text.as_deref())).transpose()
}

pub async fn list_of_organization(Path(id): Path<String>, call: Call) -> Result<Answer, Stop> {
    let page = call.query.page()?;
    let (owner, status) = (parse_owner(&call.query)?, parse_status(&call.query)?);
    let search = call.query.get("search").map(str::to_owned);
    let filter = ApiKeyFilter { owner, user_id: None, organization_id: None, status, search };
    Ok(Answer::list(call.app.authority.list_api_keys_of_organization(call.caller(), &id, filter, &page).await?))
}

pub async fn list_of_user(Path(id): Path<String>, call: Call) -> Result<Answer, Stop> {
    let page = call.query.page()?;
    let organization_id = call.query.get("organization_id").map(str::to_owned);
    let (status, search) = (parse_status(&call.query)?, call.query.get("search").map(str::to_owned));
    let filter = ApiKeyFilter { owner: OwnerFilter::User, user_id: None, organization_id, status, search };
    Ok(Answer::list(call.app.authority.list_api_keys_of_user(call.caller(), &id, filter, &page).await?))
}

pub async fn create_of_organization(Path(id): Path<String>, call: Call) -> Result<Answer, Stop> {
    let call = call.authorize(write("api_key.create"), Some(&id)).await?;
    let body: CreateBody = call.json()?;
    let new = NewApiKey {
        owner: NewOwner::Organization(id),
        name: Name::parse("name", &body.name)?,
        description: parse_optional("description", body.description.as_deref(), MAX_DESCRIPTION)?,
        grant: Grant { permissions: body.permissions.unwrap_or_default(), preset: body.preset },
        expires_at: parse_expiry(body.expires_at)?,
    };
    create(call, new).await
}

pub async fn create_of_user(Path(id): Path<String>, call: Call) -> Result<Answer, Stop> {
    let call = call.authorize(write("api_key.create"), Some(&id)).await?;
    let body: CreatePersonalBody = call.json()?;
    let new = NewApiKey {
        owner: NewOwner::User { id, organization_id: body.organization_id },
        name: Name::parse("name", &body.name)?,
        description: parse_optional("description", body.description.as_deref(), MAX_DESCRIPTION)?,
        grant: Grant { permissions: body.permissions.unwrap_or_default(), preset: body.preset },
        expires_at: parse_expiry(body.expires_at)?,
    };
    create(call, new).await
}

async fn create(call: Authorized, new: NewApiKey) -> Result<Answer, Stop> {
    let mut begin = call.begin().await?;
    let outcome = begin.change.create_api_key(new).await;
    begin.finish(outcome.map(|made| Answer::created(&revealed(&made)).version(made.key.version))).await
}

pub async fn find(Path(id): Path<String>, call: Call) -> Result<Answer, Stop> {
    Ok(answer(&call.app.authority.find_api_key(call.caller(), &id).await?))
}

pub async fn update(Path(id): Path<String>, call: Call) -> Result<Answer, Stop> {
    let call = call.authorize(write("api_key.update"), Some(&id)).await?;
    let body: UpdateBody = call.json()?;
    let change = ApiKeyChange {
        name: body.name.map(|name| Name::parse("name", &name)).transpose()?,
        description: body.description.map(|text| parse_optional("description", text.as_deref(), MAX_DESCRIPTION)).transpose()?,
    };
    let mut begin = call.begin().await?;
    let outcome = begin.change.change_api_key(&id, change).await;
    begin.finish(outcome.map(|key| answer(&key))).await
}

pub async fn expire(Path(id): Path<String>, call: Call) -> Result<Answer, Stop> {
    let call = call.authorize(write("api_key.expire"), Some(&id)).await?;
    let body: ExpireBody = call.json()?;
    let at = parse_expiry(body.expires_at)?;
    let mut begin = call.begin().await?;
    // Left out, it is now: any time that has passed.
    let at = at.unwrap_or(Some(Timestamp::from_millis(0)));
    let outcome = begin.change.expire_api_key(&id, at).await;
    begin.finish(outcome.map(|key| answer(&key))).await
}

pub async fn rotate(Path(id): Path<String>, call: Call) -> Result<Answer, Stop> {
    let call = call.authorize(write("api_key.rotate"), Some(&id)).await?;
    let rotation = parse_rotation(call.json()?)?;
    let mut begin = call.begin().await?;
    let outcome = begin.change.rotate_api_key(&id, rotation).await;
    let outcome = outcome.map(|rotated| {
        let RotatedApiKey { revealed: made, retiring } = &rotated;
        let retiring = retiring.iter().map(|(id, expires_at)| RetiringView { id: *id, expires_at: *expires_at }).collect();
        Answer::created(&RotatedView { new: revealed(made), retiring }).version(made.key.version)
    });
    begin.finish(outcome).await
}

pub async fn delete(Path(id): Path<String>, call: Call) -> Result<Answer, Stop> {
    let call = call.authorize(write("api_key.revoke"), Some(&id)).await?;
    let mut begin = call.begin().await?;
    let outcome = begin.change.revoke_api_key(&id).await;
    begin.finish(outcome.map(|()| Answer::no_content())).await
}

pub async fn usage(Path(id): Path<String>, call: Call) -> Result<Answer, Stop> {
    let (key, usage, hours) = call.app.authority.api_key_usage(call.caller(), &id).await?;
    let hours = hours.into_iter().map(|one| HourView { hour: Timestamp::from_hour(one.hour), uses: one.uses }).collect();
    let view = UsageView { api_key_id: key.id, usage, last_used_at: key.last_used_at, last_used_ip: key.last_used_ip, hours };
    Ok(Answer::ok(&view))
}
