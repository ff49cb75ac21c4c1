//! The link to a PostgreSQL server: transactions with a deadline, connections that are given up when they do not keep it, and one word for
//! whether the server can be reached.
//!
//! It works through PgBouncer in transaction mode: whatever is asked stands in an explicit transaction or is one simple query, and statements
//! are prepared without a name.
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use futures_util::future::BoxFuture;
use futures_util::stream::BoxStream;
use sqlx::pool::PoolConnection;
use sqlx::postgres::{PgArguments, PgConnectOptions, PgPoolOptions, PgQueryResult, PgRow, PgStatement, PgTypeInfo};
use sqlx::{ConnectOptions, Either, Execute, Executor, PgConnection, PgPool, Postgres, Row, SqlStr};
use tokio::sync::{Mutex, OwnedSemaphorePermit, Semaphore, watch};

use super::installation::Head;
use super::{Connections, Result, StoreError, deadline};
use crate::clock;

/// How long the look at the head may take, or a rollback.
const LOOK: Duration = Duration::from_secs(1);
/// After how long the last look tells nothing any more, microseconds.
const LOOKED: u64 = 3_000_000;
const IDLE: Duration = Duration::from_secs(600);
const LIFETIME: Duration = Duration::from_secs(1800);
/// How many changes of this process queue at the server for the head lock; the others queue here, and leave connections to who reads.
const WRITERS: usize = 2;

/// Whoever holds the head lock and falls silent loses it: his connection may have been cut without the server noticing.
const WRITE: &str = "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE; SET LOCAL lock_timeout = '2s'; SET LOCAL statement_timeout = '5s'; \
                     SET LOCAL idle_in_transaction_session_timeout = '5s'; SELECT id FROM head WHERE id = 1 FOR UPDATE";
const READ: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET LOCAL statement_timeout = '5s'; \
                    SET LOCAL idle_in_transaction_session_timeout = '5s'";
/// For what takes as long as it takes: loading everything, or checking it.
const READ_AT_LEISURE: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET LOCAL idle_in_transaction_session_timeout = '60s'";
const WRITE_AT_LEISURE: &str = "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE; SET LOCAL lock_timeout = '2s'; \
                                SET LOCAL idle_in_transaction_session_timeout = '60s'; SELECT id FROM head WHERE id = 1 FOR UPDATE";
const HEAD: &str = "SELECT rev, event_hash, current_setting('transaction_read_only') = 'on', moved_to IS NOT NULL FROM head WHERE id = 1";

/// What a transaction is begun for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    Write,
    Read,
    WriteAtLeisure,
    ReadAtLeisure,
}

impl Purpose {
    fn statement(self) -> &'static str {
        match self {
            Self::Write => WRITE,
            Self::Read => READ,
            Self::WriteAtLeisure => WRITE_AT_LEISURE,
            Self::ReadAtLeisure => READ_AT_LEISURE,
        }
    }
}

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
struct Health {
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

    fn trusts(&self, age: Duration) -> bool {
        let made = self.began.elapsed().saturating_sub(age).as_micros();
        made >= u128::from(self.trouble.load(Ordering::Acquire))
    }

    fn judge(&self, error: &sqlx::Error) {
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
        let until = match purpose {
            Purpose::Write | Purpose::Read => Some(deadline()),
            Purpose::WriteAtLeisure | Purpose::ReadAtLeisure => None,
        };
        let mut reachable = self.health.reachable.subscribe();
        let acquire = async {
            let writes = matches!(purpose, Purpose::Write | Purpose::WriteAtLeisure);
            let turn = if writes { Arc::clone(&self.writers).acquire_owned().await.ok() } else { None };
            Ok::<_, sqlx::Error>((turn, self.pool.acquire().await?))
        };
        let acquired = tokio::select! {
            acquired = in_time(until, acquire) => acquired,
            // While the server refuses connections the pool goes on trying.
            _ = reachable.wait_for(|reachable| !reachable) => return Err(StoreError::OutOfReach),
        };
        let (turn, connection) = acquired.inspect_err(|error| self.health.judge(error))?;
        let health = Arc::clone(&self.health);
        let named_statements = self.named_statements;
        let (connection, writes) = (Some(connection), turn.is_some());
        let mut tx = ServerTx { connection, until, health, named_statements, state: State::Settled, writes, _turn: turn };
        tx.run(purpose.statement()).await?;
        Ok(tx)
    }

