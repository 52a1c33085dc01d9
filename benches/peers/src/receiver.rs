//! The process that receives: it keeps what comes, and looks into it only when the load is over.

use std::io::{Read, Write};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use bytes::Bytes;
use http::request::Parts;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::header::{CONTENT_ENCODING, CONTENT_TYPE};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

use crate::count::{self, Received};

const OTLP: &str = "/v1/traces";

type Kept = Arc<Mutex<Vec<Received>>>;

/// Prints its address, receives until its standard input ends, and prints how many spans came, in
/// how many requests and bytes.
pub fn run(delay: &str) {
    let delay = Duration::from_millis(delay.parse().expect("milliseconds"));
    let kept = Kept::default();
    let here = Arc::clone(&kept);
    thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.expect("a runtime").block_on(serve(delay, here));
    });
    std::io::stdin().read_to_end(&mut Vec::new()).expect("the end of the input");
    let kept = std::mem::take(&mut *kept.lock().expect("what was received"));
    let bytes: usize = kept.iter().map(|request| request.head_len + request.body.len()).sum();
    println!("{} {} {bytes}", count::distinct_spans(&kept), kept.len());
}

async fn serve(delay: Duration, kept: Kept) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    println!("{}", listener.local_addr().expect("an address"));
    std::io::stdout().flush().expect("an output");
    loop {
        let (stream, _) = listener.accept().await.expect("a connection");
        stream.set_nodelay(true).expect("a socket");
        let kept = Arc::clone(&kept);
        tokio::spawn(async move {
            // The round trip of the handshake, which the kernel has answered at once.
            pause(delay).await;
            let answer = service_fn(|request| answer(request, delay, &kept));
            // A client that goes away in the middle of a request is no news here.
            http1::Builder::new().serve_connection(TokioIo::new(stream), answer).await.ok();
        });
    }
}

async fn answer(
    request: Request<Incoming>,
    delay: Duration,
    kept: &Kept,
) -> Result<Response<Full<Bytes>>, hyper::Error> {
    let (head, body) = request.into_parts();
    let head_len = written_len(&head);
    let body = body.collect().await?.to_bytes();
    let otlp = head.uri.path() == OTLP;
    let encoding = head.headers.get(CONTENT_ENCODING).cloned();
    kept.lock().expect("what was received").push(Received { otlp, encoding, head_len, body });
    pause(delay).await;
    Ok(if otlp { empty() } else { Response::new(Full::from("{}")) })
}

/// How long a head of HTTP/1.1 is.
fn written_len(head: &Parts) -> usize {
    let line = format!("{} {} HTTP/1.1\r\n\r\n", head.method, head.uri);
    let headers = head.headers.iter();
    line.len() + headers.map(|(name, value)| name.as_str().len() + value.len() + 4).sum::<usize>()
}

/// The protobuf message that says nothing was refused.
fn empty() -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::default());
    response.headers_mut().insert(CONTENT_TYPE, "application/x-protobuf".parse().expect("a type"));
    response
}

async fn pause(delay: Duration) {
    if !delay.is_zero() {
        tokio::time::sleep(delay).await;
    }
}
