//! Another way to deliver: envelopes become files, for where there is no network.
//!
//! ```sh
//! cargo run --example custom_transport
//! cargo run --example custom_transport -- some/directory
//! ```
//!
//! What the signature of the trait needs comes with it, in the versions that fit.
//!
//! The DSN still says which project it is for. `curl -H @headers --data-binary @1.envelope` to the
//! endpoint of that project delivers a file later. The example reads its files again and shows:
//!
//! ```text
//! 1.envelope
//! 2.envelope
//! ▸ steer                                                      ok
//!       ! Error: the rudder is stuck
//! ```

mod common;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::{env, fs, io};

use flate2::read::GzDecoder;
use opentelemetry::trace::{TraceContextExt, Tracer, TracerProvider};
use opentelemetry_sdk::{Resource, trace::SdkTracerProvider};
use opentelemetry_sentry::SentrySpanExporter;
use opentelemetry_sentry::transport::{Bytes, Request, Response, async_trait};
use opentelemetry_sentry::transport::{Transport, TransportError};

use crate::common::arrivals::Arrivals;
use crate::common::envelope::Envelope;
use crate::common::{Result, compare, outline::Outline};

/// Writes each envelope to a file of its own.
#[derive(Debug)]
struct Directory {
    path: PathBuf,
    written: AtomicUsize,
}

#[async_trait]
impl Transport for Directory {
    async fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, TransportError> {
        let number = self.written.fetch_add(1, Ordering::Relaxed) + 1;
        let file = self.path.join(format!("{number}.envelope"));
        // Not here: what blocks this thread blocks all of the exporter.
        let write = move || fs::write(file, plain(request)?);
        // With an error, the exporter keeps the envelope and tries again.
        let written = tokio::task::spawn_blocking(write).await.map_err(TransportError::new)?;
        written.map_err(TransportError::new)?;
        // 200, the default: the envelope has arrived.
        Ok(Response::new(Bytes::new()))
    }
}

/// The body as it was before it was compressed, to be read by people.
fn plain(request: Request<Bytes>) -> io::Result<Vec<u8>> {
    let encoding = request.headers().get("content-encoding");
    let mut plain = Vec::new();
    match encoding.is_some_and(|encoding| encoding == "gzip") {
        true => io::copy(&mut GzDecoder::new(&**request.body()), &mut plain)?,
        false => io::copy(&mut &**request.body(), &mut plain)?,
    };
    Ok(plain)
}

fn main() -> Result {
    let temporary = tempfile::tempdir()?;
    let path = env::args().nth(1).map_or_else(|| temporary.path().to_owned(), PathBuf::from);
    fs::create_dir_all(&path)?;
    let transport = Directory { path: path.clone(), written: AtomicUsize::new(0) };
    let exporter = SentrySpanExporter::builder()
        .with_dsn("https://0123456789abcdef0123456789abcdef@sentry.invalid/42")
        .with_transport(transport)
        .build()?;
    let provider = SdkTracerProvider::builder()
        .with_resource(Resource::builder().with_service_name("ship").build())
        .with_batch_exporter(exporter)
        .build();
    provider.tracer("ship").in_span("steer", |context| {
        context.span().record_error(&io::Error::other("the rudder is stuck"));
    });
    provider.shutdown()?;
    show(&path)
}

fn show(path: &Path) -> Result {
    let mut files: Vec<PathBuf> =
        fs::read_dir(path)?.map(|entry| entry.map(|it| it.path())).collect::<io::Result<_>>()?;
    files.sort();
    let mut text = String::new();
    let mut envelopes = Vec::new();
    for file in &files {
        text += &format!("{}\n", file.file_name().unwrap_or_default().to_string_lossy());
        envelopes.push(Envelope::parse(&fs::read(file)?)?);
    }
    let arrivals = Arrivals::read(&envelopes)?;
    compare(&format!("{text}{}", Outline::of(&arrivals)), include_str!("custom_transport.rs"))
}
