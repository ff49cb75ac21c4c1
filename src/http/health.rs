//! Whether the process lives, and whether it should be sent requests.
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde_json::{Value, json};

use super::App;

pub(super) async fn livez() -> Json<Value> {
    Json(json!({ "status": "ok" }))
}

/// 200 while tokens can be issued, also when the store is away for now; 503 once the lease is over, and while the process is told to stop.
pub(super) async fn readyz(State(app): State<Arc<App>>) -> (StatusCode, Json<Value>) {
    if app.drain.has_begun() {
        return (StatusCode::SERVICE_UNAVAILABLE, Json(json!({ "status": "draining" })));
    }
    if !app.authority.can_sign() {
        return (StatusCode::SERVICE_UNAVAILABLE, Json(json!({ "status": "no signing key" })));
    }
    if app.authority.demand_lease().is_err() {
        return (StatusCode::SERVICE_UNAVAILABLE, Json(json!({ "status": "unavailable", "store": "unreachable" })));
    }
    if app.authority.catch_up().await.is_ok() {
        (StatusCode::OK, Json(json!({ "status": "ok" })))
    } else {
        (StatusCode::OK, Json(json!({ "status": "degraded", "store": "unreachable" })))
    }
}
