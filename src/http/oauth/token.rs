//! The token endpoint (RFC 6749 §3.2, §4.4).
use std::sync::Arc;

use axum::Json;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use chancery_verifier::Scope;
use schemars::JsonSchema;
use serde::Serialize;

use super::client_authentication::client;
use super::error::{OauthError, no_store};
use super::form::Form;
use crate::authority::issue::{IssuedToken, MAX_SCOPE_BYTES, MAX_SCOPE_TOKENS, TokenRequest};
use crate::http::App;
use crate::http::source::Peer;

/// RFC 6749 §5.1.
#[derive(Serialize, JsonSchema)]
pub struct TokenResponse {
    access_token: String,
    token_type: &'static str,
    /// Seconds.
    expires_in: u64,
    /// What was granted; left out when nothing was.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    scope: Option<Scope>,
}

/// RFC 6749 §4.4.2, RFC 8707 §2: the parameters, for the reference.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "the form is read by its own rules; this describes them")]
pub struct TokenForm {
    /// `client_credentials`.
    #[schemars(extend("enum" = ["client_credentials"]))]
    grant_type: String,
    /// Tokens with one space between them; left out, all that the client holds.
    scope: Option<String>,
    /// The identifier of one resource server.
    resource: Option<String>,
    /// Another name of resource.
    audience: Option<String>,
    /// Must be the client's own.
    organization: Option<String>,
    client_id: Option<String>,
    client_secret: Option<String>,
}

pub async fn token(State(app): State<Arc<App>>, request: Request) -> Response {
    match handle(&app, request).await {
        Ok(IssuedToken { access_token, expires_in, scope }) => {
            app.metrics.tokens_issued.inc();
            (no_store(), Json(TokenResponse { access_token, token_type: "Bearer", expires_in, scope })).into_response()
        }
        Err(error) => {
            app.metrics.token_refusals.get_or_create(&[("error", error.code())]).inc();
            error.into_response()
        }
    }
}

async fn handle(app: &App, request: Request) -> Result<IssuedToken, OauthError> {
    let (form, parts) = Form::read(request).await?;
    match form.get("grant_type") {
        None => return Err(OauthError::InvalidRequest("grant_type is missing")),
        Some("client_credentials") => {}
        Some(_) => return Err(OauthError::UnsupportedGrantType),
    }
    app.authority.demand_lease()?;
    let source = app.trusted_proxies.source(parts.extensions.get::<Peer>().copied(), &parts.headers);
    let client = client(app, &parts.headers, &form, source)?;
    Ok(app.authority.issue(&client, &token_request(&form)?, source)?)
}

fn token_request(form: &Form) -> Result<TokenRequest, OauthError> {
    let resource = match (form.get("resource"), form.get("audience")) {
        (Some(resource), Some(audience)) if resource != audience => {
            return Err(OauthError::InvalidTarget("audience is another name for resource: they differ"));
        }
        (resource, audience) => resource.or(audience).map(str::to_owned),
    };
    let scope = form.get("scope").map(parse_scope).transpose()?;
    Ok(TokenRequest { scope, resource, organization: form.get("organization").map(str::to_owned) })
}

fn parse_scope(text: &str) -> Result<Scope, OauthError> {
    if text.len() > MAX_SCOPE_BYTES {
        return Err(OauthError::InvalidScope("the scope is longer than 4 KiB"));
    }
    let scope = Scope::parse(text).map_err(|_grammar| OauthError::InvalidScope("the scope is not tokens with one space between them"))?;
    if text.split(' ').count() > MAX_SCOPE_TOKENS { Err(OauthError::InvalidScope("the scope has more than 100 tokens")) } else { Ok(scope) }
}
