//! The pages: what is there, what was just made, and what is about to end.
use std::time::Duration;

use askama::Template;
use axum::extract::Path;
use axum::response::{Html, IntoResponse, Redirect, Response};
use serde::Deserialize;

use super::visit::{Refused, Sent, Visit};
use crate::authority::error::Error;
use crate::authority::portal::operation;
use crate::domain::api_key::{ApiKey, ApiKeyFilter, ApiKeyStatus, Grant, NewApiKey, NewOwner, OwnerFilter, StatusFilter};
use crate::domain::application::{Application, ApplicationStatus, ClientAuthenticationMethod, NewApplication};
use crate::domain::page::{Order, PageRequest};
use crate::domain::portal::Capability;
use crate::domain::rotation::{DEFAULT_OVERLAP, OverlapFrom, Rotation};
use crate::domain::text::Name;
use crate::domain::timestamp::Timestamp;

const SHOWN_ONCE: &str = "Copy your API key now — it will not be shown again";
const SECRET_SHOWN_ONCE: &str = "Copy the client secret now — it will not be shown again";
const REVOCATION: &str = "Are you sure you want to revoke this API key? Any applications using it will immediately lose access.";

#[derive(Template)]
#[template(path = "confirm.html")]
struct ConfirmPage<'a> {
    base: &'a str,
    name: &'a str,
    question: &'a str,
    action: &'a str,
    button: &'a str,
}

#[derive(Template)]
#[template(path = "reveal.html")]
struct RevealPage<'a> {
    base: &'a str,
    name: &'a str,
    text: &'a str,
    client_id: Option<String>,
    secret: &'a str,
}

#[derive(Template)]
#[template(path = "home.html")]
struct HomePage {
    base: String,
    organization: String,
    sections: Vec<Section>,
    applications: Option<Vec<Row>>,
    hint: String,
    return_url: Option<String>,
}

/// One table of keys; `create_for` says for whom its form makes them.
struct Section {
    title: &'static str,
    create_for: Option<&'static str>,
    keys: Vec<Row>,
}

struct Row {
    id: String,
    name: String,
    prefix: String,
    permissions: String,
    last_used: String,
    status: &'static str,
    status_text: &'static str,
    created: String,
    revocable: bool,
}

#[derive(Deserialize)]
pub struct KeyForm {
    owner: String,
    name: String,
    #[serde(default)]
    permissions: String,
    #[serde(default)]
    expires: String,
}

#[derive(Deserialize)]
pub struct ApplicationForm {
    name: String,
    #[serde(default)]
    permissions: String,
}

pub fn page(template: &impl Template) -> Response {
    Html(template.render().unwrap_or_default()).into_response()
}

fn day(at: Option<Timestamp>) -> String {
    at.map_or_else(|| "never".to_owned(), |at| at.to_string().chars().take(10).collect())
}

fn row_of_key(key: &ApiKey) -> Row {
    let (status, status_text) = match key.status {
        ApiKeyStatus::Active => ("active", "Active"),
        ApiKeyStatus::Expired => ("expired", "Expired"),
        ApiKeyStatus::Revoked => ("revoked", "Revoked"),
    };
    Row {
        id: key.id.to_string(),
        name: key.name.as_str().to_owned(),
        prefix: key.obfuscated_value.clone(),
        permissions: key.permissions.to_string(),
        last_used: day(key.last_used_at),
        status,
        status_text,
        created: day(Some(key.created_at)),
        revocable: key.status != ApiKeyStatus::Revoked,
    }
}

fn row_of_application(application: &Application) -> Row {
    let (status, status_text) = match application.status {
        ApplicationStatus::Active => ("active", "Active"),
        ApplicationStatus::Disabled => ("disabled", "Disabled"),
    };
    Row {
        id: application.id.to_string(),
        name: application.name.as_str().to_owned(),
        prefix: application.client_id.to_string(),
        permissions: application.scope.to_string(),
        last_used: day(application.last_used_at),
        status,
        status_text,
        created: day(Some(application.created_at)),
        revocable: true,
    }
}

fn names(text: &str) -> Grant {
    Grant { permissions: text.split_whitespace().map(str::to_owned).collect(), preset: None }
}

