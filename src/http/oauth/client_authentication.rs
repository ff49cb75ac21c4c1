//! Who calls an OAuth endpoint (RFC 6749 §2.3): one match over everything that was presented; exactly one method, or the named error.
use std::borrow::Cow;
use std::net::IpAddr;

use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::error::OauthError;
use super::form::{Form, decode};
use crate::authority::authenticate::{Authenticated, ClientCredentials};
use crate::authority::introspect::Asker;
use crate::domain::application::ClientAuthenticationMethod;
use crate::domain::credential::Secret;
use crate::domain::id::ManagementKeyId;
use crate::domain::management_key::Power;
use crate::http::App;

const MAX_CLIENT_ID: usize = 256;
const MAX_SECRET: usize = 1024;

/// What was presented.
enum Presented {
    Client(ClientCredentials),
    Bearer(Secret),
    /// `<management key id>:<value>`, for gateways that only speak Basic; decoded, and as it came.
    ManagementKey {
        id: String,
        candidates: [Secret; 2],
    },
    /// Nothing, or nothing that could be right.
    Nothing,
}

/// What the Authorization header holds.
enum Header {
    Absent,
    Basic {
        id: String,
        secret: Secret,
        /// As it came, where that is a management key's.
        raw_secret: Option<Secret>,
    },
    Bearer(Secret),
    Unusable,
}

/// Authenticates a client for the token endpoint.
pub fn client(app: &App, headers: &HeaderMap, form: &Form<'_>, source: Option<IpAddr>) -> Result<Authenticated, OauthError> {
    match presented(headers, form)? {
        Presented::Client(credentials) => authenticate(app, &credentials, source),
        _ => Err(invalid_client(app)),
    }
}

/// Authenticates whoever asks about a token: an application, or a management key with the power.
pub fn asker(app: &App, headers: &HeaderMap, form: &Form<'_>, source: Option<IpAddr>, power: Power) -> Result<Asker, OauthError> {
    let caller = match presented(headers, form)? {
        Presented::Client(credentials) => {
            return authenticate(app, &credentials, source).map(Asker::Client);
        }
        Presented::Nothing => return Err(invalid_client(app)),
        Presented::Bearer(value) => app.authority.find_caller(&value).ok_or_else(|| throttled(app, source, OauthError::InvalidBearer))?,
        Presented::ManagementKey { id, candidates } => {
            let caller =
                candidates.iter().find_map(|value| app.authority.find_caller(value)).filter(|caller| caller.id().to_string() == id);
            caller.ok_or_else(|| throttled(app, source, invalid_client(app)))?
        }
    };
    if caller.may(power) { Ok(Asker::ManagementKey(caller)) } else { Err(OauthError::InsufficientScope) }
}

fn authenticate(app: &App, credentials: &ClientCredentials, source: Option<IpAddr>) -> Result<Authenticated, OauthError> {
    app.authority.authenticate(credentials, source).map_err(|_invalid| throttled(app, source, invalid_client(app)))
}

fn invalid_client(app: &App) -> OauthError {
    OauthError::InvalidClient(app.authority.deployment.issuer.clone())
}

/// A source that fails too often is told so. Who has the right secret is never held up, not even from the same address (case 96).
fn throttled(app: &App, source: Option<IpAddr>, error: OauthError) -> OauthError {
    if app.throttle.admits_failure(source) { error } else { OauthError::TooManyFailures }
}

fn presented(headers: &HeaderMap, form: &Form<'_>) -> Result<Presented, OauthError> {
    let body_secret = form.get("client_secret");
    let body_id = form.get("client_id");
    let assertion = form.get("client_assertion").is_some();
    match (header(headers)?, body_secret, assertion) {
        (Header::Basic { .. }, Some(_), _) | (Header::Basic { .. }, _, true) | (_, Some(_), true) | (Header::Bearer(_), Some(_), _) => {
            Err(OauthError::InvalidRequest("use exactly one method of client authentication"))
        }
        (Header::Basic { id, .. }, None, false) if body_id.is_some_and(|body_id| body_id != id) => {
            Err(OauthError::InvalidRequest("client_id is not the one in the Authorization header"))
        }
        (Header::Basic { id, secret, raw_secret: Some(raw_secret) }, None, false) => {
            Ok(Presented::ManagementKey { id, candidates: [secret, raw_secret] })
        }
        (Header::Basic { id, secret, .. }, None, false) => Ok(credentials(id, secret, ClientAuthenticationMethod::Basic)),
        (Header::Absent, Some(secret), false) => match body_id {
            Some(id) => Ok(credentials(id.to_owned(), Secret::presented(secret), ClientAuthenticationMethod::Post)),
            None => Ok(Presented::Nothing),
        },
        (Header::Bearer(value), None, false) => Ok(Presented::Bearer(value)),
        (Header::Absent | Header::Unusable | Header::Bearer(_), _, _) => Ok(Presented::Nothing),
    }
}

fn credentials(client_id: String, secret: Secret, method: ClientAuthenticationMethod) -> Presented {
    if client_id.len() > MAX_CLIENT_ID || secret.expose().len() > MAX_SECRET {
        return Presented::Nothing;
    }
    Presented::Client(ClientCredentials { client_id, secret, method })
}

fn header(headers: &HeaderMap) -> Result<Header, OauthError> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let Some(value) = values.next() else { return Ok(Header::Absent) };
    if values.next().is_some() {
        return Err(OauthError::InvalidRequest("there is more than one Authorization header"));
    }
    let Some((scheme, rest)) = value.to_str().ok().and_then(|value| value.split_once(' ')) else { return Ok(Header::Unusable) };
    // RFC 9110 §11.1: the scheme is compared without case.
    if scheme.eq_ignore_ascii_case("bearer") {
        return Ok(Header::Bearer(Secret::presented(rest.trim())));
    }
    if !scheme.eq_ignore_ascii_case("basic") {
        return Ok(Header::Unusable);
    }
    Ok(basic(rest.trim()).unwrap_or(Header::Unusable))
}

/// RFC 6749 §2.3.1 has both parts form-encoded; many clients send them raw. Neither can be mistaken for the other: our ids and secrets
/// have only characters that encode to themselves.
fn basic(encoded: &str) -> Option<Header> {
    let decoded = zeroize::Zeroizing::new(STANDARD.decode(encoded).ok()?);
    let (id, secret) = str::from_utf8(&decoded).ok()?.split_once(':')?;
    if id.is_empty() || secret.is_empty() {
        return None;
    }
    let id = decode(id.as_bytes()).map_or_else(|_invalid| id.to_owned(), Cow::into_owned);
    let raw_secret = id.parse::<ManagementKeyId>().is_ok().then(|| Secret::presented(secret));
    let secret = match decode(secret.as_bytes()) {
        Ok(Cow::Owned(decoded)) => Secret::presented(&zeroize::Zeroizing::new(decoded)),
        Ok(Cow::Borrowed(_)) | Err(_) => Secret::presented(secret),
    };
    Some(Header::Basic { id, secret, raw_secret })
}
