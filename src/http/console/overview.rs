//! The first page: whether all is well, what goes on, and where to begin.
use axum::response::Response;

use super::organizations::new_organization;
use super::visit::Visit;
use crate::authority::token_requests::Outcomes;
use crate::domain::management_key::Power;
use crate::domain::page::PageRequest;
use crate::domain::timestamp::Timestamp;
use crate::http::pages::{Bar, Block, Cell, Chip, Facts, Notice, Page, Refused, Table, Tone, base, columns, rows};

pub async fn overview(visit: Visit) -> Result<Response, Refused> {
    let mut page = Page::new("Overview");
    let authority = &visit.app.authority;
    if visit.may(Power::OrganizationsRead) {
        let any =
            authority.list_organizations(visit.caller(), None, &PageRequest::newest(1)).await.map_err(|error| visit.refused(error))?;
        if any.data.is_empty() && visit.may(Power::OrganizationsWrite) {
            page.push(Notice::new(
                Tone::Plain,
                "Begin with an organization. In it you make an application, whose client ID and secret obtain tokens: three steps, and you can try it in the last.",
            ));
            page.push(new_organization(&visit, true));
        }
    }
    page.push(health(&visit));
    if visit.may(Power::ApplicationsRead) {
        let tokens = authority.tokens_of_all(visit.caller()).await.map_err(|error| visit.refused(error))?;
        let whole = visit.caller().demand_installation().is_ok();
        let outcomes =
            if whole { Some(authority.token_requests(visit.caller()).await.map_err(|error| visit.refused(error))?) } else { None };
        // All tokens there were, those of API keys and of applications that are gone included; for who sees one organization, its applications'.
        let by_hour_of_all = outcomes.as_ref().map_or(tokens.by_hour.as_slice(), |outcomes| &outcomes.issued_by_hour);
        page.blocks.push(by_hour("Tokens in the last 24 hours", "Tokens", by_hour_of_all, visit.now()));
        if !tokens.most.is_empty() {
            let columns = ["Organization", "Tokens of its applications in 24 hours", "By the hour"];
            let mut table = Table::new("By organization", &columns, "");
            for (organization, name, hours) in tokens.most {
                table.rows.push(vec![
                    Cell::link(visit.path(format!("organizations/{organization}")), name),
                    Cell::Number(hours.iter().sum()),
                    Cell::Spark(hours),
                ]);
            }
            page.push(table);
        }
        page.blocks.extend(outcomes.map(|outcomes| success_and_failure(&outcomes)));
    }
    if visit.may(Power::ApiKeysRead) {
        page.blocks.extend(keys(&visit));
    }
    Ok(visit.render("", page))
}

fn health(visit: &Visit) -> Facts {
    let authority = &visit.app.authority;
    let (reachable, _, _) = authority.store_figures();
    let (listeners, revocations) = authority.status_figures();
    let well = |well: bool, text: &'static str, otherwise: &'static str| {
        Cell::Chip(if well { Chip { tone: Tone::Good, text } } else { Chip { tone: Tone::Bad, text: otherwise } })
    };
    let number = |count: usize| Cell::Number(i64::try_from(count).unwrap_or(i64::MAX));
    let mut rows = vec![
        ("Store".to_owned(), well(reachable, "Reachable", "Away")),
        ("Signing".to_owned(), well(authority.can_sign(), "A key signs", "No key signs")),
        ("Tokens".to_owned(), well(authority.demand_lease().is_ok(), "Issued", "Refused until the store is back")),
        ("Issuer".to_owned(), Cell::code(authority.deployment.issuer.clone())),
        ("Token endpoint".to_owned(), Cell::code(format!("{}/oauth/token", authority.deployment.issuer))),
        ("JWK set".to_owned(), Cell::code(format!("{}/.well-known/jwks.json", authority.deployment.issuer))),
        ("API reference".to_owned(), Cell::link(format!("{}/docs/", base(&visit.app)), "docs")),
    ];
    if visit.caller().demand_installation().is_ok() {
        rows.push(("Applications".to_owned(), number(authority.application_count())));
        rows.push(("API keys, revoked ones too".to_owned(), number(authority.api_key_count())));
        rows.push(("Verifiers that listen".to_owned(), number(listeners)));
        rows.push(("Revocations that still matter".to_owned(), number(revocations)));
    }
    Facts { title: "Health".into(), rows }
}

/// The last of them is the running hour.
pub fn by_hour(title: &str, what: &'static str, counts: &[i64], now: Timestamp) -> Block {
    let first = now.hour() + 1 - i64::try_from(counts.len()).unwrap_or(0);
    let label = |at: usize| Timestamp::from_hour(first + i64::try_from(at).unwrap_or(0)).to_string().get(11..16).unwrap_or("").to_owned();
    let chart: Vec<_> = counts.iter().enumerate().map(|(at, value)| Bar { label: label(at), value: *value, class: "plain" }).collect();
    let svg = columns(&chart);
    picture(title, "Hour, UTC", what, &chart, svg)
}

fn picture(title: &str, what: &'static str, how_many: &'static str, chart: &[Bar], svg: String) -> Block {
    let mut table = Table::new("", &[what, how_many], "");
    table.rows = chart.iter().map(|bar| vec![Cell::text(bar.label.clone()), Cell::Number(bar.value)]).collect();
    Block::Chart { title: title.to_owned(), svg, table: Some(table) }
}

/// Success against failure, by reason.
fn success_and_failure(outcomes: &Outcomes) -> Block {
    let told = outcomes.requests.iter().enumerate().filter(|(at, (_, requests))| *at == 0 || *requests > 0);
    let bar = |(at, (outcome, requests)): (usize, &(&str, i64))| {
        let class = if at == 0 { "good" } else { "bad" };
        Bar { label: (*outcome).to_owned(), value: *requests, class }
    };
    let chart: Vec<_> = told.map(bar).collect();
    let svg = rows(&chart);
    picture("Token requests in the last 24 hours", "Outcome", "Requests", &chart, svg)
}

/// API keys by age, and by when they were last used: what is old and unused can go.
fn keys(visit: &Visit) -> [Block; 2] {
    let days = [(1, "a day"), (7, "a week"), (30, "a month"), (90, "three months"), (365, "a year")];
    let ages = visit.app.authority.api_key_ages(visit.caller());
    let now = visit.now();
    let within = |at: Timestamp| {
        let age = now.since(at).as_secs() / (24 * 3600);
        days.iter().position(|(most, _)| age < *most).unwrap_or(days.len())
    };
    let counted = |title: &str, places: Vec<usize>, last: &str| {
        let names = days.iter().map(|(_, name)| (*name).to_owned()).chain([last.to_owned()]);
        let chart = names.enumerate().map(|(at, label)| {
            let class = if at + 1 >= days.len() { "warn" } else { "good" };
            Bar { label, value: i64::try_from(places.iter().filter(|place| **place == at).count()).unwrap_or(0), class }
        });
        let chart: Vec<_> = chart.collect();
        let svg = rows(&chart);
        picture(title, "Within", "Keys", &chart, svg)
    };
    let made = ages.iter().map(|(created, _)| within(*created)).collect();
    let used = ages.iter().map(|(_, used)| used.map_or(days.len(), within)).collect();
    [counted("API keys by age", made, "older"), counted("API keys by last use", used, "longer ago, or never")]
}
