//! Credentials on a page, the same for an operator and for a customer's admin: their states, their rotation, and the one time they are shown.
use std::time::Duration;

use super::{
    Action, Block, Cell, Chip, Credential, Facts, Field, Fields, Link, Notice, Page, Reveal, Tone, base, dotenv, permission_checks, short,
    snippets, with_full_access,
};
use crate::authority::bound::Bound;
use crate::domain::api_key::{ApiKey, ApiKeyStatus, StatusFilter, days_long};
use crate::domain::application::{Application, ApplicationStatus};
use crate::domain::client_secret::{ClientSecret, SecretStatus};
use crate::domain::credential::Secret;
use crate::domain::permission::PermissionCatalogue;
use crate::domain::settings::{EXPIRY_DAYS, Effective};
use crate::domain::text::FieldError;
use crate::domain::timestamp::Timestamp;
use crate::domain::usage::Usage;
use crate::http::App;

/// G12, word for word.
pub const SHOWN_ONCE: &str = "Copy your API key now — it will not be shown again";
/// G21, word for word.
pub const REVOCATION: &str = "Are you sure you want to revoke this API key? Any applications using it will immediately lose access.";
/// What it means that a secret goes.
pub const REMOVAL: &str = "Whoever still has it obtains no tokens any more, and the tokens it obtained are refused at once.";
const AS_HE_DOES: &str = "acts as its user";
const SECRET_SHOWN_ONCE: &str = "Copy the client secret now — it will not be shown again";

/// B15, without a picture.
pub fn usage(usage: Usage) -> Cell {
    Cell::Usage(usage, None)
}

pub fn application_status(application: &Application) -> Chip {
    match application.status {
        ApplicationStatus::Active => Chip { tone: Tone::Good, text: "Active" },
        ApplicationStatus::Disabled => Chip { tone: Tone::Bad, text: "Disabled" },
    }
}

/// B12: what works, and what does not any more.
const SHOWN: [(&str, &str, StatusFilter); 2] =
    [("", "Active", StatusFilter::Only(ApiKeyStatus::Active)), ("ended", "Revoked / Expired", StatusFilter::Ended)];

/// Which keys the list at this address shows, by its query's `status`, and the links to the others.
pub fn shown_keys(query: &Fields, list: &str) -> (StatusFilter, Vec<Link>) {
    let shown = query.text("status");
    let (_, _, status) = SHOWN.into_iter().find(|(name, _, _)| *name == shown).unwrap_or(SHOWN[0]);
    let kept = query.kept(&["search", "sort", "order"]);
    let links = SHOWN.into_iter().map(|(name, text, _)| match name {
        _ if name == shown => Link::new("", text),
        name => Link::new(format!("{list}?status={name}{kept}"), text),
    });
    (status, links.collect())
}

/// G16 to G18: the row of a key; `hours` are its uses, where there is a picture of them.
pub fn key_cells(name: Cell, key: &ApiKey, hours: Option<Vec<i64>>, now: Timestamp, actions: Vec<Action>) -> Vec<Cell> {
    vec![
        name,
        Cell::code(key.obfuscated_value.clone()),
        Cell::text(short(&scopes(key), 60)),
        Cell::Time(key.last_used_at, "never"),
        Cell::Usage(key.usage.unwrap_or_default(), hours),
        Cell::Chip(key_status(key, now)),
        Cell::Time(Some(key.created_at), ""),
        Cell::Time(key.expires_at, "never"),
        Cell::Actions(actions),
    ]
}

/// What a key may: a personal one without any scope of its own acts as its user.
pub fn scopes(key: &ApiKey) -> String {
    if key.permissions.is_empty() && key.owner.user_id().is_some() { AS_HE_DOES.to_owned() } else { key.permissions.to_string() }
}

/// All there is to know of a key.
pub fn key_facts(key: &ApiKey, now: Timestamp) -> Facts {
    let replaced = key.life.retirement.map_or_else(String::new, |retirement| retirement.successor.to_string());
    let owner = key.owner.user_id().map_or_else(|| key.owner.organization_id().to_string(), |user| user.to_string());
    let rows = vec![
        ("Key Prefix".into(), Cell::code(key.obfuscated_value.clone())),
        ("Status".into(), Cell::Chip(key_status(key, now))),
        ("Replaced by".into(), Cell::code(replaced)),
        ("Owner".into(), Cell::code(owner)),
        ("Scopes".into(), Cell::text(scopes(key))),
        ("Description".into(), Cell::text(key.description.clone().unwrap_or_default())),
        ("Last Used".into(), Cell::Time(key.last_used_at, "never")),
        ("From".into(), Cell::text(key.last_used_ip.clone().unwrap_or_default())),
        ("24 h / 7 d / 30 d".into(), usage(key.usage.unwrap_or_default())),
        ("Expires".into(), Cell::Time(key.expires_at, "never")),
        ("Revoked".into(), Cell::Time(key.revoked_at, "no")),
        ("Created".into(), Cell::Time(Some(key.created_at), "")),
        ("By".into(), Cell::code(key.created_by.clone())),
    ];
    Facts { title: String::new(), rows }
}

/// The columns of [`secret_cells`].
pub const SECRET_COLUMNS: [&str; 7] = ["Ends with", "Status", "Last Used", "From", "24 h / 7 d / 30 d", "Expires", "Created"];

