//! A transport that accepts everything and keeps it.
//!
//! With `ENVELOPE_DIR` every envelope is filed there, for Sentry's own normaliser to judge.

use std::io::Read;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use opentelemetry_sentry::transport::{Transport, TransportError};

use super::envelope::Envelope;

/// Clones share what they keep.
#[derive(Clone, Debug, Default)]
pub struct Recorder(Arc<Mutex<Vec<Vec<u8>>>>);

impl Recorder {
    /// All bodies so far, decompressed, in the order in which they came.
    pub fn bodies(&self) -> Vec<Vec<u8>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// All envelopes so far.
    pub fn envelopes(&self) -> Vec<Envelope> {
        self.bodies().iter().map(|body| Envelope::parse(body).expect("an envelope")).collect()
    }

    /// The payloads of all items of a type.
    pub fn payloads(&self, kind: &str) -> Vec<serde_json::Value> {
        self.envelopes().iter().flat_map(|envelope| envelope.payloads(kind)).collect()
    }
}

#[async_trait]
impl Transport for Recorder {
    async fn send(
        &self,
        request: http::Request<Bytes>,
    ) -> Result<http::Response<Bytes>, TransportError> {
        // A report of losses alone is not worth compressing.
        let is_compressed = request.headers().contains_key(http::header::CONTENT_ENCODING);
        let mut body = request.into_body().to_vec();
        if is_compressed {
            let mut plain = Vec::new();
            flate2::read::GzDecoder::new(&*body)
                .read_to_end(&mut plain)
                .map_err(TransportError::new)?;
            body = plain;
        }
        file(&body);
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(body);
        Ok(http::Response::new(Bytes::from_static(b"{}")))
    }
}

fn file(body: &[u8]) {
    static NUMBER: AtomicUsize = AtomicUsize::new(0);
    let Some(dir) = std::env::var_os("ENVELOPE_DIR").map(PathBuf::from) else { return };
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    std::fs::create_dir_all(&dir).expect("a directory for envelopes");
    let name = format!("kept-{}-{number}.envelope", std::process::id());
    std::fs::write(dir.join(name), body).expect("a file for an envelope");
}
