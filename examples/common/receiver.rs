//! Stands in for Sentry: an HTTP server on this machine that takes envelopes
//! the way Sentry does and keeps them for the report. It also takes what
//! Spotlight and receivers of OTLP take.

use std::fs;
use std::io::Read;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::State;
use axum::http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::routing::post;
use axum::{Json, Router};
use flate2::bufread::GzDecoder;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::time::sleep;

use super::Result;
use super::envelope::{Envelope, Item};

/// A network's, so that whoever does not wait for an answer loses what is on its way.
const LATENCY: Duration = Duration::from_millis(50);

const KEY: &str = "0123456789abcdef0123456789abcdef";

/// A receiver that runs as long as the runtime it was started on.
pub struct Receiver {
    pub dsn: String,
    /// Host and port.
    pub address: String,
    shared: Arc<Shared>,
}

/// What arrived so far.
#[derive(Default)]
pub struct Inbox {
    pub envelopes: Vec<Envelope>,
    /// Compressed bytes of the bodies, as they came.
    pub wire_bytes: usize,
    /// The paths of requests that were no envelopes for a project.
    pub elsewhere: Vec<String>,
    /// Bytes of their bodies.
    pub elsewhere_bytes: usize,
    /// Why requests were turned down.
    pub refusals: Vec<String>,
}

struct Shared {
    inbox: Mutex<Inbox>,
    directory: Option<PathBuf>,
}

impl Receiver {
    /// Starts to listen. With a directory, every decompressed envelope is also
    /// written there.
    pub async fn start(directory: Option<PathBuf>) -> Result<Self> {
        if let Some(directory) = &directory {
            fs::create_dir_all(directory)?;
        }
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?.to_string();
        let dsn = format!("http://{KEY}@{address}/42");
        let shared = Arc::new(Shared { inbox: Mutex::default(), directory });
        let router = Router::new()
            .route("/api/42/envelope/", post(receive))
            .route("/stream", post(receive_copy))
            .fallback(receive_elsewhere)
            .with_state(Arc::clone(&shared));
        tokio::spawn(axum::serve(listener, router).into_future());
        Ok(Self { dsn, address, shared })
    }

    /// Hands over what arrived and starts from nothing.
    pub fn take(&self) -> Inbox {
        std::mem::take(&mut self.shared.inbox())
    }

    /// Looks at what arrived so far.
    pub fn peek<T>(&self, look: impl FnOnce(&Inbox) -> T) -> T {
        look(&self.shared.inbox())
    }
}

impl Inbox {
    /// The items of a kind.
    pub fn items(&self, kind: &str) -> impl Iterator<Item = &Item> {
        let items = self.envelopes.iter().flat_map(|envelope| &envelope.items);
        items.filter(move |item| item.kind == kind)
    }

    fn note(&mut self, uri: &Uri, headers: &HeaderMap, body: &[u8]) {
        self.elsewhere_bytes += body.len();
        let key = if headers.contains_key("x-sentry-auth") { " with a key" } else { "" };
        self.elsewhere.push(format!("{}{key}", uri.path()));
    }
}

impl Shared {
    fn inbox(&self) -> MutexGuard<'_, Inbox> {
        self.inbox.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn receive(
    State(shared): State<Arc<Shared>>,
    headers: HeaderMap,
    body: Bytes,
) -> (StatusCode, Json<Value>) {
    sleep(LATENCY).await;
    take_in(&shared, authorize(&headers), &headers, &body)
}

/// Takes a copy for Spotlight, which asks for no key.
async fn receive_copy(
    State(shared): State<Arc<Shared>>,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> (StatusCode, Json<Value>) {
    sleep(LATENCY).await;
    shared.inbox().note(&uri, &headers, &body);
    let is_envelope =
        headers.get(CONTENT_TYPE).is_some_and(|kind| kind == "application/x-sentry-envelope");
    let allowed = match is_envelope {
        true => Ok(()),
        false => Err((StatusCode::UNSUPPORTED_MEDIA_TYPE, "not an envelope".into())),
    };
    take_in(&shared, allowed, &headers, &body)
}

/// Takes what comes for others, unread.
async fn receive_elsewhere(
    State(shared): State<Arc<Shared>>,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> StatusCode {
    sleep(LATENCY).await;
    shared.inbox().note(&uri, &headers, &body);
    StatusCode::OK
}

fn take_in(
    shared: &Shared,
    allowed: Result<(), Refusal>,
    headers: &HeaderMap,
    body: &[u8],
) -> (StatusCode, Json<Value>) {
    let mut inbox = shared.inbox();
    inbox.wire_bytes += body.len();
    let accepted = allowed.and_then(|()| decode(headers, body)).and_then(|body| {
        let envelope =
            Envelope::parse(&body).map_err(|reason| (StatusCode::BAD_REQUEST, reason))?;
        keep(shared, inbox.envelopes.len() + 1, &body)?;
        Ok(envelope)
    });
    match accepted {
        Ok(envelope) => {
            let answer = json!({ "id": envelope.event_id });
            inbox.envelopes.push(envelope);
            (StatusCode::OK, Json(answer))
        }
        Err((status, reason)) => {
            let answer = json!({ "detail": reason });
            inbox.refusals.push(format!("{status}: {reason}"));
            (status, Json(answer))
        }
    }
}

type Refusal = (StatusCode, String);

fn authorize(headers: &HeaderMap) -> Result<(), Refusal> {
    let authorized = headers
        .get("x-sentry-auth")
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.strip_prefix("Sentry "))
        .is_some_and(|fields| {
            fields.split(',').any(|field| field.trim().strip_prefix("sentry_key=") == Some(KEY))
        });
    if authorized { Ok(()) } else { Err((StatusCode::UNAUTHORIZED, "not the key".into())) }
}

fn decode(headers: &HeaderMap, body: &[u8]) -> Result<Vec<u8>, Refusal> {
    let refuse = |reason: String| (StatusCode::BAD_REQUEST, reason);
    match headers.get(CONTENT_ENCODING).map(|value| value.as_bytes()) {
        None | Some(b"identity") => Ok(body.to_vec()),
        Some(b"gzip") => {
            let mut decoder = GzDecoder::new(body);
            let mut decoded = Vec::new();
            decoder
                .read_to_end(&mut decoded)
                .map_err(|error| refuse(format!("not gzip: {error}")))?;
            match decoder.into_inner() {
                [] => Ok(decoded),
                _ => Err(refuse("bytes behind the end of the gzip".into())),
            }
        }
        Some(_) => Err((StatusCode::UNSUPPORTED_MEDIA_TYPE, "neither gzip nor identity".into())),
    }
}

fn keep(shared: &Shared, number: usize, body: &[u8]) -> Result<(), Refusal> {
    let Some(directory) = &shared.directory else {
        return Ok(());
    };
    fs::write(directory.join(format!("{number:03}.envelope")), body)
        .map_err(|error| (StatusCode::INSUFFICIENT_STORAGE, error.to_string()))
}
