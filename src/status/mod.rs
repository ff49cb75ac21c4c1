//! What verifiers are told, in memory: every revocation that still matters, how far the store was read, and who listens.
pub mod bits;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::ops::Range;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};
use std::time::Duration;

use chancery_verifier::StatusIndex;
use tokio::sync::{broadcast, watch};

use crate::domain::revocation::{Revocation, Revoked};
use crate::domain::timestamp::Timestamp;

/// How many messages a listener may be behind before he is told to take the snapshot.
const LISTENER_ROOM: usize = 64;
/// For how long it is known how far the chain had come at a moment.
const HEADS_KEPT: Duration = Duration::from_secs(60);
/// How many publications it is known of when they went out.
const PUBLICATIONS_KEPT: usize = 100_000;

/// How far the store was read, and as of when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// The database's incarnation.
    pub epoch: Arc<str>,
    pub rev: i64,
    /// Read before the store was: everything committed by then is known.
    pub as_of: Timestamp,
    /// How many status lists there are.
    pub lists: u64,
    /// How long a verifier remembers a revocation.
    pub kept: Duration,
}

impl Seen {
    /// The name of the revision, as verifiers are told it.
    pub fn revision(&self) -> String {
        revision(&self.epoch, self.rev)
    }
}

/// The name of a revision: the database's incarnation and the number.
pub fn revision(epoch: &str, rev: i64) -> String {
    format!("{epoch}.{rev}")
}

/// The number of a revision of this incarnation, from its name.
pub fn read_revision(id: &str, epoch: &str) -> Option<i64> {
    id.rsplit_once('.').filter(|(of, _)| *of == epoch).and_then(|(_, rev)| read_number(rev))
}

/// A whole number as it is written here, and in no other way: a cache would keep each apart.
pub fn read_number(text: &str) -> Option<i64> {
    text.parse().ok().filter(|number: &i64| *number >= 0 && number.to_string() == text)
}

/// A message of the feed.
#[derive(Clone, Debug)]
pub enum Message {
    /// A signed frame, and what names it.
    Frame { id: String, frame: String },
    /// Too much happened for one frame: the snapshot has it.
    Reset,
}

/// The memory. It is written by one publisher, and read by whoever answers.
pub struct Status {
    revocations: RwLock<Revocations>,
    seen: watch::Sender<Option<Seen>>,
    published: watch::Sender<i64>,
    feed: broadcast::Sender<Arc<Message>>,
}

#[derive(Default)]
struct Revocations {
    /// In the order of the chain.
    live: VecDeque<Revocation>,
    /// How far the chain had come, at the moments of the last minute.
    heads: VecDeque<(Timestamp, i64)>,
    /// When each published revision went out; the first is what there was at the start.
    publications: VecDeque<(i64, Timestamp)>,
    /// The last change of each status list.
    changed: BTreeMap<u64, i64>,
}

/// Revocations as they are published.
#[derive(Default)]
pub struct Entries {
    pub indexes: Vec<StatusIndex>,
    pub tokens: BTreeMap<String, u64>,
}

impl Entries {
    /// The positions, by list.
    pub fn set(&self) -> BTreeMap<u64, BTreeSet<u64>> {
        let mut set: BTreeMap<u64, BTreeSet<u64>> = BTreeMap::new();
        for index in &self.indexes {
            set.entry(index.list()).or_default().insert(index.position());
        }
        set
    }
}

impl<'a> FromIterator<&'a Revocation> for Entries {
    fn from_iter<I: IntoIterator<Item = &'a Revocation>>(revocations: I) -> Self {
        let mut entries = Self::default();
        for revocation in revocations {
            match &revocation.revoked {
                Revoked::Credential(index) => entries.indexes.push(*index),
                Revoked::Token { jti, expires_at } => drop(entries.tokens.insert(jti.clone(), expires_at.seconds())),
            }
        }
        entries
    }
}

impl Default for Status {
    fn default() -> Self {
        Self {
            revocations: RwLock::default(),
            seen: watch::Sender::new(None),
            published: watch::Sender::new(0),
            feed: broadcast::Sender::new(LISTENER_ROOM),
        }
    }
}

