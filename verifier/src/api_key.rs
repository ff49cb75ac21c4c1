//! API keys: validated by the issuer once, then known here for as long as revocations are followed.
use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use reqwest::header::AUTHORIZATION;
use serde::Deserialize;
use serde_json::json;
use tokio::sync::Semaphore;

use crate::cache::digest_of;
use crate::claims::Principal;
use crate::clock::{monotonic, wall_millis};
use crate::discovery::MAX_DOCUMENT_BYTES;
use crate::fetch::{read, secure_url};
use crate::revocations::Verdict;
use crate::scope::Scope;
use crate::status::{Status, StatusIndex};
use crate::verifier::Verifier;

/// How many keys are known at once.
const MOST_KEYS: usize = 10_000;
/// How long it is remembered that a value is no key: nobody can have made one with just that value meanwhile.
const UNKNOWN_FOR: Duration = Duration::from_secs(5);
/// No key is longer, bytes.
const MAX_VALUE_BYTES: usize = 256;
/// How many keys are asked for at once; more wait their turn, so that bad values cannot flood the issuer.
const AT_ONCE: usize = 32;

/// A good API key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiKey {
    /// Its id, `key_…`.
    pub id: String,
    /// On whose behalf it acts.
    pub principal: Principal,
    /// The organization it is for.
    pub organization: String,
    /// What it may do.
    pub permissions: Scope,
}

/// Why a key is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ApiKeyError {
    /// It is no key of the issuer, or a dead one: 401.
    #[error("the API key is not good")]
    Invalid,
    /// The issuer could not be asked: 503, never 401.
    #[error("the API key could not be validated just now")]
    Unavailable,
    /// No management key was given: API keys are not taken here.
    #[error("API keys cannot be validated here: give .management_key(…) one with api_keys:validate")]
    NotSetUp,
    /// The management key is refused: the resource server's own trouble, 503.
    #[error("the management key is not live, or lacks api_keys:validate")]
    ManagementKeyRefused,
}

/// What the issuer said of a value, until it must be asked again.
struct Answered {
    /// The key and its entry; `None` where it is none.
    key: Option<(ApiKey, StatusIndex)>,
    until: Instant,
}

/// What the issuer said, by the digest of the value.
pub(crate) struct ValidatedKeys {
    answered: RwLock<HashMap<[u8; 32], Arc<Answered>>>,
    room: Semaphore,
}

impl Default for ValidatedKeys {
    fn default() -> Self {
        Self { answered: RwLock::default(), room: Semaphore::new(AT_ONCE) }
    }
}

#[derive(Deserialize)]
struct Answer {
    api_key: Option<Found>,
    #[serde(default)]
    reason: Option<String>,
    #[serde(default)]
    status: Option<Status>,
    #[serde(default)]
    cache_ttl: u64,
}

#[derive(Deserialize)]
struct Found {
    id: String,
    owner: Owner,
    principal: Principal,
    permissions: Vec<String>,
}

#[derive(Deserialize)]
struct Owner {
    id: String,
    #[serde(default)]
    organization_id: Option<String>,
}

impl Verifier {
    /// Validates an API key: from memory where it was validated a moment ago and is known not to be revoked since, else by asking the issuer.
    /// What it may do is said by [`ApiKey::permissions`].
    ///
    /// # Errors
    /// [`ApiKeyError`].
    pub async fn verify_api_key(&self, value: &str) -> Result<ApiKey, ApiKeyError> {
        if value.len() > MAX_VALUE_BYTES {
            return Err(ApiKeyError::Invalid);
        }
        let digest = digest_of(value);
        if let Some(known) = self.remembered(&digest) {
            return known;
        }
        let _turn = self.shared.api_keys.room.acquire().await;
        // Whoever waited may have had the same question.
        match self.remembered(&digest) {
            Some(known) => known,
            None => self.ask(value, digest).await,
        }
    }

    /// What is known without asking. A key that was revoked may be good again under another entry: that is for the issuer to say.
    fn remembered(&self, digest: &[u8; 32]) -> Option<Result<ApiKey, ApiKeyError>> {
        let following = self.shared.following.as_ref()?;
        let answered = self.shared.api_keys.find(digest)?;
        let Some((key, index)) = &answered.key else { return Some(Err(ApiKeyError::Invalid)) };
        let verdict = following.read().check_index(*index, wall_millis(), None);
        matches!(verdict, Verdict::Good { .. }).then(|| Ok(key.clone()))
    }

    async fn ask(&self, value: &str, digest: [u8; 32]) -> Result<ApiKey, ApiKeyError> {
        let discovery = &self.shared.discovery;
        let management_key = discovery.management_key.as_ref().ok_or(ApiKeyError::NotSetUp)?;
        let url = secure_url(&format!("{}/api_keys/validations", discovery.issuer)).map_err(|_url| ApiKeyError::NotSetUp)?;
        let asked = monotonic();
        let request =
            self.shared.client.post(url).header(AUTHORIZATION, format!("Bearer {management_key}")).json(&json!({ "value": value }));
        let response = request.send().await.map_err(|_error| ApiKeyError::Unavailable)?;
        match response.status().as_u16() {
            200 => {}
            401 | 403 => return Err(ApiKeyError::ManagementKeyRefused),
            _ => return Err(ApiKeyError::Unavailable),
        }
        let document = read(response, MAX_DOCUMENT_BYTES).await.map_err(|_error| ApiKeyError::Unavailable)?;
        let answer: Answer = serde_json::from_slice(&document).map_err(|_json| ApiKeyError::Unavailable)?;
        let Some(key) = answer.api_key else {
            if answer.reason.as_deref().is_some_and(|reason| ["not_found", "malformed"].contains(&reason)) {
                self.shared.api_keys.insert(digest, Answered { key: None, until: asked + UNKNOWN_FOR });
            }
            return Err(ApiKeyError::Invalid);
        };
        let permissions = Scope::parse(&key.permissions.join(" ")).map_err(|_scope| ApiKeyError::Unavailable)?;
        let organization = key.owner.organization_id.unwrap_or(key.owner.id);
        let key = ApiKey { id: key.id, principal: key.principal, organization, permissions };
        let index = answer.status.and_then(|status| status.index(&discovery.issuer));
        if let (Some(index), Some(following)) = (index, &self.shared.following) {
            // What was revoked while the answer was on its way is known by now, or soon.
            if following.read().check_index(index, wall_millis(), None) == Verdict::Revoked {
                following.counters.refused_revoked.add();
                return Err(ApiKeyError::Invalid);
            }
            let until = asked + Duration::from_secs(answer.cache_ttl);
            self.shared.api_keys.insert(digest, Answered { key: Some((key.clone(), index)), until });
        }
        Ok(key)
    }
}

impl ValidatedKeys {
    fn find(&self, digest: &[u8; 32]) -> Option<Arc<Answered>> {
        let answered = self.answered.read().unwrap_or_else(PoisonError::into_inner);
        answered.get(digest).filter(|answered| monotonic() < answered.until).cloned()
    }

    fn insert(&self, digest: [u8; 32], answered: Answered) {
        let mut keys = self.answered.write().unwrap_or_else(PoisonError::into_inner);
        if keys.len() >= MOST_KEYS {
            let now = monotonic();
            keys.retain(|_, answered| now < answered.until);
            if keys.len() >= MOST_KEYS {
                keys.clear();
            }
        }
        keys.insert(digest, Arc::new(answered));
    }
}
