//! `/connect/applications`.
use axum::extract::Path;
use chancery_verifier::{Scope, ScopeToken};
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};

use super::answer::Answer;
use super::call::Call;
use super::client_secrets::SecretView;
use super::error::Stop;
use super::json::nullable;
use crate::authority::caller::Operation;
use crate::authority::error::Error;
use crate::domain::application::{Application, ApplicationChange, ClientAuthenticationMethod, NewApplication, check_access_token_ttl};
use crate::domain::management_key::Power;
use crate::domain::text::{FieldError, MAX_DESCRIPTION, Name, parse_optional};

const fn write(name: &'static str) -> Operation {
    Operation { name, power: Power::ApplicationsWrite }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CreateBody {
    #[serde(default)]
    application_type: Option<String>,
    name: String,
    organization_id: String,
    #[serde(default)]
    description: Option<String>,
    #[serde(default)]
    scopes: Option<Vec<String>>,
    #[serde(default)]
    access_token_ttl: Option<u32>,
    #[serde(default)]
    resources: Option<Vec<String>>,
    #[serde(default)]
    token_endpoint_auth_methods: Option<Vec<String>>,
    #[serde(default)]
    create_secret: Option<bool>,
}

/// The ignored members are the WorkOS SDKs', which have no meaning here.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct UpdateBody {
    #[serde(default)]
    name: Option<String>,
    #[serde(default, deserialize_with = "nullable")]
    description: Option<Option<String>>,
    /// `null` is unchanged: one SDK sends it for whatever its caller left out.
    #[serde(default)]
    scopes: Option<Vec<String>>,
    #[serde(default, deserialize_with = "nullable")]
    access_token_ttl: Option<Option<u32>>,
    #[serde(default, deserialize_with = "nullable")]
    resources: Option<Option<Vec<String>>>,
    #[serde(default)]
    token_endpoint_auth_methods: Option<Vec<String>>,
    #[serde(default, rename = "redirect_uris")]
    _redirect_uris: Option<IgnoredAny>,
    #[serde(default, rename = "cors_origins")]
    _cors_origins: Option<IgnoredAny>,
}

/// An application with its first secret, this once.
#[derive(Serialize)]
struct CreatedView<'a> {
    #[serde(flatten)]
    application: &'a Application,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_secret: Option<SecretView<'a>>,
}

fn answer(application: &Application) -> Answer {
    Answer::ok(application).version(application.version)
}

fn parse_scope(scopes: &[String]) -> Result<Scope, FieldError> {
    let token = |text: &String| {
        ScopeToken::parse(text)
            .map_err(|_grammar| FieldError::new("invalid_scope", "scopes", "each of scopes is one permission's slug, as in threads:read"))
    };
    if scopes.len() > 100 {
        return Err(FieldError::new("too_many", "scopes", "scopes takes at most 100 permissions"));
    }
    if scopes.iter().any(|scope| scope == "*") {
        return Err(FieldError::new("unknown_permission", "scopes", "scopes takes permissions by name; * is none"));
    }
    scopes.iter().map(token).collect()
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
    let applications = call.app.authority.list_applications(call.caller(), call.query.get("organization_id"), &page).await?;
    Ok(Answer::list(&applications))
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
    check_access_token_ttl(body.access_token_ttl)?;
    check_resources(body.resources.as_ref())?;
    let new = NewApplication {
        // An id that is none names no organization.
        organization_id: body.organization_id.parse().map_err(|_id| Error::NotFound("organization"))?,
        name: Name::parse("name", &body.name)?,
        description: parse_optional("description", body.description.as_deref(), MAX_DESCRIPTION)?,
        scope: parse_scope(&body.scopes.unwrap_or_default())?,
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
    check_access_token_ttl(body.access_token_ttl.flatten())?;
    check_resources(body.resources.as_ref().and_then(Option::as_ref))?;
    let description = match body.description {
        Some(description) => Some(parse_optional("description", description.as_deref(), MAX_DESCRIPTION)?),
        None => None,
    };
    let change = ApplicationChange {
        name: body.name.map(|name| Name::parse("name", &name)).transpose()?,
        description,
        scope: body.scopes.map(|scopes| parse_scope(&scopes)).transpose()?,
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
    let mut begin = call.begin().await?;
    let outcome = begin.change.disable_application(&id).await;
    begin.finish(outcome.map(|application| answer(&application))).await
}

pub async fn enable(Path(id): Path<String>, call: Call) -> Result<Answer, Stop> {
    let call = call.authorize(write("connect_application.enable"), Some(&id)).await?;
    let mut begin = call.begin().await?;
    let outcome = begin.change.enable_application(&id).await;
    begin.finish(outcome.map(|application| answer(&application))).await
}

pub async fn revoke_tokens(Path(id): Path<String>, call: Call) -> Result<Answer, Stop> {
    let call = call.authorize(write("connect_application.revoke_tokens"), Some(&id)).await?;
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
