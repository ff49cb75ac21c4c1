//! Strict verification of one access token (RFC 9068 §4, RFC 8725 §3, RFC 7515 §5.2), without input or output.
use serde::Deserialize;
use serde::de::{Error as _, MapAccess, Visitor};
use serde_json::{Map, Value};

use crate::claims::AccessToken;
use crate::jwks::KeySet;
use crate::signed::verify_signed;

/// A longer token is refused before anything of it is decoded, bytes.
pub const MAX_TOKEN_BYTES: usize = 4096;
/// How far in the future `iat` may lie, seconds: clocks differ.
const MAX_FUTURE_SECONDS: u64 = 60;

/// The `typ` header the audience registered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum TokenType {
    /// `at+jwt` (RFC 9068 §2.1), also written `application/at+jwt`.
    #[default]
    AccessToken,
    /// `JWT`, for verifiers that know no other.
    Jwt,
}

impl TokenType {
    /// The value in the header.
    pub fn name(self) -> &'static str {
        match self {
            Self::AccessToken => "at+jwt",
            Self::Jwt => "JWT",
        }
    }

    fn matches(self, typ: &str) -> bool {
        typ.eq_ignore_ascii_case(self.name()) || (self == Self::AccessToken && typ.eq_ignore_ascii_case("application/at+jwt"))
    }
}

/// What a token must be to be accepted.
#[derive(Clone, Debug)]
pub struct Expectation<'a> {
    /// The issuer identifier, compared byte for byte.
    pub issuer: &'a str,
    /// The audience, compared byte for byte; `None` leaves it to the caller, who then compares [`AccessToken::aud`] himself.
    pub audience: Option<&'a str>,
    /// The `typ` values taken.
    pub types: &'a [TokenType],
    /// How long after `exp` a token is still taken, seconds.
    pub leeway: u64,
    /// The time, seconds since the epoch.
    pub now: u64,
}

/// Why a token is refused. None of these says anything that the token's bearer does not know already.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum VerifyError {
    /// Not three canonical base64url parts, or too long.
    #[error("the token is malformed: {0}")]
    Malformed(&'static str),
    /// The header has something other than `typ`, `alg` and `kid`, or lacks one of them.
    #[error("the token's header is not {{typ, alg, kid}}")]
    Header,
    /// `typ` is not the audience's.
    #[error("the token's typ is not the one expected")]
    Type,
    /// No key with that `kid`.
    #[error("no key of the issuer has the token's kid")]
    UnknownKey,
    /// The key is bound to another algorithm.
    #[error("the token's alg is not its key's")]
    Algorithm,
    /// The signature does not verify.
    #[error("the signature does not verify")]
    Signature,
    /// A claim is missing, twice there, or of the wrong JSON type.
    #[error("the token's claims are not those of RFC 9068: {0}")]
    Claims(String),
    /// Another issuer.
    #[error("the token is another issuer's")]
    Issuer,
    /// Another audience.
    #[error("the token is for another audience")]
    Audience,
    /// `exp` has passed.
    #[error("the token has expired")]
    Expired,
    /// `iat` or `nbf` lies in the future.
    #[error("the token is not valid yet")]
    NotYetValid,
    /// It, its credential, or whoever holds that, was revoked.
    #[error("the token was revoked")]
    Revoked,
    /// Its status is published where this verifier does not look.
    #[error("the token's status is not published by its issuer")]
    StatusUnknown,
    /// Too little is known of revocations to decide: answer 503, not 401.
    #[error("too little is known of revocations just now")]
    Stale,
    /// The issuer's keys could not be had for too long: answer 503, not 401.
    #[error("the issuer's keys are not available")]
    KeysUnavailable,
}

/// Verifies one access token.
///
/// # Errors
/// [`VerifyError`], the first rule the token breaks.
pub fn verify(token: &str, keys: &KeySet, expected: &Expectation<'_>) -> Result<AccessToken, VerifyError> {
    verify_with_kid(token, keys, expected).map(|(claims, _)| claims)
}

/// The same, with the `kid` of the key that signed it.
pub(crate) fn verify_with_kid(token: &str, keys: &KeySet, expected: &Expectation<'_>) -> Result<(AccessToken, String), VerifyError> {
    if token.len() > MAX_TOKEN_BYTES {
        return Err(VerifyError::Malformed("longer than 4 KiB"));
    }
    let signed = verify_signed(token, keys, |typ| expected.types.iter().any(|expected| expected.matches(typ)))?;
    let claims = read_claims(&signed.payload)?;
    check(&claims, expected)?;
    Ok((claims, signed.kid))
}

fn read_claims(payload: &[u8]) -> Result<AccessToken, VerifyError> {
    let UniqueMembers(members) = serde_json::from_slice(payload).map_err(|error| VerifyError::Claims(error.to_string()))?;
    let claims: AccessToken = serde_json::from_value(Value::Object(members)).map_err(|error| VerifyError::Claims(error.to_string()))?;
    let required = [
        ("iss", &claims.iss),
        ("sub", &claims.sub),
        ("aud", &claims.aud.0),
        ("jti", &claims.jti),
        ("client_id", &claims.client_id),
        ("org_id", &claims.org_id),
    ];
    match required.iter().find(|(_, value)| value.is_empty()) {
        Some((name, _)) => Err(VerifyError::Claims(format!("{name} is empty"))),
        None => Ok(claims),
    }
}

pub(crate) fn check(claims: &AccessToken, expected: &Expectation<'_>) -> Result<(), VerifyError> {
    if claims.iss != expected.issuer {
        return Err(VerifyError::Issuer);
    }
    if expected.audience.is_some_and(|audience| claims.aud.0 != audience) {
        return Err(VerifyError::Audience);
    }
    if expected.now >= claims.exp.saturating_add(expected.leeway) {
        return Err(VerifyError::Expired);
    }
    if claims.iat > expected.now.saturating_add(MAX_FUTURE_SECONDS)
        || claims.nbf.is_some_and(|nbf| nbf > expected.now.saturating_add(expected.leeway))
    {
        return Err(VerifyError::NotYetValid);
    }
    Ok(())
}

/// A JSON object that names no member twice (RFC 7519 §4): a parser that takes the first and one that takes the last must not disagree.
struct UniqueMembers(Map<String, Value>);

impl<'de> Deserialize<'de> for UniqueMembers {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;
        impl<'de> Visitor<'de> for Members {
            type Value = UniqueMembers;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a JSON object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Self::Value, A::Error> {
                let mut members = Map::new();
                while let Some((name, value)) = access.next_entry::<String, Value>()? {
                    if members.insert(name, value).is_some() {
                        return Err(A::Error::custom("a member is there twice"));
                    }
                }
                Ok(UniqueMembers(members))
            }
        }
        deserializer.deserialize_map(Members)
    }
}
