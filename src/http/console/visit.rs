//! One visit of an operator: who he is, what he asks for, and the way to change something.
use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse, Redirect, Response};
use axum_extra::extract::CookieJar;
use axum_extra::extract::cookie::{Cookie, Expiration, SameSite};

use crate::authority::bound::Bound;
use crate::authority::caller::{Call, Caller, Operation};
use crate::authority::change::Change;
use crate::authority::console::Operator;
use crate::authority::error::Error;
use crate::authority::idempotency::Begun;
use crate::domain::credential::Secret;
use crate::domain::management_key::Power;
use crate::domain::page::{Cursor, Order, PageRequest};
use crate::domain::timestamp::Timestamp;
use crate::http::App;
use crate::http::hygiene::RequestId;
use crate::http::pages::{Fields, Frame, Link, Notice, Page, Refused, Table, base};
use crate::http::source::Peer;

pub const COOKIE: &str = "__Host-chancery-console";
/// Rows of a page.
const ROWS: u8 = 50;

pub struct Visit {
    pub app: Arc<App>,
    pub operator: Operator,
    /// What stands behind the path.
    pub query: Fields,
    call: Call,
    base: String,
}

/// What is shown in the navigation, and who may see it.
const PLACES: [(&str, &str, Power); 8] = [
    ("organizations", "Organizations", Power::OrganizationsRead),
    ("permissions", "Permissions", Power::PermissionsRead),
    ("resource_servers", "Resource servers", Power::ResourceServersRead),
    ("signing_keys", "Signing keys", Power::SigningKeysRead),
    ("webhook_endpoints", "Webhooks", Power::WebhookEndpointsRead),
    ("management_keys", "Management keys", Power::ManagementKeysRead),
    ("events", "Events", Power::EventsRead),
    ("sessions", "Sessions", Power::ManagementKeysRead),
];

impl FromRequestParts<Arc<App>> for Visit {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Refused> {
        let jar = CookieJar::from_headers(&parts.headers);
        let operator = match jar.get(COOKIE).map(|cookie| Secret::presented(cookie.value())) {
            Some(session) => app.authority.find_operator(&session).await.map_err(|error| Refused::of(app, error))?,
            None => None,
        };
        let base = base(app);
        let Some(operator) = operator else { return Err(Refused::elsewhere(app, format!("{base}/console/sign_in"))) };
        let call = Call {
            caller: operator.caller.clone(),
            request_id: parts.extensions.get::<RequestId>().map_or_else(String::new, RequestId::to_string),
            source_ip: app.trusted_proxies.source(parts.extensions.get::<Peer>().copied(), &parts.headers),
            if_match: None,
            idempotency: None,
        };
        let query = match parts.method {
            Method::GET | Method::HEAD => parts.uri.query(),
            _ => None,
        };
        Ok(Self { app: Arc::clone(app), operator, query: Fields::of_query(query), call, base })
    }
}

impl Visit {
    pub fn caller(&self) -> &Caller {
        &self.operator.caller
    }

    pub fn may(&self, power: Power) -> bool {
        self.caller().may(power)
    }

    pub fn now(&self) -> Timestamp {
        self.app.authority.clock.now()
    }

    /// A page of the console; `place` without a slash before it.
    pub fn path(&self, place: impl std::fmt::Display) -> String {
        format!("{}/console/{place}", self.base)
    }

    pub fn link(&self, place: impl std::fmt::Display, text: impl Into<String>) -> Link {
        Link::new(self.path(place), text)
    }

    pub fn refused(&self, error: impl Into<Error>) -> Refused {
        Refused::of(&self.app, error.into())
    }

