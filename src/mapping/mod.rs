//! From segments of spans to what Sentry takes: a transaction and error events.
//!
//! Pure and total: no I/O, no clock, no randomness, and no input that panics or that makes a
//! payload which Sentry refuses. What comes out of here is what is sent, so a test of an
//! application can look at it in process. (`InMemorySpanExporter` comes with the feature `testing` of
//! opentelemetry_sdk.)
//!
//! ```
//! use opentelemetry::KeyValue;
//! use opentelemetry::trace::{Span, SpanKind, Tracer, TracerProvider};
//! use opentelemetry_sdk::Resource;
//! use opentelemetry_sdk::trace::{InMemorySpanExporter, SdkTracerProvider};
//! use opentelemetry_sentry::mapping::Mapper;
//!
//! // Run the code under test with spans that stay in memory.
//! let spans = InMemorySpanExporter::default();
//! let provider = SdkTracerProvider::builder().with_simple_exporter(spans.clone()).build();
//! let mut span = provider
//!     .tracer("shop")
//!     .span_builder("handle request")
//!     .with_kind(SpanKind::Server)
//!     .with_attributes([
//!         KeyValue::new("http.request.method", "GET"),
//!         KeyValue::new("http.route", "/users/{id}"),
//!     ])
//!     .start(&provider.tracer("shop"));
//! span.record_error(&std::fmt::Error);
//! span.end();
//!
//! // See what Sentry would get.
//! let resource = Resource::builder().with_service_name("shop").build();
//! let mapped = Mapper::new().with_resource(&resource).map(spans.get_finished_spans()?);
//! let [mapped] = mapped.as_slice() else { panic!("one segment") };
//! assert_eq!(mapped.transaction.name.as_str(), "GET /users/{id}");
//! assert_eq!(mapped.transaction.trace.op.as_ref().unwrap().as_str(), "http.server");
//! assert_eq!(mapped.transaction.tags.value("service.name").unwrap().as_str(), "shop");
//! let exception = mapped.events[0].exception.values.last().unwrap();
//! assert_eq!(exception.value.as_deref(), Some("an error occurred when formatting an argument"));
//!
//! // Or look at the JSON as it goes over the wire.
//! let json: serde_json::Value = serde_json::from_slice(&mapped.transaction.to_json()?)?;
//! assert_eq!(json["transaction_info"]["source"], "route");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod ansi;
mod bare;
mod breadcrumb;
mod bytes;
mod derived;
mod error_rules;
mod error_text;
mod errors;
mod event;
mod event_filter;
mod exception;
mod facts;
mod family;
mod foreign;
mod hints;
mod http;
mod id;
mod identity;
mod ignoring;
mod legal;
mod lineage;
mod links;
mod location;
#[cfg(feature = "logs")]
mod log;
#[cfg(feature = "logs")]
mod log_value;
mod machine;
mod name;
mod op;
mod panic;
mod place;
mod product;
mod reading;
mod resource;
mod room;
mod severity;
mod shape;
mod span;
mod stacktrace;
mod status;
mod streamed;
mod symbol;
mod tags;
mod transaction;
mod url;
mod user;

use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use opentelemetry::StringValue;
use opentelemetry::trace::{SpanId, Status};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::SpanData;
use sentry_types::protocol::v7::Event;

use self::error_rules::ErrorRules;
use self::errors::Failures;
use self::id::event_id;
use self::ignoring::Verdict;
use self::reading::Reading;
use self::resource::ResourceFields;
use self::room::Room;
use self::stacktrace::InApp;
use self::transaction::{Crumb, Root};
use crate::ignore::Ignoring;
use crate::protocol::{Transaction, TransactionSource};
use crate::scrub::{Scrubber, Scrubbing};
use crate::segment::{Segment, SegmentBuffer};
use crate::semconv::Attribute;

