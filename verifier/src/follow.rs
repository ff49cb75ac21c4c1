//! Following the authority's revocations: two feeds, and whatever else [`Revocations`] asks for, until the last verifier is dropped.
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::Duration;

use reqwest::header::ACCEPT;
use reqwest::{StatusCode, Url};
use ring::rand::{SecureRandom, SystemRandom};
use tokio::sync::Notify;
use tokio::task::AbortHandle;

use crate::clock::{monotonic, wall_millis};
use crate::events::{Event, EventReader};
use crate::fetch::{fetch, fetch_text};
use crate::figures::Counters;
use crate::frame::MAX_PUBLICATION_BYTES;
use crate::revocations::{Action, Applied, PublicationError, Revocations, Verdict};
use crate::verifier::Shared;
use crate::verify::VerifyError;

/// How many feeds are open at once: one may be frozen, or be on its way back.
const FEEDS: usize = 2;
/// The waits between two tries grow from the first of these, for feeds to the second and for what is missing to the third.
const BACK_OFF: Duration = Duration::from_millis(100);
const BACK_OFF_MOST: Duration = Duration::from_secs(5);
const ACTION_BACK_OFF_MOST: Duration = Duration::from_secs(1);
/// How often it is looked whether something is missing.
const TICK: Duration = Duration::from_millis(100);
/// A feed has no end; one that says nothing is given up much sooner.
const NO_END: Duration = Duration::from_secs(365 * 24 * 3600);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Where the authority publishes.
pub(crate) struct Places {
    pub(crate) feed: Url,
    pub(crate) snapshot: Url,
    pub(crate) status_jwks: Url,
}

/// What is known, and where it comes from.
pub(crate) struct Following {
    pub(crate) places: Places,
    pub(crate) counters: Counters,
    revocations: RwLock<Revocations>,
    wake: Notify,
}

/// The tasks that follow; they end with this.
#[derive(Default)]
pub(crate) struct Tasks(Vec<AbortHandle>);

impl Drop for Tasks {
    fn drop(&mut self) {
        self.0.iter().for_each(AbortHandle::abort);
    }
}

impl Following {
    pub(crate) fn new(places: Places, revocations: Revocations) -> Self {
        Self { places, counters: Counters::default(), revocations: RwLock::new(revocations), wake: Notify::new() }
    }

    pub(crate) fn read(&self) -> RwLockReadGuard<'_, Revocations> {
        self.revocations.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn write(&self) -> RwLockWriteGuard<'_, Revocations> {
        self.revocations.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// How old the knowledge is that a token is good by, or why it is refused; each refusal is counted.
    pub(crate) fn decide(&self, verdict: Verdict) -> Result<Duration, VerifyError> {
        match verdict {
            Verdict::Good { age } => Ok(age),
            Verdict::Unknown => Err(VerifyError::StatusUnknown),
            Verdict::Revoked => {
                self.counters.refused_revoked.add();
                Err(VerifyError::Revoked)
            }
            Verdict::Stale => {
                self.counters.refused_stale.add();
                Err(VerifyError::Stale)
            }
        }
    }

    /// Notes what became of a publication; whether it was taken in.
    fn note(&self, result: &Result<Applied, PublicationError>) -> bool {
        match result {
            Ok(Applied::Current) => {}
            Ok(Applied::Incomplete) => self.counters.incomplete.add(),
            Err(PublicationError::FromTheFuture) => self.counters.from_the_future.add(),
            Err(PublicationError::Invalid(_)) => self.counters.invalid.add(),
        }
        if *result != Ok(Applied::Current) {
            self.wake.notify_one();
        }
        result.is_ok()
    }

    fn take_event(&self, event: &Event) {
        match event.name.as_str() {
            "frame" => {
                let applied = self.write().on_frame(&event.data, wall_millis());
                if self.note(&applied) {
                    self.counters.frames.add();
                }
            }
            "reset" => {
                self.write().on_reset();
                self.wake.notify_one();
            }
            _ => {}
        }
    }
}

/// Begins to follow.
pub(crate) fn follow(shared: &Arc<Shared>) -> Tasks {
    let mut tasks = vec![tokio::spawn(act(Arc::clone(shared))).abort_handle()];
    tasks.extend((0..FEEDS).map(|_| tokio::spawn(listen(Arc::clone(shared))).abort_handle()));
    Tasks(tasks)
}

/// Keeps one feed open.
async fn listen(shared: Arc<Shared>) {
    let Some(following) = &shared.following else { return };
    let mut failures = 0;
    loop {
        let began = monotonic();
        listen_once(&shared, following).await;
        // One that ends as soon as it has begun is no success.
        failures = if began.elapsed() > BACK_OFF_MOST { 1 } else { failures + 1 };
        tokio::time::sleep(back_off(failures, BACK_OFF_MOST)).await;
    }
}

