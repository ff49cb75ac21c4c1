//! Making signing keys: a PKCS#8 document and its public JWK (RFC 7517 §4), named by its thumbprint (RFC 7638).
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chancery_verifier::Algorithm;
use ring::digest;
use ring::rsa::PublicKeyComponents;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair, RsaKeyPair};
use serde_json::{Value, json};
use zeroize::Zeroizing;

use crate::random::{NoRandomness, Random};

/// A new key, not yet anywhere.
pub struct GeneratedKey {
    pub kid: String,
    pub alg: Algorithm,
    /// The public JWK with `kid`, `alg` and `use`.
    pub public_jwk: Value,
    pub pkcs8: Zeroizing<Vec<u8>>,
}

/// Makes a key for the algorithm. RSA keys, of 2048 bits, are aws-lc's: ring makes none, and the `rsa` crate leaks by timing (RUSTSEC-2023-0071).
///
/// # Errors
/// [`NoRandomness`].
pub fn generate(alg: Algorithm, random: &Random) -> Result<GeneratedKey, NoRandomness> {
    let pkcs8 = match alg {
        Algorithm::ES256 => {
            let document =
                EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, random.source()).map_err(|_unspecified| NoRandomness)?;
            Zeroizing::new(document.as_ref().to_vec())
        }
        Algorithm::EdDSA => {
            let document = Ed25519KeyPair::generate_pkcs8(random.source()).map_err(|_unspecified| NoRandomness)?;
            Zeroizing::new(document.as_ref().to_vec())
        }
        Algorithm::RS256 | Algorithm::PS256 => {
            use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
            let pair = aws_lc_rs::rsa::KeyPair::generate(aws_lc_rs::rsa::KeySize::Rsa2048).map_err(|_unspecified| NoRandomness)?;
            let document: Pkcs8V1Der<'_> = pair.as_der().map_err(|_unspecified| NoRandomness)?;
            Zeroizing::new(document.as_ref().to_vec())
        }
    };
    let members = public_members(alg, &pkcs8, random).ok_or(NoRandomness)?;
    let kid = thumbprint(&members);
    let mut public_jwk = members;
    if let Some(object) = public_jwk.as_object_mut() {
        object.extend([("kid".to_owned(), json!(kid)), ("alg".to_owned(), json!(alg.name())), ("use".to_owned(), json!("sig"))]);
    }
    Ok(GeneratedKey { kid, alg, public_jwk, pkcs8 })
}

/// The members RFC 7638 §3.2 hashes, and no others.
fn public_members(alg: Algorithm, pkcs8: &[u8], random: &Random) -> Option<Value> {
    let text = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
    match alg {
        Algorithm::ES256 => {
            let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8, random.source()).ok()?;
            let (x, y) = pair.public_key().as_ref().get(1..)?.split_at_checked(32)?;
            Some(json!({ "crv": "P-256", "kty": "EC", "x": text(x), "y": text(y) }))
        }
        Algorithm::EdDSA => {
            let pair = Ed25519KeyPair::from_pkcs8(pkcs8).ok()?;
            Some(json!({ "crv": "Ed25519", "kty": "OKP", "x": text(pair.public_key().as_ref()) }))
        }
        Algorithm::RS256 | Algorithm::PS256 => {
            let pair = RsaKeyPair::from_pkcs8(pkcs8).ok()?;
            let public: PublicKeyComponents<Vec<u8>> = pair.public().into();
            Some(json!({ "e": text(&public.e), "kty": "RSA", "n": text(&public.n) }))
        }
    }
}

/// RFC 7638 §3: SHA-256 over the members in lexicographic order, which is the order in which serde_json keeps them.
fn thumbprint(members: &Value) -> String {
    URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, members.to_string().as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc7638_3_1_the_thumbprint_of_the_example_key() {
        let members = json!({
            "kty": "RSA",
            "n": "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw",
            "e": "AQAB",
        });
        assert_eq!(thumbprint(&members), "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs");
    }
}
