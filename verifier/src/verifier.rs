//! The verifier: keys, revocations and verified tokens at hand, so that no request waits for the network.
use std::sync::Arc;
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use reqwest::Url;
use tokio::sync::Mutex;

use crate::AccessToken;
use crate::api_key::ValidatedKeys;
use crate::cache::VerifiedTokens;
use crate::clock::{monotonic, wall_millis};
use crate::discovery::{DiscoverError, Discovery, MAX_DOCUMENT_BYTES};
use crate::fetch::fetch;
use crate::figures::Figures;
use crate::follow::{Following, Tasks, follow};
use crate::jwks::KeySet;
use crate::verified::Verified;
use crate::verify::{Expectation, VerifyError};

/// Verifies access tokens of one issuer for one audience. Cheap to clone; all clones share what they know.
///
/// Where the issuer publishes revocations they are followed, over two feeds, from the moment it connects: a token whose application,
/// secret, key or organization was revoked is refused within a second, and all tokens are ([`VerifyError::Stale`], a 503) when nothing was heard
/// for longer than the authority, the verifier or the route allows. Keys are fetched again when the feed says that they changed.
///
/// Where it publishes none, or with [`Discovery::not_enforcing`], keys are fetched again in the background once they are older than `max_age`
/// (300 s). Either way an unknown `kid` makes it fetch them at once, but not more often than every `min_interval` (5 s) and by one request at
/// a time. While the issuer cannot be reached the keys at hand go on serving, for `max_stale` (24 h) at the most; followed, for as long as
/// frames name them.
///
/// It follows on the runtime it was connected on, until the last clone is dropped.
#[derive(Clone)]
pub struct Verifier {
    pub(crate) shared: Arc<Shared>,
    _tasks: Arc<Tasks>,
}

pub(crate) struct Shared {
    pub(crate) client: reqwest::Client,
    pub(crate) discovery: Discovery,
    pub(crate) following: Option<Following>,
    pub(crate) api_keys: ValidatedKeys,
    jwks_uri: Url,
    snapshot: ArcSwap<Snapshot>,
    known: VerifiedTokens,
    /// When a fetch last began; held while one runs, so there is never more than one.
    last_fetch: Mutex<Instant>,
}

struct Snapshot {
    keys: KeySet,
    fetched_at: Instant,
}

impl Shared {
    pub(crate) fn new(client: reqwest::Client, jwks_uri: Url, discovery: Discovery, following: Option<Following>) -> Arc<Self> {
        let snapshot = ArcSwap::from_pointee(Snapshot { keys: KeySet::default(), fetched_at: monotonic() });
        Arc::new(Self {
            client,
            discovery,
            following,
            api_keys: ValidatedKeys::default(),
            jwks_uri,
            snapshot,
            known: VerifiedTokens::default(),
            last_fetch: Mutex::new(monotonic()),
        })
    }

    /// Fetches both key sets. With a version in the query no cache on the way has an old answer.
    pub(crate) async fn fetch_keys(&self, version: Option<&str>) -> Result<(), DiscoverError> {
        let mut last_fetch = self.last_fetch.lock().await;
        self.fetch_keys_in_turn(&mut last_fetch, version).await
    }

    /// The same for whoever has the turn. The next turn is counted from the end: a fetch that takes long is not begun anew by those who waited.
    async fn fetch_keys_in_turn(&self, last_fetch: &mut Instant, version: Option<&str>) -> Result<(), DiscoverError> {
        let fetched = self.fetch_both(version).await;
        *last_fetch = monotonic();
        fetched
    }

    async fn fetch_both(&self, version: Option<&str>) -> Result<(), DiscoverError> {
        let tokens = KeySet::parse(&fetch(&self.client, &versioned(&self.jwks_uri, version), MAX_DOCUMENT_BYTES).await?)?;
        let status = match &self.following {
            Some(following) => {
                let url = versioned(&following.places.status_jwks, version);
                Some((following, KeySet::parse(&fetch(&self.client, &url, MAX_DOCUMENT_BYTES).await?)?))
            }
            None => None,
        };
        // Tokens are verified with what the newest publication names, and nothing else.
        if status.is_none_or(|(following, status)| following.write().on_keys(&tokens, status)) {
            self.snapshot.store(Arc::new(Snapshot { keys: tokens, fetched_at: monotonic() }));
        }
        Ok(())
    }
}

/// Where it is not known which keys there should be, the time is a version nobody has asked for yet.
fn versioned(url: &Url, version: Option<&str>) -> Url {
    let mut url = url.clone();
    match version {
        None => {}
        Some("") => drop(url.query_pairs_mut().append_pair("v", &wall_millis().to_string())),
        Some(version) => drop(url.query_pairs_mut().append_pair("v", version)),
    }
    url
}