impl Status {
    /// Takes in what was read of the store.
    pub fn take_in(&self, new: Vec<Revocation>, seen: Seen) {
        let mut revocations = self.revocations.write().unwrap_or_else(PoisonError::into_inner);
        for revocation in &new {
            if let Revoked::Credential(index) = &revocation.revoked {
                revocations.changed.insert(index.list(), revocation.rev);
            }
        }
        revocations.live.extend(new);
        revocations.heads.push_back((seen.as_of, seen.rev));
        while revocations.heads.len() > 1 && revocations.heads[1].0 + HEADS_KEPT < seen.as_of {
            revocations.heads.pop_front();
        }
        drop(revocations);
        self.seen.send_replace(Some(seen));
    }

    /// How far the store was read; `None` before it was for the first time.
    pub fn seen(&self) -> Option<Seen> {
        self.seen.borrow().clone()
    }

    /// Tells every listener; there need be none.
    pub fn tell(&self, message: Message) {
        let _ = self.feed.send(Arc::new(message));
    }

    /// Notes that everything up to `rev` is told.
    pub fn advance(&self, rev: i64, now: Timestamp) {
        let mut revocations = self.revocations.write().unwrap_or_else(PoisonError::into_inner);
        if revocations.publications.back().is_none_or(|(last, _)| *last < rev) {
            revocations.publications.push_back((rev, now));
            if revocations.publications.len() > PUBLICATIONS_KEPT {
                revocations.publications.pop_front();
            }
        }
        drop(revocations);
        self.published.send_if_modified(|published| {
            let newer = *published < rev;
            *published = rev.max(*published);
            newer
        });
    }

    /// What is published from now on.
    pub fn listen(&self) -> broadcast::Receiver<Arc<Message>> {
        self.feed.subscribe()
    }

    /// How many listen.
    pub fn listeners(&self) -> usize {
        self.feed.receiver_count()
    }

    /// Resolves when everything up to `rev` is published.
    pub async fn wait_for(&self, rev: i64) {
        let _ = self.published.subscribe().wait_for(|published| *published >= rev).await;
    }

    /// When a revision was published by this process; `None` if it was not yet.
    pub fn published_at(&self, rev: i64) -> Option<Timestamp> {
        let revocations = self.read();
        let position = revocations.publications.partition_point(|(published, _)| *published < rev);
        revocations.publications.get(position).map(|(_, at)| *at)
    }

    /// How far the chain had surely come at a moment.
    pub fn rev_at(&self, moment: Timestamp) -> Option<i64> {
        let revocations = self.read();
        let known = revocations.heads.iter().take_while(|(as_of, _)| *as_of <= moment).last();
        known.or_else(|| revocations.heads.front()).map(|(_, rev)| *rev)
    }

    /// How much is revoked in a range of revisions.
    pub fn count(&self, revs: Range<i64>) -> usize {
        self.read().within(revs).len()
    }

    /// What is revoked in a range of revisions.
    pub fn entries(&self, revs: Range<i64>) -> Entries {
        let revocations = self.read();
        revocations.live.range(revocations.within(revs)).collect()
    }

    /// The revoked positions of one list, and the revision it last changed at.
    pub fn list(&self, list: u64) -> (i64, Vec<u64>) {
        let revocations = self.read();
        let indexes = revocations.live.iter().filter_map(|revocation| match &revocation.revoked {
            Revoked::Credential(index) if index.list() == list => Some(index.position()),
            _ => None,
        });
        (revocations.changed_at(list), indexes.collect())
    }

    /// The revision a list last changed at.
    pub fn list_changed_at(&self, list: u64) -> i64 {
        self.read().changed_at(list)
    }

    /// Forgets what no token can carry any more.
    pub fn purge(&self, now: Timestamp) {
        self.revocations.write().unwrap_or_else(PoisonError::into_inner).live.retain(|revocation| revocation.kept_until > now);
    }

    /// How many revocations are remembered.
    pub fn live(&self) -> usize {
        self.read().live.len()
    }

    fn read(&self) -> RwLockReadGuard<'_, Revocations> {
        self.revocations.read().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Revocations {
    fn changed_at(&self, list: u64) -> i64 {
        self.changed.get(&list).copied().unwrap_or(0)
    }

    fn within(&self, revs: Range<i64>) -> Range<usize> {
        let position = |rev: i64| self.live.partition_point(|revocation| revocation.rev < rev);
        position(revs.start)..position(revs.end)
    }
}
