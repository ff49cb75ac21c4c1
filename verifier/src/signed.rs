//! One compact JWS of the issuer (RFC 7515 §5.2): three canonical parts, a header of `typ`, `alg` and `kid`, a signature that verifies.
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;

use crate::algorithm::Algorithm;
use crate::jwks::KeySet;
use crate::provider;
use crate::verify::VerifyError;

const MAX_HEADER_BYTES: usize = 1024;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    typ: String,
    alg: String,
    kid: String,
}

/// What a verified JWS carries.
pub(crate) struct Signed {
    pub(crate) payload: Vec<u8>,
    pub(crate) kid: String,
}

/// Verifies the signature; nothing of the payload is looked at before.
pub(crate) fn verify_signed(text: &str, keys: &KeySet, is_type: impl Fn(&str) -> bool) -> Result<Signed, VerifyError> {
    provider::install();
    let (message, signature) = text.rsplit_once('.').ok_or(VerifyError::Malformed("not three parts"))?;
    let (header, payload) = message.split_once('.').ok_or(VerifyError::Malformed("not three parts"))?;
    if payload.contains('.') {
        return Err(VerifyError::Malformed("not three parts"));
    }
    if header.len() > MAX_HEADER_BYTES {
        return Err(VerifyError::Malformed("the header is longer than 1 KiB"));
    }
    let header: Header = serde_json::from_slice(&decode(header)?).map_err(|_json| VerifyError::Header)?;
    if !is_type(&header.typ) {
        return Err(VerifyError::Type);
    }
    let key = keys.find(&header.kid).ok_or(VerifyError::UnknownKey)?;
    if Algorithm::from_name(&header.alg) != Some(key.algorithm) {
        return Err(VerifyError::Algorithm);
    }
    // jsonwebtoken decodes the signature too, but would not say that it was not canonical.
    decode(signature)?;
    if !jsonwebtoken::crypto::verify(signature, message.as_bytes(), &key.key, key.algorithm.into()).unwrap_or(false) {
        return Err(VerifyError::Signature);
    }
    Ok(Signed { payload: decode(payload)?, kid: header.kid })
}

fn decode(part: &str) -> Result<Vec<u8>, VerifyError> {
    URL_SAFE_NO_PAD.decode(part).map_err(|_base64| VerifyError::Malformed("a part is not canonical base64url"))
}
