//! Delivering webhooks: each endpoint follows the event chain by itself, in order, at least once, and remembers how far it has come.
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::{Id, JoinSet};
use url::Url;

use super::Authority;
use super::error::Error;
use super::housekeeping::stopped;
use super::webhooks::identity;
use crate::clock;
use crate::domain::credential::Secret;
use crate::domain::event::Event;
use crate::domain::id::WebhookEndpointId;
use crate::domain::management_key::Reach;
use crate::domain::timestamp::Timestamp;
use crate::domain::webhook::{Delivery, Outcome, TRIED_FOR, WebhookEndpoint, pause_after};
use crate::storage::webhooks::{Claim, StoredWebhookEndpoint};
use crate::storage::{events, installation, webhooks};

/// What is due is looked for this often, beside whenever something was committed.
const TICK: Duration = Duration::from_secs(1);
/// Commits that follow one another this fast are looked at together.
const GATHER: Duration = Duration::from_millis(20);
/// How many endpoints are sent to at once.
const AT_ONCE: usize = 32;
/// How many deliveries are written down together; were the process killed in between, that many are sent again.
const BATCH: i64 = 20;
/// A batch ends early after this long, so that a slow endpoint gives its place to another.
const BATCH_TIME: Duration = Duration::from_secs(10);
/// For how long no other instance sends to an endpoint: longer than a batch and its last attempt take.
const CLAIMED: Duration = Duration::from_secs(30);
/// An endpoint that is sent nothing is moved along the chain in steps of this many events.
const STEP: i64 = 1000;
/// How long an endpoint is left alone after something of ours failed.
const REST: Duration = Duration::from_secs(5);

/// What is known of an endpoint that need not be looked at just now.
#[derive(Clone, Copy, Debug)]
enum Rest {
    /// In this version, there was nothing for it up to this event.
    NothingUpTo { version: i64, rev: i64 },
    /// Its deliveries could not be written down, or not even made.
    Until(Timestamp),
}

/// How a turn of an endpoint ended.
enum Turn {
    /// There may be more for it right now.
    More,
    Rest(Rest),
    /// An attempt failed, or its owner changed it: the store says what is next.
    Over,
}

/// Who is being sent to, who rests, and who was served last.
#[derive(Default)]
struct Rounds {
    under_way: HashMap<Id, WebhookEndpointId>,
    resting: HashMap<WebhookEndpointId, Rest>,
    served: HashMap<WebhookEndpointId, u64>,
    count: u64,
}

impl Rounds {
    /// Whether the endpoint is to be sent to, and from which event on.
    fn starts_at(&self, endpoint: &WebhookEndpoint, head: i64, now: Timestamp) -> Option<i64> {
        if self.under_way.values().any(|id| *id == endpoint.id) {
            return None;
        }
        match self.resting.get(&endpoint.id) {
            Some(Rest::Until(until)) => (*until <= now).then_some(endpoint.position),
            Some(Rest::NothingUpTo { version, rev }) if *version == endpoint.version && *rev >= endpoint.position => {
                (*rev < head).then_some(*rev)
            }
            _ => Some(endpoint.position),
        }
    }
}

impl Authority {
    /// Delivers until `stop` says true.
    pub async fn deliver_webhooks(self: Arc<Self>, mut stop: watch::Receiver<bool>) {
        let mut interval = tokio::time::interval(TICK);
        interval.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut committed = self.committed.subscribe();
        let (mut turns, mut rounds) = (JoinSet::new(), Rounds::default());
        loop {
            tokio::select! {
                _ = interval.tick() => {}
                _ = committed.changed() => tokio::time::sleep(GATHER).await,
                Some(ended) = turns.join_next_with_id() => {
                    let full = rounds.under_way.len() >= AT_ONCE;
                    if !self.end_turn(&mut rounds, ended) && !full {
                        continue;
                    }
                }
                () = stopped(&mut stop) => break,
            }
            if let Err(error) = self.begin_turns(&mut turns, &mut rounds).await
                && self.database.is_reachable()
            {
                tracing::warn!(%error, "webhook endpoints could not be read; it is tried again");
            }
        }
        turns.shutdown().await;
        if let Err(error) = self.release_endpoints().await {
            tracing::warn!(%error, "the claims on webhook endpoints were not given back: other instances wait until they are over");
        }
    }

