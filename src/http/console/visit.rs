//! One visit of an operator: who he is, and what is around every page he sees.
use axum::http::Method;
use axum::http::request::Parts;
use axum::response::Response;

use super::door::{brings_session, comes_from_elsewhere, impatient, with_next};
use crate::authority::caller::{Caller, Operation};
use crate::authority::change::Change;
use crate::authority::console::Operator;
use crate::authority::error::Error;
use crate::domain::credential::Secret;
use crate::domain::management_key::Power;
use crate::http::App;
use crate::http::pages::{self, Fields, Frame, Link, Page, Refused, Who, base};

pub type Visit = pages::Visit<Operator>;

/// The end of the query of the first page that somebody sees: if it comes without a session, his browser kept none.
pub const SIGNED_IN: &str = "signed_in=now";

/// What is shown in the navigation, and who may see it.
const PLACES: [(&str, &str, Power); 11] = [
    ("organizations", "Organizations", Power::OrganizationsRead),
    ("users", "Users", Power::UsersRead),
    ("permissions", "Permissions", Power::PermissionsRead),
    ("resource_servers", "Resource servers", Power::ResourceServersRead),
    ("signing_keys", "Signing keys", Power::SigningKeysRead),
    ("webhook_endpoints", "Webhooks", Power::WebhookEndpointsRead),
    ("management_keys", "Management keys", Power::ManagementKeysRead),
    ("settings", "Settings", Power::SettingsRead),
    ("check", "Check", Power::ApiKeysValidate),
    ("events", "Events", Power::EventsRead),
    ("sessions", "Sessions", Power::ManagementKeysRead),
];

impl Who for Operator {
    const AREA: &'static str = "console";
    const COOKIE: &'static str = "__Host-chancery-console";
    type Right = Power;

    async fn find(app: &App, session: &Secret) -> Result<Option<Self>, Error> {
        app.authority.find_operator(session).await
    }

    fn nobody(app: &App, parts: &Parts) -> Refused {
        let had = brings_session(&parts.headers);
        // What a link says was done is not told to who was sent it.
        let query = Fields::of_query(parts.uri.query()).without(&["done", "by", "signed_in"]);
        let (base, place) = (base(app), format!("{}{query}", parts.uri.path()));
        if parts.method == Method::GET && comes_from_elsewhere(&parts.headers) && !had {
            return Refused::onward(app, format!("{base}{place}"));
        }
        let why = match parts.uri.query() {
            Some(query) if !had && query.ends_with(SIGNED_IN) => "not_kept",
            _ if had => "over",
            _ => "",
        };
        let next = place.strip_prefix("/console/").filter(|_| parts.method == Method::GET).unwrap_or_default();
        let query: String = form_urlencoded::Serializer::new(String::new())
            .extend_pairs([("why", why), ("next", next)].into_iter().filter(|(_, value)| !value.is_empty()))
            .finish();
        Refused::elsewhere(app, format!("{base}/console/sign_in{}{query}", if query.is_empty() { "" } else { "?" }))
    }

    fn refused(app: &App, error: Error) -> Refused {
        Refused::of(app, error)
    }

    fn frame(visit: &Visit) -> Frame {
        let mut navigation = vec![Link::new(visit.home(), "Overview")];
        navigation.extend(PLACES.iter().filter(|(_, _, power)| visit.may(*power)).map(|(place, text, _)| visit.link(place, *text)));
        let key = visit.caller().key();
        if let (false, Some(own)) = (visit.may(Power::OrganizationsRead), key.organization_id) {
            navigation.insert(1, visit.link(format!("organizations/{own}"), "Organization"));
        }
        Frame {
            navigation,
            who: Some((key.name.as_str().to_owned(), visit.path("sign_out"))),
            plain: false,
            ..Frame::bare(&base(&visit.app))
        }
    }

    fn caller(&self) -> &Caller {
        &self.caller
    }

    fn session(&self) -> String {
        self.session.id.to_string()
    }

    fn demand(&self, power: Power) -> Result<(), Error> {
        self.caller.demand(power).map(drop)
    }

    fn operation(name: &'static str, power: Power) -> Operation {
        Operation { name, power }
    }

    async fn demand_session(&self, change: &mut Change) -> Result<(), Error> {
        change.demand_console_session(self.session.id).await
    }
}

impl Visit {
    pub fn link(&self, place: impl std::fmt::Display, text: impl Into<String>) -> Link {
        Link::new(self.path(place), text)
    }

    /// Takes the management key again; answers the session's new name, and nothing for another key.
    pub async fn confirm(&self, key: &Secret) -> Result<Option<Secret>, Refused> {
        let authority = &self.app.authority;
        let Some(caller) = authority.find_caller(key).filter(|caller| caller.id() == self.caller().id()) else { return Ok(None) };
        let confirmed = authority.confirm_operator(self.who.session.id, &caller, &self.sender.request_id, self.sender.source).await;
        confirmed.map(Some).map_err(|error| self.refused(error))
    }

    /// Counts a wrong key (case 264).
    pub fn demand_patience(&self) -> Result<(), Refused> {
        if self.app.throttle.admits_failure(self.sender.source) {
            return Ok(());
        }
        Err(impatient(&self.app))
    }

    /// Ends this session.
    pub async fn leave(&self) -> Result<(), Refused> {
        let left = self.app.authority.leave_console(&self.who, &self.sender.request_id, self.sender.source).await;
        left.map_err(|error| self.refused(error))
    }

    /// Case 263: what is destructive asks for the management key again, unless it was presented a moment ago.
    pub fn demand_confirmed(&self, next: &str) -> Result<(), Refused> {
        if self.who.session.is_confirmed(self.now()) {
            return Ok(());
        }
        Err(Refused::elsewhere(&self.app, with_next(self.path("confirm"), next)))
    }

    pub fn render(&self, current: &str, page: Page) -> Response {
        self.show(if current.is_empty() { self.home() } else { self.path(current) }, page)
    }
}
