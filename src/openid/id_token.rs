//! The ID token: whether it is the provider's, for us, of this sign-in, and now (OpenID Connect Core 1.0 §3.1.3.7).
use jsonwebtoken::jwk::{Jwk, JwkSet};
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde::Deserialize;
use serde_json::Value;

use super::person::Person;
use super::{Attempt, Registration};
use crate::domain::timestamp::Timestamp;

/// By how much the provider's clock may differ, seconds.
const SKEW: u64 = 60;
const ALGORITHMS: [Algorithm; 4] = [Algorithm::RS256, Algorithm::ES256, Algorithm::EdDSA, Algorithm::PS256];

#[derive(Deserialize)]
struct Claims {
    #[serde(flatten)]
    person: Person,
    aud: Value,
    azp: Option<String>,
    exp: u64,
    iat: u64,
    nonce: Option<String>,
    auth_time: Option<u64>,
}

/// Who the operator is, and when he proved it there.
///
/// # Errors
/// What is wrong, as a sentence.
pub fn verify(
    token: &str,
    keys: &[u8],
    registration: &Registration,
    attempt: &Attempt,
    now: Timestamp,
) -> Result<(Person, Option<Timestamp>), &'static str> {
    let header = jsonwebtoken::decode_header(token).map_err(|_error| "the ID token is no JWT")?;
    if !ALGORITHMS.contains(&header.alg) {
        return Err("the ID token is signed with another algorithm than RS256, ES256, EdDSA or PS256");
    }
    let keys: JwkSet = serde_json::from_slice(keys).map_err(|_error| "its JWK set cannot be read")?;
    let key = find(&keys, header.kid.as_deref(), header.alg).ok_or("no key of its JWK set is the ID token's")?;
    let key = DecodingKey::from_jwk(key).map_err(|_error| "the ID token's key cannot be read")?;
    let mut validation = Validation::new(header.alg);
    validation.set_audience(&[&registration.client_id]);
    validation.set_issuer(&[&registration.issuer]);
    validation.set_required_spec_claims(&["iss", "aud", "sub", "exp"]);
    // By the clock that was handed in, below.
    validation.validate_exp = false;
    let claims: Claims =
        jsonwebtoken::decode(token, &key, &validation).map_err(|_error| "the ID token's signature, issuer or audience is wrong")?.claims;
    let now = now.seconds();
    let several = claims.aud.as_array().is_some_and(|audiences| audiences.len() > 1);
    if claims.azp.as_ref().map_or(several, |azp| *azp != registration.client_id) {
        return Err("the ID token was made for another client (azp)");
    }
    if claims.exp.saturating_add(SKEW) <= now || claims.iat > now + SKEW {
        return Err("the ID token has expired, or is not valid yet: compare the clocks");
    }
    if claims.nonce.as_deref() != Some(&attempt.nonce) {
        return Err("the ID token belongs to another sign-in (nonce)");
    }
    if attempt.again && claims.auth_time.is_none_or(|at| at.saturating_add(SKEW) < attempt.begun_at) {
        return Err("the provider did not ask for the sign-in anew (auth_time)");
    }
    let signed_in_at = claims.auth_time.and_then(|at| i64::try_from(at.saturating_mul(1000)).ok()).map(Timestamp::from_millis);
    Ok((claims.person, signed_in_at))
}

/// By its `kid`; a set of one key needs none.
fn find<'a>(keys: &'a JwkSet, kid: Option<&str>, alg: Algorithm) -> Option<&'a Jwk> {
    let key = match kid {
        Some(kid) => keys.find(kid),
        None => Some(&keys.keys).filter(|keys| keys.len() == 1).and_then(|keys| keys.first()),
    };
    key.filter(|key| key.common.key_algorithm.is_none_or(|named| named.to_string() == format!("{alg:?}")))
}
