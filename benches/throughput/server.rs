//! A server that accepts everything, late.

use std::io::{Read, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::post;

/// Prints its address, serves until its input ends, and prints the most requests it had at the
/// same time.
pub fn run(delay: Duration) {
    let (open, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let result = Arc::clone(&most);
    let accept = move |_: axum::body::Bytes| {
        let (open, most) = (Arc::clone(&open), Arc::clone(&most));
        async move {
            most.fetch_max(open.fetch_add(1, Ordering::Relaxed) + 1, Ordering::Relaxed);
            if !delay.is_zero() {
                tokio::time::sleep(delay).await;
            }
            open.fetch_sub(1, Ordering::Relaxed);
            "{}"
        }
    };
    let router = Router::new().route("/api/42/envelope/", post(accept));
    thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.expect("a runtime").block_on(async {
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
            println!("{}", listener.local_addr().expect("an address"));
            std::io::stdout().flush().expect("an output");
            axum::serve(listener, router.layer(DefaultBodyLimit::disable())).await
        })
    });
    std::io::stdin().read_to_end(&mut Vec::new()).expect("the end of the input");
    println!("{}", result.load(Ordering::Relaxed));
}
