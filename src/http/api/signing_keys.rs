//! `/signing_keys`.
use axum::extract::Path;
use chancery_verifier::Algorithm;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

use super::answer::{Answer, List};
use super::call::Call;
use super::error::Stop;
use crate::authority::caller::Operation;
use crate::domain::management_key::Power;
use crate::domain::page::Page;
use crate::domain::resource_server::parse_algorithm;
use crate::domain::signing_key::{KeyLine, KeyPurpose, SigningKey};
use crate::domain::text::FieldError;
use crate::http::reference::Routes;

pub fn routes() -> Routes {
    Routes::new("Signing keys")
        .get("/signing_keys", list, "List signing keys", |op| op.answers::<List<SigningKey>>())
        .post("/signing_keys/rotate", rotate, "Rotate a signing key", |op| {
            op.about("The published successor signs from now on. While its lead runs: 409 with activates_at, unless forced.")
                .takes::<RotateBody>(json!({}))
                .answers::<SigningKey>()
        })
        .post("/signing_keys/{kid}/revoke", revoke, "Revoke a signing key", |op| {
            op.about("Compromised: out of the key set at once, its successor promoted.").answers::<SigningKey>()
        })
}

const fn write(name: &'static str) -> Operation {
    Operation { name, power: Power::SigningKeysWrite }
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "SigningKeyRotation")]
struct RotateBody {
    /// What the key signs: access tokens unless said otherwise. Keys for status are ES256.
    #[serde(default)]
    purpose: Option<KeyPurpose>,
    /// ES256 unless said otherwise.
    #[serde(default)]
    #[schemars(extend("enum" = ["ES256", "EdDSA", "RS256", "PS256", null]))]
    alg: Option<String>,
    #[serde(default)]
    force: Option<bool>,
}

/// All of them on one page: there are few.
pub async fn list(call: Call) -> Result<Answer, Stop> {
    let data = call.app.authority.list_signing_keys(call.caller()).await?;
    Ok(Answer::list(Page { data, before: None, after: None }))
}

pub async fn rotate(call: Call) -> Result<Answer, Stop> {
    let call = call.authorize(write("signing_key.rotate"), None).await?;
    let body: RotateBody = call.json()?;
    let alg = body.alg.as_deref().map_or(Ok(Algorithm::ES256), |alg| parse_algorithm("alg", alg))?;
    let line = KeyLine { purpose: body.purpose.unwrap_or(KeyPurpose::AccessToken), alg };
    if line.purpose == KeyPurpose::Status && line != KeyLine::STATUS {
        return Err(FieldError::new("invalid_value", "alg", "alg is ES256 for the purpose status").into());
    }
    let mut begin = call.begin().await?;
    let outcome = begin.change.rotate_signing_key(line, body.force.unwrap_or(false)).await;
    begin.finish(outcome.map(|key| Answer::ok(&key))).await
}

pub async fn revoke(Path(kid): Path<String>, call: Call) -> Result<Answer, Stop> {
    let call = call.authorize(write("signing_key.revoke"), Some(&kid)).await?;
    call.nothing()?;
    let mut begin = call.begin().await?;
    let outcome = begin.change.compromise_signing_key(&kid).await;
    begin.finish(outcome.map(|key| Answer::ok(&key))).await
}
