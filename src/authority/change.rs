//! One change: its rows, its events with their place in the chain, and the answer kept for a retry, in one transaction.
use std::sync::Arc;
use std::time::Duration;

use super::Authority;
use super::acting;
use super::bound::Revokes;
use super::caller::{Call, Caller, Operation};
use super::error::Error;
use super::idempotency::{Begun, InFlightGuard, KeptIdempotency};
use crate::domain::event::{Actor, EVENT_NAMES, EventRow, NewEvent};
use crate::domain::id::{EventId, OrganizationId};
use crate::domain::management_key::Reach;
use crate::domain::timestamp::Timestamp;
use crate::storage::{Tx, events, idempotent_answers, installation};

/// How long the answer to a request with an Idempotency-Key is kept.
const ANSWER_KEPT: Duration = Duration::from_secs(24 * 3600);

/// A change that has begun: it holds the head lock until it is committed or dropped, and a dropped one leaves no trace.
pub struct Change {
    pub(super) authority: Arc<Authority>,
    pub(super) tx: Tx,
    pub(super) now: Timestamp,
    pub(super) actor: Actor,
    pub(super) caller: Option<Caller>,
    pub(super) if_match: Option<i64>,
    /// Where an acting user was found to be an admin.
    pub(super) acted_in: Vec<OrganizationId>,
    request_id: Option<String>,
    source_ip: Option<String>,
    events: Vec<NewEvent>,
    /// Whose tokens it makes worthless.
    pub(super) revokes: Option<Revokes>,
    /// The place in the chain of its first event, once that is written; it is that of all it revokes.
    pub(super) first_rev: Option<i64>,
    kept: Option<KeptIdempotency>,
    _in_flight: Option<InFlightGuard>,
}

impl Authority {
    /// Begins what a caller asked for, or finds the answer he was given before.
    ///
    /// # Errors
    /// [`Error::Forbidden`] without the power; [`Error::IdempotencyKeyReused`]; [`Error::Unavailable`].
    pub async fn begin(self: &Arc<Self>, call: &Call, operation: Operation) -> Result<Begun, Error> {
        call.caller.demand(operation.power)?;
        let in_flight = match &call.idempotency {
            Some(idempotency) => Some(self.in_flight.enter(idempotency.key_hash(&call.caller)).await?),
            None => None,
        };
        let mut tx = self.database.write().await?;
        call.caller.demand_alive(&mut tx).await?;
        // Read after the lock: times in the chain run backwards by no more than the instances' clocks differ.
        let now = self.clock.now();
        let kept = match &call.idempotency {
            None => None,
            Some(idempotency) => match idempotency.find(self, &call.caller, &mut tx, now).await? {
                Ok(answer) => {
                    drop(tx);
                    self.catch_up().await?;
                    return Ok(Begun::Replay(answer));
                }
                Err(kept) => Some(kept),
            },
        };
        let actor = acting::actor(&mut tx, &call.caller).await?;
        Ok(Begun::Change(Box::new(Change {
            authority: Arc::clone(self),
            tx,
            now,
            actor,
            caller: Some(call.caller.clone()),
            if_match: call.if_match,
            acted_in: Vec::new(),
            request_id: Some(call.request_id.clone()),
            source_ip: call.source_ip.map(|address| address.to_string()),
            events: Vec::new(),
            revokes: None,
            first_rev: None,
            kept,
            _in_flight: in_flight,
        })))
    }

    /// Begins what the authority does by itself, or on behalf of `actor`.
    pub(super) async fn begin_as(self: &Arc<Self>, actor: Actor) -> Result<Change, Error> {
        Ok(self.begin_in(self.database.write().await?, actor))
    }

    /// The same in a transaction that holds the head lock already.
    pub(super) fn begin_in(self: &Arc<Self>, tx: Tx, actor: Actor) -> Change {
        Change {
            authority: Arc::clone(self),
            tx,
            now: self.clock.now(),
            actor,
            caller: None,
            if_match: None,
            acted_in: Vec::new(),
            request_id: None,
            source_ip: None,
            events: Vec::new(),
            revokes: None,
            first_rev: None,
            kept: None,
            _in_flight: None,
        }
    }
}

