//! Counting uses: in memory where a credential is used, written in batches, each batch once and only once.
use std::collections::VecDeque;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use dashmap::DashMap;
use tokio::sync::{Mutex, Notify};

use super::Authority;
use super::error::Error;
use crate::clock;
use crate::directory::{ApiKeyEntry, SecretEntry};
use crate::domain::event::Actor;
use crate::domain::id::{ApplicationId, EventKind, ManagementKeyId};
use crate::domain::timestamp::Timestamp;
use crate::domain::token_quota::QuotaHolder;
use crate::domain::usage::{Used, Uses};
use crate::storage::usage;

#[derive(Clone, Copy)]
struct Count {
    uses: i64,
    last_at: Timestamp,
    last_ip: Option<IpAddr>,
}

/// How many credentials' counts are written together: others wait for the head lock meanwhile.
const BATCH: usize = 100;

/// What is counted, and the hour.
type Key = (Used, i64);

/// Counts that have not been written yet.
#[derive(Default)]
pub(crate) struct Counts {
    counts: DashMap<Key, Count>,
    /// Kept until they are written.
    first_uses: DashMap<Used, Timestamp>,
    management_keys: DashMap<ManagementKeyId, Timestamp>,
    /// Tokens of those that have a quota, by hour: other instances wait for them, so they wait behind no other count.
    tokens: DashMap<(QuotaHolder, i64), i64>,
    pending: Mutex<Pending>,
    first_use: Notify,
}

/// What is being written.
#[derive(Default)]
struct Pending {
    /// What ends another credential, or bounds another instance, waits behind no count.
    first_uses: VecDeque<Batch>,
    /// Whose counts are to be taken next.
    keys: VecDeque<Key>,
    /// Taken from the counts, but not known to be written: it is tried again under the same id.
    counts: Option<Batch>,
}

