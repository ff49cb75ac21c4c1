//! `/status/v1`: what verifiers follow to know what is revoked. Public, as everything in it is signed and names nobody.
mod feed;
mod lists;

use std::sync::Arc;

use axum::Router;
use axum::http::header::IF_NONE_MATCH;
use axum::http::{HeaderName, Method, StatusCode};
use axum::routing::get;
use tower_http::cors::{Any, CorsLayer};

use super::App;
use super::api::{Problem, Stop};

const ASKED_WITH: [HeaderName; 2] = [IF_NONE_MATCH, HeaderName::from_static("last-event-id")];
const EXPOSED: [HeaderName; 1] = [axum::http::header::ETAG];

pub const FEED: &str = "/status/v1/feed";
pub const SNAPSHOT: &str = "/status/v1/snapshot";
pub const AGGREGATION: &str = "/status/v1/aggregation";
pub const JWKS: &str = "/status/v1/jwks.json";

pub fn router() -> Router<Arc<App>> {
    Router::new()
        .route(FEED, get(feed::follow).options(preflight))
        .route("/status/v1/feed/slot/{second}", get(feed::slot).options(preflight))
        .route("/status/v1/feed/after/{epoch}/{rev}", get(feed::after).options(preflight))
        .route(SNAPSHOT, get(feed::snapshot).options(preflight))
        .route("/status/v1/lists/{list}", get(lists::list).options(preflight))
        .route(AGGREGATION, get(lists::aggregation).options(preflight))
        .route(JWKS, get(super::oauth::status_jwks).options(preflight))
        .layer(CorsLayer::new().allow_origin(Any).allow_methods([Method::GET]).allow_headers(ASKED_WITH).expose_headers(EXPOSED))
}

/// What a browser asks before it sends a header of its own; the layer answers.
async fn preflight() -> StatusCode {
    StatusCode::NO_CONTENT
}

fn gone() -> Stop {
    let message = "frames do not reach back that far, or are too many: take the snapshot, /status/v1/snapshot";
    Stop::Problem(StatusCode::GONE, Problem::new("take_snapshot", message))
}

fn not_found(message: &'static str) -> Stop {
    Stop::Problem(StatusCode::NOT_FOUND, Problem::new("not_found", message))
}
