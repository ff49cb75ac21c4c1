//! A link to the portal, made by an operator: to hand to a customer's admin, or to see what he sees.
use axum::extract::Path;
use axum::response::Response;

use super::member;
use super::visit::Visit;
use crate::authority::portal::operation;
use crate::domain::portal::{Capability, NewPortalSession, parse_return_url};
use crate::domain::text::FieldError;
use crate::http::pages::{Field, Fields, Form, Kind, Page, Question, Refused, Reveal};

/// What a link can be for.
const GRANTS: [(&str, &str, Capability); 4] = [
    ("api_keys", "The organization's API keys", Capability::ApiKeys),
    ("applications", "Its applications", Capability::Applications),
    ("own_keys", "The user's own API keys", Capability::OwnKeys),
    ("members_keys", "Every member's API keys, to see and revoke", Capability::MembersKeys),
];

/// `users` are the admins it can be for, by id, with their names.
pub fn form(visit: &Visit, organization: &str, users: Vec<(String, String)>) -> Form {
    let users = [(String::new(), "whoever opens it".to_owned())].into_iter().chain(users).collect();
    let user = Field::Choice { name: "user", label: "For", options: users, chosen: String::new(), hint: String::new() };
    let grants = GRANTS.into_iter().map(|(name, label, capability)| Field::Tick { name, label, on: capability == Capability::ApiKeys });
    let back = Field::text("return_url", "Leads back to", "https://app.example.com/settings", "").of_kind(Kind::Url);
    Form {
        title: "Portal link".into(),
        about: "Opens the organization's own pages, once, within five minutes, and for half an hour. Your product makes such links itself: POST /portal/generate_link.".into(),
        action: visit.path(format!("organizations/{organization}/portal_link")),
        fields: [user].into_iter().chain(grants).chain([back]).collect(),
        button: "Make a link".into(),
        ..Form::default()
    }
}

pub async fn create(visit: Visit, Path(id): Path<String>, fields: Fields) -> Result<Response, Refused> {
    let chosen = GRANTS.into_iter().filter(|(name, _, _)| fields.has(name));
    let capabilities: Vec<_> = chosen.map(|(_, _, capability)| capability).collect();
    let Some(first) = capabilities.first().copied() else {
        return Err(visit.refused(FieldError::new("required", "capabilities", "choose at least one thing the link is for")));
    };
    let return_url = fields.get("return_url").map(parse_return_url).transpose().map_err(|error| visit.refused(error))?;
    let create = operation("portal_session.create", first);
    let new = NewPortalSession { organization: id.clone(), user: fields.owned("user"), capabilities, return_url };
    let made = visit.change((create.name, create.power), Some(&id), async |change| change.create_portal_link(new).await).await?;
    let ((_, secret), _) = made;
    let link = format!("{}/portal/{}", visit.app.authority.deployment.issuer, secret.expose());
    let mut page = Page::new("Portal link");
    page.push(Reveal {
        text: "Copy the link now — it will not be shown again, and opens once",
        called: "Link",
        client_id: None,
        dotenv: format!("PORTAL_LINK={link}\n"),
        dotenv_name: "portal_link.env".into(),
        secret: link,
        snippets: Vec::new(),
        token_endpoint: None,
        done: visit.path(format!("organizations/{id}/members")),
    });
    Ok(visit.render("organizations", page))
}

pub async fn confirm_revocation(visit: Visit, Path(id): Path<String>) -> Result<Response, Refused> {
    let membership = member::find(&visit, &id).await?;
    let question = Question {
        title: format!("Revoke the portal links of {}?", membership.user.display_name()),
        text: "They open nothing any more, and who is in by one of them is out. Links for whoever opens them are nobody's own, and go on.",
        action: visit.path(format!("members/{id}/portal_links/revoke")),
        button: "Revoke",
        back: visit.path(format!("members/{id}")),
        ..Question::default()
    };
    Ok(visit.render("organizations", question.page()))
}

/// Ends a member's links, and the sessions they opened.
pub async fn revoke(visit: Visit, Path(id): Path<String>) -> Result<Response, Refused> {
    let membership = member::find(&visit, &id).await?;
    let (organization, user) = (membership.organization_id.to_string(), membership.user_id.to_string());
    let revoke = operation("portal_session.revoke", Capability::ApiKeys);
    visit
        .change((revoke.name, revoke.power), Some(&organization), async |change| change.revoke_portal_links(&organization, &user).await)
        .await?;
    Ok(visit.done(format!("members/{id}"), "revoked", None))
}
