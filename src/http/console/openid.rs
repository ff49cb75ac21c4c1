//! Signing in at the operator's own identity provider: away, and back again (OpenID Connect Core 1.0 §3.1.2).
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::header::USER_AGENT;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Redirect, Response};
use axum_extra::extract::CookieJar;
use axum_extra::extract::cookie::{Cookie, SameSite};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};

use super::door::page_of_console;
use super::visit::Visit;
use crate::authority::console::Operator;
use crate::authority::openid::{Attempt, SignInError, Unproven};
use crate::domain::id::ConsoleSessionId;
use crate::http::App;
use crate::http::pages::{Fields, Frame, Link, Notice, Page, Refused, Tone, base, cookie};
use crate::http::source::Sender;

const COOKIE: &str = "__Host-chancery-openid";
/// How long an operator may take at his provider.
const PATIENCE: Duration = Duration::from_secs(10 * 60);

/// What the operator's browser keeps while he is away. It comes back from another site, so it cannot be `Strict`, as the session is.
#[derive(Serialize, Deserialize)]
struct Away {
    attempt: Attempt,
    /// The session that is to be confirmed; without one another begins.
    session: Option<String>,
    /// The page of the console that he goes on to.
    next: String,
}

fn kept(away: Option<&Away>) -> Cookie<'static> {
    let value = away.and_then(|away| serde_json::to_vec(away).ok()).map_or_else(String::new, |json| URL_SAFE_NO_PAD.encode(json));
    let mut kept = cookie::<Operator>(&value);
    kept.set_name(COOKIE);
    kept.set_same_site(SameSite::Lax);
    if let (Some(_), Ok(life)) = (away, PATIENCE.try_into()) {
        kept.set_max_age(Some(life));
    }
    kept
}

async fn begin(app: &App, jar: CookieJar, session: Option<ConsoleSessionId>, next: &str) -> Result<Response, Refused> {
    let begun = app.authority.begin_sign_in(session.is_some()).await;
    let (url, attempt) = begun.map_err(|error| refused(app, error))?;
    let away = Away { attempt, session: session.map(|id| id.to_string()), next: next.to_owned() };
    Ok((jar.add(kept(Some(&away))), Redirect::to(url.as_str())).into_response())
}

pub async fn sign_in(State(app): State<Arc<App>>, jar: CookieJar) -> Result<Response, Refused> {
    begin(&app, jar, None, "").await
}

/// Case 263, for who has no management key in his hands: the provider asks him again.
pub async fn sign_in_again(visit: Visit, jar: CookieJar) -> Result<Response, Refused> {
    begin(&visit.app, jar, Some(visit.who.session.id), visit.query.text("next")).await
}

fn refused(app: &App, error: SignInError) -> Refused {
    match error {
        SignInError::Failed(error) => Refused::of(app, error),
        SignInError::Unproven(away @ Unproven::Away(_)) => Refused::new(
            app,
            StatusCode::BAD_GATEWAY,
            "Your identity provider does not answer",
            format!("Sign in with a management key, or later: {away}."),
        ),
        unknown => Refused::new(app, StatusCode::FORBIDDEN, "You are not let in", format!("{unknown}.")),
    }
}

/// Back from the provider.
pub async fn callback(
    State(app): State<Arc<App>>,
    sender: Sender,
    headers: HeaderMap,
    jar: CookieJar,
    uri: axum::http::Uri,
) -> Result<Response, Refused> {
    let answered = finish(&app, &sender, &headers, &jar, &Fields::of_query(uri.query())).await;
    if answered.is_err() && !app.throttle.admits_failure(sender.source) {
        let text = "Too many failed attempts from this address: wait a moment.";
        return Err(Refused::new(&app, StatusCode::TOO_MANY_REQUESTS, "Not now", text));
    }
    let (session, next) = answered?;
    // The session's cookie is `Strict`: it is sent only from a page of ours, so there has to be one in between.
    let mut page = Page::new("Signed in");
    page.push(Notice::new(Tone::Good, "You are signed in."));
    let navigation = vec![Link::new(next.clone(), "Continue")];
    let frame = Frame { onward: Some(next), navigation, ..Frame::bare(&base(&app)) };
    Ok((jar.add(kept(None)).add(cookie::<Operator>(session.expose())), frame.render(&page)).into_response())
}

/// The session's new name, and where to go with it.
async fn finish(
    app: &Arc<App>,
    sender: &Sender,
    headers: &HeaderMap,
    jar: &CookieJar,
    query: &Fields,
) -> Result<(crate::domain::credential::Secret, String), Refused> {
    let stale = || {
        let text = "This sign-in was not begun here, or has taken too long: begin again.";
        Refused::new(app, StatusCode::FORBIDDEN, "You are not let in", text)
    };
    let away = jar.get(COOKIE).and_then(|cookie| URL_SAFE_NO_PAD.decode(cookie.value()).ok());
    let away: Away = away.and_then(|json| serde_json::from_slice(&json).ok()).ok_or_else(stale)?;
    if let Some(code) = query.get("error") {
        // RFC 6749 §4.1.2.1: what the provider calls it; its own words may be anybody's.
        let code: String = code.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '_').take(64).collect();
        return Err(refused(app, Unproven::Refused(code).into()));
    }
    let (Some(code), Some(state)) = (query.get("code"), query.get("state")) else { return Err(stale()) };
    let caller = app.authority.finish_sign_in(&away.attempt, code, state).await.map_err(|error| refused(app, error))?;
    let (request_id, source) = (&sender.request_id, sender.source);
    let session = match away.session.map(|id| id.parse()) {
        None => {
            let agent = headers.get(USER_AGENT).and_then(|value| value.to_str().ok());
            app.authority.sign_in(&caller, request_id, source, agent).await
        }
        Some(Ok(id)) => app.authority.confirm_operator(id, &caller, request_id, source).await,
        Some(Err(_)) => return Err(stale()),
    };
    Ok((session.map_err(|error| Refused::of(app, error))?, page_of_console(app, &away.next)))
}
