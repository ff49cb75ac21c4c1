//! What verifiers ask for: the feed, a slot of it, what they missed, everything, or a status list (draft-ietf-oauth-status-list §5, §8).
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use chancery_verifier::list_uri;
use serde::Serialize;
use tokio::sync::{Mutex, broadcast};

use super::Authority;
use super::error::Error;
use super::publish::{MAX_FRAME_ENTRIES, lists};
use crate::domain::timestamp::Timestamp;
use crate::status::Seen;
use crate::status::bits::pack;
use crate::status::read_revision;
pub use crate::status::{Message, read_number};
use crate::storage::installation;

/// The most entries of a frame that only one listener is sent; more is in the snapshot, which is made for all.
const MAX_CATCH_UP_ENTRIES: usize = 1024;
/// How far back a frame of a slot reaches.
const SLOT_COVERS: Duration = Duration::from_secs(5);
/// How long a slot may be asked for after its time.
const SLOTS_KEPT: u64 = 5;
/// How long whoever asks for the next slot waits at the most.
const SLOT_WAIT: Duration = Duration::from_secs(1);
/// A snapshot serves whoever asks for this long.
const SNAPSHOT_SERVES: Duration = Duration::from_secs(1);
/// With news it is made again, at most this often.
const SNAPSHOT_AT_MOST: Duration = Duration::from_millis(250);
/// A changed list is signed again at most this often, an unchanged one at least that often.
const LIST_AT_MOST: Duration = Duration::from_millis(250);
const LIST_AT_LEAST: Duration = Duration::from_secs(30);
/// How long a list may be believed, seconds, and after how many seconds it is worth asking again.
const LIST_LIFETIME: u64 = 60;
const LIST_TTL: u64 = 5;
/// The media type's subtype, which is the token's `typ` too.
pub const STATUS_LIST_TYPE: &str = "statuslist+jwt";

/// Slots that were answered: whoever asks again gets the same bytes, or is sent to the snapshot again.
pub(super) type Slots = Mutex<BTreeMap<u64, Option<Bytes>>>;

/// What is signed once for many.
#[derive(Default)]
pub(super) struct Documents {
    /// Held while a snapshot is made: there is never more than one under way.
    building: Mutex<()>,
    snapshot: Mutex<Option<(Seen, Bytes)>>,
    lists: Mutex<BTreeMap<u64, StatusList>>,
}

impl Documents {
    /// What listeners are sent to the snapshot for is not in the one at hand.
    pub(super) async fn forget_snapshot(&self) {
        *self.snapshot.lock().await = None;
    }
}

/// A status list as it is served.
#[derive(Clone)]
pub struct StatusList {
    pub token: Bytes,
    /// Its entity tag, without quotes.
    pub tag: String,
    changed_at: i64,
    as_of: Timestamp,
}

/// Why a slot is not answered.
#[derive(Debug, thiserror::Error)]
pub enum SlotError {
    #[error("a slot is the number of a second: the present one, the next, or one of the last {SLOTS_KEPT}")]
    OutOfReach,
    #[error("too much happened for one frame: take the snapshot")]
    TooMuch,
    #[error(transparent)]
    Failed(#[from] Error),
}

/// draft-ietf-oauth-status-list §5.1.
#[derive(Serialize)]
struct StatusListClaims<'a> {
    iss: &'a str,
    sub: String,
    iat: u64,
    exp: u64,
    ttl: u64,
    status_list: StatusListMember,
    rev: i64,
    epoch: &'a str,
}

#[derive(Serialize)]
struct StatusListMember {
    bits: u8,
    lst: String,
    aggregation_uri: String,
}

impl Authority {
    /// What a listener is told first, and what follows. Who says where he left off is told what he missed.
    ///
    /// # Errors
    /// [`Error::Unavailable`] while the store was never read.
    pub async fn follow_status(self: &Arc<Self>, left_off: Option<&str>) -> Result<(Message, broadcast::Receiver<Arc<Message>>), Error> {
        // Listened first: what is published in between comes twice, which harms nobody.
        let feed = self.status.listen();
        let seen = self.seen().await?;
        let prev = match left_off {
            None => Some(seen.rev),
            Some(id) => read_revision(id, &seen.epoch),
        };
        let seen = self.seen_from(prev.unwrap_or(0), seen).await?;
        let first = match prev.filter(|prev| *prev <= seen.rev) {
            Some(prev) => self.frame(prev, &seen, MAX_CATCH_UP_ENTRIES)?,
            None => None,
        };
        Ok((first.map_or(Message::Reset, |frame| Message::Frame { id: seen.revision(), frame }), feed))
    }

