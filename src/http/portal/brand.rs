//! The embedding product's name, logo and colour around the portal's pages.
use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use crate::http::App;
use crate::http::pages::{Frame, base};

/// A settings change is seen within this, seconds.
const CACHED: &str = "public, max-age=300";

pub fn routes() -> Router<Arc<App>> {
    Router::new().route("/portal/brand/logo", get(logo)).route("/portal/brand/style.css", get(style))
}

async fn logo(State(app): State<Arc<App>>) -> Response {
    match &app.authority.deployment.brand.logo {
        Some(logo) => {
            // Opened by itself, a picture is a page: nothing in it runs.
            let policy = (CONTENT_SECURITY_POLICY, "default-src 'none'; style-src 'unsafe-inline'; sandbox");
            ([(CONTENT_TYPE, logo.content_type), (CACHE_CONTROL, CACHED), policy], logo.bytes.clone()).into_response()
        }
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

/// The colour of buttons, and of links where it can be read; what stands on it is black or white.
async fn style(State(app): State<Arc<App>>) -> Response {
    let Some(color) = app.authority.deployment.brand.color else { return StatusCode::NOT_FOUND.into_response() };
    let on = if color.is_light() { "#000" } else { "#fff" };
    let mut style =
        format!("button:not(.plain):not(.danger):not(.sort), .button:not(.plain):not(.danger) {{ background: {color}; color: {on}; }}\n");
    if color.reads_on_white() {
        style.push_str(&format!("@media not (prefers-color-scheme: dark) {{ :root {{ --accent: {color}; }} }}\n"));
    }
    ([(CONTENT_TYPE, "text/css; charset=utf-8"), (CACHE_CONTROL, CACHED)], style).into_response()
}

/// What is around a page of the portal: the product's name, and behind it whose portal it is.
pub fn frame(app: &App, organization: Option<&str>) -> Frame {
    let (brand, base) = (&app.authority.deployment.brand, base(app));
    let name = match (&brand.name, organization) {
        (Some(product), Some(organization)) => format!("{product} · {organization}"),
        (Some(product), None) => product.clone(),
        (None, Some(organization)) => organization.to_owned(),
        (None, None) => "Chancery".to_owned(),
    };
    Frame {
        area: "portal",
        name,
        logo: brand.logo.is_some().then(|| format!("{base}/portal/brand/logo")),
        style: brand.color.is_some().then(|| format!("{base}/portal/brand/style.css")),
        base,
        ..Frame::default()
    }
}
