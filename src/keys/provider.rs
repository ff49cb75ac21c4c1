//! jsonwebtoken's cryptography on ring and aws-lc, with private keys parsed once: its `EncodingKey` carries a kid, which is looked up here.
//!
//! ECDSA is ring's; Ed25519 and RSA are aws-lc's, which is twice as fast at them (`docs/decisions/0014`).
use std::collections::HashMap;
use std::sync::{Arc, LazyLock};

use arc_swap::ArcSwap;
use aws_lc_rs::rsa::KeyPair as RsaKeyPair;
use aws_lc_rs::signature::{Ed25519KeyPair, RSA_PKCS1_SHA256, RSA_PSS_SHA256, RsaEncoding};
use chancery_verifier::provider::{KEY_UTILS, verifier};
use jsonwebtoken::crypto::{CryptoProvider, JwtSigner};
use jsonwebtoken::errors::{ErrorKind, Result};
use jsonwebtoken::signature::{Error as SignatureError, Signer};
use jsonwebtoken::{Algorithm, EncodingKey};
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};

/// jsonwebtoken's provider is one per process and its factories are plain functions, so the parsed keys are per process too.
static PARSED: LazyLock<ArcSwap<HashMap<String, Arc<ParsedKey>>>> = LazyLock::new(ArcSwap::default);
static PROVIDER: CryptoProvider = CryptoProvider { signer_factory: signer, verifier_factory: verifier, key_utils: KEY_UTILS };

/// A private key, ready to sign.
pub struct ParsedKey {
    pair: Pair,
    random: SystemRandom,
}

enum Pair {
    Ecdsa(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
    Rsa(Algorithm, Box<RsaKeyPair>),
}

/// Installs the provider, once a process; before anything else of jsonwebtoken is touched.
pub fn install() {
    // An error means that it is installed already.
    let _ = PROVIDER.install_default();
}

/// Parses a PKCS#8 document; `None` when it is not a key for the algorithm.
pub fn parse(alg: chancery_verifier::Algorithm, pkcs8: &[u8]) -> Option<ParsedKey> {
    let random = SystemRandom::new();
    let pair = match alg {
        chancery_verifier::Algorithm::ES256 => {
            Pair::Ecdsa(EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8, &random).ok()?)
        }
        chancery_verifier::Algorithm::EdDSA => Pair::Ed25519(Ed25519KeyPair::from_pkcs8(pkcs8).ok()?),
        chancery_verifier::Algorithm::RS256 | chancery_verifier::Algorithm::PS256 => {
            Pair::Rsa(alg.into(), Box::new(RsaKeyPair::from_pkcs8(pkcs8).ok()?))
        }
    };
    Some(ParsedKey { pair, random })
}

/// Makes the key known under its kid, and gives the handle jsonwebtoken signs with.
pub fn register(kid: &str, key: ParsedKey) -> EncodingKey {
    let handle = match key.pair {
        Pair::Ecdsa(_) => EncodingKey::from_ec_der(kid.as_bytes()),
        Pair::Ed25519(_) => EncodingKey::from_ed_der(kid.as_bytes()),
        Pair::Rsa(..) => EncodingKey::from_rsa_der(kid.as_bytes()),
    };
    let key = Arc::new(key);
    PARSED.rcu(|parsed| {
        let mut parsed = HashMap::clone(parsed);
        parsed.insert(kid.to_owned(), Arc::clone(&key));
        parsed
    });
    handle
}

/// Forgets keys that sign no more.
pub fn forget(kids: &[String]) {
    if !PARSED.load().keys().any(|kid| kids.contains(kid)) {
        return;
    }
    PARSED.rcu(|parsed| {
        let mut parsed = HashMap::clone(parsed);
        parsed.retain(|kid, _| !kids.contains(kid));
        parsed
    });
}

struct RingSigner {
    algorithm: Algorithm,
    key: Arc<ParsedKey>,
}

fn signer(algorithm: &Algorithm, handle: &EncodingKey) -> Result<Box<dyn JwtSigner>> {
    let kid = str::from_utf8(handle.as_bytes()).map_err(|_utf8| ErrorKind::InvalidKeyFormat)?;
    let key = PARSED.load().get(kid).cloned().ok_or(ErrorKind::InvalidKeyFormat)?;
    let fits = match (&key.pair, algorithm) {
        (Pair::Ecdsa(_), Algorithm::ES256) | (Pair::Ed25519(_), Algorithm::EdDSA) => true,
        (Pair::Rsa(bound, _), algorithm) => bound == algorithm,
        _ => false,
    };
    if fits { Ok(Box::new(RingSigner { algorithm: *algorithm, key })) } else { Err(ErrorKind::InvalidAlgorithm.into()) }
}

impl JwtSigner for RingSigner {
    fn algorithm(&self) -> Algorithm {
        self.algorithm
    }
}

impl Signer<Vec<u8>> for RingSigner {
    fn try_sign(&self, message: &[u8]) -> std::result::Result<Vec<u8>, SignatureError> {
        match &self.key.pair {
            Pair::Ecdsa(pair) => {
                pair.sign(&self.key.random, message).map(|signed| signed.as_ref().to_vec()).map_err(|_unspecified| SignatureError::new())
            }
            Pair::Ed25519(pair) => Ok(pair.sign(message).as_ref().to_vec()),
            Pair::Rsa(algorithm, pair) => {
                let padding: &dyn RsaEncoding = if *algorithm == Algorithm::PS256 { &RSA_PSS_SHA256 } else { &RSA_PKCS1_SHA256 };
                let mut signed = vec![0; pair.public_modulus_len()];
                pair.sign(padding, &aws_lc_rs::rand::SystemRandom::new(), message, &mut signed)
                    .map_err(|_unspecified| SignatureError::new())?;
                Ok(signed)
            }
        }
    }
}
