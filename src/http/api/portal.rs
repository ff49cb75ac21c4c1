//! `/portal/generate_link`, `/portal/revoke_link` and `/widgets/token`.
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::answer::Answer;
use super::call::{Authorized, Call};
use super::error::Stop;
use super::json::Ignored;
use crate::authority::caller::Operation;
use crate::authority::portal::operation;
use crate::domain::portal::{Capability, NewPortalSession, parse_return_url};
use crate::domain::text::FieldError;
use crate::http::reference::Routes;

pub fn routes() -> Routes {
    let link =
        || json!({ "organization": "org_01KAJ2M3N4P5Q6R7S8T9V0W1X2", "intent": "api_keys", "return_url": "https://example.com/settings" });
    let revoke = || json!({ "organization": "org_01KAJ2M3N4P5Q6R7S8T9V0W1X2", "external_user_id": "u-1" });
    let widget = || json!({ "organization_id": "org_01KAJ2M3N4P5Q6R7S8T9V0W1X2", "user_id": "user_01KAJ2M3N4P5Q6R7S8T9V0W1X2", "scopes": ["widgets:api-keys:manage"] });
    Routes::new("Portal")
        .post("/portal/generate_link", generate_link, "Generate a portal link", |op| {
            op.about(
                "It opens once, within five minutes, and lets its holder see to the organization's keys or applications for half an hour.",
            )
            .takes::<LinkBody>(link())
            .creates::<LinkView>()
        })
        .post("/portal/revoke_link", revoke_link, "Revoke the portal links of a user", |op| {
            op.about("And the sessions they opened.").takes::<RevokeBody>(revoke()).empty()
        })
        .post("/widgets/token", widget_token, "Create a widget token", |op| {
            op.about("What stands at the end of a portal link, with the capabilities its scopes name.")
                .takes::<WidgetBody>(widget())
                .creates::<TokenView>()
        })
}

/// The ignored members are the WorkOS SDKs', which have no meaning here.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "NewPortalLink")]
struct LinkBody {
    organization: String,
    /// `api_keys` unless said otherwise.
    #[serde(default)]
    #[schemars(extend("enum" = ["api_keys", "applications", null]))]
    intent: Option<String>,
    /// Where the portal leads back to.
    #[serde(default)]
    #[schemars(length(max = 2000), extend("format" = "uri"))]
    return_url: Option<String>,
    /// For whom it is, an active admin: a user's id or external id.
    #[serde(default)]
    user: Option<String>,
    /// Another name of user, which the SDKs can send.
    #[serde(default)]
    external_user_id: Option<String>,
    #[serde(default, rename = "success_url")]
    _success_url: Option<Ignored>,
    #[serde(default, rename = "it_contact_emails")]
    _it_contact_emails: Option<Ignored>,
    #[serde(default, rename = "intent_options")]
    _intent_options: Option<Ignored>,
    #[serde(default, rename = "admin_emails")]
    _admin_emails: Option<Ignored>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "PortalRevocation")]
struct RevokeBody {
    organization: String,
    /// A user's id or external id.
    external_user_id: String,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "NewWidgetToken")]
struct WidgetBody {
    organization_id: String,
    /// For whom it is, an active admin; needed for a user's own keys.
    #[serde(default)]
    user_id: Option<String>,
    /// `widgets:api-keys:manage` unless said otherwise.
    #[serde(default)]
    #[schemars(length(min = 1))]
    scopes: Option<Vec<String>>,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "PortalLink")]
struct LinkView {
    link: String,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "WidgetToken")]
struct TokenView {
    token: String,
}

const fn write(capability: Capability) -> Operation {
    operation("portal_session.create", capability)
}

pub async fn generate_link(call: Call) -> Result<Answer, Stop> {
    // Whether the caller may hand on what the link grants is asked once it is known what that is.
    let body: LinkBody = call.json()?;
    let capability = Capability::of_intent(body.intent.as_deref().unwrap_or("api_keys"))?;
    let return_url = body.return_url.as_deref().map(parse_return_url).transpose()?;
    let call = call.authorize(write(capability), Some(&body.organization)).await?;
    let new = NewPortalSession {
        organization: body.organization,
        user: body.user.or(body.external_user_id),
        capabilities: vec![capability],
        return_url,
    };
    create(call, new, |issuer, secret| Answer::created(&LinkView { link: format!("{issuer}/portal/{secret}") })).await
}

pub async fn widget_token(call: Call) -> Result<Answer, Stop> {
    let body: WidgetBody = call.json()?;
    let scopes = body.scopes.unwrap_or_else(|| vec!["widgets:api-keys:manage".into()]);
    let mut capabilities = Vec::new();
    for scope in &scopes {
        let capability = Capability::of_widget_scope(scope)?;
        if !capabilities.contains(&capability) {
            capabilities.push(capability);
        }
    }
    let Some(first) = capabilities.first().copied() else {
        return Err(FieldError::new("required", "scopes", "scopes takes at least one, or is left out").into());
    };
    let call = call.authorize(write(first), Some(&body.organization_id)).await?;
    let new = NewPortalSession { organization: body.organization_id, user: body.user_id, capabilities, return_url: None };
    create(call, new, |_, secret| Answer::created(&TokenView { token: secret.to_owned() })).await
}

async fn create(call: Authorized, new: NewPortalSession, answer: impl Fn(&str, &str) -> Answer) -> Result<Answer, Stop> {
    let issuer = call.call.app.authority.deployment.issuer.clone();
    let mut begin = call.begin().await?;
    let outcome = begin.change.create_portal_link(new).await;
    begin.finish(outcome.map(|(_, secret)| answer(&issuer, secret.expose()))).await
}

pub async fn revoke_link(call: Call) -> Result<Answer, Stop> {
    let body: RevokeBody = call.json()?;
    let call = call.authorize(operation("portal_session.revoke", Capability::ApiKeys), Some(&body.organization)).await?;
    let mut begin = call.begin().await?;
    let outcome = begin.change.revoke_portal_links(&body.organization, &body.external_user_id).await;
    begin.finish(outcome.map(|()| Answer::no_content())).await
}
