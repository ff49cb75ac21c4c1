//! Idempotency-Key: the same caller, key and request get the same answer for 24 hours, secrets included, and nothing is done twice.
use std::sync::Arc;
use std::time::Duration;

use dashmap::DashMap;
use ring::digest::{Context, SHA256};
use tokio::sync::{Mutex, OwnedMutexGuard};
use zeroize::Zeroizing;

use super::Authority;
use super::acting::demand_admin;
use super::caller::Caller;
use super::change::Change;
use super::error::Error;
use crate::domain::id::OrganizationId;
use crate::domain::timestamp::Timestamp;
use crate::keys::seal::BoundSealer;
use crate::storage::idempotent_answers::KeptAnswer;
use crate::storage::{Tx, idempotent_answers};

/// How long a retry waits for the first request to finish.
const WAIT: Duration = Duration::from_secs(2);

/// The longest Idempotency-Key, bytes.
pub const MAX_KEY: usize = 255;

/// What a request says of its repetition. The key itself is never stored: the kept answer opens only with it.
pub struct Idempotency {
    key: Zeroizing<String>,
    fingerprint: String,
}

/// What begins when a request comes: the change, or the answer that was given before.
pub enum Begun {
    Change(Box<Change>),
    Replay(Zeroizing<Vec<u8>>),
}

/// A key that was not seen before: the answer is to be kept under it.
pub(super) struct KeptIdempotency {
    key_hash: String,
    fingerprint: String,
    sealer: BoundSealer,
}

impl Idempotency {
    /// `request` is whatever makes another request another one: method, target and body.
    pub fn new(key: &str, request: &[&[u8]]) -> Self {
        Self { key: Zeroizing::new(key.to_owned()), fingerprint: hash(request) }
    }

    pub(super) fn key_hash(&self, caller: &Caller) -> String {
        hash(&[caller.id().to_string().as_bytes(), self.key.as_bytes()])
    }

    /// The kept answer, or else what keeps one.
    pub(super) async fn find(
        &self,
        authority: &Authority,
        caller: &Caller,
        tx: &mut Tx,
        now: Timestamp,
    ) -> Result<Result<Zeroizing<Vec<u8>>, KeptIdempotency>, Error> {
        let key_hash = self.key_hash(caller);
        let sealer = authority.sealer.bound_to(self.key.as_bytes());
        let Some(kept) = idempotent_answers::find(tx, &key_hash, now).await? else {
            return Ok(Err(KeptIdempotency { key_hash, fingerprint: self.fingerprint.clone(), sealer }));
        };
        if kept.fingerprint != self.fingerprint {
            return Err(Error::IdempotencyKeyReused);
        }
        let opened = sealer.open(&key_hash, &kept.sealed).map_err(Error::internal)?;
        let (organizations, answer) = split(opened);
        for organization in organizations {
            demand_admin(tx, caller, Some(organization)).await?;
        }
        Ok(Ok(answer))
    }
}

impl KeptIdempotency {
    pub(super) fn key_hash(&self) -> &str {
        &self.key_hash
    }

    /// Beside the answer stand the organizations an acting user had to be an admin of: whoever gets it again must still be.
    pub(super) fn seal(&self, authority: &Authority, acted_in: &[OrganizationId], answer: &[u8]) -> Result<KeptAnswer, Error> {
        let organizations = acted_in.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
        let kept = Zeroizing::new([organizations.as_bytes(), b"\n", answer].concat());
        let sealed = self.sealer.seal(&self.key_hash, &kept, &authority.random)?;
        Ok(KeptAnswer { fingerprint: self.fingerprint.clone(), sealed })
    }
}

/// The organizations and the answer. An answer kept by an earlier version has none before it.
fn split(kept: Zeroizing<Vec<u8>>) -> (Vec<OrganizationId>, Zeroizing<Vec<u8>>) {
    let end = kept.iter().position(|byte| *byte == b'\n').filter(|_| !kept.starts_with(b"{"));
    let Some(end) = end else { return (Vec::new(), kept) };
    let organizations = String::from_utf8_lossy(&kept[..end]).split(' ').filter_map(|id| id.parse().ok()).collect();
    (organizations, Zeroizing::new(kept[end + 1..].to_vec()))
}

/// The keys of requests that are running now, so that a retry waits for the first instead of racing it.
#[derive(Default)]
pub(crate) struct InFlight {
    running: Arc<DashMap<String, Arc<Mutex<()>>>>,
}

/// Held while a request runs.
pub(crate) struct InFlightGuard {
    running: Arc<DashMap<String, Arc<Mutex<()>>>>,
    key_hash: String,
    _turn: OwnedMutexGuard<()>,
}

impl InFlight {
    pub(super) async fn enter(&self, key_hash: String) -> Result<InFlightGuard, Error> {
        let turn = Arc::clone(&self.running.entry(key_hash.clone()).or_default());
        let turn = tokio::time::timeout(WAIT, turn.lock_owned()).await.map_err(|_elapsed| Error::IdempotencyInProgress)?;
        Ok(InFlightGuard { running: Arc::clone(&self.running), key_hash, _turn: turn })
    }
}

impl Drop for InFlightGuard {
    fn drop(&mut self) {
        // Two hold the lock's pointer when nobody waits: the map and this guard.
        self.running.remove_if(&self.key_hash, |_, turn| Arc::strong_count(turn) <= 2);
    }
}

fn hash(parts: &[&[u8]]) -> String {
    let mut context = Context::new(&SHA256);
    for part in parts {
        context.update(&(part.len() as u64).to_be_bytes());
        context.update(part);
    }
    context.finish().as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}
