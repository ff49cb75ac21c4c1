//! Publishing revocations: the store is read, what it says is signed and told to every verifier that listens (RFC 8417). Without a read of
//! the store, and of a shared one a write to it, nothing is signed: a frame says "as of this moment, this is all", and only the store can say so.
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use chancery_verifier::{Frame, Publication, SECURITY_EVENT, Snapshot, StatusIndex};
use serde::Serialize;
use tokio::sync::{Mutex, watch};

use super::Authority;
use super::error::Error;
use super::housekeeping::stopped;
use super::status::{Documents, Slots};
use crate::domain::signing_key::KeyLine;
use crate::domain::timestamp::Timestamp;
use crate::status::{Entries, Message, Seen};
use crate::storage::installation::StatusHead;
use crate::storage::{StoreError, Tx, installation, revocations};

/// Commits that follow one another this fast are told of together.
const GATHER: Duration = Duration::from_millis(25);
/// What has expired is forgotten this often.
const PURGE: Duration = Duration::from_secs(60);
/// The most entries of one frame. More is in the snapshot, which says the same in a twentieth of the bytes.
pub const MAX_FRAME_ENTRIES: usize = 8192;

/// What the publisher remembers from one round to the next, and what it has already written for whoever asks.
#[derive(Default)]
pub(crate) struct Publisher {
    turn: Mutex<Turn>,
    pub(super) slots: Slots,
    pub(super) documents: Documents,
}

/// What the last frame said.
#[derive(Default)]
struct Turn {
    rev: i64,
    fingerprint: String,
    at: Option<Timestamp>,
    purged: Option<Timestamp>,
}

impl Authority {
    /// Tells verifiers of every commit and, when nothing happens, that nothing happened; until `stop` says true.
    pub async fn publish_status(self: Arc<Self>, mut stop: watch::Receiver<bool>) {
        let mut committed = self.committed.subscribe();
        let mut failing = false;
        loop {
            match self.publish().await {
                Ok(()) => failing = false,
                Err(error) if !failing => {
                    failing = true;
                    tracing::error!(%error, "revocations cannot be read, so nothing is signed: verifiers will refuse tokens until they can");
                }
                Err(_) => {}
            }
            tokio::time::sleep(GATHER).await;
            // Counted from the last frame: what was looked at in between made none.
            let said = self.publisher.turn.lock().await.at.unwrap_or(self.clock.now());
            let wait = (said + self.deployment.status.heartbeat).since(self.clock.now()).max(GATHER);
            tokio::select! {
                _ = committed.changed() => {}
                () = tokio::time::sleep(wait.min(self.deployment.status.heartbeat)) => {}
                () = stopped(&mut stop) => return,
            }
        }
    }

    /// Tells what there is to tell. An observation of a shared store is a write: one that would tell nothing is spared.
    async fn publish(self: &Arc<Self>) -> Result<(), Error> {
        if self.database.is_shared() {
            let turn = self.publisher.turn.lock().await;
            let now = self.clock.now();
            if self.ring.snapshot().fingerprint == turn.fingerprint && !self.is_due(&turn, now) {
                let mut tx = self.database.read().await?;
                let head = installation::head(&mut tx).await?;
                if revocations::after(&mut tx, turn.rev, now).await?.is_empty() {
                    self.status.advance(head.rev, now);
                    return Ok(());
                }
            }
        }
        self.observe().await.map(drop)
    }

    /// Whether verifiers are to hear something even if nothing happened.
    fn is_due(&self, turn: &Turn, now: Timestamp) -> bool {
        turn.at.is_none_or(|at| at + self.deployment.status.heartbeat.saturating_sub(GATHER) <= now)
    }

    /// Reads how far the store has come, takes it in, and tells whoever listens if there is something to tell.
    ///
    /// # Errors
    /// [`Error::Unavailable`]; then nothing was signed.
    pub(super) async fn observe(self: &Arc<Self>) -> Result<Seen, Error> {
        let mut turn = self.publisher.turn.lock().await;
        // Before the read begins: whatever was committed by then is in it.
        let as_of = self.clock.now();
        self.catch_up().await?;
        let known = self.status.seen();
        // The first time it may be much: only what comes meanwhile is read while nobody else can change anything.
        let mut new = match &known {
            None => revocations::after(&mut self.database.read_changes().await?, -1, as_of).await?,
            Some(_) => Vec::new(),
        };
        let read = new.last().map(|revocation| revocation.rev).or(known.as_ref().map(|known| known.rev)).unwrap_or(-1);
        let mut tx = self.begin_observation(as_of).await?;
        let head = installation::status_head(&mut tx).await?;
        if known.as_ref().is_some_and(|known| head.status_epoch.as_deref() != Some(&*known.epoch)) {
            return Err(StoreError::Another.into());
        }
        new.extend(revocations::after(&mut tx, read, as_of).await?);
        // Only once this is durable: of a primary that was deposed it never will be.
        tx.commit().await?;
        // What was committed after the head was read comes with the next round.
        new.retain(|revocation| revocation.rev <= head.rev);
        let epoch = match known {
            Some(known) => known.epoch,
            None => head.status_epoch.as_deref().unwrap_or_default().into(),
        };
        let seen = Seen {
            epoch,
            rev: head.rev,
            as_of,
            lists: lists(&head),
            kept: Duration::from_millis(u64::try_from(head.revocation_kept_ms).unwrap_or(0)),
        };
        self.status.take_in(new, seen.clone());
        if turn.purged.is_none_or(|at| at + PURGE <= as_of) {
            self.status.purge(as_of);
            turn.purged = Some(as_of);
        }
        self.tell(&mut turn, &seen).await?;
        Ok(seen)
    }

