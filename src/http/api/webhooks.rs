//! `/webhook_endpoints`.
use axum::extract::Path;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

use super::answer::{Answer, List};
use super::call::Call;
use super::error::Stop;
use crate::authority::caller::Operation;
use crate::authority::error::Error;
use crate::domain::id::OrganizationId;
use crate::domain::management_key::Power;
use crate::domain::webhook::{
    Delivery, EndpointStatus, EndpointUrl, NewWebhookEndpoint, Subscription, WebhookEndpoint, WebhookEndpointChange,
};
use crate::http::reference::Routes;

pub fn routes() -> Routes {
    let example = || json!({ "endpoint_url": "https://example.com/webhooks", "events": ["api_key.created", "api_key.revoked"] });
    let replay_example = || json!({ "from": "event_01KAJ2M3N4P5Q6R7S8T9V0W1X2" });
    Routes::new("Webhook endpoints")
        .get("/webhook_endpoints", list, "List webhook endpoints", |op| op.pages().answers::<List<WebhookEndpoint>>())
        .post("/webhook_endpoints", create, "Register a webhook endpoint", |op| {
            op.about("It is sent what happens from now on, in order, at least once. The answer holds the secret whole, this once.")
                .takes::<CreateBody>(example())
                .creates::<WebhookEndpoint>()
        })
        .get("/webhook_endpoints/{id}", find, "Find a webhook endpoint", |op| op.answers::<WebhookEndpoint>())
        .patch("/webhook_endpoints/{id}", update, "Change a webhook endpoint", |op| {
            op.about("What failed before is tried again at once.")
                .takes::<UpdateBody>(json!({ "status": "disabled" }))
                .answers::<WebhookEndpoint>()
        })
        .delete("/webhook_endpoints/{id}", delete, "Delete a webhook endpoint", |op| op)
        .get("/webhook_endpoints/{id}/deliveries", list_deliveries, "List the deliveries of a webhook endpoint", |op| {
            op.about("Every attempt of the last thirty days.").pages().answers::<List<Delivery>>()
        })
        .post("/webhook_endpoints/{id}/replay", replay, "Replay events to a webhook endpoint", |op| {
            op.about("The event named and all after it are sent once more, in their order.")
                .takes::<ReplayBody>(replay_example())
                .answers::<WebhookEndpoint>()
        })
}

const fn write(name: &'static str) -> Operation {
    Operation { name, power: Power::WebhookEndpointsWrite }
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "NewWebhookEndpoint")]
struct CreateBody {
    #[schemars(length(max = 2000), extend("format" = "uri"))]
    endpoint_url: String,
    /// Names of events, or `*` for all.
    #[schemars(length(min = 1))]
    events: Vec<String>,
    /// The one organization whose events it is sent; null is all.
    #[serde(default)]
    organization_id: Option<String>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "WebhookEndpointChange")]
struct UpdateBody {
    #[serde(default)]
    #[schemars(length(max = 2000), extend("format" = "uri"))]
    endpoint_url: Option<String>,
    #[serde(default)]
    #[schemars(with = "Option<EndpointStatus>")]
    status: Option<String>,
    #[serde(default)]
    #[schemars(length(min = 1))]
    events: Option<Vec<String>>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "WebhookReplay")]
struct ReplayBody {
    /// The id of an event.
    from: String,
}

fn answer(endpoint: &WebhookEndpoint) -> Answer {
    Answer::ok(endpoint).version(endpoint.version)
}

async fn parse_url(call: &Call, text: &str) -> Result<EndpointUrl, Stop> {
    let url = EndpointUrl::parse(text)?;
    call.app.authority.check_endpoint_url(&url).await?;
    Ok(url)
}

pub async fn list(call: Call) -> Result<Answer, Stop> {
    let page = call.query.page()?;
    Ok(Answer::list(call.app.authority.list_webhook_endpoints(call.caller(), &page).await?))
}

pub async fn find(Path(id): Path<String>, call: Call) -> Result<Answer, Stop> {
    Ok(answer(&call.app.authority.find_webhook_endpoint(call.caller(), &id).await?))
}

pub async fn create(call: Call) -> Result<Answer, Stop> {
    let call = call.authorize(write("webhook_endpoint.create"), None).await?;
    let body: CreateBody = call.json()?;
    let events = Subscription::parse(body.events)?;
    let endpoint_url = parse_url(&call.call, &body.endpoint_url).await?;
    let organization_id = body.organization_id.map(|id| id.parse::<OrganizationId>()).transpose();
    let mut begin = call.begin().await?;
    let outcome = match organization_id {
        Ok(organization_id) => begin.change.register_webhook_endpoint(NewWebhookEndpoint { endpoint_url, events, organization_id }).await,
        Err(_) => Err(Error::NotFound("organization")),
    };
    let outcome = outcome.map(|revealed| {
        // Whole, in place of the masked one: in the answer that made it, and nowhere else.
        let whole = WebhookEndpoint { secret: revealed.plain.expose().to_owned(), ..revealed.endpoint };
        Answer::created(&whole).version(whole.version)
    });
    begin.finish(outcome).await
}

pub async fn update(Path(id): Path<String>, call: Call) -> Result<Answer, Stop> {
    let call = call.authorize(write("webhook_endpoint.update"), Some(&id)).await?;
    let body: UpdateBody = call.json()?;
    let status = body.status.map(|status| EndpointStatus::parse(&status)).transpose()?;
    let events = body.events.map(Subscription::parse).transpose()?;
    let endpoint_url = match body.endpoint_url {
        Some(text) => Some(parse_url(&call.call, &text).await?),
        None => None,
    };
    let mut begin = call.begin().await?;
    let outcome = begin.change.change_webhook_endpoint(&id, WebhookEndpointChange { endpoint_url, status, events }).await;
    begin.finish(outcome.map(|endpoint| answer(&endpoint))).await
}

pub async fn delete(Path(id): Path<String>, call: Call) -> Result<Answer, Stop> {
    let call = call.authorize(write("webhook_endpoint.delete"), Some(&id)).await?;
    let mut begin = call.begin().await?;
    let outcome = begin.change.delete_webhook_endpoint(&id).await;
    begin.finish(outcome.map(|()| Answer::no_content())).await
}

pub async fn list_deliveries(Path(id): Path<String>, call: Call) -> Result<Answer, Stop> {
    let page = call.query.page()?;
    Ok(Answer::list(call.app.authority.list_deliveries(call.caller(), &id, &page).await?))
}

pub async fn replay(Path(id): Path<String>, call: Call) -> Result<Answer, Stop> {
    let call = call.authorize(write("webhook_endpoint.replay"), Some(&id)).await?;
    let body: ReplayBody = call.json()?;
    let mut begin = call.begin().await?;
    let outcome = begin.change.replay_webhooks(&id, &body.from).await;
    begin.finish(outcome.map(|endpoint| answer(&endpoint))).await
}
