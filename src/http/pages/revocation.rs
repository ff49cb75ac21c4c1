//! The page before a credential ends: what hangs on it, and the words that ask (G21, G22).
use std::time::Duration;

use super::credentials::{REMOVAL, REVOCATION};
use super::{Cell, Facts, Question, Refused, Visit, Who};
use crate::domain::api_key::{ApiKey, ApiKeyFilter, ApiKeyStatus, OwnerFilter, StatusFilter};
use crate::domain::application::Application;
use crate::domain::client_secret::{ClientSecret, SecretStatus};
use crate::domain::page::{Page, PageRequest};

const HOUR: Duration = Duration::from_secs(3600);
/// So many are counted, and no more.
const SOME: PageRequest = PageRequest::newest(100);

/// What hangs on a key.
pub async fn of_key<W: Who>(visit: &Visit<W>, key: &ApiKey, back: String) -> Result<Question<'static>, Refused> {
    let organization = key.owner.organization_id().to_string();
    let hours = visit.app.authority.uses_of_api_keys(visit.caller(), &organization, &[key.id]).await;
    let hours = hours.map_err(|error| visit.refused(error))?.of_one(&key.id);
    let rows = vec![
        ("Name".to_owned(), Cell::text(key.name.as_str())),
        ("Key Prefix".to_owned(), Cell::code(key.obfuscated_value.clone())),
        ("Uses in this hour and the one before".to_owned(), Cell::Number(hours.iter().rev().take(2).sum())),
        ("Last Used".to_owned(), Cell::Time(key.last_used_at, "never")),
        ("From".to_owned(), Cell::text(key.last_used_ip.clone().unwrap_or_default())),
    ];
    Ok(Question {
        title: "Revoke this API key?".into(),
        text: REVOCATION,
        facts: Facts { title: "What hangs on it".into(), rows },
        action: visit.path(format!("api_keys/{}/revoke", key.id)),
        button: "Revoke",
        back,
        ..Question::default()
    })
}

/// What hangs on an application.
pub async fn of_application<W: Who>(visit: &Visit<W>, application: &Application) -> Result<Facts, Refused> {
    let organization = application.organization_id.to_string();
    let hours = visit.app.authority.tokens_of_applications(visit.caller(), &organization, &[application.id]).await;
    let hours = hours.map_err(|error| visit.refused(error))?.of_one(&application.id);
    let rows = vec![
        ("Application".to_owned(), Cell::text(application.name.as_str())),
        ("Tokens in this hour and the one before".to_owned(), Cell::Number(hours.iter().rev().take(2).sum())),
        ("Tokens in 24 hours".to_owned(), Cell::Number(application.usage.last_24h)),
        ("Last Used".to_owned(), Cell::Time(application.last_used_at, "never")),
        ("From".to_owned(), Cell::text(application.last_used_ip.clone().unwrap_or_default())),
    ];
    Ok(Facts { title: "What hangs on it".into(), rows })
}

/// What hangs on one of an application's `secrets`, which may be the last.
pub async fn of_secret<W: Who>(
    visit: &Visit<W>,
    application: &Application,
    secrets: &[ClientSecret],
    secret: &ClientSecret,
) -> Result<Question<'static>, Refused> {
    let lately = visit.app.authority.rotation_use(visit.caller(), application, visit.now() - HOUR).await;
    let lately = lately.map_err(|error| visit.refused(error))?.since.get(&secret.id).copied().unwrap_or(0);
    let others = secrets.iter().any(|other| other.id != secret.id && other.status != SecretStatus::Expired);
    let place = visit.path(format!("applications/{}", application.id));
    let rows = vec![
        ("Application".to_owned(), Cell::text(application.name.as_str())),
        ("Ends with".to_owned(), Cell::code(format!("…{}", secret.secret_hint))),
        ("Uses in this hour and the one before".to_owned(), Cell::Number(lately)),
        ("Last Used".to_owned(), Cell::Time(secret.last_used_at, "never")),
        ("From".to_owned(), Cell::text(secret.last_used_ip.clone().unwrap_or_default())),
        ("24 h / 7 d / 30 d".to_owned(), Cell::Usage(secret.usage, None)),
    ];
    Ok(Question {
        title: "Remove this secret?".into(),
        text: if secret.status == SecretStatus::Expired {
            "It has expired: nothing obtains tokens with it any more."
        } else if others {
            REMOVAL
        } else {
            "It is the only secret that works: without it the application obtains no tokens, and those it has are refused at once."
        },
        facts: Facts { title: "What hangs on it".into(), rows },
        action: format!("{place}/client_secrets/{}/delete", secret.id),
        button: "Remove",
        back: place,
        ..Question::default()
    })
}

/// How many personal keys of a user work, in one organization or in all, for the page before he leaves.
pub async fn of_user<W: Who>(visit: &Visit<W>, user: &str, organization_id: Option<String>) -> Result<Facts, Refused> {
    let keys = visit.app.authority.list_api_keys_of_user(visit.caller(), user, working(organization_id), &SOME).await;
    let rows = counted("Personal API keys that work", &keys.map_err(|error| visit.refused(error))?);
    Ok(Facts { title: "What hangs on it".into(), rows: rows.into() })
}

/// The same of an organization and its members.
pub async fn keys_of_organization<W: Who>(visit: &Visit<W>, id: &str) -> Result<[(String, Cell); 2], Refused> {
    let keys = visit.app.authority.list_api_keys_of_organization(visit.caller(), id, working(Some(id.to_owned())), &SOME).await;
    Ok(counted("API keys that work", &keys.map_err(|error| visit.refused(error))?))
}

fn working(organization_id: Option<String>) -> ApiKeyFilter {
    let status = StatusFilter::Only(ApiKeyStatus::Active);
    ApiKeyFilter { owner: OwnerFilter::All, user_id: None, organization_id, status, search: None }
}

fn counted(what: &str, keys: &Page<ApiKey>) -> [(String, Cell); 2] {
    let more = if keys.after.is_some() { " and more" } else { "" };
    let last = keys.data.iter().filter_map(|key| key.last_used_at).max();
    [
        (what.to_owned(), Cell::text(format!("{}{more}", keys.data.len()))),
        ("One of them was last used".to_owned(), Cell::Time(last, "never")),
    ]
}
