//! Reading the event chain: a list for callers, and the check of the whole chain for auditors.
use super::Authority;
use super::acting::demand_admin_of;
use super::caller::Caller;
use super::error::Error;
use crate::domain::event::{ChainCheck, ChainError, Event, EventFilter};
use crate::domain::management_key::Power;
use crate::domain::page::{Cursor, Page, PageRequest};
use crate::storage::{Database, StoreError, Tx, events, installation};

/// How many rows are read at a time.
const CHUNK: i64 = 1000;

impl Authority {
    pub async fn list_events(&self, caller: &Caller, filter: &EventFilter, request: &PageRequest) -> Result<Page<Event>, Error> {
        let reach = caller.demand(Power::EventsRead)?;
        let mut tx = self.database.read().await?;
        demand_admin_of(&mut tx, caller, filter.organization_id.as_deref()).await?;
        if let Some(Cursor::After(id) | Cursor::Before(id)) = &request.cursor {
            events::find_rev(&mut tx, reach, id).await?.ok_or(Error::InvalidCursor)?;
        }
        Ok(events::list(&mut tx, reach, filter, request).await?)
    }
}

/// Why the chain was not found whole.
#[derive(Debug, thiserror::Error)]
pub enum AuditError {
    #[error(transparent)]
    Broken(#[from] ChainError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Checks every row of the chain; answers how many there are.
///
/// # Errors
/// [`AuditError::Broken`] with the first bad row.
pub async fn verify_chain(database: &Database) -> Result<i64, AuditError> {
    verify_chain_in(&mut database.read_at_leisure().await?).await
}

/// The same in a transaction that has begun.
///
/// # Errors
/// [`AuditError::Broken`].
pub async fn verify_chain_in(tx: &mut Tx) -> Result<i64, AuditError> {
    let head = installation::head(tx).await?;
    let mut check = ChainCheck::default();
    loop {
        let rows = events::chain_after(tx, check.rev, CHUNK).await?;
        if rows.is_empty() {
            break;
        }
        for chained in rows {
            check.take(&chained.row, &chained.hash)?;
        }
    }
    check.finish(head.rev, &head.event_hash)?;
    Ok(check.rev)
}