pub use self::event_filter::EventFilter;
pub(crate) use self::legal::{dist_fault, environment_fault, release_fault};
pub(crate) use self::legal::{legal_environment, legal_release};
#[cfg(feature = "logs")]
pub(crate) use self::log::rough_bytes;
pub(crate) use self::machine::Kernel;
#[cfg(feature = "panic")]
pub(crate) use self::panic::Place;
pub(crate) use self::panic::{Panic, join, stand_in};
pub(crate) use self::span::RootTitle;
pub(crate) use self::streamed::{SegmentTitle, Streamed};
pub use self::tags::TagPolicy;

/// Turns segments into transactions and events, by the settings of an exporter.
#[derive(Clone, Debug, Default)]
pub struct Mapper {
    release: Option<StringValue>,
    environment: Option<StringValue>,
    dist: Option<StringValue>,
    tags: TagPolicy,
    status_errors: StatusErrors,
    errors: ErrorRules,
    kernel: Kernel,
    scrubber: Scrubber,
    in_app: InApp,
    /// As the provider gave it.
    given_resource: Option<Resource>,
    resource: ResourceFields,
    ignoring: Arc<Ignoring>,
}

/// Whether an error status makes an event where nobody recorded an exception.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum StatusErrors {
    #[default]
    Sent,
    Ignored,
}

/// What a segment became.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Mapped {
    /// The spans.
    pub transaction: Transaction,
    /// The errors that were recorded in them.
    pub events: Vec<Event<'static>>,
    /// How many further records of the same errors, on the spans above, were left out.
    pub repeated_errors: usize,
    /// How many errors were left out because the user wants them ignored.
    pub ignored_errors: usize,
    /// How many errors beyond the first 500 of the segment, or as many as set, were left out.
    pub surplus_errors: usize,
    /// Whether a rule says that the transaction is not sent; its errors are, all the same.
    pub is_ignored: bool,
    /// How many spans were left out of the transaction by a rule.
    pub ignored_spans: usize,
    /// The spans that recorded the breadcrumbs of the transaction, one for each.
    crumb_spans: Vec<SpanId>,
    /// The spans that recorded the errors.
    pub(crate) error_spans: Vec<SpanId>,
}

/// How much of a segment is mapped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Extent {
    Whole,
    Errors,
}

/// How many breadcrumbs all errors of a segment have together.
const MAX_CRUMBS: usize = 5000;

impl Mapper {
    /// A mapper with the defaults of the exporter and without a resource.
    pub fn new() -> Self {
        Self::default()
    }

    /// The resource of the provider, which gives release, environment, server and contexts.
    #[must_use]
    pub fn with_resource(mut self, resource: &Resource) -> Self {
        self.given_resource = Some(resource.clone());
        self.scrub_resource()
    }

    /// The release, before anything that attributes say.
    #[must_use]
    pub fn with_release(mut self, release: impl Into<StringValue>) -> Self {
        self.release = Some(release.into());
        self
    }

    /// The environment, before anything that attributes say.
    #[must_use]
    pub fn with_environment(mut self, environment: impl Into<StringValue>) -> Self {
        self.environment = Some(environment.into());
        self
    }

    /// The distribution of the release.
    #[must_use]
    pub fn with_dist(mut self, dist: impl Into<StringValue>) -> Self {
        self.dist = Some(dist.into());
        self
    }

    /// Which attributes become tags; by default those of the root span.
    #[must_use]
    pub fn with_tags(mut self, tags: TagPolicy) -> Self {
        self.tags = tags;
        self
    }

    /// Whether a span with an error status and no exception makes an event; by default it does.
    #[must_use]
    pub fn with_status_errors(mut self, sent: bool) -> Self {
        self.status_errors = if sent { StatusErrors::Sent } else { StatusErrors::Ignored };
        self
    }

    /// Whether what describes a person may be sent; by default it may not. Secrets may never.
    #[must_use]
    pub fn with_send_default_pii(mut self, send: bool) -> Self {
        self.scrubber = self.scrubber.with_send_default_pii(send);
        self.scrub_resource()
    }

