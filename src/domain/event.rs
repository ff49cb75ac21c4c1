//! Events: one row for every mutation, chained by hash, from which the audit log, the event list and the instances' memories are read.
use ring::digest::{self, SHA256};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use super::id::{EventId, OrganizationId};
use super::timestamp::Timestamp;

/// The names of all events but refusals, which are a call's name and `_refused`.
pub const EVENT_NAMES: &[&str] = &[
    "organization.created",
    "organization.updated",
    "organization.suspended",
    "organization.reactivated",
    "organization.deleted",
    "user.created",
    "user.updated",
    "user.deleted",
    "organization_membership.created",
    "organization_membership.updated",
    "organization_membership.deleted",
    "api_key.created",
    "api_key.updated",
    "api_key.revoked",
    "api_key.activated",
    "connect_application.created",
    "connect_application.updated",
    "connect_application.disabled",
    "connect_application.enabled",
    "connect_application.tokens_revoked",
    "connect_application.deleted",
    "connect_application_secret.created",
    "connect_application_secret.retiring",
    "connect_application_secret.restored",
    "connect_application_secret.activated",
    "connect_application_secret.deleted",
    "permission.created",
    "permission.updated",
    "permission.deleted",
    "permission_preset.created",
    "permission_preset.updated",
    "permission_preset.deleted",
    "resource_server.created",
    "resource_server.updated",
    "resource_server.deleted",
    "management_key.created",
    "management_key.deleted",
    "settings.updated",
    "webhook_endpoint.created",
    "webhook_endpoint.updated",
    "webhook_endpoint.deleted",
    "webhook_endpoint.replayed",
    "portal_session.created",
    "portal_session.opened",
    "portal_session.revoked",
    "console_session.created",
    "console_session.confirmed",
    "console_session.ended",
    "signing_key.published",
    "signing_key.activated",
    "signing_key.retired",
    "signing_key.removed",
    "signing_key.compromised",
    "token.revoked",
    "token_quota.updated",
    "token_quota.exceeded",
    "authentication.failed",
    "refusals.counted",
];

/// Who did it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Actor {
    pub id: String,
    /// `api`, or `system` for what the authority does by itself.
    pub source: &'static str,
    pub name: Option<String>,
    /// The management key through which a user acted.
    pub via: Option<String>,
}

impl Actor {
    pub fn system() -> Self {
        Self { id: "system".into(), source: "system", name: None, via: None }
    }
}

/// What a directory has to read again after an event.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Subject {
    Organization(String),
    Application(String),
    ManagementKey(String),
    ApiKey(String),
    Token(String),
    TokenQuota(String),
    Permissions,
    ResourceServers,
    SigningKeys,
    /// Nothing in memory depends on it.
    Nothing,
}

impl Subject {
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Organization(_) => "organization",
            Self::Application(_) => "application",
            Self::ManagementKey(_) => "management_key",
            Self::ApiKey(_) => "api_key",
            Self::Token(_) => "token",
            Self::TokenQuota(_) => "token_quota",
            Self::Permissions => "permissions",
            Self::ResourceServers => "resource_servers",
            Self::SigningKeys => "signing_keys",
            Self::Nothing => "nothing",
        }
    }

    pub fn id(&self) -> &str {
        match self {
            Self::Organization(id)
            | Self::Application(id)
            | Self::ManagementKey(id)
            | Self::ApiKey(id)
            | Self::Token(id)
            | Self::TokenQuota(id) => id,
            _ => "",
        }
    }

    pub fn stored(kind: &str, id: String) -> Self {
        match kind {
            "organization" => Self::Organization(id),
            "application" => Self::Application(id),
            "management_key" => Self::ManagementKey(id),
            "api_key" => Self::ApiKey(id),
            "token" => Self::Token(id),
            "token_quota" => Self::TokenQuota(id),
            "permissions" => Self::Permissions,
            "resource_servers" => Self::ResourceServers,
            "signing_keys" => Self::SigningKeys,
            _ => Self::Nothing,
        }
    }
}

/// What happened, before it has its place in the chain.
#[derive(Clone, Debug, PartialEq)]
pub struct NewEvent {
    pub event: String,
    pub organization_id: Option<OrganizationId>,
    pub subject: Subject,
    /// The object after the change, or its last state; never with a secret in it.
    pub data: Value,
    /// The object before the change.
    pub before: Option<Value>,
}

