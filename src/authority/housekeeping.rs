//! What the authority does by itself: follow the chain, write counts, tend the keys, forget what has expired.
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use super::Authority;
use super::error::Error;
use crate::domain::revocation::KEPT_AFTER_EXPIRY;
use crate::domain::token_quota::Window;
use crate::domain::usage::KEPT_HOURS;
use crate::domain::webhook::LOG_KEPT;
use crate::storage::{console_sessions, idempotent_answers, portal_sessions, revocations, revoked_tokens, token_quotas, usage, webhooks};

const TICK: Duration = Duration::from_secs(1);
/// Counts are written every this many ticks, so kill -9 loses at most five seconds of them (F28), where there is time to write them all.
const FLUSH_TICKS: u64 = 3;
/// A thirtieth of the time in between: some ten thousand credentials.
const TIME_FOR_COUNTS: Duration = Duration::from_millis(100);
const KEY_TICKS: u64 = 10;
const PURGE_TICKS: u64 = 3600;
/// A batch is tried again within seconds; its id is kept for a day.
const BATCH_KEPT: Duration = Duration::from_secs(24 * 3600);

impl Authority {
    /// Runs until `stop` says true, then writes what is left.
    pub async fn keep_house(self: Arc<Self>, mut stop: watch::Receiver<bool>) {
        let mut interval = tokio::time::interval(TICK);
        interval.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut ticks: u64 = 0;
        loop {
            tokio::select! {
                _ = interval.tick() => {
                    ticks += 1;
                    if !self.database.is_shared() {
                        self.report("following the chain", self.catch_up().await);
                    }
                    if ticks.is_multiple_of(FLUSH_TICKS) {
                        self.report("writing counts", self.flush_uses_within(TIME_FOR_COUNTS).await);
                        self.report("reading counts of tokens", self.read_token_counts().await);
                        self.report("telling of exceeded quotas", self.flush_exceeded().await);
                        self.report("writing failed authentications", self.flush_failures(false).await);
                        self.report("writing counted refusals", self.flush_refusals().await);
                    }
                    if ticks % KEY_TICKS == 1 {
                        self.report("tending the signing keys", self.tend_signing_keys().await);
                    }
                    if ticks % PURGE_TICKS == 1 {
                        self.report("forgetting what has expired", self.purge().await);
                    }
                }
                () = self.uses.first_use() => self.report("writing a first use", self.flush_first_uses().await),
                () = stopped(&mut stop) => break,
            }
        }
        self.report("writing counts", self.flush_uses().await);
        self.report("telling of exceeded quotas", self.flush_exceeded().await);
        self.report("writing failed authentications", self.flush_failures(true).await);
        self.report("writing counted refusals", self.flush_refusals().await);
    }

    /// Everything that may be due, at once: for a clock that was moved.
    ///
    /// # Errors
    /// [`Error`] of the first thing that could not be done.
    pub async fn tick(self: &Arc<Self>) -> Result<(), Error> {
        self.follow().await?;
        self.flush_uses().await?;
        self.read_token_counts().await?;
        self.flush_exceeded().await?;
        self.flush_failures(false).await?;
        self.flush_refusals().await?;
        self.tend_signing_keys().await?;
        self.observe().await?;
        self.purge().await
    }

    /// Forgets bit by bit, each in a transaction of its own: changes need not wait for all of it.
    async fn purge(&self) -> Result<(), Error> {
        let now = self.clock.now();
        loop {
            let mut tx = self.database.write().await?;
            let more = [
                idempotent_answers::purge(&mut tx, now).await?,
                console_sessions::purge(&mut tx, now).await?,
                portal_sessions::purge(&mut tx, now).await?,
                revoked_tokens::purge(&mut tx, now).await?,
                revocations::purge(&mut tx, now).await?,
                usage::purge_hours(&mut tx, now.hour() - KEPT_HOURS).await?,
                token_quotas::purge_hours(&mut tx, Window::Day.first_hour(now)).await?,
                usage::purge_batches(&mut tx, now - BATCH_KEPT).await?,
                webhooks::purge_deliveries(&mut tx, now - LOG_KEPT).await?,
            ];
            tx.commit().await?;
            if !more.contains(&true) {
                break;
            }
        }
        self.directory.purge_revoked_tokens(now - KEPT_AFTER_EXPIRY);
        Ok(())
    }

    fn report(&self, what: &str, result: Result<(), Error>) {
        // Whoever follows a store that is away has said so.
        let away = matches!(&result, Err(Error::Unavailable(_))) && !self.database.is_reachable();
        if let Err(error) = result
            && !away
        {
            let cause = std::error::Error::source(&error).map(ToString::to_string);
            tracing::error!(%error, cause, "{what} failed; it is tried again");
        }
    }
}

/// Resolves when `stop` says true, or nobody can say it any more.
pub(super) async fn stopped(stop: &mut watch::Receiver<bool>) {
    let _ = stop.wait_for(|stop| *stop).await;
}
