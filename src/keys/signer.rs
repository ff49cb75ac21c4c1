//! Claims in, compact JWT out (RFC 7515 §3.1).
use chancery_verifier::Algorithm;
use jsonwebtoken::{EncodingKey, Header};
use serde::Serialize;

/// The key that signs for one line.
#[derive(Clone)]
pub struct JwtSigner {
    kid: String,
    alg: Algorithm,
    handle: EncodingKey,
}

/// It could not be signed.
#[derive(Debug, thiserror::Error)]
#[error("it could not be signed: {0}")]
pub struct SigningFailed(#[from] jsonwebtoken::errors::Error);

impl JwtSigner {
    pub fn new(kid: String, alg: Algorithm, handle: EncodingKey) -> Self {
        Self { kid, alg, handle }
    }

    /// # Errors
    /// [`SigningFailed`].
    pub fn sign(&self, typ: &str, claims: &impl Serialize) -> Result<String, SigningFailed> {
        let mut header = Header::new(self.alg.into());
        header.typ = Some(typ.to_owned());
        header.kid = Some(self.kid.clone());
        Ok(jsonwebtoken::encode(&header, claims, &self.handle)?)
    }
}
