//! Pages by key: the one place where SQL text is put together, from constants and enums only.
use sqlx::AssertSqlSafe;

use crate::domain::page::{Cursor, Order, PageRequest};

/// A list query: `select` with its tenant and filter conditions up to `WHERE … `, whose parameters are `$1` to `$n`; the cursor and the limit follow.
pub(super) struct Keyset {
    pub(super) sql: AssertSqlSafe<String>,
    pub(super) cursor: Option<String>,
    /// One more than asked for, to see whether there is more.
    pub(super) limit: i64,
}

/// What a list is ordered by.
pub(super) struct Key {
    pub(super) column: &'static str,
    /// The key of the object that the cursor, the parameter of this number, names.
    pub(super) of_cursor: fn(u8) -> String,
}

/// `within` says once more, plainly, what the select says of an owner that is named: so that the database reads by that owner's index.
pub(super) fn keyset(select: &str, within: Option<&'static str>, id: &'static str, parameters: u8, request: &PageRequest) -> Keyset {
    keyset_by(select, within, &Key { column: id, of_cursor: |at| format!("${at}") }, parameters, request)
}

pub(super) fn keyset_by(select: &str, within: Option<&'static str>, key: &Key, parameters: u8, request: &PageRequest) -> Keyset {
    let (cursor, backwards) = match &request.cursor {
        None => (None, false),
        Some(Cursor::After(id)) => (Some(id.clone()), false),
        Some(Cursor::Before(id)) => (Some(id.clone()), true),
    };
    let ascending = (request.order == Order::Ascending) != backwards;
    let (comparison, direction) = if ascending { (">", "ASC") } else { ("<", "DESC") };
    let (column, at, limit) = (key.column, parameters + 1, parameters + 2);
    // A condition of its own for either case: with a cursor, the index is entered at its place.
    let from = match cursor {
        Some(_) => format!("{column} {comparison} {}", (key.of_cursor)(at)),
        None => format!("CAST(${at} AS TEXT) IS NULL"),
    };
    let within = within.map_or_else(String::new, |within| format!(" AND {within}"));
    let sql = format!("{select}{within} AND {from} ORDER BY {column} {direction} LIMIT ${limit}");
    Keyset { sql: AssertSqlSafe(sql), cursor, limit: i64::from(request.limit) + 1 }
}