impl Change {
    /// Says which request it is for.
    pub(super) fn came_from(&mut self, request_id: &str, source_ip: Option<std::net::IpAddr>) {
        (self.request_id, self.source_ip) = (Some(request_id.to_owned()), source_ip.map(|address| address.to_string()));
    }

    /// Notes what happened; it gets its place in the chain when the change is committed.
    pub(super) fn note(&mut self, event: NewEvent) {
        debug_assert!(
            event.event.ends_with("_refused") || EVENT_NAMES.contains(&event.event.as_str()),
            "{} is no known event",
            event.event
        );
        self.events.push(event);
    }

    /// Which organizations the change may touch.
    pub(super) fn reach(&self) -> Reach {
        self.caller.as_ref().map_or(Reach::Installation, Caller::reach)
    }

    /// # Errors
    /// [`Error::Forbidden`] for a caller that is bound to one organization.
    pub(super) fn demand_installation(&self) -> Result<(), Error> {
        self.caller.as_ref().map_or(Ok(()), Caller::demand_installation)
    }

    /// # Errors
    /// [`Error::VersionMismatch`] when the caller saw another version than the one at hand.
    pub(super) fn check_version(&self, version: i64) -> Result<(), Error> {
        match self.if_match {
            Some(seen) if seen != version => Err(Error::VersionMismatch),
            _ => Ok(()),
        }
    }

    /// Commits, with `answer` kept for a retry where the caller asked for that, and takes the change into memory. Only then may he be told.
    ///
    /// # Errors
    /// [`Error::Unavailable`]: nothing was changed, or the change is durable but could not be read back yet, or, of a database server whose
    /// answer was cut off, nobody knows; a retry with the same Idempotency-Key finds out.
    pub async fn commit(self, answer: &[u8]) -> Result<(), Error> {
        let authority = Arc::clone(&self.authority);
        self.make_durable(answer).await?;
        // Also when nothing was left to change: whoever changed it may not have taken it into memory yet.
        authority.catch_up().await
    }

    /// The first half of [`Change::commit`].
    pub(super) async fn make_durable(mut self, answer: &[u8]) -> Result<(), Error> {
        if let Some(kept) = self.kept.take() {
            let sealed = kept.seal(&self.authority, &self.acted_in, answer)?;
            idempotent_answers::insert(&mut self.tx, kept.key_hash(), &sealed, self.now + ANSWER_KEPT).await?;
        }
        let authority = Arc::clone(&self.authority);
        self.chain_events().await?;
        self.tx.commit().await?;
        authority.committed.send_replace(());
        Ok(())
    }

    /// Writes the events noted so far.
    pub(super) async fn chain_events(&mut self) -> Result<(), Error> {
        if self.events.is_empty() {
            return Ok(());
        }
        let mut head = installation::head(&mut self.tx).await?;
        self.first_rev.get_or_insert(head.rev + 1);
        for event in std::mem::take(&mut self.events) {
            self.demand_acted_in(event.organization_id)?;
            let id: EventId = self.authority.random.id(self.now);
            head.rev += 1;
            let row = EventRow {
                rev: head.rev,
                id: id.to_string(),
                event: event.event,
                organization_id: event.organization_id.map(|id| id.to_string()),
                subject_kind: event.subject.kind().to_owned(),
                subject_id: event.subject.id().to_owned(),
                data: event.data.to_string(),
                before: event.before.map(|before| before.to_string()),
                actor_id: self.actor.id.clone(),
                actor_source: self.actor.source.to_owned(),
                actor_name: self.actor.name.clone(),
                actor_via: self.actor.via.clone(),
                request_id: self.request_id.clone(),
                source_ip: self.source_ip.clone(),
                created_at: self.now.millis(),
                previous_hash: head.event_hash,
            };
            head.event_hash = row.hash();
            events::insert(&mut self.tx, &row, &head.event_hash).await?;
        }
        Ok(installation::move_head(&mut self.tx, &head).await?)
    }
}
