//! Claims in, compact JWT out (RFC 7515 §3.1, RFC 9068 §2).
use chancery_verifier::{AccessToken, Algorithm, TokenType};
use jsonwebtoken::{EncodingKey, Header};

/// The key that signs for one algorithm.
#[derive(Clone)]
pub struct TokenSigner {
    kid: String,
    alg: Algorithm,
    handle: EncodingKey,
}

/// The token could not be signed.
#[derive(Debug, thiserror::Error)]
#[error("the token could not be signed: {0}")]
pub struct SigningFailed(#[from] jsonwebtoken::errors::Error);

impl TokenSigner {
    pub fn new(kid: String, alg: Algorithm, handle: EncodingKey) -> Self {
        Self { kid, alg, handle }
    }

    /// # Errors
    /// [`SigningFailed`].
    pub fn sign(&self, typ: TokenType, claims: &AccessToken) -> Result<String, SigningFailed> {
        let mut header = Header::new(self.alg.into());
        header.typ = Some(typ.name().to_owned());
        header.kid = Some(self.kid.clone());
        Ok(jsonwebtoken::encode(&header, claims, &self.handle)?)
    }
}
