//! Where the store is: a file of ours, or a database server.
use std::fmt;
use std::path::PathBuf;

use super::{Database, DatabaseLock, OpenError, ServerError, ServerUrl};

/// Where the embedded store lies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DatabasePath(pub PathBuf);

/// Where the store is, of whichever kind.
#[derive(Clone)]
pub enum DatabaseUrl {
    Embedded(DatabasePath),
    Server(ServerUrl),
}

/// How a database server is connected to.
#[derive(Clone, Copy, Debug)]
pub struct Connections {
    /// How many at the most, beside the one that follows it.
    pub most: u32,
    /// Whether statements are prepared once and under a name, which a pooler in transaction mode may not carry.
    pub named_statements: bool,
}

impl Connections {
    /// For a command that does one thing.
    pub const ONE: Self = Self { most: 1, named_statements: false };
}

/// Why the store cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum PlaceError {
    #[error(transparent)]
    Embedded(#[from] OpenError),
    #[error(transparent)]
    Server(#[from] ServerError),
}

impl DatabaseUrl {
    /// Opens the store, made if there is none, with its schema up to date.
    ///
    /// # Errors
    /// [`PlaceError`]; then nothing was changed.
    pub async fn open(&self, connections: Connections) -> Result<(Database, Option<DatabaseLock>), PlaceError> {
        match self {
            Self::Embedded(path) => {
                let (database, lock) = path.open().await?;
                Ok((database, Some(lock)))
            }
            Self::Server(url) => Ok((url.open(connections).await?, None)),
        }
    }

    /// Opens a store that is there, beside whoever serves it, and changes nothing.
    ///
    /// # Errors
    /// [`PlaceError`].
    pub async fn open_read_only(&self) -> Result<Database, PlaceError> {
        match self {
            Self::Embedded(path) => Ok(path.open_read_only().await?),
            Self::Server(url) => Ok(url.open_as_it_is().await?),
        }
    }
}

impl fmt::Display for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Embedded(path) => write!(f, "{}", path.0.display()),
            Self::Server(url) => write!(f, "{url}"),
        }
    }
}