pub async fn home(visit: Visit) -> Result<Response, Refused> {
    let (session, caller) = (&visit.visitor.session, &visit.visitor.caller);
    let authority = &visit.app.authority;
    let organization = session.organization_id.to_string();
    let request = PageRequest { limit: PageRequest::MAX_LIMIT, order: Order::Descending, cursor: None };
    let refused = |error| Refused::of(&visit.app, error);
    let mut sections = Vec::new();
    for capability in &session.capabilities {
        let (title, create_for, owner) = match capability {
            Capability::ApiKeys => ("API keys", Some("organization"), OwnerFilter::Organization),
            Capability::OwnKeys => ("Your API keys", Some("user"), OwnerFilter::User),
            Capability::MembersKeys => ("Members' API keys", None, OwnerFilter::User),
            Capability::Applications => continue,
        };
        let own = session.user_id.filter(|_| *capability == Capability::OwnKeys);
        let mut keys = Vec::new();
        // What can be revoked comes first, however much has been.
        for status in [StatusFilter::NotRevoked, StatusFilter::Only(ApiKeyStatus::Revoked)] {
            let filter = ApiKeyFilter { owner, user_id: None, organization_id: Some(organization.clone()), status };
            let listed = match own {
                Some(user) => authority.list_api_keys_of_user(caller, &user.to_string(), filter, &request).await,
                None => authority.list_api_keys_of_organization(caller, &organization, filter, &request).await,
            };
            keys.extend(listed.map_err(refused)?.data.iter().map(row_of_key));
        }
        sections.push(Section { title, create_for, keys });
    }
    let applications = if session.capabilities.contains(&Capability::Applications) {
        let listed = authority.list_applications(caller, Some(&organization), &request).await.map_err(refused)?;
        Some(listed.data.iter().map(row_of_application).collect())
    } else {
        None
    };
    let catalogue = authority.grantable_names();
    let hint = catalogue.iter().take(3).cloned().collect::<Vec<_>>().join(" ");
    Ok(page(&HomePage {
        base: visit.base(),
        organization: visit.visitor.organization_name.clone(),
        sections,
        applications,
        hint,
        return_url: session.return_url.clone(),
    }))
}

pub async fn create_key(visit: Visit, Sent(form): Sent<KeyForm>) -> Result<Response, Refused> {
    let (session, organization) = (&visit.visitor.session, visit.visitor.session.organization_id.to_string());
    let (capability, owner) = match (form.owner.as_str(), session.user_id) {
        ("user", Some(user)) => (Capability::OwnKeys, NewOwner::User { id: user.to_string(), organization_id: organization }),
        _ => (Capability::ApiKeys, NewOwner::Organization(organization)),
    };
    let create = operation("api_key.create", capability);
    if let Err(error) = visit.visitor.demand(capability) {
        return Err(visit.refuse(create, None, error).await);
    }
    let days = form.expires.parse::<u64>().ok();
    let expires_at = days.map(|days| Some(visit.app.authority.clock.now() + Duration::from_secs(days.min(3650) * 24 * 3600)));
    let name = Name::parse("name", &form.name).map_err(|error| Refused::of(&visit.app, error.into()))?;
    let new = NewApiKey { owner, name, description: None, grant: names(&form.permissions), expires_at };
    let made = visit.change(create, None, async |change| change.create_api_key(new).await).await?;
    let (base, name) = (visit.base(), made.key.name.as_str());
    Ok(page(&RevealPage { base: &base, name, text: SHOWN_ONCE, client_id: None, secret: made.plain.expose() }))
}

/// The key, if it is one the session has to do with.
async fn key(visit: &Visit, id: &str) -> Result<(Capability, ApiKey), Error> {
    let found = visit.app.authority.find_api_key(&visit.visitor.caller, id).await?;
    let own = found.owner.user_id().is_some() && found.owner.user_id() == visit.visitor.session.user_id;
    let possible = match found.owner.user_id() {
        None => [Capability::ApiKeys, Capability::ApiKeys],
        Some(_) if own => [Capability::OwnKeys, Capability::MembersKeys],
        Some(_) => [Capability::MembersKeys, Capability::MembersKeys],
    };
    let capability = possible.into_iter().find(|capability| visit.visitor.demand(*capability).is_ok());
    Ok((capability.ok_or(Error::NotFound("API key"))?, found))
}

