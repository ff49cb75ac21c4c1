//! Pages by key: the one place where SQL text is put together, from constants and enums only.
use sqlx::AssertSqlSafe;

use crate::domain::page::{Cursor, Order, PageRequest, SortKey};

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
    keyset_of(select, within, &[key.column], &(key.of_cursor)(parameters + 1), parameters, request)
}

/// A table whose rows can be in another order than that of their creation.
pub(super) struct Sortable {
    pub(super) table: &'static str,
    /// By what; what is not here is as if nothing were said.
    pub(super) by: &'static [SortKey],
}

/// The same for such a table.
pub(super) fn keyset_sorted(select: &str, within: Option<&'static str>, of: &Sortable, parameters: u8, request: &PageRequest) -> Keyset {
    let (table, by) = (of.table, Some(request.by).filter(|by| of.by.contains(by)));
    let columns = |row: &str| {
        let first = match by {
            None | Some(SortKey::Created) => None,
            Some(SortKey::Name) => Some(format!("LOWER({row}.name)")),
            Some(SortKey::LastUsed) => Some(format!("COALESCE({row}.last_used_at, 0)")),
        };
        first.into_iter().chain([format!("{row}.id")]).collect::<Vec<_>>()
    };
    let at_cursor = format!("(SELECT {} FROM {table} AS known WHERE known.id = ${})", columns("known").join(", "), parameters + 1);
    let columns = columns(table);
    let columns: Vec<_> = columns.iter().map(String::as_str).collect();
    keyset_of(select, within, &columns, &at_cursor, parameters, request)
}

/// The first of `columns` decides, the next between those that are alike in it; `at_cursor` is what the cursor's object has in them.
fn keyset_of(
    select: &str,
    within: Option<&'static str>,
    columns: &[&str],
    at_cursor: &str,
    parameters: u8,
    request: &PageRequest,
) -> Keyset {
    let (cursor, backwards) = match &request.cursor {
        None => (None, false),
        Some(Cursor::After(id)) => (Some(id.clone()), false),
        Some(Cursor::Before(id)) => (Some(id.clone()), true),
    };
    let ascending = (request.order == Order::Ascending) != backwards;
    let (comparison, direction) = if ascending { (">", "ASC") } else { ("<", "DESC") };
    let (at, limit) = (parameters + 1, parameters + 2);
    // A condition of its own for either case: with a cursor, the index is entered at its place.
    let from = match cursor {
        Some(_) => format!("({}) {comparison} {at_cursor}", columns.join(", ")),
        None => format!("CAST(${at} AS TEXT) IS NULL"),
    };
    let within = within.map_or_else(String::new, |within| format!(" AND {within}"));
    let order = columns.iter().map(|column| format!("{column} {direction}")).collect::<Vec<_>>().join(", ");
    let sql = format!("{select}{within} AND {from} ORDER BY {order} LIMIT ${limit}");
    Keyset { sql: AssertSqlSafe(sql), cursor, limit: i64::from(request.limit) + 1 }
}
