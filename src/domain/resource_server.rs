//! A resource server (RFC 6749 §1.1): its identifier is the audience of the tokens issued for it (RFC 8707 §2, RFC 9068 §3).
use chancery_verifier::{AccessToken, Algorithm, TokenType};
use schemars::JsonSchema;
use serde::{Serialize, Serializer};
use serde_json::{Map, Value};
use url::Url;

use super::id::ResourceServerId;
use super::metadata::is_array_index;
use super::text::{FieldError, Name};
use super::timestamp::Timestamp;

#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
#[serde(tag = "object", rename = "resource_server")]
pub struct ResourceServer {
    pub id: ResourceServerId,
    pub identifier: String,
    pub name: Name,
    #[serde(flatten)]
    pub signing: Signing,
    #[serde(serialize_with = "token_type_name")]
    #[schemars(with = "String", extend("enum" = ["at+jwt", "JWT"]))]
    pub token_typ: TokenType,
    pub access_token_ttl: Option<u32>,
    pub claims: Map<String, Value>,
    pub default: bool,
    /// Whether its verifiers follow the revocations, so that its tokens may live for up to a day.
    pub status_enforcing: bool,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    #[serde(skip)]
    pub version: i64,
}

/// Which algorithm signs its tokens, and from when.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Signing {
    #[schemars(with = "String", extend("enum" = ["ES256", "EdDSA", "RS256", "PS256"]))]
    pub signing_alg: Algorithm,
    /// When a changed algorithm takes effect: until then its key is being published, and the one before signs.
    pub activates_at: Option<Timestamp>,
    #[serde(skip)]
    pub before: Option<Algorithm>,
}

impl Signing {
    pub fn at_once(signing_alg: Algorithm) -> Self {
        Self { signing_alg, activates_at: None, before: None }
    }

    /// The algorithm in force.
    pub fn algorithm(&self, now: Timestamp) -> Algorithm {
        match (self.activates_at, self.before) {
            (Some(at), Some(before)) if now < at => before,
            _ => self.signing_alg,
        }
    }
}

/// Whether a client with these resources may ask for tokens for a resource server; one that names none may ask for any.
pub fn may_ask_for(resources: Option<&[String]>, identifier: &str) -> bool {
    resources.is_none_or(|own| own.iter().any(|own| own == identifier))
}

pub struct NewResourceServer {
    pub identifier: String,
    pub name: Name,
    pub signing_alg: Algorithm,
    pub token_typ: TokenType,
    pub access_token_ttl: Option<u32>,
    pub claims: Map<String, Value>,
    pub default: bool,
    pub status_enforcing: bool,
}

#[derive(Default)]
pub struct ResourceServerChange {
    pub name: Option<Name>,
    pub signing_alg: Option<Algorithm>,
    pub token_typ: Option<TokenType>,
    pub access_token_ttl: Option<Option<u32>>,
    pub claims: Option<Map<String, Value>>,
    pub default: Option<bool>,
    pub status_enforcing: Option<bool>,
}

/// A named choice of algorithm and `typ` that a well-known verifier takes as it comes.
pub struct Preset {
    pub name: &'static str,
    pub signing_alg: Algorithm,
    pub token_typ: TokenType,
}

pub const PRESETS: [Preset; 8] = [
    Preset { name: "default", signing_alg: Algorithm::ES256, token_typ: TokenType::AccessToken },
    Preset { name: "spring", signing_alg: Algorithm::ES256, token_typ: TokenType::Jwt },
    Preset { name: "aws-apigw", signing_alg: Algorithm::RS256, token_typ: TokenType::Jwt },
    Preset { name: "apisix", signing_alg: Algorithm::RS256, token_typ: TokenType::Jwt },
    Preset { name: "dotnet", signing_alg: Algorithm::ES256, token_typ: TokenType::AccessToken },
    Preset { name: "kubernetes", signing_alg: Algorithm::ES256, token_typ: TokenType::Jwt },
    Preset { name: "hasura", signing_alg: Algorithm::RS256, token_typ: TokenType::Jwt },
    Preset { name: "postgrest", signing_alg: Algorithm::ES256, token_typ: TokenType::Jwt },
];

/// The tokens' size is bounded by configuration (case 188), so these are too, bytes.
const MAX_IDENTIFIER: usize = 200;
const MAX_CLAIMS: usize = 300;

/// An absolute URI without a fragment (RFC 8707 §2), kept byte for byte.
///
/// # Errors
/// A [`FieldError`].
pub fn parse_identifier(text: &str) -> Result<String, FieldError> {
    let printable = text.bytes().all(|byte| matches!(byte, 0x21..=0x7E) && !matches!(byte, b'"' | b'\\' | b'<' | b'>'));
    match Url::parse(text) {
        Ok(url) if printable && url.fragment().is_none() && !text.contains('#') && text.len() <= MAX_IDENTIFIER => Ok(text.to_owned()),
        _ => Err(FieldError::new(
            "invalid_identifier",
            "identifier",
            format!("identifier is an absolute URI without a fragment, as in https://api.example.com, at most {MAX_IDENTIFIER} bytes"),
        )),
    }
}

/// # Errors
/// A [`FieldError`] for a name the token format uses itself, or when they are too long.
pub fn check_claims(claims: &Map<String, Value>) -> Result<(), FieldError> {
    if let Some(name) = claims.keys().find(|name| AccessToken::RESERVED.contains(&name.as_str())) {
        return Err(FieldError::new("reserved_claim", format!("claims.{name}"), format!("the claim {name} is set by the authority")));
    }
    if !is_stable(&Value::Object(claims.clone())) {
        let message =
            "claims hold whole numbers within ±2^53 alone, and no member whose name is a whole number: parsers write others in another way";
        return Err(FieldError::new("unstable_json", "claims", message));
    }
    if Value::Object(claims.clone()).to_string().len() > MAX_CLAIMS {
        return Err(FieldError::new("too_long", "claims", format!("claims take at most {MAX_CLAIMS} bytes as JSON")));
    }
    Ok(())
}

/// Whether every parser that reads it and writes it again gives the same text: webhook bodies must verify after that.
fn is_stable(value: &Value) -> bool {
    const EXACT: i64 = 1 << 53;
    match value {
        Value::Number(number) => number.as_i64().is_some_and(|number| (-EXACT..=EXACT).contains(&number)),
        Value::Array(values) => values.iter().all(is_stable),
        Value::Object(members) => members.iter().all(|(name, value)| !is_array_index(name) && is_stable(value)),
        Value::Null | Value::Bool(_) | Value::String(_) => true,
    }
}

/// # Errors
/// A [`FieldError`] that names what there is.
pub fn parse_token_type(text: &str) -> Result<TokenType, FieldError> {
    [TokenType::AccessToken, TokenType::Jwt]
        .into_iter()
        .find(|typ| typ.name() == text)
        .ok_or_else(|| FieldError::new("unsupported_typ", "token_typ", "token_typ takes at+jwt or JWT"))
}

/// # Errors
/// A [`FieldError`] that names what there is.
pub fn parse_algorithm(field: &str, text: &str) -> Result<Algorithm, FieldError> {
    Algorithm::from_name(text)
        .ok_or_else(|| FieldError::new("unsupported_algorithm", field, format!("{field} takes ES256, EdDSA, RS256 or PS256")))
}

fn token_type_name<S: Serializer>(typ: &TokenType, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(typ.name())
}
