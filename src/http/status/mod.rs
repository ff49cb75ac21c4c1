//! `/status/v1`: what verifiers follow to know what is revoked. Public, as everything in it is signed and names nobody.
mod feed;
mod lists;

use std::sync::Arc;

use axum::Router;
use axum::http::{HeaderName, StatusCode};
use axum::routing::get;
use tower_http::cors::{Any, CorsLayer};

use super::App;
use super::api::{Problem, Stop};

const EXPOSED: [HeaderName; 1] = [axum::http::header::ETAG];

pub const FEED: &str = "/status/v1/feed";
pub const SNAPSHOT: &str = "/status/v1/snapshot";
pub const AGGREGATION: &str = "/status/v1/aggregation";
pub const JWKS: &str = "/status/v1/jwks.json";

pub fn router() -> Router<Arc<App>> {
    Router::new()
        .route(FEED, get(feed::follow))
        .route("/status/v1/feed/slot/{second}", get(feed::slot))
        .route("/status/v1/feed/after/{epoch}/{rev}", get(feed::after))
        .route(SNAPSHOT, get(feed::snapshot))
        .route("/status/v1/lists/{list}", get(lists::list))
        .route(AGGREGATION, get(lists::aggregation))
        .route(JWKS, get(super::oauth::status_jwks))
        .layer(CorsLayer::new().allow_origin(Any).expose_headers(EXPOSED))
}

fn gone() -> Stop {
    let message = "frames do not reach back that far, or are too many: take the snapshot, /status/v1/snapshot";
    Stop::Problem(StatusCode::GONE, Problem::new("take_snapshot", message))
}

fn not_found(message: &'static str) -> Stop {
    Stop::Problem(StatusCode::NOT_FOUND, Problem::new("not_found", message))
}
