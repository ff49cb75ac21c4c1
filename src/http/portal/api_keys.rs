//! API keys in the portal: the organization's, one's own, and, to look after them, the members'.
use axum::extract::Path;
use axum::response::Response;

use super::visit::Visit;
use crate::authority::error::Error;
use crate::domain::api_key::{ApiKey, ApiKeyStatus, Grant, NewApiKey, NewOwner, OwnerFilter};
use crate::domain::permission::HolderKind;
use crate::domain::portal::Capability;
use crate::domain::text::{FieldError, MAX_DESCRIPTION, Name, parse_optional};
use crate::http::pages::credentials::{Replaces, expiry, key_facts, reveal_key};
use crate::http::pages::lists::{self, Keys};
use crate::http::pages::revocation::of_key;
use crate::http::pages::rotation::{key_rotation_blocks, rotation};
use crate::http::pages::{Action, Block, Fields, Link, Page, Refused};

/// Which keys a page is about.
struct Kind {
    capability: Capability,
    holder: HolderKind,
    place: &'static str,
    title: &'static str,
    creates: bool,
}

const OF_ORGANIZATION: Kind =
    Kind { capability: Capability::ApiKeys, holder: HolderKind::ApiKeyOrganization, place: "api_keys", title: "API Keys", creates: true };
const OWN: Kind =
    Kind { capability: Capability::OwnKeys, holder: HolderKind::ApiKeyUser, place: "own_keys", title: "Your API Keys", creates: true };
const OF_MEMBERS: Kind = Kind {
    capability: Capability::MembersKeys,
    holder: HolderKind::ApiKeyUser,
    place: "members_keys",
    title: "Members' API Keys",
    creates: false,
};

pub async fn list(visit: Visit) -> Result<Response, Refused> {
    page(&visit, &OF_ORGANIZATION).await
}

pub async fn list_own(visit: Visit) -> Result<Response, Refused> {
    page(&visit, &OWN).await
}

pub async fn list_of_members(visit: Visit) -> Result<Response, Refused> {
    page(&visit, &OF_MEMBERS).await
}

async fn page(visit: &Visit, kind: &Kind) -> Result<Response, Refused> {
    visit.demand(kind.capability)?;
    let organization = visit.who.session.organization_id;
    let owner = if kind.capability == Capability::ApiKeys { OwnerFilter::Organization } else { OwnerFilter::User };
    let user = visit.who.session.user_id.filter(|_| kind.capability == Capability::OwnKeys);
    let keys = Keys { organization, user, owner, named: kind.capability == Capability::MembersKeys };
    let table = lists::keys(visit, &keys, kind.place, "No API key yet.", |key| row(visit, key, kind)).await?;
    let mut page = Page::new(kind.title);
    if kind.creates {
        page.blocks.push(lists::new_key(visit, (kind.holder, ""), organization, visit.path(kind.place), table.fresh).await?);
    }
    page.push(table);
    Ok(visit.render(kind.place, page))
}

fn row(visit: &Visit, key: &ApiKey, kind: &Kind) -> (Option<String>, Vec<Action>) {
    (Some(visit.path(format!("api_keys/{}", key.id))), actions(visit, key, kind))
}

/// What can be done about a key: one that has expired can still be revoked for good.
fn actions(visit: &Visit, key: &ApiKey, kind: &Kind) -> Vec<Action> {
    let (name, status) = (key.name.as_str(), key.status_at(visit.now()));
    let rotate = Action::link(visit.path(format!("api_keys/{}/rotate", key.id)), "Rotate", name);
    let revoke = Action::link(visit.path(format!("api_keys/{}/revoke", key.id)), "Revoke", name).last();
    let rotate = (kind.creates && status == ApiKeyStatus::Active).then_some(rotate);
    rotate.into_iter().chain((status != ApiKeyStatus::Revoked).then_some(revoke)).collect()
}

pub async fn show(visit: Visit, Path(id): Path<String>) -> Result<Response, Refused> {
    let (kind, key) = find(&visit, &id).await.map_err(|error| visit.refused(error))?;
    let mut page = Page::new(key.name.as_str());
    page.trail.push(Link::new(visit.path(kind.place), kind.title));
    page.push(key_facts(&key, visit.now()));
    let finish = rotation_of(&visit, &key, &mut page).await?;
    // To finish the rotation is to revoke it.
    let mut actions = actions(&visit, &key, kind);
    actions.retain(|action| !finish || !action.bin);
    page.blocks.push(Block::Actions(actions));
    Ok(visit.render(kind.place, page))
}

/// How far its rotation is, while there is one, and the way to finish it; whether there is that.
async fn rotation_of(visit: &Visit, key: &ApiKey, page: &mut Page) -> Result<bool, Refused> {
    let rotation = visit.app.authority.key_rotation_use(visit.caller(), key).await.map_err(|error| visit.refused(error))?;
    let finish = visit.path(format!("api_keys/{}/revoke", key.id));
    let Some((new, used)) = rotation else { return Ok(false) };
    let blocks = key_rotation_blocks(key, &new, &used, Some(finish), visit.now());
    let finishes = blocks.iter().any(|block| matches!(block, Block::Actions(_)));
    page.blocks.extend(blocks);
    Ok(finishes)
}

