//! One visit: whose session it is, and the way to change something in it.
use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse, Redirect, Response};
use axum_extra::extract::CookieJar;
use axum_extra::extract::cookie::{Cookie, Expiration, SameSite};

use super::brand::frame;
use crate::authority::bound::Bound;
use crate::authority::caller::{Call, Caller, Operation};
use crate::authority::change::Change;
use crate::authority::error::Error;
use crate::authority::idempotency::Begun;
use crate::authority::portal::{Visitor, operation};
use crate::domain::credential::Secret;
use crate::domain::page::{Cursor, Order, Page as Listed, PageRequest};
use crate::domain::portal::{Capability, SESSION_LIFE};
use crate::http::App;
use crate::http::hygiene::RequestId;
use crate::http::pages::{Fields, Frame, Link, Notice, Page, Refused, Table, Tone, base};
use crate::http::source::Peer;

const COOKIE: &str = "__Host-chancery-portal";
const ROWS: u8 = 50;

pub struct Visit {
    pub app: Arc<App>,
    pub visitor: Visitor,
    pub query: Fields,
    call: Call,
    base: String,
}

impl FromRequestParts<Arc<App>> for Visit {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Refused> {
        let jar = CookieJar::from_headers(&parts.headers);
        let presented = jar.get(COOKIE).map(|cookie| Secret::presented(cookie.value()));
        let visitor = match presented {
            Some(session) => app.authority.find_visitor(&session).await.map_err(|error| refused(app, error))?,
            None => None,
        };
        let Some(visitor) = visitor else { return Err(closed(app)) };
        let call = Call {
            caller: visitor.caller.clone(),
            request_id: parts.extensions.get::<RequestId>().map_or_else(String::new, RequestId::to_string),
            source_ip: app.trusted_proxies.source(parts.extensions.get::<Peer>().copied(), &parts.headers),
            if_match: None,
            idempotency: None,
        };
        let query = Fields::of_query(parts.uri.query().filter(|_| parts.method == Method::GET));
        Ok(Self { app: Arc::clone(app), visitor, query, call, base: base(app) })
    }
}

/// Whatever a session is over for, the way back in is the same.
pub fn closed(app: &App) -> Refused {
    let text = "The link was opened already, or too much time has passed. Ask for a new one where you got it.";
    Refused::new(app, StatusCode::FORBIDDEN, "This session is over", text).in_portal()
}

pub fn refused(app: &App, error: Error) -> Refused {
    match error {
        Error::Unauthenticated => closed(app),
        other => Refused::of(app, other).in_portal(),
    }
}

impl Visit {
    pub fn caller(&self) -> &Caller {
        &self.visitor.caller
    }

    pub fn organization(&self) -> String {
        self.visitor.session.organization_id.to_string()
    }

    /// A page of the portal; `place` without a slash before it.
    pub fn path(&self, place: impl std::fmt::Display) -> String {
        format!("{}/portal/{place}", self.base)
    }

    pub fn refused(&self, error: impl Into<Error>) -> Refused {
        refused(&self.app, error.into())
    }

    pub fn may(&self, capability: Capability) -> bool {
        self.visitor.demand(capability).is_ok()
    }

    pub fn demand(&self, capability: Capability) -> Result<(), Refused> {
        self.visitor.demand(capability).map_err(|error| self.refused(error))
    }

    /// Does what the API does under this name, and as it does it, where the link grants it.
    pub async fn change<T>(
        &self,
        name: &'static str,
        capability: Capability,
        target: Option<&str>,
        change: impl AsyncFnOnce(&mut Change) -> Result<T, Error>,
    ) -> Result<(T, Option<Bound>), Refused> {
        let operation = operation(name, capability);
        if let Err(error) = self.visitor.demand(capability) {
            return Err(self.refuse(operation, target, error).await);
        }
        let mut begun = match self.app.authority.begin(&self.call, operation).await {
            Ok(Begun::Change(begun)) => begun,
            Ok(Begun::Replay(_)) => return Err(closed(&self.app)),
            Err(error) => return Err(self.refuse(operation, target, error).await),
        };
        let done = match begun.demand_portal_session(self.visitor.session.id).await {
            Ok(()) => change(&mut begun).await,
            Err(over) => Err(over),
        };
        match done {
            Ok(done) => {
                let bound = begun.bound().await.map_err(|error| self.refused(error))?;
                begun.commit(&[]).await.map_err(|error| self.refused(error))?;
                Ok((done, bound))
            }
            Err(error) => {
                drop(begun);
                Err(self.refuse(operation, target, error).await)
            }
        }
    }

