//! The least that an exporter to Sentry could do, as a measure for all others.
//!
//! It groups spans by trace until the root has come, writes their attributes as JSON from where
//! they are, compresses, and posts one transaction in each envelope on one socket that stays open,
//! one request after the other, on the thread that exports. An exception is more attributes of its
//! span; with events, it is an error event in an envelope of its own as well, its stack trace as it
//! is. There is no operation, no status, no tag, no scrubbing, no limit, no second try, no TLS; filled,
//! there are the bytes of operations, statuses and tags, but nothing that finds them out.

mod codec;
mod filled;
mod own;
mod post;
mod with_serde;

use std::collections::HashMap;
use std::fmt;
use std::sync::Mutex;

use foldhash::fast::RandomState;
use opentelemetry::trace::{SpanId, TraceId};
use opentelemetry_sdk::error::{OTelSdkError, OTelSdkResult};
use opentelemetry_sdk::trace::{SpanData, SpanExporter};

pub use self::codec::Codec;
use self::post::Post;

/// What writes JSON.
#[derive(Clone, Copy, Debug)]
pub enum Json {
    Serde,
    Own,
    /// By hand as well, and all that this crate would write.
    Filled,
}

pub struct Ideal(Mutex<State>);

struct State {
    waiting: HashMap<TraceId, Vec<SpanData>, RandomState>,
    /// Empty lists that have their memory already.
    spare: Vec<Vec<SpanData>>,
    json: Json,
    with_events: bool,
    plain: Vec<u8>,
    codec: Codec,
    post: Post,
}

impl Ideal {
    pub fn new(address: &str, json: Json, codec: Codec) -> Self {
        Self(Mutex::new(State {
            waiting: HashMap::default(),
            spare: Vec::new(),
            json,
            with_events: false,
            plain: Vec::new(),
            codec,
            post: Post::connect(address),
        }))
    }

    /// With an error event for each exception.
    pub fn with_events(mut self) -> Self {
        self.0.get_mut().expect("a state").with_events = true;
        self
    }
}

impl fmt::Debug for Ideal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Ideal")
    }
}

impl SpanExporter for Ideal {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let mut state = self.0.lock().expect("a state");
        let sent = batch.into_iter().try_for_each(|span| state.take(span));
        sent.map_err(|error| OTelSdkError::InternalFailure(error.to_string()))
    }
}

impl State {
    fn take(&mut self, span: SpanData) -> std::io::Result<()> {
        let trace = span.span_context.trace_id();
        if span.parent_span_id != SpanId::INVALID {
            let spare = &mut self.spare;
            let spans = self.waiting.entry(trace);
            spans.or_insert_with(|| spare.pop().unwrap_or_default()).push(span);
            return Ok(());
        }
        let mut children = self.waiting.remove(&trace).unwrap_or_default();
        let sent = self.send(&span, &children);
        children.clear();
        self.spare.push(children);
        sent
    }

    fn send(&mut self, root: &SpanData, children: &[SpanData]) -> std::io::Result<()> {
        self.plain.clear();
        match self.json {
            Json::Serde => with_serde::envelope(&mut self.plain, root, children),
            Json::Own => own::envelope(&mut self.plain, root, children),
            Json::Filled => filled::envelope(&mut self.plain, root, children),
        }
        self.post()?;
        if self.with_events {
            for span in children.iter().chain([root]) {
                for event in span.events.iter().filter(|event| event.name == "exception") {
                    self.plain.clear();
                    own::event(&mut self.plain, root, span, event);
                    self.post()?;
                }
            }
        }
        Ok(())
    }

    fn post(&mut self) -> std::io::Result<()> {
        let encoding = self.codec.name();
        let body = self.codec.encode(&self.plain);
        self.post.send(encoding, body)
    }
}
