//! The store: SQL, and nothing else knows it. One schema and one SQL text for every database; one file per noun.
mod embedded;
mod error;
mod life;
mod link;
mod page;
mod place;
mod schema;
mod server;
mod server_tx;

pub mod api_keys;
pub mod applications;
pub mod client_secrets;
pub mod clients;
pub mod console_sessions;
pub mod events;
pub mod idempotent_answers;
pub mod installation;
pub mod management_keys;
pub mod memberships;
pub mod moving;
pub mod organizations;
pub mod permissions;
pub mod portal_sessions;
pub mod presets;
pub mod resource_servers;
pub mod revocations;
pub mod revoked_tokens;
pub mod settings;
pub mod signing_keys;
pub mod token_quotas;
pub mod usage;
pub mod usage_history;
pub mod users;
pub mod webhooks;

use std::cell::Cell;
use std::sync::Arc;
use std::time::{Duration, Instant};

use sqlx::{Sqlite, SqlitePool, Transaction};

use crate::clock;
use installation::Head;
use link::Link;
use server_tx::{Purpose, ServerTx};

pub use embedded::{DatabaseLock, OpenError};
pub use error::StoreError;
pub use place::{Connections, DatabasePath, DatabaseUrl, PlaceError};
pub use server::{ServerError, ServerUrl};

/// How long whoever asks something of the store waits at the most before he is told that it is not available (F6, F10).
pub const DEADLINE: Duration = Duration::from_secs(2);

tokio::task_local! {
    static ANSWER_BY: Cell<Instant>;
}

/// Does work of which whatever it asks of a database server is answered, or given up, by a moment.
pub async fn answered_by<T>(moment: Instant, work: impl Future<Output = T>) -> T {
    ANSWER_BY.scope(Cell::new(moment), work).await
}

/// Puts that moment off, where whoever asks was still asking.
pub fn answer_by(moment: impl FnOnce() -> Instant) {
    let _ = ANSWER_BY.try_with(|until| until.set(moment()));
}

/// When what is asked now is to be answered.
pub fn deadline() -> Instant {
    ANSWER_BY.try_with(Cell::get).unwrap_or_else(|_none| clock::instant() + DEADLINE)
}

pub type Result<T> = std::result::Result<T, StoreError>;

/// The open store.
#[derive(Clone)]
pub struct Database(Pools);

/// The connections. With SQLite there is one that writes, so changes queue, and several that only read.
#[derive(Clone)]
enum Pools {
    Sqlite { writer: SqlitePool, readers: SqlitePool },
    Postgres(Arc<Link>),
}

/// One transaction, on whichever database.
pub enum Tx {
    Sqlite(Transaction<'static, Sqlite>),
    Postgres(ServerTx),
}

/// Runs one expression on the connection of the transaction at hand, whichever database it is.
macro_rules! on {
    ($tx:expr, |$connection:ident| $query:expr) => {
        match $tx {
            $crate::storage::Tx::Sqlite(transaction) => {
                let $connection = &mut **transaction;
                $query.await.map_err($crate::storage::StoreError::from)
            }
            $crate::storage::Tx::Postgres(transaction) => match transaction.ask() {
                Ok((asked, $connection)) => asked.answer($query).await.map_err($crate::storage::StoreError::from),
                Err(error) => Err($crate::storage::StoreError::from(error)),
            },
        }
    };
}
pub(crate) use on;

/// The same for a statement that answers nothing but how many rows it changed.
macro_rules! changed {
    ($tx:expr, |$connection:ident| $query:expr) => {
        $crate::storage::on!($tx, |$connection| async { $query.await.map(|result| result.rows_affected()) })
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

impl Database {
    /// Begins a change: it holds the head lock, so it sees every change before it, and none comes between.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the writer is busy for two seconds; [`StoreError::OutOfReach`].
    pub async fn write(&self) -> Result<Tx> {
        self.begin(Purpose::Write).await
    }

    /// The same for a change that must not wait behind others of this process: verifiers wait for it.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn observe(&self) -> Result<Tx> {
        self.begin(Purpose::Observe).await
    }

    /// Begins a read of what was changed elsewhere, which may be much.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn read_changes(&self) -> Result<Tx> {
        self.begin(Purpose::Follow).await
    }

    /// Begins a read of one state of the store.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn read(&self) -> Result<Tx> {
        self.begin(Purpose::Read).await
    }

