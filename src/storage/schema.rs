//! The schema's migrations, the same for every database, and what can be wrong with the ones a store has.
use sqlx::migrate::{MigrateError, Migrator};

pub(super) static MIGRATOR: Migrator = sqlx::migrate!("./migrations");

/// The newest schema this program knows.
pub(super) fn known() -> i64 {
    MIGRATOR.iter().map(|migration| migration.version).max().unwrap_or(0)
}

/// The version at which the store's history is not this program's.
pub(super) fn altered_at(error: &MigrateError) -> Option<i64> {
    match error {
        MigrateError::VersionMismatch(version) | MigrateError::VersionMissing(version) => Some(*version),
        _ => None,
    }
}

/// What a database says is wrong, on one line.
pub(super) fn one_line(error: &sqlx::Error) -> String {
    match error {
        sqlx::Error::Database(database) => database.message().replace('\n', " "),
        other => other.to_string().replace('\n', " "),
    }
}
