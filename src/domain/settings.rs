//! Settings: where products differ in what they ask of API keys and applications; an organization's stand over the installation's.
use schemars::JsonSchema;
use serde::Serialize;

use super::api_key::days_long;
use super::credential::ApiKeyPrefix;
use super::id::OrganizationId;
use super::text::FieldError;
use super::timestamp::Timestamp;

/// What was set; `None` inherits: from the installation, and there from what the authority has built in.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Choices {
    /// Whether API keys may be made.
    pub api_keys_enabled: Option<bool>,
    /// Whether applications may be made.
    pub applications_enabled: Option<bool>,
    pub api_key_prefix: Option<ApiKeyPrefix>,
    /// Whether a key needs at least one permission.
    pub require_permissions: Option<bool>,
    /// The expiry of a key made without saying one, days.
    pub default_expiry_days: Option<u32>,
    /// The latest expiry a key may be given, days.
    pub max_expiry_days: Option<u32>,
}

/// What holds once everything is inherited.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Effective {
    pub api_keys_enabled: bool,
    pub applications_enabled: bool,
    pub api_key_prefix: ApiKeyPrefix,
    pub require_permissions: bool,
    pub default_expiry_days: Option<u32>,
    pub max_expiry_days: Option<u32>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(tag = "object", rename = "settings")]
pub struct Settings {
    /// `None` is the whole installation.
    pub organization_id: Option<OrganizationId>,
    #[serde(flatten)]
    pub choices: Choices,
    pub effective: Effective,
    /// `None` while nothing was ever set.
    pub updated_at: Option<Timestamp>,
    #[serde(skip)]
    pub version: i64,
}

/// A partial change; the outer `None` leaves a field as it is.
#[derive(Default)]
pub struct SettingsChange {
    pub api_keys_enabled: Option<Option<bool>>,
    pub applications_enabled: Option<Option<bool>>,
    pub api_key_prefix: Option<Option<ApiKeyPrefix>>,
    pub require_permissions: Option<Option<bool>>,
    pub default_expiry_days: Option<Option<u32>>,
    pub max_expiry_days: Option<Option<u32>>,
}

/// How many days an expiry may be away: ten years.
pub const EXPIRY_DAYS: std::ops::RangeInclusive<u32> = 1..=3650;

impl Effective {
    pub fn built_in(api_key_prefix: ApiKeyPrefix) -> Self {
        Self {
            api_keys_enabled: true,
            applications_enabled: true,
            api_key_prefix,
            require_permissions: false,
            default_expiry_days: None,
            max_expiry_days: None,
        }
    }

    /// These, with `choices` over them.
    pub fn overlaid(&self, choices: &Choices) -> Self {
        Self {
            api_keys_enabled: choices.api_keys_enabled.unwrap_or(self.api_keys_enabled),
            applications_enabled: choices.applications_enabled.unwrap_or(self.applications_enabled),
            api_key_prefix: choices.api_key_prefix.clone().unwrap_or_else(|| self.api_key_prefix.clone()),
            require_permissions: choices.require_permissions.unwrap_or(self.require_permissions),
            default_expiry_days: choices.default_expiry_days.or(self.default_expiry_days),
            max_expiry_days: choices.max_expiry_days.or(self.max_expiry_days),
        }
    }

    /// When a key made at `now` without an expiry ends: after the default, and never later than the latest.
    pub fn unsaid_expiry(&self, now: Timestamp) -> Option<Timestamp> {
        let days = [self.default_expiry_days, self.max_expiry_days].into_iter().flatten().min();
        days.map(|days| now + days_long(days))
    }
}

impl SettingsChange {
    pub fn apply(self, choices: &mut Choices) {
        fn set<T>(field: &mut Option<T>, change: Option<Option<T>>) {
            if let Some(value) = change {
                *field = value;
            }
        }
        set(&mut choices.api_keys_enabled, self.api_keys_enabled);
        set(&mut choices.applications_enabled, self.applications_enabled);
        set(&mut choices.api_key_prefix, self.api_key_prefix);
        set(&mut choices.require_permissions, self.require_permissions);
        set(&mut choices.default_expiry_days, self.default_expiry_days);
        set(&mut choices.max_expiry_days, self.max_expiry_days);
    }
}

/// # Errors
/// A [`FieldError`] outside 1 to 3650 days.
pub fn check_expiry_days(field: &str, days: Option<u32>) -> Result<(), FieldError> {
    match days {
        Some(days) if !EXPIRY_DAYS.contains(&days) => {
            Err(FieldError::new("out_of_range", field, format!("{field} takes 1 to 3650 days, or null to inherit")))
        }
        _ => Ok(()),
    }
}