impl Verifier {
    /// Begins with the issuer identifier, exactly as the issuer writes it.
    pub fn discover(issuer: impl Into<String>) -> Discovery {
        Discovery::new(issuer.into())
    }

    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        let tasks = if shared.following.is_some() { follow(&shared) } else { Tasks::default() };
        Self { shared, _tasks: Arc::new(tasks) }
    }

    /// Verifies a token with what is at hand; only an unknown `kid` may make it wait for the network.
    ///
    /// # Errors
    /// [`VerifyError`]. [`VerifyError::KeysUnavailable`] and [`VerifyError::Stale`] are the server's trouble (503), all others are the
    /// token's (401).
    pub async fn verify(&self, token: &str) -> Result<Verified, VerifyError> {
        self.verify_within(token, None).await
    }

    /// The same for a route with a bound of its own: revocations must be known as of this long ago, or less.
    ///
    /// # Errors
    /// [`VerifyError`].
    pub async fn verify_within(&self, token: &str, max_staleness: Option<Duration>) -> Result<Verified, VerifyError> {
        let (token, now) = self.verify_signed(token).await?;
        let revocation_age = match &self.shared.following {
            // Nobody asked for that to be ignored, and it cannot be looked up.
            None if token.status.is_some() && self.shared.discovery.enforcing => return Err(VerifyError::StatusUnknown),
            None => None,
            Some(following) => {
                let verdict = following.read().check(&token, now, max_staleness);
                Some(following.decide(verdict)?)
            }
        };
        Ok(Verified::new(token, revocation_age))
    }

    /// Whether revocations are followed.
    pub fn is_enforcing(&self) -> bool {
        self.shared.following.is_some()
    }

    /// What was counted so far.
    pub fn figures(&self) -> Figures {
        let Some(following) = &self.shared.following else { return Figures::default() };
        let (revocations, counters) = (following.read(), &following.counters);
        Figures {
            revocation_age: revocations.age(wall_millis()),
            revocations: revocations.len(),
            frames: counters.frames.read(),
            incomplete: counters.incomplete.read(),
            invalid: counters.invalid.read(),
            from_the_future: counters.from_the_future.read(),
            connections: counters.connections.read(),
            snapshots: counters.snapshots.read(),
            refused_revoked: counters.refused_revoked.read(),
            refused_stale: counters.refused_stale.read(),
        }
    }

    /// Everything but its revocation; and the time, which may be later than when it was asked.
    async fn verify_signed(&self, token: &str) -> Result<(Arc<AccessToken>, i64), VerifyError> {
        // Where revocations are followed, the feed says which keys there are.
        if !self.is_enforcing() {
            self.mind_the_age_of_keys().await?;
        }
        let snapshot = self.shared.snapshot.load();
        let verify = |keys: &KeySet, now| self.shared.known.verify(token, keys, &self.expected(now)).map(|token| (token, now));
        match verify(&snapshot.keys, wall_millis()) {
            Err(VerifyError::UnknownKey) if self.refresh(&arc_swap::Guard::into_inner(snapshot)).await => {
                verify(&self.shared.snapshot.load().keys, wall_millis())
            }
            result => result,
        }
    }

    async fn mind_the_age_of_keys(&self) -> Result<(), VerifyError> {
        let snapshot = self.shared.snapshot.load();
        let age = snapshot.fetched_at.elapsed();
        if age <= self.shared.discovery.max_age {
            return Ok(());
        }
        let snapshot = arc_swap::Guard::into_inner(snapshot);
        if age > self.shared.discovery.max_stale && !self.refresh(&snapshot).await {
            return Err(VerifyError::KeysUnavailable);
        }
        self.refresh_in_background(snapshot);
        Ok(())
    }

    fn expected(&self, now: i64) -> Expectation<'_> {
        let discovery = &self.shared.discovery;
        Expectation {
            issuer: &discovery.issuer,
            audience: Some(&discovery.audience),
            types: &discovery.types,
            leeway: discovery.leeway.as_secs(),
            now: u64::try_from(now.div_euclid(1000)).unwrap_or(0),
        }
    }

    /// Whether there are newer keys than those seen. Callers that come while a fetch runs wait for it and share what it brings.
    async fn refresh(&self, seen: &Arc<Snapshot>) -> bool {
        let mut last_fetch = self.shared.last_fetch.lock().await;
        if !Arc::ptr_eq(&self.shared.snapshot.load(), seen) {
            return true;
        }
        if last_fetch.elapsed() < self.shared.discovery.min_interval {
            return false;
        }
        // A key may be so new that no frame has named it yet; then no cache may answer with a set from before.
        let version = self.is_enforcing().then_some("");
        self.shared.fetch_keys_in_turn(&mut last_fetch, version).await.is_ok()
    }

    fn refresh_in_background(&self, seen: Arc<Snapshot>) {
        if self.shared.last_fetch.try_lock().is_ok_and(|last_fetch| last_fetch.elapsed() >= self.shared.discovery.min_interval) {
            let verifier = self.clone();
            tokio::spawn(async move { verifier.refresh(&seen).await });
        }
    }
}