    /// Lets other instances send at once.
    async fn release_endpoints(&self) -> Result<(), Error> {
        if !self.database.is_shared() {
            return Ok(());
        }
        let mut tx = self.database.write().await?;
        webhooks::release_all(&mut tx, &self.instance).await?;
        Ok(tx.commit().await?)
    }

    /// Notes how a turn ended; whether the endpoint may have more at once.
    fn end_turn(&self, rounds: &mut Rounds, ended: Result<(Id, Turn), tokio::task::JoinError>) -> bool {
        let (task, turn) = match ended {
            Ok((task, turn)) => (task, turn),
            Err(panicked) => (panicked.id(), Turn::Rest(Rest::Until(self.clock.now() + REST))),
        };
        let Some(endpoint) = rounds.under_way.remove(&task) else { return false };
        match turn {
            Turn::Rest(rest) => drop(rounds.resting.insert(endpoint, rest)),
            Turn::More | Turn::Over => drop(rounds.resting.remove(&endpoint)),
        }
        matches!(turn, Turn::More)
    }

    /// Gives a turn to who is due, whoever waited longest first.
    async fn begin_turns(self: &Arc<Self>, turns: &mut JoinSet<Turn>, rounds: &mut Rounds) -> Result<(), Error> {
        let now = self.clock.now();
        let (mut due, head) = self.due_endpoints().await?;
        due.sort_by_key(|stored| rounds.served.get(&stored.endpoint.id).copied());
        let known = |id: &WebhookEndpointId| due.iter().any(|stored| stored.endpoint.id == *id);
        rounds.resting.retain(|id, _| known(id));
        rounds.served.retain(|id, _| known(id));
        for stored in due {
            let Some(from) = rounds.starts_at(&stored.endpoint, head, now) else { continue };
            if rounds.under_way.len() >= AT_ONCE {
                break;
            }
            let id = stored.endpoint.id;
            rounds.count += 1;
            rounds.served.insert(id, rounds.count);
            let task = turns.spawn(Arc::clone(self).take_turn(stored, from));
            rounds.under_way.insert(task.id(), id);
        }
        Ok(())
    }

