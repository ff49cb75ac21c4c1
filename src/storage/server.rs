//! Opening a store on a PostgreSQL server: its version, its schema, and one clear line for each thing that does not hold.
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use sqlx::migrate::Migrator;
use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions, Connection, PgConnection, Row};

use super::link::Link;
use super::schema::{MIGRATOR, altered_at, known, one_line};
use super::{Connections, Database, Pools};

/// PostgreSQL 15.
const OLDEST_SERVER: i32 = 150_000;
const CONNECT: Duration = Duration::from_secs(5);
/// The key of the advisory lock that first starts take one after another: "Chan".
const FIRST_START: i64 = 0x4368_616e;

/// Events are only ever added (A8). Where the trigger is there it is left alone: its table would be locked against all who use it.
const IS_APPEND_ONLY: &str =
    "SELECT EXISTS (SELECT 1 FROM pg_trigger WHERE tgrelid = 'event'::regclass AND tgname = 'event_no_change' AND tgenabled = 'O')";
const APPEND_ONLY: &str = "
CREATE OR REPLACE FUNCTION event_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION 'events are append-only'; END $$;
DROP TRIGGER IF EXISTS event_no_change ON event;
CREATE TRIGGER event_no_change BEFORE UPDATE OR DELETE ON event FOR EACH ROW EXECUTE FUNCTION event_is_append_only();";
/// That what is there already is there is news to nobody; and no start waits for ever behind one that was stopped in the middle.
const SETTINGS: &str = "SET LOCAL client_min_messages = 'warning'; SET LOCAL lock_timeout = '60s'; \
                        SET LOCAL idle_in_transaction_session_timeout = '60s'";

/// Where the store is: a connection URL, which may hold a password and so does not print.
#[derive(Clone)]
pub struct ServerUrl(Box<PgConnectOptions>);

/// Why the store cannot be opened: one line each, with the mend.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    #[error("{0}")]
    Url(String),
    #[error("the database server cannot be used: {0}")]
    Server(String),
    #[error("the database server is version {0}: 15 is the least")]
    OldServer(i32),
    #[error("the database was written by a newer Chancery (schema {found}, this one knows {known}): run that version or a later one")]
    Newer { found: i64, known: i64 },
    #[error("there is no Chancery in the database {0}: start the authority once, or set CHANCERY_DATABASE_URL")]
    Absent(String),
    #[error("the schema's history differs from this program's at version {0}: it was changed by hand")]
    Altered(i64),
}

impl FromStr for ServerUrl {
    type Err = ServerError;

    fn from_str(text: &str) -> Result<Self, ServerError> {
        let options = PgConnectOptions::from_str(text).map_err(|error| ServerError::Url(one_line(&error)))?;
        // The parameter is one that poolers refuse, and no number here has fractions.
        Ok(Self(Box::new(options.application_name("chancery").extra_float_digits(None).disable_statement_logging())))
    }
}

impl ServerUrl {
    /// Opens the store and brings its schema up to date; of several first starts one makes it, and the others wait for that.
    ///
    /// # Errors
    /// [`ServerError`]; then nothing was changed.
    pub async fn open(&self, connections: Connections) -> Result<Database, ServerError> {
        let mut connection = self.connect().await?;
        migrate(&mut connection).await?;
        connection.close().await.map_err(server_error)?;
        Ok(self.database(connections))
    }

    /// Opens a store that is there, and changes nothing.
    ///
    /// # Errors
    /// [`ServerError`].
    pub async fn open_as_it_is(&self) -> Result<Database, ServerError> {
        let mut connection = self.connect().await?;
        let found = schema(&mut connection).await?;
        connection.close().await.map_err(server_error)?;
        match found {
            Some(_) => Ok(self.database(Connections::ONE)),
            None => Err(ServerError::Absent(self.to_string())),
        }
    }

    async fn connect(&self) -> Result<PgConnection, ServerError> {
        let connecting = tokio::time::timeout(CONNECT, self.0.connect());
        let mut connection = connecting.await.map_err(|_late| ServerError::Server("no answer within 5 s".into()))?.map_err(server_error)?;
        let row = sqlx::raw_sql("SHOW server_version_num").fetch_one(&mut connection).await.map_err(server_error)?;
        let version: i32 = row.try_get::<String, _>(0).ok().and_then(|version| version.parse().ok()).unwrap_or(0);
        if version < OLDEST_SERVER {
            return Err(ServerError::OldServer(version / 10_000));
        }
        Ok(connection)
    }

    fn database(&self, connections: Connections) -> Database {
        Database(Pools::Postgres(Arc::new(Link::new((*self.0).clone(), connections))))
    }
}

/// Without whoever connects, and his password.
impl fmt::Display for ServerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "postgres://{}:{}/{}", self.0.get_host(), self.0.get_port(), self.0.get_database().unwrap_or_default())
    }
}

/// The schema's version; `None` where there is no schema.
async fn schema(connection: &mut PgConnection) -> Result<Option<i64>, ServerError> {
    let there = sqlx::raw_sql("SELECT to_regclass('_sqlx_migrations') IS NOT NULL").fetch_one(&mut *connection).await;
    if !there.and_then(|row| row.try_get::<bool, _>(0)).map_err(server_error)? {
        return Ok(None);
    }
    let found = sqlx::raw_sql("SELECT MAX(version) FROM _sqlx_migrations").fetch_one(connection).await;
    let found: Option<i64> = found.and_then(|row| row.try_get(0)).map_err(server_error)?;
    let known = known();
    match found {
        Some(found) if found > known => Err(ServerError::Newer { found, known }),
        found => Ok(found),
    }
}

async fn migrate(connection: &mut PgConnection) -> Result<(), ServerError> {
    let mut tx = connection.begin().await.map_err(server_error)?;
    sqlx::raw_sql(SETTINGS).execute(&mut *tx).await.map_err(server_error)?;
    sqlx::query("SELECT pg_advisory_xact_lock($1)").bind(FIRST_START).persistent(false).execute(&mut *tx).await.map_err(server_error)?;
    schema(&mut tx).await?;
    // The migrator's own lock is the session's, which a pooler would leave with whoever is given the connection next.
    let mut migrator = Migrator::with_migrations(MIGRATOR.iter().cloned().collect());
    migrator.set_locking(false).run(&mut *tx).await.map_err(|error| match altered_at(&error) {
        Some(version) => ServerError::Altered(version),
        None => ServerError::Server(error.to_string().replace('\n', " ")),
    })?;
    let row = sqlx::raw_sql(IS_APPEND_ONLY).fetch_one(&mut *tx).await.map_err(server_error)?;
    if !row.try_get::<bool, _>(0).map_err(server_error)? {
        sqlx::raw_sql(APPEND_ONLY).execute(&mut *tx).await.map_err(server_error)?;
    }
    // Nor should he find statements of that name.
    sqlx::raw_sql("DEALLOCATE ALL").execute(&mut *tx).await.map_err(server_error)?;
    tx.commit().await.map_err(server_error)
}

fn server_error(error: sqlx::Error) -> ServerError {
    ServerError::Server(one_line(&error))
}
