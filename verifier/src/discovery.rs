//! Discovery of an issuer (RFC 8414 §3): its keys, and where it publishes revocations.
use std::time::Duration;

use reqwest::Url;
use serde::Deserialize;

use crate::fetch::{client, fetch, secure_url};
use crate::follow::{Following, Places, catch_up_with_the_feed, fetch_snapshot};
use crate::jwks::KeySetError;
use crate::revocations::Revocations;
use crate::verifier::{Shared, Verifier};
use crate::verify::TokenType;

/// The longest JWK set or metadata document read, bytes.
pub(crate) const MAX_DOCUMENT_BYTES: usize = 256 * 1024;

/// What [`Verifier::discover`] goes by, until [`Discovery::connect`].
#[derive(Clone)]
pub struct Discovery {
    pub(crate) issuer: String,
    pub(crate) audience: String,
    pub(crate) types: Vec<TokenType>,
    pub(crate) leeway: Duration,
    pub(crate) max_age: Duration,
    pub(crate) min_interval: Duration,
    pub(crate) max_stale: Duration,
    pub(crate) management_key: Option<String>,
    pub(crate) enforcing: bool,
    max_staleness: Option<Duration>,
}

/// How soon a verifier refuses everything when it hears nothing of revocations. There is none that accepts whatever happens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Profile {
    /// As the authority publishes: 10 s, unless it was set up otherwise.
    #[default]
    Default,
    /// After 3 s. The authority should be set up as strict too, or two late frames are a refusal.
    Strict,
    /// After 300 s, where the authority publishes as much: it is the authority that says how long an outage may be borne.
    Available,
}

impl Profile {
    fn max_staleness(self) -> Option<Duration> {
        match self {
            Self::Default => None,
            Self::Strict => Some(Duration::from_secs(3)),
            Self::Available => Some(Duration::from_secs(300)),
        }
    }
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
    /// The snapshot of revocations could not be had, or not be verified.
    #[error("{url} tells nothing of revocations, so no token could be taken: {reason}")]
    Revocations {
        /// What was fetched.
        url: String,
        /// What went wrong.
        reason: String,
    },
    /// The metadata names some of what following revocations takes, and not all.
    #[error("the metadata of {issuer} names status_feed_endpoint, status_snapshot_endpoint and status_jwks_uri in part only")]
    Incomplete {
        /// The issuer asked for.
        issuer: String,
    },
}

#[derive(Deserialize)]
struct Metadata {
    issuer: String,
    jwks_uri: String,
    #[serde(default)]
    status_feed_endpoint: Option<String>,
    #[serde(default)]
    status_snapshot_endpoint: Option<String>,
    #[serde(default)]
    status_jwks_uri: Option<String>,
}

impl Discovery {
    pub(crate) fn new(issuer: String) -> Self {
        Self {
            issuer,
            audience: String::new(),
            types: vec![TokenType::AccessToken],
            leeway: Duration::from_secs(5),
            max_age: Duration::from_secs(300),
            min_interval: Duration::from_secs(5),
            max_stale: Duration::from_secs(24 * 3600),
            management_key: None,
            enforcing: true,
            max_staleness: None,
        }
    }

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

    /// How soon everything is refused when nothing is heard of revocations; [`Profile::Default`] unless said otherwise.
    pub fn profile(mut self, profile: Profile) -> Self {
        self.max_staleness = profile.max_staleness();
        self
    }

    /// The same in figures. What the authority publishes counts where it is shorter.
    pub fn max_staleness(mut self, max_staleness: Duration) -> Self {
        self.max_staleness = Some(max_staleness);
        self
    }

    /// Follows no revocations: a token is good until its `exp`, also when its credential was deleted. For audiences that are registered
    /// without `status_enforcing`, whose tokens live for an hour at the most.
    pub fn not_enforcing(mut self) -> Self {
        self.enforcing = false;
        self
    }

    /// A management key with `api_keys:validate`, for [`Verifier::verify_api_key`].
    pub fn management_key(mut self, key: impl Into<String>) -> Self {
        self.management_key = Some(key.into());
        self
    }

    /// How old keys may be before they are fetched again in the background; 300 s by default. Where revocations are followed they are
    /// fetched when they change.
    pub fn max_age(mut self, max_age: Duration) -> Self {
        self.max_age = max_age;
        self
    }

    /// The least time between two fetches of keys that an unknown `kid` may cause; 5 s by default.
    pub fn min_interval(mut self, min_interval: Duration) -> Self {
        self.min_interval = min_interval;
        self
    }

    /// How old keys may be before tokens are refused because the issuer could not be reached; 24 h by default.
    pub fn max_stale(mut self, max_stale: Duration) -> Self {
        self.max_stale = max_stale;
        self
    }

    /// Fetches the issuer's metadata, keys and revocations, and goes on following those.
    ///
    /// # Errors
    /// [`DiscoverError`].
    pub async fn connect(self) -> Result<Verifier, DiscoverError> {
        if self.audience.is_empty() {
            return Err(DiscoverError::NoAudience);
        }
        let client = client(&self.issuer)?;
        let metadata: Metadata = {
            let url = metadata_url(&self.issuer)?;
            let document = fetch(&client, &url, MAX_DOCUMENT_BYTES).await?;
            serde_json::from_slice(&document).map_err(|error| DiscoverError::Fetch { url: url.into(), reason: error.to_string() })?
        };
        if metadata.issuer != self.issuer {
            return Err(DiscoverError::Issuer { expected: self.issuer, found: metadata.issuer });
        }
        let jwks_uri = secure_url(&metadata.jwks_uri)?;
        let following = self.places(&metadata)?.map(|places| {
            let revocations = Revocations::new(self.issuer.clone(), self.max_staleness);
            Following::new(places, revocations)
        });
        let shared = Shared::new(client, jwks_uri, self, following);
        // A verifier that begins must know the newest keys: no cache may answer.
        shared.fetch_keys(shared.following.is_some().then_some("")).await?;
        if let Some(following) = &shared.following {
            let url = following.places.snapshot.to_string();
            fetch_snapshot(&shared, following).await.map_err(|reason| DiscoverError::Revocations { url, reason })?;
            catch_up_with_the_feed(&shared, following).await;
        }
        Ok(Verifier::new(shared))
    }

    /// Where revocations are published; `None` for an issuer that publishes none, or when they are not to be followed.
    fn places(&self, metadata: &Metadata) -> Result<Option<Places>, DiscoverError> {
        if !self.enforcing {
            return Ok(None);
        }
        match (&metadata.status_feed_endpoint, &metadata.status_snapshot_endpoint, &metadata.status_jwks_uri) {
            (Some(feed), Some(snapshot), Some(jwks)) => {
                Ok(Some(Places { feed: secure_url(feed)?, snapshot: secure_url(snapshot)?, status_jwks: secure_url(jwks)? }))
            }
            (None, None, None) => Ok(None),
            _ => Err(DiscoverError::Incomplete { issuer: self.issuer.clone() }),
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
