//! Opening the embedded SQLite store: what must hold before anything is read, and one clear line for each thing that does not.
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};

use sqlx::migrate::MigrateError;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{ConnectOptions, Connection, SqliteConnection, SqlitePool};

use super::schema::{MIGRATOR, altered_at, known, one_line};
use super::{DEADLINE, Database, DatabasePath, Pools};

/// Marks a file as ours in SQLite's header: "Chan".
const APPLICATION_ID: i64 = 0x4368_616e;
const MAGIC: &[u8; 16] = b"SQLite format 3\0";
/// Older versions may corrupt a write-ahead log.
const OLDEST_SQLITE: (u32, u32, u32) = (3, 51, 3);
const READERS: u32 = 4;

/// Events are only ever added (A8); the tail end of the chain is held by the head.
const APPEND_ONLY: [&str; 2] = [
    "CREATE TRIGGER IF NOT EXISTS event_no_update BEFORE UPDATE ON event BEGIN SELECT RAISE(ABORT, 'events are append-only'); END",
    "CREATE TRIGGER IF NOT EXISTS event_no_delete BEFORE DELETE ON event BEGIN SELECT RAISE(ABORT, 'events are append-only'); END",
];

/// Why the store cannot be opened: one line each, with the mend.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error("the folder {0} does not exist: create it, or set CHANCERY_DATABASE_URL to a place that exists")]
    NoFolder(PathBuf),
    #[error("{path} cannot be used: {reason}; check the permissions of the file and its folder")]
    Access { path: PathBuf, reason: std::io::Error },
    #[error("{0} is not a Chancery database: restore it from a backup, or set CHANCERY_DATABASE_URL to another file")]
    Foreign(PathBuf),
    #[error("{path} is corrupt: {reason}; restore it from a backup")]
    Corrupt { path: PathBuf, reason: String },
    #[error("{0} is in use by another chancery process: stop that one first (it holds {0}.lock)")]
    InUse(PathBuf),
    #[error("{path} was written by a newer Chancery (schema {found}, this one knows {known}): run that version or a later one")]
    Newer { path: PathBuf, found: i64, known: i64 },
    #[error("{path}: the schema's history differs from this program's at version {version}: it was changed by hand")]
    Altered { path: PathBuf, version: i64 },
    #[error("SQLite {0} is too old: 3.51.3 is the least that keeps its log safe")]
    OldSqlite(String),
    #[error("there is no database at {0}: start the authority once, or set CHANCERY_DATABASE_URL")]
    Absent(PathBuf),
    #[error("{path} cannot be opened: {reason}")]
    Sqlite { path: PathBuf, reason: String },
}

