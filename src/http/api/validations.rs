//! `/api_keys/validations`: always 200, whatever was presented (W14).
use chancery_verifier::Status;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::answer::Answer;
use super::call::Call;
use super::error::Stop;
use crate::authority::validate::ValidationRequest;
use crate::domain::api_key::{ApiKey, InvalidReason};
use crate::domain::credential::Secret;
use crate::domain::management_key::Power;
use crate::domain::text::FieldError;
use crate::http::reference::Routes;

pub const PATH: &str = "/api_keys/validations";

pub fn routes() -> Routes {
    Routes::new("API keys").post(PATH, validate, "Validate an API key", |op| {
        op.about("The key where it is good, and why it is not where it is none. It counts as a use.")
            .only_reads()
            .takes::<ValidateBody>(json!({ "value": "chk_…", "required_permissions": ["threads:read"] }))
            .answers::<ValidationView>()
    })
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Validation")]
struct ValidateBody {
    value: String,
    /// Permissions the key must hold, all of them.
    #[serde(default)]
    #[schemars(length(max = 100))]
    required_permissions: Option<Vec<String>>,
    /// The organization it must be of.
    #[serde(default)]
    organization_id: Option<String>,
    /// Who presented the key, for `last_used_ip`; the caller's own address unless said otherwise.
    #[serde(default)]
    source_ip: Option<String>,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "ValidationAnswer")]
struct ValidationView {
    api_key: Option<ApiKey>,
    /// Why there is no key: null where there is one.
    reason: Option<InvalidReason>,
    /// Where the key's revocation is published.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<serde_json::Map<String, serde_json::Value>>")]
    status: Option<Status>,
    /// For how long whoever follows the revocations may rely on this answer, seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    cache_ttl: Option<u64>,
}

pub async fn validate(call: Call) -> Result<Answer, Stop> {
    call.caller().demand(Power::ApiKeysValidate)?;
    let body: ValidateBody = call.json()?;
    let required_permissions = body.required_permissions.unwrap_or_default();
    if required_permissions.len() > 100 {
        return Err(FieldError::new("too_many", "required_permissions", "required_permissions takes at most 100").into());
    }
    let not_an_address = || FieldError::new("invalid_address", "source_ip", "source_ip takes an IPv4 or IPv6 address");
    let source_ip = match body.source_ip {
        Some(text) => Some(text.parse().map_err(|_address| not_an_address())?),
        None => call.source_ip(),
    };
    let request =
        ValidationRequest { value: Secret::presented(&body.value), required_permissions, organization_id: body.organization_id, source_ip };
    let view = match call.app.authority.validate_api_key(call.caller(), &request)? {
        Ok(validated) => ValidationView {
            api_key: Some(validated.key),
            reason: None,
            status: Some(validated.status),
            cache_ttl: Some(validated.cache_lifetime.as_secs()),
        },
        Err(reason) => ValidationView { api_key: None, reason: Some(reason), status: None, cache_ttl: None },
    };
    let label = view.reason.map_or("valid", InvalidReason::name);
    call.app.metrics.validations.get_or_create(&[("reason", label)]).inc();
    Ok(Answer::ok(&view))
}
