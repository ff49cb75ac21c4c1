//! One member: who he is, and his personal keys.
use axum::extract::Path;
use axum::response::Response;

use super::api_keys;
use super::members::{WRITE, actions, status};
use super::visit::Visit;
use crate::domain::api_key::{NewOwner, OwnerFilter};
use crate::domain::management_key::Power;
use crate::domain::membership::{Membership, MembershipStatus};
use crate::domain::permission::HolderKind;
use crate::domain::text::{FieldError, MAX_EXTERNAL_ID, MAX_NAME, parse_optional};
use crate::domain::user::{Email, UserChange};
use crate::http::pages::lists::{self, Keys};
use crate::http::pages::revocation::of_user;
use crate::http::pages::{Action, Block, Cell, Facts, Field, Fields, Form, Kind, Page, Question, Refused, Table};

const KEYS: Power = Power::ApiKeysWrite;

pub async fn find(visit: &Visit, id: &str) -> Result<Membership, Refused> {
    visit.app.authority.find_membership(visit.caller(), id).await.map_err(|error| visit.refused(error))
}

pub async fn show(visit: Visit, Path(id): Path<String>) -> Result<Response, Refused> {
    let membership = find(&visit, &id).await?;
    let (user, organization) = (&membership.user, membership.organization_id);
    let mut page = Page::new(user.display_name());
    page.trail.push(visit.link("organizations", "Organizations"));
    page.trail.push(visit.link(format!("organizations/{organization}/members"), membership.organization_name.as_str()));
    page.push(Facts {
        title: String::new(),
        rows: vec![
            ("Email".into(), Cell::text(user.email.as_str())),
            ("Role".into(), Cell::text(membership.role.slug.name())),
            ("Status".into(), Cell::Chip(status(&membership))),
            ("User".into(), Cell::code(user.id.to_string())),
            ("External ID".into(), Cell::text(user.external_id.clone().unwrap_or_default())),
            ("Since".into(), Cell::Time(Some(membership.created_at), "")),
        ],
    });
    if visit.may(Power::UsersWrite) && visit.caller().demand_installation().is_ok() {
        let unsaid = if user.email_verified { "verified, as long as it is this one" } else { "not verified, as it was" };
        let filled = |name, label, value: &Option<String>| Field::filled(name, label, value.clone().unwrap_or_default(), "");
        page.push(Form {
            title: "Change who he is".into(),
            about: "In every organization he belongs to.".into(),
            action: visit.path(format!("members/{id}")),
            fields: vec![
                Field::required("email", "Email", "", "").with(user.email.as_str()).of_kind(Kind::Email),
                filled("first_name", "First name", &user.first_name),
                filled("last_name", "Last name", &user.last_name),
                filled("name", "Shown as", &user.name),
                filled("locale", "Locale", &user.locale),
                filled("external_id", "External ID", &user.external_id),
                Field::metadata(&user.metadata),
                Field::choice("email_verified", "The address is", &[("", unsaid), ("yes", "verified"), ("no", "not verified")], ""),
            ],
            button: "Save".into(),
            version: Some(user.version),
            ..Form::default()
        });
    }
    if visit.may(Power::ApiKeysRead) {
        keys(&visit, &membership, &mut page).await?;
    }
    if visit.may(Power::ApiKeysWrite) {
        let place = visit.path(format!("members/{id}/portal_links/revoke"));
        page.blocks.push(Block::Actions(vec![Action::link(place, "Revoke portal links", &user.display_name()).dangerous()]));
    }
    if visit.may(WRITE) {
        let mut actions = actions(&visit, &membership);
        actions.push(Action::link(visit.path(format!("members/{id}/delete")), "Remove", &user.display_name()).last());
        if visit.may(Power::UsersWrite) && visit.caller().demand_installation().is_ok() {
            let place = visit.path(format!("users/{}/delete", user.id));
            actions.push(Action::link(place, "Remove everywhere", &user.display_name()).last());
        }
        page.blocks.push(Block::Actions(actions));
    }
    Ok(visit.render("organizations", page))
}

async fn keys(visit: &Visit, membership: &Membership, page: &mut Page) -> Result<(), Refused> {
    let (organization, place) = (membership.organization_id, format!("members/{}", membership.id));
    let own = Keys { organization, user: Some(membership.user_id), owner: OwnerFilter::User, named: false };
    let table = lists::keys(visit, &own, &place, "No personal API key.", |key| api_keys::row(visit, key)).await?;
    if visit.may(KEYS) && membership.status == MembershipStatus::Active {
        let action = visit.path(format!("{place}/api_keys"));
        page.blocks.push(lists::new_key(visit, (HolderKind::ApiKeyUser, ""), organization, action, false).await?);
    }
    page.push(Table { title: "Personal API keys".into(), ..table });
    Ok(())
}

