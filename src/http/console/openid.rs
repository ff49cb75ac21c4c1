//! Signing in at the operator's own identity provider: away, and back again (OpenID Connect Core 1.0 §3.1.2).
use std::sync::Arc;

use axum::extract::State;
use axum::http::header::{HOST, USER_AGENT};
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse, Redirect, Response};
use axum_extra::extract::CookieJar;
use axum_extra::extract::cookie::{Cookie, SameSite};

use super::door::{impatient, page_of_console, with_next};
use super::visit::Visit;
use crate::authority::console::Operator;
use crate::authority::openid::{Authorization, PATIENCE, SignInError, Unproven};
use crate::domain::id::ConsoleSessionId;
use crate::http::App;
use crate::http::pages::{Fields, Frame, Link, Notice, Page, Refused, Tone, base, cookie};
use crate::http::source::Sender;

const COOKIE: &str = "__Host-chancery-openid";

/// The cookie that what is kept is in; without anything it goes. It comes back from another site, so it cannot be `Strict`, as the session is.
fn cookie_of(kept: Option<&str>) -> Cookie<'static> {
    let mut cookie = cookie::<Operator>(kept.unwrap_or_default());
    cookie.set_name(COOKIE);
    cookie.set_same_site(SameSite::Lax);
    if let (Some(_), Ok(life)) = (kept, PATIENCE.try_into()) {
        cookie.set_max_age(Some(life));
    }
    cookie
}

async fn begin(app: &App, jar: CookieJar, session: Option<ConsoleSessionId>, next: &str) -> Result<Response, Refused> {
    let (url, kept) = app.authority.begin_sign_in(session, next).await.map_err(|error| refused(app, error))?;
    Ok((jar.add(cookie_of(Some(&kept))), Redirect::to(url.as_str())).into_response())
}

/// Begun on the issuer's own host, which is where the provider sends him back to.
pub async fn sign_in(State(app): State<Arc<App>>, headers: HeaderMap, uri: Uri, jar: CookieJar) -> Result<Response, Refused> {
    let next = Fields::of_query(uri.query()).text("next").to_owned();
    let issuer = &app.authority.deployment.issuer;
    let own = issuer.split("://").nth(1).and_then(|rest| rest.split('/').next());
    let asked = headers.get(HOST).and_then(|host| host.to_str().ok());
    if own.is_some() && asked.is_some() && own != asked {
        return Ok(Redirect::to(&with_next(format!("{issuer}/console/openid"), &next)).into_response());
    }
    begin(&app, jar, None, &next).await
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

/// Back from the provider. That he comes is counted as a failure is, before anybody is asked anything (case 264).
pub async fn callback(
    State(app): State<Arc<App>>,
    sender: Sender,
    headers: HeaderMap,
    jar: CookieJar,
    uri: Uri,
) -> Result<Response, Refused> {
    if !app.throttle.admits_failure(sender.source) {
        return Err(impatient(&app));
    }
    let query = Fields::of_query(uri.query());
    if let Some(code) = query.get("error") {
        // RFC 6749 §4.1.2.1: what the provider calls it; its own words may be anybody's.
        let code: String = code.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '_').take(64).collect();
        return Err(refused(&app, Unproven::Refused(code).into()));
    }
    let (Some(kept), Some(code), Some(state)) = (jar.get(COOKIE), query.get("code"), query.get("state")) else {
        return Err(refused(&app, SignInError::Stale));
    };
    let authorization = Authorization { code, state, iss: query.get("iss") };
    let returned = app.authority.finish_sign_in(kept.value(), &authorization).await.map_err(|error| refused(&app, error))?;
    let (authority, Sender { request_id, source }) = (&app.authority, &sender);
    let session = match returned.session {
        None => {
            let agent = headers.get(USER_AGENT).and_then(|value| value.to_str().ok());
            authority.sign_in(&returned.caller, returned.confirmed_at, request_id, *source, agent).await
        }
        Some(id) => authority.confirm_operator(id, &returned.caller, request_id, *source).await,
    };
    let session = session.map_err(|error| Refused::of(&app, error))?;
    // The session's cookie is `Strict`: it is sent only from a page of ours, so there has to be one in between.
    let mut page = Page::new("Signed in");
    page.push(Notice::new(Tone::Good, "You are signed in."));
    let next = page_of_console(&app, &returned.next);
    let navigation = vec![Link::new(next.clone(), "Continue")];
    let frame = Frame { onward: Some(next), navigation, ..Frame::bare(&base(&app)) };
    Ok((jar.add(cookie_of(None)).add(cookie::<Operator>(session.expose())), frame.render(&page)).into_response())
}
