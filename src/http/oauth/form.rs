//! The form body of an OAuth request (RFC 6749 §3.2, Appendix B): known parameters once, strictly decoded, never from the query.
use std::borrow::Cow;

use axum::extract::Request;
use axum::http::request::Parts;
use bytes::Bytes;
use percent_encoding::percent_decode;

use super::error::OauthError;
use crate::http::body::{content_type, read};

const MAX_BODY_BYTES: usize = 64 * 1024;
const MAX_PARAMETERS: usize = 64;
const MAX_NAME_BYTES: usize = 256;

const KNOWN: [&str; 11] = [
    "grant_type",
    "scope",
    "client_id",
    "client_secret",
    "client_assertion",
    "client_assertion_type",
    "audience",
    "resource",
    "organization",
    "token",
    "token_type_hint",
];

/// A request whose body is a form, before it is parsed.
pub struct Posted {
    pub parts: Parts,
    body: Bytes,
}

impl Posted {
    pub async fn read(request: Request) -> Result<Self, OauthError> {
        let (parts, body) = request.into_parts();
        refuse_query(parts.uri.query())?;
        if !content_type(&parts.headers).is_some_and(|it| it.is("application/x-www-form-urlencoded") && it.is_utf8()) {
            return Err(OauthError::InvalidRequest("the body must be application/x-www-form-urlencoded in UTF-8"));
        }
        let body = read(&parts.headers, body, MAX_BODY_BYTES).await?;
        Ok(Self { parts, body })
    }

    pub fn form(&self) -> Result<Form<'_>, OauthError> {
        Form::parse(&self.body)
    }
}

/// The known parameters that were sent with a value; one without a value counts as left out.
#[derive(Default)]
pub struct Form<'a> {
    values: [Option<Cow<'a, str>>; KNOWN.len()],
}

impl<'a> Form<'a> {
    fn parse(body: &'a [u8]) -> Result<Self, OauthError> {
        if body.starts_with(b"\xEF\xBB\xBF") {
            return Err(OauthError::InvalidRequest("the body must not begin with a byte order mark"));
        }
        let mut form = Self::default();
        let mut seen = [false; KNOWN.len()];
        for (count, pair) in body.split(|byte| *byte == b'&').filter(|pair| !pair.is_empty()).enumerate() {
            if count == MAX_PARAMETERS {
                return Err(OauthError::InvalidRequest("there are more than 64 parameters"));
            }
            let (name, value) = match pair.iter().position(|byte| *byte == b'=') {
                Some(at) => (&pair[..at], &pair[at + 1..]),
                None => (pair, &[][..]),
            };
            if name.len() > MAX_NAME_BYTES {
                return Err(OauthError::InvalidRequest("a parameter's name is longer than 256 bytes"));
            }
            let (name, value) = (decode(name)?, decode(value)?);
            let Some(place) = KNOWN.iter().position(|known| *known == name) else { continue };
            if std::mem::replace(&mut seen[place], true) {
                return Err(repeated(KNOWN[place]));
            }
            if value.contains('\0') || (KNOWN[place] != "scope" && value.chars().any(char::is_control)) {
                return Err(OauthError::InvalidRequest("a parameter has a control character"));
            }
            form.values[place] = Some(value).filter(|value| !value.is_empty());
        }
        Ok(form)
    }

    /// The value of a known parameter.
    pub fn get(&self, name: &'static str) -> Option<&str> {
        self.values[KNOWN.iter().position(|known| *known == name)?].as_deref()
    }
}

/// RFC 6749 §3.2. A second `resource` is legal in RFC 8707, but one token is for one audience here.
fn repeated(name: &str) -> OauthError {
    match name {
        "resource" => OauthError::InvalidTarget("one token is for one resource: ask for each by itself"),
        _ => OauthError::InvalidRequest("a parameter is repeated"),
    }
}

/// RFC 6749 §2.3.1: credentials, and all else, go in the body, never in the URL, where logs would keep them.
fn refuse_query(query: Option<&str>) -> Result<(), OauthError> {
    let known = |name: &str| KNOWN.contains(&name) || name == "access_token";
    match query.map(|query| form_urlencoded::parse(query.as_bytes()).any(|(name, _)| known(&name))) {
        Some(true) => Err(OauthError::InvalidRequest("parameters go in the body, not in the URL")),
        _ => Ok(()),
    }
}

/// `+` is a space, `%` is followed by two hex digits, and the result is UTF-8 (RFC 6749 Appendix B).
pub fn decode(text: &[u8]) -> Result<Cow<'_, str>, OauthError> {
    let invalid = || OauthError::InvalidRequest("a parameter is not form-urlencoded UTF-8");
    if text.is_ascii() && !text.iter().any(|byte| matches!(byte, b'%' | b'+')) {
        return str::from_utf8(text).map(Cow::Borrowed).map_err(|_utf8| invalid());
    }
    for (at, byte) in text.iter().enumerate() {
        let digits = text.get(at + 1..at + 3);
        if *byte == b'%' && !digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit)) {
            return Err(invalid());
        }
    }
    if !text.contains(&b'+') {
        return percent_decode(text).decode_utf8().map_err(|_utf8| invalid());
    }
    let spaced: Vec<u8> = text.iter().map(|byte| if *byte == b'+' { b' ' } else { *byte }).collect();
    String::from_utf8(percent_decode(&spaced).collect()).map(Cow::Owned).map_err(|_utf8| invalid())
}
