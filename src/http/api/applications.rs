//! `/connect/applications`.
use axum::extract::Path;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::answer::{Answer, List};
use super::call::Call;
use super::client_secrets::SecretView;
use super::error::Stop;
use super::json::{Ignored, nullable};
use crate::authority::caller::Operation;
use crate::domain::api_key::Grant;
use crate::domain::application::{Application, ApplicationChange, ApplicationType, ClientAuthenticationMethod, NewApplication};
use crate::domain::management_key::Power;
use crate::domain::text::{FieldError, MAX_DESCRIPTION, Name, parse_optional};
use crate::http::reference::Routes;

pub fn routes() -> Routes {
    let example =
        || json!({ "application_type": "m2m", "name": "Backend", "organization_id": "org_01KAJ2M3N4P5Q6R7S8T9V0W1X2", "scopes": [] });
    Routes::new("Applications")
        .get("/connect/applications", list, "List applications", |op| {
            op.pages()
                .query("organization_id", "Of one organization.")
                .query("search", "A part of the name.")
                .query("registration_types", "Taken for the SDKs, without effect.")
                .answers::<List<Application>>()
        })
        .post("/connect/applications", create, "Register an application", |op| {
            op.about("The answer holds the first client secret in plain text, this once.")
                .takes::<CreateBody>(example())
                .creates::<CreatedView>()
        })
        .get("/connect/applications/{id}", find, "Find an application", |op| op.about("By id or client_id.").answers::<Application>())
        .put("/connect/applications/{id}", update, "Change an application", |op| {
            op.about("What is left out stays as it is. scopes: null is unchanged, [] clears.")
                .takes::<UpdateBody>(json!({ "name": "Backend" }))
                .answers::<Application>()
        })
        .delete("/connect/applications/{id}", delete, "Delete an application", |op| {
            op.about("Its secrets and every token they obtained are dead at once.")
        })
        .post("/connect/applications/{id}/disable", disable, "Disable an application", |op| op.answers::<Application>())
        .post("/connect/applications/{id}/enable", enable, "Enable an application", |op| op.answers::<Application>())
        .post("/connect/applications/{id}/revoke_tokens", revoke_tokens, "Revoke the tokens of an application", |op| {
            op.answers::<Application>()
        })
}

const fn write(name: &'static str) -> Operation {
    Operation { name, power: Power::ApplicationsWrite }
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "NewApplication")]
struct CreateBody {
    /// `m2m`.
    #[serde(default)]
    #[schemars(with = "Option<ApplicationType>")]
    application_type: Option<String>,
    #[schemars(with = "Name")]
    name: String,
    organization_id: String,
    #[serde(default)]
    #[schemars(length(max = 1000))]
    description: Option<String>,
    /// Permissions of the catalogue; `*` is all there are.
    #[serde(default)]
    #[schemars(length(max = 100))]
    scopes: Option<Vec<String>>,
    /// The slug of a preset, whose permissions it gets too.
    #[serde(default)]
    preset: Option<String>,
    /// Seconds; the default is 300.
    #[serde(default)]
    #[schemars(range(min = 60, max = 86400))]
    access_token_ttl: Option<u32>,
    /// Identifiers of resource servers; null is any.
    #[serde(default)]
    #[schemars(length(min = 1, max = 100))]
    resources: Option<Vec<String>>,
    #[serde(default)]
    #[schemars(with = "Option<Vec<ClientAuthenticationMethod>>", length(min = 1))]
    token_endpoint_auth_methods: Option<Vec<String>>,
    /// Whether to make the first client secret; true unless said otherwise.
    #[serde(default)]
    create_secret: Option<bool>,
}

/// The ignored members are the WorkOS SDKs', which have no meaning here.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "ApplicationChange")]
struct UpdateBody {
    #[serde(default)]
    #[schemars(with = "Option<Name>")]
    name: Option<String>,
    #[serde(default, deserialize_with = "nullable")]
    #[schemars(length(max = 1000))]
    description: Option<Option<String>>,
    /// `null` is unchanged: one SDK sends it for whatever its caller left out.
    #[serde(default)]
    #[schemars(length(max = 100))]
    scopes: Option<Vec<String>>,
    #[serde(default, deserialize_with = "nullable")]
    #[schemars(range(min = 60, max = 86400))]
    access_token_ttl: Option<Option<u32>>,
    #[serde(default, deserialize_with = "nullable")]
    #[schemars(length(min = 1, max = 100))]
    resources: Option<Option<Vec<String>>>,
    #[serde(default)]
    #[schemars(with = "Option<Vec<ClientAuthenticationMethod>>", length(min = 1))]
    token_endpoint_auth_methods: Option<Vec<String>>,
    #[serde(default, rename = "redirect_uris")]
    _redirect_uris: Option<Ignored>,
    #[serde(default, rename = "cors_origins")]
    _cors_origins: Option<Ignored>,
}

/// An application with its first secret, this once.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "connect_application.created")]
struct CreatedView<'a> {
    #[serde(flatten)]
    application: &'a Application,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_secret: Option<SecretView<'a>>,
}

fn answer(application: &Application) -> Answer {
    Answer::ok(application).version(application.version)
}