/// Listens until the feed ends or is silent.
async fn listen_once(shared: &Shared, following: &Following) {
    let left_off = following.read().left_off();
    let mut request = shared.client.get(following.places.feed.clone()).header(ACCEPT, "text/event-stream").timeout(NO_END);
    if let Some(id) = left_off {
        request = request.header("last-event-id", id);
    }
    let Ok(Ok(mut response)) = tokio::time::timeout(CONNECT_TIMEOUT, request.send()).await else { return };
    if response.status() != StatusCode::OK {
        return;
    }
    following.counters.connections.add();
    let mut reader = EventReader::default();
    loop {
        let silence = following.read().patience();
        let Ok(Ok(Some(piece))) = tokio::time::timeout(silence, response.chunk()).await else { return };
        let Ok(events) = reader.push(&piece) else { return };
        for event in events {
            following.take_event(&event);
        }
    }
}

/// Does what is asked for.
async fn act(shared: Arc<Shared>) {
    let Some(following) = &shared.following else { return };
    let mut failures = 0;
    loop {
        let action = following.write().next_action(wall_millis());
        match action {
            Some(action) if perform(&shared, following, &action).await => failures = 0,
            Some(action) => {
                following.write().on_failure(&action);
                failures += 1;
                tokio::time::sleep(back_off(failures, ACTION_BACK_OFF_MOST)).await;
            }
            None => {
                let _ = tokio::time::timeout(TICK, following.wake.notified()).await;
            }
        }
    }
}

async fn perform(shared: &Shared, following: &Following, action: &Action) -> bool {
    match action {
        Action::FetchKeys { fingerprint } => {
            let fetched = shared.fetch_keys(Some(fingerprint)).await.is_ok();
            fetched && following.read().has_the_keys()
        }
        Action::FetchSnapshot => fetch_snapshot(shared, following).await.is_ok(),
        Action::CatchUp { epoch, rev } => catch_up(shared, following, epoch, *rev).await,
        Action::AskSlot { second } => ask_slot(shared, following, *second).await,
    }
}

/// Why not, where it could not be taken in.
pub(crate) async fn fetch_snapshot(shared: &Shared, following: &Following) -> Result<(), String> {
    let snapshot =
        fetch_text(&shared.client, &following.places.snapshot, MAX_PUBLICATION_BYTES).await.map_err(|error| error.to_string())?;
    following.counters.snapshots.add();
    let applied = following.write().on_snapshot(&snapshot, wall_millis());
    following.note(&applied);
    applied.map(drop).map_err(|error| error.to_string())
}

/// What was published since the snapshot was made: one that serves many is up to a second old. The feed would bring it too, a moment later.
pub(crate) async fn catch_up_with_the_feed(shared: &Shared, following: &Following) {
    let action = following.read().catch_up();
    if let Some(action) = action {
        perform(shared, following, &action).await;
    }
}

async fn catch_up(shared: &Shared, following: &Following, epoch: &str, rev: i64) -> bool {
    let Some(url) = below(&following.places.feed, &["after", epoch, &rev.to_string()]) else { return false };
    let Ok(document) = fetch(&shared.client, &url, MAX_PUBLICATION_BYTES).await else { return false };
    let Ok(frames) = serde_json::from_slice::<Vec<String>>(&document) else { return false };
    frames.iter().all(|frame| {
        let applied = following.write().on_frame(frame, wall_millis());
        following.note(&applied)
    })
}

async fn ask_slot(shared: &Shared, following: &Following, second: i64) -> bool {
    let Some(url) = below(&following.places.feed, &["slot", &second.to_string()]) else { return false };
    let Ok(frame) = fetch_text(&shared.client, &url, MAX_PUBLICATION_BYTES).await else { return false };
    let applied = following.write().on_frame(&frame, wall_millis());
    following.note(&applied)
}

fn below(url: &Url, segments: &[&str]) -> Option<Url> {
    let mut url = url.clone();
    url.path_segments_mut().ok()?.extend(segments);
    Some(url)
}

/// Anything between nothing and a bound that doubles with each failure: many that lost their feed at once do not come back at once.
fn back_off(failures: u32, most: Duration) -> Duration {
    let bound = BACK_OFF.saturating_mul(2_u32.saturating_pow(failures.min(10))).min(most);
    let mut bytes = [0; 4];
    let _ = SystemRandom::new().fill(&mut bytes);
    bound.mul_f64(f64::from(u32::from_ne_bytes(bytes)) / f64::from(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wait_grows_to_its_bound_and_is_never_the_same() {
        let waits: Vec<_> = (0..200).map(|failures| back_off(failures, BACK_OFF_MOST)).collect();
        assert!(waits.iter().all(|wait| *wait <= BACK_OFF_MOST) && waits[0] <= BACK_OFF && waits[1] <= 2 * BACK_OFF);
        assert!(waits[20..].iter().any(|wait| *wait > BACK_OFF_MOST / 2) && waits[20..].iter().any(|wait| *wait < BACK_OFF_MOST / 2));
        assert!(waits[20..].iter().collect::<std::collections::HashSet<_>>().len() > 100);
    }
}
