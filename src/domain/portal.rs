//! The portal: where a customer's own admin sees to his organization's keys and applications, let in by a link that opens once.
use std::time::Duration;

use serde::Serialize;
use url::Url;

use super::id::{ManagementKeyId, OrganizationId, PortalSessionId, UserId};
use super::management_key::Power;
use super::text::FieldError;
use super::timestamp::Timestamp;

/// How long a link waits to be opened.
pub const LINK_LIFE: Duration = Duration::from_secs(5 * 60);
/// How long the session lasts that it opens.
pub const SESSION_LIFE: Duration = Duration::from_secs(30 * 60);

/// What may be done in a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Capability {
    /// The organization's own API keys.
    ApiKeys,
    /// The user's own personal keys.
    OwnKeys,
    /// Every member's personal keys: to see and revoke.
    MembersKeys,
    Applications,
}

impl Capability {
    const ALL: [Self; 4] = [Self::ApiKeys, Self::OwnKeys, Self::MembersKeys, Self::Applications];

    pub fn name(self) -> &'static str {
        match self {
            Self::ApiKeys => "api_keys",
            Self::OwnKeys => "own_keys",
            Self::MembersKeys => "members_keys",
            Self::Applications => "applications",
        }
    }

    pub fn stored(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|capability| capability.name() == name)
    }

    /// The intent of a portal link.
    ///
    /// # Errors
    /// A [`FieldError`] that names what there is; other products' intents, such as `sso`, are none of ours.
    pub fn of_intent(intent: &str) -> Result<Self, FieldError> {
        match intent {
            "api_keys" => Ok(Self::ApiKeys),
            "applications" => Ok(Self::Applications),
            _ => Err(FieldError::new("unsupported_intent", "intent", "intent takes api_keys or applications")),
        }
    }

    /// The scope of a widget token.
    ///
    /// # Errors
    /// A [`FieldError`] that names what there is.
    pub fn of_widget_scope(scope: &str) -> Result<Self, FieldError> {
        match scope {
            "widgets:api-keys:manage" => Ok(Self::ApiKeys),
            "widgets:user-api-keys:manage-self" => Ok(Self::OwnKeys),
            "widgets:user-api-keys:manage-all" => Ok(Self::MembersKeys),
            _ => {
                let known = "widgets:api-keys:manage, widgets:user-api-keys:manage-self, widgets:user-api-keys:manage-all";
                Err(FieldError::new("unsupported_scope", "scopes", format!("scopes takes {known}")))
            }
        }
    }

    /// What a management key must be able to do to hand it on.
    pub fn powers(self) -> [Power; 2] {
        match self {
            Self::ApiKeys | Self::OwnKeys | Self::MembersKeys => [Power::ApiKeysRead, Power::ApiKeysWrite],
            Self::Applications => [Power::ApplicationsRead, Power::ApplicationsWrite],
        }
    }
}

/// A link, or the session it opened. Neither's secret is in it.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "object", rename = "portal_session")]
pub struct PortalSession {
    pub id: PortalSessionId,
    pub organization_id: OrganizationId,
    /// The management key that let it in, in whose name it acts.
    pub management_key_id: ManagementKeyId,
    /// For whom; `None` is whoever was given the link.
    pub user_id: Option<UserId>,
    pub capabilities: Vec<Capability>,
    /// Where the portal leads back to.
    pub return_url: Option<String>,
    pub expires_at: Timestamp,
    pub created_at: Timestamp,
}

pub struct NewPortalSession {
    /// As the caller named it.
    pub organization: String,
    /// A user's id or external id.
    pub user: Option<String>,
    pub capabilities: Vec<Capability>,
    pub return_url: Option<String>,
}

/// As it is written in the page: normalized.
///
/// # Errors
/// A [`FieldError`] unless it is an http or https URL.
pub fn parse_return_url(text: &str) -> Result<String, FieldError> {
    match Url::parse(text) {
        Ok(url) if matches!(url.scheme(), "http" | "https") && text.len() <= 2000 => Ok(url.to_string()),
        _ => Err(FieldError::new("invalid_url", "return_url", "return_url is an https or http URL, at most 2000 characters")),
    }
}
