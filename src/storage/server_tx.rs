//! A transaction on a PostgreSQL server: answered by a deadline, and on a connection that is closed if it is not.
//!
//! It works through PgBouncer in transaction mode: whatever is asked stands in an explicit transaction, and statements are prepared without a
//! name unless that was allowed.
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::BoxFuture;
use futures_util::stream::BoxStream;
use sqlx::pool::PoolConnection;
use sqlx::postgres::{PgArguments, PgQueryResult, PgRow, PgStatement, PgTypeInfo};
use sqlx::{Either, Execute, Executor, PgConnection, Postgres, SqlStr};
use tokio::sync::OwnedSemaphorePermit;

use super::link::{Health, LOOK};
use super::{Result, StoreError};
use crate::clock;

/// Whoever holds the head lock and falls silent loses it: his connection may have been cut without the server noticing.
const WRITE: &str = "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE; SET LOCAL lock_timeout = '1500ms'; SET LOCAL statement_timeout = '5s'; \
                     SET LOCAL idle_in_transaction_session_timeout = '2s'; SELECT id FROM head WHERE id = 1 FOR UPDATE";
const READ: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET LOCAL statement_timeout = '5s'; \
                    SET LOCAL idle_in_transaction_session_timeout = '2s'";
/// For what takes as long as it takes: loading everything, or checking it.
const READ_AT_LEISURE: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET LOCAL idle_in_transaction_session_timeout = 0";
const WRITE_AT_LEISURE: &str = "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE; SET LOCAL lock_timeout = '1500ms'; \
                                SET LOCAL idle_in_transaction_session_timeout = 0; SELECT id FROM head WHERE id = 1 FOR UPDATE";

/// What a transaction is begun for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    Write,
    /// A write that is not to wait behind the changes of this process.
    Observe,
    Read,
    /// A read of what others changed, however much that is.
    Follow,
    WriteAtLeisure,
    ReadAtLeisure,
}

impl Purpose {
    /// For how long a statement may go unanswered, also when the whole has taken its time: what makes progress is let go on.
    fn patience(self) -> Duration {
        match self {
            Self::Write | Self::Observe | Self::Read => Duration::from_secs(1),
            Self::Follow => Duration::from_secs(5),
            Self::WriteAtLeisure | Self::ReadAtLeisure => Duration::from_secs(600),
        }
    }

    fn statement(self) -> &'static str {
        match self {
            Self::Write | Self::Observe => WRITE,
            Self::Read | Self::Follow => READ,
            Self::WriteAtLeisure => WRITE_AT_LEISURE,
            Self::ReadAtLeisure => READ_AT_LEISURE,
        }
    }
}

/// A transaction on the server. Without a commit it leaves no trace.
pub struct ServerTx {
    connection: Option<PoolConnection<Postgres>>,
    until: Instant,
    patience: Duration,
    health: Arc<Health>,
    named_statements: bool,
    state: State,
    writes: bool,
    turn: Option<OwnedSemaphorePermit>,
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
    until: Instant,
    health: &'t Health,
    state: &'t mut State,
}

impl ServerTx {
    /// Begins on a connection of the pool's, by a moment; `turn` is what entitles a change to queue for the head lock.
    pub(super) async fn begin(
        connection: PoolConnection<Postgres>,
        named_statements: bool,
        (purpose, until): (Purpose, Instant),
        health: Arc<Health>,
        turn: Option<OwnedSemaphorePermit>,
    ) -> Result<Self> {
        let writes = matches!(purpose, Purpose::Write | Purpose::Observe | Purpose::WriteAtLeisure);
        // Whoever waits for the lock has made no progress yet.
        let patience = Duration::ZERO;
        let mut tx = Self { connection: Some(connection), until, patience, health, named_statements, state: State::Settled, writes, turn };
        tx.run(purpose.statement()).await?;
        tx.patience = purpose.patience();
        Ok(tx)
    }

    /// The connection, and what the answer is to be taken with.
    pub(crate) fn ask(&mut self) -> sqlx::Result<(Asked<'_>, Asking<'_>)> {
        let connection = self.connection.as_mut().ok_or(sqlx::Error::PoolClosed)?;
        let until = self.until.max(clock::instant() + self.patience);
        Ok((Asked { until, health: &self.health, state: &mut self.state }, Asking { connection, named: self.named_statements }))
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
            self.health.note_commit();
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
        // One that is late may only be slow; it alone is given up.
        answer.inspect_err(|error| {
            if !is_late(error) {
                self.health.judge(error)
            }
        })
    }
}

impl Drop for ServerTx {
    fn drop(&mut self) {
        let Some(mut connection) = self.connection.take() else { return };
        if self.state == State::Asking {
            // Closed at once: what is said on it now may never arrive.
            drop(connection.detach());
            return;
        }
        let (open, turn) = (self.state != State::Committed, self.turn.take());
        tokio::spawn(async move {
            if open {
                let rollback = sqlx::raw_sql("ROLLBACK").execute(&mut *connection);
                if !matches!(tokio::time::timeout(LOOK, rollback).await, Ok(Ok(_))) {
                    drop(connection.detach());
                    return;
                }
            }
            drop(turn);
            // The pool pings it first, and by itself would wait for that for ever, with its place taken.
            let _ = tokio::time::timeout(LOOK, connection.return_to_pool()).await;
        });
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

pub(super) async fn in_time<T>(until: Instant, work: impl Future<Output = sqlx::Result<T>>) -> sqlx::Result<T> {
    tokio::time::timeout_at(until.into(), work).await.unwrap_or_else(|_late| Err(late()))
}

fn is_late(error: &sqlx::Error) -> bool {
    matches!(error, sqlx::Error::Io(error) if error.kind() == std::io::ErrorKind::TimedOut)
}

pub(super) fn late() -> sqlx::Error {
    sqlx::Error::Io(std::io::Error::new(std::io::ErrorKind::TimedOut, "no answer in time"))
}
