//! The link to a PostgreSQL server: the pool, one look at the head that tells whether the server can be reached, and which connections are
//! not used again.
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{ConnectOptions, PgConnection, PgPool, Row};
use tokio::sync::{Mutex, Semaphore, watch};

use super::installation::Head;
use super::server_tx::{Purpose, ServerTx, in_time, late};
use super::{Connections, Result, StoreError, deadline};
use crate::clock;

/// How long the look at the head may take, or giving a connection back.
pub(super) const LOOK: Duration = Duration::from_secs(1);
/// After how long the last look tells nothing any more, microseconds.
const LOOKED: u64 = 3_000_000;
const IDLE: Duration = Duration::from_secs(600);
const LIFETIME: Duration = Duration::from_secs(1800);
/// How many changes of this process queue at the server for the head lock; the others queue here, and leave connections to who reads.
const WRITERS: usize = 2;

const HEAD: &str = "SELECT rev, event_hash, current_setting('transaction_read_only') = 'on', moved_to IS NOT NULL FROM head WHERE id = 1";

/// A PostgreSQL server, as one process sees it.
pub(super) struct Link {
    pool: PgPool,
    options: PgConnectOptions,
    /// The connection that looks at the head: it waits behind nobody.
    probe: Mutex<Option<PgConnection>>,
    writers: Arc<Semaphore>,
    named_statements: bool,
    health: Arc<Health>,
}

/// What is known of the server.
pub(super) struct Health {
    began: Instant,
    /// Microseconds since then; connections older than the last trouble are not used again.
    trouble: AtomicU64,
    committed: AtomicU64,
    looked: AtomicU64,
    reachable: watch::Sender<bool>,
}

impl Health {
    fn now(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_micros()).unwrap_or(u64::MAX)
    }

    pub(super) fn note_commit(&self) {
        self.committed.store(self.now(), Ordering::Release);
    }

    fn trusts(&self, age: Duration) -> bool {
        let made = self.began.elapsed().saturating_sub(age).as_micros();
        made >= u128::from(self.trouble.load(Ordering::Acquire))
    }

    pub(super) fn judge(&self, error: &sqlx::Error) {
        let broken = match error {
            sqlx::Error::Database(error) => {
                // Also where a statement that was prepared no longer fits the schema.
                let ends = ["08", "57P", "25006", "25P03", "0A000", "26000"];
                error.code().is_some_and(|code| ends.iter().any(|begin| code.starts_with(begin)))
            }
            sqlx::Error::Io(_) | sqlx::Error::Protocol(_) | sqlx::Error::Tls(_) => true,
            _ => false,
        };
        if broken {
            self.trouble.store(self.now(), Ordering::Release);
        }
    }
}

impl Link {
    pub(super) fn new(options: PgConnectOptions, connections: Connections) -> Self {
        let (reachable, _) = watch::channel(true);
        let (trouble, committed, looked) = Default::default();
        let health = Arc::new(Health { began: clock::instant(), trouble, committed, looked, reachable });
        let trusted = Arc::clone(&health);
        let pool = PgPoolOptions::new()
            .max_connections(connections.most)
            .acquire_timeout(super::DEADLINE)
            .idle_timeout(IDLE)
            .max_lifetime(LIFETIME)
            .test_before_acquire(false)
            .before_acquire(move |_, known| {
                let trusts = trusted.trusts(known.age);
                Box::pin(async move { Ok(trusts) })
            })
            .connect_lazy_with(options.clone());
        let writers = Arc::new(Semaphore::new(WRITERS));
        Self { pool, options, probe: Mutex::default(), writers, named_statements: connections.named_statements, health }
    }

    pub(super) async fn begin(&self, purpose: Purpose) -> Result<ServerTx> {
        let until = deadline();
        let mut reachable = self.health.reachable.subscribe();
        let acquire = async {
            let turn = if purpose == Purpose::Write { Arc::clone(&self.writers).acquire_owned().await.ok() } else { None };
            Ok::<_, sqlx::Error>((turn, self.pool.acquire().await?))
        };
        let acquired = tokio::select! {
            acquired = in_time(until, acquire) => acquired,
            // While the server refuses connections the pool goes on trying.
            _ = reachable.wait_for(|reachable| !reachable) => return Err(StoreError::OutOfReach),
        };
        let (turn, connection) = acquired?;
        ServerTx::begin(connection, self.named_statements, (purpose, until), Arc::clone(&self.health), turn).await
    }

    /// Looks at the head; from this it is known whether the server can be reached.
    pub(super) async fn look(&self) -> Result<Head> {
        let mut probe = self.probe.lock().await;
        // Whoever stops waiting leaves a connection behind that nobody should use.
        let kept = probe.take();
        let connected = match kept {
            Some(connection) => Ok(connection),
            None => in_time(clock::instant() + super::DEADLINE, self.options.connect()).await,
        };
        let looked = tokio::time::timeout(LOOK, async {
            let mut connection = connected?;
            let row = sqlx::raw_sql(HEAD).fetch_one(&mut connection).await?;
            let head = Head { rev: row.try_get(0)?, event_hash: row.try_get(1)? };
            // A standby, or a primary that was deposed, may be behind.
            let (read_only, moved): (bool, bool) = (row.try_get(2)?, row.try_get(3)?);
            Ok::<_, sqlx::Error>((connection, head, read_only || moved, moved))
        });
        let looked = looked.await.unwrap_or_else(|_late| Err(late()));
        let useless = !matches!(&looked, Ok((_, _, false, _)));
        if useless {
            self.health.trouble.store(self.health.now(), Ordering::Release);
        }
        self.health.looked.store(self.health.now(), Ordering::Release);
        self.health.reachable.send_if_modified(|reachable| std::mem::replace(reachable, !useless) != *reachable);
        // Whatever it is, the store cannot be read.
        let (connection, head, _, moved) = looked.map_err(StoreError::Unavailable)?;
        if useless {
            return Err(if moved { StoreError::Moved } else { StoreError::OutOfReach });
        }
        *probe = Some(connection);
        Ok(head)
    }

    /// Whether the last look succeeded, or was so long ago that nothing is known.
    pub(super) fn is_worth_asking(&self) -> bool {
        self.is_reachable() || self.health.now().saturating_sub(self.health.looked.load(Ordering::Acquire)) > LOOKED
    }

    /// Whether the last look succeeded.
    pub(super) fn is_reachable(&self) -> bool {
        *self.health.reachable.borrow()
    }

    /// How long ago this process last committed a change.
    pub(super) fn since_commit(&self) -> Duration {
        Duration::from_micros(self.health.now().saturating_sub(self.health.committed.load(Ordering::Acquire)))
    }

    /// Open connections, and how many of them are at work.
    pub(super) fn connections(&self) -> (u32, u32) {
        let open = self.pool.size();
        (open, open.saturating_sub(u32::try_from(self.pool.num_idle()).unwrap_or(u32::MAX)))
    }

    pub(super) async fn close(&self) {
        self.health.reachable.send_replace(false);
        drop(self.probe.lock().await.take());
        // What does not let itself be closed is cut by the end of the process.
        let _ = tokio::time::timeout(LOOK, self.pool.close()).await;
    }
}
