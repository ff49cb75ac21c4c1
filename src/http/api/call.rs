//! One call of the management surface: who calls, with what, and the way to begin a change or be given the answer from before.
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{FromRequest, Request};
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE, IF_MATCH};
use axum::http::{HeaderMap, Method, StatusCode};
use bytes::Bytes;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::answer::Answer;
use super::error::{Problem, Stop};
use super::json;
use super::page::Query;
use crate::authority::acting::Whereabouts;
use crate::authority::caller::{Call as AuthorityCall, Caller, Operation};
use crate::authority::change::Change;
use crate::authority::error::Error;
use crate::authority::idempotency::{Begun, Idempotency, MAX_KEY};
use crate::domain::credential::Secret;
use crate::domain::text::FieldError;
use crate::http::App;
use crate::http::body::{content_type, read};
use crate::http::source::Sender;

const MAX_BODY_BYTES: usize = 1024 * 1024;

/// A call whose caller is known.
pub struct Call {
    pub app: Arc<App>,
    pub query: Query,
    inner: AuthorityCall,
    /// For how long the answer may be held back until what it revokes is published, seconds.
    wait: Option<u64>,
    json: bool,
    body: Bytes,
}

/// A call whose caller may do what it asks for; what that is called, for when it is refused all the same.
pub struct Authorized {
    pub call: Call,
    operation: Operation,
    target: Option<String>,
}

/// A change that a handler began.
pub struct Begin {
    pub change: Change,
    authorized: Authorized,
}

impl FromRequest<Arc<App>> for Call {
    type Rejection = Stop;

    async fn from_request(request: Request, app: &Arc<App>) -> Result<Self, Stop> {
        let (parts, body) = request.into_parts();
        let query = Query::parse(parts.uri.query());
        if ["access_token", "api_key"].iter().any(|name| query.get(name).is_some()) {
            return Err(Stop::Problem(StatusCode::BAD_REQUEST, Problem::new("credential_in_url", "a credential never goes in the URL")));
        }
        app.authority.renew().await?;
        let caller = acting(caller(app, &parts.headers)?, &parts.headers)?;
        let body = read(&parts.headers, body, MAX_BODY_BYTES).await?;
        let acting_user = caller.acting_user().map_or_else(String::new, |user| user.to_string());
        let target = parts.uri.path_and_query().map_or("", |target| target.as_str());
        let idempotency = match parts.method {
            Method::POST => {
                idempotency(&parts.headers, &[parts.method.as_str().as_bytes(), target.as_bytes(), &body, acting_user.as_bytes()])?
            }
            _ => None,
        };
        let json = match content_type(&parts.headers) {
            Some(it) => it.is("application/json") && it.is_utf8(),
            None => body.is_empty() && !parts.headers.contains_key(CONTENT_TYPE),
        };
        let Sender { request_id, source } = Sender::of(&parts, app);
        let inner = AuthorityCall { caller, request_id, source_ip: source, if_match: if_match(&parts.headers), idempotency };
        Ok(Self { app: Arc::clone(app), query, inner, wait: wait(&parts.headers), json, body })
    }
}

impl Call {
    pub fn caller(&self) -> &Caller {
        &self.inner.caller
    }

    pub fn source_ip(&self) -> Option<IpAddr> {
        self.inner.source_ip
    }

    /// The body of a call that changes nothing.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, Stop> {
        if !self.json {
            let problem = Problem::new("not_json", "the body must be application/json");
            return Err(Stop::Problem(StatusCode::UNSUPPORTED_MEDIA_TYPE, problem));
        }
        json::parse(&self.body)
    }

    /// Asks whether the caller may do this at all, before anything he sent is looked at.
    pub async fn authorize(self, operation: Operation, target: Option<&str>) -> Result<Authorized, Stop> {
        let authorized = Authorized { call: self, operation, target: target.map(str::to_owned) };
        match authorized.call.inner.caller.demand(operation.power) {
            Ok(_) => Ok(authorized),
            Err(error) => Err(authorized.refuse(error, None).await),
        }
    }
}

impl Authorized {
    /// The body as JSON; no body is an empty object.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, Stop> {
        self.call.json()
    }

    /// A call that takes no members: no body, or an empty object.
    pub fn nothing(&self) -> Result<(), Stop> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Nothing {}
        let Nothing {} = self.json()?;
        Ok(())
    }

    /// Begins the change, or stops with the answer that was given before.
    pub async fn begin(self) -> Result<Begin, Stop> {
        match self.call.app.authority.begin(&self.call.inner, self.operation).await {
            Ok(Begun::Change(change)) => Ok(Begin { change: *change, authorized: self }),
            Ok(Begun::Replay(bytes)) => {
                Err(Answer::from_bytes(&bytes).map_or(Stop::Internal("a kept answer cannot be read".into()), Stop::Replay))
            }
            Err(error) => Err(self.refuse(error, None).await),
        }
    }

    /// Writes the refusal down.
    async fn refuse(self, error: Error, whereabouts: Option<Whereabouts>) -> Stop {
        let Self { call, operation, target } = self;
        call.app.authority.note_refusal(&call.inner, operation, target.as_deref(), whereabouts, &error).await;
        error.into()
    }
}

