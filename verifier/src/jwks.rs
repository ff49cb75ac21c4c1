//! The issuer's public keys (RFC 7517): each bound to one algorithm, found by `kid` alone.
use std::collections::HashMap;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::DecodingKey;
use serde::Deserialize;
use serde_json::Value;

use crate::algorithm::Algorithm;

/// An immutable set of verification keys.
#[derive(Clone, Default)]
pub struct KeySet {
    keys: HashMap<String, VerificationKey>,
    /// `kid`s of keys of an unknown type, algorithm or use.
    passed_over: Vec<String>,
}

#[derive(Clone)]
pub(crate) struct VerificationKey {
    pub(crate) algorithm: Algorithm,
    pub(crate) key: DecodingKey,
}

/// Why a JWK set cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeySetError {
    /// Not the JSON object of RFC 7517 §5.
    #[error("not a JWK set (RFC 7517 §5): {0}")]
    Malformed(String),
    /// It has no key this library can use; an issuer never publishes that on purpose.
    #[error("the JWK set has no usable signature key")]
    Empty,
    /// It carries private key material, which only an attacker or an accident publishes.
    #[error("the JWK set carries private key material")]
    Private,
    /// Two keys share a `kid`.
    #[error("two keys of the JWK set share the kid {0}")]
    DuplicateKid(String),
}

#[derive(Deserialize)]
struct Document {
    keys: Vec<serde_json::Map<String, Value>>,
}

impl KeySet {
    /// Reads a JWK set. Keys of an unknown type, algorithm or use are passed over, as RFC 7517 §5 asks.
    ///
    /// # Errors
    /// [`KeySetError`].
    pub fn parse(document: &[u8]) -> Result<Self, KeySetError> {
        let document: Document = serde_json::from_slice(document).map_err(|error| KeySetError::Malformed(error.to_string()))?;
        let (mut keys, mut passed_over) = (HashMap::new(), Vec::new());
        for jwk in &document.keys {
            if ["d", "p", "q", "dp", "dq", "qi", "oth", "k"].iter().any(|member| jwk.contains_key(*member)) {
                return Err(KeySetError::Private);
            }
            let Some((kid, key)) = read_key(jwk) else {
                passed_over.extend(jwk.get("kid").and_then(Value::as_str).map(str::to_owned));
                continue;
            };
            if keys.insert(kid.clone(), key).is_some() {
                return Err(KeySetError::DuplicateKid(kid));
            }
        }
        if keys.is_empty() { Err(KeySetError::Empty) } else { Ok(Self { keys, passed_over }) }
    }

    /// Whether a key with this `kid` is in the set.
    pub fn contains(&self, kid: &str) -> bool {
        self.keys.contains_key(kid)
    }

    /// Whether there is no key in it.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// The `kid`s of the set, also of keys that this library cannot use.
    pub fn kids(&self) -> impl Iterator<Item = &str> {
        self.keys.keys().chain(&self.passed_over).map(String::as_str)
    }

    pub(crate) fn find(&self, kid: &str) -> Option<&VerificationKey> {
        self.keys.get(kid)
    }
}

/// A key is used only with the algorithm it names, and only if its type fits that algorithm (RFC 8725 §3.1).
fn read_key(jwk: &serde_json::Map<String, Value>) -> Option<(String, VerificationKey)> {
    let text = |member: &str| jwk.get(member).and_then(Value::as_str);
    let bytes = |member: &str| text(member).and_then(|value| URL_SAFE_NO_PAD.decode(value).ok());
    if text("use").is_some_and(|purpose| purpose != "sig") {
        return None;
    }
    let algorithm = Algorithm::from_name(text("alg")?)?;
    let key = match (algorithm, text("kty")?, text("crv")) {
        (Algorithm::ES256, "EC", Some("P-256")) => {
            let (x, y) = (bytes("x")?, bytes("y")?);
            if x.len() != 32 || y.len() != 32 {
                return None;
            }
            DecodingKey::from_ec_der(&[&[4][..], &x, &y].concat())
        }
        (Algorithm::EdDSA, "OKP", Some("Ed25519")) => DecodingKey::from_ed_der(&bytes("x").filter(|x| x.len() == 32)?),
        (Algorithm::RS256 | Algorithm::PS256, "RSA", None) => {
            DecodingKey::from_rsa_raw_components(&bytes("n").filter(|n| n.len() >= 256)?, &bytes("e")?)
        }
        _ => return None,
    };
    Some((text("kid")?.to_owned(), VerificationKey { algorithm, key }))
}