/// An event in its place, as it is listed and as it is sent to webhook endpoints.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(tag = "object", rename = "event")]
pub struct Event {
    pub id: EventId,
    pub event: String,
    /// The object after the change, or its last state.
    #[schemars(with = "Map<String, Value>")]
    pub data: Box<RawValue>,
    pub created_at: Timestamp,
    pub context: Context,
    #[serde(skip)]
    pub rev: i64,
}

/// How an event came about.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[schemars(rename = "event_context")]
pub struct Context {
    pub actor: ActorView,
}

/// Who did it, as told.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[schemars(rename = "actor")]
pub struct ActorView {
    pub id: String,
    pub source: String,
    pub name: Option<String>,
    /// The management key through which a user acted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub via: Option<String>,
}

/// Which events are asked for; an empty field is no condition.
#[derive(Default)]
pub struct EventFilter {
    /// Names as `event`; empty is all.
    pub events: Vec<String>,
    pub organization_id: Option<String>,
    pub from: Option<Timestamp>,
    /// Up to but not at.
    pub to: Option<Timestamp>,
}

/// A row of the chain, all of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventRow {
    /// Gap-free, given under the head lock.
    pub rev: i64,
    pub id: String,
    pub event: String,
    pub organization_id: Option<String>,
    pub subject_kind: String,
    pub subject_id: String,
    pub data: String,
    pub before: Option<String>,
    pub actor_id: String,
    pub actor_source: String,
    pub actor_name: Option<String>,
    pub actor_via: Option<String>,
    pub request_id: Option<String>,
    pub source_ip: Option<String>,
    pub created_at: i64,
    pub previous_hash: String,
}

/// The hash before the first event.
pub const CHAIN_START: &str = "0000000000000000000000000000000000000000000000000000000000000000";

impl EventRow {
    /// SHA-256 over the row as a JSON array of its columns in this order, the previous row's hash the last, and behind that `actor_via` where
    /// there is one (rows from before it was known have none); lower-case hex.
    pub fn hash(&self) -> String {
        let mut row = json!([
            self.rev,
            self.id,
            self.event,
            self.organization_id,
            self.subject_kind,
            self.subject_id,
            self.data,
            self.before,
            self.actor_id,
            self.actor_source,
            self.actor_name,
            self.request_id,
            self.source_ip,
            self.created_at,
            self.previous_hash,
        ]);
        if let (Some(via), Some(columns)) = (&self.actor_via, row.as_array_mut()) {
            columns.push(json!(via));
        }
        digest::digest(&SHA256, row.to_string().as_bytes()).as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

/// The first place at which the chain does not hold.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ChainError {
    #[error("event {found} follows event {expected_after}: at least one row is missing between them")]
    Gap { expected_after: i64, found: i64 },
    #[error("event {rev} ({id}) does not carry the hash of the row before it: it or that row was changed")]
    Link { rev: i64, id: String },
    #[error("event {rev} ({id}) does not match its own hash: the row was changed")]
    Hash { rev: i64, id: String },
    #[error("the last event is {found}, but {expected} were written: rows are missing at the end")]
    Truncated { expected: i64, found: i64 },
    #[error("the last event's hash is not the head's: the end of the chain was changed")]
    Head,
}

/// Checks rows in order, one after the other.
pub struct ChainCheck {
    pub rev: i64,
    pub hash: String,
}

impl Default for ChainCheck {
    fn default() -> Self {
        Self { rev: 0, hash: CHAIN_START.to_owned() }
    }
}

impl ChainCheck {
    /// # Errors
    /// [`ChainError`] when this row does not follow the one before.
    pub fn take(&mut self, row: &EventRow, stored_hash: &str) -> Result<(), ChainError> {
        if row.rev != self.rev + 1 {
            return Err(ChainError::Gap { expected_after: self.rev, found: row.rev });
        }
        if row.previous_hash != self.hash {
            return Err(ChainError::Link { rev: row.rev, id: row.id.clone() });
        }
        if row.hash() != stored_hash {
            return Err(ChainError::Hash { rev: row.rev, id: row.id.clone() });
        }
        (self.rev, self.hash) = (row.rev, stored_hash.to_owned());
        Ok(())
    }

    /// # Errors
    /// [`ChainError`] when the head names another last row.
    pub fn finish(&self, head_rev: i64, head_hash: &str) -> Result<(), ChainError> {
        if self.rev != head_rev {
            return Err(ChainError::Truncated { expected: head_rev, found: self.rev });
        }
        if self.hash == head_hash { Ok(()) } else { Err(ChainError::Head) }
    }
}
