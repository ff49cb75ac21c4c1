//! Counters for the operator's own listener, in the OpenMetrics text format. No label ever names a tenant (case 255).
use std::sync::Arc;
use std::sync::atomic::AtomicI64;

use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use super::App;

type Labels = [(&'static str, &'static str); 1];

/// Everything that is counted.
pub struct Metrics {
    registry: Registry,
    pub tokens_issued: Counter,
    /// Issued all the same: the quota is only observed.
    pub tokens_beyond_quota: Counter,
    /// By RFC 6749 §5.2 error code.
    token_refusals: Family<Labels, Counter>,
    /// By class of status, `2xx` to `5xx`: a family is found under a lock.
    responses: [Counter; 4],
    pub panics: Counter,
    pub connections: Gauge<i64, AtomicI64>,
    /// By reason; `valid` where there is none.
    pub validations: Family<Labels, Counter>,
    applications: Gauge<i64, AtomicI64>,
    api_keys: Gauge<i64, AtomicI64>,
    status_listeners: Gauge<i64, AtomicI64>,
    revocations: Gauge<i64, AtomicI64>,
    store_reachable: Gauge<i64, AtomicI64>,
    /// Open, and at work.
    store_connections: [Gauge<i64, AtomicI64>; 2],
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::with_prefix("chancery");
        let (tokens_issued, tokens_beyond_quota, panics) = (Counter::default(), Counter::default(), Counter::default());
        let (token_refusals, responses) = (Family::default(), Family::<Labels, Counter>::default());
        let (connections, applications, api_keys) = (Gauge::default(), Gauge::default(), Gauge::default());
        let validations = Family::default();
        let (status_listeners, revocations) = (Gauge::default(), Gauge::default());
        registry.register("tokens_issued", "Access tokens issued", tokens_issued.clone());
        registry.register("tokens_beyond_quota", "Access tokens issued beyond a quota that is only observed", tokens_beyond_quota.clone());
        registry.register("token_refusals", "Token requests refused, by error code", token_refusals.clone());
        registry.register("http_responses", "Answers, by class of status", responses.clone());
        registry.register("panics", "Handlers that panicked", panics.clone());
        registry.register("connections", "Open connections", connections.clone());
        registry.register("validations", "API key validations, by reason", validations.clone());
        registry.register("applications", "Applications in memory", applications.clone());
        registry.register("api_keys", "API keys in memory, revoked ones too", api_keys.clone());
        registry.register("status_listeners", "Open feeds of revocations", status_listeners.clone());
        registry.register("revocations", "Revocations that still matter", revocations.clone());
        let (store_reachable, store_connections) = (Gauge::default(), <[Gauge<i64, AtomicI64>; 2]>::default());
        registry.register("store_reachable", "Whether the store answered when it was last looked at", store_reachable.clone());
        registry.register("store_connections", "Open connections to a database server", store_connections[0].clone());
        registry.register("store_connections_at_work", "Those of them that somebody waits for", store_connections[1].clone());
        let responses = ["2xx", "3xx", "4xx", "5xx"].map(|class| responses.get_or_create(&[("class", class)]).clone());
        Self {
            status_listeners,
            revocations,
            store_reachable,
            store_connections,
            registry,
            tokens_issued,
            tokens_beyond_quota,
            token_refusals,
            responses,
            panics,
            connections,
            validations,
            applications,
            api_keys,
        }
    }
}

impl Metrics {
    pub(super) fn note_response(&self, status: StatusCode) {
        let [successes, redirections, refusals, failures] = &self.responses;
        let class = match status.as_u16() {
            200..=299 => successes,
            300..=399 => redirections,
            400..=499 => refusals,
            _ => failures,
        };
        class.inc();
    }

    /// A token that was refused, with this RFC 6749 §5.2 error code.
    pub(super) fn note_refusal(&self, code: &'static str) {
        self.token_refusals.get_or_create(&[("error", code)]).inc();
    }
}

pub(super) async fn metrics(State(app): State<Arc<App>>) -> Response {
    app.metrics.applications.set(i64::try_from(app.authority.application_count()).unwrap_or(i64::MAX));
    app.metrics.api_keys.set(i64::try_from(app.authority.api_key_count()).unwrap_or(i64::MAX));
    let (listeners, revocations) = app.authority.status_figures();
    app.metrics.status_listeners.set(i64::try_from(listeners).unwrap_or(i64::MAX));
    app.metrics.revocations.set(i64::try_from(revocations).unwrap_or(i64::MAX));
    let (reachable, open, at_work) = app.authority.store_figures();
    app.metrics.store_reachable.set(reachable.into());
    for (gauge, connections) in app.metrics.store_connections.iter().zip([open, at_work]) {
        gauge.set(connections.into());
    }
    let mut text = String::new();
    match encode(&mut text, &app.metrics.registry) {
        Ok(()) => ([(CONTENT_TYPE, "application/openmetrics-text; version=1.0.0; charset=utf-8")], text).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}
