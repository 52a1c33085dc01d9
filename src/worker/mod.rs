//! The one thread that owns all state of an exporter: buffers, mapping, lanes, sends in flight.
//!
//! Everything reaches it as a [`Message`], the ends of its own requests among them, so that no
//! part needs a lock. The thread drives a small Tokio runtime of its own and never needs that of
//! the application. A panic of what it calls costs the segment at hand.

mod answering;
mod arrivals;
mod captured;
mod closing;
mod delivery;
mod early;
mod encode;
mod ending;
mod flights;
mod inbox;
mod intake;
mod lanes;
mod leaving;
mod line;
#[cfg(feature = "logs")]
mod log_errors;
#[cfg(feature = "logs")]
mod logs;
mod losing;
mod minute;
mod outbox;
mod outboxes;
mod own_traffic;
mod panics;
mod probe;
mod pulse;
mod quiet;
mod recent;
mod routing;
mod run;
mod spool_report;
mod spooler;
mod spotlight;
mod storing;
mod streamed;
mod tickets;
mod toward;
mod verdict;
mod voice;
mod waiting;
mod way;
mod window;

use std::io;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, header};
use sentry_types::Dsn;

use self::arrivals::Arrivals;
pub(crate) use self::inbox::{Answer, Deadline, Inbox, Message, Source};
pub(crate) use self::quiet::Quiet;
pub(crate) use self::routing::Routing;
use self::run::Worker;
pub(crate) use self::spooler::Opening;
pub(crate) use self::waiting::{EXPORT_WAIT, spread};
pub(crate) use self::way::Way;
use crate::hooks::Hooks;
use crate::mapping::Mapper;
use crate::propagation::{Origin, TraceRegistry};
use crate::protocol::{CLIENT, Compression, Protocol};
use crate::sampling::Sampling;
use crate::segment::Bounds;
use crate::sentry_sdk::Registry;
use crate::stats::Ledger;
use crate::transport::Transport;

/// What a worker needs to know, checked beforehand.
pub(crate) struct Settings {
    /// Absent without a DSN, where only Spotlight gets anything.
    pub(crate) destination: Option<Destination>,
    /// Which segments go elsewhere, if there are several projects.
    pub(crate) routing: Option<Routing>,
    /// Where Spotlight takes its copies, if it is wanted.
    pub(crate) spotlight: Option<(http::Uri, Arc<dyn Transport>)>,
    pub(crate) mapper: Mapper,
    /// Absent where every segment is sent.
    pub(crate) sampling: Option<Sampling>,
    pub(crate) hooks: Hooks,
    pub(crate) protocol: Protocol,
    pub(crate) compression: Compression,
    pub(crate) segment_timeout: Duration,
    pub(crate) error_timeout: Duration,
    pub(crate) pending: Bounds,
    pub(crate) max_spans: usize,
    pub(crate) max_in_flight: usize,
    pub(crate) queue_bytes: usize,
    pub(crate) client_reports: bool,
    /// Whether errors that logs tell of become issues.
    #[cfg(feature = "logs")]
    pub(crate) log_errors: bool,
    /// What propagator and sampler know of traces.
    pub(crate) traces: Arc<TraceRegistry>,
    /// The directory for what memory cannot hold, if there is one.
    pub(crate) spool: Option<Opening>,
    /// Where Sentry's own SDK says what it has sent.
    pub(crate) registry: Arc<Registry>,
}

/// Where envelopes go, and how.
pub(crate) struct Destination {
    pub(crate) dsn: Dsn,
    pub(crate) endpoint: http::Uri,
    /// What trace headers say of it; absent where there is one project alone.
    pub(crate) origin: Option<Origin>,
    /// The headers of every request.
    pub(crate) headers: HeaderMap,
    pub(crate) transport: Arc<dyn Transport>,
    /// After which a request is given up that its transport does not end.
    pub(crate) limit: Duration,
}

impl Destination {
    /// A request that brings this body there.
    fn request(&self, body: Bytes) -> http::Request<Bytes> {
        request(&self.endpoint, &self.headers, body)
    }
}

/// What a request tells of every envelope.
pub(crate) fn envelope_headers() -> HeaderMap {
    let mut headers = HeaderMap::new();
    let kind = HeaderValue::from_static("application/x-sentry-envelope");
    headers.insert(header::CONTENT_TYPE, kind);
    headers.insert(header::USER_AGENT, HeaderValue::from_static(CLIENT));
    headers
}

/// A request that brings an envelope to an address.
fn request(to: &http::Uri, headers: &HeaderMap, body: Bytes) -> http::Request<Bytes> {
    let mut request = http::Request::new(body);
    *request.method_mut() = http::Method::POST;
    *request.uri_mut() = to.clone();
    *request.headers_mut() = headers.clone();
    request
}

/// The names of the threads that work for the exporter.
#[cfg(feature = "panic")]
const THREADS: [&str; 3] = ["sentry-transport", "sentry-transport-dns", "sentry-spool"];

/// Whether a thread of this name works for the exporter.
#[cfg(feature = "panic")]
pub(crate) fn is_own_thread(name: Option<&str>) -> bool {
    name.is_some_and(|name| THREADS.contains(&name))
}

/// Starts the thread and gives the way to it.
pub(crate) fn spawn(settings: Settings, ledger: Arc<Ledger>) -> io::Result<Inbox> {
    let (inbox, arrivals) = Arrivals::channel();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .max_blocking_threads(4)
        .thread_name("sentry-transport-dns")
        .build()?;
    let to_self = inbox.clone();
    thread::Builder::new().name("sentry-transport".into()).spawn(move || {
        let quiet = Quiet::new();
        let worker = Worker::new(settings, ledger, to_self, quiet);
        runtime.block_on(worker.run(arrivals));
        // A name that is still being looked up must not hold up the end of the thread.
        runtime.shutdown_background();
    })?;
    Ok(inbox)
}
