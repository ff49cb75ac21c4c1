//! The token endpoint (RFC 6749 §3.2, §4.4).
use std::fmt::Write;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::HeaderValue;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use chancery_verifier::Scope;
use schemars::JsonSchema;

use super::client_authentication::client;
use super::error::{OauthError, no_store};
use super::form::{Form, Posted};
use super::rate_limit;
use crate::authority::issue::{IssuedToken, MAX_SCOPE_BYTES, MAX_SCOPE_TOKENS, TokenRequest};
use crate::http::App;
use crate::http::source::Peer;

/// RFC 6749 §5.1, for the reference.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "the answer is put together without it; this describes it")]
pub struct TokenResponse {
    access_token: String,
    token_type: &'static str,
    /// Seconds.
    expires_in: u64,
    /// What was granted; left out when nothing was.
    #[schemars(skip_serializing_if = "Option::is_none")]
    scope: Option<String>,
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
        Ok(issued) => {
            app.metrics.tokens_issued.inc();
            app.authority.note_token_issued();
            if issued.exceeds_observed {
                app.metrics.tokens_beyond_quota.inc();
            }
            answer(&issued)
        }
        Err(error) => {
            app.metrics.note_refusal(error.code());
            app.authority.note_token_refused(error.reason());
            error.into_response()
        }
    }
}

/// Neither a compact JWT (RFC 7515 §2) nor a scope (RFC 6749 §3.3) has a character that JSON would escape. To look for one in every token
/// costs a tenth of what we do for it beside the signature.
fn answer(IssuedToken { access_token, expires_in, scope, left, .. }: &IssuedToken) -> Response {
    let mut body = String::with_capacity(access_token.len() + 128);
    let _ = write!(body, r#"{{"access_token":"{access_token}","token_type":"Bearer","expires_in":{expires_in}"#);
    if let Some(scope) = scope {
        let _ = write!(body, r#","scope":"{scope}""#);
    }
    body.push('}');
    let mut response = Response::new(Body::from(body));
    *response.headers_mut() = no_store();
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    rate_limit::put(left, response.headers_mut());
    response
}

async fn handle(app: &App, request: Request) -> Result<IssuedToken, OauthError> {
    let posted = Posted::read(request).await?;
    let form = posted.form()?;
    match form.get("grant_type") {
        None => return Err(OauthError::InvalidRequest("grant_type is missing")),
        Some("client_credentials") => {}
        Some(_) => return Err(OauthError::UnsupportedGrantType),
    }
    app.authority.demand_lease()?;
    if !app.overload.admits() {
        return Err(OauthError::Overloaded);
    }
    let headers = &posted.parts.headers;
    let source = app.trusted_proxies.source(posted.parts.extensions.get::<Peer>().copied(), headers);
    let client = client(app, headers, &form, source)?;
    Ok(app.authority.issue(&client, token_request(&form)?, source)?)
}

fn token_request(form: &Form<'_>) -> Result<TokenRequest, OauthError> {
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
