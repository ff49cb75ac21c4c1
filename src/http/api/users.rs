//! `/user_management/users`.
use axum::extract::Path;
use axum::http::StatusCode;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

use super::answer::{Answer, List};
use super::call::Call;
use super::error::{Problem, Stop};
use super::json::{Ignored, nullable};
use crate::authority::caller::Operation;
use crate::domain::management_key::Power;
use crate::domain::metadata::{SentMetadata, check_metadata, without_nulls};
use crate::domain::text::{FieldError, MAX_EXTERNAL_ID, MAX_NAME, parse_optional};
use crate::domain::user::{Email, NewUser, User, UserChange};
use crate::http::reference::Routes;

pub fn routes() -> Routes {
    let example = || json!({ "email": "ada@example.com", "first_name": "Ada", "last_name": "Lovelace", "external_id": "u-1" });
    Routes::new("Users")
        .get("/user_management/users", list, "List users", |op| {
            op.pages()
                .query("email", "With this address.")
                .query("organization_id", "Members of one organization, active or not.")
                .query("organization", "Another name of organization_id.")
                .answers::<List<User>>()
        })
        .post("/user_management/users", create, "Register a user", |op| op.takes::<CreateBody>(example()).creates::<User>())
        .get("/user_management/users/{id}", find, "Find a user", |op| op.answers::<User>())
        .put("/user_management/users/{id}", update, "Change a user", |op| {
            op.about("What is left out stays as it is; null clears.").takes::<UpdateBody>(json!({ "first_name": "Ada" })).answers::<User>()
        })
        .delete("/user_management/users/{id}", delete, "Delete a user", |op| {
            op.about("His memberships end, and his personal keys are revoked, everywhere.")
        })
        .get("/user_management/users/external_id/{external_id}", find_by_external_id, "Find a user by external id", |op| {
            op.answers::<User>()
        })
}

const fn write(name: &'static str) -> Operation {
    Operation { name, power: Power::UsersWrite }
}

/// The ignored members are the WorkOS SDKs', which have no meaning here.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "NewUser")]
struct CreateBody {
    #[schemars(with = "Email")]
    email: String,
    #[serde(default)]
    email_verified: Option<bool>,
    #[serde(default)]
    #[schemars(length(max = 255))]
    first_name: Option<String>,
    #[serde(default)]
    #[schemars(length(max = 255))]
    last_name: Option<String>,
    #[serde(default)]
    #[schemars(length(max = 255))]
    name: Option<String>,
    #[serde(default)]
    #[schemars(length(max = 255))]
    locale: Option<String>,
    #[serde(default)]
    #[schemars(length(max = 255))]
    external_id: Option<String>,
    #[serde(default)]
    metadata: Option<SentMetadata>,
    /// Nobody signs in here.
    #[serde(default)]
    #[schemars(with = "Option<()>")]
    password: Option<Ignored>,
    #[serde(default)]
    #[schemars(with = "Option<()>")]
    password_hash: Option<Ignored>,
    #[serde(default)]
    #[schemars(with = "Option<()>")]
    password_hash_type: Option<Ignored>,
    #[serde(default)]
    #[schemars(with = "Option<()>")]
    password_salt_position: Option<Ignored>,
    #[serde(default, rename = "ip_address")]
    _ip_address: Option<Ignored>,
    #[serde(default, rename = "user_agent")]
    _user_agent: Option<Ignored>,
    #[serde(default, rename = "signals_id")]
    _signals_id: Option<Ignored>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "UserChange")]
struct UpdateBody {
    #[serde(default)]
    #[schemars(with = "Option<Email>")]
    email: Option<String>,
    #[serde(default)]
    email_verified: Option<bool>,
    #[serde(default, deserialize_with = "nullable")]
    #[schemars(length(max = 255))]
    first_name: Option<Option<String>>,
    #[serde(default, deserialize_with = "nullable")]
    #[schemars(length(max = 255))]
    last_name: Option<Option<String>>,
    #[serde(default, deserialize_with = "nullable")]
    #[schemars(length(max = 255))]
    name: Option<Option<String>>,
    #[serde(default, deserialize_with = "nullable")]
    #[schemars(length(max = 255))]
    locale: Option<Option<String>>,
    #[serde(default, deserialize_with = "nullable")]
    #[schemars(length(max = 255))]
    external_id: Option<Option<String>>,
    #[serde(default, deserialize_with = "nullable")]
    metadata: Option<Option<SentMetadata>>,
    /// Nobody signs in here.
    #[serde(default)]
    #[schemars(with = "Option<()>")]
    password: Option<Ignored>,
    #[serde(default)]
    #[schemars(with = "Option<()>")]
    password_hash: Option<Ignored>,
    #[serde(default)]
    #[schemars(with = "Option<()>")]
    password_hash_type: Option<Ignored>,
    #[serde(default)]
    #[schemars(with = "Option<()>")]
    password_salt_position: Option<Ignored>,
}

