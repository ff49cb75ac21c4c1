//! The event chain.
use serde_json::value::RawValue;
use sqlx::FromRow;

use super::installation::Head;
use super::page::{Key, keyset_by};
use super::{Result, StoreError, Tx, on, run, stored};
use crate::domain::event::{ActorView, Context, Event, EventFilter, EventRow, Subject};
use crate::domain::id::OrganizationId;
use crate::domain::management_key::Reach;
use crate::domain::page::{Page, PageRequest};
use crate::domain::timestamp::Timestamp;
use crate::domain::webhook::EVERY_EVENT;

/// Events follow one another in the order of the chain, whatever the clock said when their ids were made.
const EVENT_KEY: Key = Key { column: "rev", of_cursor: |at| format!("(SELECT rev FROM event WHERE id = ${at})") };

#[derive(FromRow)]
struct Row {
    rev: i64,
    id: String,
    event: String,
    organization_id: Option<String>,
    subject_kind: String,
    subject_id: String,
    data: String,
    before_data: Option<String>,
    actor_id: String,
    actor_source: String,
    actor_name: Option<String>,
    actor_via: Option<String>,
    request_id: Option<String>,
    source_ip: Option<String>,
    created_at: i64,
    previous_hash: String,
    hash: String,
}

/// A row of the chain and the hash stored with it.
pub struct ChainedRow {
    pub row: EventRow,
    pub hash: String,
}

impl From<Row> for ChainedRow {
    fn from(row: Row) -> Self {
        let hash = row.hash;
        let row = EventRow {
            rev: row.rev,
            id: row.id,
            event: row.event,
            organization_id: row.organization_id,
            subject_kind: row.subject_kind,
            subject_id: row.subject_id,
            data: row.data,
            before: row.before_data,
            actor_id: row.actor_id,
            actor_source: row.actor_source,
            actor_name: row.actor_name,
            actor_via: row.actor_via,
            request_id: row.request_id,
            source_ip: row.source_ip,
            created_at: row.created_at,
            previous_hash: row.previous_hash,
        };
        Self { row, hash }
    }
}

impl TryFrom<Row> for Event {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self> {
        Ok(Self {
            id: stored("event.id", &row.id)?,
            event: row.event,
            data: RawValue::from_string(row.data).map_err(|_json| StoreError::Unreadable(format!("event {} data", row.id)))?,
            created_at: Timestamp::from_millis(row.created_at),
            context: Context { actor: ActorView { id: row.actor_id, source: row.actor_source, name: row.actor_name, via: row.actor_via } },
            rev: row.rev,
        })
    }
}

pub async fn insert(tx: &mut Tx, row: &EventRow, hash: &str) -> Result<()> {
    let sql = "INSERT INTO event (rev, id, event, organization_id, subject_kind, subject_id, data, before_data, actor_id, actor_source, \
               actor_name, request_id, source_ip, created_at, previous_hash, hash, actor_via) \
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)";
    run!(tx, |connection| sqlx::query(sql)
        .bind(row.rev)
        .bind(&row.id)
        .bind(&row.event)
        .bind(&row.organization_id)
        .bind(&row.subject_kind)
        .bind(&row.subject_id)
        .bind(&row.data)
        .bind(&row.before)
        .bind(&row.actor_id)
        .bind(&row.actor_source)
        .bind(&row.actor_name)
        .bind(&row.request_id)
        .bind(&row.source_ip)
        .bind(row.created_at)
        .bind(&row.previous_hash)
        .bind(hash)
        .bind(&row.actor_via)
        .execute(connection))
}

