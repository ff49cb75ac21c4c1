//! API keys: validated by the issuer once, then known here for as long as revocations are followed.
use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use reqwest::header::AUTHORIZATION;
use serde::Deserialize;
use serde_json::json;

use crate::cache::digest_of;
use crate::claims::Principal;
use crate::clock::{monotonic, wall_millis};
use crate::discovery::MAX_DOCUMENT_BYTES;
use crate::fetch::{read, secure_url};
use crate::scope::Scope;
use crate::status::{Status, StatusIndex};
use crate::verifier::Verifier;
use crate::verify::VerifyError;

/// How many keys are known at once.
const MOST_KEYS: usize = 10_000;

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
    /// No management key was given, or one that may not validate: the resource server's own mistake.
    #[error("API keys cannot be validated here: give .management_key(…) one with api_keys:validate")]
    NotSetUp,
}

/// A key that was validated, until it must be asked for again.
struct Validated {
    key: ApiKey,
    index: StatusIndex,
    until: Instant,
}

/// Validated keys, by the digest of their value.
#[derive(Default)]
pub(crate) struct ValidatedKeys(RwLock<HashMap<[u8; 32], Arc<Validated>>>);

#[derive(Deserialize)]
struct Answer {
    api_key: Option<Found>,
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
        let digest = digest_of(value);
        if let Some(validated) = self.shared.api_keys.find(&digest)
            && let Some(following) = &self.shared.following
        {
            let verdict = following.read().check_index(validated.index, wall_millis(), None);
            match self.decide(following, verdict) {
                Ok(_) => return Ok(validated.key.clone()),
                Err(VerifyError::Stale) => {}
                Err(_) => return Err(ApiKeyError::Invalid),
            }
        }
        self.ask(value, digest).await
    }

    async fn ask(&self, value: &str, digest: [u8; 32]) -> Result<ApiKey, ApiKeyError> {
        let discovery = &self.shared.discovery;
        let management_key = discovery.management_key.as_ref().ok_or(ApiKeyError::NotSetUp)?;
        let url = secure_url(&format!("{}/api_keys/validations", discovery.issuer)).map_err(|_url| ApiKeyError::NotSetUp)?;
        let request =
            self.shared.client.post(url).header(AUTHORIZATION, format!("Bearer {management_key}")).json(&json!({ "value": value }));
        let response = request.send().await.map_err(|_error| ApiKeyError::Unavailable)?;
        match response.status().as_u16() {
            200 => {}
            401 | 403 => return Err(ApiKeyError::NotSetUp),
            _ => return Err(ApiKeyError::Unavailable),
        }
        let document = read(response, MAX_DOCUMENT_BYTES).await.map_err(|_error| ApiKeyError::Unavailable)?;
        let answer: Answer = serde_json::from_slice(&document).map_err(|_json| ApiKeyError::Unavailable)?;
        let key = answer.api_key.ok_or(ApiKeyError::Invalid)?;
        let permissions = Scope::parse(&key.permissions.join(" ")).map_err(|_scope| ApiKeyError::Unavailable)?;
        let organization = key.owner.organization_id.unwrap_or(key.owner.id);
        let key = ApiKey { id: key.id, principal: key.principal, organization, permissions };
        let index = answer.status.and_then(|status| status.index(&discovery.issuer));
        if let (Some(index), Some(following)) = (index, &self.shared.following) {
            // What was revoked while the answer was on its way is known by now, or soon.
            let verdict = following.read().check_index(index, wall_millis(), None);
            if self.decide(following, verdict) == Err(VerifyError::Revoked) {
                return Err(ApiKeyError::Invalid);
            }
            let until = monotonic() + Duration::from_secs(answer.cache_ttl);
            self.shared.api_keys.insert(digest, Validated { key: key.clone(), index, until });
        }
        Ok(key)
    }
}

impl ValidatedKeys {
    fn find(&self, digest: &[u8; 32]) -> Option<Arc<Validated>> {
        let keys = self.0.read().unwrap_or_else(PoisonError::into_inner);
        keys.get(digest).filter(|validated| monotonic() < validated.until).cloned()
    }

    fn insert(&self, digest: [u8; 32], validated: Validated) {
        let mut keys = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if keys.len() >= MOST_KEYS {
            let now = monotonic();
            keys.retain(|_, validated| now < validated.until);
            if keys.len() >= MOST_KEYS {
                keys.clear();
            }
        }
        keys.insert(digest, Arc::new(validated));
    }
}
