//! The style and the script, in the binary, under names that change with them.
use std::sync::{Arc, LazyLock};

use axum::Router;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::routing::get;

use crate::http::App;

pub const STYLE: &str = include_str!("assets/pages.css");
pub const SCRIPT: &str = include_str!("assets/pages.js");

static VERSION: LazyLock<String> = LazyLock::new(|| format!("{:08x}", crc32fast::hash([STYLE, SCRIPT].concat().as_bytes())));

/// What stands in the pages' addresses of both.
pub fn version() -> &'static str {
    &VERSION
}

/// For ever, since another version has another address.
pub fn assets(area: &str) -> Router<Arc<App>> {
    let asset = |content_type: &'static str, text: &'static str| {
        get(async move || ([(CONTENT_TYPE, content_type), (CACHE_CONTROL, "public, max-age=31536000, immutable")], text))
    };
    Router::new()
        .route(&format!("/{area}/assets/{}/pages.css", version()), asset("text/css; charset=utf-8", STYLE))
        .route(&format!("/{area}/assets/{}/pages.js", version()), asset("text/javascript; charset=utf-8", SCRIPT))
}
