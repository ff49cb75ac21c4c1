//! Discovery (RFC 8414 §3) and the cached key set: an immutable snapshot that every request reads without a lock.
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use arc_swap::ArcSwap;
use reqwest::Url;
use serde::Deserialize;
use tokio::sync::Mutex;

use crate::claims::AccessToken;
use crate::jwks::{KeySet, KeySetError};
use crate::verify::{Expectation, TokenType, VerifyError, verify};

/// The longest JWK set or metadata document read, bytes.
const MAX_DOCUMENT_BYTES: usize = 256 * 1024;
const REQUEST_TIMEOUT: Duration = Duration::from_secs(5);

/// Verifies access tokens of one issuer for one audience. Cheap to clone; all clones share the key set.
///
/// Keys are fetched when it connects, again in the background once they are older than `max_age` (300 s), and at once, but not more often than
/// `min_interval` (5 s) and by one request at a time, when a token names an unknown `kid`. While the issuer cannot be reached the keys at hand go on
/// serving, for `max_stale` (24 h) at the most.
#[derive(Clone)]
pub struct Verifier {
    shared: Arc<Shared>,
}

struct Shared {
    client: reqwest::Client,
    jwks_uri: Url,
    discovery: Discovery,
    snapshot: ArcSwap<Snapshot>,
    /// When a fetch last began; held while one runs, so there is never more than one.
    last_fetch: Mutex<Instant>,
}

struct Snapshot {
    keys: KeySet,
    fetched_at: Instant,
}

/// What [`Verifier::discover`] goes by, until [`Discovery::connect`].
#[derive(Clone, Debug)]
pub struct Discovery {
    issuer: String,
    audience: String,
    types: Vec<TokenType>,
    leeway: Duration,
    max_age: Duration,
    min_interval: Duration,
    max_stale: Duration,
}

/// Why an issuer cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DiscoverError {
    /// Not an absolute URL, or `http` for a host that is not this machine.
    #[error("{0} is not an https URL (http is taken for a loopback host only)")]
    Url(String),
    /// No audience was named.
    #[error("no audience was given: name your resource server's identifier with .audience(…)")]
    NoAudience,
    /// The issuer could not be reached or did not answer with the document asked for.
    #[error("{url} could not be fetched: {reason}")]
    Fetch {
        /// What was fetched.
        url: String,
        /// What went wrong.
        reason: String,
    },
    /// The metadata is another issuer's (RFC 8414 §3.3).
    #[error("the metadata names the issuer {found}, not {expected}")]
    Issuer {
        /// The issuer asked for.
        expected: String,
        /// The issuer named in the document.
        found: String,
    },
    /// The key set cannot be used.
    #[error(transparent)]
    Keys(#[from] KeySetError),
}

#[derive(Deserialize)]
struct Metadata {
    issuer: String,
    jwks_uri: String,
}

impl Discovery {
    /// Your resource server's identifier: tokens for anyone else are refused.
    pub fn audience(mut self, audience: impl Into<String>) -> Self {
        self.audience = audience.into();
        self
    }

    /// The `typ` your resource server registered; [`TokenType::AccessToken`] unless said otherwise.
    pub fn token_type(mut self, typ: TokenType) -> Self {
        self.types = vec![typ];
        self
    }

    /// How long after `exp` a token is still taken; 5 s by default.
    pub fn leeway(mut self, leeway: Duration) -> Self {
        self.leeway = leeway;
        self
    }

    /// How old keys may be before they are fetched again in the background; 300 s by default.
    pub fn max_age(mut self, max_age: Duration) -> Self {
        self.max_age = max_age;
        self
    }

    /// The least time between two fetches; 5 s by default.
    pub fn min_interval(mut self, min_interval: Duration) -> Self {
        self.min_interval = min_interval;
        self
    }

    /// How old keys may be before tokens are refused because the issuer could not be reached; 24 h by default.
    pub fn max_stale(mut self, max_stale: Duration) -> Self {
        self.max_stale = max_stale;
        self
    }

    /// Fetches the issuer's metadata and keys.
    ///
    /// # Errors
    /// [`DiscoverError`].
    pub async fn connect(self) -> Result<Verifier, DiscoverError> {
        if self.audience.is_empty() {
            return Err(DiscoverError::NoAudience);
        }
        // An error means that the host has installed a TLS provider of its own.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::Client::builder()
            .timeout(REQUEST_TIMEOUT)
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .map_err(|error| DiscoverError::Fetch { url: self.issuer.clone(), reason: error.to_string() })?;
        let metadata: Metadata = {
            let url = metadata_url(&self.issuer)?;
            let document = fetch(&client, &url).await?;
            serde_json::from_slice(&document).map_err(|error| DiscoverError::Fetch { url: url.into(), reason: error.to_string() })?
        };
        if metadata.issuer != self.issuer {
            return Err(DiscoverError::Issuer { expected: self.issuer, found: metadata.issuer });
        }
        let jwks_uri = secure_url(&metadata.jwks_uri)?;
        let keys = KeySet::parse(&fetch(&client, &jwks_uri).await?)?;
        let snapshot = ArcSwap::from_pointee(Snapshot { keys, fetched_at: monotonic() });
        Ok(Verifier { shared: Arc::new(Shared { client, jwks_uri, discovery: self, snapshot, last_fetch: Mutex::new(monotonic()) }) })
    }
}

