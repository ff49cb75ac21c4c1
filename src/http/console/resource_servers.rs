//! Resource servers: who takes the tokens, and how they are signed for them.
use axum::extract::Path;
use axum::response::Response;
use chancery_verifier::{Algorithm, TokenType};

use super::visit::Visit;
use crate::domain::application::check_access_token_ttl;
use crate::domain::management_key::Power;
use crate::domain::page::PageRequest;
use crate::domain::resource_server::{NewResourceServer, PRESETS, ResourceServer, ResourceServerChange, check_claims, parse_identifier};
use crate::domain::text::{FieldError, Name};
use crate::http::pages::{Action, Block, Cell, Checks, Facts, Field, Fields, Form, Kind, MAX_JSON, Page, Question, Refused, Table};

const WRITE: Power = Power::ResourceServersWrite;
const ALGORITHMS: [(&str, &str); 4] =
    [("ES256", "ES256"), ("EdDSA", "EdDSA"), ("RS256", "RS256, for gateways that take nothing else"), ("PS256", "PS256")];
const TYPES: [(&str, &str, TokenType); 2] =
    [("at+jwt", "at+jwt (RFC 9068)", TokenType::AccessToken), ("JWT", "JWT, for verifiers that know no other", TokenType::Jwt)];

fn yes(on: bool) -> Cell {
    Cell::text(if on { "yes" } else { "no" })
}

pub async fn list(visit: Visit) -> Result<Response, Refused> {
    let listed = visit.app.authority.list_resource_servers(visit.caller(), &visit.page_request()).await;
    let listed = listed.map_err(|error| visit.refused(error))?;
    let columns = ["Name", "Identifier", "Algorithm", "Type", "Default", "Follows revocations"];
    let mut table = Table::new("", &columns, "None yet: tokens are for the issuer itself. Register your API to give it tokens of its own.");
    for server in &listed.data {
        table.rows.push(vec![
            Cell::link(visit.path(format!("resource_servers/{}", server.id)), server.name.as_str()),
            Cell::code(server.identifier.clone()),
            Cell::text(server.signing.signing_alg.name()),
            Cell::text(server.token_typ.name()),
            yes(server.default),
            yes(server.status_enforcing),
        ]);
    }
    visit.turn(&mut table, &listed, "resource_servers", &[]);
    let mut page = Page::new("Resource servers");
    if visit.may(WRITE) && visit.caller().demand_installation().is_ok() {
        let presets = PRESETS.iter().map(|preset| (preset.name.to_owned(), preset.name.to_owned())).collect();
        page.push(Form {
            title: "Register a resource server".into(),
            action: visit.path("resource_servers"),
            fields: vec![
                Field::name("", "Public API"),
                Field::required("identifier", "Identifier", "https://api.example.com", "The audience of its tokens. It cannot be changed."),
                Field::Choice {
                    name: "preset",
                    label: "What verifies there",
                    options: presets,
                    chosen: "default".into(),
                    hint: "Chooses algorithm and type of its tokens.".into(),
                },
                Field::Tick { name: "default", label: "Clients that name no resource get tokens for it", on: listed.data.is_empty() },
                Field::Tick { name: "status_enforcing", label: "It follows revocations, with our verifier or introspection", on: false },
            ],
            button: "Register".into(),
            open: listed.data.is_empty(),
            ..Form::default()
        });
    }
    page.push(table);
    Ok(visit.render("resource_servers", page))
}

/// The newest, by identifier, for a field that one is written in.
pub async fn named(visit: &Visit) -> Result<Vec<(String, String)>, Refused> {
    if !visit.may(Power::ResourceServersRead) {
        return Ok(Vec::new());
    }
    let listed = visit.app.authority.list_resource_servers(visit.caller(), &PageRequest::newest(100)).await;
    let listed = listed.map_err(|error| visit.refused(error))?.data.into_iter();
    Ok(listed.map(|server| (server.identifier, server.name.as_str().to_owned())).collect())
}

/// Which of them an application may ask for: those that are known here as boxes, and room for others.
pub async fn chosen(visit: &Visit, on: &[String]) -> Result<Vec<Field>, Refused> {
    let known = named(visit).await?;
    let others: Vec<_> = on.iter().filter(|asked| known.iter().all(|(identifier, _)| identifier != *asked)).map(String::as_str).collect();
    let label = "Resource servers: any where none is chosen";
    let hint = "Their identifiers, with spaces between them.";
    let written = Field::text("other_resources", if known.is_empty() { label } else { "Others" }, "https://api.example.com", hint);
    let written = written.with(others.join(" "));
    if known.is_empty() {
        return Ok(vec![written]);
    }
    let boxes = known.into_iter().map(|(identifier, text)| (identifier.clone(), text, on.contains(&identifier))).collect();
    let groups = vec![Checks { title: String::new(), boxes }];
    Ok(vec![Field::Checks { name: "resources", label, presets: Vec::new(), groups }, written])
}

pub async fn create(visit: Visit, fields: Fields) -> Result<Response, Refused> {
    let refused = |error: FieldError| visit.refused(error);
    let preset = fields.chosen("preset", &PRESETS.each_ref().map(|preset| (preset.name, preset))).map_err(refused)?.unwrap_or(&PRESETS[0]);
    let new = NewResourceServer {
        identifier: parse_identifier(fields.text("identifier")).map_err(refused)?,
        name: Name::parse("name", fields.text("name")).map_err(refused)?,
        signing_alg: preset.signing_alg,
        token_typ: preset.token_typ,
        access_token_ttl: None,
        claims: serde_json::Map::new(),
        default: fields.has("default"),
        status_enforcing: fields.has("status_enforcing"),
    };
    let create = ("resource_server.create", WRITE);
    let (server, _) = visit.change(create, None, async |change| change.register_resource_server(new).await).await?;
    Ok(visit.done(format!("resource_servers/{}", server.id), "made", None))
}

