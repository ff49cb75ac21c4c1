//! The secrets of an application: shown once, added, rotated, removed.
use axum::extract::Path;
use axum::response::Response;

use super::applications::find;
use super::confirm::{Question, ask};
use super::visit::Visit;
use crate::authority::client_secrets::RevealedSecret;
use crate::authority::error::Error;
use crate::domain::application::Application;
use crate::domain::client_secret::{ClientSecret, NewClientSecret};
use crate::domain::management_key::Power;
use crate::domain::text::Name;
use crate::domain::timestamp::Timestamp;
use crate::http::pages::credentials::{expiry, reveal_secret, rotation, secret_status, usage};
use crate::http::pages::{Action, Cell, Facts, Fields, Refused, Table};

const WRITE: Power = Power::ApplicationsWrite;

pub fn reveal(visit: &Visit, application: &Application, secret: &RevealedSecret, replaces: bool) -> Response {
    let done = visit.path(format!("applications/{}", application.id));
    visit.render("organizations", reveal_secret(&visit.app, application, &secret.plain, replaces, done))
}

pub fn table(visit: &Visit, application: &str, secrets: &[ClientSecret], now: Timestamp) -> Table {
    let columns = ["Name", "Ends with", "Status", "Last Used", "From", "24 h / 7 d / 30 d", "Expires", "Created", ""];
    let mut table = Table::new("Client secrets", &columns, "No secret: it obtains no tokens.");
    for secret in secrets {
        let named = secret.name.as_ref().map_or_else(|| secret.secret_hint.clone(), |name| name.as_str().to_owned());
        let delete = visit.path(format!("applications/{application}/client_secrets/{}/delete", secret.id));
        let actions = if visit.may(WRITE) { vec![Action::link(delete, "Remove", &named).dangerous()] } else { Vec::new() };
        table.rows.push(vec![
            Cell::text(named),
            Cell::code(format!("…{}", secret.secret_hint)),
            Cell::Chip(secret_status(secret, now)),
            Cell::Time(secret.last_used_at, "never"),
            Cell::text(secret.last_used_ip.clone().unwrap_or_default()),
            usage(secret.usage),
            Cell::Time(secret.expires_at, "never"),
            Cell::Time(Some(secret.created_at), ""),
            Cell::Actions(actions),
        ]);
    }
    table
}

pub async fn create(visit: Visit, Path(id): Path<String>, fields: Fields) -> Result<Response, Refused> {
    // Found before: what is shown once must not be lost to a page that cannot be made.
    let (application, _) = find(&visit, &id).await?;
    let name = fields.get("name").map(|name| Name::parse("name", name)).transpose().map_err(|error| visit.refused(error))?;
    let expires_at = expiry(&fields, visit.now()).map_err(|error| visit.refused(error))?.flatten();
    let new = NewClientSecret { name, expires_at };
    let create = ("connect_application_secret.create", WRITE);
    let (revealed, _) = visit.change(create, Some(&id), async |change| change.create_client_secret(&id, new).await).await?;
    Ok(reveal(&visit, &application, &revealed, false))
}

pub async fn rotate(visit: Visit, Path(id): Path<String>, fields: Fields) -> Result<Response, Refused> {
    let (application, _) = find(&visit, &id).await?;
    let rotation = rotation(&fields).map_err(|error| visit.refused(error))?;
    let rotate = ("connect_application_secret.rotate", WRITE);
    let (rotated, _) = visit.change(rotate, Some(&id), async |change| change.rotate_client_secrets(&id, rotation).await).await?;
    Ok(reveal(&visit, &application, &rotated.revealed, true))
}

pub async fn cancel(visit: Visit, Path(id): Path<String>) -> Result<Response, Refused> {
    let cancel = ("connect_application_secret.cancel_rotation", WRITE);
    let (_, bound) = visit.change(cancel, Some(&id), async |change| change.cancel_rotation(&id).await).await?;
    Ok(visit.done(format!("applications/{id}"), "cancelled", bound.as_ref()))
}

pub async fn confirm_deletion(visit: Visit, Path((id, secret)): Path<(String, String)>) -> Result<Response, Refused> {
    let (application, secrets) = find(&visit, &id).await?;
    let found = secrets.iter().find(|known| known.id.to_string() == secret);
    let found = found.ok_or_else(|| visit.refused(Error::NotFound("client secret")))?;
    let rows = vec![
        ("Application".to_owned(), Cell::text(application.name.as_str())),
        ("Ends with".to_owned(), Cell::code(format!("…{}", found.secret_hint))),
        ("Last Used".to_owned(), Cell::Time(found.last_used_at, "never")),
        ("From".to_owned(), Cell::text(found.last_used_ip.clone().unwrap_or_default())),
        ("24 h / 7 d / 30 d".to_owned(), usage(found.usage)),
    ];
    let question = Question {
        title: "Remove this secret?".into(),
        text: "Whoever still has it obtains no tokens any more, and the tokens it obtained are refused at once.",
        facts: Facts { title: "What hangs on it".into(), rows },
        action: visit.path(format!("applications/{id}/client_secrets/{secret}/delete")),
        button: "Remove",
        back: visit.path(format!("applications/{id}")),
    };
    Ok(ask(&visit, "organizations", question))
}

/// The last one, too: the page before said so.
pub async fn delete(visit: Visit, Path((id, secret)): Path<(String, String)>) -> Result<Response, Refused> {
    let delete = ("connect_application_secret.delete", WRITE);
    let (_, bound) = visit.change(delete, Some(&secret), async |change| change.delete_client_secret(&secret, true).await).await?;
    Ok(visit.done(format!("applications/{id}"), "revoked", bound.as_ref()))
}
