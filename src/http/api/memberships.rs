//! `/user_management/organization_memberships`.
use axum::extract::Path;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

use super::answer::{Answer, List};
use super::call::Call;
use super::error::Stop;
use crate::authority::caller::Operation;
use crate::authority::error::Error;
use crate::domain::management_key::{Power, Reach};
use crate::domain::membership::{Membership, MembershipFilter, MembershipStatus, NewMembership, Role};
use crate::domain::page::Page;
use crate::domain::text::FieldError;
use crate::http::reference::Routes;

pub fn routes() -> Routes {
    let example = || json!({ "user_id": "user_01KAJ2M3N4P5Q6R7S8T9V0W1X2", "organization_id": "org_01KAJ2M3N4P5Q6R7S8T9V0W1X2", "role_slug": "admin" });
    Routes::new("Memberships")
        .get("/user_management/organization_memberships", list, "List memberships", |op| {
            op.about("Of a user, of an organization, or both: at least one is named.")
                .pages()
                .query("user_id", "Of one user.")
                .query("organization_id", "In one organization.")
                .query("statuses", "active, inactive, pending, with commas between them; active unless said otherwise.")
                .answers::<List<Membership>>()
        })
        .post("/user_management/organization_memberships", create, "Make a user a member", |op| {
            op.about("One who had left returns, with the role given.").takes::<CreateBody>(example()).creates::<Membership>()
        })
        .get("/user_management/organization_memberships/{id}", find, "Find a membership", |op| op.answers::<Membership>())
        .put("/user_management/organization_memberships/{id}", update, "Change the role of a member", |op| {
            op.takes::<UpdateBody>(json!({ "role_slug": "member" })).answers::<Membership>()
        })
        .delete("/user_management/organization_memberships/{id}", delete, "Delete a membership", |op| {
            op.about("That user's personal keys there are revoked; the organization's own stay.")
        })
        .put("/user_management/organization_memberships/{id}/deactivate", deactivate, "Deactivate a membership", |op| {
            op.about("That user's personal keys there are revoked; the organization's own stay.").answers::<Membership>()
        })
        .put("/user_management/organization_memberships/{id}/reactivate", reactivate, "Reactivate a membership", |op| {
            op.answers::<Membership>()
        })
}

const fn write(name: &'static str) -> Operation {
    Operation { name, power: Power::MembershipsWrite }
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "NewMembership")]
struct CreateBody {
    user_id: String,
    organization_id: String,
    /// `member` unless said otherwise.
    #[serde(default)]
    #[schemars(with = "Option<Role>")]
    role_slug: Option<String>,
    /// The same, as a list of one.
    #[serde(default)]
    #[schemars(with = "Option<Vec<Role>>", length(min = 1, max = 1))]
    role_slugs: Option<Vec<String>>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "MembershipChange")]
struct UpdateBody {
    #[serde(default)]
    #[schemars(with = "Option<Role>")]
    role_slug: Option<String>,
    #[serde(default)]
    #[schemars(with = "Option<Vec<Role>>", length(min = 1, max = 1))]
    role_slugs: Option<Vec<String>>,
}

/// A member has one role, however it is named.
fn parse_role(slug: Option<String>, slugs: Option<Vec<String>>) -> Result<Option<Role>, FieldError> {
    let one = |message: &str| Err(FieldError::new("one_role", "role_slugs", message));
    match (slug, slugs.as_deref()) {
        (Some(_), Some(_)) => one("role_slug and role_slugs say the same: send one of them"),
        (Some(slug), None) => Role::parse(&slug).map(Some),
        (None, Some([slug])) => Role::parse(slug).map(Some),
        (None, Some(_)) => one("a member has exactly one role"),
        (None, None) => Ok(None),
    }
}

