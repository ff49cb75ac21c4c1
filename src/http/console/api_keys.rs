//! API keys of an organization and of its members: the page of section 1.2 of the promises, with usage and rotation.
use axum::extract::Path;
use axum::response::Response;

use super::organizations;
use super::overview::by_hour;
use super::visit::Visit;
use crate::domain::api_key::{ApiKey, ApiKeyChange, ApiKeyStatus, Grant, NewApiKey, NewOwner, OwnerFilter};
use crate::domain::credential::Secret;
use crate::domain::management_key::Power;
use crate::domain::permission::HolderKind;
use crate::domain::text::{FieldError, MAX_DESCRIPTION, Name, parse_optional};
use crate::http::pages::credentials::{Replaces, expiry, key_facts, reveal_key};
use crate::http::pages::lists::{self, Keys};
use crate::http::pages::revocation::of_key;
use crate::http::pages::rotation::{key_rotation_blocks, rotation};
use crate::http::pages::{Action, Block, Field, Fields, Form, Page, Refused};

const WRITE: Power = Power::ApiKeysWrite;
const NOW: &str = "now";

pub async fn list_of_organization(visit: Visit, Path(id): Path<String>) -> Result<Response, Refused> {
    let (mut page, organization) = organizations::page(&visit, &id, "api_keys").await?;
    let place = format!("organizations/{organization}/api_keys");
    let all = Keys { organization, user: None, owner: OwnerFilter::All, named: visit.may(Power::MembershipsRead) };
    let table = lists::keys(&visit, &all, &place, "No API key yet.", |key| row(&visit, key)).await?;
    if visit.may(WRITE) {
        let about = "A long-lived token of the organization, for quick integrations. For servers an application is better: its tokens are short-lived.";
        let kind = (HolderKind::ApiKeyOrganization, about);
        page.blocks.push(lists::new_key(&visit, kind, organization, visit.path(&place), table.fresh).await?);
    }
    page.push(table);
    Ok(visit.render("organizations", page))
}

/// The page of a key in a list, and what can be done about it.
pub fn row(visit: &Visit, key: &ApiKey) -> (Option<String>, Vec<Action>) {
    let place = visit.path(format!("api_keys/{}", key.id));
    let name = key.name.as_str();
    let mut actions = Vec::new();
    if visit.may(WRITE) && key.revoked_at.is_none() {
        if key.status_at(visit.now()) == ApiKeyStatus::Active {
            actions.push(Action::link(format!("{place}#rotate"), "Rotate", name));
        }
        actions.push(Action::link(format!("{place}/revoke"), "Revoke", name).last());
    }
    (Some(place), actions)
}

pub async fn create(visit: Visit, Path(id): Path<String>, fields: Fields) -> Result<Response, Refused> {
    make(&visit, NewOwner::Organization(id), &fields).await
}

/// What the form of a new key says, for whomever it is.
pub async fn make(visit: &Visit, owner: NewOwner, fields: &Fields) -> Result<Response, Refused> {
    let refused = |error: FieldError| visit.refused(error);
    let new = NewApiKey {
        owner,
        name: Name::parse("name", fields.text("name")).map_err(refused)?,
        description: parse_optional("description", fields.get("description"), MAX_DESCRIPTION).map_err(refused)?,
        grant: Grant { permissions: fields.all("permissions"), preset: fields.owned("preset") },
        expires_at: expiry(fields, visit.now()).map_err(refused)?,
    };
    let (made, _) = visit.change(("api_key.create", WRITE), None, async |change| change.create_api_key(new).await).await?;
    Ok(reveal(visit, &made.key, &made.plain, Replaces::Nothing))
}

fn reveal(visit: &Visit, key: &ApiKey, plain: &Secret, replaces: Replaces) -> Response {
    let done = visit.path(format!("organizations/{}/api_keys", key.owner.organization_id()));
    visit.render("organizations", reveal_key(&visit.app, key, plain, replaces, done))
}

async fn find(visit: &Visit, id: &str) -> Result<ApiKey, Refused> {
    visit.app.authority.find_api_key(visit.caller(), id).await.map_err(|error| visit.refused(error))
}