fn parse_methods(names: Option<Vec<String>>) -> Result<Option<Vec<ClientAuthenticationMethod>>, FieldError> {
    let Some(names) = names else { return Ok(None) };
    let mut methods = names.iter().map(|name| ClientAuthenticationMethod::parse(name)).collect::<Result<Vec<_>, _>>()?;
    methods.dedup();
    if methods.is_empty() {
        return Err(FieldError::new("required", "token_endpoint_auth_methods", "token_endpoint_auth_methods takes at least one method"));
    }
    Ok(Some(methods))
}

fn check_resources(resources: Option<&Vec<String>>) -> Result<(), FieldError> {
    match resources {
        Some(resources) if resources.is_empty() || resources.len() > 100 => {
            Err(FieldError::new("out_of_range", "resources", "resources takes 1 to 100 identifiers, or null for any resource server"))
        }
        _ => Ok(()),
    }
}

pub async fn list(call: Call) -> Result<Answer, Stop> {
    let page = call.query.page()?;
    let applications =
        call.app.authority.list_applications(call.caller(), call.query.get("organization_id"), call.query.get("search"), &page).await?;
    Ok(Answer::list(applications))
}

pub async fn find(Path(id): Path<String>, call: Call) -> Result<Answer, Stop> {
    Ok(answer(&call.app.authority.find_application(call.caller(), &id).await?))
}

pub async fn create(call: Call) -> Result<Answer, Stop> {
    let call = call.authorize(write("connect_application.create"), None).await?;
    let body: CreateBody = call.json()?;
    if body.application_type.as_deref().is_some_and(|kind| kind != "m2m") {
        return Err(FieldError::new("unsupported_type", "application_type", "application_type takes m2m").into());
    }
    check_resources(body.resources.as_ref())?;
    let new = NewApplication {
        organization_id: body.organization_id,
        name: Name::parse("name", &body.name)?,
        description: parse_optional("description", body.description.as_deref(), MAX_DESCRIPTION)?,
        grant: Grant { permissions: body.scopes.unwrap_or_default(), preset: body.preset },
        access_token_ttl: body.access_token_ttl,
        resources: body.resources,
        token_endpoint_auth_methods: parse_methods(body.token_endpoint_auth_methods)?.unwrap_or(ClientAuthenticationMethod::ALL.to_vec()),
    };
    let with_secret = body.create_secret.unwrap_or(true);
    let mut begin = call.begin().await?;
    let outcome = begin.change.register_application(new, with_secret).await;
    let outcome = outcome.map(|(application, secret)| {
        let client_secret = secret.as_ref().map(SecretView::revealed);
        Answer::created(&CreatedView { application: &application, client_secret }).version(application.version)
    });
    begin.finish(outcome).await
}

pub async fn update(Path(id): Path<String>, call: Call) -> Result<Answer, Stop> {
    let call = call.authorize(write("connect_application.update"), Some(&id)).await?;
    let body: UpdateBody = call.json()?;
    check_resources(body.resources.as_ref().and_then(Option::as_ref))?;
    let description = match body.description {
        Some(description) => Some(parse_optional("description", description.as_deref(), MAX_DESCRIPTION)?),
        None => None,
    };
    let change = ApplicationChange {
        name: body.name.map(|name| Name::parse("name", &name)).transpose()?,
        description,
        grant: body.scopes.map(|permissions| Grant { permissions, preset: None }),
        access_token_ttl: body.access_token_ttl,
        resources: body.resources,
        token_endpoint_auth_methods: parse_methods(body.token_endpoint_auth_methods)?,
    };
    let mut begin = call.begin().await?;
    let outcome = begin.change.change_application(&id, change).await;
    begin.finish(outcome.map(|application| answer(&application))).await
}

pub async fn disable(Path(id): Path<String>, call: Call) -> Result<Answer, Stop> {
    let call = call.authorize(write("connect_application.disable"), Some(&id)).await?;
    call.nothing()?;
    let mut begin = call.begin().await?;
    let outcome = begin.change.disable_application(&id).await;
    begin.finish(outcome.map(|application| answer(&application))).await
}

pub async fn enable(Path(id): Path<String>, call: Call) -> Result<Answer, Stop> {
    let call = call.authorize(write("connect_application.enable"), Some(&id)).await?;
    call.nothing()?;
    let mut begin = call.begin().await?;
    let outcome = begin.change.enable_application(&id).await;
    begin.finish(outcome.map(|application| answer(&application))).await
}

pub async fn revoke_tokens(Path(id): Path<String>, call: Call) -> Result<Answer, Stop> {
    let call = call.authorize(write("connect_application.revoke_tokens"), Some(&id)).await?;
    call.nothing()?;
    let mut begin = call.begin().await?;
    let outcome = begin.change.revoke_application_tokens(&id).await;
    begin.finish(outcome.map(|application| answer(&application))).await
}

pub async fn delete(Path(id): Path<String>, call: Call) -> Result<Answer, Stop> {
    let call = call.authorize(write("connect_application.delete"), Some(&id)).await?;
    let mut begin = call.begin().await?;
    let outcome = begin.change.delete_application(&id).await;
    begin.finish(outcome.map(|()| Answer::no_content())).await
}
