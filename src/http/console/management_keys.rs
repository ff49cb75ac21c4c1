//! Management keys: who may call the management surface, and sign in here.
use axum::extract::Path;
use axum::response::Response;

use super::visit::Visit;
use crate::authority::error::Error;
use crate::domain::id::ManagementKeyId;
use crate::domain::management_key::{Grants, Identity, NewManagementKey, Power};
use crate::domain::text::{FieldError, Name};
use crate::http::pages::{Action, Cell, Facts, Field, Fields, Form, Page, Question, Refused, Reveal, Table, short};

const WRITE: Power = Power::ManagementKeysWrite;

pub async fn list(visit: Visit) -> Result<Response, Refused> {
    let listed = visit.app.authority.list_management_keys(visit.caller(), &visit.page_request()).await;
    let listed = listed.map_err(|error| visit.refused(error))?;
    let mut table = Table::new("", &["Name", "Ends with", "May", "Organization", "Signs in as", "Last Used", "Created", ""], "No key.");
    for key in &listed.data {
        let name = key.name.as_str();
        let delete = Action::link(visit.path(format!("management_keys/{}/delete", key.id)), "Delete", name).last();
        table.rows.push(vec![
            Cell::text(name),
            Cell::code(format!("…{}", key.key_hint)),
            Cell::text(short(&key.permissions.to_string(), 60)),
            Cell::text(key.organization_id.map_or_else(|| "all".to_owned(), |id| id.to_string())),
            Cell::text(key.signs_in_as.as_ref().map_or_else(String::new, |identity| identity.as_str().to_owned())),
            Cell::Time(key.last_used_at, "never"),
            Cell::Time(Some(key.created_at), ""),
            Cell::Actions(if visit.may(WRITE) { vec![delete] } else { Vec::new() }),
        ]);
    }
    visit.turn(&mut table, &listed, "management_keys", &[]);
    let mut page = Page::new("Management keys");
    if visit.may(WRITE) {
        page.push(Form {
            title: "New management key".into(),
            action: visit.path("management_keys"),
            fields: vec![
                Field::name("", "Deployment"),
                Field::required(
                    "permissions",
                    "May",
                    "*:read applications:write",
                    "With spaces between them; * is everything, *:read is to read everything.",
                ),
                Field::text("organization_id", "Only in the organization", "org_…", ""),
            ]
            .into_iter()
            .chain(visit.app.authority.openid_host().map(|_| {
                let hint = "Who signs in here as it: an address that your identity provider verified, or its sub.";
                Field::text("signs_in_as", "Signs in as", "ada@example.com", hint)
            }))
            .collect(),
            button: "Create".into(),
            ..Form::default()
        });
    }
    page.push(table);
    Ok(visit.render("management_keys", page))
}

/// A key outlives the session: what makes one is asked for again (case 263).
pub async fn create(visit: Visit, fields: Fields) -> Result<Response, Refused> {
    visit.demand_confirmed("management_keys")?;
    let refused = |error: FieldError| visit.refused(error);
    let unknown = || FieldError::new("not_found", "organization_id", "organization_id names no organization");
    let organization_id = fields.get("organization_id").map(|id| id.parse().map_err(|_id| unknown())).transpose().map_err(refused)?;
    let new = NewManagementKey {
        name: Name::parse("name", fields.text("name")).map_err(refused)?,
        permissions: Grants::parse(fields.text("permissions").split_whitespace()).map_err(refused)?,
        organization_id,
        signs_in_as: fields.get("signs_in_as").map(Identity::parse).transpose().map_err(refused)?,
    };
    let create = ("management_key.create", WRITE);
    let (made, _) = visit.change(create, None, async |change| change.create_management_key(new).await).await?;
    let mut page = Page::new(made.key.name.as_str());
    page.push(Reveal {
        text: "Copy the management key now — it will not be shown again",
        called: "Management key",
        client_id: None,
        secret: made.plain.expose().to_owned(),
        dotenv: format!("MANAGEMENT_KEY={}\n", made.plain.expose()),
        dotenv_name: format!("{}.env", made.key.id),
        snippets: vec![(
            "curl",
            format!("curl -H \"Authorization: Bearer $MANAGEMENT_KEY\" {}/organizations", visit.app.authority.deployment.issuer),
        )],
        token_endpoint: None,
        done: visit.path("management_keys"),
    });
    Ok(visit.render("management_keys", page))
}

pub async fn confirm_deletion(visit: Visit, Path(id): Path<String>) -> Result<Response, Refused> {
    visit.demand_confirmed("management_keys")?;
    let id = id.parse::<ManagementKeyId>().map_err(|_id| visit.refused(Error::NotFound("management key")))?;
    let own = visit.caller().id() == id;
    let text = if own {
        "This is the key you signed in with: you are out at once, and so is whatever else uses it."
    } else {
        "Whatever uses it is refused at once, sessions here included."
    };
    let question = Question {
        title: "Delete this management key?".into(),
        text,
        facts: Facts { title: String::new(), rows: vec![("ID".into(), Cell::code(id.to_string()))] },
        action: visit.path(format!("management_keys/{id}/delete")),
        button: "Delete",
        back: visit.path("management_keys"),
        ..Question::default()
    };
    Ok(visit.render("management_keys", question.page()))
}

pub async fn delete(visit: Visit, Path(id): Path<String>) -> Result<Response, Refused> {
    visit.demand_confirmed("management_keys")?;
    let delete = ("management_key.delete", WRITE);
    visit.change(delete, Some(&id), async |change| change.delete_management_key(&id).await).await?;
    Ok(visit.done("management_keys", "deleted", None))
}