pub async fn show(visit: Visit, Path(id): Path<String>) -> Result<Response, Refused> {
    let key = find(&visit, &id).await?;
    let organization = key.owner.organization_id();
    let mut page = Page::new(key.name.as_str());
    page.trail.extend(organizations::trail(&visit, organization, "/api_keys").await);
    page.push(key_facts(&key, visit.now()));
    let finish = visit.may(WRITE).then(|| visit.path(format!("api_keys/{}/revoke", key.id)));
    let rotation = visit.app.authority.key_rotation_use(visit.caller(), &key).await.map_err(|error| visit.refused(error))?;
    page.blocks.extend(rotation.into_iter().flat_map(|(new, used)| key_rotation_blocks(&key, &new, &used, finish.clone(), visit.now())));
    let hours = visit.app.authority.uses_of_api_keys(visit.caller(), &organization.to_string(), &[key.id]).await;
    let hours = hours.map_err(|error| visit.refused(error))?.of_one(&key.id);
    page.blocks.push(by_hour("Uses in the last 24 hours", "Uses", &hours, visit.now()));
    if visit.may(WRITE) && key.revoked_at.is_none() {
        let active = key.status_at(visit.now()) == ApiKeyStatus::Active;
        if active {
            page.blocks.push(lists::key_rotation(&visit, &key, None).await?);
        }
        let description = key.description.clone().unwrap_or_default();
        page.push(Form {
            title: "Change name and description".into(),
            action: visit.path(format!("api_keys/{}", key.id)),
            fields: vec![Field::name(key.name.as_str(), ""), Field::description(Some(description), "")],
            button: "Save".into(),
            version: Some(key.version),
            ..Form::default()
        });
        if active {
            page.push(Form {
                title: "Change its end".into(),
                about: "Now is for good: it never works again, and neither do its tokens.".into(),
                action: visit.path(format!("api_keys/{}/expire", key.id)),
                fields: vec![ending(&visit, &key).await?],
                button: "Save".into(),
                version: Some(key.version),
                ..Form::default()
            });
        }
        let revoke = Action::link(visit.path(format!("api_keys/{}/revoke", key.id)), "Revoke", key.name.as_str()).last();
        page.blocks.push(Block::Actions(vec![revoke]));
    }
    Ok(visit.render("organizations", page))
}

pub async fn update(visit: Visit, Path(id): Path<String>, fields: Fields) -> Result<Response, Refused> {
    let change = ApiKeyChange {
        name: Some(Name::parse("name", fields.text("name")).map_err(|error| visit.refused(error))?),
        description: Some(parse_optional("description", fields.get("description"), MAX_DESCRIPTION).map_err(|error| visit.refused(error))?),
    };
    visit.change(("api_key.update", WRITE), Some(&id), async |begun| begun.change_api_key(&id, change).await).await?;
    Ok(visit.done(format!("api_keys/{id}"), "saved", None))
}

/// When it may end: now, or from now as a new one may.
async fn ending(visit: &Visit, key: &ApiKey) -> Result<Field, Refused> {
    let settings = visit.app.authority.effective_settings_of(key.owner.organization_id()).await.map_err(|error| visit.refused(error))?;
    // The latest counts from when it was made.
    let gone = u32::try_from(visit.now().since(key.created_at).as_secs() / (24 * 3600)).unwrap_or(u32::MAX).saturating_add(1);
    Ok(Field::end(settings.max_expiry_days.map(|latest| latest.saturating_sub(gone)), &[(NOW, "Now")]))
}

pub async fn expire(visit: Visit, Path(id): Path<String>, fields: Fields) -> Result<Response, Refused> {
    let at = match fields.get("expires") {
        Some(NOW) => Some(visit.now()),
        _ => {
            let at = expiry(&fields, visit.now())
                .and_then(|at| at.ok_or_else(|| FieldError::new("required", "expires", "expires takes an end")));
            at.map_err(|error| visit.refused(error))?
        }
    };
    let (_, bound) = visit.change(("api_key.expire", WRITE), Some(&id), async |change| change.expire_api_key(&id, at).await).await?;
    Ok(visit.done(format!("api_keys/{id}"), "saved", bound.as_ref()))
}

pub async fn rotate(visit: Visit, Path(id): Path<String>, fields: Fields) -> Result<Response, Refused> {
    let rotation = rotation(&fields, visit.now()).map_err(|error| visit.refused(error))?;
    let at_once = rotation.is_at_once();
    let (rotated, bound) =
        visit.change(("api_key.rotate", WRITE), Some(&id), async |change| change.rotate_api_key(&id, rotation).await).await?;
    Ok(reveal(&visit, &rotated.revealed.key, &rotated.revealed.plain, Replaces::Another(bound.filter(|_| at_once))))
}

pub async fn confirm_revocation(visit: Visit, Path(id): Path<String>) -> Result<Response, Refused> {
    let key = find(&visit, &id).await?;
    let question = of_key(&visit, &key, visit.path(format!("api_keys/{id}"))).await?;
    Ok(visit.render("organizations", question.page()))
}

pub async fn revoke(visit: Visit, Path(id): Path<String>) -> Result<Response, Refused> {
    let key = find(&visit, &id).await?;
    let (_, bound) = visit.change(("api_key.revoke", WRITE), Some(&id), async |change| change.revoke_api_key(&id).await).await?;
    Ok(visit.done(format!("organizations/{}/api_keys?status=ended", key.owner.organization_id()), "revoked", bound.as_ref()))
}
