//! Webhooks: endpoints that are sent events, when an attempt that failed is tried again, and what came of each.
use std::time::Duration;

use schemars::JsonSchema;
use serde::Serialize;
use url::Url;

use super::event::EVENT_NAMES;
use super::id::{DeliveryId, EventId, OrganizationId, WebhookEndpointId};
use super::text::FieldError;
use super::timestamp::Timestamp;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum EndpointStatus {
    Enabled,
    Disabled,
}

impl EndpointStatus {
    pub fn name(self) -> &'static str {
        match self {
            Self::Enabled => "enabled",
            Self::Disabled => "disabled",
        }
    }

    /// # Errors
    /// A [`FieldError`] that names what there is.
    pub fn parse(text: &str) -> Result<Self, FieldError> {
        let known = [Self::Enabled, Self::Disabled].into_iter().find(|status| status.name() == text);
        known.ok_or_else(|| FieldError::new("invalid_value", "status", "status takes enabled or disabled"))
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(tag = "object", rename = "webhook_endpoint")]
pub struct WebhookEndpoint {
    pub id: WebhookEndpointId,
    pub endpoint_url: String,
    pub status: EndpointStatus,
    /// Names of events, or `*` for all.
    pub events: Vec<String>,
    /// The one organization whose events it is sent; `None` is all.
    pub organization_id: Option<OrganizationId>,
    /// What deliveries are signed with: whole in the answer that made it, masked from then on.
    pub secret: String,
    /// How many attempts in a row have failed.
    pub failed_attempts: i64,
    /// When the next attempt is due, after one that failed.
    pub next_attempt_at: Option<Timestamp>,
    pub created_by: String,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    /// The last event that is done with.
    #[serde(skip)]
    pub position: i64,
    #[serde(skip)]
    pub version: i64,
}

pub struct NewWebhookEndpoint {
    pub endpoint_url: EndpointUrl,
    pub events: Subscription,
    pub organization_id: Option<OrganizationId>,
}

#[derive(Default)]
pub struct WebhookEndpointChange {
    pub endpoint_url: Option<EndpointUrl>,
    pub status: Option<EndpointStatus>,
    pub events: Option<Subscription>,
}

/// Where deliveries go: http or https, with a host, without credentials in it.
#[derive(Clone, Debug)]
pub struct EndpointUrl(Url);

impl EndpointUrl {
    /// # Errors
    /// A [`FieldError`].
    pub fn parse(text: &str) -> Result<Self, FieldError> {
        let invalid = |message: &str| Err(FieldError::new("invalid_url", "endpoint_url", message));
        match Url::parse(text) {
            Ok(url) if text.len() > 2000 || url.host().is_none() || !matches!(url.scheme(), "http" | "https") => {
                invalid("endpoint_url is an https URL with a host, at most 2000 characters")
            }
            Ok(url) if !url.username().is_empty() || url.password().is_some() => {
                invalid("endpoint_url has no user or password in it: deliveries are signed")
            }
            Ok(url) if url.fragment().is_some() => invalid("endpoint_url has no fragment"),
            Ok(url) => Ok(Self(url)),
            Err(_) => invalid("endpoint_url is an https URL, as in https://example.com/webhooks"),
        }
    }

    pub fn url(&self) -> &Url {
        &self.0
    }
}

/// Which events an endpoint is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subscription(Vec<String>);

/// Every event, refusals and those of later versions included.
pub const EVERY_EVENT: &str = "*";

impl Subscription {
    /// # Errors
    /// A [`FieldError`] when there is none, or one that no event has.
    pub fn parse(names: Vec<String>) -> Result<Self, FieldError> {
        if names.is_empty() {
            return Err(FieldError::new("required", "events", "events takes at least one name, or \"*\" for all"));
        }
        // A refusal is named after what was refused.
        let is_refusal = |name: &str| name.strip_suffix("_refused").is_some_and(|call| call.split('.').count() == 2 && is_plain(call));
        let exists = |name: &str| name == EVERY_EVENT || EVENT_NAMES.contains(&name) || is_refusal(name);
        if let Some(unknown) = names.iter().find(|name| !exists(name)) {
            let unknown: String = unknown.chars().take(64).collect();
            let message = format!("{unknown:?} is none of {}, \"*\"", EVENT_NAMES.join(", "));
            return Err(FieldError::new("unknown_event", "events", message));
        }
        let mut distinct = Vec::with_capacity(names.len());
        for name in names {
            if !distinct.contains(&name) {
                distinct.push(name);
            }
        }
        Ok(Self(distinct))
    }

    pub fn names(&self) -> &[String] {
        &self.0
    }
}

fn is_plain(name: &str) -> bool {
    name.len() <= 64 && name.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'_' | b'.'))
}

/// What came of one attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    Delivered,
    /// It is tried again.
    Failed,
    /// It failed for the last time: the events after it go on.
    GivenUp,
}

impl Outcome {
    pub fn name(self) -> &'static str {
        match self {
            Self::Delivered => "delivered",
            Self::Failed => "failed",
            Self::GivenUp => "given_up",
        }
    }

    pub fn stored(name: &str) -> Option<Self> {
        [Self::Delivered, Self::Failed, Self::GivenUp].into_iter().find(|outcome| outcome.name() == name)
    }
}

/// One attempt, in the delivery log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(tag = "object", rename = "webhook_delivery")]
pub struct Delivery {
    pub id: DeliveryId,
    pub webhook_endpoint_id: WebhookEndpointId,
    pub event_id: EventId,
    pub event: String,
    /// 1 for the first.
    pub attempt: i64,
    pub outcome: Outcome,
    pub response_status: Option<u16>,
    /// What went wrong where there was no answer.
    pub error: Option<String>,
    /// Milliseconds.
    pub duration_ms: i64,
    pub created_at: Timestamp,
}

/// How long an event is tried for, from when it happened; one older than that is tried once.
pub const TRIED_FOR: Duration = Duration::from_secs(3 * 24 * 3600);
/// How long the delivery log is kept.
pub const LOG_KEPT: Duration = Duration::from_secs(30 * 24 * 3600);
const FIRST_PAUSE: Duration = Duration::from_secs(5);
const LONGEST_PAUSE: Duration = Duration::from_secs(3600);

/// The pause after this many attempts in a row have failed: 5 s, then twice as long each time, an hour at the most. `jitter` (0 to 255)
/// shortens it by up to a quarter, so that endpoints that failed together do not return together.
pub fn pause_after(failed_attempts: i64, jitter: u8) -> Duration {
    let doublings = u32::try_from(failed_attempts.saturating_sub(1)).unwrap_or(0).min(16);
    let pause = FIRST_PAUSE.saturating_mul(1 << doublings).min(LONGEST_PAUSE);
    pause - pause / 4 * u32::from(jitter) / 255
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pause_doubles_up_to_an_hour() {
        assert_eq!(pause_after(1, 0), Duration::from_secs(5));
        assert_eq!(pause_after(2, 0), Duration::from_secs(10));
        assert_eq!(pause_after(50, 0), Duration::from_secs(3600));
        for attempts in 1..20 {
            assert!(pause_after(attempts, 255) >= pause_after(attempts, 0) * 3 / 4 && pause_after(attempts, 7) <= pause_after(attempts, 0));
        }
    }
}