pub async fn update(visit: Visit, Path(id): Path<String>, fields: Fields) -> Result<Response, Refused> {
    let refused = |error: FieldError| visit.refused(error);
    // A form of an earlier version, without a field, takes nothing away.
    let text = |name: &'static str, most: usize| {
        parse_optional(name, fields.get(name), most).map_err(refused).map(|text| fields.had(name).then_some(text))
    };
    let user = find(&visit, &id).await?.user_id.to_string();
    let change = UserChange {
        email: Some(Email::parse(fields.text("email")).map_err(refused)?),
        email_verified: fields.chosen("email_verified", &[("yes", true), ("no", false)]).map_err(refused)?,
        first_name: text("first_name", MAX_NAME)?,
        last_name: text("last_name", MAX_NAME)?,
        name: text("name", MAX_NAME)?,
        locale: text("locale", MAX_NAME)?,
        external_id: text("external_id", MAX_EXTERNAL_ID)?,
        metadata: fields.metadata().map_err(refused)?,
    };
    let update = ("user.update", Power::UsersWrite);
    visit.change(update, Some(&user), async |begun| begun.change_user(&user, change).await).await?;
    Ok(visit.done(format!("members/{id}"), "saved", None))
}

pub async fn create_key(visit: Visit, Path(id): Path<String>, fields: Fields) -> Result<Response, Refused> {
    let membership = find(&visit, &id).await?;
    let owner = NewOwner::User { id: membership.user_id.to_string(), organization_id: membership.organization_id.to_string() };
    api_keys::make(&visit, owner, &fields).await
}

pub async fn confirm_removal(visit: Visit, Path(id): Path<String>) -> Result<Response, Refused> {
    let membership = find(&visit, &id).await?;
    let title = format!("Remove {} from {}?", membership.user.display_name(), membership.organization_name.as_str());
    let text = "His personal keys there are revoked at once. He stays known: he can be added again, without those keys.";
    let question = Question { facts: facts_of(&visit, &membership).await?, ..question(&visit, &id, title, text, "delete") };
    Ok(visit.render("organizations", question.page()))
}

pub async fn confirm_deactivation(visit: Visit, Path(id): Path<String>) -> Result<Response, Refused> {
    let membership = find(&visit, &id).await?;
    let title = format!("Deactivate {} in {}?", membership.user.display_name(), membership.organization_name.as_str());
    let text = "His personal keys there are revoked at once, and stay revoked. He can be reactivated, and make new ones.";
    let question =
        Question { button: "Deactivate", facts: facts_of(&visit, &membership).await?, ..question(&visit, &id, title, text, "deactivate") };
    Ok(visit.render("organizations", question.page()))
}

pub async fn deactivate(visit: Visit, Path(id): Path<String>) -> Result<Response, Refused> {
    let deactivate = ("organization_membership.deactivate", WRITE);
    let (membership, bound) = visit.change(deactivate, Some(&id), async |change| change.deactivate_membership(&id).await).await?;
    Ok(visit.done(format!("organizations/{}/members", membership.organization_id), "saved", bound.as_ref()))
}

/// What hangs on a membership, for who may see it.
async fn facts_of(visit: &Visit, membership: &Membership) -> Result<Facts, Refused> {
    if !visit.may(Power::ApiKeysRead) {
        return Ok(Facts::default());
    }
    of_user(visit, &membership.user_id.to_string(), Some(membership.organization_id.to_string())).await
}

fn question<'a>(visit: &Visit, id: &str, title: String, text: &'a str, place: &str) -> Question<'a> {
    Question {
        title,
        text,
        facts: Facts::default(),
        action: visit.path(format!("members/{id}/{place}")),
        button: "Remove",
        back: visit.path(format!("members/{id}")),
        ..Question::default()
    }
}

pub async fn remove(visit: Visit, Path(id): Path<String>) -> Result<Response, Refused> {
    let membership = find(&visit, &id).await?;
    let delete = ("organization_membership.delete", WRITE);
    let (_, bound) = visit.change(delete, Some(&id), async |change| change.delete_membership(&id).await).await?;
    Ok(visit.done(format!("organizations/{}/members", membership.organization_id), "deleted", bound.as_ref()))
}