/// An SDK sends enum members as `ClassName.MEMBER`: what stands after the last dot is meant.
fn parse_statuses(text: Option<&str>) -> Result<Vec<MembershipStatus>, FieldError> {
    let Some(text) = text else { return Ok(vec![MembershipStatus::Active]) };
    let mut statuses = Vec::new();
    for name in text.split(',').filter(|name| !name.is_empty()) {
        match name.rsplit('.').next().unwrap_or(name).to_ascii_lowercase().as_str() {
            "active" => statuses.push(MembershipStatus::Active),
            "inactive" => statuses.push(MembershipStatus::Inactive),
            // Known to the SDKs; nobody is invited here, so no membership is.
            "pending" => {}
            _ => return Err(FieldError::new("invalid_value", "statuses", "statuses takes active, inactive and pending")),
        }
    }
    Ok(statuses)
}

fn answer(membership: &Membership) -> Answer {
    Answer::ok(membership).version(membership.version)
}

pub async fn list(call: Call) -> Result<Answer, Stop> {
    let page = call.query.page()?;
    let statuses = parse_statuses(call.query.get("statuses"))?;
    let (user, organization) = (call.query.get("user_id"), call.query.get("organization_id"));
    if user.is_none() && organization.is_none() && call.caller().reach() == Reach::Installation {
        return Err(FieldError::new("required", "organization_id", "name a user_id, an organization_id, or both").into());
    }
    // An id that is none has no memberships.
    let (Ok(user_id), Ok(organization_id)) = (user.map(str::parse).transpose(), organization.map(str::parse).transpose()) else {
        call.caller().demand(Power::MembershipsRead)?;
        return Ok(Answer::list(Page::<Membership>::empty()));
    };
    let filter = MembershipFilter { user_id, organization_id, statuses };
    Ok(Answer::list(call.app.authority.list_memberships(call.caller(), &filter, &page).await?))
}

pub async fn find(Path(id): Path<String>, call: Call) -> Result<Answer, Stop> {
    Ok(answer(&call.app.authority.find_membership(call.caller(), &id).await?))
}

pub async fn create(call: Call) -> Result<Answer, Stop> {
    let call = call.authorize(write("organization_membership.create"), None).await?;
    let body: CreateBody = call.json()?;
    let role = parse_role(body.role_slug, body.role_slugs)?.unwrap_or(Role::Member);
    let mut begin = call.begin().await?;
    let outcome = match (body.user_id.parse(), body.organization_id.parse()) {
        (Ok(user_id), Ok(organization_id)) => begin.change.add_membership(NewMembership { user_id, organization_id, role }).await,
        (_, Err(_)) => Err(Error::NotFound("organization")),
        (Err(_), _) => Err(Error::NotFound("user")),
    };
    begin.finish(outcome.map(|membership| Answer::created(&membership).version(membership.version))).await
}

pub async fn update(Path(id): Path<String>, call: Call) -> Result<Answer, Stop> {
    let call = call.authorize(write("organization_membership.update"), Some(&id)).await?;
    let body: UpdateBody = call.json()?;
    let role = parse_role(body.role_slug, body.role_slugs)?;
    let mut begin = call.begin().await?;
    let outcome = begin.change.change_role(&id, role).await;
    begin.finish(outcome.map(|membership| answer(&membership))).await
}

pub async fn deactivate(Path(id): Path<String>, call: Call) -> Result<Answer, Stop> {
    let call = call.authorize(write("organization_membership.deactivate"), Some(&id)).await?;
    call.nothing()?;
    let mut begin = call.begin().await?;
    let outcome = begin.change.deactivate_membership(&id).await;
    begin.finish(outcome.map(|membership| answer(&membership))).await
}

pub async fn reactivate(Path(id): Path<String>, call: Call) -> Result<Answer, Stop> {
    let call = call.authorize(write("organization_membership.reactivate"), Some(&id)).await?;
    call.nothing()?;
    let mut begin = call.begin().await?;
    let outcome = begin.change.reactivate_membership(&id).await;
    begin.finish(outcome.map(|membership| answer(&membership))).await
}

pub async fn delete(Path(id): Path<String>, call: Call) -> Result<Answer, Stop> {
    let call = call.authorize(write("organization_membership.delete"), Some(&id)).await?;
    let mut begin = call.begin().await?;
    let outcome = begin.change.delete_membership(&id).await;
    begin.finish(outcome.map(|()| Answer::no_content())).await
}
