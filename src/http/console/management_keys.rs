//! Management keys: who may call the management surface, and sign in here.
use axum::extract::Path;
use axum::response::Response;

use super::organizations;
use super::visit::Visit;
use crate::domain::management_key::{Grants, Identity, NewManagementKey, Power};
use crate::domain::text::{FieldError, Name};
use crate::http::pages::{Action, Block, Cell, Checks, Facts, Field, Fields, Form, Page, Question, Refused, Reveal, Table, short};

const WRITE: Power = Power::ManagementKeysWrite;

pub async fn list(visit: Visit) -> Result<Response, Refused> {
    let listed = visit.app.authority.list_management_keys(visit.caller(), &visit.page_request()).await;
    let listed = listed.map_err(|error| visit.refused(error))?;
    let mut table =
        Table::new("", &["Name", "Ends with", "Permissions", "Organization", "Signs in as", "Last Used", "Created", ""], "No key.");
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
            Cell::Actions(if visit.may(WRITE) && key.id != visit.caller().id() { vec![delete] } else { Vec::new() }),
        ]);
    }
    visit.turn(&mut table, &listed, "management_keys", &[]);
    let mut page = Page::new("Management keys");
    if visit.may(WRITE) {
        page.blocks.push(Block::Actions(vec![Action::link(visit.path("management_keys/new"), "New management key", "")]));
    }
    page.push(table);
    Ok(visit.render("management_keys", page))
}

/// What it may do, as boxes: everything, or to read everything, or each power by its resource.
fn powers() -> Field {
    let all = [("*", "everything, whatever is added later"), ("*:read", "read everything")];
    let mut groups = vec![Checks { title: String::new(), boxes: all.map(|(name, text)| (name.into(), text.into(), false)).to_vec() }];
    groups.extend(Checks::by_subject(Power::ALL.iter().map(|power| power.name()), ':', &[]));
    Field::Checks { name: "permissions", label: "Permissions", presets: Vec::new(), groups }
}

/// A key outlives the session: who makes one proves himself again before he begins (case 263).
pub async fn form(visit: Visit) -> Result<Response, Refused> {
    visit.demand_for(("management_key.create", WRITE)).await?;
    visit.demand_confirmed("management_keys/new")?;
    let mut fields = vec![Field::name("", "Deployment"), powers()];
    if visit.caller().demand_installation().is_ok() {
        let hint = "The whole installation where nothing is said.";
        let only = Field::text("organization_id", "Only in the organization", "org_…", hint);
        fields.push(only.suggesting(organizations::named(&visit).await?));
        if visit.app.authority.openid_host().is_some() {
            let hint = "Who signs in here as it: an address that your identity provider verified, or its sub.";
            fields.push(Field::text("signs_in_as", "Signs in as", "ada@example.com", hint));
        }
    }
    let mut page = Page::new("New management key");
    page.trail.push(visit.link("management_keys", "Management keys"));
    page.push(Form {
        title: "New management key".into(),
        about: "For a program that manages, or for a person who signs in here. It can be granted what yours may, and no more.".into(),
        action: visit.path("management_keys"),
        fields,
        button: "Create".into(),
        cancel: Some(visit.path("management_keys")),
        open: true,
        ..Form::default()
    });
    Ok(visit.render("management_keys", page))
}

pub async fn create(visit: Visit, fields: Fields) -> Result<Response, Refused> {
    visit.demand_confirmed("management_keys/new")?;
    let refused = |error: FieldError| visit.refused(error);
    let unknown = || FieldError::new("not_found", "organization_id", "organization_id names no organization");
    let organization_id = fields.get("organization_id").map(|id| id.parse().map_err(|_id| unknown())).transpose().map_err(refused)?;
    let new = NewManagementKey {
        name: Name::parse("name", fields.text("name")).map_err(refused)?,
        permissions: Grants::parse(fields.all("permissions").iter().map(String::as_str)).map_err(refused)?,
        organization_id,
        signs_in_as: fields
            .get("signs_in_as")
            .map(|text| Identity::parse(text, visit.app.authority.openid_issuer()))
            .transpose()
            .map_err(refused)?,
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
    visit.demand_confirmed(&format!("management_keys/{id}/delete"))?;
    let key = visit.app.authority.find_management_key(visit.caller(), &id).await.map_err(|error| visit.refused(error))?;
    let question = Question {
        title: format!("Delete {}?", key.name.as_str()),
        text: "Whatever uses it is refused at once, and who is signed in here as it is out.",
        facts: Facts {
            title: "What hangs on it".into(),
            rows: vec![
                ("Ends with".into(), Cell::code(format!("…{}", key.key_hint))),
                ("Permissions".into(), Cell::text(key.permissions.to_string())),
                ("Last Used".into(), Cell::Time(key.last_used_at, "never")),
                (
                    "Signs in as".into(),
                    Cell::text(key.signs_in_as.as_ref().map_or_else(String::new, |identity| identity.as_str().to_owned())),
                ),
            ],
        },
        action: visit.path(format!("management_keys/{id}/delete")),
        button: "Delete",
        back: visit.path("management_keys"),
        ..Question::default()
    };
    Ok(visit.render("management_keys", question.page()))
}

pub async fn delete(visit: Visit, Path(id): Path<String>) -> Result<Response, Refused> {
    visit.demand_confirmed(&format!("management_keys/{id}/delete"))?;
    let delete = ("management_key.delete", WRITE);
    visit.change(delete, Some(&id), async |change| change.delete_management_key(&id).await).await?;
    Ok(visit.done("management_keys", "deleted", None))
}
