//! The door: signing in with a management key, presenting it again, and leaving (cases 256, 257, 263, 264).
use std::sync::Arc;

use axum::extract::State;
use axum::http::header::USER_AGENT;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Redirect, Response};
use axum_extra::extract::CookieJar;

use super::visit::Visit;
use crate::authority::console::Operator;
use crate::domain::management_key::Power;
use crate::http::App;
use crate::http::pages::{Field, Fields, Form, Frame, Notice, Page, Refused, Tone, base, cookie};
use crate::http::source::Sender;

fn key_field() -> Field {
    Field::Secret {
        name: "management_key",
        label: "Management key",
        hint: "The first start printed one. Lost? Start once with CHANCERY_MANAGEMENT_KEY set to a new one.",
    }
}

fn sign_in_form(app: &App, notice: Option<&str>) -> Page {
    let mut page = Page::new("Sign in to Chancery");
    if let Some(text) = notice {
        page.push(Notice::new(Tone::Bad, text));
    }
    page.push(Form {
        title: "With a management key".into(),
        action: format!("{}/console/sign_in", base(app)),
        fields: vec![key_field()],
        button: "Sign in".into(),
        open: true,
        ..Form::default()
    });
    page
}

pub async fn sign_in_page(State(app): State<Arc<App>>) -> Response {
    Frame::bare(&base(&app)).render(&sign_in_form(&app, None))
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
    let signed_in = app.authority.sign_in(&fields.secret("management_key"), &request_id, source, agent).await;
    if let Some(session) = signed_in.map_err(|error| Refused::of(&app, error))? {
        return Ok((jar.add(cookie::<Operator>(session.expose())), Redirect::to(&format!("{}/console", base(&app)))).into_response());
    }
    let (status, text) = if app.throttle.admits_failure(source) {
        (StatusCode::FORBIDDEN, "This is no management key.")
    } else {
        (StatusCode::TOO_MANY_REQUESTS, "Too many failed attempts from this address: wait a moment.")
    };
    Ok((status, Frame::bare(&base(&app)).render(&sign_in_form(&app, Some(text)))).into_response())
}

pub async fn sign_out(visit: Visit, jar: CookieJar) -> Result<Response, Refused> {
    visit.leave().await?;
    Ok((jar.add(cookie::<Operator>("")), Redirect::to(&visit.path("sign_in"))).into_response())
}

fn confirm_form(visit: &Visit, next: &str) -> Form {
    Form {
        title: "Present your management key again".into(),
        about: "What you are about to do cannot be undone.".into(),
        action: visit.path("confirm"),
        fields: vec![key_field(), Field::Hidden { name: "next", value: next.to_owned() }],
        button: "Continue".into(),
        cancel: Some(visit.path("organizations")),
        open: true,
        ..Form::default()
    }
}

pub async fn confirm_page(visit: Visit) -> Response {
    let mut page = Page::new("Is it still you?");
    page.push(confirm_form(&visit, visit.query.text("next")));
    visit.render("", page)
}

pub async fn confirm(visit: Visit, jar: CookieJar, fields: Fields) -> Result<Response, Refused> {
    let confirmed = visit.confirm(&fields.secret("management_key")).await;
    let next = fields.text("next");
    let Some(session) = confirmed? else {
        visit.demand_patience()?;
        let mut page = Page::new("Is it still you?");
        page.push(Notice::new(Tone::Bad, "This is not the management key of this session."));
        page.push(confirm_form(&visit, next));
        return Ok((StatusCode::FORBIDDEN, visit.render("", page)).into_response());
    };
    // Only to pages of the console.
    let local = !next.contains("..") && next.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"/_-".contains(&byte));
    let next = if local { visit.path(next) } else { visit.path("organizations") };
    Ok((jar.add(cookie::<Operator>(session.expose())), Redirect::to(&next)).into_response())
}

/// What ends a session of another needs the right to delete his key.
pub const END_SESSION: (&str, Power) = ("console_session.end", Power::ManagementKeysWrite);
