//! An operator's session in the console: it ends by itself, and what is destructive asks for the management key again.
use std::time::Duration;

use serde::Serialize;

use super::id::{ConsoleSessionId, ManagementKeyId};
use super::timestamp::Timestamp;

/// How long a session lasts, whatever happens in it.
pub const LIFE: Duration = Duration::from_secs(12 * 3600);
/// How long it lasts without a page being asked for.
pub const IDLE: Duration = Duration::from_secs(30 * 60);
/// For how long a management key that was presented again stands for what is destructive.
pub const CONFIRMED: Duration = Duration::from_secs(5 * 60);
/// How often it is written down that a session was seen.
pub const SEEN: Duration = Duration::from_secs(60);
/// How many sessions a management key has at once: another ends the oldest.
pub const MAX_SESSIONS: u8 = 20;
/// What is kept of a browser's name, characters.
pub const MAX_USER_AGENT: usize = 200;

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "object", rename = "console_session")]
pub struct ConsoleSession {
    pub id: ConsoleSessionId,
    pub management_key_id: ManagementKeyId,
    pub source_ip: Option<String>,
    pub user_agent: Option<String>,
    pub created_at: Timestamp,
    pub seen_at: Timestamp,
    /// When the management key was last presented.
    pub confirmed_at: Timestamp,
}

impl ConsoleSession {
    pub fn ends_at(&self) -> Timestamp {
        (self.created_at + LIFE).min(self.seen_at + IDLE)
    }

    pub fn is_confirmed(&self, now: Timestamp) -> bool {
        now < self.confirmed_at + CONFIRMED
    }
}
