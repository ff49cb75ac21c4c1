//! The revocation endpoint (RFC 7009).
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::HeaderMap;

use super::client_authentication::asker;
use super::error::{OauthError, no_store};
use super::form::Posted;
use crate::authority::revoke::RevokeError;
use crate::domain::management_key::Power;
use crate::http::App;
use crate::http::source::Peer;

pub async fn revoke(State(app): State<Arc<App>>, request: Request) -> Result<HeaderMap, OauthError> {
    let posted = Posted::read(request).await?;
    let form = posted.form()?;
    let source = app.trusted_proxies.source(posted.parts.extensions.get::<Peer>().copied(), &posted.parts.headers);
    app.authority.renew().await?;
    let asker = asker(&app, &posted.parts.headers, &form, source, Power::TokensRevoke)?;
    let token = form.get("token").ok_or(OauthError::InvalidRequest("token is missing"))?;
    match app.authority.revoke_token(&asker, token).await {
        Ok(()) => Ok(no_store()),
        Err(RevokeError::NotYours) => Err(OauthError::InvalidRequest("the token was issued to another client")),
        Err(RevokeError::ApiKey) => Err(OauthError::UnsupportedTokenType("an API key is revoked with DELETE /api_keys/{id}")),
        Err(RevokeError::TooMany) => Err(OauthError::TooManyRevocations),
        Err(RevokeError::Failed(error)) => Err(error.into()),
    }
}
