//! One visit: who it is, by his session's cookie, what he asks for, and the way to change something; the same in the console and in the portal.
use std::fmt::Display;
use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::Method;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Redirect, Response};
use axum_extra::extract::CookieJar;
use axum_extra::extract::cookie::{Cookie, Expiration, SameSite};

use super::sent::{Again, Sent, path_and_query};
use super::{Block, Fields, Frame, Notice, Page, Refused, Sorted, Table, base};
use crate::authority::bound::Bound;
use crate::authority::caller::{Call, Caller, Operation};
use crate::authority::change::Change;
use crate::authority::error::Error;
use crate::authority::idempotency::Begun;
use crate::domain::credential::Secret;
use crate::domain::page::{Cursor, Order, Page as Listed, PageRequest, SortKey};
use crate::domain::timestamp::Timestamp;
use crate::http::App;
use crate::http::source::Sender;

/// What whole lists can be ordered by: in a query, over a column, and which way round at first.
const SORTS: [(&str, &str, SortKey, Order); 3] = [
    ("name", "Name", SortKey::Name, Order::Ascending),
    ("last_used", "Last Used", SortKey::LastUsed, Order::Descending),
    ("created", "Created", SortKey::Created, Order::Descending),
];
/// Rows of a page.
const ROWS: u8 = 50;

/// Who can be in one of the places that pages are for.
pub trait Who: Sized + Send + Sync {
    /// `console` or `portal`.
    const AREA: &'static str;
    const COOKIE: &'static str;
    /// What decides whether he may change something.
    type Right: Copy + Send;

    /// Whose session this is, while it lasts.
    fn find(app: &App, session: &Secret) -> impl Future<Output = Result<Option<Self>, Error>> + Send;

    /// What somebody is told who is nobody, or nobody any more.
    fn nobody(app: &App, parts: &Parts) -> Refused;

    fn refused(app: &App, error: Error) -> Refused;

    /// What is around every page he sees.
    fn frame(visit: &Visit<Self>) -> Frame;

    fn caller(&self) -> &Caller;

    /// The id of his session.
    fn session(&self) -> String;

    /// # Errors
    /// [`Error`] without the right.
    fn demand(&self, right: Self::Right) -> Result<(), Error>;

    /// The call of the management surface that a change is done as.
    fn operation(name: &'static str, right: Self::Right) -> Operation;

    /// Asks whether the session still lasts: it may have ended while the request was on its way.
    fn demand_session(&self, change: &mut Change) -> impl Future<Output = Result<(), Error>> + Send;
}

pub struct Visit<W> {
    pub app: Arc<App>,
    pub who: W,
    /// What stands behind the path.
    pub query: Fields,
    pub sender: Sender,
    /// Path and query of the page.
    place: String,
    /// The form he sent, or the one he is shown again.
    sent: Sent,
    again: Option<Again>,
    base: String,
}

impl<W: Who> FromRequestParts<Arc<App>> for Visit<W> {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Refused> {
        let jar = CookieJar::from_headers(&parts.headers);
        let who = match jar.get(W::COOKIE).map(|cookie| Secret::presented(cookie.value())) {
            Some(session) => W::find(app, &session).await.map_err(|error| W::refused(app, error))?,
            None => None,
        };
        let who = who.ok_or_else(|| W::nobody(app, parts))?;
        let query = parts.uri.query().filter(|_| matches!(parts.method, Method::GET | Method::HEAD));
        let (query, sender) = (Fields::of_query(query), Sender::of(parts, app));
        let sent = parts.extensions.get::<Sent>().cloned().unwrap_or_default();
        let again = parts.extensions.get::<Again>().cloned();
        Ok(Self { app: Arc::clone(app), who, query, sender, place: path_and_query(&parts.uri), sent, again, base: base(app) })
    }
}

impl<W: Who> Visit<W> {
    pub fn caller(&self) -> &Caller {
        self.who.caller()
    }

    pub fn may(&self, right: W::Right) -> bool {
        self.who.demand(right).is_ok()
    }

    pub fn now(&self) -> Timestamp {
        self.app.authority.clock.now()
    }

    /// The first page of the place.
    pub fn home(&self) -> String {
        format!("{}/{}", self.base, W::AREA)
    }

    /// Another page; `place` without a slash before it.
    pub fn path(&self, place: impl Display) -> String {
        format!("{}/{}/{place}", self.base, W::AREA)
    }

    pub fn refused(&self, error: impl Into<Error>) -> Refused {
        match error.into() {
            over @ Error::Unauthenticated => W::refused(&self.app, over),
            error => W::refused(&self.app, error).within(W::frame(self)),
        }
    }

    /// Does what the API does under this name, and as it does it: once for each form that was sent, and only to what is still as that had it.
    pub async fn change<T>(
        &self,
        (name, right): (&'static str, W::Right),
        target: Option<&str>,
        change: impl AsyncFnOnce(&mut Change) -> Result<T, Error>,
    ) -> Result<(T, Option<Bound>), Refused> {
        if let Err(error) = self.who.demand(right) {
            return Err(self.refuse((name, right), target, error).await);
        }
        let mut begun = match self.app.authority.begin(&self.call(name), W::operation(name, right)).await {
            Ok(Begun::Change(begun)) => begun,
            Ok(Begun::Replay(_)) => return Err(Refused::repeated(&self.app).within(W::frame(self))),
            Err(error) => return Err(self.refuse((name, right), target, error).await),
        };
        let done = match self.who.demand_session(&mut begun).await {
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
                Err(self.refuse((name, right), target, error).await)
            }
        }
    }

