//! One visit: whose session it is, and the way to change something in it.
use std::net::IpAddr;
use std::sync::Arc;

use askama::Template;
use axum::Form;
use axum::body::Body;
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::{Html, IntoResponse, Response};
use axum_extra::extract::CookieJar;
use axum_extra::extract::cookie::{Cookie, SameSite};
use serde::de::DeserializeOwned;
use url::Url;

use crate::authority::caller::{Call, Operation};
use crate::authority::change::Change;
use crate::authority::error::Error;
use crate::authority::idempotency::Begun;
use crate::authority::portal::Visitor;
use crate::domain::credential::Secret;
use crate::domain::portal::SESSION_LIFE;
use crate::http::App;
use crate::http::body::read;
use crate::http::hygiene::{Cause, RequestId};
use crate::http::source::Peer;

const MAX_FORM_BYTES: usize = 64 * 1024;
const COOKIE: &str = "__Host-chancery-portal";

pub struct Visit {
    pub app: Arc<App>,
    pub visitor: Visitor,
    call: Call,
}

/// A page that says why there is no other.
pub struct Refused {
    status: StatusCode,
    title: &'static str,
    text: String,
    back: bool,
    base: String,
    cause: Option<String>,
}

#[derive(Template)]
#[template(path = "message.html")]
struct MessagePage<'a> {
    base: &'a str,
    title: &'a str,
    text: &'a str,
    back: bool,
}

impl FromRequestParts<Arc<App>> for Visit {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Refused> {
        let jar = CookieJar::from_headers(&parts.headers);
        let presented = jar.get(COOKIE).map(|cookie| Secret::presented(cookie.value()));
        let visitor = match presented {
            Some(session) => app.authority.find_visitor(&session).await.map_err(|error| Refused::of(app, error))?,
            None => None,
        };
        let Some(visitor) = visitor else { return Err(Refused::closed(app)) };
        let call = Call {
            caller: visitor.caller.clone(),
            request_id: parts.extensions.get::<RequestId>().map_or_else(String::new, RequestId::to_string),
            source_ip: app.trusted_proxies.source(parts.extensions.get::<Peer>().copied(), &parts.headers),
            if_match: None,
            idempotency: None,
        };
        Ok(Self { app: Arc::clone(app), visitor, call })
    }
}

impl Visit {
    /// Does what the API does under this name, and as it does it.
    pub async fn change<T>(
        &self,
        operation: Operation,
        target: Option<&str>,
        change: impl AsyncFnOnce(&mut Change) -> Result<T, Error>,
    ) -> Result<T, Refused> {
        let authority = &self.app.authority;
        let mut begun = match authority.begin(&self.call, operation).await {
            Ok(Begun::Change(begun)) => begun,
            Ok(Begun::Replay(_)) => return Err(Refused::closed(&self.app)),
            Err(error) => return Err(self.refuse(operation, target, error).await),
        };
        let done = match begun.demand_portal_session(self.visitor.session.id).await {
            Ok(()) => change(&mut begun).await,
            Err(over) => Err(over),
        };
        match done {
            Ok(done) => {
                begun.commit(&[]).await.map_err(|error| Refused::of(&self.app, error))?;
                Ok(done)
            }
            Err(error) => {
                drop(begun);
                Err(self.refuse(operation, target, error).await)
            }
        }
    }

    /// Writes the refusal of a change down, as the API does.
    pub async fn refuse(&self, operation: Operation, target: Option<&str>, error: Error) -> Refused {
        self.app.authority.note_refusal(&self.call, operation, target, None, &error).await;
        Refused::of(&self.app, error)
    }

    pub fn request_id(&self) -> &str {
        &self.call.request_id
    }

    pub fn source_ip(&self) -> Option<IpAddr> {
        self.call.source_ip
    }

    pub fn base(&self) -> String {
        base(&self.app)
    }
}

/// A form, read as every body is: bounded in size and time.
pub struct Sent<T>(pub T);

impl<T: DeserializeOwned> FromRequest<Arc<App>> for Sent<T> {
    type Rejection = Refused;

    async fn from_request(request: Request, app: &Arc<App>) -> Result<Self, Refused> {
        let unreadable = |status, text: &str| Refused {
            status,
            title: "That cannot be taken",
            text: text.to_owned(),
            back: true,
            base: base(app),
            cause: None,
        };
        let (parts, body) = request.into_parts();
        let bytes = read(&parts.headers, body, MAX_FORM_BYTES).await.map_err(|error| unreadable(error.status(), error.message()))?;
        let form = Form::<T>::from_request(Request::from_parts(parts, Body::from(bytes)), app).await;
        let Form(sent) = form.map_err(|_form| unreadable(StatusCode::UNPROCESSABLE_ENTITY, "A part of the form is missing."))?;
        Ok(Self(sent))
    }
}

/// The path of the issuer, before every path of the portal; empty without one.
pub fn base(app: &App) -> String {
    Url::parse(&app.authority.deployment.issuer).map_or(String::new(), |url| url.path().trim_end_matches('/').to_owned())
}

/// `__Host-` needs `Secure` and `/`; browsers take that from a loopback address too.
pub fn cookie(value: &str) -> Cookie<'static> {
    let life = axum_extra::extract::cookie::Expiration::Session;
    let mut cookie = Cookie::new(COOKIE, value.to_owned());
    cookie.set_path("/");
    cookie.set_secure(true);
    cookie.set_http_only(true);
    cookie.set_same_site(SameSite::Strict);
    cookie.set_expires(life);
    if value.is_empty() {
        cookie.make_removal();
    } else if let Ok(life) = SESSION_LIFE.try_into() {
        cookie.set_max_age(Some(life));
    }
    cookie
}

impl Refused {
    pub fn closed(app: &App) -> Self {
        let text = "The link was opened already, or too much time has passed. Ask for a new one where you got it.".to_owned();
        Self { status: StatusCode::FORBIDDEN, title: "This session is over", text, back: false, base: base(app), cause: None }
    }

    pub fn of(app: &App, error: Error) -> Self {
        let page = |status, title, text: String| Self { status, title, text, back: true, base: base(app), cause: None };
        match error {
            Error::Invalid(fields) => {
                let text = fields.iter().map(|field| field.message.as_str()).collect::<Vec<_>>().join("; ");
                page(StatusCode::UNPROCESSABLE_ENTITY, "That cannot be taken", text)
            }
            Error::NotFound(what) => page(StatusCode::NOT_FOUND, "Not found", format!("There is no such {what}.")),
            Error::Forbidden { message, .. } => page(StatusCode::FORBIDDEN, "Not allowed", message),
            Error::Conflict { message, .. } => page(StatusCode::CONFLICT, "Not now", message),
            Error::Unauthenticated => Self::closed(app),
            Error::Unavailable(cause) => {
                let text = "Changes cannot be made for the moment: try again.".to_owned();
                Self { cause: Some(cause.to_string()), ..page(StatusCode::SERVICE_UNAVAILABLE, "Try again", text) }
            }
            other => {
                let text = "Something went wrong here.".to_owned();
                Self { cause: Some(format!("{other:?}")), ..page(StatusCode::INTERNAL_SERVER_ERROR, "Internal error", text) }
            }
        }
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let page = MessagePage { base: &self.base, title: self.title, text: &self.text, back: self.back };
        let mut response = (self.status, Html(page.render().unwrap_or_default())).into_response();
        if let Some(cause) = self.cause {
            response.extensions_mut().insert(Cause(cause));
        }
        response
    }
}
