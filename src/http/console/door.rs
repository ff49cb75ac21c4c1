//! The door: signing in with a management key, presenting it again, and leaving (cases 256, 257, 263, 264).
use std::sync::Arc;

use axum::extract::State;
use axum::http::header::USER_AGENT;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse, Redirect, Response};
use axum_extra::extract::CookieJar;
use percent_encoding::percent_decode_str;

use super::visit::{SIGNED_IN, Visit};
use crate::authority::console::Operator;
use crate::domain::management_key::Power;
use crate::http::App;
use crate::http::pages::{Action, Block, Field, Fields, Form, Frame, Notice, Page, Refused, Tone, Who, base, cookie};
use crate::http::source::Sender;

fn key_field() -> Field {
    Field::Secret {
        name: "management_key",
        label: "Management key",
        hint: "The first start printed one. Lost? Start once with CHANCERY_MANAGEMENT_KEY set to a new one.",
        own: true,
    }
}

/// The way to the identity provider: a link, as the policy lets forms lead nowhere but here.
fn at_provider(host: &str, path: String) -> Block {
    Block::Actions(vec![Action { path, text: "Sign in at your identity provider", about: format!("({host})"), ..Action::default() }])
}

/// Whether there is a session's cookie, good or not.
pub fn brings_session(headers: &HeaderMap) -> bool {
    CookieJar::from_headers(headers).get(Operator::COOKIE).is_some()
}

/// Whether a browser says that another site led here (Fetch Metadata).
pub fn comes_from_elsewhere(headers: &HeaderMap) -> bool {
    headers.get("sec-fetch-site").is_some_and(|site| site == "cross-site")
}

/// Where one begins: whoever brings no session signs in, unless he comes from another site, where it is not brought along.
pub fn first_page(base: &str, headers: &HeaderMap) -> String {
    if brings_session(headers) || comes_from_elsewhere(headers) { format!("{base}/console") } else { format!("{base}/console/sign_in") }
}

/// A place, and where one wants to go from there.
pub fn with_next(place: String, next: &str) -> String {
    if next.is_empty() {
        return place;
    }
    let next: String = form_urlencoded::byte_serialize(next.as_bytes()).collect();
    format!("{place}?next={next}")
}

/// `next` is where he wanted to go.
fn sign_in_form(app: &App, notice: Option<&str>, next: &str) -> Page {
    let mut page = Page::new("Sign in to Chancery");
    if let Some(text) = notice {
        page.push(Notice::new(Tone::Bad, text));
    }
    if let Some(host) = app.authority.openid_host() {
        page.blocks.push(at_provider(&host, with_next(format!("{}/console/openid", base(app)), next)));
    }
    page.push(Form {
        title: "With a management key".into(),
        action: format!("{}/console/sign_in", base(app)),
        fields: vec![key_field(), Field::Hidden { name: "next", value: next.to_owned() }],
        button: "Sign in".into(),
        open: true,
        ..Form::default()
    });
    page
}

pub async fn sign_in_page(State(app): State<Arc<App>>, uri: Uri) -> Response {
    let query = Fields::of_query(uri.query());
    let notice = match query.get("why") {
        Some("over") => Some("Your session is over: sign in again."),
        Some("not_kept") => Some("Your browser kept no session: open this page by https, or on this machine by http://localhost."),
        _ => None,
    };
    Frame::bare(&base(&app)).render(&sign_in_form(&app, notice, query.text("next")))
}

const TOO_MANY: &str = "Too many failed attempts from this address: wait a moment.";

/// For whoever has guessed too often.
pub fn impatient(app: &App) -> Refused {
    Refused::new(app, StatusCode::TOO_MANY_REQUESTS, "Not now", TOO_MANY)
}

/// Whoever guesses is slowed down by where he comes from; a right key is never held up (case 264).
pub async fn sign_in(
    State(app): State<Arc<App>>,
    Sender { request_id, source }: Sender,
    headers: HeaderMap,
    jar: CookieJar,
    fields: Fields,
) -> Result<Response, Refused> {
    let agent = headers.get(USER_AGENT).and_then(|value| value.to_str().ok());
    if let Some(caller) = app.authority.find_caller(&fields.secret("management_key")) {
        let session = app
            .authority
            .sign_in(&caller, app.authority.clock.now(), &request_id, source, agent)
            .await
            .map_err(|error| Refused::of(&app, error))?;
        let next = page_of_console(&app, fields.text("next"));
        let more = if next.contains('?') { '&' } else { '?' };
        return Ok((jar.add(cookie::<Operator>(session.expose())), Redirect::to(&format!("{next}{more}{SIGNED_IN}"))).into_response());
    }
    let (status, text) = if app.throttle.admits_failure(source) {
        (StatusCode::FORBIDDEN, "This is no management key.")
    } else {
        (StatusCode::TOO_MANY_REQUESTS, TOO_MANY)
    };
    Ok((status, Frame::bare(&base(&app)).render(&sign_in_form(&app, Some(text), fields.text("next")))).into_response())
}

pub async fn sign_out(visit: Visit, jar: CookieJar) -> Result<Response, Refused> {
    visit.leave().await?;
    Ok((jar.add(cookie::<Operator>("")), Redirect::to(&visit.path("sign_in"))).into_response())
}

fn confirm_form(visit: &Visit, next: &str) -> Form {
    Form {
        title: "Present your management key again".into(),
        about: "What you are about to do asks for it anew, unless you have just presented it.".into(),
        action: visit.path("confirm"),
        fields: vec![key_field(), Field::Hidden { name: "next", value: next.to_owned() }],
        button: "Continue".into(),
        cancel: Some(visit.home()),
        open: true,
        ..Form::default()
    }
}

fn confirmation(visit: &Visit, notice: Option<&'static str>, next: &str) -> Page {
    let mut page = Page::new("Is it still you?");
    if let Some(text) = notice {
        page.push(Notice::new(Tone::Bad, text));
    }
    if let (Some(host), Some(_)) = (visit.app.authority.openid_host(), &visit.caller().key().signs_in_as) {
        page.blocks.push(at_provider(&host, with_next(visit.path("openid/again"), next)));
    }
    page.push(confirm_form(visit, next));
    page
}

pub async fn confirm_page(visit: Visit) -> Response {
    let page = confirmation(&visit, None, visit.query.text("next"));
    visit.render("", page)
}

/// Another page of the console, and nothing else; its first one where that is none.
pub fn page_of_console(app: &App, next: &str) -> String {
    // Browsers take an encoded dot in a path for a dot (WHATWG URL).
    let local = !percent_decode_str(next).decode_utf8_lossy().contains("..")
        && next.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"/_-:?=&%+.,~".contains(&byte));
    let home = format!("{}/console", base(app));
    if local && !next.is_empty() { format!("{home}/{next}") } else { home }
}

pub async fn confirm(visit: Visit, jar: CookieJar, fields: Fields) -> Result<Response, Refused> {
    let confirmed = visit.confirm(&fields.secret("management_key")).await;
    let next = fields.text("next");
    let Some(session) = confirmed? else {
        visit.demand_patience()?;
        let page = confirmation(&visit, Some("This is not the management key of this session."), next);
        return Ok((StatusCode::FORBIDDEN, visit.render("", page)).into_response());
    };
    let next = page_of_console(&visit.app, next);
    Ok((jar.add(cookie::<Operator>(session.expose())), Redirect::to(&next)).into_response())
}

/// What ends a session of another needs the right to delete his key.
pub const END_SESSION: (&str, Power) = ("console_session.end", Power::ManagementKeysWrite);
