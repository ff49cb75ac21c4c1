//! Following the authority's revocations: two feeds, and whatever else [`Revocations`] asks for, until the last verifier is dropped.
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::Duration;

use reqwest::header::ACCEPT;
use reqwest::{StatusCode, Url};
use ring::rand::{SecureRandom, SystemRandom};
use tokio::sync::Notify;
use tokio::task::AbortHandle;

use crate::clock::wall_millis;
use crate::events::{Event, EventReader};
use crate::fetch::{fetch, fetch_text};
use crate::figures::Counters;
use crate::frame::MAX_PUBLICATION_BYTES;
use crate::revocations::{Action, Applied, PublicationError, Revocations};
use crate::verifier::Shared;

/// How many feeds are open at once: one may be frozen, or be on its way back.
const FEEDS: usize = 2;
/// The shortest and the longest of the waits between two tries.
const BACK_OFF: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(5));
/// How long an action that failed waits, and how often it is looked whether there is one.
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

    /// Notes what became of a publication; whether it was taken in.
    fn note(&self, result: Result<Applied, PublicationError>) -> bool {
        match &result {
            Ok(Applied::Current) => {}
            Ok(Applied::Incomplete) => self.counters.gaps.add(),
            Err(PublicationError::FromTheFuture) => self.counters.from_the_future.add(),
            Err(PublicationError::Invalid(_)) => self.counters.invalid.add(),
        }
        if result != Ok(Applied::Current) {
            self.wake.notify_one();
        }
        result.is_ok()
    }

    fn take_event(&self, event: &Event) {
        match event.name.as_str() {
            "frame" => {
                self.counters.frames.add();
                let applied = self.write().on_frame(&event.data, wall_millis());
                self.note(applied);
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
        if listen_once(&shared, following).await {
            failures = 0;
        }
        failures += 1;
        tokio::time::sleep(back_off(failures)).await;
    }
}

/// Listens until the feed ends or is silent; whether anything came.
async fn listen_once(shared: &Shared, following: &Following) -> bool {
    let left_off = following.read().left_off();
    let mut request = shared.client.get(following.places.feed.clone()).header(ACCEPT, "text/event-stream").timeout(NO_END);
    if let Some(id) = left_off {
        request = request.header("last-event-id", id);
    }
    let Ok(Ok(mut response)) = tokio::time::timeout(CONNECT_TIMEOUT, request.send()).await else { return false };
    if response.status() != StatusCode::OK {
        return false;
    }
    following.counters.connections.add();
    let (mut reader, mut came) = (EventReader::default(), false);
    loop {
        let silence = following.read().heartbeat() * 5 / 2;
        let Ok(Ok(Some(piece))) = tokio::time::timeout(silence, response.chunk()).await else { return came };
        let Ok(events) = reader.push(&piece) else { return came };
        for event in events {
            came = true;
            following.take_event(&event);
        }
    }
}

/// Does what is asked for.
async fn act(shared: Arc<Shared>) {
    let Some(following) = &shared.following else { return };
    loop {
        let action = following.write().next_action(wall_millis());
        match action {
            Some(action) => perform(&shared, following, &action).await,
            None => {
                let _ = tokio::time::timeout(TICK, following.wake.notified()).await;
            }
        }
    }
}

async fn perform(shared: &Shared, following: &Following, action: &Action) {
    let done = match action {
        Action::FetchKeys { fingerprint } => shared.fetch_keys(Some(fingerprint)).await.is_ok(),
        Action::FetchSnapshot => fetch_snapshot(shared, following).await,
        Action::CatchUp { epoch, rev } => catch_up(shared, following, epoch, *rev).await,
        Action::AskSlot { second } => ask_slot(shared, following, *second).await,
    };
    if !done {
        following.write().on_failure(action);
    }
}

pub(crate) async fn fetch_snapshot(shared: &Shared, following: &Following) -> bool {
    let Ok(snapshot) = fetch_text(&shared.client, &following.places.snapshot, MAX_PUBLICATION_BYTES).await else { return false };
    following.counters.snapshots.add();
    let applied = following.write().on_snapshot(&snapshot, wall_millis());
    following.note(applied)
}

async fn catch_up(shared: &Shared, following: &Following, epoch: &str, rev: i64) -> bool {
    let Some(url) = below(&following.places.feed, &["after", epoch, &rev.to_string()]) else { return false };
    let Ok(document) = fetch(&shared.client, &url, MAX_PUBLICATION_BYTES).await else { return false };
    let Ok(frames) = serde_json::from_slice::<Vec<String>>(&document) else { return false };
    frames.iter().all(|frame| {
        let applied = following.write().on_frame(frame, wall_millis());
        following.note(applied)
    })
}

async fn ask_slot(shared: &Shared, following: &Following, second: i64) -> bool {
    let Some(url) = below(&following.places.feed, &["slot", &second.to_string()]) else { return false };
    let Ok(frame) = fetch_text(&shared.client, &url, MAX_PUBLICATION_BYTES).await else { return false };
    let applied = following.write().on_frame(&frame, wall_millis());
    following.note(applied)
}

fn below(url: &Url, segments: &[&str]) -> Option<Url> {
    let mut url = url.clone();
    url.path_segments_mut().ok()?.extend(segments);
    Some(url)
}

/// Anything between nothing and a bound that doubles with each failure: many that lost their feed at once do not come back at once.
fn back_off(failures: u32) -> Duration {
    let bound = BACK_OFF.0.saturating_mul(2_u32.saturating_pow(failures.min(10))).min(BACK_OFF.1);
    let mut bytes = [0; 4];
    let _ = SystemRandom::new().fill(&mut bytes);
    BACK_OFF.0.max(bound.mul_f64(f64::from(u32::from_ne_bytes(bytes)) / f64::from(u32::MAX)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wait_grows_to_its_bound_and_is_never_the_same() {
        let waits: Vec<_> = (0..100).map(back_off).collect();
        assert!(waits.iter().all(|wait| (BACK_OFF.0..=BACK_OFF.1).contains(wait)));
        assert!(waits[0] <= Duration::from_millis(100) && waits[1] <= Duration::from_millis(200));
        assert!(waits[20..].iter().collect::<std::collections::HashSet<_>>().len() > 50);
    }
}