pub async fn create(visit: Visit, fields: Fields) -> Result<Response, Refused> {
    let owner = NewOwner::Organization(visit.organization());
    make(&visit, &OF_ORGANIZATION, owner, fields).await
}

pub async fn create_own(visit: Visit, fields: Fields) -> Result<Response, Refused> {
    let user = visit.who.session.user_id.ok_or_else(|| visit.refused(Error::NotFound("page")))?;
    let owner = NewOwner::User { id: user.to_string(), organization_id: visit.organization() };
    make(&visit, &OWN, owner, fields).await
}

async fn make(visit: &Visit, kind: &Kind, owner: NewOwner, fields: Fields) -> Result<Response, Refused> {
    visit.demand_for(("api_key.create", kind.capability)).await?;
    let refused = |error: FieldError| visit.refused(error);
    let now = visit.now();
    let new = NewApiKey {
        owner,
        name: Name::parse("name", fields.text("name")).map_err(refused)?,
        description: parse_optional("description", fields.get("description"), MAX_DESCRIPTION).map_err(refused)?,
        grant: Grant { permissions: fields.all("permissions"), preset: fields.owned("preset") },
        expires_at: expiry(&fields, now).map_err(refused)?,
    };
    let (made, _) = visit.change(("api_key.create", kind.capability), None, async |change| change.create_api_key(new).await).await?;
    Ok(visit.render(kind.place, reveal_key(&visit.app, &made.key, &made.plain, Replaces::Nothing, visit.path(kind.place))))
}

/// The key, if it is one the session has to do with, and the page it is on.
async fn find(visit: &Visit, id: &str) -> Result<(&'static Kind, ApiKey), Error> {
    if ![OF_ORGANIZATION, OWN, OF_MEMBERS].iter().any(|kind| visit.may(kind.capability)) {
        return Err(Error::NotFound("page"));
    }
    let found = visit.app.authority.find_api_key(visit.caller(), id).await?;
    let own = found.owner.user_id().is_some() && found.owner.user_id() == visit.who.session.user_id;
    let possible: &[&'static Kind] = match found.owner.user_id() {
        None => &[&OF_ORGANIZATION],
        Some(_) if own => &[&OWN, &OF_MEMBERS],
        Some(_) => &[&OF_MEMBERS],
    };
    let kind = possible.iter().find(|kind| visit.may(kind.capability)).ok_or(Error::NotFound("API key"))?;
    Ok((kind, found))
}

/// The same, for a change: that it was refused is written down.
async fn find_for(visit: &Visit, name: &'static str, id: &str) -> Result<(&'static Kind, ApiKey), Refused> {
    match find(visit, id).await {
        Ok(found) => Ok(found),
        Err(error) => Err(visit.refuse((name, Capability::ApiKeys), Some(id), error).await),
    }
}

pub async fn confirm_revocation(visit: Visit, Path(id): Path<String>) -> Result<Response, Refused> {
    let (kind, key) = find(&visit, &id).await.map_err(|error| visit.refused(error))?;
    let question = of_key(&visit, &key, visit.path(kind.place)).await?;
    Ok(visit.render(kind.place, question.page()))
}

pub async fn revoke(visit: Visit, Path(id): Path<String>) -> Result<Response, Refused> {
    let (kind, _) = find_for(&visit, "api_key.revoke", &id).await?;
    let (_, bound) = visit.change(("api_key.revoke", kind.capability), Some(&id), async |change| change.revoke_api_key(&id).await).await?;
    Ok(visit.done(format!("{}?status=ended", kind.place), "revoked", bound.as_ref()))
}

/// A rotation shows a new value: who only looks after the members' keys gets none of them.
async fn demand_makes(visit: &Visit, kind: &Kind, id: &str) -> Result<(), Refused> {
    if kind.creates {
        return Ok(());
    }
    Err(visit.refuse(("api_key.rotate", kind.capability), Some(id), Error::NotFound("API key")).await)
}

pub async fn rotation_page(visit: Visit, Path(id): Path<String>) -> Result<Response, Refused> {
    let (kind, key) = find(&visit, &id).await.map_err(|error| visit.refused(error))?;
    demand_makes(&visit, kind, &id).await?;
    let mut page = Page::new(key.name.as_str());
    let form = lists::key_rotation(&visit, &key, Some(visit.path(kind.place))).await?;
    rotation_of(&visit, &key, &mut page).await?;
    page.blocks.push(form);
    Ok(visit.render(kind.place, page))
}

pub async fn rotate(visit: Visit, Path(id): Path<String>, fields: Fields) -> Result<Response, Refused> {
    let (kind, _) = find_for(&visit, "api_key.rotate", &id).await?;
    demand_makes(&visit, kind, &id).await?;
    let rotation = rotation(&fields, visit.now()).map_err(|error| visit.refused(error))?;
    let at_once = rotation.is_at_once();
    let rotated = visit.change(("api_key.rotate", kind.capability), Some(&id), async |change| change.rotate_api_key(&id, rotation).await);
    let (rotated, bound) = rotated.await?;
    let revealed = &rotated.revealed;
    Ok(visit.render(
        kind.place,
        reveal_key(&visit.app, &revealed.key, &revealed.plain, Replaces::Another(bound.filter(|_| at_once)), visit.path(kind.place)),
    ))
}
