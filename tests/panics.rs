//! Case 22: a panic in a handler is a 500 without detail; the process lives, and the panic is counted.
mod fixture;

use axum::Router;
use axum::body::Body;
use axum::http::Request;
use axum::routing::get;
use fixture::Installation;
use http_body_util::BodyExt;

#[tokio::test]
async fn case_22_a_panic_reaches_no_client() {
    let on = Installation::new().await;
    async fn boom() -> &'static str {
        panic!("what a panic says may hold a secret")
    }
    let routes = Router::new().route("/boom", get(boom).post(boom));
    for method in ["GET", "POST"] {
        let request = Request::builder().method(method).uri("/boom").header("host", "a").body(Body::empty()).unwrap();
        let response = chancery::http::keep(on.app.clone(), routes.clone(), request).await;
        assert_eq!(response.status(), 500);
        let body = response.into_body().collect().await.unwrap().to_bytes();
        let text = String::from_utf8_lossy(&body).into_owned();
        assert!(text.contains("internal_error") && !text.contains("secret"), "{text}");
    }
    assert_eq!(on.app.metrics.panics.get(), 2);
    assert_eq!(on.send("GET", "/livez", &[], "").await.status, 200);
}