/// The exclusive lock on `<database>.lock`, held for the life of the process (its directory would go stale beside a second one).
pub struct DatabaseLock(#[expect(dead_code, reason = "the lock is given back when the file is closed")] File);

impl DatabasePath {
    /// Opens the store for the one process that serves it, making it if there is none, and brings its schema up to date.
    ///
    /// # Errors
    /// [`OpenError`]; then nothing was created or changed.
    pub async fn open(&self) -> Result<(Database, DatabaseLock), OpenError> {
        let path = self.0.as_path();
        self.make_default_folder()?;
        check_folder(path)?;
        let exists = check_file(path)?;
        let lock = lock(path)?;
        if exists {
            self.check_content().await?;
        } else {
            create(path).await?;
        }
        let (writer_pool, readers) = self.connect().await?;
        let mut writer = writer_pool.acquire().await.map_err(|error| sqlite_error(path, &error))?;
        MIGRATOR.run(&mut *writer).await.map_err(|error| migrate_error(path, &error))?;
        for trigger in APPEND_ONLY {
            sqlx::query(trigger).execute(&mut *writer).await.map_err(|error| sqlite_error(path, &error))?;
        }
        drop(writer);
        Ok((Database(Pools::Sqlite { writer: writer_pool, readers }), DatabaseLock(lock)))
    }

    /// Opens an existing store for reading alone, beside the process that serves it.
    ///
    /// # Errors
    /// [`OpenError`].
    pub async fn open_read_only(&self) -> Result<Database, OpenError> {
        if !check_file(&self.0)? {
            return Err(OpenError::Absent(self.0.clone()));
        }
        self.check_content().await?;
        let readers = SqlitePoolOptions::new().max_connections(1).connect_lazy_with(only_reading(&self.0));
        Ok(Database(Pools::Sqlite { writer: readers.clone(), readers }))
    }

    /// The default `data/` is made for whoever just starts the program; any other folder is the operator's to make.
    fn make_default_folder(&self) -> Result<(), OpenError> {
        let folder = Path::new("data");
        if self.0.parent() == Some(folder) && !folder.exists() {
            std::fs::create_dir(folder).map_err(|reason| OpenError::Access { path: folder.into(), reason })?;
        }
        Ok(())
    }

    /// Version, application, schema and integrity, read before anything is written.
    async fn check_content(&self) -> Result<(), OpenError> {
        let path = self.0.as_path();
        let corrupt = |error: sqlx::Error| OpenError::Corrupt { path: path.into(), reason: one_line(&error) };
        let mut connection = only_reading(path).connect().await.map_err(corrupt)?;
        check_version(&mut connection).await.map_err(corrupt)??;
        let application: i64 = sqlx::query_scalar("PRAGMA application_id").fetch_one(&mut connection).await.map_err(corrupt)?;
        if application != APPLICATION_ID {
            return Err(OpenError::Foreign(path.into()));
        }
        let verdict: String = sqlx::query_scalar("PRAGMA quick_check(1)").fetch_one(&mut connection).await.map_err(corrupt)?;
        if verdict != "ok" {
            return Err(OpenError::Corrupt { path: path.into(), reason: verdict.replace('\n', " ") });
        }
        let found: Option<i64> =
            sqlx::query_scalar("SELECT MAX(version) FROM _sqlx_migrations").fetch_one(&mut connection).await.map_err(corrupt)?;
        let known = known();
        connection.close().await.map_err(corrupt)?;
        match found {
            Some(found) if found > known => Err(OpenError::Newer { path: path.into(), found, known }),
            _ => Ok(()),
        }
    }

    async fn connect(&self) -> Result<(SqlitePool, SqlitePool), OpenError> {
        let failed = |error: sqlx::Error| sqlite_error(&self.0, &error);
        // A full disk makes SQLite end a transaction by itself, which sqlx does not notice: such a connection is replaced.
        let writer = SqlitePoolOptions::new().max_connections(1).acquire_timeout(DEADLINE).test_before_acquire(false);
        let writer = writer.before_acquire(|connection, _| Box::pin(async move { Ok(!connection.is_in_transaction()) }));
        let writer = writer.connect_with(options(&self.0)).await.map_err(failed)?;
        let readers = SqlitePoolOptions::new().max_connections(READERS).acquire_timeout(DEADLINE).test_before_acquire(false);
        let readers = readers.connect_with(options(&self.0).pragma("query_only", "ON")).await.map_err(failed)?;
        Ok((writer, readers))
    }
}

/// WAL with `synchronous=FULL`: with NORMAL every commit since the last checkpoint is lost at a power cut.
fn options(path: &Path) -> SqliteConnectOptions {
    only_reading(path).read_only(false).journal_mode(SqliteJournalMode::Wal).synchronous(SqliteSynchronous::Full)
}

/// As the file is: a backup (`VACUUM INTO`) has no write-ahead log yet, and a reader cannot give it one.
fn only_reading(path: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new().filename(path).create_if_missing(false).read_only(true).foreign_keys(true).busy_timeout(DEADLINE)
}

fn check_folder(path: &Path) -> Result<(), OpenError> {
    let folder = folder_of(path);
    if folder.is_dir() { Ok(()) } else { Err(OpenError::NoFolder(folder.into())) }
}

fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Whether there is a file, and one that can be a database. An empty file is refused: this program never leaves one.
fn check_file(path: &Path) -> Result<bool, OpenError> {
    let access = |reason| OpenError::Access { path: path.into(), reason };
    let metadata = match path.metadata() {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(access(error)),
    };
    if !metadata.is_file() {
        return Err(OpenError::Foreign(path.into()));
    }
    let mut magic = [0; 16];
    let mut file = OpenOptions::new().read(true).write(true).open(path).map_err(access)?;
    match file.read_exact(&mut magic) {
        Ok(()) if &magic == MAGIC => Ok(true),
        Ok(()) => Err(OpenError::Foreign(path.into())),
        Err(error) if error.kind() == ErrorKind::UnexpectedEof => Err(OpenError::Foreign(path.into())),
        Err(error) => Err(access(error)),
    }
}

fn lock(path: &Path) -> Result<File, OpenError> {
    let lock_path = with_suffix(path, ".lock");
    let access = |reason| OpenError::Access { path: lock_path.clone(), reason };
    let file = OpenOptions::new().create(true).truncate(false).write(true).open(&lock_path).map_err(access)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(OpenError::InUse(path.into())),
        Err(TryLockError::Error(error)) => Err(access(error)),
    }
}

