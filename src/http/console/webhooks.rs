//! Webhook endpoints, with the log of what was sent to them.
use axum::extract::Path;
use axum::response::Response;

use super::organizations;
use super::visit::Visit;
use crate::domain::event::EVENT_NAMES;
use crate::domain::management_key::Power;
use crate::domain::text::FieldError;
use crate::domain::webhook::{
    EVERY_EVENT, EndpointStatus, EndpointUrl, NewWebhookEndpoint, Outcome, Subscription, WebhookEndpoint, WebhookEndpointChange,
};
use crate::http::pages::{
    Action, Block, Cell, Checks, Chip, Facts, Field, Fields, Form, Kind, Page, Question, Refused, Reveal, Table, Tone, short,
};

const WRITE: Power = Power::WebhookEndpointsWrite;

fn status(endpoint: &WebhookEndpoint) -> Chip {
    match (endpoint.status, endpoint.failed_attempts) {
        (EndpointStatus::Disabled, _) => Chip { tone: Tone::Plain, text: "Disabled" },
        (EndpointStatus::Enabled, 0) => Chip { tone: Tone::Good, text: "Enabled" },
        (EndpointStatus::Enabled, _) => Chip { tone: Tone::Warn, text: "Failing" },
    }
}

pub async fn list(visit: Visit) -> Result<Response, Refused> {
    let listed = visit.app.authority.list_webhook_endpoints(visit.caller(), &visit.page_request()).await;
    let listed = listed.map_err(|error| visit.refused(error))?;
    let mut table = Table::new("", &["URL", "Events", "Organization", "Status", "Next attempt"], "No endpoint yet.");
    for endpoint in &listed.data {
        table.rows.push(vec![
            Cell::link(visit.path(format!("webhook_endpoints/{}", endpoint.id)), short(&endpoint.endpoint_url, 60)),
            Cell::text(short(&endpoint.events.join(", "), 60)),
            Cell::text(endpoint.organization_id.map_or_else(|| "all".to_owned(), |id| id.to_string())),
            Cell::Chip(status(endpoint)),
            Cell::Time(endpoint.next_attempt_at, ""),
        ]);
    }
    visit.turn(&mut table, &listed, "webhook_endpoints", &[]);
    let mut page = Page::new("Webhooks");
    if visit.may(WRITE) {
        page.push(Form {
            title: "New endpoint".into(),
            about: "Sent every event it asks for, in order, signed, and again until it answers.".into(),
            action: visit.path("webhook_endpoints"),
            fields: vec![
                Field::required("endpoint_url", "URL", "https://example.com/webhooks", "").of_kind(Kind::Url),
                Field::text("organization_id", "Only of the organization", "org_…", "").suggesting(organizations::named(&visit).await?),
            ]
            .into_iter()
            .chain(events(&[]))
            .collect(),
            button: "Create".into(),
            open: listed.data.is_empty(),
            ..Form::default()
        });
    }
    page.push(table);
    Ok(visit.render("webhook_endpoints", page))
}

/// All there are, by what they are about, and room for refusals, of which there is one for each call; `on` are asked for already.
fn events(on: &[String]) -> [Field; 2] {
    let every = (
        EVERY_EVENT.to_owned(),
        "every event, refusals and those of later versions too".to_owned(),
        on.iter().any(|asked| asked == EVERY_EVENT),
    );
    let mut groups = vec![Checks { title: String::new(), boxes: vec![every] }];
    groups.extend(Checks::by_subject(EVENT_NAMES.iter().copied(), '.', on));
    let refusals: Vec<_> = on.iter().map(String::as_str).filter(|name| *name != EVERY_EVENT && !EVENT_NAMES.contains(name)).collect();
    let hint = "Names that end in _refused, with spaces between them.";
    [
        Field::Checks { name: "events", label: "Events: every one where none is chosen, nor a refusal", presets: Vec::new(), groups },
        Field::text("refusals", "Refusals", "api_key.create_refused", hint).with(refusals.join(" ")),
    ]
}

