//! Tokens whose signature was verified before. Everything else about them is checked again each time; what is stored is a digest, no token.
use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::{Arc, PoisonError, RwLock};

use ring::digest::{SHA256, digest};

use crate::claims::AccessToken;
use crate::jwks::KeySet;
use crate::verify::{Expectation, MAX_TOKEN_BYTES, VerifyError, check, verify_with_kid};

/// How many tokens each of the two generations holds.
const PER_GENERATION: usize = 8192;

/// A verified token and the key that signed it.
struct Known {
    token: Arc<AccessToken>,
    kid: String,
}

type Generation = HashMap<[u8; 32], Arc<Known>, BuildHasherDefault<OfDigest>>;

/// Verifies each token's signature once.
///
/// It holds two generations of tokens: when the young one is full it becomes the old one, and the old one is forgotten. What is used goes on
/// living.
#[derive(Default)]
pub struct VerifiedTokens {
    generations: RwLock<[Generation; 2]>,
}

/// A digest is as good a hash as any: its first bytes are taken.
#[derive(Default)]
pub(crate) struct OfDigest(u64);

impl Hasher for OfDigest {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        if let Some(first) = bytes.first_chunk() {
            self.0 = u64::from_ne_bytes(*first);
        }
    }
}

/// What a credential is known by here.
pub(crate) fn digest_of(credential: &str) -> [u8; 32] {
    let mut bytes = [0; 32];
    bytes.copy_from_slice(digest(&SHA256, credential.as_bytes()).as_ref());
    bytes
}

impl VerifiedTokens {
    /// The same as [`verify`](crate::verify), which must always be asked with the same `types`. A key that is not in the set any more verifies
    /// nothing, and neither is anything of the claims taken for granted.
    ///
    /// # Errors
    /// [`VerifyError`], the first rule the token breaks.
    pub fn verify(&self, token: &str, keys: &KeySet, expected: &Expectation<'_>) -> Result<Arc<AccessToken>, VerifyError> {
        if token.len() > MAX_TOKEN_BYTES {
            return Err(VerifyError::Malformed("longer than 4 KiB"));
        }
        let digest = digest_of(token);
        if let Some(known) = self.find(&digest).filter(|known| keys.contains(&known.kid)) {
            check(&known.token, expected)?;
            return Ok(Arc::clone(&known.token));
        }
        let (claims, kid) = verify_with_kid(token, keys, expected)?;
        let known = Arc::new(Known { token: Arc::new(claims), kid });
        self.insert(digest, Arc::clone(&known));
        Ok(Arc::clone(&known.token))
    }

    fn find(&self, digest: &[u8; 32]) -> Option<Arc<Known>> {
        let generations = self.generations.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = generations[0].get(digest) {
            return Some(Arc::clone(known));
        }
        let known = generations[1].get(digest).cloned()?;
        drop(generations);
        self.insert(*digest, Arc::clone(&known));
        Some(known)
    }

    fn insert(&self, digest: [u8; 32], known: Arc<Known>) {
        let mut generations = self.generations.write().unwrap_or_else(PoisonError::into_inner);
        if generations[0].len() >= PER_GENERATION {
            generations.swap(0, 1);
            generations[0].clear();
        }
        generations[0].insert(digest, known);
    }

    #[cfg(test)]
    fn len(&self) -> usize {
        self.generations.read().unwrap().iter().map(HashMap::len).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::StatusIndex;

    #[test]
    fn it_stays_small_and_what_is_used_stays() {
        let tokens = VerifiedTokens::default();
        let known = Arc::new(Known { token: Arc::new(crate::simulation::token(StatusIndex::new(1), 0, 0)), kid: "k".into() });
        tokens.insert(digest_of("used"), Arc::clone(&known));
        for number in 0..5 * PER_GENERATION {
            tokens.insert(digest_of(&number.to_string()), Arc::clone(&known));
            if number % 1000 == 0 {
                assert!(tokens.find(&digest_of("used")).is_some(), "{number}");
            }
        }
        assert!(tokens.len() <= 2 * PER_GENERATION);
        assert!(tokens.find(&digest_of("0")).is_none());
    }
}