    /// Delivers what is due, once: for a clock that was moved.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn deliver_due_webhooks(self: &Arc<Self>) -> Result<(), Error> {
        loop {
            let mut more = false;
            for stored in self.due_endpoints().await?.0 {
                let from = stored.endpoint.position;
                more |= matches!(Arc::clone(self).take_turn(stored, from).await, Turn::More);
            }
            if !more {
                return Ok(());
            }
        }
    }

    async fn due_endpoints(&self) -> Result<(Vec<StoredWebhookEndpoint>, i64), Error> {
        let mut tx = self.database.read().await?;
        let head = installation::head(&mut tx).await?.rev;
        Ok((webhooks::due(&mut tx, self.clock.now(), &self.instance).await?, head))
    }

    /// One batch for one endpoint.
    async fn take_turn(self: Arc<Self>, stored: StoredWebhookEndpoint, from: i64) -> Turn {
        let endpoint = stored.endpoint;
        let id = endpoint.id;
        let secret = self.sealer.open(&identity(id), &stored.sealed_secret).ok().and_then(|plain| String::from_utf8(plain.to_vec()).ok());
        let (Some(secret), Ok(url)) = (secret.map(|text| Secret::presented(&text)), Url::parse(&endpoint.endpoint_url)) else {
            tracing::error!(endpoint = %id, "the endpoint's secret or URL cannot be read");
            return Turn::Rest(Rest::Until(self.clock.now() + REST));
        };
        self.deliver_batch(&endpoint, from, &url, &secret).await.unwrap_or_else(|error| {
            tracing::warn!(endpoint = %id, %error, "deliveries could not be written down; they are made again");
            Turn::Rest(Rest::Until(self.clock.now() + REST))
        })
    }

    async fn deliver_batch(&self, endpoint: &WebhookEndpoint, from: i64, url: &Url, secret: &Secret) -> Result<Turn, Error> {
        let mut tx = self.database.read().await?;
        let head = installation::head(&mut tx).await?.rev;
        let pending = events::for_endpoint(&mut tx, endpoint.organization_id, &endpoint.events, from, BATCH).await?;
        drop(tx);
        if pending.is_empty() {
            if head - endpoint.position >= STEP {
                self.advance(endpoint, head, 0, self.clock.now(), &[]).await?;
            }
            return Ok(Turn::Rest(Rest::NothingUpTo { version: endpoint.version, rev: head }));
        }
        if self.database.is_shared() && !self.claim(endpoint).await? {
            return Ok(Turn::Over);
        }
        let began = clock::instant();
        let (mut deliveries, mut position, mut attempts) = (Vec::new(), endpoint.position, endpoint.failed_attempts);
        for event in &pending {
            let delivery = self.attempt(endpoint, event, url, secret, attempts + 1).await;
            let outcome = delivery.outcome;
            deliveries.push(delivery);
            if outcome == Outcome::Failed {
                attempts += 1;
                let jitter = self.random.bytes::<1>().map_or(0, |byte| byte[0]);
                let next = self.clock.now() + pause_after(attempts, jitter);
                self.advance(endpoint, position, attempts, next, &deliveries).await?;
                return Ok(Turn::Over);
            }
            (position, attempts) = (event.rev, 0);
            if began.elapsed() >= BATCH_TIME {
                break;
            }
        }
        let unchanged = self.advance(endpoint, position, 0, self.clock.now(), &deliveries).await?;
        Ok(if unchanged { Turn::More } else { Turn::Over })
    }

    /// Of several instances one sends to an endpoint, so that events arrive in their order.
    async fn claim(&self, endpoint: &WebhookEndpoint) -> Result<bool, Error> {
        let now = self.clock.now();
        let mut tx = self.database.write().await?;
        let claimed = webhooks::claim(&mut tx, endpoint, &Claim { instance: &self.instance, now, until: now + CLAIMED }).await?;
        tx.commit().await?;
        Ok(claimed)
    }

    async fn attempt(&self, endpoint: &WebhookEndpoint, event: &Event, url: &Url, secret: &Secret, attempt: i64) -> Delivery {
        let (now, began) = (self.clock.now(), clock::instant());
        let body = serde_json::to_string(event).unwrap_or_default();
        let answer = self.courier.post(url, secret, body, now).await;
        let delivered = answer.as_ref().is_ok_and(|status| (200..300).contains(status));
        // It counts from when the endpoint could first have had it: it may have been disabled, or the event replayed.
        let tried_since = event.created_at.max(endpoint.updated_at);
        let outcome = match delivered {
            true => Outcome::Delivered,
            false if tried_since + TRIED_FOR <= now => Outcome::GivenUp,
            false => Outcome::Failed,
        };
        Delivery {
            id: self.random.id(now),
            webhook_endpoint_id: endpoint.id,
            event_id: event.id,
            event: event.event.clone(),
            attempt,
            outcome,
            response_status: answer.as_ref().ok().copied(),
            error: answer.err().map(|error| error.to_string()),
            duration_ms: i64::try_from(began.elapsed().as_millis()).unwrap_or(i64::MAX),
            created_at: now,
        }
    }

    /// Writes down how far the endpoint has come; false when its owner has changed it meanwhile, or it is gone.
    async fn advance(
        &self,
        endpoint: &WebhookEndpoint,
        position: i64,
        attempts: i64,
        next_attempt_at: Timestamp,
        deliveries: &[Delivery],
    ) -> Result<bool, Error> {
        let mut tx = self.database.write().await?;
        if webhooks::find(&mut tx, Reach::Installation, &endpoint.id.to_string()).await?.is_none() {
            return Ok(false);
        }
        for delivery in deliveries {
            webhooks::insert_delivery(&mut tx, delivery).await?;
        }
        let now = self.clock.now();
        let claim = Claim { instance: &self.instance, now, until: now };
        let unchanged = webhooks::advance(&mut tx, endpoint, position, attempts, next_attempt_at, &claim).await?;
        webhooks::release(&mut tx, endpoint.id, &self.instance).await?;
        tx.commit().await?;
        Ok(unchanged)
    }
}
