//! The store: SQL, and nothing else knows it. One schema and one SQL text for every database; one file per noun.
mod embedded;
mod life;
mod page;
mod schema;
mod server;

pub mod api_keys;
pub mod applications;
pub mod client_secrets;
pub mod events;
pub mod idempotent_answers;
pub mod installation;
pub mod management_keys;
pub mod memberships;
pub mod organizations;
pub mod permissions;
pub mod portal_sessions;
pub mod presets;
pub mod resource_servers;
pub mod revocations;
pub mod revoked_tokens;
pub mod settings;
pub mod signing_keys;
pub mod usage;
pub mod users;
pub mod webhooks;

use std::path::PathBuf;
use std::time::Duration;

use sqlx::{PgPool, Postgres, Sqlite, SqlitePool, Transaction};

pub use embedded::{DatabaseLock, OpenError};
pub use server::{ServerError, ServerUrl};

/// How long a change waits for the writer before it is refused with 503 (F6).
const WRITER_WAIT: Duration = Duration::from_secs(2);

/// The store could not do what was asked; nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Busy, full or out of reach: worth another try.
    #[error("the store is not available: {0}")]
    Unavailable(#[source] sqlx::Error),
    /// A rule of the schema refused it: a value that must be unique is taken.
    #[error("a unique value is taken")]
    Taken,
    /// Whatever should not happen.
    #[error("the store failed: {0}")]
    Failed(#[source] sqlx::Error),
    /// A row that no version of this program wrote.
    #[error("the store holds a value that cannot be read: {0}")]
    Unreadable(String),
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        let busy_or_full = |code: &str| code.parse::<i32>().is_ok_and(|code| matches!(code & 0xff, 5 | 6 | 8 | 10 | 13 | 14));
        // PostgreSQL: out of connections or resources, shutting down, deadlocked, or a lock that was not had in time.
        let passes =
            |code: &str| code.len() == 5 && ["08", "40", "53", "57"].iter().any(|class| code.starts_with(class)) || code == "55P03";
        match &error {
            sqlx::Error::Database(database) if database.is_unique_violation() => Self::Taken,
            sqlx::Error::Database(database) if database.code().is_some_and(|code| passes(&code)) => Self::Unavailable(error),
            sqlx::Error::Database(database) if database.code().is_some_and(|code| busy_or_full(&code)) => Self::Unavailable(error),
            sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed | sqlx::Error::Io(_) | sqlx::Error::WorkerCrashed => {
                Self::Unavailable(error)
            }
            _ => Self::Failed(error),
        }
    }
}

pub type Result<T> = std::result::Result<T, StoreError>;

/// The open store.
#[derive(Clone)]
pub struct Database(Pools);

/// The connections. With SQLite there is one that writes, so changes queue, and several that only read.
#[derive(Clone)]
enum Pools {
    Sqlite { writer: SqlitePool, readers: SqlitePool },
    Postgres(PgPool),
}

/// One transaction, on whichever database.
pub enum Tx {
    Sqlite(Transaction<'static, Sqlite>),
    Postgres(Transaction<'static, Postgres>),
}

/// Runs one expression on the connection of the transaction at hand, whichever database it is.
macro_rules! on {
    ($tx:expr, |$connection:ident| $query:expr) => {
        match $tx {
            $crate::storage::Tx::Sqlite(transaction) => {
                let $connection = &mut **transaction;
                $query.await.map_err($crate::storage::StoreError::from)
            }
            $crate::storage::Tx::Postgres(transaction) => {
                let $connection = &mut **transaction;
                $query.await.map_err($crate::storage::StoreError::from)
            }
        }
    };
}
pub(crate) use on;

/// The same for a statement that answers nothing but how many rows it changed.
macro_rules! changed {
    ($tx:expr, |$connection:ident| $query:expr) => {
        match $tx {
            $crate::storage::Tx::Sqlite(transaction) => {
                let $connection = &mut **transaction;
                $query.await.map(|result| result.rows_affected()).map_err($crate::storage::StoreError::from)
            }
            $crate::storage::Tx::Postgres(transaction) => {
                let $connection = &mut **transaction;
                $query.await.map(|result| result.rows_affected()).map_err($crate::storage::StoreError::from)
            }
        }
    };
}
pub(crate) use changed;

/// The same where that is no matter.
macro_rules! run {
    ($tx:expr, |$connection:ident| $query:expr) => {
        $crate::storage::changed!($tx, |$connection| $query).map(drop)
    };
}
pub(crate) use run;

/// Where the embedded store lies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DatabasePath(pub PathBuf);

impl Database {
    /// Begins a change: it holds the head lock, so it sees every change before it, and none comes between.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the writer is busy for two seconds.
    pub async fn write(&self) -> Result<Tx> {
        match &self.0 {
            Pools::Sqlite { writer, .. } => Ok(Tx::Sqlite(writer.begin_with("BEGIN IMMEDIATE").await?)),
            Pools::Postgres(pool) => {
                let mut transaction = pool.begin().await?;
                let wait = WRITER_WAIT.as_millis().to_string();
                sqlx::query("SELECT set_config('lock_timeout', $1, true)").bind(wait).execute(&mut *transaction).await?;
                sqlx::query("SELECT id FROM head WHERE id = 1 FOR UPDATE").execute(&mut *transaction).await?;
                Ok(Tx::Postgres(transaction))
            }
        }
    }

    /// Begins a read of one state of the store.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn read(&self) -> Result<Tx> {
        match &self.0 {
            Pools::Sqlite { readers, .. } => Ok(Tx::Sqlite(readers.begin().await?)),
            Pools::Postgres(pool) => Ok(Tx::Postgres(pool.begin_with("BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY").await?)),
        }
    }

    /// Closes all connections; what is asked afterwards is [`StoreError::Unavailable`].
    pub async fn close(&self) {
        match &self.0 {
            Pools::Sqlite { writer, readers } => {
                readers.close().await;
                writer.close().await;
            }
            Pools::Postgres(pool) => pool.close().await,
        }
    }
}

impl Tx {
    /// Makes the change durable. Only after this has returned may anyone be told of it.
    ///
    /// # Errors
    /// [`StoreError`]; then nothing was changed.
    pub async fn commit(self) -> Result<()> {
        match self {
            Self::Sqlite(transaction) => Ok(transaction.commit().await?),
            Self::Postgres(transaction) => Ok(transaction.commit().await?),
        }
    }
}

/// A stored text that must parse, because only parsed ones are stored.
fn stored<T: std::str::FromStr>(column: &str, text: &str) -> Result<T> {
    text.parse().map_err(|_parse| StoreError::Unreadable(format!("{column} {text:?}")))
}

/// A text as it stands for itself in a `LIKE … ESCAPE '!'`.
fn escape_like(text: &str) -> String {
    text.replace('!', "!!").replace('%', "!%").replace('_', "!_")
}