pub async fn confirm_revocation(visit: Visit, Path(id): Path<String>) -> Result<Response, Refused> {
    let (_, key) = key(&visit, &id).await.map_err(|error| Refused::of(&visit.app, error))?;
    let action = format!("api_keys/{}/revoke", key.id);
    Ok(page(&ConfirmPage { base: &visit.base(), name: key.name.as_str(), question: REVOCATION, action: &action, button: "Revoke" }))
}

pub async fn revoke_key(visit: Visit, Path(id): Path<String>) -> Result<Redirect, Refused> {
    let capability = match key(&visit, &id).await {
        Ok((capability, _)) => capability,
        Err(error) => return Err(visit.refuse(operation("api_key.revoke", Capability::ApiKeys), Some(&id), error).await),
    };
    visit.change(operation("api_key.revoke", capability), Some(&id), async |change| change.revoke_api_key(&id).await).await?;
    Ok(Redirect::to(&format!("{}/portal", visit.base())))
}

pub async fn create_application(visit: Visit, Sent(form): Sent<ApplicationForm>) -> Result<Response, Refused> {
    let refused = |error: Error| Refused::of(&visit.app, error);
    let create = operation("connect_application.create", Capability::Applications);
    if let Err(error) = visit.visitor.demand(Capability::Applications) {
        return Err(visit.refuse(create, None, error).await);
    }
    let new = NewApplication {
        organization_id: visit.visitor.session.organization_id.to_string(),
        name: Name::parse("name", &form.name).map_err(|error| refused(error.into()))?,
        description: None,
        grant: names(&form.permissions),
        access_token_ttl: None,
        resources: None,
        token_endpoint_auth_methods: ClientAuthenticationMethod::ALL.to_vec(),
    };
    let (application, secret) = visit.change(create, None, async |change| change.register_application(new, true).await).await?;
    let secret = secret.ok_or_else(|| refused(Error::NotFound("client secret")))?;
    let (base, client_id) = (visit.base(), Some(application.client_id.to_string()));
    Ok(page(&RevealPage {
        base: &base,
        name: application.name.as_str(),
        text: SECRET_SHOWN_ONCE,
        client_id,
        secret: secret.plain.expose(),
    }))
}

async fn application(visit: &Visit, id: &str) -> Result<Application, Error> {
    visit.visitor.demand(Capability::Applications)?;
    visit.app.authority.find_application(&visit.visitor.caller, id).await
}

/// The old secret goes on working for a day.
pub async fn rotate_secret(visit: Visit, Path(id): Path<String>) -> Result<Response, Refused> {
    let rotate = operation("connect_application_secret.rotate", Capability::Applications);
    let application = match application(&visit, &id).await {
        Ok(application) => application,
        Err(error) => return Err(visit.refuse(rotate, Some(&id), error).await),
    };
    let rotation = Rotation { overlap: DEFAULT_OVERLAP, from: OverlapFrom::Now, name: None, expires_at: None };
    let rotated = visit.change(rotate, Some(&id), async |change| change.rotate_client_secrets(&id, rotation).await).await?;
    let (base, client_id) = (visit.base(), Some(application.client_id.to_string()));
    let secret = rotated.revealed.plain.expose();
    Ok(page(&RevealPage { base: &base, name: application.name.as_str(), text: SECRET_SHOWN_ONCE, client_id, secret }))
}

pub async fn confirm_deletion(visit: Visit, Path(id): Path<String>) -> Result<Response, Refused> {
    let application = application(&visit, &id).await.map_err(|error| Refused::of(&visit.app, error))?;
    let question = "Are you sure you want to delete this application? Its secrets and every token they obtained stop working at once.";
    let action = format!("applications/{}/delete", application.id);
    Ok(page(&ConfirmPage { base: &visit.base(), name: application.name.as_str(), question, action: &action, button: "Delete" }))
}

pub async fn delete_application(visit: Visit, Path(id): Path<String>) -> Result<Redirect, Refused> {
    let delete = operation("connect_application.delete", Capability::Applications);
    if let Err(error) = application(&visit, &id).await {
        return Err(visit.refuse(delete, Some(&id), error).await);
    }
    visit.change(delete, Some(&id), async |change| change.delete_application(&id).await).await?;
    Ok(Redirect::to(&format!("{}/portal", visit.base())))
}
