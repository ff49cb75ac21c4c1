//! Pages of lists with 10,000 rows beside the same page with one (`bench pages`): how long the server takes for each, over its whole router.
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::http::{Request, Response};
use chancery::clock::instant;
use chancery::http::{Public, router};
use http_body_util::BodyExt;
use serde_json::json;
use tower::ServiceExt;

use crate::house::KEY;
use crate::in_process::{authority, manage};

const ROWS: usize = 10_000;
const TIMES: usize = 200;

async fn send(router: &Public, method: &str, path: &str, cookie: &str, form: &str) -> Response<String> {
    let request = Request::builder().method(method).uri(path).header("host", "a").header("cookie", cookie);
    let request = request.header("content-type", "application/x-www-form-urlencoded").header("sec-fetch-site", "same-origin");
    let (parts, body) = router.clone().oneshot(request.body(Body::from(form.to_owned())).unwrap()).await.unwrap().into_parts();
    Response::from_parts(parts, String::from_utf8(body.collect().await.unwrap().to_bytes().to_vec()).unwrap())
}

/// Median and worst of a hundred, milliseconds.
async fn time(router: &Public, path: &str, cookie: &str) -> (f64, f64) {
    let mut took = Vec::new();
    for _ in 0..TIMES {
        let began = instant();
        let answer = send(router, "GET", path, cookie, "").await;
        took.push(Instant::elapsed(&began));
        assert_eq!(answer.status(), 200, "{path}");
    }
    spread(took)
}

fn spread(mut took: Vec<Duration>) -> (f64, f64) {
    took.sort();
    let at = |part: f64| took[((took.len() - 1) as f64 * part) as usize].as_secs_f64() * 1e3;
    (at(0.5), at(0.99))
}

/// From page to page until there is none.
async fn walk(router: &Public, first: &str, cookie: &str) -> (usize, (f64, f64)) {
    let (mut path, mut took) = (Some(first.to_owned()), Vec::new());
    while let Some(next) = path {
        let began = instant();
        let page = send(router, "GET", &next, cookie, "").await.into_body();
        took.push(Instant::elapsed(&began));
        let link = page.split("Next →").next().filter(|_| page.contains("Next →")).and_then(|links| links.rsplit("href=\"").next());
        path = link.and_then(|link| link.split('"').next()).map(|link| link.replace("&#38;", "&"));
    }
    (took.len(), spread(took))
}

pub fn measure() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let folder = tempfile::tempdir_in("target").unwrap();
        let app = authority(folder.path().to_owned()).await;
        let router = router(&app);
        let organization =
            async |name: &str| manage(&router, "/organizations", json!({ "name": name })).await["id"].as_str().unwrap().to_owned();
        let (many, one) = (organization("Many").await, organization("One").await);
        for (organization, rows) in [(&many, ROWS), (&one, 1)] {
            for number in 0..rows {
                let name = format!("backend-{}", (number * 7919) % ROWS);
                manage(&router, "/connect/applications", json!({ "name": name, "organization_id": organization })).await;
                manage(&router, &format!("/organizations/{organization}/api_keys"), json!({ "name": name })).await;
            }
        }
        for number in 0..ROWS {
            organization(&format!("customer-{}", (number * 7919) % ROWS)).await;
        }
        let answer = send(&router, "POST", "/console/sign_in", "", &format!("management_key={KEY}")).await;
        let cookie = answer.headers()["set-cookie"].to_str().unwrap().split(';').next().unwrap().to_owned();
        println!("| page | rows | median ms | p99 ms |\n|---|---|---|---|");
        for (what, place) in [
            ("applications", ""),
            ("applications by name", "?sort=name"),
            ("applications by last use", "?sort=last_used&order=asc"),
            ("applications with a part of a name", "?search=backend-99"),
            ("API keys", "/api_keys"),
            ("API keys by name", "/api_keys?sort=name"),
            ("usage", "/usage"),
        ] {
            for (organization, rows) in [(&one, "1"), (&many, "10,000")] {
                let (median, worst) = time(&router, &format!("/console/organizations/{organization}{place}"), &cookie).await;
                println!("| {what} | {rows} | {median:.2} | {worst:.2} |");
            }
        }
        let (median, worst) = time(&router, "/console/organizations", &cookie).await;
        println!("| organizations | 10,002 | {median:.2} | {worst:.2} |");
        for (what, sort) in [("applications", "created"), ("applications by name", "name")] {
            let (pages, (median, worst)) = walk(&router, &format!("/console/organizations/{many}?sort={sort}"), &cookie).await;
            println!("| {what}, from page to page, {pages} pages | 10,000 | {median:.2} | {worst:.2} |");
        }
        app.authority.close_store().await;
    });
}
