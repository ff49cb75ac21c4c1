//! Failed client authentications: counted in memory, told as one event per client, minute and instance; unknown clients together.
use std::net::IpAddr;
use std::sync::Arc;

use dashmap::DashMap;
use serde::Serialize;
use serde_json::json;

use super::Authority;
use super::error::Error;
use crate::domain::event::{Actor, NewEvent, Subject};
use crate::domain::id::{ApiKeyId, ClientId};
use crate::domain::timestamp::Timestamp;

/// How many are written together.
const AT_ONCE: usize = 100;

#[derive(Clone, Copy)]
struct Count {
    failures: u64,
    last_ip: Option<IpAddr>,
}

/// A known client that failed to authenticate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(untagged)]
pub(super) enum FailedClient {
    Application(ClientId),
    ApiKey(ApiKeyId),
}

/// By client (`None` is every unknown one) and minute.
#[derive(Default)]
pub(crate) struct Failures {
    counts: DashMap<(Option<FailedClient>, i64), Count>,
}

fn minute(at: Timestamp) -> i64 {
    at.millis().div_euclid(60_000)
}

impl Failures {
    pub(super) fn note(&self, client: Option<FailedClient>, source: Option<IpAddr>, now: Timestamp) {
        let mut count = self.counts.entry((client, minute(now))).or_insert(Count { failures: 0, last_ip: source });
        count.failures += 1;
        count.last_ip = source;
    }
}

impl Authority {
    /// Writes the counts of the minutes that are over; with `all` also the running one's.
    ///
    /// # Errors
    /// [`Error::Unavailable`]; the counts are kept for the next try.
    pub(super) async fn flush_failures(self: &Arc<Self>, all: bool) -> Result<(), Error> {
        let running = minute(self.clock.now());
        let over = |entry: &(Option<FailedClient>, i64)| all || entry.1 < running;
        let keys: Vec<_> = self.failures.counts.iter().map(|entry| *entry.key()).filter(over).collect();
        if keys.is_empty() {
            return Ok(());
        }
        for some in keys.chunks(AT_ONCE) {
            self.write_failures(some).await?;
        }
        self.catch_up().await
    }

    async fn write_failures(self: &Arc<Self>, keys: &[(Option<FailedClient>, i64)]) -> Result<(), Error> {
        let mut change = self.begin_as(Actor::system()).await?;
        let mut taken = Vec::new();
        for key in keys {
            let Some((_, count)) = self.failures.counts.remove(key) else { continue };
            let organization_id = key.0.and_then(|client| match client {
                FailedClient::Application(id) => self.directory.application(id).map(|application| application.organization_id),
                FailedClient::ApiKey(id) => self.directory.api_key(id).map(|entry| entry.key.owner.organization_id()),
            });
            change.note(NewEvent {
                event: "authentication.failed".into(),
                organization_id,
                subject: Subject::Nothing,
                data: json!({
                    "client_id": key.0,
                    "failures": count.failures,
                    "minute": Timestamp::from_millis(key.1 * 60_000),
                    "last_ip": count.last_ip,
                }),
                before: None,
            });
            taken.push((*key, count));
        }
        if let Err(error) = change.chain_events().await {
            for (key, count) in taken {
                self.failures.counts.entry(key).and_modify(|newer| newer.failures += count.failures).or_insert(count);
            }
            return Err(error);
        }
        // Of a commit whose answer was cut off nobody knows: rather told of too few than twice.
        change.make_durable(&[]).await
    }
}
