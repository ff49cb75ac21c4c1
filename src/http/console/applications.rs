//! Applications: made and shown once, rotated with an overlap, ended with what hangs on them in view.
use axum::extract::Path;
use axum::response::Response;

use super::client_secrets;
use super::organizations;
use super::overview::by_hour;
use super::resource_servers;
use super::token_quotas;
use super::visit::Visit;
use crate::authority::token_quotas::QuotaOf;
use crate::domain::api_key::Grant;
use crate::domain::application::{
    Application, ApplicationChange, ApplicationStatus, ClientAuthenticationMethod, NewApplication, check_access_token_ttl,
};
use crate::domain::management_key::Power;
use crate::domain::permission::HolderKind;
use crate::domain::text::{FieldError, MAX_DESCRIPTION, Name, parse_optional};
use crate::http::pages::credentials::{Replaces, application_status, usage};
use crate::http::pages::lists;
use crate::http::pages::revocation::of_application;
use crate::http::pages::rotation::{rotation_blocks, rotation_form, successor};
use crate::http::pages::{Action, Block, Cell, Facts, Field, Fields, Form, Kind, Page, Question, Refused, permission_checks};

const WRITE: Power = Power::ApplicationsWrite;
/// How it may present its secret (RFC 6749 §2.3.1).
const METHODS: [(&str, &str, ClientAuthenticationMethod); 2] = [
    ("client_secret_basic", "It may present its secret in the Authorization header", ClientAuthenticationMethod::Basic),
    ("client_secret_post", "It may present its secret in the form", ClientAuthenticationMethod::Post),
];

pub async fn list_of_organization(visit: Visit, id: String) -> Result<Response, Refused> {
    let (mut page, organization) = organizations::page(&visit, &id, "").await?;
    let id = organization.to_string();
    let empty = "No application yet. Make one: its client ID and secret obtain short-lived tokens.";
    let table = lists::applications(&visit, &id, &format!("organizations/{id}"), empty, visit.may(WRITE)).await?;
    if visit.may(WRITE) {
        let lifetime = Field::text("access_token_ttl", "Lifetime of its tokens, seconds", "300", "At least 60; 300 where nothing is said.");
        let more = vec![lifetime.of_kind(Kind::Number(60, 86_400))];
        let action = visit.path(format!("organizations/{id}/applications"));
        page.blocks.push(lists::new_application(&visit, organization, action, table.fresh, more).await?);
    }
    page.push(table);
    Ok(visit.render("organizations", page))
}

fn lifetime(fields: &Fields) -> Result<Option<u32>, FieldError> {
    let seconds = fields.get("access_token_ttl").map(|text| text.parse::<u32>().unwrap_or(0));
    check_access_token_ttl(seconds, true).map(|()| seconds)
}

pub async fn create(visit: Visit, Path(id): Path<String>, fields: Fields) -> Result<Response, Refused> {
    let refused = |error: FieldError| visit.refused(error);
    let new = NewApplication {
        organization_id: id.clone(),
        name: Name::parse("name", fields.text("name")).map_err(refused)?,
        description: parse_optional("description", fields.get("description"), MAX_DESCRIPTION).map_err(refused)?,
        grant: Grant { permissions: fields.all("permissions"), preset: fields.owned("preset") },
        access_token_ttl: lifetime(&fields).map_err(refused)?,
        resources: None,
        token_endpoint_auth_methods: ClientAuthenticationMethod::ALL.to_vec(),
    };
    let create = ("connect_application.create", WRITE);
    let ((application, secret), _) = visit.change(create, None, async |change| change.register_application(new, true).await).await?;
    let secret = secret.ok_or_else(|| visit.refused(crate::authority::error::Error::NotFound("client secret")))?;
    Ok(client_secrets::reveal(&visit, &application, &secret, Replaces::Nothing))
}

pub async fn find(visit: &Visit, id: &str) -> Result<Application, Refused> {
    visit.app.authority.find_application(visit.caller(), id).await.map_err(|error| visit.refused(error))
}