    /// A database server that was deposed can still be read. So what is said to be true as of now is preceded by a write, which the new
    /// one would have refused it. The one process that holds SQLite's lock knows by itself that nobody else changed anything.
    async fn begin_observation(&self, as_of: Timestamp) -> Result<Tx, Error> {
        if !self.database.is_shared() {
            return Ok(self.database.read().await?);
        }
        let mut tx = self.database.observe().await?;
        installation::beat(&mut tx, as_of).await?;
        Ok(tx)
    }

    /// A frame goes out when there is something new, or when the heartbeat is due.
    async fn tell(&self, turn: &mut Turn, seen: &Seen) -> Result<(), Error> {
        let fingerprint = self.ring.snapshot().fingerprint.clone();
        if turn.at.is_some() {
            let news = self.status.count(turn.rev + 1..seen.rev + 1);
            if news == 0 && fingerprint == turn.fingerprint && !self.is_due(turn, seen.as_of) {
                // There is nothing to tell, so it is told.
                self.status.advance(seen.rev, self.clock.now());
                return Ok(());
            }
            let message = match self.frame(turn.rev, seen, MAX_FRAME_ENTRIES)? {
                Some(frame) => Message::Frame { id: seen.revision(), frame },
                None => {
                    self.publisher.documents.forget_snapshot().await;
                    Message::Reset
                }
            };
            self.status.tell(message);
        }
        // What there was at the first look is told to whoever comes.
        self.status.advance(seen.rev, self.clock.now());
        (turn.rev, turn.fingerprint, turn.at) = (seen.rev, fingerprint, Some(seen.as_of));
        Ok(())
    }

    /// A signed frame of everything after `prev`; `None` when that is too much for one.
    pub(super) fn frame(&self, prev: i64, seen: &Seen, most: usize) -> Result<Option<String>, Error> {
        if self.status.count(prev.saturating_add(1)..seen.rev + 1) > most {
            return Ok(None);
        }
        let entries = self.status.entries(prev.saturating_add(1)..seen.rev + 1);
        let set = entries.set();
        let frame = Frame { prev, publication: self.publication(seen, entries.tokens), set };
        self.sign_status(SECURITY_EVENT, &frame.into_claims(&self.deployment.issuer)).map(Some)
    }

    /// A signed snapshot of everything.
    pub(super) async fn snapshot(&self, seen: &Seen, everything: Entries) -> Result<String, Error> {
        let publication = self.publication(seen, everything.tokens);
        // Compressing a million entries takes a while.
        let packing = tokio::task::spawn_blocking(move || Snapshot::new(publication, everything.indexes));
        let snapshot = packing.await.map_err(Error::internal)?;
        self.sign_status(SECURITY_EVENT, &snapshot.into_claims(&self.deployment.issuer))
    }

    pub(super) fn sign_status(&self, typ: &str, claims: &impl Serialize) -> Result<String, Error> {
        let ring = self.ring.snapshot();
        let signer = ring.signer(KeyLine::STATUS).ok_or_else(|| Error::internal(NoStatusKey))?;
        signer.sign(typ, claims).map_err(Error::internal)
    }

    fn publication(&self, seen: &Seen, jti: BTreeMap<String, u64>) -> Publication {
        let profile = self.deployment.status;
        let millis = |duration: Duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        Publication {
            epoch: seen.epoch.to_string(),
            rev: seen.rev,
            as_of: seen.as_of.millis(),
            h: millis(profile.heartbeat),
            s: millis(profile.max_staleness),
            keep: seen.kept.as_secs(),
            jwks: self.ring.snapshot().fingerprint.clone(),
            jti,
        }
    }
}

/// How many status lists there are: the next number to be given out is in the last, or begins another.
pub(super) fn lists(head: &StatusHead) -> u64 {
    u64::try_from(head.next_status_index.saturating_sub(1)).unwrap_or(0) / StatusIndex::PER_LIST + 1
}

#[derive(Debug, thiserror::Error)]
#[error("no status key is active")]
struct NoStatusKey;
