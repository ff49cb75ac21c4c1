//! Opening a store on a PostgreSQL server: its version, its schema, and one clear line for each thing that does not hold.
use std::str::FromStr;
use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{ConnectOptions, Connection, PgConnection};

use super::schema::{MIGRATOR, altered_at, known, one_line};
use super::{Database, Pools, WRITER_WAIT};

/// PostgreSQL 15.
const OLDEST_SERVER: i32 = 150_000;
const CONNECTIONS: u32 = 10;
/// The key of the advisory lock that first starts take one after another: "Chan".
const FIRST_START: i64 = 0x4368_616e;

/// Events are only ever added (A8).
const APPEND_ONLY: &str = "
CREATE OR REPLACE FUNCTION event_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION 'events are append-only'; END $$;
DROP TRIGGER IF EXISTS event_no_change ON event;
CREATE TRIGGER event_no_change BEFORE UPDATE OR DELETE ON event FOR EACH ROW EXECUTE FUNCTION event_is_append_only();";

/// Where the store is: a connection URL, which may hold a password and so does not print.
#[derive(Clone)]
pub struct ServerUrl(PgConnectOptions);

/// Why the store cannot be opened: one line each, with the mend.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    #[error("the database URL cannot be read: {0}")]
    Url(String),
    #[error("the database server cannot be used: {0}")]
    Server(String),
    #[error("the database server is version {0}: 15 is the least")]
    OldServer(i32),
    #[error("the database was written by a newer Chancery (schema {found}, this one knows {known}): run that version or a later one")]
    Newer { found: i64, known: i64 },
    #[error("the schema's history differs from this program's at version {0}: it was changed by hand")]
    Altered(i64),
}

impl FromStr for ServerUrl {
    type Err = ServerError;

    fn from_str(text: &str) -> Result<Self, ServerError> {
        let options = PgConnectOptions::from_str(text).map_err(|error| ServerError::Url(one_line(&error)))?;
        Ok(Self(options.application_name("chancery").disable_statement_logging()))
    }
}

impl ServerUrl {
    /// Opens the store and brings its schema up to date; of several first starts one makes it, and the others wait for that.
    ///
    /// # Errors
    /// [`ServerError`]; then nothing was changed.
    pub async fn open(&self) -> Result<Database, ServerError> {
        let mut connection = self.0.connect().await.map_err(server_error)?;
        let version: String = sqlx::query_scalar("SHOW server_version_num").fetch_one(&mut connection).await.map_err(server_error)?;
        let version = version.parse().unwrap_or(0);
        if version < OLDEST_SERVER {
            return Err(ServerError::OldServer(version / 10_000));
        }
        migrate(&mut connection).await?;
        connection.close().await.map_err(server_error)?;
        let pool = PgPoolOptions::new().max_connections(CONNECTIONS).acquire_timeout(WRITER_WAIT).idle_timeout(Duration::from_secs(600));
        Ok(Database(Pools::Postgres(pool.connect_lazy_with(self.0.clone()))))
    }
}

async fn migrate(connection: &mut PgConnection) -> Result<(), ServerError> {
    let mut tx = connection.begin().await.map_err(server_error)?;
    sqlx::query("SELECT pg_advisory_xact_lock($1)").bind(FIRST_START).execute(&mut *tx).await.map_err(server_error)?;
    let there: bool =
        sqlx::query_scalar("SELECT to_regclass('_sqlx_migrations') IS NOT NULL").fetch_one(&mut *tx).await.map_err(server_error)?;
    if there {
        let sql = "SELECT MAX(version) FROM _sqlx_migrations";
        let found: Option<i64> = sqlx::query_scalar(sql).fetch_one(&mut *tx).await.map_err(server_error)?;
        let known = known();
        if let Some(found) = found.filter(|found| *found > known) {
            return Err(ServerError::Newer { found, known });
        }
    }
    MIGRATOR.run(&mut *tx).await.map_err(|error| match altered_at(&error) {
        Some(version) => ServerError::Altered(version),
        None => ServerError::Server(error.to_string().replace('\n', " ")),
    })?;
    sqlx::raw_sql(APPEND_ONLY).execute(&mut *tx).await.map_err(server_error)?;
    tx.commit().await.map_err(server_error)
}

fn server_error(error: sqlx::Error) -> ServerError {
    ServerError::Server(one_line(&error))
}
