//! One visit: whose session it is, and what is around every page he sees.
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::Response;
use axum_extra::extract::cookie::{Cookie, SameSite};

use super::brand::frame;
use crate::authority::caller::{Caller, Operation};
use crate::authority::change::Change;
use crate::authority::error::Error;
use crate::authority::portal::{Visitor, operation};
use crate::domain::credential::Secret;
use crate::domain::portal::{Capability, SESSION_LIFE};
use crate::http::App;
use crate::http::pages::{self, Frame, Link, Notice, Page, Refused, Tone, Who};

pub type Visit = pages::Visit<Visitor>;

impl Who for Visitor {
    const AREA: &'static str = "portal";
    const COOKIE: &'static str = "__Host-chancery-portal";
    type Right = Capability;

    async fn find(app: &App, session: &Secret) -> Result<Option<Self>, Error> {
        app.authority.find_visitor(session).await
    }

    fn nobody(app: &App, _: &Parts) -> Refused {
        closed(app)
    }

    fn refused(app: &App, error: Error) -> Refused {
        refused(app, error)
    }

    fn frame(visit: &Visit) -> Frame {
        let places = visit.places().into_iter();
        let mut navigation: Vec<_> = places.map(|(place, text)| Link::new(visit.path(place), text)).collect();
        if let Some(url) = &visit.who.session.return_url {
            navigation.push(Link::new(url.clone(), "Back to where you came from"));
        }
        let who = Some((String::new(), visit.path("leave")));
        Frame { section: "Admin", navigation, who, ..frame(&visit.app, Some(&visit.who.organization_name)) }
    }

    fn caller(&self) -> &Caller {
        &self.caller
    }

    fn session(&self) -> String {
        self.session.id.to_string()
    }

    fn demand(&self, capability: Capability) -> Result<(), Error> {
        Self::demand(self, capability)
    }

    fn operation(name: &'static str, capability: Capability) -> Operation {
        operation(name, capability)
    }

    async fn demand_session(&self, change: &mut Change) -> Result<(), Error> {
        change.demand_portal_session(self.session.id).await
    }
}

/// Whatever a session is over for, the way back in is the same.
pub fn closed(app: &App) -> Refused {
    let text = "The link was opened already, or too much time has passed. Ask for a new one where you got it.";
    Refused::new(app, StatusCode::FORBIDDEN, "This session is over", text).within(frame(app, None)).at_the_end()
}

pub fn refused(app: &App, error: Error) -> Refused {
    match error {
        Error::Unauthenticated => closed(app),
        other => Refused::of(app, other).within(frame(app, None)),
    }
}

impl Visit {
    pub fn organization(&self) -> String {
        self.who.session.organization_id.to_string()
    }

    pub fn demand(&self, capability: Capability) -> Result<(), Refused> {
        self.who.demand(capability).map_err(|error| self.refused(error))
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

    pub fn render(&self, current: &str, page: Page) -> Response {
        self.show(self.path(current), page)
    }
}

/// In a frame of another site a cookie comes back only where it says so, and is kept apart for that site (`Partitioned`).
pub fn cookie(value: &str, framed: bool) -> Cookie<'static> {
    let mut cookie = pages::cookie::<Visitor>(value);
    if framed {
        cookie.set_same_site(SameSite::None);
        cookie.set_partitioned(true);
    }
    if let (false, Ok(life)) = (value.is_empty(), SESSION_LIFE.try_into()) {
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
