//! Following the store: rounds that many wait for and one makes, and for how long what is in memory serves without one.
//!
//! With SQLite this process makes all changes itself. Of a shared database a round that began after a question arrived is what makes the
//! answer right from the moment any instance acknowledged a change.
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::{Mutex, watch};

use super::Authority;
use super::error::Error;
use super::housekeeping::stopped;
use crate::clock;
use crate::domain::timestamp::Timestamp;
use crate::keys::ring::RingError;
use crate::storage::{self, DEADLINE, StoreError, installation};

/// How often a shared store is looked at.
const POLL: Duration = Duration::from_millis(50);
/// How long the pauses become while it cannot be reached.
const POLL_AT_MOST: Duration = Duration::from_millis(400);
/// What a request needs beside the store's answers.
const MARGIN: Duration = Duration::from_millis(100);

/// Does what a request asks, for which the store has two seconds in all.
pub async fn promptly<T>(work: impl Future<Output = T>) -> T {
    storage::answered_by(in_good_time(), work).await
}

/// Counts them from now on: only now it is known what is asked.
pub fn is_asked() {
    storage::answer_by(in_good_time);
}

fn in_good_time() -> Instant {
    clock::instant() + DEADLINE - MARGIN
}

/// Rounds that many wait for and one makes.
#[derive(Default)]
pub(crate) struct Rounds {
    begun: AtomicU64,
    /// The last that was made.
    turn: Arc<Mutex<u64>>,
}

impl Rounds {
    /// Returns when a round that began after this call has succeeded, whoever made it. Once begun it goes to its end, also when nobody
    /// waits any more.
    async fn join(&self, make: impl Future<Output = Result<(), Error>> + Send + 'static) -> Result<(), Error> {
        let needed = self.begun.load(Ordering::Acquire) + 1;
        let mut made = Arc::clone(&self.turn).lock_owned().await;
        if *made >= needed {
            return Ok(());
        }
        let round = self.begun.fetch_add(1, Ordering::AcqRel) + 1;
        let making = tokio::spawn(async move {
            make.await?;
            *made = round;
            Ok(())
        });
        making.await.unwrap_or_else(|panicked| Err(Error::internal(panicked)))
    }
}

/// When what is in memory was surely all there is.
pub(crate) struct Lease {
    started: Instant,
    /// By the clock, milliseconds.
    at: AtomicI64,
    /// Milliseconds since `started`: a clock that is set back makes nothing fresher.
    after: AtomicU64,
}

impl Lease {
    pub(super) fn new(now: Timestamp) -> Self {
        Self { started: clock::instant(), at: AtomicI64::new(now.millis()), after: AtomicU64::new(0) }
    }

    fn elapsed(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    fn renew(&self, at: Timestamp, after: u64) {
        self.at.fetch_max(at.millis(), Ordering::AcqRel);
        self.after.fetch_max(after, Ordering::AcqRel);
    }

    fn age(&self, now: Timestamp) -> Duration {
        let by_clock = now.since(Timestamp::from_millis(self.at.load(Ordering::Acquire)));
        by_clock.max(Duration::from_millis(self.elapsed().saturating_sub(self.after.load(Ordering::Acquire))))
    }
}

impl Authority {
    /// Whether the store is a server, that can keep a request waiting.
    pub fn asks_a_server(&self) -> bool {
        self.database.is_shared()
    }

    /// Takes every change into memory that was committed before this was called, signing keys included.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when the store cannot be read, or is known to be away.
    pub async fn catch_up(self: &Arc<Self>) -> Result<(), Error> {
        if !self.database.is_shared() {
            return self.follow().await;
        }
        if !self.database.is_worth_asking() {
            return Err(StoreError::OutOfReach.into());
        }
        match tokio::time::timeout_at(storage::deadline().into(), self.follow()).await {
            Ok(followed) => followed,
            Err(_late) => Err(StoreError::OutOfReach.into()),
        }
    }

    /// The same before a question is answered that must not be answered from an older view. What this process alone changes it knows.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn renew(self: &Arc<Self>) -> Result<(), Error> {
        if self.database.is_shared() { self.catch_up().await } else { Ok(()) }
    }

    /// A round, also when the store is thought to be away.
    pub(super) async fn follow(self: &Arc<Self>) -> Result<(), Error> {
        let authority = Arc::clone(self);
        self.rounds.join(async move { authority.make_round().await }).await
    }

    async fn make_round(&self) -> Result<(), Error> {
        let (now, after) = (self.clock.now(), self.lease.elapsed());
        self.directory.follow(&self.database, now).await?;
        if self.directory.signing_keys_changed() {
            self.load_keys().await?;
        }
        // A primary that was deposed can still be read, and knows nothing of what the new one took. It commits nothing any more.
        if self.database.since_commit() > self.deployment.status.heartbeat * 2 {
            let mut tx = self.database.observe().await?;
            installation::beat(&mut tx, now).await?;
            tx.commit().await?;
        }
        self.lease.renew(now, after);
        Ok(())
    }

    /// Reads the signing keys again, unless another has since they changed.
    async fn load_keys(&self) -> Result<(), Error> {
        if !self.directory.take_signing_keys_changed() {
            return Ok(());
        }
        let loaded = async { self.ring.load(&mut self.database.read_changes().await?, &self.sealer).await }.await;
        loaded.map_err(|error| {
            self.directory.set_signing_keys_changed();
            match error {
                RingError::Store(error) => error.into(),
                other => Error::internal(other),
            }
        })
    }

    /// Whether tokens may be issued of what is in memory: without the store for a while, and no longer.
    ///
    /// # Errors
    /// [`Error::Unavailable`] once the lease is over.
    pub fn demand_lease(&self) -> Result<(), Error> {
        let holds = !self.database.is_shared() || self.lease.age(self.clock.now()) <= self.deployment.lease;
        if holds { Ok(()) } else { Err(StoreError::OutOfReach.into()) }
    }

    /// Follows a store that others change too, until `stop` says true.
    pub async fn follow_store(self: Arc<Self>, mut stop: watch::Receiver<bool>) {
        if !self.database.is_shared() {
            return;
        }
        let (mut pause, mut followed) = (POLL, self.directory.rev());
        let mut said = None;
        loop {
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = stopped(&mut stop) => return,
            }
            match self.follow().await {
                Ok(()) => {
                    pause = POLL;
                    if said.take().is_some() {
                        tracing::info!("the store is followed again");
                    }
                }
                Err(error) => {
                    let jitter = self.random.bytes::<1>().map_or(0, |byte| u64::from(byte[0]) / 5);
                    pause = (pause * 2).min(POLL_AT_MOST) + Duration::from_millis(jitter);
                    let cause = std::error::Error::source(&error).map(ToString::to_string);
                    if said.is_none() || said != Some(cause.clone()) {
                        tracing::error!(
                            cause,
                            "the store cannot be followed: tokens are issued until the lease is over, all else is refused"
                        );
                        said = Some(cause);
                    }
                }
            }
            let rev = self.directory.rev();
            if std::mem::replace(&mut followed, rev) != rev {
                self.committed.send_replace(());
            }
        }
    }

    /// Whether the store can be reached, and how many connections to it are open and at work.
    pub fn store_figures(&self) -> (bool, u32, u32) {
        let (open, busy) = self.database.connections();
        (self.database.is_reachable(), open, busy)
    }
}