/// What a row says of a secret.
pub fn secret_cells(secret: &ClientSecret, now: Timestamp) -> [Cell; 7] {
    [
        Cell::code(format!("…{}", secret.secret_hint)),
        Cell::Chip(secret_status(secret, now)),
        Cell::Time(secret.last_used_at, "never"),
        Cell::text(secret.last_used_ip.clone().unwrap_or_default()),
        usage(secret.usage),
        Cell::Time(secret.expires_at, "never"),
        Cell::Time(Some(secret.created_at), ""),
    ]
}

/// G19, and what is about to change.
pub fn key_status(key: &ApiKey, now: Timestamp) -> Chip {
    match key.status_at(now) {
        ApiKeyStatus::Active if key.life.retirement.is_some() => Chip { tone: Tone::Warn, text: "Retiring" },
        ApiKeyStatus::Active if ends_soon(key.expires_at, now) => Chip { tone: Tone::Warn, text: "Expires soon" },
        ApiKeyStatus::Active => Chip { tone: Tone::Good, text: "Active" },
        ApiKeyStatus::Expired => Chip { tone: Tone::Warn, text: "Expired" },
        ApiKeyStatus::Revoked => Chip { tone: Tone::Bad, text: "Revoked" },
    }
}

pub fn secret_status(secret: &ClientSecret, now: Timestamp) -> Chip {
    match secret.status {
        SecretStatus::Active if ends_soon(secret.expires_at, now) => Chip { tone: Tone::Warn, text: "Expires soon" },
        SecretStatus::Active => Chip { tone: Tone::Good, text: "Active" },
        SecretStatus::Retiring => Chip { tone: Tone::Warn, text: "Retiring" },
        SecretStatus::Expired => Chip { tone: Tone::Warn, text: "Expired" },
    }
}

/// Within a week.
pub fn ends_soon(at: Option<Timestamp>, now: Timestamp) -> bool {
    at.is_some_and(|at| at < now + Duration::from_secs(7 * 24 * 3600))
}

/// `None` where the form leaves it to the settings, `Some(None)` is never, and otherwise days from now.
///
/// # Errors
/// A [`FieldError`] for anything else.
pub fn expiry(fields: &Fields, now: Timestamp) -> Result<Option<Option<Timestamp>>, FieldError> {
    match fields.get("expires") {
        None => Ok(None),
        Some("never") => Ok(Some(None)),
        Some(text) => {
            let days = text.parse().ok().filter(|days| EXPIRY_DAYS.contains(days));
            let days = days.ok_or_else(|| FieldError::new("invalid_value", "expires", "expires takes 1 to 3650 days, or never"))?;
            Ok(Some(Some(now + days_long(days))))
        }
    }
}

/// What is asked of a new application.
pub fn application_fields(catalogue: &PermissionCatalogue) -> Vec<Field> {
    vec![Field::name("", "integrations-backend-prod"), Field::description(None, "What it is for"), permission_checks(catalogue, &[])]
}

/// What is asked of a new key where these settings hold.
pub fn key_fields(catalogue: &PermissionCatalogue, settings: &Effective) -> Vec<Field> {
    vec![
        Field::name("", "CI/CD Pipeline"),
        Field::description(None, "What it is for"),
        with_full_access(permission_checks(catalogue, &[])),
        Field::expiry(settings.default_expiry_days, settings.max_expiry_days),
    ]
}

/// Whether what is shown is to replace another.
pub enum Replaces {
    Nothing,
    /// With the moment by which the one before is refused everywhere, where that has ended already.
    Another(Option<Bound>),
}

impl Replaces {
    /// What is told beside it.
    fn notice(&self) -> Option<Notice> {
        match self {
            Self::Another(Some(bound)) => Some(Notice::bound("The one before has ended.", Timestamp::from_millis(bound.effective_by_ms))),
            _ => None,
        }
    }
}

/// Once, in the answer to the request that made it; `done` is where to go then. One that is to replace another is not tried here: its first use
/// would count as its deployment, and the old one be done for.
pub fn reveal_secret(app: &App, application: &Application, plain: &Secret, replaces: Replaces, done: String) -> Page {
    let client_id = application.client_id.to_string();
    let token_endpoint = format!("{}/oauth/token", app.authority.deployment.issuer);
    let credential = Credential::Client { client_id: &client_id, token_endpoint: &token_endpoint };
    let mut page = Page::new(application.name.as_str());
    page.blocks.extend(replaces.notice().map(Block::from));
    page.push(Reveal {
        text: SECRET_SHOWN_ONCE,
        called: "Client secret",
        secret: plain.expose().to_owned(),
        dotenv: dotenv(&credential, plain.expose()),
        dotenv_name: format!("{}.env", application.id),
        snippets: snippets(&credential),
        token_endpoint: matches!(replaces, Replaces::Nothing).then(|| format!("{}/oauth/token", base(app))),
        done,
        client_id: Some(client_id.clone()),
    });
    page
}

/// The same for a key, which is a client of its own at the token endpoint.
pub fn reveal_key(app: &App, key: &ApiKey, plain: &Secret, replaces: Replaces, done: String) -> Page {
    let organization_id = key.owner.organization_id().to_string();
    let credential = Credential::ApiKey { organization_id: &organization_id };
    let mut page = Page::new(key.name.as_str());
    page.blocks.extend(replaces.notice().map(Block::from));
    page.push(Reveal {
        text: SHOWN_ONCE,
        called: "API key",
        client_id: Some(key.id.to_string()),
        secret: plain.expose().to_owned(),
        dotenv: dotenv(&credential, plain.expose()),
        dotenv_name: format!("{}.env", key.id),
        snippets: snippets(&credential),
        token_endpoint: matches!(replaces, Replaces::Nothing).then(|| format!("{}/oauth/token", base(app))),
        done,
    });
    page
}
