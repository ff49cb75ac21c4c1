//! Status lists for verifiers that know nothing but the standard (draft-ietf-oauth-status-list §8, §9).
use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, RawQuery, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use super::not_found;
use crate::http::App;
use crate::http::api::{Problem, Stop};
use crate::http::conditional::is_known;

const STATUS_LIST: &str = "application/statuslist+jwt";
const FOR_A_SECOND: &str = "public, max-age=1";

/// draft-ietf-oauth-status-list §8.1. What a list said at some other time (§8.4) is not kept.
pub async fn list(
    State(app): State<Arc<App>>,
    Path(list): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, Stop> {
    if query.is_some_and(|query| form_urlencoded::parse(query.as_bytes()).any(|(name, _)| name == "time")) {
        let problem = Problem::new("not_supported", "lists of another time are not kept: ask without time");
        return Err(Stop::Problem(StatusCode::NOT_IMPLEMENTED, problem));
    }
    let number = list.parse().ok().filter(|number: &u64| number.to_string() == list);
    let found = match number {
        Some(number) => app.authority.status_list(number).await?,
        None => None,
    };
    let list = found.ok_or_else(|| not_found("there is no such status list: /status/v1/aggregation names those there are"))?;
    let tag = format!("\"{}\"", list.tag);
    let unchanged = is_known(&headers, &tag);
    let headers = [(ETAG, tag), (CACHE_CONTROL, FOR_A_SECOND.to_owned())];
    if unchanged {
        return Ok((StatusCode::NOT_MODIFIED, headers).into_response());
    }
    Ok((headers, [(CONTENT_TYPE, STATUS_LIST)], list.token).into_response())
}

/// draft-ietf-oauth-status-list §9.2.
pub async fn aggregation(State(app): State<Arc<App>>) -> Result<Response, Stop> {
    let lists = app.authority.status_lists().await?;
    Ok(([(CACHE_CONTROL, FOR_A_SECOND)], Json(json!({ "status_lists": lists }))).into_response())
}
