//! The introspection endpoint (RFC 7662).
use std::sync::Arc;

use axum::Json;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use chancery_verifier::AccessToken;
use serde::Serialize;
use serde_json::json;

use super::client_authentication::asker;
use super::error::{OauthError, no_store};
use super::form::Form;
use crate::domain::management_key::Power;
use crate::http::App;
use crate::http::source::Peer;

/// RFC 7662 §2.2: what the token says, and no more.
#[derive(Serialize)]
struct Active {
    active: bool,
    token_type: &'static str,
    #[serde(flatten)]
    claims: AccessToken,
}

pub async fn introspect(State(app): State<Arc<App>>, request: Request) -> Result<Response, OauthError> {
    let (form, parts) = Form::read(request).await?;
    let source = app.trusted_proxies.source(parts.extensions.get::<Peer>().copied(), &parts.headers);
    let asker = asker(&app, &parts.headers, &form, source, Power::TokensIntrospect)?;
    let token = form.get("token").ok_or(OauthError::InvalidRequest("token is missing"))?;
    Ok(match app.authority.introspect(&asker, token) {
        Some(claims) => (no_store(), Json(Active { active: true, token_type: "Bearer", claims })).into_response(),
        None => (no_store(), Json(json!({ "active": false }))).into_response(),
    })
}
