//! How many tokens an application, or a whole organization, may obtain in an hour and in a day of UTC.
use std::fmt;
use std::num::NonZeroU32;

use schemars::JsonSchema;
use serde::Serialize;

use super::id::{ApplicationId, NotAnId, OrganizationId};
use super::text::FieldError;
use super::timestamp::Timestamp;

/// Who has the quota.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(untagged)]
pub enum QuotaHolder {
    Application(ApplicationId),
    Organization(OrganizationId),
}

impl QuotaHolder {
    pub fn name(self) -> &'static str {
        match self {
            Self::Application(_) => "application",
            Self::Organization(_) => "organization",
        }
    }
}

impl fmt::Display for QuotaHolder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Application(id) => id.fmt(f),
            Self::Organization(id) => id.fmt(f),
        }
    }
}

impl std::str::FromStr for QuotaHolder {
    type Err = NotAnId;

    fn from_str(text: &str) -> Result<Self, NotAnId> {
        text.parse().map(Self::Application).or_else(|_other| text.parse().map(Self::Organization))
    }
}

/// The time a limit is for: windows follow one another without overlap and begin at full hours, or at midnight UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Window {
    Hour,
    Day,
}

impl Window {
    pub const ALL: [Self; 2] = [Self::Hour, Self::Day];

    pub fn name(self) -> &'static str {
        match self {
            Self::Hour => "hour",
            Self::Day => "day",
        }
    }

    pub const fn hours(self) -> i64 {
        match self {
            Self::Hour => 1,
            Self::Day => 24,
        }
    }

    pub const fn seconds(self) -> i64 {
        self.hours() * 3600
    }

    /// The number of the window since the epoch.
    pub fn at(self, now: Timestamp) -> i64 {
        now.hour().div_euclid(self.hours())
    }

    /// The first hour of the running window.
    pub fn first_hour(self, now: Timestamp) -> i64 {
        self.at(now) * self.hours()
    }

    /// Until the next one begins, seconds, at least one.
    pub fn seconds_left(self, now: Timestamp) -> u64 {
        let end = Timestamp::from_hour(self.first_hour(now) + self.hours());
        end.since(now).as_millis().div_ceil(1000).try_into().unwrap_or(u64::MAX)
    }
}

/// What may be obtained; `None` is no limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Limits {
    pub per_hour: Option<NonZeroU32>,
    pub per_day: Option<NonZeroU32>,
    /// Whether tokens beyond a limit are refused; if not, it is only told when one is exceeded.
    pub enforce: bool,
}

impl Default for Limits {
    fn default() -> Self {
        Self { per_hour: None, per_day: None, enforce: true }
    }
}

impl Limits {
    pub fn of(&self, window: Window) -> Option<NonZeroU32> {
        match window {
            Window::Hour => self.per_hour,
            Window::Day => self.per_day,
        }
    }

    pub fn is_any(&self) -> bool {
        self.per_hour.is_some() || self.per_day.is_some()
    }
}

/// A quota as it is told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(tag = "object", rename = "token_quota")]
pub struct TokenQuota {
    pub organization_id: OrganizationId,
    /// `null` where the whole organization has it.
    pub application_id: Option<ApplicationId>,
    #[serde(flatten)]
    pub limits: Limits,
    /// Since the hour began, and while there was a limit.
    pub tokens_this_hour: u32,
    /// Since midnight UTC, and while there was a limit.
    pub tokens_today: u32,
    /// `null` while nothing was ever set.
    pub updated_at: Option<Timestamp>,
    #[serde(skip)]
    pub version: i64,
}

/// A partial change; the outer `None` leaves a field as it is.
#[derive(Default)]
pub struct LimitsChange {
    pub per_hour: Option<Option<NonZeroU32>>,
    pub per_day: Option<Option<NonZeroU32>>,
    pub enforce: Option<bool>,
}

/// The highest limit that can be set.
pub const MAX_LIMIT: u32 = 1_000_000_000;

/// # Errors
/// A [`FieldError`] below 1 and above [`MAX_LIMIT`].
pub fn parse_limit(field: &'static str, limit: Option<i64>) -> Result<Option<NonZeroU32>, FieldError> {
    let Some(limit) = limit else { return Ok(None) };
    let parsed = u32::try_from(limit).ok().filter(|limit| *limit <= MAX_LIMIT).and_then(NonZeroU32::new);
    parsed.map(Some).ok_or_else(|| {
        let message = format!("{field} takes 1 to {MAX_LIMIT} tokens, or null for no limit; to have none obtained, disable or suspend");
        FieldError::new("out_of_range", field, message)
    })
}

impl LimitsChange {
    pub fn apply(&self, limits: &mut Limits) {
        limits.per_hour = self.per_hour.unwrap_or(limits.per_hour);
        limits.per_day = self.per_day.unwrap_or(limits.per_day);
        limits.enforce = self.enforce.unwrap_or(limits.enforce);
    }
}

/// A limit that is enforced, and what is left of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Left {
    pub holder: QuotaHolder,
    pub window: Window,
    pub limit: NonZeroU32,
    pub left: u32,
    /// Until there is all of it again, seconds.
    pub resets_in: u64,
}
