//! Sealing: AES-256-GCM under keys derived from the master key, each for one purpose, with the row's identity as associated data.
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::hkdf;
use zeroize::Zeroizing;

use super::master::MasterKey;
use crate::random::{NoRandomness, Random};

/// The version before every sealed text: base64url of a 96-bit random nonce and the ciphertext.
const VERSION: &str = "v1.";

/// The sealed text could not be opened: another master key, another row, or changed bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the sealed value cannot be opened with this master key")]
pub struct CannotOpen;

/// Seals and opens values of the store.
pub struct Sealer {
    key: LessSafeKey,
    idempotency: hkdf::Prk,
}

impl Sealer {
    pub fn new(master: &MasterKey) -> Self {
        let salt = hkdf::Salt::new(hkdf::HKDF_SHA256, b"chancery master key");
        let root = salt.extract(master.bytes());
        Self { key: aead_key(&root, b"seal"), idempotency: derive(&root, b"idempotency") }
    }

    /// Seals `plain` so that it opens for the same `identity` only.
    ///
    /// # Errors
    /// [`NoRandomness`].
    pub fn seal(&self, identity: &str, plain: &[u8], random: &Random) -> Result<String, NoRandomness> {
        seal(&self.key, identity, plain, random)
    }

    /// # Errors
    /// [`CannotOpen`].
    pub fn open(&self, identity: &str, sealed: &str) -> Result<Zeroizing<Vec<u8>>, CannotOpen> {
        open(&self.key, identity, sealed)
    }

    /// A sealer that needs `token` beside the master key: neither the store nor the master key opens what it sealed.
    pub fn bound_to(&self, token: &[u8]) -> BoundSealer {
        BoundSealer(aead_key(&self.idempotency, token))
    }
}

/// Seals under the master key and one further text.
pub struct BoundSealer(LessSafeKey);

impl BoundSealer {
    /// # Errors
    /// [`NoRandomness`].
    pub fn seal(&self, identity: &str, plain: &[u8], random: &Random) -> Result<String, NoRandomness> {
        seal(&self.0, identity, plain, random)
    }

    /// # Errors
    /// [`CannotOpen`].
    pub fn open(&self, identity: &str, sealed: &str) -> Result<Zeroizing<Vec<u8>>, CannotOpen> {
        open(&self.0, identity, sealed)
    }
}

fn seal(key: &LessSafeKey, identity: &str, plain: &[u8], random: &Random) -> Result<String, NoRandomness> {
    let nonce = random.bytes::<NONCE_LEN>()?;
    let mut sealed = Vec::with_capacity(NONCE_LEN + plain.len() + AES_256_GCM.tag_len());
    sealed.extend_from_slice(plain);
    key.seal_in_place_append_tag(Nonce::assume_unique_for_key(*nonce), Aad::from(identity), &mut sealed)
        .map_err(|_unspecified| NoRandomness)?;
    sealed.splice(..0, nonce.iter().copied());
    Ok(format!("{VERSION}{}", URL_SAFE_NO_PAD.encode(sealed)))
}

fn open(key: &LessSafeKey, identity: &str, sealed: &str) -> Result<Zeroizing<Vec<u8>>, CannotOpen> {
    let encoded = sealed.strip_prefix(VERSION).ok_or(CannotOpen)?;
    let bytes = URL_SAFE_NO_PAD.decode(encoded).map_err(|_base64| CannotOpen)?;
    let (nonce, ciphertext) = bytes.split_at_checked(NONCE_LEN).ok_or(CannotOpen)?;
    let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_length| CannotOpen)?;
    let mut plain = Zeroizing::new(ciphertext.to_vec());
    let length = key.open_in_place(nonce, Aad::from(identity), &mut plain).map_err(|_unspecified| CannotOpen)?.len();
    plain.truncate(length);
    Ok(plain)
}

#[expect(clippy::expect_used, reason = "32 bytes are a valid length for this key and for HKDF-SHA-256")]
fn aead_key(root: &hkdf::Prk, purpose: &[u8]) -> LessSafeKey {
    let mut bytes = Zeroizing::new([0; 32]);
    root.expand(&[purpose], &AES_256_GCM).and_then(|okm| okm.fill(bytes.as_mut())).expect("HKDF gives 32 bytes");
    LessSafeKey::new(UnboundKey::new(&AES_256_GCM, bytes.as_ref()).expect("AES-256-GCM takes 32 bytes"))
}

#[expect(clippy::expect_used, reason = "32 bytes are a valid length for HKDF-SHA-256")]
fn derive(root: &hkdf::Prk, purpose: &[u8]) -> hkdf::Prk {
    let mut bytes = Zeroizing::new([0; 32]);
    root.expand(&[purpose], hkdf::HKDF_SHA256).and_then(|okm| okm.fill(bytes.as_mut())).expect("HKDF gives 32 bytes");
    hkdf::Prk::new_less_safe(hkdf::HKDF_SHA256, bytes.as_ref())
}
