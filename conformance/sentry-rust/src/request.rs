//! One request to an application, in process.

use axum::Router;
use axum::body::Body;
use axum::http::Request;
use tower::ServiceExt;

/// Sends it in a task of its own, where a panic ends as in a server.
pub fn send(router: Router, path: &str) {
    let request = Request::get(format!("{path}?page=2"))
        .header("host", "shop.example.com")
        .header("user-agent", "curl/8.16")
        .body(Body::empty())
        .expect("a request");
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let answer = runtime.block_on(async { tokio::spawn(router.oneshot(request)).await });
    drop(answer);
}
