//! Claims in, compact JWT out (RFC 7515 §3.1).
use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chancery_verifier::{Algorithm, TokenType};
use jsonwebtoken::{EncodingKey, Header};
use serde::Serialize;

/// As much as most payloads need.
const PAYLOAD: usize = 768;
/// Room for the header and the longest signature, that of RSA.
const BESIDE_THE_PAYLOAD: usize = 512;

/// The key that signs for one line.
#[derive(Clone)]
pub struct JwtSigner {
    kid: String,
    alg: Algorithm,
    handle: EncodingKey,
    /// Those of its tokens, encoded once.
    headers: Vec<(&'static str, String)>,
}

/// It could not be signed.
#[derive(Debug, thiserror::Error)]
#[error("it could not be signed: {0}")]
pub struct SigningFailed(#[from] jsonwebtoken::errors::Error);

impl From<serde_json::Error> for SigningFailed {
    fn from(error: serde_json::Error) -> Self {
        Self(error.into())
    }
}

impl JwtSigner {
    /// # Errors
    /// [`SigningFailed`].
    pub fn new(kid: String, alg: Algorithm, handle: EncodingKey) -> Result<Self, SigningFailed> {
        let mut signer = Self { kid, alg, handle, headers: Vec::new() };
        for typ in [TokenType::AccessToken, TokenType::Jwt] {
            let header = signer.header(typ.name())?.into_owned();
            signer.headers.push((typ.name(), header));
        }
        Ok(signer)
    }

    fn header(&self, typ: &str) -> Result<Cow<'_, str>, SigningFailed> {
        if let Some((_, encoded)) = self.headers.iter().find(|(known, _)| *known == typ) {
            return Ok(encoded.into());
        }
        let mut header = Header::new(self.alg.into());
        header.typ = Some(typ.to_owned());
        header.kid = Some(self.kid.clone());
        Ok(URL_SAFE_NO_PAD.encode(serde_json::to_vec(&header)?).into())
    }

    /// # Errors
    /// [`SigningFailed`].
    pub fn sign(&self, typ: &str, claims: &impl Serialize) -> Result<String, SigningFailed> {
        let mut payload = Vec::with_capacity(PAYLOAD);
        serde_json::to_writer(&mut payload, claims)?;
        let mut token = String::with_capacity(payload.len() * 4 / 3 + BESIDE_THE_PAYLOAD);
        token.push_str(&self.header(typ)?);
        token.push('.');
        URL_SAFE_NO_PAD.encode_string(payload, &mut token);
        let signature = jsonwebtoken::crypto::sign(token.as_bytes(), &self.handle, self.alg.into())?;
        token.push('.');
        token.push_str(&signature);
        Ok(token)
    }
}