#[derive(Default)]
struct Batch {
    id: String,
    uses: Vec<Uses>,
    first_uses: Vec<(Used, Timestamp)>,
    management_keys: Vec<(ManagementKeyId, Timestamp)>,
    /// What came of token requests, in an hour.
    token_requests: (i64, Vec<(&'static str, i64)>),
}

impl Counts {
    /// Counts one successful use of a secret.
    pub(super) fn note_secret(&self, secret: &SecretEntry, application_id: ApplicationId, now: Timestamp, source: Option<IpAddr>) {
        self.note(Used::ClientSecret { id: secret.id, application_id }, secret.activated, now, source);
    }

    /// Counts one successful use of a key.
    pub(super) fn note_api_key(&self, entry: &ApiKeyEntry, now: Timestamp, source: Option<IpAddr>) {
        self.note(Used::ApiKey(entry.key.id), entry.key.activated_at.is_some(), now, source);
    }

    /// Counts one token for who has a quota.
    pub(super) fn note_token(&self, holder: QuotaHolder, now: Timestamp) {
        *self.tokens.entry((holder, now.hour())).or_default() += 1;
    }

    fn note(&self, used: Used, activated: bool, now: Timestamp, source: Option<IpAddr>) {
        let fresh = || Count { uses: 0, last_at: now, last_ip: source };
        let mut count = self.counts.entry((used, now.hour())).or_insert_with(fresh);
        count.uses += 1;
        (count.last_at, count.last_ip) = (now, source);
        drop(count);
        if !activated {
            self.first_uses.entry(used).or_insert(now);
            self.first_use.notify_one();
        }
    }

    pub(super) fn note_management_key(&self, id: ManagementKeyId, now: Timestamp) {
        self.management_keys.insert(id, now);
    }

    /// The first use of a credential that is not written yet.
    pub(super) fn first_use_of(&self, credential: Used) -> Option<Timestamp> {
        self.first_uses.get(&credential).map(|at| *at)
    }

    /// Resolves when a credential was used for the first time.
    pub(super) async fn first_use(&self) {
        self.first_use.notified().await;
    }

    fn take_first_uses(&self, mut id: impl FnMut() -> String) -> VecDeque<Batch> {
        let first_uses: Vec<_> = self.first_uses.iter().map(|entry| (*entry.key(), *entry.value())).collect();
        let keys: Vec<_> = self.management_keys.iter().map(|entry| *entry.key()).collect();
        let management_keys: Vec<_> = keys.into_iter().filter_map(|key| self.management_keys.remove(&key)).collect();
        let first_uses = first_uses.chunks(BATCH).map(|some| Batch { first_uses: some.to_vec(), ..Batch::default() });
        let management_keys = management_keys.chunks(BATCH).map(|some| Batch { management_keys: some.to_vec(), ..Batch::default() });
        let tokens: Vec<_> = self.tokens.iter().map(|entry| *entry.key()).collect();
        let tokens: Vec<_> = tokens.into_iter().filter_map(|key| self.tokens.remove(&key)).collect();
        let uses = |((holder, hour), tokens): &((QuotaHolder, i64), i64)| Uses {
            of: Used::TokenQuota(*holder),
            hour: *hour,
            uses: *tokens,
            last_used_at: Timestamp::from_hour(*hour),
            last_used_ip: None,
        };
        let tokens = tokens.chunks(BATCH).map(|some| Batch { uses: some.iter().map(uses).collect(), ..Batch::default() });
        first_uses.chain(tokens).chain(management_keys).map(|batch| Batch { id: id(), ..batch }).collect()
    }

    /// Each count is taken out as a whole: what is counted meanwhile begins a new one.
    fn take(&self, keys: impl Iterator<Item = Key>, id: String) -> Batch {
        let taken = keys.filter_map(|key| self.counts.remove(&key));
        let uses = taken.map(|((of, hour), count)| Uses {
            of,
            hour,
            uses: count.uses,
            last_used_at: count.last_at,
            last_used_ip: count.last_ip.map(|address| address.to_string()),
        });
        Batch { id, uses: uses.collect(), ..Batch::default() }
    }
}

impl Pending {
    fn is_empty(&self) -> bool {
        self.first_uses.is_empty() && self.keys.is_empty() && self.counts.is_none()
    }
}

impl Authority {
    /// Writes what was counted. A batch whose writing failed, or of which nobody knows, is tried again and counts once.
    ///
    /// # Errors
    /// [`Error::Unavailable`]; the counts are kept for the next try.
    pub async fn flush_uses(self: &Arc<Self>) -> Result<(), Error> {
        self.write_uses(None).await
    }

    /// The same, for as long as there is time: where ten thousands of credentials are used every second, their counts are written behind them,
    /// and tokens come first.
    pub(super) async fn flush_uses_within(self: &Arc<Self>, time: Duration) -> Result<(), Error> {
        self.write_uses(Some(clock::instant() + time)).await
    }

    /// Writes what ends another credential, and waits for no count.
    pub(super) async fn flush_first_uses(self: &Arc<Self>) -> Result<(), Error> {
        self.write_first_uses(&mut *self.uses.pending.lock().await).await
    }

    async fn write_uses(self: &Arc<Self>, until: Option<Instant>) -> Result<(), Error> {
        let mut pending = self.uses.pending.lock().await;
        // What waited since a try that failed, and then what was counted since; not what is counted meanwhile, or this might never end.
        let rounds = if pending.is_empty() { 1 } else { 2 };
        for _ in 0..rounds {
            self.write_first_uses(&mut pending).await?;
            self.write_counts(&mut pending, until).await?;
        }
        Ok(())
    }

    async fn write_first_uses(self: &Arc<Self>, pending: &mut Pending) -> Result<(), Error> {
        if pending.first_uses.is_empty() {
            pending.first_uses = self.uses.take_first_uses(|| self.batch_id());
        }
        while let Some(batch) = pending.first_uses.front() {
            self.write_batch(batch).await?;
            for (credential, _) in &batch.first_uses {
                self.uses.first_uses.remove(credential);
            }
            pending.first_uses.pop_front();
        }
        Ok(())
    }

    async fn write_counts(self: &Arc<Self>, Pending { keys, counts, .. }: &mut Pending, until: Option<Instant>) -> Result<(), Error> {
        if keys.is_empty() {
            *keys = self.uses.counts.iter().map(|entry| *entry.key()).collect();
        }
        let mut requests = self.token_requests.are_there();
        while counts.is_some() || !keys.is_empty() || requests {
            if until.is_some_and(|until| clock::instant() >= until) {
                break;
            }
            let batch = counts.get_or_insert_with(|| Batch {
                token_requests: (self.clock.now().hour(), self.token_requests.take()),
                ..self.uses.take(keys.drain(..keys.len().min(BATCH)), self.batch_id())
            });
            requests = false;
            self.write_batch(batch).await?;
            *counts = None;
        }
        Ok(())
    }

    fn batch_id(&self) -> String {
        self.random.id::<EventKind>(self.clock.now()).to_string()
    }

    async fn write_batch(self: &Arc<Self>, batch: &Batch) -> Result<(), Error> {
        let mut change = self.begin_as(Actor::system()).await?;
        if usage::begin_batch(&mut change.tx, &batch.id, change.now).await? {
            usage::add(&mut change.tx, &batch.uses).await?;
            let (hour, requests) = &batch.token_requests;
            usage::add_token_requests(&mut change.tx, *hour, requests).await?;
            for (credential, at) in &batch.first_uses {
                match *credential {
                    Used::ClientSecret { id, .. } => change.activate_secret(id, *at).await?,
                    Used::ApiKey(id) => change.activate_api_key(id, *at).await?,
                    Used::TokenQuota(_) => {}
                }
            }
            for (id, at) in &batch.management_keys {
                usage::touch_management_key(&mut change.tx, *id, *at).await?;
            }
        }
        change.commit(&[]).await
    }
}
