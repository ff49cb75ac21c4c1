//! Applications in the portal.
use axum::extract::Path;
use axum::response::Response;

use super::visit::Visit;
use crate::authority::error::Error;
use crate::domain::api_key::Grant;
use crate::domain::application::{Application, ClientAuthenticationMethod, NewApplication};
use crate::domain::client_secret::ClientSecret;
use crate::domain::portal::Capability;
use crate::domain::text::{FieldError, MAX_DESCRIPTION, Name, parse_optional};
use crate::http::pages::credentials::{Replaces, SECRET_COLUMNS, application_status, reveal_secret, secret_cells, usage};
use crate::http::pages::lists;
use crate::http::pages::revocation::{of_application, of_secret};
use crate::http::pages::rotation::{cancellation, rotation, rotation_blocks, rotation_form, successor};
use crate::http::pages::{Action, Block, Cell, Facts, Field, Fields, Link, Page, Question, Refused, Table};

const PLACE: &str = "applications";
const MAY: Capability = Capability::Applications;
const DELETION: &str = "Are you sure you want to delete this application? Its secrets and every token they obtained stop working at once.";

pub async fn list(visit: Visit) -> Result<Response, Refused> {
    visit.demand(MAY)?;
    let table = lists::applications(&visit, &visit.organization(), PLACE, "No application yet.", true).await?;
    let mut page = Page::new("Applications");
    let of = visit.who.session.organization_id;
    page.blocks.push(lists::new_application(&visit, of, visit.path(PLACE), table.fresh, Vec::new()).await?);
    page.push(table);
    Ok(visit.render(PLACE, page))
}

pub async fn create(visit: Visit, fields: Fields) -> Result<Response, Refused> {
    visit.demand_for(("connect_application.create", MAY)).await?;
    let refused = |error: FieldError| visit.refused(error);
    let new = NewApplication {
        organization_id: visit.organization(),
        name: Name::parse("name", fields.text("name")).map_err(refused)?,
        description: parse_optional("description", fields.get("description"), MAX_DESCRIPTION).map_err(refused)?,
        grant: Grant { permissions: fields.all("permissions"), preset: fields.owned("preset") },
        access_token_ttl: None,
        resources: None,
        token_endpoint_auth_methods: ClientAuthenticationMethod::ALL.to_vec(),
    };
    let made = visit.change(("connect_application.create", MAY), None, async |change| change.register_application(new, true).await).await;
    let ((application, secret), _) = made?;
    let secret = secret.ok_or_else(|| visit.refused(Error::NotFound("client secret")))?;
    let done = visit.path(format!("applications/{}", application.id));
    Ok(visit.render(PLACE, reveal_secret(&visit.app, &application, &secret.plain, Replaces::Nothing, done)))
}

async fn find(visit: &Visit, id: &str) -> Result<Application, Error> {
    visit.who.demand(MAY)?;
    visit.app.authority.find_application(visit.caller(), id).await
}

/// The same, for a change: that it was refused is written down.
async fn find_for(visit: &Visit, name: &'static str, id: &str) -> Result<Application, Refused> {
    match find(visit, id).await {
        Ok(application) => Ok(application),
        Err(error) => Err(visit.refuse((name, MAY), Some(id), error).await),
    }
}

pub async fn show(visit: Visit, Path(id): Path<String>) -> Result<Response, Refused> {
    let application = find(&visit, &id).await.map_err(|error| visit.refused(error))?;
    let secrets = visit.app.authority.list_client_secrets(visit.caller(), &id).await.map_err(|error| visit.refused(error))?;
    let (name, id, now) = (application.name.as_str(), application.id, visit.now());
    let mut page = Page::new(name);
    page.trail.push(Link::new(visit.path(PLACE), "Applications"));
    page.push(Facts {
        title: String::new(),
        rows: vec![
            ("Client ID".into(), Cell::code(application.client_id.to_string())),
            ("Status".into(), Cell::Chip(application_status(&application))),
            ("Scopes".into(), Cell::text(application.scope.to_string())),
            ("Last Used".into(), Cell::Time(application.last_used_at, "never")),
            ("24 h / 7 d / 30 d".into(), usage(application.usage)),
        ],
    });
    let place = visit.path(format!("applications/{id}"));
    if let Some(new) = successor(&secrets) {
        let used = visit.app.authority.rotation_use(visit.caller(), &application, new.created_at).await;
        page.blocks.extend(rotation_blocks(&secrets, new, &used.map_err(|error| visit.refused(error))?, &place, now));
    }
    let columns: Vec<_> = SECRET_COLUMNS.into_iter().chain([""]).collect();
    let mut table = Table::new("Client secrets", &columns, "No secret: it obtains no tokens.");
    for secret in &secrets {
        let remove = Action::link(format!("{place}/client_secrets/{}/delete", secret.id), "Remove", &secret.secret_hint).last();
        table.rows.push(secret_cells(secret, now).into_iter().chain([Cell::Actions(vec![remove])]).collect());
    }
    page.push(table);
    page.push(rotation_form(format!("{place}/rotate"), Field::end_of_successor(None, "Never")));
    page.blocks.push(Block::Actions(vec![Action::link(format!("{place}/delete"), "Delete", name).last()]));
    Ok(visit.render(PLACE, page))
}