    /// Does what the API does under this name, and as it does it.
    pub async fn change<T>(
        &self,
        (name, power): (&'static str, Power),
        target: Option<&str>,
        change: impl AsyncFnOnce(&mut Change) -> Result<T, Error>,
    ) -> Result<(T, Option<Bound>), Refused> {
        let operation = Operation { name, power };
        if let Err(error) = self.caller().demand(power) {
            return Err(self.refuse(operation, target, error).await);
        }
        let mut begun = match self.app.authority.begin(&self.call, operation).await {
            Ok(Begun::Change(begun)) => begun,
            Ok(Begun::Replay(_)) => return Err(Refused::of(&self.app, Error::Unauthenticated)),
            Err(error) => return Err(self.refuse(operation, target, error).await),
        };
        let done = match begun.demand_console_session(self.operator.session.id).await {
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

    /// Asks, before anything that was sent is looked at, whether the management key may do it.
    pub async fn demand_for(&self, (name, power): (&'static str, Power)) -> Result<(), Refused> {
        match self.caller().demand(power) {
            Ok(_) => Ok(()),
            Err(error) => Err(self.refuse(Operation { name, power }, None, error).await),
        }
    }

    /// Takes the management key again; answers the session's new name.
    pub async fn confirm(&self, key: &Secret) -> Result<Option<Secret>, Refused> {
        let confirmed = self.app.authority.confirm_operator(&self.operator, key, &self.call.request_id, self.call.source_ip).await;
        confirmed.map_err(|error| self.refused(error))
    }

    /// Counts a wrong key (case 264).
    pub fn demand_patience(&self) -> Result<(), Refused> {
        if self.app.throttle.admits_failure(self.call.source_ip) {
            return Ok(());
        }
        let text = "Too many failed attempts from this address: wait a moment.";
        Err(Refused::new(&self.app, StatusCode::TOO_MANY_REQUESTS, "Not now", text))
    }

    /// Ends this session.
    pub async fn leave(&self) -> Result<(), Refused> {
        let left = self.app.authority.leave_console(&self.operator, &self.call.request_id, self.call.source_ip).await;
        left.map_err(|error| self.refused(error))
    }

    async fn refuse(&self, operation: Operation, target: Option<&str>, error: Error) -> Refused {
        self.app.authority.note_refusal(&self.call, operation, target, None, &error).await;
        Refused::of(&self.app, error)
    }

    /// Case 263: what is destructive asks for the management key again, unless it was presented a moment ago.
    pub fn demand_confirmed(&self, next: &str) -> Result<(), Refused> {
        if self.operator.session.is_confirmed(self.now()) {
            return Ok(());
        }
        let next: String = form_urlencoded::byte_serialize(next.as_bytes()).collect();
        Err(Refused::elsewhere(&self.app, self.path(format!("confirm?next={next}"))))
    }

    /// After a change: to a page that shows what came of it, so that loading it again repeats nothing.
    pub fn done(&self, place: impl std::fmt::Display, what: &str, bound: Option<&Bound>) -> Response {
        let by = bound.map_or_else(String::new, |bound| format!("&by={}", bound.effective_by_ms));
        Redirect::to(&self.path(format!("{place}?done={what}{by}"))).into_response()
    }

    /// Which page of a list is asked for.
    pub fn page_request(&self) -> PageRequest {
        let cursor = match (self.query.owned("after"), self.query.owned("before")) {
            (Some(after), _) => Some(Cursor::After(after)),
            (None, before) => before.map(Cursor::Before),
        };
        PageRequest { limit: ROWS, order: Order::Descending, cursor }
    }

    /// Puts the ways to the pages around this one under a table; `keep` are the parameters of the list that stay.
    pub fn turn<T>(&self, table: &mut Table, page: &crate::domain::page::Page<T>, place: &str, keep: &[&str]) {
        let kept = self.query.kept(keep);
        table.newer = page.before.as_ref().map(|id| self.path(format!("{place}?before={id}{kept}")));
        table.older = page.after.as_ref().map(|id| self.path(format!("{place}?after={id}{kept}")));
    }

    pub fn render(&self, current: &str, mut page: Page) -> Response {
        let mut navigation = vec![Link::new(format!("{}/console", self.base), "Overview")];
        navigation.extend(PLACES.iter().filter(|(_, _, power)| self.may(*power)).map(|(place, text, _)| self.link(place, *text)));
        let key = self.caller().key();
        let frame = Frame {
            base: self.base.clone(),
            area: "console",
            name: "Chancery".into(),
            navigation,
            current: if current.is_empty() { format!("{}/console", self.base) } else { self.path(current) },
            logo: None,
            style: None,
            who: Some((key.name.as_str().to_owned(), self.path("sign_out"))),
        };
        if let Some(told) = Notice::of_query(&self.query) {
            page.blocks.insert(0, told.into());
        }
        (StatusCode::OK, frame.render(&page)).into_response()
    }
}

/// Case 256. `__Host-` needs `Secure` and `/`; browsers take that from a loopback address too.
pub fn cookie(value: &str) -> Cookie<'static> {
    let mut cookie = Cookie::new(COOKIE, value.to_owned());
    cookie.set_path("/");
    cookie.set_secure(true);
    cookie.set_http_only(true);
    cookie.set_same_site(SameSite::Strict);
    cookie.set_expires(Expiration::Session);
    if value.is_empty() {
        cookie.make_removal();
    }
    cookie
}
