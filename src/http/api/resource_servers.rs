//! `/resource_servers`.
use axum::extract::Path;
use chancery_verifier::{Algorithm, TokenType};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::answer::{Answer, List};
use super::call::Call;
use super::error::Stop;
use super::json::nullable;
use crate::authority::caller::Operation;
use crate::domain::management_key::Power;
use crate::domain::resource_server::{
    NewResourceServer, PRESETS, Preset, ResourceServer, ResourceServerChange, check_claims, parse_algorithm, parse_identifier,
    parse_token_type,
};
use crate::domain::text::{FieldError, Name};
use crate::http::reference::Routes;

pub fn routes() -> Routes {
    let example = || json!({ "identifier": "https://api.example.com", "name": "API", "preset": "default" });
    Routes::new("Resource servers")
        .get("/resource_servers", list, "List resource servers", |op| op.pages().answers::<List<ResourceServer>>())
        .post("/resource_servers", create, "Register a resource server", |op| op.takes::<CreateBody>(example()).creates::<ResourceServer>())
        .get("/resource_servers/{id}", find, "Find a resource server", |op| op.answers::<ResourceServer>())
        .patch("/resource_servers/{id}", update, "Change a resource server", |op| {
            op.about("A changed algorithm takes effect at activates_at, when every verifier can have its key.")
                .takes::<UpdateBody>(json!({ "access_token_ttl": 600 }))
                .answers::<ResourceServer>()
        })
        .delete("/resource_servers/{id}", delete, "Remove a resource server", |op| op.about("One that anything names stays: 409."))
}

const fn write(name: &'static str) -> Operation {
    Operation { name, power: Power::ResourceServersWrite }
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "NewResourceServer")]
struct CreateBody {
    /// The audience of its tokens: an absolute URI without a fragment (RFC 8707 §2).
    #[schemars(length(min = 1, max = 200), extend("format" = "uri"))]
    identifier: String,
    #[schemars(with = "Name")]
    name: String,
    #[serde(default)]
    #[schemars(extend("enum" = ["default", "spring", "aws-apigw", "apisix", "dotnet", "kubernetes", "hasura", "postgrest", null]))]
    preset: Option<String>,
    #[serde(default)]
    #[schemars(extend("enum" = ["ES256", "EdDSA", "RS256", "PS256", null]))]
    signing_alg: Option<String>,
    #[serde(default)]
    #[schemars(extend("enum" = ["at+jwt", "JWT", null]))]
    token_typ: Option<String>,
    #[serde(default)]
    #[schemars(range(min = 60, max = 86400))]
    access_token_ttl: Option<u32>,
    #[serde(default)]
    claims: Option<Map<String, Value>>,
    #[serde(default)]
    default: Option<bool>,
    #[serde(default)]
    status_enforcing: Option<bool>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "ResourceServerChange")]
struct UpdateBody {
    #[serde(default)]
    #[schemars(with = "Option<Name>")]
    name: Option<String>,
    #[serde(default)]
    #[schemars(extend("enum" = ["default", "spring", "aws-apigw", "apisix", "dotnet", "kubernetes", "hasura", "postgrest", null]))]
    preset: Option<String>,
    #[serde(default)]
    #[schemars(extend("enum" = ["ES256", "EdDSA", "RS256", "PS256", null]))]
    signing_alg: Option<String>,
    #[serde(default)]
    #[schemars(extend("enum" = ["at+jwt", "JWT", null]))]
    token_typ: Option<String>,
    #[serde(default, deserialize_with = "nullable")]
    #[schemars(range(min = 60, max = 86400))]
    access_token_ttl: Option<Option<u32>>,
    #[serde(default)]
    claims: Option<Map<String, Value>>,
    #[serde(default)]
    default: Option<bool>,
    #[serde(default)]
    status_enforcing: Option<bool>,
}

/// A preset says both; what is named beside it wins.
fn choose(preset: Option<&str>, alg: Option<&str>, typ: Option<&str>) -> Result<(Option<Algorithm>, Option<TokenType>), FieldError> {
    let preset = preset.map(find_preset).transpose()?;
    let alg = alg.map(|alg| parse_algorithm("signing_alg", alg)).transpose()?;
    let typ = typ.map(parse_token_type).transpose()?;
    Ok((alg.or(preset.map(|preset| preset.signing_alg)), typ.or(preset.map(|preset| preset.token_typ))))
}

fn find_preset(name: &str) -> Result<&'static Preset, FieldError> {
    PRESETS.iter().find(|preset| preset.name == name).ok_or_else(|| {
        let names = PRESETS.iter().map(|preset| preset.name).collect::<Vec<_>>().join(", ");
        FieldError::new("unknown_preset", "preset", format!("preset takes one of {names}"))
    })
}

fn answer(server: &ResourceServer) -> Answer {
    Answer::ok(server).version(server.version)
}

pub async fn list(call: Call) -> Result<Answer, Stop> {
    let page = call.query.page()?;
    Ok(Answer::list(call.app.authority.list_resource_servers(call.caller(), &page).await?))
}

pub async fn find(Path(id): Path<String>, call: Call) -> Result<Answer, Stop> {
    Ok(answer(&call.app.authority.find_resource_server(call.caller(), &id).await?))
}

pub async fn create(call: Call) -> Result<Answer, Stop> {
    let call = call.authorize(write("resource_server.create"), None).await?;
    let body: CreateBody = call.json()?;
    let claims = body.claims.unwrap_or_default();
    check_claims(&claims)?;
    let (alg, typ) = choose(body.preset.as_deref(), body.signing_alg.as_deref(), body.token_typ.as_deref())?;
    let new = NewResourceServer {
        identifier: parse_identifier(&body.identifier)?,
        name: Name::parse("name", &body.name)?,
        signing_alg: alg.unwrap_or(Algorithm::ES256),
        token_typ: typ.unwrap_or_default(),
        access_token_ttl: body.access_token_ttl,
        claims,
        default: body.default.unwrap_or(false),
        status_enforcing: body.status_enforcing.unwrap_or(false),
    };
    let mut begin = call.begin().await?;
    let outcome = begin.change.register_resource_server(new).await;
    begin.finish(outcome.map(|server| Answer::created(&server).version(server.version))).await
}

pub async fn update(Path(id): Path<String>, call: Call) -> Result<Answer, Stop> {
    let call = call.authorize(write("resource_server.update"), Some(&id)).await?;
    let body: UpdateBody = call.json()?;
    body.claims.as_ref().map_or(Ok(()), check_claims)?;
    let (signing_alg, token_typ) = choose(body.preset.as_deref(), body.signing_alg.as_deref(), body.token_typ.as_deref())?;
    let change = ResourceServerChange {
        name: body.name.map(|name| Name::parse("name", &name)).transpose()?,
        signing_alg,
        token_typ,
        access_token_ttl: body.access_token_ttl,
        claims: body.claims,
        default: body.default,
        status_enforcing: body.status_enforcing,
    };
    let mut begin = call.begin().await?;
    let outcome = begin.change.change_resource_server(&id, change).await;
    begin.finish(outcome.map(|server| answer(&server))).await
}

pub async fn delete(Path(id): Path<String>, call: Call) -> Result<Answer, Stop> {
    let call = call.authorize(write("resource_server.delete"), Some(&id)).await?;
    let mut begin = call.begin().await?;
    let outcome = begin.change.remove_resource_server(&id).await;
    begin.finish(outcome.map(|()| Answer::no_content())).await
}