impl Begin {
    /// Commits and answers; a refusal is written down, and leaves no other trace.
    pub async fn finish(mut self, outcome: Result<Answer, Error>) -> Result<Answer, Stop> {
        match outcome {
            Ok(answer) => {
                let bound = self.change.bound().await?;
                let rev = bound.as_ref().map(|bound| bound.rev);
                let answer = answer.bound(bound);
                self.change.commit(&answer.to_bytes()).await?;
                let (Some(rev), Some(wait)) = (rev, self.authorized.call.wait) else { return Ok(answer) };
                let authority = &self.authorized.call.app.authority;
                let in_time = authority.wait_until_published(rev, Duration::from_secs(wait)).await;
                Ok(if in_time { answer.waited(wait) } else { answer })
            }
            Err(error) => {
                let whereabouts = self.change.whereabouts();
                drop(self.change);
                Err(self.authorized.refuse(error, Some(whereabouts)).await)
            }
        }
    }
}

/// Exactly one credential, a live management key (cases 225 to 229).
fn caller(app: &App, headers: &HeaderMap) -> Result<Caller, Stop> {
    let authorizations = headers.get_all(AUTHORIZATION).iter().count();
    let keys = headers.get_all("x-api-key").iter().count();
    if authorizations + keys > 1 {
        let problem = Problem::new("several_credentials", "send exactly one credential: a management key as Authorization: Bearer");
        return Err(Stop::Problem(StatusCode::BAD_REQUEST, problem));
    }
    // An API key is never a caller here.
    let Some(value) = headers.get(AUTHORIZATION) else { return Err(Stop::Unauthenticated { presented: keys > 0 }) };
    let token = value.to_str().ok().and_then(|value| value.split_once(' ')).filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
    let caller = token.and_then(|(_, token)| app.authority.find_caller(&Secret::presented(token.trim())));
    caller.ok_or(Stop::Unauthenticated { presented: true })
}

/// `Chancery-Acting-User: user_…`, once. Whether that user is an admin is asked where it is known of which organization.
fn acting(caller: Caller, headers: &HeaderMap) -> Result<Caller, Stop> {
    let mut values = headers.get_all("chancery-acting-user").iter();
    let Some(value) = values.next() else { return Ok(caller) };
    let user = value.to_str().ok().and_then(|text| text.parse().ok()).filter(|_| values.next().is_none());
    let not_an_admin = || Error::forbidden("not_an_admin", "Chancery-Acting-User takes one user's id, user_…, of an active admin");
    Ok(caller.acting_for(user.ok_or_else(not_an_admin)?))
}

fn idempotency(headers: &HeaderMap, request: &[&[u8]]) -> Result<Option<Idempotency>, Stop> {
    let Some(value) = headers.get("idempotency-key") else { return Ok(None) };
    match value.to_str() {
        Ok(key) if (1..=MAX_KEY).contains(&key.len()) && !key.contains('\t') && headers.get_all("idempotency-key").iter().count() == 1 => {
            Ok(Some(Idempotency::new(key, request)))
        }
        _ => Err(FieldError::new("invalid_value", "Idempotency-Key", "Idempotency-Key is one header of 1 to 255 ASCII characters").into()),
    }
}

/// RFC 7240 §4.3: `Prefer: wait=2`. A preference that cannot be read is as good as none.
fn wait(headers: &HeaderMap) -> Option<u64> {
    let preferences = headers.get_all("prefer").iter().filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(','));
    let preferences = preferences.map(|preference| preference.split(';').next().unwrap_or_default());
    let waits =
        preferences.filter_map(|preference| preference.split_once('=')).filter(|(name, _)| name.trim().eq_ignore_ascii_case("wait"));
    waits.filter_map(|(_, seconds)| seconds.trim().trim_matches('"').parse().ok()).next()
}

/// RFC 9110 §13.1.1, for the entity tags we give: a quoted version. `*` matches whatever exists.
fn if_match(headers: &HeaderMap) -> Option<i64> {
    let value = headers.get(IF_MATCH)?;
    let tag = value.to_str().unwrap_or_default().trim();
    if tag == "*" {
        return None;
    }
    // A tag we never gave matches nothing.
    Some(tag.strip_prefix('"').and_then(|tag| tag.strip_suffix('"')).and_then(|version| version.parse().ok()).unwrap_or(-1))
}