pub async fn show(visit: Visit, Path(id): Path<String>) -> Result<Response, Refused> {
    let application = find(&visit, &id).await?;
    let secrets = client_secrets::list(&visit, &id).await?;
    let (authority, now) = (&visit.app.authority, visit.now());
    let mut page = Page::new(application.name.as_str());
    page.trail.extend(organizations::trail(&visit, application.organization_id, "").await);
    page.push(facts(&application));
    let id = application.id.to_string();
    let name = application.name.as_str();
    if let Some(new) = successor(&secrets) {
        let used = authority.rotation_use(visit.caller(), &application, new.created_at).await.map_err(|error| visit.refused(error))?;
        let place = visit.path(format!("applications/{id}"));
        let writes = visit.may(WRITE);
        let blocks = rotation_blocks(&secrets, new, &used, &place, now).into_iter();
        page.blocks.extend(blocks.filter(|block| writes || !matches!(block, Block::Actions(_))));
    }
    page.push(client_secrets::table(&visit, &id, &secrets, now));
    let organization = application.organization_id.to_string();
    let hours = authority.tokens_of_applications(visit.caller(), &organization, &[application.id]).await;
    let hours = hours.map_err(|error| visit.refused(error))?.of_one(&application.id);
    page.blocks.push(by_hour("Tokens in the last 24 hours", "Tokens", &hours, now));
    if visit.may(WRITE) {
        page.push(rotation_form(visit.path(format!("applications/{id}/rotate")), Field::end_of_successor(None, "Never")));
        page.push(Form {
            title: "Add a secret".into(),
            about: "Beside those there are, which go on working: up to five at a time.".into(),
            action: visit.path(format!("applications/{id}/client_secrets")),
            fields: vec![Field::text("name", "Name", "deploy-2026", ""), Field::end(None, &[])],
            button: "Add".into(),
            ..Form::default()
        });
        let catalogue = authority.grantable(HolderKind::M2m).await.map_err(|error| visit.refused(error))?;
        let held: Vec<String> = application.scope.iter().map(|token| token.as_str().to_owned()).collect();
        let ttl = application.access_token_ttl.map_or_else(String::new, |seconds| seconds.to_string());
        page.push(Form {
            title: "Change name, scopes and more".into(),
            about: "What is taken away ends the tokens that have it, at once.".into(),
            action: visit.path(format!("applications/{id}")),
            fields: vec![
                Field::name(name, ""),
                Field::description(application.description.clone(), ""),
                permission_checks(&catalogue, &held),
                Field::filled("access_token_ttl", "Lifetime of its tokens, seconds", ttl, "300").of_kind(Kind::Number(60, 86_400)),
            ]
            .into_iter()
            .chain(resource_servers::chosen(&visit, application.resources.as_deref().unwrap_or_default()).await?)
            .chain(METHODS.map(|(name, label, method)| Field::Tick {
                name,
                label,
                on: application.token_endpoint_auth_methods.contains(&method),
            }))
            .collect(),
            button: "Save".into(),
            version: Some(application.version),
            ..Form::default()
        });
    }
    if visit.may(Power::SettingsRead) {
        let quota = authority.find_token_quota(visit.caller(), QuotaOf::Application(&id)).await.map_err(|error| visit.refused(error))?;
        let changeable = visit.may(Power::SettingsWrite) && visit.caller().demand_installation().is_ok();
        page.blocks.extend(token_quotas::blocks(&quota, visit.path(format!("applications/{id}/token_quota")), changeable));
    }
    if visit.may(WRITE) {
        let place = |what: &str| visit.path(format!("applications/{id}/{what}"));
        let switch = match application.status {
            ApplicationStatus::Active => Action::link(place("disable"), "Disable", name).dangerous(),
            ApplicationStatus::Disabled => Action::post(place("enable"), "Enable", name),
        };
        page.blocks.push(Block::Actions(vec![
            switch,
            Action::link(place("revoke_tokens"), "Revoke its tokens", name).dangerous(),
            Action::link(place("delete"), "Delete", name).last(),
        ]));
    }
    Ok(visit.render("organizations", page))
}

fn facts(application: &Application) -> Facts {
    Facts {
        title: String::new(),
        rows: vec![
            ("Client ID".into(), Cell::code(application.client_id.to_string())),
            ("Status".into(), Cell::Chip(application_status(application))),
            ("Scopes".into(), Cell::text(application.scope.to_string())),
            ("Description".into(), Cell::text(application.description.clone().unwrap_or_default())),
            ("Last Used".into(), Cell::Time(application.last_used_at, "never")),
            ("From".into(), Cell::text(application.last_used_ip.clone().unwrap_or_default())),
            ("24 h / 7 d / 30 d".into(), usage(application.usage)),
            ("Created".into(), Cell::Time(Some(application.created_at), "")),
            ("By".into(), Cell::code(application.created_by.clone())),
        ],
    }
}