    /// Asks, before anything that was sent is looked at, whether the link grants the change.
    pub async fn demand_for(&self, name: &'static str, capability: Capability) -> Result<(), Refused> {
        match self.visitor.demand(capability) {
            Ok(()) => Ok(()),
            Err(error) => Err(self.refuse(operation(name, capability), None, error).await),
        }
    }

    /// Writes the refusal of a change down, as the API does.
    pub async fn refuse(&self, operation: Operation, target: Option<&str>, error: Error) -> Refused {
        self.app.authority.note_refusal(&self.call, operation, target, None, &error).await;
        self.refused(error)
    }

    pub fn request_id(&self) -> &str {
        &self.call.request_id
    }

    pub fn source_ip(&self) -> Option<IpAddr> {
        self.call.source_ip
    }

    pub fn page_request(&self) -> PageRequest {
        let cursor = match (self.query.owned("after"), self.query.owned("before")) {
            (Some(after), _) => Some(Cursor::After(after)),
            (None, before) => before.map(Cursor::Before),
        };
        PageRequest { limit: ROWS, order: Order::Descending, cursor }
    }

    /// Puts the ways to the pages around this one under a table; `keep` are the parameters of the list that stay.
    pub fn turn<T>(&self, table: &mut Table, page: &Listed<T>, place: &str, keep: &[&str]) {
        let keep = self.query.kept(keep);
        table.newer = page.before.as_ref().map(|id| self.path(format!("{place}?before={id}{keep}")));
        table.older = page.after.as_ref().map(|id| self.path(format!("{place}?after={id}{keep}")));
    }

    /// After a change: to a page that says what was done, so that loading it again repeats nothing.
    pub fn done(&self, place: &str, what: &str, bound: Option<&Bound>) -> Response {
        let by = bound.map_or_else(String::new, |bound| format!("&by={}", bound.effective_by_ms));
        Redirect::to(&self.path(format!("{place}?done={what}{by}"))).into_response()
    }

    /// The places the link grants, the first of which is where one begins.
    pub fn places(&self) -> Vec<(&'static str, &'static str)> {
        let places = [
            (Capability::ApiKeys, "api_keys", "API Keys"),
            (Capability::OwnKeys, "own_keys", "Your API Keys"),
            (Capability::MembersKeys, "members_keys", "Members' API Keys"),
            (Capability::Applications, "applications", "Applications"),
        ];
        places.into_iter().filter(|(capability, _, _)| self.may(*capability)).map(|(_, place, text)| (place, text)).collect()
    }

    pub fn render(&self, current: &str, mut page: Page) -> Response {
        let places = self.places().into_iter();
        let mut navigation: Vec<_> = places.map(|(place, text)| Link::new(self.path(place), text)).collect();
        if let Some(url) = &self.visitor.session.return_url {
            navigation.push(Link::new(url.clone(), "Back to where you came from"));
        }
        let frame = Frame {
            navigation,
            current: self.path(current),
            who: Some((String::new(), self.path("leave"))),
            ..frame(&self.app, Some(&self.visitor.organization_name))
        };
        if let Some(told) = Notice::of_query(&self.query) {
            page.blocks.insert(0, told.into());
        }
        frame.render(&page)
    }
}

/// `__Host-` needs `Secure` and `/`; browsers take that from a loopback address too. In a frame of another site a cookie comes back only where it
/// says so, and is kept apart for that site (`Partitioned`).
pub fn cookie(value: &str, framed: bool) -> Cookie<'static> {
    let mut cookie = Cookie::new(COOKIE, value.to_owned());
    cookie.set_path("/");
    cookie.set_secure(true);
    cookie.set_http_only(true);
    cookie.set_same_site(if framed { SameSite::None } else { SameSite::Strict });
    cookie.set_partitioned(framed.then_some(true));
    cookie.set_expires(Expiration::Session);
    if value.is_empty() {
        cookie.make_removal();
    } else if let Ok(life) = SESSION_LIFE.try_into() {
        cookie.set_max_age(Some(life));
    }
    cookie
}

/// What a page says when nobody is in any more.
pub fn farewell(app: &App, return_url: Option<&str>) -> Response {
    let mut page = Page::new("You have left");
    page.push(Notice::new(Tone::Good, "This session is over."));
    let navigation = return_url.map(|url| Link::new(url, "Back to where you came from")).into_iter().collect();
    Frame { navigation, ..frame(app, None) }.render(&page)
}