fn subscription(fields: &Fields) -> Result<Subscription, FieldError> {
    let refusals = fields.text("refusals").split_whitespace().map(str::to_owned);
    let names: Vec<_> = fields.all("events").into_iter().chain(refusals).collect();
    Subscription::parse(if names.is_empty() { vec![EVERY_EVENT.to_owned()] } else { names })
}

pub async fn create(visit: Visit, fields: Fields) -> Result<Response, Refused> {
    visit.demand_for(("webhook_endpoint.create", WRITE)).await?;
    let endpoint_url = EndpointUrl::parse(fields.text("endpoint_url")).map_err(|error| visit.refused(error))?;
    let events = subscription(&fields).map_err(|error| visit.refused(error))?;
    visit.app.authority.check_endpoint_url(&endpoint_url).await.map_err(|error| visit.refused(error))?;
    let unknown = |_id| visit.refused(FieldError::new("not_found", "organization_id", "organization_id names no organization"));
    let organization_id = match fields.get("organization_id") {
        Some(id) => Some(id.parse().map_err(unknown)?),
        None => visit.caller().reach().organization(),
    };
    let new = NewWebhookEndpoint { endpoint_url, events, organization_id };
    let create = ("webhook_endpoint.create", WRITE);
    let (made, _) = visit.change(create, None, async |change| change.register_webhook_endpoint(new).await).await?;
    let mut page = Page::new("The endpoint's secret");
    page.push(Reveal {
        text: "Copy the signing secret now — it will not be shown again",
        called: "Signing secret",
        client_id: None,
        secret: made.plain.expose().to_owned(),
        dotenv: format!("WEBHOOK_SECRET={}\n", made.plain.expose()),
        dotenv_name: format!("{}.env", made.endpoint.id),
        snippets: vec![(
            "Node",
            "const event = await workos.webhooks.constructEvent({\n  payload: body, // as it came\n  sigHeader: request.headers[\"workos-signature\"],\n  \
             secret: process.env.WEBHOOK_SECRET,\n});\n"
                .to_owned(),
        )],
        token_endpoint: None,
        done: visit.path(format!("webhook_endpoints/{}", made.endpoint.id)),
    });
    Ok(visit.render("webhook_endpoints", page))
}

async fn find(visit: &Visit, id: &str) -> Result<WebhookEndpoint, Refused> {
    visit.app.authority.find_webhook_endpoint(visit.caller(), id).await.map_err(|error| visit.refused(error))
}

pub async fn show(visit: Visit, Path(id): Path<String>) -> Result<Response, Refused> {
    let endpoint = find(&visit, &id).await?;
    let mut page = Page::new("Webhook endpoint");
    page.trail.push(visit.link("webhook_endpoints", "Webhooks"));
    page.push(Facts {
        title: String::new(),
        rows: vec![
            ("URL".into(), Cell::code(endpoint.endpoint_url.clone())),
            ("Status".into(), Cell::Chip(status(&endpoint))),
            ("Events".into(), Cell::text(endpoint.events.join(", "))),
            ("Failed attempts in a row".into(), Cell::Number(endpoint.failed_attempts)),
            ("Next attempt".into(), Cell::Time(endpoint.next_attempt_at, "none is due")),
            ("Created".into(), Cell::Time(Some(endpoint.created_at), "")),
        ],
    });
    if visit.may(WRITE) {
        page.push(Form {
            title: "Change".into(),
            action: visit.path(format!("webhook_endpoints/{id}")),
            fields: vec![
                Field::required("endpoint_url", "URL", "", "").with(&endpoint.endpoint_url).of_kind(Kind::Url),
                Field::choice("status", "Status", &[("enabled", "Enabled"), ("disabled", "Disabled")], endpoint.status.name()),
            ]
            .into_iter()
            .chain(events(&endpoint.events))
            .collect(),
            button: "Save".into(),
            version: Some(endpoint.version),
            ..Form::default()
        });
        page.push(Form {
            title: "Send again".into(),
            about: "Everything from one event on.".into(),
            action: visit.path(format!("webhook_endpoints/{id}/replay")),
            fields: vec![Field::required("from", "Event", "event_…", "")],
            button: "Send again".into(),
            ..Form::default()
        });
    }
    page.push(deliveries(&visit, &id).await?);
    if visit.may(WRITE) {
        let delete = Action::link(visit.path(format!("webhook_endpoints/{id}/delete")), "Delete", "this endpoint").last();
        page.blocks.push(Block::Actions(vec![delete]));
    }
    Ok(visit.render("webhook_endpoints", page))
}

