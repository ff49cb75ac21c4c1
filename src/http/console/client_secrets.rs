//! The secrets of an application: shown once, added, rotated, removed.
use axum::extract::Path;
use axum::response::Response;

use super::applications::find;
use super::visit::Visit;
use crate::authority::client_secrets::RevealedSecret;
use crate::authority::error::Error;
use crate::domain::application::Application;
use crate::domain::client_secret::{ClientSecret, NewClientSecret};
use crate::domain::management_key::Power;
use crate::domain::text::Name;
use crate::domain::timestamp::Timestamp;
use crate::http::pages::credentials::{Replaces, SECRET_COLUMNS, expiry, reveal_secret, secret_cells};
use crate::http::pages::revocation::of_secret;
use crate::http::pages::rotation::{cancellation, rotation, successor};
use crate::http::pages::{Action, Cell, Fields, Refused, Table};

const WRITE: Power = Power::ApplicationsWrite;

pub fn reveal(visit: &Visit, application: &Application, secret: &RevealedSecret, replaces: Replaces) -> Response {
    let done = visit.path(format!("applications/{}", application.id));
    visit.render("organizations", reveal_secret(&visit.app, application, &secret.plain, replaces, done))
}

pub async fn list(visit: &Visit, application: &str) -> Result<Vec<ClientSecret>, Refused> {
    let secrets = visit.app.authority.list_client_secrets(visit.caller(), application).await;
    secrets.map_err(|error| visit.refused(error))
}

pub fn table(visit: &Visit, application: &str, secrets: &[ClientSecret], now: Timestamp) -> Table {
    let columns: Vec<_> = ["Name"].into_iter().chain(SECRET_COLUMNS).chain([""]).collect();
    let mut table = Table::new("Client secrets", &columns, "No secret: it obtains no tokens.");
    for secret in secrets {
        let named = secret.name.as_ref().map_or_else(|| secret.secret_hint.clone(), |name| name.as_str().to_owned());
        let delete = visit.path(format!("applications/{application}/client_secrets/{}/delete", secret.id));
        let actions = if visit.may(WRITE) { vec![Action::link(delete, "Remove", &named).last()] } else { Vec::new() };
        let cells = [Cell::text(named)].into_iter().chain(secret_cells(secret, now));
        table.rows.push(cells.chain([Cell::Actions(actions)]).collect());
    }
    table
}

pub async fn create(visit: Visit, Path(id): Path<String>, fields: Fields) -> Result<Response, Refused> {
    // Found before: what is shown once must not be lost to a page that cannot be made.
    let application = find(&visit, &id).await?;
    let name = fields.get("name").map(|name| Name::parse("name", name)).transpose().map_err(|error| visit.refused(error))?;
    let expires_at = expiry(&fields, visit.now()).map_err(|error| visit.refused(error))?.flatten();
    let new = NewClientSecret { name, expires_at };
    let create = ("connect_application_secret.create", WRITE);
    let (revealed, _) = visit.change(create, Some(&id), async |change| change.create_client_secret(&id, new).await).await?;
    Ok(reveal(&visit, &application, &revealed, Replaces::Nothing))
}

pub async fn rotate(visit: Visit, Path(id): Path<String>, fields: Fields) -> Result<Response, Refused> {
    let application = find(&visit, &id).await?;
    let rotation = rotation(&fields, visit.now()).map_err(|error| visit.refused(error))?;
    let at_once = rotation.is_at_once();
    let rotate = ("connect_application_secret.rotate", WRITE);
    let (rotated, bound) = visit.change(rotate, Some(&id), async |change| change.rotate_client_secrets(&id, rotation).await).await?;
    Ok(reveal(&visit, &application, &rotated.revealed, Replaces::Another(bound.filter(|_| at_once))))
}

pub async fn confirm_cancellation(visit: Visit, Path(id): Path<String>) -> Result<Response, Refused> {
    let (application, secrets) = (find(&visit, &id).await?, list(&visit, &id).await?);
    let question = cancellation(application.name.as_str(), successor(&secrets), &visit.path(format!("applications/{id}")));
    Ok(visit.render("organizations", question.page()))
}

pub async fn cancel(visit: Visit, Path(id): Path<String>) -> Result<Response, Refused> {
    let cancel = ("connect_application_secret.cancel_rotation", WRITE);
    let (_, bound) = visit.change(cancel, Some(&id), async |change| change.cancel_rotation(&id).await).await?;
    Ok(visit.done(format!("applications/{id}"), "cancelled", bound.as_ref()))
}

pub async fn confirm_deletion(visit: Visit, Path((id, secret)): Path<(String, String)>) -> Result<Response, Refused> {
    let application = find(&visit, &id).await?;
    let secrets = list(&visit, &id).await?;
    let found = secrets.iter().find(|known| known.id.to_string() == secret);
    let found = found.ok_or_else(|| visit.refused(Error::NotFound("client secret")))?;
    let question = of_secret(&visit, &application, &secrets, found).await?;
    Ok(visit.render("organizations", question.page()))
}

/// The last one, too: the page before said so.
pub async fn delete(visit: Visit, Path((id, secret)): Path<(String, String)>) -> Result<Response, Refused> {
    let delete = ("connect_application_secret.delete", WRITE);
    let (_, bound) = visit.change(delete, Some(&secret), async |change| change.delete_client_secret(&secret, true).await).await?;
    Ok(visit.done(format!("applications/{id}"), "revoked", bound.as_ref()))
}
