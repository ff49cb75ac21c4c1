//! The introspection endpoint (RFC 7662).
use std::sync::Arc;

use axum::Json;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use chancery_verifier::{AccessToken, Principal, Scope};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::json;

use super::client_authentication::asker;
use super::error::{OauthError, no_store};
use super::form::Posted;
use crate::authority::introspect::{Introspected, IntrospectedApiKey};
use crate::domain::management_key::Power;
use crate::http::App;
use crate::http::source::Peer;

/// RFC 7662 §2.1, RFC 7009 §2.1: the parameters, for the reference.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "the form is read by its own rules; this describes them")]
#[schemars(rename = "TokenToLookAt")]
pub struct TokenForm {
    token: String,
    /// Taken, without effect.
    token_type_hint: Option<String>,
}

/// RFC 7662 §2.2, for the reference: `{"active":false}`, or what the token or key says.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "the answer is the token's own claims; this describes them")]
#[schemars(extend("required" = ["active"]))]
pub struct Introspection {
    active: bool,
    /// `Bearer` or `api_key`.
    token_type: Option<String>,
    scope: Option<String>,
    client_id: Option<String>,
    sub: Option<String>,
    aud: Option<String>,
    iss: Option<String>,
    exp: Option<u64>,
    iat: Option<u64>,
    jti: Option<String>,
    org_id: Option<String>,
}

/// RFC 7662 §2.2: what the token says, and no more.
#[derive(Serialize)]
struct Active<'a> {
    active: bool,
    token_type: &'static str,
    #[serde(flatten)]
    claims: &'a AccessToken,
}

/// An API key, in the words of a token.
#[derive(Serialize)]
struct ActiveApiKey<'a> {
    active: bool,
    token_type: &'static str,
    iss: &'a str,
    sub: String,
    client_id: String,
    org_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    scope: Option<&'a Scope>,
    principal: &'a Principal,
    cred: String,
    iat: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    exp: Option<u64>,
}

fn active_api_key<'a>(key: &'a IntrospectedApiKey, issuer: &'a str) -> ActiveApiKey<'a> {
    ActiveApiKey {
        active: true,
        token_type: "api_key",
        iss: issuer,
        sub: key.sub(),
        client_id: key.client_id(),
        org_id: key.org_id(),
        scope: key.scope(),
        principal: key.principal(),
        cred: key.client_id(),
        iat: key.iat(),
        exp: key.exp(),
    }
}

pub async fn introspect(State(app): State<Arc<App>>, request: Request) -> Result<Response, OauthError> {
    let posted = Posted::read(request).await?;
    let form = posted.form()?;
    let source = app.trusted_proxies.source(posted.parts.extensions.get::<Peer>().copied(), &posted.parts.headers);
    app.authority.renew().await?;
    let asker = asker(&app, &posted.parts.headers, &form, source, Power::TokensIntrospect)?;
    let token = form.get("token").ok_or(OauthError::InvalidRequest("token is missing"))?;
    Ok(match app.authority.introspect(&asker, token, source) {
        Some(Introspected::AccessToken(claims)) => {
            (no_store(), Json(Active { active: true, token_type: "Bearer", claims: &claims })).into_response()
        }
        Some(Introspected::ApiKey(key)) => (no_store(), Json(active_api_key(&key, &app.authority.deployment.issuer))).into_response(),
        None => (no_store(), Json(json!({ "active": false }))).into_response(),
    })
}
