//! Frames: as Server-Sent Events (HTML §9.2), by the second for pollers and caches, and as what was missed; and the snapshot of everything.
use std::convert::Infallible;
use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::header::{CACHE_CONTROL, CONNECTION, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::sse::{Event, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use tokio::sync::OwnedSemaphorePermit;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;

use super::{gone, not_found};
use crate::authority::status::{Message, SlotError, read_number};
use crate::http::App;
use crate::http::api::{Problem, Stop};
use crate::http::connection::Streams;

/// The media type of a Security Event Token (RFC 8417 §7.2).
const SECURITY_EVENT: &str = "application/secevent+jwt";
const IMMUTABLE: &str = "public, max-age=31536000, immutable";
const FOR_A_SECOND: &str = "public, max-age=1";

/// What one listener is still to be told.
struct Listener {
    app: Arc<App>,
    _room: OwnedSemaphorePermit,
    first: Option<Message>,
    feed: Receiver<Arc<Message>>,
}

/// Every frame from now on. `Last-Event-ID` says where the listener left off.
pub async fn follow(State(app): State<Arc<App>>, headers: HeaderMap) -> Result<Response, Stop> {
    if app.drain.has_begun() {
        let problem = Problem::new("stopping", "this instance is stopping: connect again");
        return Err(Stop::Problem(StatusCode::SERVICE_UNAVAILABLE, problem));
    }
    let Ok(room) = Arc::clone(&app.feeds).try_acquire_owned() else {
        let problem = Problem::new("too_many_feeds", "as many feeds are open as there may be: try again, or ask for slots");
        return Err(Stop::Problem(StatusCode::SERVICE_UNAVAILABLE, problem));
    };
    let left_off = headers.get("last-event-id").map(|id| id.to_str().unwrap_or_default());
    let (first, feed) = app.authority.follow_status(left_off).await?;
    let listener = Listener { app, _room: room, first: Some(first), feed };
    let events = stream::unfold(listener, |mut listener| async move {
        let event = event(&*listener.next().await?);
        Some((Ok::<_, Infallible>(event), listener))
    });
    let mut response = Sse::new(events).into_response();
    response.extensions_mut().insert(Streams);
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store, no-transform"));
    headers.insert(HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"));
    // Nothing follows on this connection when the stream ends.
    headers.insert(CONNECTION, HeaderValue::from_static("close"));
    Ok(response)
}

impl Listener {
    /// `None` when the process is to stop: the listener finds another.
    async fn next(&mut self) -> Option<Arc<Message>> {
        if let Some(first) = self.first.take() {
            return Some(Arc::new(first));
        }
        tokio::select! {
            message = self.feed.recv() => match message {
                Ok(message) => Some(message),
                // He reads too slowly to be told everything.
                Err(RecvError::Lagged(_)) => {
                    self.feed = self.feed.resubscribe();
                    Some(Arc::new(Message::Reset))
                }
                Err(RecvError::Closed) => None,
            },
            () = self.app.drain.begun() => None,
        }
    }
}

fn event(message: &Message) -> Event {
    match message {
        Message::Frame { id, frame } => Event::default().id(id).event("frame").data(frame),
        Message::Reset => Event::default().event("reset").data("take the snapshot"),
    }
}

/// The frame of one second, the same for everyone, so that a cache answers for all.
pub async fn slot(State(app): State<Arc<App>>, Path(second): Path<String>) -> Result<Response, Stop> {
    let second = read_number(&second)
        .and_then(|second| u64::try_from(second).ok())
        .ok_or_else(|| not_found("a slot is a second since the epoch, as in /status/v1/feed/slot/1795132800"))?;
    match app.authority.status_slot(second).await {
        Ok(frame) => Ok(([(CONTENT_TYPE, SECURITY_EVENT), (CACHE_CONTROL, IMMUTABLE)], frame).into_response()),
        Err(SlotError::OutOfReach) => {
            Err(not_found("a slot is the present second, the next, or one of the last five: ask for the present one"))
        }
        Err(SlotError::TooMuch) => Err(gone()),
        Err(SlotError::Failed(error)) => Err(error.into()),
    }
}

/// What came after a revision, as a list of frames.
pub async fn after(State(app): State<Arc<App>>, Path((epoch, rev)): Path<(String, String)>) -> Result<Response, Stop> {
    let rev = read_number(&rev).ok_or_else(|| not_found("a revision is a whole number, as in /status/v1/feed/after/7f3a90c1/88123"))?;
    let frame = app.authority.status_after(&epoch, rev).await?.ok_or_else(gone)?;
    Ok(([(CACHE_CONTROL, "no-store")], axum::Json([frame])).into_response())
}

pub async fn snapshot(State(app): State<Arc<App>>) -> Result<Response, Stop> {
    let snapshot = app.authority.status_snapshot().await?;
    Ok(([(CONTENT_TYPE, SECURITY_EVENT), (CACHE_CONTROL, FOR_A_SECOND)], snapshot).into_response())
}
