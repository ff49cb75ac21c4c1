//! Delivering webhooks: each endpoint follows the event chain by itself, in order, at least once, and remembers how far it has come.
use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinSet;
use url::Url;

use super::Authority;
use super::error::Error;
use super::webhooks::identity;
use crate::clock;
use crate::domain::credential::Secret;
use crate::domain::event::Event;
use crate::domain::id::WebhookEndpointId;
use crate::domain::timestamp::Timestamp;
use crate::domain::webhook::{Delivery, Outcome, TRIED_FOR, WebhookEndpoint, pause_after};
use crate::storage::webhooks::StoredWebhookEndpoint;
use crate::storage::{events, installation, webhooks};

/// What is due is looked for this often, beside whenever something was committed.
const TICK: Duration = Duration::from_secs(1);
/// How many endpoints are sent to at once.
const AT_ONCE: usize = 32;
/// How many deliveries are written down together; were the process killed in between, that many are sent again.
const BATCH: i64 = 20;
/// An endpoint that is sent nothing is moved along the chain in steps of this many events.
const STEP: i64 = 1000;

impl Authority {
    /// Delivers until `stop` says true.
    pub async fn deliver_webhooks(self: Arc<Self>, mut stop: watch::Receiver<bool>) {
        let mut interval = tokio::time::interval(TICK);
        interval.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let (mut under_way, mut busy) = (JoinSet::new(), HashSet::new());
        loop {
            tokio::select! {
                _ = interval.tick() => {}
                () = self.committed.notified() => {}
                Some(done) = under_way.join_next() => {
                    if let Ok(endpoint) = done {
                        busy.remove(&endpoint);
                    }
                }
                _ = stop.wait_for(|stop| *stop) => return,
            }
            match self.due_endpoints().await {
                Ok(due) => {
                    for stored in due {
                        if under_way.len() < AT_ONCE && busy.insert(stored.endpoint.id) {
                            under_way.spawn(Arc::clone(&self).deliver_to(stored));
                        }
                    }
                }
                Err(error) => tracing::warn!(%error, "webhook endpoints could not be read; it is tried again"),
            }
        }
    }

    /// Delivers what is due, once: for a clock that was moved.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn deliver_due_webhooks(self: &Arc<Self>) -> Result<(), Error> {
        for stored in self.due_endpoints().await? {
            Arc::clone(self).deliver_to(stored).await;
        }
        Ok(())
    }

    async fn due_endpoints(&self) -> Result<Vec<StoredWebhookEndpoint>, Error> {
        Ok(webhooks::due(&mut self.database.read().await?, self.clock.now()).await?)
    }

    /// Delivers to one endpoint until it has everything, or an attempt fails.
    async fn deliver_to(self: Arc<Self>, stored: StoredWebhookEndpoint) -> WebhookEndpointId {
        let id = stored.endpoint.id;
        let mut endpoint = stored.endpoint;
        let secret = self.sealer.open(&identity(id), &stored.sealed_secret).ok().and_then(|plain| String::from_utf8(plain.to_vec()).ok());
        let (Some(secret), Ok(url)) = (secret.map(|text| Secret::presented(&text)), Url::parse(&endpoint.endpoint_url)) else {
            tracing::error!(endpoint = %id, "the endpoint's secret or URL cannot be read");
            return id;
        };
        loop {
            match self.deliver_batch(&mut endpoint, &url, &secret).await {
                Ok(true) => {}
                Ok(false) => return id,
                Err(error) => {
                    tracing::warn!(endpoint = %id, %error, "deliveries could not be written down; they are made again");
                    return id;
                }
            }
        }
    }

    /// Whether there may be more to deliver right now.
    async fn deliver_batch(&self, endpoint: &mut WebhookEndpoint, url: &Url, secret: &Secret) -> Result<bool, Error> {
        let mut tx = self.database.read().await?;
        let head = installation::head(&mut tx).await?.rev;
        let pending = events::for_endpoint(&mut tx, endpoint.organization_id, &endpoint.events, endpoint.position, BATCH).await?;
        drop(tx);
        if pending.is_empty() {
            if head - endpoint.position >= STEP {
                self.advance(endpoint, head, 0, self.clock.now(), &[]).await?;
            }
            return Ok(false);
        }
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
                return Ok(false);
            }
            (position, attempts) = (event.rev, 0);
        }
        self.advance(endpoint, position, 0, self.clock.now(), &deliveries).await
    }

    async fn attempt(&self, endpoint: &WebhookEndpoint, event: &Event, url: &Url, secret: &Secret, attempt: i64) -> Delivery {
        let (now, began) = (self.clock.now(), clock::instant());
        let body = serde_json::to_string(event).unwrap_or_default();
        let answer = self.courier.post(url, secret, body, now).await;
        let delivered = answer.as_ref().is_ok_and(|status| (200..300).contains(status));
        let outcome = match delivered {
            true => Outcome::Delivered,
            false if event.created_at + TRIED_FOR <= now => Outcome::GivenUp,
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

    /// Writes down how far the endpoint has come; false when its owner has changed it meanwhile, or there is no more.
    async fn advance(
        &self,
        endpoint: &mut WebhookEndpoint,
        position: i64,
        attempts: i64,
        next_attempt_at: Timestamp,
        deliveries: &[Delivery],
    ) -> Result<bool, Error> {
        let mut tx = self.database.write().await?;
        if webhooks::find(&mut tx, crate::domain::management_key::Reach::Installation, &endpoint.id.to_string()).await?.is_none() {
            return Ok(false);
        }
        for delivery in deliveries {
            webhooks::insert_delivery(&mut tx, delivery).await?;
        }
        let unchanged = webhooks::advance(&mut tx, endpoint, position, attempts, next_attempt_at).await?;
        tx.commit().await?;
        (endpoint.position, endpoint.failed_attempts) = (position, attempts);
        Ok(unchanged)
    }
}
