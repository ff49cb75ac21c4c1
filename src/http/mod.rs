//! HTTP: the whole router on one screen. It speaks; what is decided is decided in `authority`.
pub mod api;
mod body;
mod conditional;
mod connection;
mod console;
mod drain;
mod health;
mod hygiene;
pub mod listen;
pub mod metrics;
pub mod oauth;
mod overload;
mod pages;
mod portal;
pub mod reference;
mod source;
mod status;

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::Router;
use axum::extract::Request;
use axum::response::Response;
use axum::routing::get;
use futures_util::FutureExt;
use tokio::sync::Semaphore;
use tower::Service;
use url::Url;

use crate::authority::Authority;

pub use hygiene::keep;
pub use source::TrustedProxies;

/// How many feeds of revocations are open at once.
const MAX_FEEDS: usize = 12_288;

/// What every handler is given.
pub struct App {
    pub authority: Arc<Authority>,
    pub trusted_proxies: TrustedProxies,
    pub metrics: metrics::Metrics,
    pub throttle: oauth::throttle::Throttle,
    pub overload: Arc<overload::Overload>,
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
            overload: Default::default(),
            drain: Default::default(),
            feeds: Arc::new(Semaphore::new(MAX_FEEDS)),
        })
    }
}

/// Everything on the public listener. An issuer with a path has its endpoints under that path too, for a proxy that does not strip it.
pub fn router(app: &Arc<App>) -> Public {
    let issuer = &app.authority.deployment.issuer;
    let path = Url::parse(issuer).map_or(String::new(), |url| url.path().trim_end_matches('/').to_owned());
    let routes = reference::serve(oauth::routes(&path).merge(api::routes()), issuer)
        .merge(status::router())
        .merge(portal::routes(app))
        .merge(console::routes(&path, app))
        .route("/livez", get(health::livez))
        .route("/readyz", get(health::readyz));
    let routes = if path.is_empty() { routes } else { routes.clone().nest(&path, routes) };
    let routes = routes.fallback(hygiene::not_found).method_not_allowed_fallback(hygiene::method_not_allowed).with_state(Arc::clone(app));
    Public { app: Arc::clone(app), routes }
}

/// All routes, with what holds for each of them. As a layer that would be around every route, and boxed and cloned with it for every request.
#[derive(Clone)]
pub struct Public {
    app: Arc<App>,
    routes: Router,
}

impl Service<Request> for Public {
    type Response = Response;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request) -> Self::Future {
        Box::pin(hygiene::keep(Arc::clone(&self.app), self.routes.clone(), request).map(Ok))
    }
}

/// What the operator's own listener serves.
pub fn internal_router(app: &Arc<App>) -> Router {
    Router::new()
        .route("/metrics", get(metrics::metrics))
        .route("/livez", get(health::livez))
        .route("/readyz", get(health::readyz))
        .with_state(Arc::clone(app))
}
