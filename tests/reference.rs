//! The reference: `/openapi.json` is what `docs/openapi.json` says, every operation shows an example and its errors, and `/docs` needs nobody.
mod fixture;

use fixture::{ISSUER, Installation};

/// `CHANCERY_WRITE_REFERENCE=1` writes the file instead.
#[tokio::test]
async fn the_document_in_docs_is_the_one_that_is_served() {
    let on = Installation::new().await;
    let answer = on.send("GET", "/openapi.json", &[], "").await;
    assert_eq!(answer.header("content-type"), "application/json");
    let served = serde_json::to_string_pretty(&answer.expect(200)).unwrap() + "\n";
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/openapi.json");
    #[expect(clippy::disallowed_methods, reason = "whether to write the file is for whoever runs the test")]
    let write = std::env::var_os("CHANCERY_WRITE_REFERENCE").is_some();
    if write {
        std::fs::write(path, &served).unwrap();
    }
    let written = std::fs::read_to_string(path).unwrap_or_default();
    assert!(written == served, "docs/openapi.json is old: CHANCERY_WRITE_REFERENCE=1 cargo test --test reference writes it");
}

#[tokio::test]
async fn every_operation_has_examples_and_its_errors() {
    let on = Installation::new().await;
    let document = on.send("GET", "/openapi.json", &[], "").await.expect(200);
    assert_eq!((&document["openapi"], document["servers"][0]["url"].as_str()), (&"3.1.0".into(), Some(ISSUER)));
    let mut ids = std::collections::HashSet::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            let name = format!("{method} {path}");
            assert!(ids.insert(operation["operationId"].as_str().unwrap().to_owned()), "{name}");
            let responses = operation["responses"].as_object().unwrap();
            assert!(responses.contains_key("500") && operation["summary"].is_string(), "{name}");
            for (status, response) in responses {
                for media in response["content"].as_object().into_iter().flat_map(|content| content.values()) {
                    assert!(!media["example"].is_null(), "{name} {status}");
                }
                let has_body = response["content"].is_object();
                assert!(has_body || status == "204" || path == "/oauth/revoke", "{name} {status}");
            }
            if let Some(body) = operation["requestBody"]["content"].as_object() {
                assert!(body.values().all(|media| media["example"].is_object()), "{name}");
            }
        }
    }
    let dangling = |text: &str| {
        let names = text.split("#/components/schemas/").skip(1).map(|rest| rest.split('"').next().unwrap().to_owned());
        names.filter(|name| document["components"]["schemas"].get(name).is_none()).collect::<Vec<_>>()
    };
    assert_eq!(dangling(&document.to_string()), Vec::<String>::new());
}

#[tokio::test]
async fn the_page_renders_it_with_what_is_in_the_binary() {
    let on = Installation::new().await;
    let page = on.send("GET", "/docs/", &[], "").await;
    assert_eq!(page.status, 200);
    assert!(page.header("content-security-policy").contains("default-src 'none'"));
    let sources = |text: &str, attribute: &str| {
        text.split(&format!("{attribute}=\"")).skip(1).map(|rest| rest.split('"').next().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let linked: Vec<_> = ["src", "href"].iter().flat_map(|attribute| sources(&page.text, attribute)).collect();
    assert!(linked.len() >= 4, "{linked:?}");
    for link in linked {
        assert!(!link.contains("//"), "{link} is elsewhere");
        let path = format!("/docs/{}", link.trim_start_matches("./"));
        let mut request = axum::http::Request::builder().uri(&path).header("host", "auth.example.com");
        request = request.method("GET");
        let answer = tower::ServiceExt::oneshot(on.router.clone(), request.body(axum::body::Body::empty()).unwrap()).await.unwrap();
        assert_eq!(answer.status(), 200, "{path}");
    }
    let initializer = on.send("GET", "/docs/swagger-initializer.js", &[], "").await;
    assert!(initializer.text.contains("/openapi.json"), "{}", initializer.text);
    let missing = on.send("GET", "/docs/nothing.js", &[], "").await;
    assert_eq!(missing.status, 404);
}