async fn find(visit: &Visit, id: &str) -> Result<ResourceServer, Refused> {
    visit.app.authority.find_resource_server(visit.caller(), id).await.map_err(|error| visit.refused(error))
}

pub async fn show(visit: Visit, Path(id): Path<String>) -> Result<Response, Refused> {
    let server = find(&visit, &id).await?;
    let ttl = server.access_token_ttl.map_or_else(String::new, |seconds| seconds.to_string());
    let mut page = Page::new(server.name.as_str());
    page.trail.push(visit.link("resource_servers", "Resource servers"));
    page.push(Facts {
        title: String::new(),
        rows: vec![
            ("Identifier".into(), Cell::code(server.identifier.clone())),
            ("Algorithm".into(), Cell::text(server.signing.signing_alg.name())),
            ("In force from".into(), Cell::Time(server.signing.activates_at, "now")),
            ("Type".into(), Cell::text(server.token_typ.name())),
            ("Lifetime of its tokens, seconds".into(), Cell::text(if ttl.is_empty() { "300".to_owned() } else { ttl.clone() })),
            ("Default".into(), yes(server.default)),
            ("Follows revocations".into(), yes(server.status_enforcing)),
            ("Created".into(), Cell::Time(Some(server.created_at), "")),
        ],
    });
    if visit.may(WRITE) && visit.caller().demand_installation().is_ok() {
        page.push(Form {
            title: "Change".into(),
            about: "Another algorithm takes effect once every verifier can have its key.".into(),
            action: visit.path(format!("resource_servers/{id}")),
            fields: vec![
                Field::name(server.name.as_str(), ""),
                Field::choice("signing_alg", "Algorithm", &ALGORITHMS, server.signing.signing_alg.name()),
                Field::choice("token_typ", "Type", &TYPES.map(|(name, text, _)| (name, text)), server.token_typ.name()),
                Field::filled("access_token_ttl", "Lifetime of its tokens, seconds", ttl, "300").of_kind(Kind::Number(60, 86_400)),
                Field::Tick { name: "default", label: "Clients that name no resource get tokens for it", on: server.default },
                Field::Tick { name: "status_enforcing", label: "It follows revocations", on: server.status_enforcing },
                Field::Lines {
                    name: "claims",
                    label: "Further claims of its tokens",
                    value: if server.claims.is_empty() {
                        String::new()
                    } else {
                        serde_json::Value::from(server.claims.clone()).to_string()
                    },
                    placeholder: "{ \"tier\": \"gold\" }",
                    hint: "A JSON object.",
                    most: MAX_JSON,
                },
            ],
            button: "Save".into(),
            version: Some(server.version),
            ..Form::default()
        });
        let delete = Action::link(visit.path(format!("resource_servers/{id}/delete")), "Remove", server.name.as_str()).last();
        page.blocks.push(Block::Actions(vec![delete]));
    }
    Ok(visit.render("resource_servers", page))
}

fn claims(fields: &Fields) -> Result<serde_json::Map<String, serde_json::Value>, FieldError> {
    let claims = fields.json("claims", "a JSON object")?.unwrap_or_default();
    check_claims(&claims).map(|()| claims)
}

pub async fn update(visit: Visit, Path(id): Path<String>, fields: Fields) -> Result<Response, Refused> {
    let refused = |error: FieldError| visit.refused(error);
    let seconds = fields.get("access_token_ttl").map(|text| text.parse::<u32>().unwrap_or(0));
    let status_enforcing = fields.has("status_enforcing");
    check_access_token_ttl(seconds, status_enforcing).map_err(refused)?;
    let change = ResourceServerChange {
        name: Some(Name::parse("name", fields.text("name")).map_err(refused)?),
        signing_alg: fields.chosen("signing_alg", &Algorithm::ALL.map(|algorithm| (algorithm.name(), algorithm))).map_err(refused)?,
        token_typ: fields.chosen("token_typ", &TYPES.map(|(name, _, typ)| (name, typ))).map_err(refused)?,
        access_token_ttl: Some(seconds),
        claims: Some(claims(&fields).map_err(refused)?),
        default: Some(fields.has("default")),
        status_enforcing: Some(status_enforcing),
    };
    let update = ("resource_server.update", WRITE);
    let (_, bound) = visit.change(update, Some(&id), async |begun| begun.change_resource_server(&id, change).await).await?;
    Ok(visit.done(format!("resource_servers/{id}"), "saved", bound.as_ref()))
}

pub async fn confirm_deletion(visit: Visit, Path(id): Path<String>) -> Result<Response, Refused> {
    visit.demand_confirmed(&format!("resource_servers/{id}/delete"))?;
    let server = find(&visit, &id).await?;
    let question = Question {
        title: format!("Remove {}?", server.name.as_str()),
        text: "No tokens are issued for it any more, and those there are answer inactive when they are asked about.",
        facts: Facts { title: String::new(), rows: vec![("Identifier".into(), Cell::code(server.identifier))] },
        action: visit.path(format!("resource_servers/{id}/delete")),
        button: "Remove",
        back: visit.path(format!("resource_servers/{id}")),
        ..Question::default()
    };
    Ok(visit.render("resource_servers", question.page()))
}

pub async fn delete(visit: Visit, Path(id): Path<String>) -> Result<Response, Refused> {
    visit.demand_confirmed(&format!("resource_servers/{id}/delete"))?;
    let delete = ("resource_server.delete", WRITE);
    visit.change(delete, Some(&id), async |change| change.remove_resource_server(&id).await).await?;
    Ok(visit.done("resource_servers", "deleted", None))
}
