//! The members of an organization: who may make keys and applications in your product.
use axum::extract::Path;
use axum::response::Response;

use super::visit::Visit;
use super::{organizations, portal_links};
use crate::authority::change::Change;
use crate::authority::error::Error;
use crate::domain::management_key::Power;
use crate::domain::membership::{Membership, MembershipFilter, MembershipStatus, NewMembership, Role};
use crate::domain::metadata::Metadata;
use crate::domain::page::PageRequest;
use crate::domain::text::{FieldError, MAX_EXTERNAL_ID, MAX_NAME, parse_optional};
use crate::domain::user::{Email, NewUser, User};
use crate::http::pages::{Action, Cell, Chip, Field, Fields, Form, Kind, Refused, Table, Tone};

pub const WRITE: Power = Power::MembershipsWrite;
const CREATE_USER: (&str, Power) = ("user.create", Power::UsersWrite);
const JOIN: (&str, Power) = ("organization_membership.create", WRITE);
const ROLES: [(&str, &str); 2] = [("admin", "admin: may make keys and applications"), ("member", "member")];

pub fn status(membership: &Membership) -> Chip {
    match membership.status {
        MembershipStatus::Active => Chip { tone: Tone::Good, text: "Active" },
        MembershipStatus::Inactive => Chip { tone: Tone::Plain, text: "Left" },
    }
}

pub async fn list(visit: Visit, Path(id): Path<String>) -> Result<Response, Refused> {
    let (mut page, organization) = organizations::page(&visit, &id, "members").await?;
    let statuses = vec![MembershipStatus::Active, MembershipStatus::Inactive];
    let filter = MembershipFilter { user_id: None, organization_id: Some(organization), statuses };
    let listed = visit.app.authority.list_memberships(visit.caller(), &filter, &visit.page_request()).await;
    let listed = listed.map_err(|error| visit.refused(error))?;
    let mut table = Table::new("", &["Name", "Email", "Role", "Status", "Since", ""], "No members yet.");
    for membership in &listed.data {
        let place = visit.path(format!("members/{}", membership.id));
        table.rows.push(vec![
            Cell::link(place, membership.user.display_name()),
            Cell::text(membership.user.email.as_str()),
            Cell::text(membership.role.slug.name()),
            Cell::Chip(status(membership)),
            Cell::Time(Some(membership.created_at), ""),
            Cell::Actions(if visit.may(WRITE) { actions(&visit, membership) } else { Vec::new() }),
        ]);
    }
    let place = format!("organizations/{organization}/members");
    visit.turn(&mut table, &listed, &place, &[]);
    if visit.may(WRITE) && visit.may(Power::UsersWrite) && visit.caller().demand_installation().is_ok() {
        page.push(Form {
            title: "New member".into(),
            about:
                "A user your product knows by another id keeps it: put it into External ID. Who is known by his address already only joins."
                    .into(),
            action: visit.path(&place),
            fields: vec![
                Field::required("email", "Email", "ada@example.com", "").of_kind(Kind::Email),
                Field::text("first_name", "First name", "", ""),
                Field::text("last_name", "Last name", "", ""),
                Field::text("external_id", "External ID", "user-7", ""),
                Field::choice("role", "Role", &ROLES, "admin"),
            ],
            button: "Add".into(),
            open: listed.data.is_empty(),
            ..Form::default()
        });
    }
    if visit.may(Power::ApiKeysWrite) || visit.may(Power::ApplicationsWrite) {
        let admins = listed.data.iter().filter(|one| one.status == MembershipStatus::Active && one.role.slug == Role::Admin);
        let users = admins.map(|admin| (admin.user_id.to_string(), admin.user.display_name())).collect();
        page.push(portal_links::form(&visit, &organization.to_string(), users));
    }
    page.push(table);
    Ok(visit.render("organizations", page))
}

/// What can be done about a membership.
pub fn actions(visit: &Visit, membership: &Membership) -> Vec<Action> {
    let name = membership.user.display_name();
    let place = |what: &str| visit.path(format!("members/{}/{what}", membership.id));
    match (membership.status, membership.role.slug) {
        (MembershipStatus::Inactive, _) => vec![Action::post(place("reactivate"), "Reactivate", &name)],
        (MembershipStatus::Active, role) => {
            let other = match role {
                Role::Admin => Action::post(place("member"), "Make a member", &name),
                Role::Member => Action::post(place("admin"), "Make an admin", &name),
            };
            vec![other, Action::link(place("deactivate"), "Deactivate", &name).dangerous()]
        }
    }
}

/// Who has this address already.
async fn known(visit: &Visit, email: &Email) -> Result<Option<User>, Refused> {
    if !visit.may(Power::UsersRead) {
        return Ok(None);
    }
    let found = visit.app.authority.list_users(visit.caller(), Some(email.as_str()), None, &PageRequest::newest(1)).await;
    Ok(found.map_err(|error| visit.refused(error))?.data.into_iter().next())
}

/// A user, unless there is one, and his membership: both or neither.
pub async fn create(visit: Visit, Path(id): Path<String>, fields: Fields) -> Result<Response, Refused> {
    visit.demand_for(CREATE_USER).await?;
    visit.demand_for(JOIN).await?;
    let refused = |error: FieldError| visit.refused(error);
    let text = |name: &'static str, most: usize| parse_optional(name, fields.get(name), most).map_err(refused);
    let (_, organization) = organizations::page(&visit, &id, "members").await?;
    let role = Role::parse(fields.text("role")).map_err(refused)?;
    let email = Email::parse(fields.text("email")).map_err(refused)?;
    let known = known(&visit, &email).await?;
    let new = NewUser {
        email,
        email_verified: false,
        first_name: text("first_name", MAX_NAME)?,
        last_name: text("last_name", MAX_NAME)?,
        name: None,
        locale: None,
        external_id: text("external_id", MAX_EXTERNAL_ID)?,
        metadata: Metadata::default(),
    };
    let join = async |change: &mut Change| {
        let user = match known {
            Some(user) => user,
            None => change.register_user(new).await?,
        };
        change.add_membership(NewMembership { user_id: user.id, organization_id: organization, role }).await
    };
    visit.change(JOIN, None, join).await?;
    Ok(visit.done(format!("organizations/{organization}/members"), "made", None))
}

pub async fn change(visit: Visit, Path((id, what)): Path<(String, String)>) -> Result<Response, Refused> {
    let target = Some(id.as_str());
    let changed = match what.as_str() {
        "reactivate" => {
            let reactivate = ("organization_membership.reactivate", WRITE);
            visit.change(reactivate, target, async |change| change.reactivate_membership(&id).await).await
        }
        role => {
            let role = Role::parse(role).map_err(|_role| visit.refused(Error::NotFound("page")))?;
            visit.change(("organization_membership.update", WRITE), target, async |change| change.change_role(&id, Some(role)).await).await
        }
    };
    let (membership, bound) = changed?;
    Ok(visit.done(format!("organizations/{}/members", membership.organization_id), "saved", bound.as_ref()))
}