async fn deliveries(visit: &Visit, id: &str) -> Result<Table, Refused> {
    let listed = visit.app.authority.list_deliveries(visit.caller(), id, &visit.page_request()).await;
    let listed = listed.map_err(|error| visit.refused(error))?;
    let columns = ["When", "Event", "ID", "Attempt", "Outcome", "Answer", "Took"];
    let mut table = Table::new("Deliveries of the last thirty days", &columns, "Nothing was sent yet.");
    for delivery in &listed.data {
        let outcome = match delivery.outcome {
            Outcome::Delivered => Chip { tone: Tone::Good, text: "Delivered" },
            Outcome::Failed => Chip { tone: Tone::Warn, text: "Failed" },
            Outcome::GivenUp => Chip { tone: Tone::Bad, text: "Given up" },
        };
        let answer = delivery.response_status.map(|status| status.to_string()).or_else(|| delivery.error.clone());
        table.rows.push(vec![
            Cell::Time(Some(delivery.created_at), ""),
            Cell::code(delivery.event.clone()),
            Cell::code(delivery.event_id.to_string()),
            Cell::Number(delivery.attempt),
            Cell::Chip(outcome),
            Cell::text(short(&answer.unwrap_or_default(), 80)),
            Cell::text(format!("{} ms", delivery.duration_ms)),
        ]);
    }
    visit.turn(&mut table, &listed, &format!("webhook_endpoints/{id}"), &[]);
    Ok(table)
}

pub async fn update(visit: Visit, Path(id): Path<String>, fields: Fields) -> Result<Response, Refused> {
    visit.demand_for(("webhook_endpoint.update", WRITE)).await?;
    find(&visit, &id).await?;
    let endpoint_url = EndpointUrl::parse(fields.text("endpoint_url")).map_err(|error| visit.refused(error))?;
    visit.app.authority.check_endpoint_url(&endpoint_url).await.map_err(|error| visit.refused(error))?;
    let change = WebhookEndpointChange {
        endpoint_url: Some(endpoint_url),
        status: Some(EndpointStatus::parse(fields.text("status")).map_err(|error| visit.refused(error))?),
        events: Some(subscription(&fields).map_err(|error| visit.refused(error))?),
    };
    let update = ("webhook_endpoint.update", WRITE);
    visit.change(update, Some(&id), async |begun| begun.change_webhook_endpoint(&id, change).await).await?;
    Ok(visit.done(format!("webhook_endpoints/{id}"), "saved", None))
}

pub async fn replay(visit: Visit, Path(id): Path<String>, fields: Fields) -> Result<Response, Refused> {
    let from = fields.text("from").to_owned();
    visit.change(("webhook_endpoint.replay", WRITE), Some(&id), async |change| change.replay_webhooks(&id, &from).await).await?;
    Ok(visit.done(format!("webhook_endpoints/{id}"), "saved", None))
}

pub async fn confirm_deletion(visit: Visit, Path(id): Path<String>) -> Result<Response, Refused> {
    let endpoint = find(&visit, &id).await?;
    let question = Question {
        title: "Delete this endpoint?".into(),
        text: "Nothing is sent to it any more, what failed included.",
        facts: Facts { title: String::new(), rows: vec![("URL".into(), Cell::code(endpoint.endpoint_url))] },
        action: visit.path(format!("webhook_endpoints/{id}/delete")),
        button: "Delete",
        back: visit.path(format!("webhook_endpoints/{id}")),
        ..Question::default()
    };
    Ok(visit.render("webhook_endpoints", question.page()))
}

pub async fn delete(visit: Visit, Path(id): Path<String>) -> Result<Response, Refused> {
    let delete = ("webhook_endpoint.delete", WRITE);
    visit.change(delete, Some(&id), async |change| change.delete_webhook_endpoint(&id).await).await?;
    Ok(visit.done("webhook_endpoints", "deleted", None))
}