pub async fn list(tx: &mut Tx, reach: Reach, filter: &EventFilter, request: &PageRequest) -> Result<Page<Event>> {
    let select = "SELECT * FROM event WHERE (CAST($1 AS TEXT) IS NULL OR organization_id = $1) \
                  AND (CAST($2 AS TEXT) IS NULL OR organization_id = $2) \
                  AND (CAST($3 AS BIGINT) IS NULL OR created_at >= $3) AND (CAST($4 AS BIGINT) IS NULL OR created_at < $4) \
                  AND (CAST($5 AS TEXT) IS NULL OR $5 LIKE '%,' || event || ',%')";
    let within = match (reach.organization(), &filter.organization_id) {
        (Some(_), _) => Some("organization_id = $1"),
        (None, Some(_)) => Some("organization_id = $2"),
        (None, None) => None,
    };
    let keyset = keyset_by(select, within, &EVENT_KEY, 5, request);
    let own = reach.organization().map(|id| id.to_string());
    let names = (!filter.events.is_empty()).then(|| format!(",{},", filter.events.join(",")));
    let rows: Vec<Row> = on!(tx, |connection| sqlx::query_as(keyset.sql)
        .bind(own)
        .bind(&filter.organization_id)
        .bind(filter.from.map(Timestamp::millis))
        .bind(filter.to.map(Timestamp::millis))
        .bind(names)
        .bind(keyset.cursor)
        .bind(keyset.limit)
        .fetch_all(connection))?;
    let events = rows.into_iter().map(TryInto::try_into).collect::<Result<Vec<Event>>>()?;
    Ok(Page::of(events, request, |event| event.id.to_string()))
}

/// A stretch of the chain, as the directory follows it.
pub struct Changes {
    /// Of the event before the first.
    pub previous_hash: String,
    pub subjects: Vec<Subject>,
    /// Where the stretch ends.
    pub last: Head,
}

/// Some of what changed after `rev`, in order; `None` when nothing did.
pub async fn changes_after(tx: &mut Tx, rev: i64) -> Result<Option<Changes>> {
    let sql = "SELECT rev, subject_kind, subject_id, previous_hash, hash FROM event WHERE rev > $1 ORDER BY rev LIMIT 200";
    let rows: Vec<(i64, String, String, String, String)> = on!(tx, |connection| sqlx::query_as(sql).bind(rev).fetch_all(connection))?;
    let (Some(first), Some(last)) = (rows.first(), rows.last()) else { return Ok(None) };
    let (previous_hash, last) = (first.3.clone(), Head { rev: last.0, event_hash: last.4.clone() });
    let subjects = rows.into_iter().map(|(_, kind, id, _, _)| Subject::stored(&kind, id)).collect();
    Ok(Some(Changes { previous_hash, subjects, last }))
}

/// Rows of the chain after `rev`, at most `limit`.
pub async fn chain_after(tx: &mut Tx, rev: i64, limit: i64) -> Result<Vec<ChainedRow>> {
    let sql = "SELECT * FROM event WHERE rev > $1 ORDER BY rev LIMIT $2";
    let rows: Vec<Row> = on!(tx, |connection| sqlx::query_as(sql).bind(rev).bind(limit).fetch_all(connection))?;
    Ok(rows.into_iter().map(Into::into).collect())
}

/// The events after `rev` that an endpoint is sent, in order, at most `limit`.
pub async fn for_endpoint(tx: &mut Tx, organization: Option<OrganizationId>, names: &[String], rev: i64, limit: i64) -> Result<Vec<Event>> {
    let sql = "SELECT * FROM event WHERE rev > $1 AND (CAST($2 AS TEXT) IS NULL OR organization_id = $2) \
               AND (CAST($3 AS TEXT) IS NULL OR $3 LIKE '%,' || event || ',%') ORDER BY rev LIMIT $4";
    let names = (!names.iter().any(|name| name == EVERY_EVENT)).then(|| format!(",{},", names.join(",")));
    let rows: Vec<Row> = on!(tx, |connection| sqlx::query_as(sql)
        .bind(rev)
        .bind(organization.map(|id| id.to_string()))
        .bind(names)
        .bind(limit)
        .fetch_all(connection))?;
    rows.into_iter().map(TryInto::try_into).collect()
}

/// The place in the chain of an event in reach.
pub async fn find_rev(tx: &mut Tx, reach: Reach, id: &str) -> Result<Option<i64>> {
    let sql = "SELECT rev FROM event WHERE id = $1 AND (CAST($2 AS TEXT) IS NULL OR organization_id = $2)";
    let own = reach.organization().map(|id| id.to_string());
    on!(tx, |connection| sqlx::query_scalar(sql).bind(id).bind(own).fetch_optional(connection))
}
