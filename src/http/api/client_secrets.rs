//! `/connect/applications/{id}/client_secrets` and `/connect/client_secrets/{id}`.
use std::time::Duration;

use axum::extract::Path;
use serde::{Deserialize, Serialize};

use super::answer::Answer;
use super::call::Call;
use super::error::Stop;
use crate::authority::caller::Operation;
use crate::authority::client_secrets::RevealedSecret;
use crate::authority::rotate::Rotated;
use crate::domain::client_secret::{ClientSecret, DEFAULT_OVERLAP, MAX_OVERLAP, NewClientSecret, OverlapFrom, Rotation};
use crate::domain::id::ClientSecretId;
use crate::domain::management_key::Power;
use crate::domain::text::{FieldError, Name};
use crate::domain::timestamp::Timestamp;

const fn write(name: &'static str) -> Operation {
    Operation { name, power: Power::ApplicationsWrite }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CreateBody {
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    expires_at: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RotateBody {
    #[serde(default)]
    overlap_seconds: Option<u64>,
    #[serde(default)]
    overlap_from: Option<String>,
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    expires_at: Option<String>,
}

/// A secret with its plain text: in the answer that made it, and nowhere else.
#[derive(Serialize)]
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

#[derive(Serialize)]
struct RotatedView<'a> {
    #[serde(flatten)]
    new: SecretView<'a>,
    retiring: Vec<RetiringView>,
}

#[derive(Serialize)]
struct RetiringView {
    id: ClientSecretId,
    expires_at: Option<Timestamp>,
}

fn parse_name(name: Option<String>) -> Result<Option<Name>, FieldError> {
    name.map(|name| Name::parse("name", &name)).transpose()
}

fn parse_expiry(text: Option<String>) -> Result<Option<Timestamp>, FieldError> {
    let invalid = || {
        FieldError::new("invalid_time", "expires_at", "expires_at takes an RFC 3339 time, as in 2027-01-31T00:00:00Z, before the year 3000")
    };
    text.map(|text| Timestamp::parse(&text).ok_or_else(invalid)).transpose()
}

fn parse_rotation(body: RotateBody) -> Result<Rotation, FieldError> {
    let overlap = body.overlap_seconds.map_or(DEFAULT_OVERLAP, Duration::from_secs);
    if overlap > MAX_OVERLAP {
        return Err(FieldError::new("out_of_range", "overlap_seconds", format!("overlap_seconds takes 0 to {}", MAX_OVERLAP.as_secs())));
    }
    let from = match body.overlap_from.as_deref() {
        None | Some("now") => OverlapFrom::Now,
        Some("first_use") => OverlapFrom::FirstUse,
        Some(_) => return Err(FieldError::new("invalid_value", "overlap_from", "overlap_from takes now or first_use")),
    };
    Ok(Rotation { overlap, from, name: parse_name(body.name)?, expires_at: parse_expiry(body.expires_at)? })
}

/// A bare array: the SDKs take no envelope here.
pub async fn list(Path(id): Path<String>, call: Call) -> Result<Answer, Stop> {
    Ok(Answer::ok(&call.app.authority.list_client_secrets(call.caller(), &id).await?))
}

pub async fn create(Path(id): Path<String>, call: Call) -> Result<Answer, Stop> {
    let call = call.authorize(write("connect_application_secret.create"), Some(&id)).await?;
    let body: CreateBody = call.json()?;
    let new = NewClientSecret { name: parse_name(body.name)?, expires_at: parse_expiry(body.expires_at)? };
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
