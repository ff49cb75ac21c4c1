//! The door: a link is shown, opened once, and left again.
use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Redirect, Response};
use axum_extra::extract::CookieJar;

use super::brand::frame;
use super::visit::{Visit, closed, cookie, farewell, refused};
use crate::http::App;
use crate::http::pages::{Field, Fields, Form, Page, Refused, base};
use crate::http::source::Sender;

/// Following a link opens nothing yet: whatever looks at links before people do would use it up.
pub async fn link(State(app): State<Arc<App>>, Path(link): Path<String>) -> Response {
    let mut page = Page::new("Manage your organization's credentials");
    page.push(Form {
        title: "This link opens once".into(),
        action: format!("{}/portal/open", base(&app)),
        fields: vec![Field::Hidden { name: "link", value: link }],
        button: "Continue".into(),
        open: true,
        ..Form::default()
    });
    frame(&app, None).render(&page)
}

pub async fn open(
    State(app): State<Arc<App>>,
    Sender { request_id, source }: Sender,
    headers: HeaderMap,
    jar: CookieJar,
    fields: Fields,
) -> Result<Response, Refused> {
    let opened = app.authority.open_portal(&fields.secret("link"), &request_id, source).await;
    let session = opened.map_err(|error| refused(&app, error))?.ok_or_else(|| closed(&app))?;
    let home = format!("{}/portal", base(&app));
    Ok((jar.add(cookie(session.expose(), framed(&app, &headers))), Redirect::to(&home)).into_response())
}

/// Whether the request is for a frame, which only the allow-listed origins have.
fn framed(app: &App, headers: &HeaderMap) -> bool {
    !app.authority.deployment.brand.origins.is_empty() && headers.get("sec-fetch-dest").is_some_and(|destination| destination == "iframe")
}

/// To the first of what the link grants.
pub async fn home(visit: Visit) -> Result<Redirect, Refused> {
    let places = visit.places();
    let (first, _) = places.first().ok_or_else(|| closed(&visit.app))?;
    Ok(Redirect::to(&visit.path(first)))
}

/// A page with the way back, not a redirect: forms lead nowhere but here.
pub async fn leave(visit: Visit, headers: HeaderMap, jar: CookieJar) -> Result<Response, Refused> {
    let left = visit.app.authority.leave_portal(&visit.who, &visit.sender.request_id, visit.sender.source).await;
    left.map_err(|error| visit.refused(error))?;
    let page = farewell(&visit.app, visit.who.session.return_url.as_deref());
    Ok((jar.add(cookie("", framed(&visit.app, &headers))), page).into_response())
}