    /// Asks, before anything that was sent is looked at, whether he may do it.
    pub async fn demand_for(&self, (name, right): (&'static str, W::Right)) -> Result<(), Refused> {
        match self.who.demand(right) {
            Ok(()) => Ok(()),
            Err(error) => Err(self.refuse((name, right), None, error).await),
        }
    }

    /// Writes the refusal of a change down, as the API does.
    pub async fn refuse(&self, (name, right): (&'static str, W::Right), target: Option<&str>, error: Error) -> Refused {
        self.app.authority.note_refusal(&self.call(name), W::operation(name, right), target, None, &error).await;
        self.refused(error)
    }

    fn call(&self, name: &str) -> Call {
        Call {
            caller: self.caller().clone(),
            request_id: self.sender.request_id.clone(),
            source_ip: self.sender.source,
            if_match: self.sent.version(),
            idempotency: self.sent.idempotency(&self.who.session(), &self.place, name),
        }
    }

    /// A page within what is around it: `current` is the path of the entry it belongs to.
    pub fn show(&self, current: String, mut page: Page) -> Response {
        match &self.again {
            Some(again) => again.put_into(&mut page, &self.base),
            None => page.blocks.splice(0..0, Notice::of_query(&self.query).map(Block::from)).for_each(drop),
        }
        let forms = Some((self.place.clone(), self.sender.request_id.clone()));
        Frame { current, forms, ..W::frame(self) }.render(&page)
    }

    /// After a change: to a page that says what came of it, so that loading it again repeats nothing.
    pub fn done(&self, place: impl Display, what: &str, bound: Option<&Bound>) -> Response {
        let by = bound.map_or_else(String::new, |bound| format!("&by={}", bound.effective_by_ms));
        let place = place.to_string();
        let more = if place.contains('?') { '&' } else { '?' };
        Redirect::to(&self.path(format!("{place}{more}done={what}{by}"))).into_response()
    }

    /// Which page of a list is asked for.
    pub fn page_request(&self) -> PageRequest {
        let cursor = match (self.query.owned("after"), self.query.owned("before")) {
            (Some(after), _) => Some(Cursor::After(after)),
            (None, before) => before.map(Cursor::Before),
        };
        let (by, order) = self.sorting();
        PageRequest { limit: ROWS, by, order, cursor }
    }

    /// In which order a list is asked for: the newest first, where nothing is said that there is.
    fn sorting(&self) -> (SortKey, Order) {
        let known = SORTS.iter().find(|(name, ..)| *name == self.query.text("sort"));
        let (by, first) = known.map_or((SortKey::Created, Order::Descending), |(_, _, by, first)| (*by, *first));
        let order = match self.query.get("order") {
            Some("asc") => Order::Ascending,
            Some("desc") => Order::Descending,
            _ => first,
        };
        (by, order)
    }

    /// Makes the heads of the columns that the whole list can be ordered by ways to that; `keep` are the parameters of the list that stay.
    pub fn sort(&self, table: &mut Table, place: &str, keep: &[&str]) {
        let ((now_by, now), kept) = (self.sorting(), self.query.kept(keep));
        for column in &mut table.columns {
            let Some((name, _, by, first)) = SORTS.iter().find(|(_, title, ..)| *title == column.title) else { continue };
            let now = (*by == now_by).then_some(now);
            let next = now.map_or(*first, Order::reversed).name();
            column.sorted = Sorted::Asked { href: self.path(format!("{place}?sort={name}&order={next}{kept}")), now };
        }
    }

    /// Puts a field to search with over a table, with what was searched for in it; `place` is the path of its page, and `keep` are the
    /// parameters of the list that stay.
    pub fn search(&self, table: &mut Table, place: &str, keep: &[&str]) {
        let kept = keep.iter().chain(&["sort", "order"]).filter_map(|name| Some(((*name).to_owned(), self.query.owned(name)?)));
        table.kept = kept.collect();
        table.search = Some((self.path(place), self.query.text("search").to_owned()));
        table.filtered |= self.query.has("search");
    }

    /// Puts the ways to the pages around this one under a table; `keep` are the parameters of the list that stay.
    pub fn turn<T>(&self, table: &mut Table, page: &Listed<T>, place: &str, keep: &[&str]) {
        let kept = self.query.kept(keep) + &self.query.kept(&["sort", "order"]);
        if page.before.is_some() || page.after.is_some() {
            // A part of a list in order would only look as if the list were.
            table.columns.iter_mut().filter(|column| column.sorted == Sorted::Here).for_each(|column| column.sorted = Sorted::No);
        }
        table.newer = page.before.as_ref().map(|id| self.path(format!("{place}?before={id}{kept}")));
        table.older = page.after.as_ref().map(|id| self.path(format!("{place}?after={id}{kept}")));
    }
}

/// Case 256: the session's cookie; an empty one takes it away. `__Host-` needs `Secure` and `/`; browsers take that from a loopback address too.
pub fn cookie<W: Who>(value: &str) -> Cookie<'static> {
    let mut cookie = Cookie::new(W::COOKIE, value.to_owned());
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
