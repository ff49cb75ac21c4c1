//! Counting uses: in memory on the token path, written in batches, each batch once and only once.
use std::net::IpAddr;
use std::sync::Arc;

use dashmap::DashMap;
use tokio::sync::{Mutex, Notify};

use super::Authority;
use super::error::Error;
use crate::directory::SecretEntry;
use crate::domain::event::Actor;
use crate::domain::id::{ApplicationId, ClientSecretId, EventKind, ManagementKeyId};
use crate::domain::timestamp::Timestamp;
use crate::storage::usage::{self, SecretUses};

#[derive(Clone, Copy)]
struct Count {
    application_id: ApplicationId,
    uses: i64,
    last_at: Timestamp,
    last_ip: Option<IpAddr>,
}

/// Counts that have not been written yet.
#[derive(Default)]
pub(crate) struct Uses {
    /// By secret and hour.
    counts: DashMap<(ClientSecretId, i64), Count>,
    first_uses: DashMap<ClientSecretId, Timestamp>,
    management_keys: DashMap<ManagementKeyId, Timestamp>,
    /// Taken from the maps, but not known to be written: it is tried again under the same id.
    batch: Mutex<Option<Batch>>,
    first_use: Notify,
}

struct Batch {
    id: String,
    uses: Vec<SecretUses>,
    first_uses: Vec<(ClientSecretId, Timestamp)>,
    management_keys: Vec<(ManagementKeyId, Timestamp)>,
}

impl Uses {
    /// Counts one successful use.
    pub(super) fn note(&self, secret: &SecretEntry, application_id: ApplicationId, now: Timestamp, source: Option<IpAddr>) {
        let fresh = || Count { application_id, uses: 0, last_at: now, last_ip: source };
        let mut count = self.counts.entry((secret.id, now.hour())).or_insert_with(fresh);
        count.uses += 1;
        (count.last_at, count.last_ip) = (now, source);
        drop(count);
        if !secret.activated {
            self.first_uses.entry(secret.id).or_insert(now);
            self.first_use.notify_one();
        }
    }

    pub(super) fn note_management_key(&self, id: ManagementKeyId, now: Timestamp) {
        self.management_keys.insert(id, now);
    }

    /// Resolves when a secret was used for the first time.
    pub(super) async fn first_use(&self) {
        self.first_use.notified().await;
    }

    /// Each entry is taken out as a whole: what is counted meanwhile begins a new one.
    fn take(&self, id: String) -> Option<Batch> {
        let keys: Vec<_> = self.counts.iter().map(|entry| *entry.key()).collect();
        let taken = keys.into_iter().filter_map(|key| self.counts.remove(&key));
        let uses: Vec<_> = taken
            .map(|((secret_id, hour), count)| SecretUses {
                secret_id,
                application_id: count.application_id,
                hour,
                uses: count.uses,
                last_used_at: count.last_at,
                last_used_ip: count.last_ip.map(|address| address.to_string()),
            })
            .collect();
        let first: Vec<_> = self.first_uses.iter().map(|entry| *entry.key()).collect();
        let first_uses: Vec<_> = first.into_iter().filter_map(|key| self.first_uses.remove(&key)).collect();
        let keys: Vec<_> = self.management_keys.iter().map(|entry| *entry.key()).collect();
        let management_keys: Vec<_> = keys.into_iter().filter_map(|key| self.management_keys.remove(&key)).collect();
        let nothing = uses.is_empty() && first_uses.is_empty() && management_keys.is_empty();
        (!nothing).then_some(Batch { id, uses, first_uses, management_keys })
    }
}

impl Authority {
    /// Writes what was counted. A batch whose writing failed, or of which nobody knows, is tried again and counts once.
    ///
    /// # Errors
    /// [`Error::Unavailable`]; the counts are kept for the next try.
    pub async fn flush_uses(self: &Arc<Self>) -> Result<(), Error> {
        let mut pending = self.uses.batch.lock().await;
        if pending.is_none() {
            *pending = self.uses.take(self.random.id::<EventKind>(self.clock.now()).to_string());
        }
        let Some(batch) = pending.as_ref() else { return Ok(()) };
        let mut change = self.begin_as(Actor::system()).await?;
        if usage::begin_batch(&mut change.tx, &batch.id, change.now).await? {
            for uses in &batch.uses {
                usage::add(&mut change.tx, uses).await?;
            }
            for (id, at) in &batch.first_uses {
                change.activate_secret(*id, *at).await?;
            }
            for (id, at) in &batch.management_keys {
                usage::touch_management_key(&mut change.tx, *id, *at).await?;
            }
        }
        change.commit(&[]).await?;
        *pending = None;
        Ok(())
    }
}
