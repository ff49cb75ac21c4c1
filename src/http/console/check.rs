//! What an API key or an access token is good for, asked as a resource server asks (RFC 7662), and an access token revoked (RFC 7009).
use axum::response::Response;

use super::visit::Visit;
use crate::authority::introspect::{Asker, Introspected};
use crate::authority::revoke::RevokeError;
use crate::authority::validate::ValidationRequest;
use crate::domain::credential::Purpose;
use crate::domain::management_key::Power;
use crate::domain::text::FieldError;
use crate::http::pages::credentials::{key_status, scopes};
use crate::http::pages::{Block, Cell, Facts, Field, Fields, Form, Notice, Page, Refused, Tone};

const REVOKE: (&str, Power) = ("token.revoke", Power::TokensRevoke);

fn page(visit: &Visit) -> Page {
    let mut fields = vec![Field::Secret {
        name: "value",
        label: "API key or access token",
        hint: "It goes no further than here. For a key, this counts as a use.",
        own: false,
    }];
    if visit.may(REVOKE.1) {
        fields.push(Field::Tick { name: "revoke", label: "Revoke it, if it is an access token", on: false });
    }
    let mut page = Page::new("Check a credential");
    page.push(Form {
        title: "What is it good for?".into(),
        action: visit.path("check"),
        fields,
        button: "Check".into(),
        open: true,
        ..Form::default()
    });
    page
}

pub async fn form(visit: Visit) -> Response {
    visit.render("check", page(&visit))
}

pub async fn check(visit: Visit, fields: Fields) -> Result<Response, Refused> {
    let value = fields.secret("value");
    if value.expose().is_empty() {
        return Err(visit.refused(FieldError::new("required", "value", "value takes an API key or an access token")));
    }
    let told = match (value.is_well_formed(Purpose::ApiKey), fields.has("revoke")) {
        (true, _) => api_key(&visit, value)?,
        (false, true) => revoked(&visit, value.expose()).await?,
        (false, false) => access_token(&visit, value.expose())?,
    };
    let mut page = page(&visit);
    page.blocks.splice(0..0, told);
    Ok(visit.render("check", page))
}

fn api_key(visit: &Visit, value: crate::domain::credential::Secret) -> Result<Vec<Block>, Refused> {
    let request = ValidationRequest { value, required_permissions: Vec::new(), organization_id: None, source_ip: visit.sender.source };
    let validated = visit.app.authority.validate_api_key(visit.caller(), &request).map_err(|error| visit.refused(error))?;
    let key = match validated {
        Ok(validated) => validated.key,
        Err(reason) => return Ok(vec![Notice::new(Tone::Bad, format!("No valid API key: {}.", reason.name())).into()]),
    };
    let rows = vec![
        ("Name".into(), Cell::link(visit.path(format!("api_keys/{}", key.id)), key.name.as_str())),
        ("Status".into(), Cell::Chip(key_status(&key, visit.now()))),
        ("Organization".into(), Cell::code(key.owner.organization_id().to_string())),
        ("User".into(), Cell::code(key.owner.user_id().map_or_else(String::new, |user| user.to_string()))),
        ("Scopes".into(), Cell::text(scopes(&key))),
        ("Expires".into(), Cell::Time(key.expires_at, "never")),
    ];
    Ok(vec![Notice::new(Tone::Good, "A valid API key.").into(), Facts { title: String::new(), rows }.into()])
}

fn access_token(visit: &Visit, token: &str) -> Result<Vec<Block>, Refused> {
    visit.caller().demand(Power::TokensIntrospect).map_err(|error| visit.refused(error))?;
    let asker = Asker::ManagementKey(visit.caller().clone());
    let Some(Introspected::AccessToken(claims)) = visit.app.authority.introspect(&asker, token, visit.sender.source) else {
        let text = "Not active: no access token of this authority, or one that has expired or was revoked.";
        return Ok(vec![Notice::new(Tone::Bad, text).into()]);
    };
    let claims = serde_json::to_value(&*claims).unwrap_or_default();
    let named = claims.as_object().into_iter().flatten();
    let rows = named.map(|(name, value)| (name.clone(), Cell::code(value.as_str().map_or_else(|| value.to_string(), str::to_owned))));
    Ok(vec![Notice::new(Tone::Good, "An active access token.").into(), Facts { title: "Its claims".into(), rows: rows.collect() }.into()])
}

async fn revoked(visit: &Visit, token: &str) -> Result<Vec<Block>, Refused> {
    visit.demand_for(REVOKE).await?;
    let asker = Asker::ManagementKey(visit.caller().clone());
    match visit.app.authority.revoke_token(&asker, token).await {
        Ok(()) => Ok(vec![Notice::new(Tone::Good, "It is not active any more, if it ever was.").into()]),
        Err(RevokeError::Failed(error)) => Err(visit.refused(error)),
        Err(other) => Ok(vec![Notice::new(Tone::Bad, format!("Nothing was revoked: {other}.")).into()]),
    }
}
