//! A transport that keeps what it is given, for tests of applications.

use std::fmt;
use std::io::Read;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use flate2::read::GzDecoder;
use http::header;
use serde_json::Value;

use crate::transport::{Transport, TransportError};

/// Accepts every envelope and keeps it. Clones share what was kept.
///
/// ```
/// use std::time::Duration;
/// use opentelemetry::trace::{Tracer, TracerProvider};
/// use opentelemetry_sdk::trace::SdkTracerProvider;
/// use opentelemetry_sentry::SentrySpanExporter;
/// use opentelemetry_sentry::testing::InMemoryTransport;
///
/// let sentry = InMemoryTransport::new();
/// let exporter = SentrySpanExporter::builder()
///     .with_dsn("https://key@sentry.invalid/42")
///     .with_transport(sentry.clone())
///     .build()?;
/// let provider = SdkTracerProvider::builder().with_simple_exporter(exporter.clone()).build();
/// provider.tracer("test").in_span("work", |_| ());
/// exporter.flush(Duration::from_secs(5))?;
/// assert_eq!(sentry.transactions()[0]["transaction"], "work");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Default)]
pub struct InMemoryTransport {
    bodies: Arc<Mutex<Vec<Bytes>>>,
}

impl InMemoryTransport {
    /// A transport that has been given nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// The envelopes so far, uncompressed, in the order in which they were sent.
    pub fn envelopes(&self) -> Vec<Bytes> {
        self.bodies.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The payloads of all transactions so far.
    pub fn transactions(&self) -> Vec<Value> {
        self.items("transaction")
    }

    /// The payloads of all error events so far.
    pub fn events(&self) -> Vec<Value> {
        self.items("event")
    }

    fn items(&self, kind: &str) -> Vec<Value> {
        let is_kind = |header: &Value| header.get("type").is_some_and(|is| is == kind);
        let items = self.envelopes().into_iter().flat_map(|body| items(&body));
        items.filter(|(header, _)| is_kind(header)).map(|(_, payload)| payload).collect()
    }
}

impl fmt::Debug for InMemoryTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InMemoryTransport").field("envelopes", &self.envelopes().len()).finish()
    }
}

#[async_trait]
impl Transport for InMemoryTransport {
    async fn send(
        &self,
        request: http::Request<Bytes>,
    ) -> Result<http::Response<Bytes>, TransportError> {
        let is_gzip =
            request.headers().get(header::CONTENT_ENCODING).is_some_and(|is| is == "gzip");
        let mut body = request.into_body();
        if is_gzip {
            let mut plain = Vec::new();
            GzDecoder::new(&*body).read_to_end(&mut plain).map_err(TransportError::new)?;
            body = plain.into();
        }
        self.bodies.lock().unwrap_or_else(PoisonError::into_inner).push(body);
        Ok(http::Response::new(Bytes::from_static(b"{}")))
    }
}

/// Headers and payloads of the items of an envelope.
fn items(body: &[u8]) -> Vec<(Value, Value)> {
    let mut items = Vec::new();
    let line = |text: &[u8]| text.iter().position(|byte| *byte == b'\n').unwrap_or(text.len());
    let mut rest = body.get(line(body).saturating_add(1)..).unwrap_or_default();
    while let Some(header) =
        rest.get(..line(rest)).and_then(|line| serde_json::from_slice::<Value>(line).ok())
    {
        let start = line(rest).saturating_add(1);
        let length =
            header.get("length").and_then(Value::as_u64).and_then(|len| usize::try_from(len).ok());
        let end = start.saturating_add(length.unwrap_or(0));
        let payload = rest.get(start..end).unwrap_or_default();
        items.push((header, serde_json::from_slice(payload).unwrap_or_default()));
        rest = rest.get(end.saturating_add(1)..).unwrap_or_default();
    }
    items
}
