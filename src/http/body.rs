//! Reading a request's body: bounded in size and time, and never inflated (RFC 9110 §15.5.9, §15.5.14, §15.5.16).
use std::pin::pin;
use std::time::Duration;

use axum::body::Body;
use axum::http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE};
use axum::http::{HeaderMap, StatusCode};
use bytes::Bytes;
use futures_util::FutureExt;
use http_body_util::{BodyExt, LengthLimitError, Limited};

use crate::authority::follow::is_asked;

const DEADLINE: Duration = Duration::from_secs(10);

/// Why there is no body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyError {
    TooLarge,
    TooSlow,
    Encoded,
    Broken,
}

impl BodyError {
    pub fn status(self) -> StatusCode {
        match self {
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::TooSlow => StatusCode::REQUEST_TIMEOUT,
            Self::Encoded => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::Broken => StatusCode::BAD_REQUEST,
        }
    }

    pub fn message(self) -> &'static str {
        match self {
            Self::TooLarge => "the request body is too large",
            Self::TooSlow => "the request body did not arrive in time",
            Self::Encoded => "the request body must not have a Content-Encoding",
            Self::Broken => "the request body is broken",
        }
    }

    /// What is left of the body cannot be read as another request: the connection is closed.
    pub fn closes(self) -> bool {
        !matches!(self, Self::Encoded)
    }
}

/// Reads at most `limit` bytes. A body declared longer is refused before any of it is read.
///
/// # Errors
/// [`BodyError`].
pub async fn read(headers: &HeaderMap, body: Body, limit: usize) -> Result<Bytes, BodyError> {
    if headers.contains_key(CONTENT_ENCODING) {
        return Err(BodyError::Encoded);
    }
    let declared = headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()).and_then(|value| value.parse::<u64>().ok());
    if declared.is_some_and(|length| length > limit as u64) {
        return Err(BodyError::TooLarge);
    }
    let mut collecting = pin!(Limited::new(body, limit).collect());
    // Mostly it came with the head, and needs no timer.
    let collected = match (&mut collecting).now_or_never() {
        Some(collected) => collected,
        None => tokio::time::timeout(DEADLINE, collecting).await.map_err(|_elapsed| BodyError::TooSlow)?,
    };
    match collected {
        Ok(collected) => {
            is_asked();
            Ok(collected.to_bytes())
        }
        Err(error) if error.downcast_ref::<LengthLimitError>().is_some() => Err(BodyError::TooLarge),
        Err(_) => Err(BodyError::Broken),
    }
}

/// What a body is said to be (RFC 9110 §8.3.1).
pub struct ContentType<'a> {
    /// The type without its parameters.
    essence: &'a str,
    charset: Option<&'a str>,
}

impl ContentType<'_> {
    pub fn is(&self, essence: &str) -> bool {
        self.essence.eq_ignore_ascii_case(essence)
    }

    /// Whether it names no other charset.
    pub fn is_utf8(&self) -> bool {
        self.charset.is_none_or(|charset| charset.eq_ignore_ascii_case("utf-8"))
    }
}

/// The one Content-Type; `None` for none or several.
pub fn content_type(headers: &HeaderMap) -> Option<ContentType<'_>> {
    let mut values = headers.get_all(CONTENT_TYPE).iter();
    let (Some(value), None) = (values.next(), values.next()) else { return None };
    let mut parts = value.to_str().ok()?.split(';');
    let essence = parts.next()?.trim();
    let parameters = parts.filter_map(|parameter| parameter.split_once('='));
    let mut charsets = parameters.filter(|(name, _)| name.trim().eq_ignore_ascii_case("charset"));
    let charset = charsets.next();
    if charsets.next().is_some() {
        return None;
    }
    Some(ContentType { essence, charset: charset.map(|(_, value)| value.trim().trim_matches('"')) })
}
