//! Points in time: milliseconds since the epoch, written as ISO 8601 in UTC with milliseconds and `Z` (RFC 3339 §5.6).
use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Serialize, Serializer};
use time::format_description::well_known::Rfc3339;
use time::{OffsetDateTime, UtcOffset};

/// Milliseconds since the epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Timestamp(i64);

impl Timestamp {
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis)
    }

    pub const fn millis(self) -> i64 {
        self.0
    }

    /// Whole seconds, as in a JWT's NumericDate (RFC 7519 §2); 0 before the epoch.
    pub fn seconds(self) -> u64 {
        u64::try_from(self.0.div_euclid(1000)).unwrap_or(0)
    }

    /// The number of the hour since the epoch, for usage counts.
    pub fn hour(self) -> i64 {
        self.0.div_euclid(3_600_000)
    }

    /// When an hour begins.
    pub fn from_hour(hour: i64) -> Self {
        Self(hour.saturating_mul(3_600_000))
    }

    /// How long after `earlier` this is; nothing when it is not.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }

    /// RFC 3339 with any offset, between the years 1970 and 2999; a leap second is refused.
    pub fn parse(text: &str) -> Option<Self> {
        let parsed = OffsetDateTime::parse(text, &Rfc3339).ok()?;
        let in_range = (1970..3000).contains(&parsed.to_offset(UtcOffset::UTC).year());
        let leap = text.get(17..19) == Some("60");
        let millis = i64::try_from(parsed.unix_timestamp_nanos().div_euclid(1_000_000)).ok()?;
        (in_range && !leap).then_some(Self(millis))
    }
}

impl std::ops::Add<Duration> for Timestamp {
    type Output = Self;
    fn add(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)))
    }
}

impl std::ops::Sub<Duration> for Timestamp {
    type Output = Self;
    fn sub(self, duration: Duration) -> Self {
        Self(self.0.saturating_sub(i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at = OffsetDateTime::from_unix_timestamp_nanos(i128::from(self.0) * 1_000_000).map_err(|_range| fmt::Error)?;
        let (date, clock) = (at.date(), at.time());
        let (year, month, day) = date.to_calendar_date();
        let (hour, minute, second, milli) = clock.as_hms_milli();
        write!(f, "{year:04}-{:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{milli:03}Z", u8::from(month))
    }
}

impl JsonSchema for Timestamp {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "time".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "format": "date-time", "examples": ["2026-11-21T00:00:00.000Z"] })
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_read_with_an_offset_and_written_in_utc() {
        let at = Timestamp::parse("2026-11-21T02:00:00.5+02:00");
        assert_eq!(at.map(|at| at.to_string()), Some("2026-11-21T00:00:00.500Z".into()));
    }

    #[test]
    fn case_237_year_9999_and_leap_seconds_are_refused() {
        for text in ["9999-12-31T23:59:59Z", "2026-12-31T23:59:60Z", "2026-11-21", "", "1969-12-31T23:59:59Z"] {
            assert_eq!(Timestamp::parse(text), None, "{text}");
        }
    }
}