    /// What is taken out of spans and errors; by default all that [`Family`](crate::Family) lists.
    #[must_use]
    pub fn with_scrubbing(mut self, scrubbing: Scrubbing) -> Self {
        self.scrubber = self.scrubber.with_settings(scrubbing);
        self.scrub_resource()
    }

    /// Whose code is the application's, by prefixes of crates, packages, modules, functions or
    /// paths; wins over [`with_in_app_exclude`](Self::with_in_app_exclude) and over the rules.
    ///
    /// A prefix ends where a name ends: `shop` is the crate `shop` and all in it, but not
    /// `shopping`; `com.shop` is a package of Java, `/srv/shop` a directory. Further calls add
    /// to the list. By default what is not surely a library or the runtime is the application's.
    #[must_use]
    pub fn with_in_app_include<P: Into<String>>(
        mut self,
        prefixes: impl IntoIterator<Item = P>,
    ) -> Self {
        self.in_app.include(prefixes.into_iter().map(Into::into));
        self
    }

    /// Whose code is not the application's, by prefixes as in
    /// [`with_in_app_include`](Self::with_in_app_include); wins over the rules. By default none.
    #[must_use]
    pub fn with_in_app_exclude<P: Into<String>>(
        mut self,
        prefixes: impl IntoIterator<Item = P>,
    ) -> Self {
        self.in_app.exclude(prefixes.into_iter().map(Into::into));
        self
    }

    /// What the kernel of this machine says of itself, for errors.
    pub(crate) fn with_kernel(mut self, kernel: Kernel) -> Self {
        self.kernel = kernel;
        self
    }

    /// Maps spans as if all of them had been exported in one batch: one item for each segment.
    pub fn map(&self, spans: Vec<SpanData>) -> Vec<Mapped> {
        let mut buffer = SegmentBuffer::new();
        let mut segments = buffer.ingest(spans, Duration::ZERO).segments;
        segments.extend(buffer.drain());
        segments.into_iter().filter_map(|segment| self.map_segment(segment)).collect()
    }

    /// The release of what does not tell its own.
    pub(crate) fn release(&self) -> Option<&StringValue> {
        self.release.as_ref().or(self.resource.release.as_ref())
    }

    /// The environment of what does not tell its own.
    pub(crate) fn environment(&self) -> &str {
        let told = self.environment.as_ref().or(self.resource.environment.as_ref());
        told.map_or(transaction::ENVIRONMENT, StringValue::as_str)
    }

    /// How many error events the segment would make, of which some are too many, and how many
    /// errors are ignored.
    pub(crate) fn count_errors(&self, segment: &Segment) -> (usize, usize) {
        let Failures { sent, ignored, surplus, .. } = self.failures(segment, &self.read(segment));
        (sent.len().saturating_add(surplus), ignored)
    }

    /// Maps one segment; none only if it has no spans.
    pub fn map_segment(&self, segment: Segment) -> Option<Mapped> {
        self.map_part(segment, Extent::Whole)
    }

    /// Whether a span may make an error event.
    pub(crate) fn is_failure(&self, span: &SpanData) -> bool {
        let with_status = self.status_errors == StatusErrors::Sent;
        errors::is_failure(span, with_status, &self.errors.filter)
    }

    /// Maps the errors of what has come of a segment; its spans, and what is left out of its
    /// errors, are counted when the rest has come.
    pub(crate) fn map_errors(&self, branch: Segment) -> Option<Mapped> {
        let mut mapped = self.map_nameless(branch)?;
        (mapped.repeated_errors, mapped.ignored_errors, mapped.surplus_errors) = (0, 0, 0);
        Some(mapped)
    }

    /// Maps the error of a span that stands in for the real one and is not sent itself.
    pub(crate) fn map_alone(&self, segment: Segment) -> Option<Mapped> {
        // The real span may hold other errors at the same place in its list.
        let span = segment.root()?;
        let moment = span.start_time.duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
        let id = event_id(&span.span_context, u64::try_from(moment).unwrap_or(u64::MAX));
        let mut mapped = self.map_nameless(segment)?;
        mapped.events.iter_mut().for_each(|event| event.event_id = id);
        Some(mapped)
    }

