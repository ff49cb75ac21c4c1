//! The door: a link is shown, opened once, and left again.
use std::sync::Arc;

use askama::Template;
use axum::Extension;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Redirect, Response};
use axum_extra::extract::CookieJar;
use serde::Deserialize;

use super::pages::page;
use super::visit::{Refused, Sent, Visit, base, cookie};
use crate::domain::credential::Secret;
use crate::http::App;
use crate::http::hygiene::RequestId;
use crate::http::source::Peer;

#[derive(Template)]
#[template(path = "link.html")]
struct LinkPage<'a> {
    base: &'a str,
    link: &'a str,
}

#[derive(Template)]
#[template(path = "left.html")]
struct LeftPage<'a> {
    base: &'a str,
    return_url: Option<&'a str>,
}

#[derive(Deserialize)]
pub struct LinkForm {
    link: String,
}

/// Following a link opens nothing yet: whatever looks at links before people do would use it up.
pub async fn link(State(app): State<Arc<App>>, Path(link): Path<String>) -> Response {
    page(&LinkPage { base: &base(&app), link: &link })
}

pub async fn open(
    State(app): State<Arc<App>>,
    Extension(request_id): Extension<RequestId>,
    peer: Option<Extension<Peer>>,
    headers: HeaderMap,
    jar: CookieJar,
    Sent(form): Sent<LinkForm>,
) -> Result<Response, Refused> {
    let source = app.trusted_proxies.source(peer.map(|Extension(peer)| peer), &headers);
    let opened = app.authority.open_portal(&Secret::presented(&form.link), &request_id.to_string(), source).await;
    let session = opened.map_err(|error| Refused::of(&app, error))?.ok_or_else(|| Refused::closed(&app))?;
    let home = format!("{}/portal", base(&app));
    Ok((jar.add(cookie(session.expose())), Redirect::to(&home)).into_response())
}

/// A page with the way back, not a redirect: forms lead nowhere but here.
pub async fn leave(visit: Visit, jar: CookieJar) -> Result<Response, Refused> {
    let left = visit.app.authority.leave_portal(&visit.visitor, visit.request_id(), visit.source_ip()).await;
    left.map_err(|error| Refused::of(&visit.app, error))?;
    let page = page(&LeftPage { base: &visit.base(), return_url: visit.visitor.session.return_url.as_deref() });
    Ok((jar.add(cookie("")), page).into_response())
}
