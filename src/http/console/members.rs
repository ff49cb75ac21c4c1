//! The members of an organization: who may make keys and applications in your product, and whose personal keys there are.
use axum::extract::Path;
use axum::response::Response;

use super::organizations;
use super::visit::Visit;
use crate::domain::management_key::Power;
use crate::domain::membership::{Membership, MembershipFilter, MembershipStatus, NewMembership, Role};
use crate::domain::metadata::Metadata;
use crate::domain::text::{FieldError, MAX_EXTERNAL_ID, MAX_NAME, parse_optional};
use crate::domain::user::{Email, NewUser};
use crate::http::pages::{Action, Cell, Chip, Field, Fields, Form, Refused, Table, Tone};

const WRITE: Power = Power::MembershipsWrite;
const ROLES: [(&str, &str); 2] = [("admin", "admin: may make keys and applications"), ("member", "member")];

pub async fn list(visit: Visit, Path(id): Path<String>) -> Result<Response, Refused> {
    let (mut page, organization) = organizations::page(&visit, &id, "members").await?;
    let statuses = vec![MembershipStatus::Active, MembershipStatus::Inactive];
    let filter = MembershipFilter { user_id: None, organization_id: Some(organization.id), statuses };
    let listed = visit.app.authority.list_memberships(visit.caller(), &filter, &visit.page_request()).await;
    let listed = listed.map_err(|error| visit.refused(error))?;
    let mut table = Table::new("", &["Name", "Email", "Role", "Status", "Since", ""], "No members yet.");
    for membership in &listed.data {
        table.rows.push(row(&visit, membership));
    }
    let place = format!("organizations/{}/members", organization.id);
    visit.turn(&mut table, &listed, &place, &[]);
    if visit.may(WRITE) && visit.may(Power::UsersWrite) && visit.caller().demand_installation().is_ok() {
        page.push(Form {
            title: "New member".into(),
            about: "A user your product knows by another id keeps it: put it into External ID.".into(),
            action: visit.path(&place),
            fields: vec![
                Field::required("email", "Email", "ada@example.com", ""),
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
    page.push(table);
    Ok(visit.render("organizations", page))
}

fn row(visit: &Visit, membership: &Membership) -> Vec<Cell> {
    let (id, name) = (membership.id, membership.user.display_name());
    let active = membership.status == MembershipStatus::Active;
    let status = if active { Chip { tone: Tone::Good, text: "Active" } } else { Chip { tone: Tone::Plain, text: "Left" } };
    let mut actions = Vec::new();
    if visit.may(WRITE) {
        let place = |what: &str| visit.path(format!("members/{id}/{what}"));
        if active && membership.role.slug == Role::Admin {
            actions.push(Action::post(place("member"), "Make a member", &name));
        }
        if active && membership.role.slug == Role::Member {
            actions.push(Action::post(place("admin"), "Make an admin", &name));
        }
        actions.push(if active {
            Action::post(place("deactivate"), "Deactivate", &name).dangerous()
        } else {
            Action::post(place("reactivate"), "Reactivate", &name)
        });
    }
    vec![
        Cell::text(name),
        Cell::text(membership.user.email.as_str()),
        Cell::text(membership.role.slug.name()),
        Cell::Chip(status),
        Cell::Time(Some(membership.created_at), ""),
        Cell::Actions(actions),
    ]
}

/// A user, and his membership: two changes, as they are in the API.
pub async fn create(visit: Visit, Path(id): Path<String>, fields: Fields) -> Result<Response, Refused> {
    visit.demand_for(("user.create", Power::UsersWrite)).await?;
    visit.demand_for(("organization_membership.create", WRITE)).await?;
    let refused = |error: FieldError| visit.refused(error);
    let text = |name: &'static str, most: usize| parse_optional(name, fields.get(name), most).map_err(refused);
    let (_, organization) = organizations::page(&visit, &id, "members").await?;
    let role = Role::parse(fields.text("role")).map_err(refused)?;
    let new = NewUser {
        email: Email::parse(fields.text("email")).map_err(refused)?,
        email_verified: false,
        first_name: text("first_name", MAX_NAME)?,
        last_name: text("last_name", MAX_NAME)?,
        name: None,
        locale: None,
        external_id: text("external_id", MAX_EXTERNAL_ID)?,
        metadata: Metadata::default(),
    };
    let (user, _) = visit.change(("user.create", Power::UsersWrite), None, async |change| change.register_user(new).await).await?;
    let new = NewMembership { user_id: user.id, organization_id: organization.id, role };
    let join = ("organization_membership.create", WRITE);
    visit.change(join, None, async |change| change.add_membership(new).await).await?;
    Ok(visit.done(format!("organizations/{}/members", organization.id), "made", None))
}

pub async fn change(visit: Visit, Path((id, what)): Path<(String, String)>) -> Result<Response, Refused> {
    let target = Some(id.as_str());
    let changed = match what.as_str() {
        "deactivate" => {
            visit
                .change(("organization_membership.deactivate", WRITE), target, async |change| change.deactivate_membership(&id).await)
                .await
        }
        "reactivate" => {
            visit
                .change(("organization_membership.reactivate", WRITE), target, async |change| change.reactivate_membership(&id).await)
                .await
        }
        role => {
            let role = Role::parse(role).map_err(|error| visit.refused(error))?;
            visit.change(("organization_membership.update", WRITE), target, async |change| change.change_role(&id, Some(role)).await).await
        }
    };
    let (membership, bound) = changed?;
    Ok(visit.done(format!("organizations/{}/members", membership.organization_id), "saved", bound.as_ref()))
}
