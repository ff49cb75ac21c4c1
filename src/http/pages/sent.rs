//! A form that was sent: what it asks for is done once, however often it comes; what cannot be taken is shown again with all that was written.
use std::sync::{Arc, OnceLock};

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE, TRANSFER_ENCODING};
use axum::http::{Method, StatusCode, Uri};
use axum::middleware::Next;
use axum::response::Response;
use bytes::Bytes;
use tower::ServiceExt;

use super::{Block, Fields, Notice, Page, Tone};
use crate::authority::idempotency::Idempotency;
use crate::http::hygiene::RequestId;
use crate::http::source::Peer;

/// The body of a form, from when it is read on.
#[derive(Clone, Default)]
pub struct Sent(Arc<OnceLock<Bytes>>);

/// Why a form that was sent was not taken, in the extensions of the page that says so.
#[derive(Clone)]
pub enum Unfit {
    /// Something in it, or in the state of things.
    Refused(String),
    /// It came before.
    Repeated(String),
}

/// A page that is shown because a form of it was not taken.
#[derive(Clone)]
pub struct Again {
    /// Where the form was sent.
    to: String,
    sent: Sent,
    why: Unfit,
}

impl Sent {
    pub fn read(&self, body: Bytes) {
        // Nothing reads a body twice.
        let _ = self.0.set(body);
    }

    fn text(&self) -> &str {
        self.0.get().and_then(|body| str::from_utf8(body).ok()).unwrap_or_default()
    }

    pub fn fields(&self) -> Fields {
        Fields::of_query(Some(self.text()))
    }

    /// The version of what it changes, as it was when the form was made (RFC 9110 §13.1.1).
    pub fn version(&self) -> Option<i64> {
        self.fields().get("version").map(|version| version.parse().unwrap_or(-1))
    }

    /// The same page's form with the same in it is the same request, and nothing of it is done twice. `what` is one of the things it asks for.
    pub fn idempotency(&self, to: &str, what: &str) -> Option<Idempotency> {
        self.fields().has("page").then(|| Idempotency::new(&[what, to, self.text()].join("\n"), &[]))
    }
}

impl Again {
    /// Says in the form what is wrong with it, and writes into it what was written; over the page where that has no such form any more.
    pub fn put_into(&self, page: &mut Page, base: &str) {
        let is_it = |action: &str| action.strip_prefix(base).is_some_and(|path| path == self.to);
        let mut forms = page.blocks.iter_mut().filter_map(|block| if let Block::Form(form) = block { Some(form) } else { None });
        match (&self.why, forms.find(|form| is_it(&form.action))) {
            (Unfit::Refused(text), Some(form)) => {
                let written = self.sent.fields();
                form.fields.iter_mut().for_each(|field| field.take(&written));
                form.version = form.version.and(self.sent.version());
                form.refused.clone_from(text);
                form.open = true;
            }
            (Unfit::Refused(text), None) => page.blocks.insert(0, Notice::new(Tone::Bad, text).into()),
            (Unfit::Repeated(text), _) => page.blocks.insert(0, Notice::new(Tone::Warn, text).into()),
        }
    }
}

/// Answers a form that was not taken with the page it stood on, from among `pages`.
pub async fn keep(State(pages): State<Router>, mut request: Request, next: Next) -> Response {
    if request.method() != Method::POST {
        return next.run(request).await;
    }
    let sent = Sent::default();
    request.extensions_mut().insert(sent.clone());
    let (to, headers, peer) = (request.uri().to_string(), request.headers().clone(), request.extensions().get::<Peer>().copied());
    let id = request.extensions().get::<RequestId>().cloned();
    let response = next.run(request).await;
    let Some(why) = response.extensions().get::<Unfit>().cloned() else { return response };
    let Some(page) = sent.fields().get("page").and_then(|page| page.parse::<Uri>().ok()) else { return response };
    let mut asked = Request::new(Body::empty());
    *asked.uri_mut() = page;
    *asked.headers_mut() = headers;
    for name in [CONTENT_LENGTH, CONTENT_TYPE, TRANSFER_ENCODING] {
        asked.headers_mut().remove(name);
    }
    asked.extensions_mut().insert(Again { to, sent, why });
    peer.map(|peer| asked.extensions_mut().insert(peer));
    id.map(|id| asked.extensions_mut().insert(id));
    let Ok(mut shown) = pages.oneshot(asked).await;
    if shown.status() != StatusCode::OK {
        return response;
    }
    *shown.status_mut() = response.status();
    shown
}