impl Verifier {
    /// Begins with the issuer identifier, exactly as the issuer writes it.
    pub fn discover(issuer: impl Into<String>) -> Discovery {
        Discovery {
            issuer: issuer.into(),
            audience: String::new(),
            types: vec![TokenType::AccessToken],
            leeway: Duration::from_secs(5),
            max_age: Duration::from_secs(300),
            min_interval: Duration::from_secs(5),
            max_stale: Duration::from_secs(24 * 3600),
        }
    }

    /// Verifies a token with the keys at hand; only an unknown `kid` may make it wait for the network.
    ///
    /// # Errors
    /// [`VerifyError`]. [`VerifyError::KeysUnavailable`] is the server's trouble (503), all others are the token's (401).
    pub async fn verify(&self, token: &str) -> Result<AccessToken, VerifyError> {
        let snapshot = self.shared.snapshot.load_full();
        let age = snapshot.fetched_at.elapsed();
        if age > self.shared.discovery.max_stale && !self.refresh(&snapshot).await {
            return Err(VerifyError::KeysUnavailable);
        }
        if age > self.shared.discovery.max_age {
            self.refresh_in_background(Arc::clone(&snapshot));
        }
        match self.verify_with(token, &self.shared.snapshot.load()) {
            Err(VerifyError::UnknownKey) if self.refresh(&snapshot).await => self.verify_with(token, &self.shared.snapshot.load()),
            result => result,
        }
    }

    fn verify_with(&self, token: &str, snapshot: &Snapshot) -> Result<AccessToken, VerifyError> {
        let discovery = &self.shared.discovery;
        let expected = Expectation {
            issuer: &discovery.issuer,
            audience: Some(&discovery.audience),
            types: &discovery.types,
            leeway: discovery.leeway.as_secs(),
            now: wall_clock(),
        };
        verify(token, &snapshot.keys, &expected)
    }

    /// Whether there are newer keys than those seen. Callers that come while a fetch runs wait for it and share what it brings.
    async fn refresh(&self, seen: &Arc<Snapshot>) -> bool {
        let mut last_fetch = self.shared.last_fetch.lock().await;
        let renewed = |shared: &Shared| !Arc::ptr_eq(&shared.snapshot.load(), seen);
        if renewed(&self.shared) {
            return true;
        }
        if last_fetch.elapsed() < self.shared.discovery.min_interval {
            return false;
        }
        *last_fetch = monotonic();
        let Ok(document) = fetch(&self.shared.client, &self.shared.jwks_uri).await else { return false };
        let Ok(keys) = KeySet::parse(&document) else { return false };
        self.shared.snapshot.store(Arc::new(Snapshot { keys, fetched_at: monotonic() }));
        true
    }

    fn refresh_in_background(&self, seen: Arc<Snapshot>) {
        if self.shared.last_fetch.try_lock().is_ok_and(|last_fetch| last_fetch.elapsed() >= self.shared.discovery.min_interval) {
            let verifier = self.clone();
            tokio::spawn(async move { verifier.refresh(&seen).await });
        }
    }
}

/// RFC 8414 §3.1: the well-known part goes between the host and the issuer's path.
fn metadata_url(issuer: &str) -> Result<Url, DiscoverError> {
    let mut url = secure_url(issuer)?;
    let path = url.path().trim_end_matches('/').to_owned();
    url.set_path(&format!("/.well-known/oauth-authorization-server{path}"));
    Ok(url)
}

fn secure_url(text: &str) -> Result<Url, DiscoverError> {
    let url = Url::parse(text).map_err(|_parse| DiscoverError::Url(text.into()))?;
    let loopback = match url.host_str() {
        Some(host) => {
            host == "localhost" || host.trim_matches(['[', ']']).parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
        }
        None => false,
    };
    if url.scheme() == "https" || (url.scheme() == "http" && loopback) { Ok(url) } else { Err(DiscoverError::Url(text.into())) }
}

async fn fetch(client: &reqwest::Client, url: &Url) -> Result<Vec<u8>, DiscoverError> {
    let failed = |reason: String| DiscoverError::Fetch { url: url.to_string(), reason };
    let told = |error: reqwest::Error| failed(causes(&error.without_url()));
    let mut response = client.get(url.clone()).send().await.map_err(told)?;
    if response.status() != reqwest::StatusCode::OK {
        return Err(failed(format!("status {}", response.status())));
    }
    let mut document = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(told)? {
        document.extend_from_slice(&chunk);
        if document.len() > MAX_DOCUMENT_BYTES {
            return Err(failed("longer than 256 KiB".into()));
        }
    }
    Ok(document)
}

/// An error with all that caused it: the last is the one that tells.
fn causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}

#[expect(clippy::disallowed_methods, reason = "the one place this crate reads the wall clock")]
fn wall_clock() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

#[expect(clippy::disallowed_methods, reason = "the one place this crate reads the monotonic clock")]
fn monotonic() -> Instant {
    Instant::now()
}
