//! A form that was sent: what it asks for is done once, however often it comes; what cannot be taken is shown again with all that was written.
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE, TRANSFER_ENCODING};
use axum::http::{Method, StatusCode, Uri};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use tower::ServiceExt;

use super::{Block, Fields, Frame, Notice, Page, Refused, Tone};
use crate::authority::idempotency::Idempotency;
use crate::http::App;
use crate::http::body::read;
use crate::http::hygiene::RequestId;
use crate::http::source::Peer;

/// As much as the largest metadata comes to when a browser has encoded it, and something.
const MAX_FORM_BYTES: usize = 512 * 1024;

/// The body of a form.
#[derive(Clone, Default)]
pub struct Sent(Bytes);

/// That a form was not taken, in the extensions of the page that says why.
#[derive(Clone)]
pub struct Unfit {
    pub why: Why,
    pub text: String,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// Something in it, or in the state of things.
    Refused,
    /// It came before.
    Repeated,
}

/// A page that is shown because a form of it was not taken.
#[derive(Clone)]
pub struct Again {
    /// Where the form was sent.
    to: String,
    sent: Sent,
    unfit: Unfit,
}

impl Sent {
    fn text(&self) -> &str {
        str::from_utf8(&self.0).unwrap_or_default()
    }

    pub fn fields(&self) -> Fields {
        Fields::of_query(Some(self.text()))
    }

    /// The version of what it changes, as it was when the form was made (RFC 9110 §13.1.1).
    pub fn version(&self) -> Option<i64> {
        self.fields().get("version").map(|version| version.parse().unwrap_or(-1))
    }

    /// The same form of one showing of a page, with the same in it, is the same request, and nothing of it is done twice. `what` is one of the
    /// things it asks for.
    pub fn idempotency(&self, session: &str, to: &str, what: &str) -> Option<Idempotency> {
        self.fields().has("once").then(|| Idempotency::new(&[session, what, to, self.text()].join("\n"), &[]))
    }
}

impl Again {
    /// Says in the form what is wrong with it, and writes into it what was written; over the page where that has no such form any more.
    pub fn put_into(&self, page: &mut Page, base: &str) {
        let is_it = |action: &str| action.strip_prefix(base).is_some_and(|path| path == self.to);
        let mut forms = page.blocks.iter_mut().filter_map(|block| if let Block::Form(form) = block { Some(form) } else { None });
        let Unfit { why, text } = &self.unfit;
        match (why, forms.find(|form| is_it(&form.action))) {
            (Why::Refused, Some(form)) => {
                let written = self.sent.fields();
                form.fields.iter_mut().for_each(|field| field.take(&written));
                form.version = form.version.and(self.sent.version());
                form.refused.clone_from(text);
                form.open = true;
            }
            (Why::Refused, None) => page.blocks.insert(0, Notice::new(Tone::Bad, text).into()),
            (Why::Repeated, _) => page.blocks.insert(0, Notice::new(Tone::Warn, text).into()),
        }
    }
}

/// The console, or the portal.
#[derive(Clone)]
pub struct Place {
    pub app: Arc<App>,
    /// Around what is shown to somebody who is nobody there.
    pub frame: fn(&App) -> Frame,
    pub pages: Router,
}

/// Reads a form as every body is read, bounded in size and time, and answers one that is not taken with the page it stood on, of its place.
pub async fn keep(State(Place { app, frame, pages }): State<Place>, request: Request, next: Next) -> Response {
    if request.method() != Method::POST {
        return next.run(request).await;
    }
    let (mut parts, body) = request.into_parts();
    let unread = |status, text: &str| Refused::new(&app, status, "That cannot be taken", text).within(frame(&app)).into_response();
    let sent = match read(&parts.headers, body, MAX_FORM_BYTES).await {
        Ok(bytes) if str::from_utf8(&bytes).is_ok() => Sent(bytes),
        Ok(_) => return unread(StatusCode::UNPROCESSABLE_ENTITY, "The form is not UTF-8."),
        Err(error) => return unread(error.status(), error.message()),
    };
    parts.extensions.insert(sent.clone());
    let to = path_and_query(&parts.uri);
    let (headers, peer, id) =
        (parts.headers.clone(), parts.extensions.get::<Peer>().copied(), parts.extensions.get::<RequestId>().cloned());
    let response = next.run(Request::from_parts(parts, Body::empty())).await;
    let Some(unfit) = response.extensions().get::<Unfit>().cloned() else { return response };
    let Some(page) = sent.fields().get("page").and_then(|page| page.parse::<Uri>().ok()) else { return response };
    let mut asked = Request::new(Body::empty());
    *asked.uri_mut() = page;
    *asked.headers_mut() = headers;
    for name in [CONTENT_LENGTH, CONTENT_TYPE, TRANSFER_ENCODING] {
        asked.headers_mut().remove(name);
    }
    asked.extensions_mut().insert(Again { to, sent, unfit });
    peer.map(|peer| asked.extensions_mut().insert(peer));
    id.map(|id| asked.extensions_mut().insert(id));
    let Ok(mut shown) = pages.oneshot(asked).await;
    if shown.status() != StatusCode::OK {
        return response;
    }
    *shown.status_mut() = response.status();
    shown
}

/// Where a page is, or a form is sent.
pub fn path_and_query(uri: &Uri) -> String {
    uri.path_and_query().map_or_else(|| uri.path().to_owned(), ToString::to_string)
}
