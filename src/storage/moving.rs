//! Moving house: every row of one store into another that is empty, whichever databases they are.
use futures_util::TryStreamExt;
use sqlx::{Column, QueryBuilder, Row, TypeInfo};

use super::{Result, StoreError, Tx, on, run};

/// A table, and how it is read and counted.
pub struct Table {
    pub name: &'static str,
    all: &'static str,
    count: &'static str,
}

macro_rules! tables {
    ($($name:literal),* $(,)?) => {
        [$(Table { name: $name, all: concat!("SELECT * FROM ", $name), count: concat!("SELECT COUNT(*) FROM ", $name) }),*]
    };
}

/// All of them, each after those it refers to.
pub const TABLES: [Table; 28] = tables![
    "head",
    "sealed_value",
    "signing_key",
    "organization",
    "\"user\"",
    "management_key",
    "resource_server",
    "permission",
    "permission_preset",
    "settings",
    "application",
    "client_secret",
    "organization_membership",
    "api_key",
    "portal_session",
    "console_session",
    "revoked_token",
    "revocation",
    "event",
    "idempotent_answer",
    "usage_hour",
    "api_key_usage_hour",
    "token_request_hour",
    "usage_batch",
    "token_quota",
    "token_quota_hour",
    "webhook_endpoint",
    "webhook_delivery",
];

/// How many rows are written at a time: SQLite takes 32,766 parameters in one statement.
const BATCH: usize = 1000;

/// What the schema has in its columns.
enum Cell {
    Number(Option<i64>),
    Text(Option<String>),
}

type Rows = (Vec<String>, Vec<Vec<Cell>>);

/// Where the store has been moved to, if it was: nobody is to start it again.
///
/// # Errors
/// [`StoreError`].
pub async fn moved_to(tx: &mut Tx) -> Result<Option<String>> {
    on!(tx, |connection| sqlx::query_scalar("SELECT moved_to FROM head WHERE id = 1").fetch_one(connection))
}

/// Notes where it has been moved to.
///
/// # Errors
/// [`StoreError`].
pub async fn set_moved_to(tx: &mut Tx, place: &str) -> Result<()> {
    run!(tx, |connection| sqlx::query("UPDATE head SET moved_to = $1 WHERE id = 1").bind(place).execute(connection))
}

/// Copies a whole store into one that has nothing but its schema; answers how many rows there are.
///
/// # Errors
/// [`StoreError`]; what was written then is not to be committed.
pub async fn copy(from: &mut Tx, to: &mut Tx) -> Result<i64> {
    run!(to, |connection| sqlx::query("DELETE FROM head").execute(connection))?;
    let mut total = 0;
    for table in &TABLES {
        copy_table(table, from, to).await?;
        let (here, there) = (count(table, from).await?, count(table, to).await?);
        if here != there {
            return Err(StoreError::Unreadable(format!("{}: {here} rows became {there}", table.name)));
        }
        total += there;
    }
    Ok(total)
}

async fn count(table: &Table, tx: &mut Tx) -> Result<i64> {
    on!(tx, |connection| sqlx::query_scalar(table.count).fetch_one(connection))
}

/// Reads on while rows come, and writes whenever there are enough.
macro_rules! copy_rows {
    ($rows:expr, $table:expr, $to:expr) => {{
        let mut rows = $rows;
        let mut batch: Rows = Default::default();
        while let Some(row) = rows.try_next().await? {
            if batch.0.is_empty() {
                batch.0 = row.columns().iter().map(|column| column.name().to_owned()).collect();
            }
            let mut cells = Vec::with_capacity(batch.0.len());
            for (at, column) in row.columns().iter().enumerate() {
                cells.push(if column.type_info().name().contains("INT") {
                    Cell::Number(row.try_get(at)?)
                } else {
                    Cell::Text(row.try_get(at)?)
                });
            }
            batch.1.push(cells);
            if batch.1.len() == BATCH {
                write($table, &batch, $to).await?;
                batch.1.clear();
            }
        }
        write($table, &batch, $to).await
    }};
}

async fn copy_table(table: &Table, from: &mut Tx, to: &mut Tx) -> Result<()> {
    match from {
        Tx::Sqlite(transaction) => copy_rows!(sqlx::query(table.all).fetch(&mut **transaction), table, to),
        Tx::Postgres(transaction) => {
            let (_asked, connection) = transaction.ask()?;
            copy_rows!(sqlx::Executor::fetch(connection, sqlx::query(table.all)), table, to)
        }
    }
}

async fn write(table: &Table, (columns, rows): &Rows, to: &mut Tx) -> Result<()> {
    if rows.is_empty() {
        return Ok(());
    }
    run!(to, |connection| async {
        let mut insert = QueryBuilder::new("INSERT INTO ");
        insert.push(table.name).push(" (").push(columns.join(", ")).push(") ");
        insert.push_values(rows, |mut row, cells| {
            for cell in cells {
                match cell {
                    Cell::Number(number) => row.push_bind(*number),
                    Cell::Text(text) => row.push_bind(text),
                };
            }
        });
        insert.build().execute(connection).await
    })
}