pub async fn rotate(visit: Visit, Path(id): Path<String>, fields: Fields) -> Result<Response, Refused> {
    const ROTATE: &str = "connect_application_secret.rotate";
    let application = find_for(&visit, ROTATE, &id).await?;
    let rotation = rotation(&fields, visit.now()).map_err(|error| visit.refused(error))?;
    let at_once = rotation.is_at_once();
    let (rotated, bound) = visit.change((ROTATE, MAY), Some(&id), async |change| change.rotate_client_secrets(&id, rotation).await).await?;
    let done = visit.path(format!("applications/{}", application.id));
    Ok(visit.render(
        PLACE,
        reveal_secret(&visit.app, &application, &rotated.revealed.plain, Replaces::Another(bound.filter(|_| at_once)), done),
    ))
}

async fn find_secrets(visit: &Visit, id: &str) -> Result<(Application, Vec<ClientSecret>), Error> {
    Ok((find(visit, id).await?, visit.app.authority.list_client_secrets(visit.caller(), id).await?))
}

pub async fn confirm_removal(visit: Visit, Path((id, secret)): Path<(String, String)>) -> Result<Response, Refused> {
    let (application, secrets) = find_secrets(&visit, &id).await.map_err(|error| visit.refused(error))?;
    let found = secrets.iter().find(|known| known.id.to_string() == secret);
    let found = found.ok_or_else(|| visit.refused(Error::NotFound("client secret")))?;
    Ok(visit.render(PLACE, of_secret(&visit, &application, &secrets, found).await?.page()))
}

/// The last one, too: the page before said so.
pub async fn remove(visit: Visit, Path((id, secret)): Path<(String, String)>) -> Result<Response, Refused> {
    const REMOVE: &str = "connect_application_secret.delete";
    let application = match find_secrets(&visit, &id).await {
        Ok((application, secrets)) if secrets.iter().any(|known| known.id.to_string() == secret) => application,
        Ok(_) => return Err(visit.refuse((REMOVE, MAY), Some(&secret), Error::NotFound("client secret")).await),
        Err(error) => return Err(visit.refuse((REMOVE, MAY), Some(&secret), error).await),
    };
    let (_, bound) = visit.change((REMOVE, MAY), Some(&secret), async |change| change.delete_client_secret(&secret, true).await).await?;
    Ok(visit.done(format!("applications/{}", application.id), "revoked", bound.as_ref()))
}

pub async fn confirm_cancellation(visit: Visit, Path(id): Path<String>) -> Result<Response, Refused> {
    let application = find(&visit, &id).await.map_err(|error| visit.refused(error))?;
    let secrets = visit.app.authority.list_client_secrets(visit.caller(), &id).await.map_err(|error| visit.refused(error))?;
    let place = visit.path(format!("applications/{}", application.id));
    Ok(visit.render(PLACE, cancellation(application.name.as_str(), successor(&secrets), &place).page()))
}

pub async fn cancel_rotation(visit: Visit, Path(id): Path<String>) -> Result<Response, Refused> {
    const CANCEL: &str = "connect_application_secret.cancel_rotation";
    let application = find_for(&visit, CANCEL, &id).await?;
    let (_, bound) = visit.change((CANCEL, MAY), Some(&id), async |change| change.cancel_rotation(&id).await).await?;
    Ok(visit.done(format!("applications/{}", application.id), "cancelled", bound.as_ref()))
}

pub async fn confirm_deletion(visit: Visit, Path(id): Path<String>) -> Result<Response, Refused> {
    let application = find(&visit, &id).await.map_err(|error| visit.refused(error))?;
    let question = Question {
        title: application.name.as_str().to_owned(),
        text: DELETION,
        facts: of_application(&visit, &application).await?,
        action: visit.path(format!("applications/{}/delete", application.id)),
        button: "Delete",
        back: visit.path(PLACE),
        ..Question::default()
    };
    Ok(visit.render(PLACE, question.page()))
}

pub async fn delete(visit: Visit, Path(id): Path<String>) -> Result<Response, Refused> {
    const DELETE: &str = "connect_application.delete";
    find_for(&visit, DELETE, &id).await?;
    let (_, bound) = visit.change((DELETE, MAY), Some(&id), async |change| change.delete_application(&id).await).await?;
    Ok(visit.done(PLACE, "deleted", bound.as_ref()))
}
