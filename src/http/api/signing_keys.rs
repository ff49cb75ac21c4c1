//! `/signing_keys`.
use axum::extract::Path;
use chancery_verifier::Algorithm;
use serde::Deserialize;

use super::answer::Answer;
use super::call::Call;
use super::error::Stop;
use crate::authority::caller::Operation;
use crate::domain::management_key::Power;
use crate::domain::page::Page;
use crate::domain::resource_server::parse_algorithm;

const fn write(name: &'static str) -> Operation {
    Operation { name, power: Power::SigningKeysWrite }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RotateBody {
    /// ES256 unless said otherwise.
    #[serde(default)]
    alg: Option<String>,
    #[serde(default)]
    force: Option<bool>,
}

/// All of them on one page: there are few.
pub async fn list(call: Call) -> Result<Answer, Stop> {
    let data = call.app.authority.list_signing_keys(call.caller()).await?;
    Ok(Answer::list(&Page { data, before: None, after: None }))
}

pub async fn rotate(call: Call) -> Result<Answer, Stop> {
    let call = call.authorize(write("signing_key.rotate"), None).await?;
    let body: RotateBody = call.json()?;
    let alg = body.alg.as_deref().map_or(Ok(Algorithm::ES256), |alg| parse_algorithm("alg", alg))?;
    let mut begin = call.begin().await?;
    let outcome = begin.change.rotate_signing_key(alg, body.force.unwrap_or(false)).await;
    begin.finish(outcome.map(|key| Answer::ok(&key))).await
}

pub async fn revoke(Path(kid): Path<String>, call: Call) -> Result<Answer, Stop> {
    let call = call.authorize(write("signing_key.revoke"), Some(&kid)).await?;
    let mut begin = call.begin().await?;
    let outcome = begin.change.compromise_signing_key(&kid).await;
    begin.finish(outcome.map(|key| Answer::ok(&key))).await
}