    fn map_nameless(&self, segment: Segment) -> Option<Mapped> {
        let mut mapped = self.map_part(segment, Extent::Errors)?;
        // Nobody knows the name of the transaction; trace headers leave out those of this source.
        mapped.transaction.source = TransactionSource::Url;
        mapped.events.iter_mut().for_each(|event| event.transaction = None);
        Some(mapped)
    }

    fn map_part(&self, mut segment: Segment, extent: Extent) -> Option<Mapped> {
        // Rules see what is taken out.
        let verdict = match extent {
            Extent::Whole => self.judge(&segment),
            Extent::Errors => Verdict::default(),
        };
        let reading = self.read(&segment);
        let known = self.scrub(&mut segment);
        let crumbs = Crumb::all(&segment.spans, &reading);
        let root_span = segment.root()?;
        let mut room = Room::for_spans(segment.spans.len(), known);
        let root = Root::of(root_span, self, &mut room);
        let failures = self.failures(&segment, &reading);
        let (repeated_errors, ignored_errors) = (failures.repeated, failures.ignored);
        let surplus_errors = failures.surplus;
        let error_spans = failures.sent.iter().map(|failure| failure.span.span_context.span_id());
        let error_spans = error_spans.collect();
        // Many errors share the room for what led to them.
        let kept = MAX_CRUMBS.checked_div(failures.sent.len()).unwrap_or(0).min(breadcrumb::MAX);
        let events = failures
            .sent
            .into_iter()
            .map(|failure| event::event(failure, (&root, root_span), (&crumbs, kept), self))
            .collect();
        let (breadcrumbs, crumb_spans) = Crumb::last(&crumbs);
        let (root_span, below) = segment.spans.split_first_mut()?;
        let place = (segment.kind, segment.part);
        let mut transaction = root.into_transaction(root_span, place, self, &mut room);
        transaction.breadcrumbs = breadcrumbs;
        if extent == Extent::Whole {
            let child = |span| span::Mapped::child(span, &self.tags, &mut room);
            transaction.spans = below.iter_mut().map(child).collect();
        }
        room.share(&mut transaction);
        let mut mapped = Mapped {
            transaction,
            events,
            repeated_errors,
            ignored_errors,
            surplus_errors,
            is_ignored: verdict.is_ignored,
            ignored_spans: 0,
            crumb_spans,
            error_spans,
        };
        mapped.ignore_spans(&verdict);
        Some(mapped)
    }

    fn scrub_resource(mut self) -> Self {
        if let Some(given) = &self.given_resource {
            self.resource = ResourceFields::of(&self.scrubber.resource(given));
        }
        self
    }

    /// Takes out of spans what must not be sent; tells what is known of the attributes of all.
    fn scrub(&self, segment: &mut Segment) -> Vec<Option<Attribute>> {
        let count = segment.spans.iter().map(|span| span.attributes.len()).sum();
        let mut known = Vec::with_capacity(count);
        segment.spans.iter_mut().for_each(|span| self.scrubber.scrub_span(span, &mut known));
        known
    }

    fn read(&self, segment: &Segment) -> Reading {
        Reading::of(&segment.spans, &self.errors, &self.in_app)
    }

    fn failures<'a>(&self, segment: &'a Segment, reading: &Reading) -> Failures<'a> {
        let with_status = self.status_errors == StatusErrors::Sent;
        Failures::of(segment, reading, with_status, &self.errors, &self.in_app)
    }
}

/// Whether a span failed, as far as that does not depend on settings.
pub(crate) fn is_failure(span: &SpanData) -> bool {
    errors::is_failure(span, true, &EventFilter::new())
}

/// Whether a span is worth a look for errors; [`is_failure`] looks at all that it recorded.
pub(crate) fn may_be_failure(span: &SpanData) -> bool {
    !span.events.is_empty() || matches!(span.status, Status::Error { .. })
}