    /// The same for a read that takes as long as it takes.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn read_at_leisure(&self) -> Result<Tx> {
        self.begin(Purpose::ReadAtLeisure).await
    }

    /// The same for a change that does.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn write_at_leisure(&self) -> Result<Tx> {
        self.begin(Purpose::WriteAtLeisure).await
    }

    async fn begin(&self, purpose: Purpose) -> Result<Tx> {
        match (&self.0, purpose) {
            (Pools::Postgres(link), _) => Ok(Tx::Postgres(link.begin(purpose).await?)),
            (Pools::Sqlite { writer, .. }, Purpose::Write | Purpose::Observe | Purpose::WriteAtLeisure) => {
                Ok(Tx::Sqlite(writer.begin_with("BEGIN IMMEDIATE").await?))
            }
            (Pools::Sqlite { readers, .. }, Purpose::Read | Purpose::Follow | Purpose::ReadAtLeisure) => {
                Ok(Tx::Sqlite(readers.begin().await?))
            }
        }
    }

    /// Where the chain ends now. Of a database server it is known from then on whether it can be reached.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn look(&self) -> Result<Head> {
        match &self.0 {
            Pools::Sqlite { .. } => installation::head(&mut self.read().await?).await,
            Pools::Postgres(link) => link.look().await,
        }
    }

    /// Whether other processes change it too.
    pub fn is_shared(&self) -> bool {
        matches!(self.0, Pools::Postgres(_))
    }

    /// Whether the last look succeeded; what is asked while it did not is refused without a try.
    pub fn is_reachable(&self) -> bool {
        match &self.0 {
            Pools::Sqlite { .. } => true,
            Pools::Postgres(link) => link.is_reachable(),
        }
    }

    /// Whether there is hope that it answers: nobody who looks has found it away a moment ago.
    pub fn is_worth_asking(&self) -> bool {
        match &self.0 {
            Pools::Sqlite { .. } => true,
            Pools::Postgres(link) => link.is_worth_asking(),
        }
    }

    /// How long ago this process last committed to a shared database; a primary that was deposed commits nothing more.
    pub fn since_commit(&self) -> Duration {
        match &self.0 {
            Pools::Sqlite { .. } => Duration::ZERO,
            Pools::Postgres(link) => link.since_commit(),
        }
    }

    /// Open connections to a server, and how many of them are at work.
    pub fn connections(&self) -> (u32, u32) {
        match &self.0 {
            Pools::Sqlite { .. } => (0, 0),
            Pools::Postgres(link) => link.connections(),
        }
    }

    /// Closes all connections; what is asked afterwards is [`StoreError::Unavailable`].
    pub async fn close(&self) {
        match &self.0 {
            Pools::Sqlite { writer, readers } => {
                readers.close().await;
                writer.close().await;
            }
            Pools::Postgres(link) => link.close().await,
        }
    }
}

impl Tx {
    /// Makes the change durable. Only after this has returned may anyone be told of it.
    ///
    /// # Errors
    /// [`StoreError`]; then nothing was changed, or, of a database server that did not answer, nobody knows.
    pub async fn commit(self) -> Result<()> {
        match self {
            Self::Sqlite(transaction) => Ok(transaction.commit().await?),
            Self::Postgres(transaction) => transaction.commit().await,
        }
    }
}

/// A stored text that must parse, because only parsed ones are stored.
fn stored<T: std::str::FromStr>(column: &str, text: &str) -> Result<T> {
    text.parse().map_err(|_parse| StoreError::Unreadable(format!("{column} {text:?}")))
}

/// What a name with this part in it is LIKE, in lower case, `ESCAPE '!'`.
fn with_part(part: &str) -> String {
    format!("%{}%", escape_like(&part.to_ascii_lowercase()))
}

/// A text as it stands for itself in a `LIKE … ESCAPE '!'`.
fn escape_like(text: &str) -> String {
    text.replace('!', "!!").replace('%', "!%").replace('_', "!_")
}
