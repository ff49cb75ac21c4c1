//! HTTP: the whole router on one screen. It speaks; what is decided is decided in `authority`.
pub mod api;
mod body;
mod conditional;
mod connection;
mod drain;
mod health;
mod hygiene;
pub mod listen;
pub mod metrics;
pub mod oauth;
mod portal;
pub mod reference;
mod source;
mod status;

use std::sync::Arc;

use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::routing::get;
use tokio::sync::Semaphore;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::trace::TraceLayer;
use url::Url;

use crate::authority::Authority;

pub use hygiene::{Panicked, keep};
pub use source::TrustedProxies;

/// How many feeds of revocations are open at once.
const MAX_FEEDS: usize = 12_288;

/// What every handler is given.
pub struct App {
    pub authority: Arc<Authority>,
    pub trusted_proxies: TrustedProxies,
    pub metrics: metrics::Metrics,
    pub throttle: oauth::throttle::Throttle,
    pub drain: drain::Drain,
    /// Room for feeds: they stay, and must leave some for whoever comes and goes.
    pub feeds: Arc<Semaphore>,
}

impl App {
    pub fn new(authority: Arc<Authority>, trusted_proxies: TrustedProxies) -> Arc<Self> {
        Arc::new(Self {
            authority,
            trusted_proxies,
            metrics: Default::default(),
            throttle: Default::default(),
            drain: Default::default(),
            feeds: Arc::new(Semaphore::new(MAX_FEEDS)),
        })
    }
}

/// Everything on the public listener. An issuer with a path has its endpoints under that path too, for a proxy that does not strip it.
pub fn router(app: &Arc<App>) -> Router {
    let issuer = &app.authority.deployment.issuer;
    let path = Url::parse(issuer).map_or(String::new(), |url| url.path().trim_end_matches('/').to_owned());
    let routes = reference::serve(oauth::routes(&path).merge(api::routes()), issuer)
        .merge(status::router())
        .merge(portal::routes())
        .route("/livez", get(health::livez))
        .route("/readyz", get(health::readyz));
    let routes = if path.is_empty() { routes } else { routes.clone().nest(&path, routes) };
    routes
        .fallback(hygiene::not_found)
        .method_not_allowed_fallback(hygiene::method_not_allowed)
        .with_state(Arc::clone(app))
        .layer(CatchPanicLayer::custom(hygiene::Panicked))
        .layer(TraceLayer::new_for_http().make_span_with(hygiene::span).on_request(()).on_failure(()))
        .layer(from_fn_with_state(Arc::clone(app), hygiene::keep))
}

/// What the operator's own listener serves.
pub fn internal_router(app: &Arc<App>) -> Router {
    Router::new()
        .route("/metrics", get(metrics::metrics))
        .route("/livez", get(health::livez))
        .route("/readyz", get(health::readyz))
        .with_state(Arc::clone(app))
}