pub async fn update(visit: Visit, Path(id): Path<String>, fields: Fields) -> Result<Response, Refused> {
    let refused = |error: FieldError| visit.refused(error);
    let others = fields.text("other_resources").split_whitespace().map(str::to_owned);
    let resources: Vec<_> = fields.all("resources").into_iter().chain(others).collect();
    let methods: Vec<_> = METHODS.into_iter().filter(|(name, _, _)| fields.has(name)).map(|(_, _, method)| method).collect();
    if methods.is_empty() {
        return Err(refused(FieldError::new(
            "required",
            "token_endpoint_auth_methods",
            "an application presents its secret in one way at least",
        )));
    }
    let change = ApplicationChange {
        name: Some(Name::parse("name", fields.text("name")).map_err(refused)?),
        description: Some(parse_optional("description", fields.get("description"), MAX_DESCRIPTION).map_err(refused)?),
        grant: Some(Grant { permissions: fields.all("permissions"), preset: fields.owned("preset") }),
        access_token_ttl: Some(lifetime(&fields).map_err(refused)?),
        resources: Some(Some(resources).filter(|resources| !resources.is_empty())),
        token_endpoint_auth_methods: Some(methods),
    };
    let update = ("connect_application.update", WRITE);
    let (_, bound) = visit.change(update, Some(&id), async |begun| begun.change_application(&id, change).await).await?;
    Ok(visit.done(format!("applications/{id}"), "saved", bound.as_ref()))
}

async fn question(visit: &Visit, id: &str, verb: &'static str, text: &str, place: &str) -> Result<Response, Refused> {
    let application = find(visit, id).await?;
    let question = Question {
        title: format!("{verb}: {}?", application.name.as_str()),
        text,
        facts: of_application(visit, &application).await?,
        action: visit.path(format!("applications/{id}/{place}")),
        button: verb,
        back: visit.path(format!("applications/{id}")),
        ..Question::default()
    };
    Ok(visit.render("organizations", question.page()))
}

pub async fn confirm_disabling(visit: Visit, Path(id): Path<String>) -> Result<Response, Refused> {
    let text = "Its secrets obtain no tokens until it is enabled again, and the tokens it has are dead for good.";
    question(&visit, &id, "Disable", text, "disable").await
}

pub async fn disable(visit: Visit, Path(id): Path<String>) -> Result<Response, Refused> {
    let disable = ("connect_application.disable", WRITE);
    let (_, bound) = visit.change(disable, Some(&id), async |change| change.disable_application(&id).await).await?;
    Ok(visit.done(format!("applications/{id}"), "disabled", bound.as_ref()))
}

pub async fn enable(visit: Visit, Path(id): Path<String>) -> Result<Response, Refused> {
    visit.change(("connect_application.enable", WRITE), Some(&id), async |change| change.enable_application(&id).await).await?;
    Ok(visit.done(format!("applications/{id}"), "saved", None))
}

pub async fn confirm_revocation(visit: Visit, Path(id): Path<String>) -> Result<Response, Refused> {
    let text = "Every token it has is refused from now on. Its secrets go on working: it can obtain new ones at once.";
    question(&visit, &id, "Revoke", text, "revoke_tokens").await
}

pub async fn revoke_tokens(visit: Visit, Path(id): Path<String>) -> Result<Response, Refused> {
    let revoke = ("connect_application.revoke_tokens", WRITE);
    let (_, bound) = visit.change(revoke, Some(&id), async |change| change.revoke_application_tokens(&id).await).await?;
    Ok(visit.done(format!("applications/{id}"), "revoked", bound.as_ref()))
}

pub async fn confirm_deletion(visit: Visit, Path(id): Path<String>) -> Result<Response, Refused> {
    visit.demand_confirmed(&format!("applications/{id}/delete"))?;
    let text = "Its secrets and every token they obtained stop working at once. It cannot be brought back.";
    question(&visit, &id, "Delete", text, "delete").await
}

pub async fn delete(visit: Visit, Path(id): Path<String>) -> Result<Response, Refused> {
    visit.demand_confirmed(&format!("applications/{id}/delete"))?;
    let application = find(&visit, &id).await?;
    let delete = ("connect_application.delete", WRITE);
    let (_, bound) = visit.change(delete, Some(&id), async |change| change.delete_application(&id).await).await?;
    Ok(visit.done(format!("organizations/{}", application.organization_id), "deleted", bound.as_ref()))
}