    /// A frame of everything after a revision; `None` when only the snapshot can say that.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn status_after(self: &Arc<Self>, epoch: &str, rev: i64) -> Result<Option<String>, Error> {
        let seen = self.seen_from(rev, self.seen().await?).await?;
        if *epoch != *seen.epoch || rev > seen.rev {
            return Ok(None);
        }
        self.frame(rev, &seen, MAX_CATCH_UP_ENTRIES)
    }

    /// The frame of one second: as of its beginning or later, and five seconds back. Everyone gets the same one.
    ///
    /// # Errors
    /// [`SlotError`].
    pub async fn status_slot(self: &Arc<Self>, slot: u64) -> Result<Bytes, SlotError> {
        let begins = Timestamp::from_millis(i64::try_from(slot).ok().and_then(|slot| slot.checked_mul(1000)).ok_or(SlotError::OutOfReach)?);
        let now = self.clock.now();
        if begins > now + SLOT_WAIT || slot + SLOTS_KEPT < now.seconds() {
            return Err(SlotError::OutOfReach);
        }
        while let wait @ 1.. = begins.since(self.clock.now()).as_millis() {
            tokio::time::sleep(Duration::from_millis(u64::try_from(wait).unwrap_or(0))).await;
        }
        let mut slots = self.publisher.slots.lock().await;
        if let Some(frame) = slots.get(&slot) {
            return frame.clone().ok_or(SlotError::TooMuch);
        }
        let seen = self.observe().await?;
        let prev = self.status.rev_at(begins - SLOT_COVERS).unwrap_or(seen.rev);
        let frame = self.frame(prev, &seen, MAX_FRAME_ENTRIES)?.map(Bytes::from);
        slots.insert(slot, frame.clone());
        while slots.len() as u64 > SLOTS_KEPT + 2 {
            slots.pop_first();
        }
        frame.ok_or(SlotError::TooMuch)
    }

    /// Everything that is revoked, signed, at most a second old.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn status_snapshot(self: &Arc<Self>) -> Result<Bytes, Error> {
        let _building = self.publisher.documents.building.lock().await;
        let kept = self.publisher.documents.snapshot.lock().await.clone();
        let now = self.clock.now();
        if let Some((seen, snapshot)) = kept {
            let news = self.status.count(seen.rev + 1..i64::MAX) > 0;
            if seen.as_of + if news { SNAPSHOT_AT_MOST } else { SNAPSHOT_SERVES } > now {
                return Ok(snapshot);
            }
        }
        let seen = self.observe().await?;
        let everything = self.status.entries(i64::MIN..seen.rev + 1);
        let snapshot = Bytes::from(self.snapshot(&seen, everything).await?);
        *self.publisher.documents.snapshot.lock().await = Some((seen, snapshot.clone()));
        Ok(snapshot)
    }

    /// A status list; `None` when there is none of this number.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn status_list(self: &Arc<Self>, list: u64) -> Result<Option<StatusList>, Error> {
        let now = self.clock.now();
        let seen = match self.seen().await? {
            // What would be signed has expired: the store is asked, or says that it cannot be.
            seen if seen.as_of + Duration::from_secs(LIST_LIFETIME) <= now => self.observe().await?,
            seen => seen,
        };
        // The first token of a new list may be quicker than the publisher. As of when he looked, nothing of it was revoked.
        if list > seen.lists || (list == seen.lists && list >= self.count_lists().await?) {
            return Ok(None);
        }
        let mut lists = self.publisher.documents.lists.lock().await;
        if let Some(kept) = lists.get(&list) {
            let unchanged = self.status.list_changed_at(list) == kept.changed_at;
            let serves = if unchanged { LIST_AT_LEAST } else { LIST_AT_MOST };
            if kept.as_of + serves > now || (unchanged && kept.as_of == seen.as_of) {
                return Ok(Some(kept.clone()));
            }
        }
        let (changed_at, positions) = self.status.list(list);
        let issuer = &self.deployment.issuer;
        let claims = StatusListClaims {
            iss: issuer,
            sub: list_uri(issuer, list),
            iat: seen.as_of.seconds(),
            exp: seen.as_of.seconds() + LIST_LIFETIME,
            ttl: LIST_TTL,
            status_list: StatusListMember { bits: 1, lst: pack(&positions), aggregation_uri: format!("{issuer}/status/v1/aggregation") },
            rev: seen.rev,
            epoch: &seen.epoch,
        };
        let token = Bytes::from(self.sign_status(STATUS_LIST_TYPE, &claims)?);
        let tag = format!("{}.{}.{}", seen.epoch, changed_at, seen.as_of.millis());
        let served = StatusList { token, tag, changed_at, as_of: seen.as_of };
        lists.insert(list, served.clone());
        Ok(Some(served))
    }

    /// How many lists there are now.
    async fn count_lists(&self) -> Result<u64, Error> {
        Ok(lists(&installation::status_head(&mut self.database.read().await?).await?))
    }

    /// The URIs of all status lists (draft-ietf-oauth-status-list §9).
    ///
    /// # Errors
    /// [`Error`].
    pub async fn status_lists(self: &Arc<Self>) -> Result<Vec<String>, Error> {
        let seen = self.seen().await?;
        Ok((0..seen.lists).map(|list| list_uri(&self.deployment.issuer, list)).collect())
    }

    /// How many listen to the feed, and how many revocations are remembered.
    pub fn status_figures(&self) -> (usize, usize) {
        (self.status.listeners(), self.status.live())
    }

    /// What was seen, or is now, where a listener has heard more from another instance than this one's publisher has seen.
    async fn seen_from(self: &Arc<Self>, rev: i64, seen: Seen) -> Result<Seen, Error> {
        if rev > seen.rev && rev <= self.directory.rev() { self.observe().await } else { Ok(seen) }
    }

    /// What the publisher last saw; it is asked to look when it never did.
    async fn seen(self: &Arc<Self>) -> Result<Seen, Error> {
        match self.status.seen() {
            Some(seen) => Ok(seen),
            None => self.observe().await,
        }
    }
}
