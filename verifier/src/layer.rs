//! The tower layer: a request passes only with a good access token, which it then carries as an extension.
use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use tower::{Layer, Service};

use crate::extract::{Challenge, authenticate};
use crate::verifier::Verifier;

/// Refuses every request without a good access token, and with `scope` also those whose token lacks it. Handlers find the
/// [`crate::Verified`] token in the request's extensions (`axum::Extension<Verified>`).
#[derive(Clone)]
pub struct RequireAccessToken {
    verifier: Verifier,
    scope: Option<String>,
    max_staleness: Option<Duration>,
}

impl RequireAccessToken {
    /// Asks for a good access token.
    pub fn new(verifier: Verifier) -> Self {
        Self { verifier, scope: None, max_staleness: None }
    }

    /// Asks for a scope token too.
    pub fn scope(mut self, scope: impl Into<String>) -> Self {
        self.scope = Some(scope.into());
        self
    }

    /// Asks that revocations be known as of this long ago, or less: for routes that bear less than the others.
    pub fn max_staleness(mut self, max_staleness: Duration) -> Self {
        self.max_staleness = Some(max_staleness);
        self
    }
}

impl<S> Layer<S> for RequireAccessToken {
    type Service = RequireAccessTokenService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        RequireAccessTokenService { required: self.clone(), inner }
    }
}

/// The service [`RequireAccessToken`] makes.
#[derive(Clone)]
pub struct RequireAccessTokenService<S> {
    required: RequireAccessToken,
    inner: S,
}

impl<S> Service<Request> for RequireAccessTokenService<S>
where
    S: Service<Request, Response = Response, Error = Infallible> + Clone + Send + 'static,
    S::Future: Send,
{
    type Response = Response;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut request: Request) -> Self::Future {
        let required = self.required.clone();
        // The service that was polled ready is the one to call; its clone is left for the next request.
        let clone = self.inner.clone();
        let mut inner = std::mem::replace(&mut self.inner, clone);
        Box::pin(async move {
            let token = match authenticate(&required.verifier, request.headers(), required.max_staleness).await {
                Ok(token) => token,
                Err(challenge) => return Ok(challenge.into_response()),
            };
            if let Some(Err(error)) = required.scope.as_deref().map(|scope| token.require_scope(scope)) {
                return Ok(Challenge::from(error).into_response());
            }
            request.extensions_mut().insert(token);
            inner.call(request).await
        })
    }
}
