//! The pepper: a random key of its own under which secrets are digested, so that rotating the master key touches no digest.
use ring::hmac;
use zeroize::Zeroizing;

use crate::domain::credential::{Secret, SecretDigest};

/// The key of every secret's digest.
pub struct Pepper(hmac::Key);

impl Pepper {
    pub fn new(bytes: &Zeroizing<[u8; 32]>) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, bytes.as_ref()))
    }

    /// HMAC-SHA-256 of the secret: constant work, whatever the secret.
    pub fn digest(&self, secret: &Secret) -> SecretDigest {
        let mut digest = [0; 32];
        digest.copy_from_slice(hmac::sign(&self.0, secret.expose().as_bytes()).as_ref());
        SecretDigest(digest)
    }
}

/// Compares two digests in time that tells nothing of where they differ.
#[expect(deprecated, reason = "ring keeps the function; it only discourages it for secrets of variable length")]
pub fn same(one: &SecretDigest, other: &SecretDigest) -> bool {
    ring::constant_time::verify_slices_are_equal(&one.0, &other.0).is_ok()
}
