//! Why the store did not do what was asked: what passes, what a caller can mend, and what should not happen.

/// The store could not do what was asked; nothing was changed, but for a commit of which a database server did not say what became.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Busy, full or out of reach: worth another try.
    #[error("the store is not available: {0}")]
    Unavailable(#[source] sqlx::Error),
    /// Known to be away: it was not even asked.
    #[error("the store cannot be reached, or takes no changes")]
    OutOfReach,
    /// It is left: the installation lives elsewhere now.
    #[error("the installation was moved to another database: start this process with that one")]
    Moved,
    /// Its chain of events is not the one this process followed.
    #[error("the store is not the one this process followed: it was restored, or lost changes at a failover. Restart this process")]
    Another,
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
        let busy_or_full =
            |code: &str| code.parse::<i32>().is_ok_and(|code| code < 10_000 && matches!(code & 0xff, 5 | 6 | 8 | 10 | 13 | 14));
        // PostgreSQL: out of connections or resources, shutting down, read-only, deadlocked, changed under a prepared
        // statement, or a lock that was not had in time.
        let passes = |code: &str| {
            code.len() == 5 && ["08", "0A", "25", "26", "40", "53", "57"].iter().any(|class| code.starts_with(class)) || code == "55P03"
        };
        match &error {
            sqlx::Error::Database(database) if database.is_unique_violation() => Self::Taken,
            sqlx::Error::Database(database) if database.code().is_some_and(|code| passes(&code) || busy_or_full(&code)) => {
                Self::Unavailable(error)
            }
            sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed | sqlx::Error::Io(_) | sqlx::Error::WorkerCrashed => {
                Self::Unavailable(error)
            }
            // What a server says in its last moments may be cut off anywhere.
            sqlx::Error::Protocol(_) | sqlx::Error::Tls(_) => Self::Unavailable(error),
            _ => Self::Failed(error),
        }
    }
}