/// A password is refused, never dropped in silence.
fn refuse_passwords(given: [(&str, &Option<Ignored>); 4]) -> Result<(), Stop> {
    let Some((field, _)) = given.into_iter().find(|(_, value)| value.is_some()) else { return Ok(()) };
    let code = "passwords_not_supported";
    let message = "nobody signs in here: passwords stay with the embedding product";
    Err(Stop::Problem(StatusCode::UNPROCESSABLE_ENTITY, Problem::of_fields(code, vec![FieldError::new(code, field, message)])))
}

fn parse_text(field: &str, text: Option<Option<String>>) -> Result<Option<Option<String>>, FieldError> {
    text.map(|text| parse_optional(field, text.as_deref(), MAX_NAME)).transpose()
}

fn answer(user: &User) -> Answer {
    Answer::ok(user).version(user.version)
}

pub async fn list(call: Call) -> Result<Answer, Stop> {
    let page = call.query.page()?;
    let organization = call.query.get("organization_id").or(call.query.get("organization"));
    Ok(Answer::list(call.app.authority.list_users(call.caller(), call.query.get("email"), organization, &page).await?))
}

pub async fn find(Path(id): Path<String>, call: Call) -> Result<Answer, Stop> {
    Ok(answer(&call.app.authority.find_user(call.caller(), &id).await?))
}

pub async fn find_by_external_id(Path(external_id): Path<String>, call: Call) -> Result<Answer, Stop> {
    Ok(answer(&call.app.authority.find_user_by_external_id(call.caller(), &external_id).await?))
}

pub async fn create(call: Call) -> Result<Answer, Stop> {
    let call = call.authorize(write("user.create"), None).await?;
    let body: CreateBody = call.json()?;
    refuse_passwords([
        ("password", &body.password),
        ("password_hash", &body.password_hash),
        ("password_hash_type", &body.password_hash_type),
        ("password_salt_position", &body.password_salt_position),
    ])?;
    let metadata = without_nulls(body.metadata.unwrap_or_default());
    check_metadata(&metadata)?;
    let text = |field: &str, text: Option<String>| parse_optional(field, text.as_deref(), MAX_NAME);
    let new = NewUser {
        email: Email::parse(&body.email)?,
        email_verified: body.email_verified.unwrap_or(false),
        first_name: text("first_name", body.first_name)?,
        last_name: text("last_name", body.last_name)?,
        name: text("name", body.name)?,
        locale: text("locale", body.locale)?,
        external_id: parse_optional("external_id", body.external_id.as_deref(), MAX_EXTERNAL_ID)?,
        metadata,
    };
    let mut begin = call.begin().await?;
    let outcome = begin.change.register_user(new).await;
    begin.finish(outcome.map(|user| Answer::created(&user).version(user.version))).await
}

pub async fn update(Path(id): Path<String>, call: Call) -> Result<Answer, Stop> {
    let call = call.authorize(write("user.update"), Some(&id)).await?;
    let body: UpdateBody = call.json()?;
    refuse_passwords([
        ("password", &body.password),
        ("password_hash", &body.password_hash),
        ("password_hash_type", &body.password_hash_type),
        ("password_salt_position", &body.password_salt_position),
    ])?;
    let metadata = body.metadata.map(|metadata| without_nulls(metadata.unwrap_or_default()));
    metadata.as_ref().map_or(Ok(()), check_metadata)?;
    let change = UserChange {
        email: body.email.map(|email| Email::parse(&email)).transpose()?,
        email_verified: body.email_verified,
        first_name: parse_text("first_name", body.first_name)?,
        last_name: parse_text("last_name", body.last_name)?,
        name: parse_text("name", body.name)?,
        locale: parse_text("locale", body.locale)?,
        external_id: parse_text("external_id", body.external_id)?,
        metadata,
    };
    let mut begin = call.begin().await?;
    let outcome = begin.change.change_user(&id, change).await;
    begin.finish(outcome.map(|user| answer(&user))).await
}

pub async fn delete(Path(id): Path<String>, call: Call) -> Result<Answer, Stop> {
    let call = call.authorize(write("user.delete"), Some(&id)).await?;
    let mut begin = call.begin().await?;
    let outcome = begin.change.delete_user(&id).await;
    begin.finish(outcome.map(|()| Answer::no_content())).await
}
