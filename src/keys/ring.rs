//! The key ring: every signing key this instance knows, as one immutable snapshot with the JWK set (RFC 7517 §5) already written.
use std::collections::HashMap;
use std::sync::Arc;

use arc_swap::ArcSwap;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use chancery_verifier::{Algorithm, KeySet, fingerprint};
use ring::digest;
use serde_json::Value;

use super::seal::Sealer;
use super::signer::JwtSigner;
use super::{generate::GeneratedKey, provider};
use crate::domain::signing_key::{KeyLine, KeyPurpose, KeyState, SigningKey};
use crate::domain::timestamp::Timestamp;
use crate::random::{NoRandomness, Random};
use crate::storage::signing_keys::StoredKey;
use crate::storage::{StoreError, Tx, signing_keys};

/// Reads of the ring take a snapshot and never wait.
#[derive(Default)]
pub struct KeyRing {
    snapshot: ArcSwap<Snapshot>,
}

/// The ring at one moment.
#[derive(Default)]
pub struct Snapshot {
    signers: HashMap<KeyLine, JwtSigner>,
    /// What verifies our own tokens.
    pub tokens: PublishedKeys,
    /// What verifies frames, snapshots and status lists.
    pub status: PublishedKeys,
    /// Changes whenever a key of either set comes or goes.
    pub fingerprint: String,
}

/// The JWK set of one purpose.
#[derive(Default)]
pub struct PublishedKeys {
    pub key_set: KeySet,
    pub jwks: Bytes,
    /// The entity tag of `jwks`, quoted.
    pub etag: String,
}

/// Why the ring cannot be loaded.
#[derive(Debug, thiserror::Error)]
pub enum RingError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(
        "the signing key {0} cannot be opened with this master key; no new key is made in its place. Restore the master key the database was written with"
    )]
    CannotOpen(String),
    #[error("the signing key {0} is not what its row says")]
    Unreadable(String),
}

impl KeyRing {
    pub fn snapshot(&self) -> Arc<Snapshot> {
        self.snapshot.load_full()
    }

    /// Reads all keys again.
    ///
    /// # Errors
    /// [`RingError`]; then the ring stays as it is.
    pub async fn load(&self, tx: &mut Tx, sealer: &Sealer) -> Result<(), RingError> {
        provider::install();
        let stored = signing_keys::all(tx).await?;
        let mut signers = HashMap::new();
        for row in stored.iter().filter(|row| row.key.state == KeyState::Active) {
            signers.insert(row.key.line(), open(row, sealer)?);
        }
        let tokens = published(&stored, KeyPurpose::AccessToken)?;
        let status = published(&stored, KeyPurpose::Status)?;
        let fingerprint = fingerprint(tokens.key_set.kids(), status.key_set.kids());
        self.snapshot.store(Arc::new(Snapshot { signers, tokens, status, fingerprint }));
        // A retiring key stays until it is wiped: a request that began before may be signing with it right now.
        let idle = stored.iter().filter(|row| !row.key.state.is_in_jwks() || row.sealed_private.is_none());
        provider::forget(&idle.map(|row| row.key.kid.clone()).collect::<Vec<_>>());
        Ok(())
    }
}

impl Snapshot {
    /// The key that signs for the line, if one is active.
    pub fn signer(&self, line: KeyLine) -> Option<&JwtSigner> {
        self.signers.get(&line)
    }

    /// The algorithms tokens are signed with now, in the order of preference.
    pub fn algorithms(&self) -> Vec<Algorithm> {
        Algorithm::ALL.into_iter().filter(|alg| self.signers.contains_key(&KeyLine::of_tokens(*alg))).collect()
    }
}

fn published(stored: &[StoredKey], purpose: KeyPurpose) -> Result<PublishedKeys, RingError> {
    let rows = stored.iter().filter(|row| row.key.purpose == purpose && row.key.state.is_in_jwks());
    let members = rows.map(|row| serde_json::from_str(&row.public_jwk)).collect::<Result<Vec<Value>, _>>();
    let members = members.map_err(|_json| RingError::Unreadable("public_jwk".into()))?;
    let empty = members.is_empty();
    let jwks = serde_json::json!({ "keys": members }).to_string();
    let key_set =
        if empty { KeySet::default() } else { KeySet::parse(jwks.as_bytes()).map_err(|error| RingError::Unreadable(error.to_string()))? };
    let hash = URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, jwks.as_bytes()));
    Ok(PublishedKeys { key_set, jwks: Bytes::from(jwks), etag: format!("\"{hash}\"") })
}

fn open(row: &StoredKey, sealer: &Sealer) -> Result<JwtSigner, RingError> {
    let kid = row.key.kid.clone();
    let sealed = row.sealed_private.as_deref().ok_or_else(|| RingError::Unreadable(kid.clone()))?;
    let pkcs8 = sealer.open(&identity(&kid, row.key.line()), sealed).map_err(|_cannot| RingError::CannotOpen(kid.clone()))?;
    let parsed = provider::parse(row.key.alg, &pkcs8).ok_or_else(|| RingError::Unreadable(kid.clone()))?;
    JwtSigner::new(kid.clone(), row.key.alg, provider::register(&kid, parsed)).map_err(|_failed| RingError::Unreadable(kid))
}

/// A new key as a row, its private half sealed.
///
/// # Errors
/// [`NoRandomness`].
pub fn seal_key(
    key: &GeneratedKey,
    purpose: KeyPurpose,
    state: KeyState,
    now: Timestamp,
    activates_at: Timestamp,
    sealer: &Sealer,
    random: &Random,
) -> Result<StoredKey, NoRandomness> {
    let sealed = sealer.seal(&identity(&key.kid, KeyLine { purpose, alg: key.alg }), &key.pkcs8, random)?;
    Ok(StoredKey {
        key: SigningKey {
            kid: key.kid.clone(),
            purpose,
            alg: key.alg,
            state,
            published_at: now,
            activates_at,
            activated_at: (state == KeyState::Active).then_some(now),
            retired_at: None,
            removes_at: None,
        },
        public_jwk: key.public_jwk.to_string(),
        sealed_private: Some(sealed),
    })
}

/// The associated data of a sealed private key: its kid, its algorithm and its purpose.
fn identity(kid: &str, line: KeyLine) -> String {
    format!("signing_key|{kid}|{}|{}", line.alg, line.purpose.name())
}