    /// Looks at the head; from this it is known whether the server can be reached.
    pub(super) async fn look(&self) -> Result<Head> {
        let mut probe = self.probe.lock().await;
        // Whoever stops waiting leaves a connection behind that nobody should use.
        let kept = probe.take();
        let looked = tokio::time::timeout(LOOK, async {
            let mut connection = match kept {
                Some(connection) => connection,
                None => self.options.connect().await?,
            };
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
        let (connection, head, _, moved) = looked?;
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

/// A transaction on the server. Without a commit it leaves no trace.
pub struct ServerTx {
    connection: Option<PoolConnection<Postgres>>,
    until: Option<Instant>,
    health: Arc<Health>,
    named_statements: bool,
    state: State,
    writes: bool,
    _turn: Option<OwnedSemaphorePermit>,
}

/// Where the conversation stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// Everything asked was answered.
    Settled,
    /// A statement failed, so the server commits nothing any more.
    Refused,
    /// An answer is outstanding, or was cut off: nobody else may be given the connection.
    Asking,
    Committed,
}

/// The connection for one statement, and what watches over it.
pub(crate) struct Asked<'t> {
    until: Option<Instant>,
    health: &'t Health,
    state: &'t mut State,
}

impl ServerTx {
    /// The connection, and what the answer is to be taken with.
    pub(crate) fn ask(&mut self) -> sqlx::Result<(Asked<'_>, Asking<'_>)> {
        let connection = self.connection.as_mut().ok_or(sqlx::Error::PoolClosed)?;
        Ok((Asked { until: self.until, health: &self.health, state: &mut self.state }, Asking { connection, named: self.named_statements }))
    }

    /// Runs statements without parameters.
    async fn run(&mut self, statements: &'static str) -> sqlx::Result<()> {
        let (asked, asking) = self.ask()?;
        asked.answer(sqlx::raw_sql(statements).execute(asking.connection)).await.map(drop)
    }

    pub(super) async fn commit(mut self) -> Result<()> {
        if self.state != State::Settled {
            return Err(StoreError::Failed(sqlx::Error::Protocol("a transaction in which a statement failed was to be committed".into())));
        }
        self.run("COMMIT").await?;
        self.state = State::Committed;
        if self.writes {
            self.health.committed.store(self.health.now(), Ordering::Release);
        }
        Ok(())
    }
}

impl Asked<'_> {
    /// Takes the answer, by the deadline.
    pub(crate) async fn answer<T>(self, query: impl Future<Output = sqlx::Result<T>>) -> sqlx::Result<T> {
        *self.state = State::Asking;
        let answer = in_time(self.until, query).await;
        *self.state = match &answer {
            Ok(_) | Err(sqlx::Error::RowNotFound) => State::Settled,
            Err(sqlx::Error::Database(_)) => State::Refused,
            Err(_) => State::Asking,
        };
        answer.inspect_err(|error| self.health.judge(error))
    }
}

impl Drop for ServerTx {
    fn drop(&mut self) {
        let Some(mut connection) = self.connection.take() else { return };
        match self.state {
            State::Committed => {}
            // Closed at once: what is said on it now may never arrive.
            State::Asking => drop(connection.detach()),
            State::Settled | State::Refused => {
                let turn = self._turn.take();
                tokio::spawn(async move {
                    let rollback = sqlx::raw_sql("ROLLBACK").execute(&mut *connection);
                    if !matches!(tokio::time::timeout(LOOK, rollback).await, Ok(Ok(_))) {
                        drop(connection.detach());
                    }
                    drop(turn);
                });
            }
        }
    }
}

/// The connection, on which statements get a name only where no pooler would mix it up.
#[derive(Debug)]
pub(crate) struct Asking<'c> {
    connection: &'c mut PgConnection,
    named: bool,
}

/// A statement, and whether it may be prepared for more than this once.
struct Prepared<E> {
    statement: E,
    named: bool,
}

impl<'q, E: Execute<'q, Postgres>> Execute<'q, Postgres> for Prepared<E> {
    fn sql(self) -> SqlStr {
        self.statement.sql()
    }

    fn statement(&self) -> Option<&PgStatement> {
        self.statement.statement()
    }

    fn take_arguments(&mut self) -> std::result::Result<Option<PgArguments>, sqlx::error::BoxDynError> {
        self.statement.take_arguments()
    }

    fn persistent(&self) -> bool {
        self.named && self.statement.persistent()
    }
}

impl<'c> Executor<'c> for Asking<'c> {
    type Database = Postgres;

    fn fetch_many<'e, 'q: 'e, E>(self, query: E) -> BoxStream<'e, sqlx::Result<Either<PgQueryResult, PgRow>>>
    where
        'c: 'e,
        E: 'q + Execute<'q, Postgres>,
    {
        self.connection.fetch_many(Prepared { statement: query, named: self.named })
    }

    fn fetch_optional<'e, 'q: 'e, E>(self, query: E) -> BoxFuture<'e, sqlx::Result<Option<PgRow>>>
    where
        'c: 'e,
        E: 'q + Execute<'q, Postgres>,
    {
        self.connection.fetch_optional(Prepared { statement: query, named: self.named })
    }

    fn prepare_with<'e>(self, sql: SqlStr, parameters: &'e [PgTypeInfo]) -> BoxFuture<'e, sqlx::Result<PgStatement>>
    where
        'c: 'e,
    {
        self.connection.prepare_with(sql, parameters)
    }

    fn describe<'e>(self, sql: SqlStr) -> BoxFuture<'e, sqlx::Result<sqlx::Describe<Postgres>>>
    where
        'c: 'e,
    {
        self.connection.describe(sql)
    }
}

async fn in_time<T>(until: Option<Instant>, work: impl Future<Output = sqlx::Result<T>>) -> sqlx::Result<T> {
    match until {
        None => work.await,
        Some(until) => tokio::time::timeout_at(until.into(), work).await.unwrap_or_else(|_late| Err(late())),
    }
}

fn late() -> sqlx::Error {
    sqlx::Error::Io(std::io::Error::new(std::io::ErrorKind::TimedOut, "no answer in time"))
}
