//! `/connect/applications/{id}/client_secrets` and `/connect/client_secrets/{id}`.
use std::time::Duration;

use axum::extract::Path;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::answer::Answer;
use super::call::Call;
use super::error::Stop;
use super::json::parse_time;
use crate::authority::caller::Operation;
use crate::authority::client_secrets::RevealedSecret;
use crate::authority::rotate::Rotated;
use crate::domain::client_secret::{ClientSecret, NewClientSecret};
use crate::domain::id::ClientSecretId;
use crate::domain::management_key::Power;
use crate::domain::rotation::{DEFAULT_OVERLAP, MAX_OVERLAP, OverlapFrom, Rotation};
use crate::domain::text::{FieldError, Name};
use crate::domain::timestamp::Timestamp;
use crate::http::reference::Routes;

pub fn routes() -> Routes {
    Routes::new("Client secrets")
        .get("/connect/applications/{id}/client_secrets", list, "List the client secrets of an application", |op| {
            op.about("A bare array, the newest first.").answers::<Vec<ClientSecret>>()
        })
        .post("/connect/applications/{id}/client_secrets", create, "Create a client secret", |op| {
            op.about("The answer holds it in plain text, this once. An application has at most five that are live.")
                .takes::<CreateBody>(json!({}))
                .creates::<SecretView>()
        })
        .post("/connect/applications/{id}/client_secrets/rotate", rotate, "Rotate the client secrets of an application", |op| {
            op.about("Makes a new secret; all that are live retire after the overlap.")
                .takes::<RotateBody>(json!({}))
                .creates::<RotatedView>()
        })
        .post("/connect/applications/{id}/client_secrets/rotate/cancel", cancel_rotation, "Cancel a rotation", |op| {
            op.about("The new secret and its tokens die; those still retiring live on without end.").answers::<Vec<ClientSecret>>()
        })
        .delete("/connect/client_secrets/{id}", delete, "Delete a client secret", |op| {
            op.about("With every token it obtained.").query("force", "`true` deletes the last live one too.")
        })
}

const fn write(name: &'static str) -> Operation {
    Operation { name, power: Power::ApplicationsWrite }
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "NewClientSecret")]
struct CreateBody {
    #[serde(default)]
    #[schemars(with = "Option<Name>")]
    name: Option<String>,
    #[serde(default)]
    #[schemars(with = "Option<Timestamp>")]
    expires_at: Option<String>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Rotation")]
pub struct RotateBody {
    /// How long what was live before goes on working; a day unless said otherwise.
    #[serde(default)]
    #[schemars(range(max = 604_800))]
    overlap_seconds: Option<u64>,
    /// From when the overlap runs: `now`, or the new one's `first_use`.
    #[serde(default)]
    #[schemars(extend("enum" = ["now", "first_use", null]))]
    overlap_from: Option<String>,
    #[serde(default)]
    #[schemars(with = "Option<Name>")]
    name: Option<String>,
    #[serde(default)]
    #[schemars(with = "Option<Timestamp>")]
    expires_at: Option<String>,
}

/// A secret with its plain text: in the answer that made it, and nowhere else.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "connect_application_secret.created")]
pub struct SecretView<'a> {
    #[serde(flatten)]
    stored: &'a ClientSecret,
    secret: &'a str,
}

impl<'a> SecretView<'a> {
    pub fn revealed(revealed: &'a RevealedSecret) -> Self {
        Self { stored: &revealed.secret, secret: revealed.plain.expose() }
    }
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "connect_application_secret.rotated")]
struct RotatedView<'a> {
    #[serde(flatten)]
    new: SecretView<'a>,
    retiring: Vec<RetiringView>,
}

/// What retires, and when it stops working: null until the new one is used.
#[derive(Serialize, JsonSchema)]
struct RetiringView {
    id: ClientSecretId,
    expires_at: Option<Timestamp>,
}

fn parse_name(name: Option<String>) -> Result<Option<Name>, FieldError> {
    name.map(|name| Name::parse("name", &name)).transpose()
}

pub fn parse_rotation(body: RotateBody) -> Result<Rotation, FieldError> {
    let overlap = body.overlap_seconds.map_or(DEFAULT_OVERLAP, Duration::from_secs);
    if overlap > MAX_OVERLAP {
        return Err(FieldError::new("out_of_range", "overlap_seconds", format!("overlap_seconds takes 0 to {}", MAX_OVERLAP.as_secs())));
    }
    let from = match body.overlap_from.as_deref() {
        None | Some("now") => OverlapFrom::Now,
        Some("first_use") => OverlapFrom::FirstUse,
        Some(_) => return Err(FieldError::new("invalid_value", "overlap_from", "overlap_from takes now or first_use")),
    };
    Ok(Rotation { overlap, from, name: parse_name(body.name)?, expires_at: parse_time("expires_at", body.expires_at.as_deref())? })
}

/// A bare array: the SDKs take no envelope here.
pub async fn list(Path(id): Path<String>, call: Call) -> Result<Answer, Stop> {
    Ok(Answer::ok(&call.app.authority.list_client_secrets(call.caller(), &id).await?))
}

pub async fn create(Path(id): Path<String>, call: Call) -> Result<Answer, Stop> {
    let call = call.authorize(write("connect_application_secret.create"), Some(&id)).await?;
    let body: CreateBody = call.json()?;
    let new = NewClientSecret { name: parse_name(body.name)?, expires_at: parse_time("expires_at", body.expires_at.as_deref())? };
    let mut begin = call.begin().await?;
    let outcome = begin.change.create_client_secret(&id, new).await;
    begin.finish(outcome.map(|revealed| Answer::created(&SecretView::revealed(&revealed)))).await
}

pub async fn rotate(Path(id): Path<String>, call: Call) -> Result<Answer, Stop> {
    let call = call.authorize(write("connect_application_secret.rotate"), Some(&id)).await?;
    let rotation = parse_rotation(call.json()?)?;
    let mut begin = call.begin().await?;
    let outcome = begin.change.rotate_client_secrets(&id, rotation).await;
    let outcome = outcome.map(|Rotated { revealed, retiring }| {
        let retiring = retiring.into_iter().map(|(id, expires_at)| RetiringView { id, expires_at }).collect();
        Answer::created(&RotatedView { new: SecretView::revealed(&revealed), retiring })
    });
    begin.finish(outcome).await
}

pub async fn cancel_rotation(Path(id): Path<String>, call: Call) -> Result<Answer, Stop> {
    let call = call.authorize(write("connect_application_secret.cancel_rotation"), Some(&id)).await?;
    call.nothing()?;
    let mut begin = call.begin().await?;
    let outcome = begin.change.cancel_rotation(&id).await;
    begin.finish(outcome.map(|secrets| Answer::ok(&secrets))).await
}

pub async fn delete(Path(id): Path<String>, call: Call) -> Result<Answer, Stop> {
    let call = call.authorize(write("connect_application_secret.delete"), Some(&id)).await?;
    let force = call.call.query.get("force") == Some("true");
    let mut begin = call.begin().await?;
    let outcome = begin.change.delete_client_secret(&id, force).await;
    begin.finish(outcome.map(|()| Answer::no_content())).await
}