/// Makes the store under another name and gives it its own only when it is whole, so that a start cut short leaves none behind.
async fn create(path: &Path) -> Result<(), OpenError> {
    let unfinished = with_suffix(path, ".new");
    let access = |reason| OpenError::Access { path: unfinished.clone(), reason };
    for suffix in ["", "-wal", "-shm", "-journal"] {
        match std::fs::remove_file(with_suffix(&unfinished, suffix)) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(access(error)),
            _ => {}
        }
    }
    let failed = |error: sqlx::Error| sqlite_error(path, &error);
    let options = options(&unfinished).create_if_missing(true).pragma("application_id", APPLICATION_ID.to_string());
    let mut connection = options.connect().await.map_err(failed)?;
    check_version(&mut connection).await.map_err(failed)??;
    MIGRATOR.run(&mut connection).await.map_err(|error| migrate_error(path, &error))?;
    connection.close().await.map_err(failed)?;
    File::open(&unfinished).and_then(|file| file.sync_all()).map_err(access)?;
    std::fs::rename(&unfinished, path).map_err(access)?;
    File::open(folder_of(path)).and_then(|folder| folder.sync_all()).map_err(access)
}

async fn check_version(connection: &mut SqliteConnection) -> sqlx::Result<Result<(), OpenError>> {
    let version: String = sqlx::query_scalar("SELECT sqlite_version()").fetch_one(connection).await?;
    let mut parts = version.split('.').map(|part| part.parse().unwrap_or(0));
    let parsed = (parts.next().unwrap_or(0), parts.next().unwrap_or(0), parts.next().unwrap_or(0));
    Ok(if parsed < OLDEST_SQLITE { Err(OpenError::OldSqlite(version)) } else { Ok(()) })
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

fn sqlite_error(path: &Path, error: &sqlx::Error) -> OpenError {
    OpenError::Sqlite { path: path.into(), reason: one_line(error) }
}

fn migrate_error(path: &Path, error: &MigrateError) -> OpenError {
    match altered_at(error) {
        Some(version) => OpenError::Altered { path: path.into(), version },
        None => OpenError::Sqlite { path: path.into(), reason: error.to_string().replace('\n', " ") },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::Tx;

    #[tokio::test]
    async fn f4_a_transaction_that_sqlite_ended_by_itself_does_not_end_all_writing() {
        let folder = tempfile::tempdir().unwrap();
        let (database, _lock) = DatabasePath(folder.path().join("chancery.db")).open().await.unwrap();
        for _ in 0..3 {
            let mut tx = database.write().await.unwrap();
            let Tx::Sqlite(transaction) = &mut tx else { unreachable!() };
            sqlx::query("ROLLBACK").execute(&mut **transaction).await.unwrap();
            assert!(tx.commit().await.is_err(), "what was rolled back is not committed");
            database.write().await.unwrap().commit().await.unwrap();
        }
    }
}
