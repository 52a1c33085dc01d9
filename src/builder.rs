mod destination;
mod filters;
mod protocol;
mod routing;
mod settings;

use std::env::VarError;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::client::{self, ClientSettings};
use crate::environment::Environment;
use crate::error::BuildError;
use crate::exporter::SentrySpanExporter;
use crate::hooks::Hooks;
use crate::mapping::{EventFilter, Mapper, TagPolicy};
use crate::pattern::Pattern;
use crate::propagation::{Continuation, Service, TraceRegistry};
use crate::protocol::{Compression, MAX_SPANS, Protocol};
use crate::router::Router;
use crate::sampling::Sampling;
use crate::scrub::Scrubbing;
use crate::segment::Bounds;
use crate::spool::Spool;
use crate::spotlight::Spotlight;
use crate::transport::{HttpTransport, Transport};

/// Settings of a [`SentrySpanExporter`].
///
/// What is set in code wins over the environment, which wins over the resource of the provider,
/// which wins over the default. An empty text is as good as none.
#[derive(Clone, Default)]
#[must_use = "settings do nothing until `build` is called"]
pub struct SentrySpanExporterBuilder {
    dsn: Option<String>,
    release: Option<String>,
    environment: Option<String>,
    dist: Option<String>,
    mapper: Mapper,
    hooks: Hooks,
    protocol: Protocol,
    compression: Compression,
    client: ClientSettings,
    /// With the setter that gave it.
    transport: Option<(&'static str, Arc<dyn Transport>)>,
    segment_timeout: Option<Duration>,
    error_timeout: Option<Duration>,
    pending: Bounds,
    max_spans: Option<usize>,
    max_in_flight: Option<usize>,
    queue_bytes: Option<usize>,
    client_reports: Option<bool>,
    sampling: Option<Sampling>,
    continuation: Continuation,
    spotlight: Option<Spotlight>,
    #[cfg(feature = "logs")]
    log_errors: bool,
    spool: Option<Spool>,
    router: Option<Router>,
}

const BATCH_VARIABLE: &str = "OTEL_BSP_MAX_EXPORT_BATCH_SIZE";

/// The largest batch of the SDK's processors where nothing else is said.
const DEFAULT_BATCH: usize = 512;

impl SentrySpanExporter {
    /// Settings to begin with.
    pub fn builder() -> SentrySpanExporterBuilder {
        SentrySpanExporterBuilder::default()
    }

    /// An exporter that takes everything from the environment: `SENTRY_DSN`, `SENTRY_RELEASE` and
    /// `SENTRY_ENVIRONMENT`.
    ///
    /// # Errors
    ///
    /// If a variable has a value that cannot work; the error names it. An absent or empty
    /// `SENTRY_DSN` is no error: the exporter then does nothing.
    pub fn from_env() -> Result<Self, BuildError> {
        Self::builder().build()
    }
}

impl SentrySpanExporterBuilder {
    /// How many requests are on their way at the same time by default.
    pub const DEFAULT_MAX_IN_FLIGHT: usize = 256;

    /// How much may wait to be sent by default, in bytes of compressed envelopes.
    pub const DEFAULT_QUEUE_BYTES: usize = 32 * 1024 * 1024;

    /// How long one request may take by default.
    pub const DEFAULT_TIMEOUT: Duration = client::DEFAULT_TIMEOUT;

    /// How long an error waits for the root of its segment by default.
    pub const DEFAULT_ERROR_TIMEOUT: Duration = Duration::from_secs(10);

    /// The address of the project, as Sentry shows it: `https://<key>@<host>/<project id>`.
    ///
    /// Environment: `SENTRY_DSN`. Default: none, and the exporter does nothing, or only what
    /// [`with_router`](Self::with_router) says.
    pub fn with_dsn(mut self, dsn: impl Into<String>) -> Self {
        self.dsn = Some(dsn.into());
        self
    }

    /// The version of the software, best as `name@version`; at most 200 bytes, no slash.
    ///
    /// Environment: `SENTRY_RELEASE`. Default: the attribute `sentry.release` of the root span,
    /// then of the resource, then `service.name@service.version`.
    pub fn with_release(mut self, release: impl Into<String>) -> Self {
        self.release = Some(release.into());
        self
    }

    /// Where the software runs; at most 64 bytes, no slash, not `none`.
    ///
    /// Environment: `SENTRY_ENVIRONMENT`. Default: the attribute `sentry.environment` of the root
    /// span, then of the resource, then `deployment.environment.name`, then `production`.
    pub fn with_environment(mut self, environment: impl Into<String>) -> Self {
        self.environment = Some(environment.into());
        self
    }

    /// The distribution of the release, such as a build number; at most 64 chars of letters,
    /// digits, `_`, `.` and `-`. Default: none.
    pub fn with_dist(mut self, dist: impl Into<String>) -> Self {
        self.dist = Some(dist.into());
        self
    }

    /// Which attributes become tags. Default: [`TagPolicy::Root`].
    ///
    /// ```
    /// use opentelemetry_sentry::{SentrySpanExporter, TagPolicy};
    ///
    /// let builder = SentrySpanExporter::builder().with_tags(TagPolicy::Keys(vec!["http.route".into()]));
    /// # let _ = builder;
    /// ```
    pub fn with_tags(mut self, tags: TagPolicy) -> Self {
        self.mapper = self.mapper.with_tags(tags);
        self
    }

    /// Whether addresses, names and mail addresses of users, cookies of requests, values of query
    /// strings and literals of queries may be sent. Default: `false`. Passwords, keys and tokens
    /// are taken out all the same: see [`with_scrubbing`](Self::with_scrubbing).
    pub fn with_send_default_pii(mut self, send: bool) -> Self {
        self.mapper = self.mapper.with_send_default_pii(send);
        self
    }

    /// What is taken out of spans and errors. Default: all that [`Family`](crate::Family) lists;
    /// [`with_send_default_pii`](Self::with_send_default_pii) opens a part of it.
    pub fn with_scrubbing(mut self, scrubbing: Scrubbing) -> Self {
        self.mapper = self.mapper.with_scrubbing(scrubbing);
        self
    }

    /// Whether a span with an error status, but without a recorded exception, makes an issue.
    /// Default: `true`, once for each failing branch of a trace.
    pub fn with_status_errors(mut self, sent: bool) -> Self {
        self.mapper = self.mapper.with_status_errors(sent);
        self
    }

    /// Which events of spans make issues and which are breadcrumbs, by the level and the target
    /// that `tracing` gives them. Default: issues from `ERROR` on, all others are breadcrumbs.
    ///
    /// ```
    /// use opentelemetry_sentry::{EventFilter, LevelFilter, SentrySpanExporter};
    ///
    /// let builder = SentrySpanExporter::builder()
    ///     .with_event_filter(EventFilter::new().with_target_issues("sqlx", LevelFilter::OFF));
    /// # let _ = builder;
    /// ```
    pub fn with_event_filter(mut self, filter: EventFilter) -> Self {
        self.mapper = self.mapper.with_event_filter(filter);
        self
    }

    /// Whether an error that several spans recorded on its way up, or one span twice, makes one
    /// issue, at the innermost span and with all the context that it got; further records are
    /// counted in [`repeated_errors`](crate::Stats::repeated_errors). Off, each record makes an event, also
    /// where a line logs a panic that a `PanicHook` has seen. Default: `true`.
    pub fn with_deduplication(mut self, deduplicated: bool) -> Self {
        self.mapper = self.mapper.with_deduplication(deduplicated);
        self
    }

    /// Errors that are not sent, by patterns for their type or text: a text is a glob, in which
    /// `*` stands for any characters and `?` for one; see [`Pattern`].
    ///
    /// A pattern is for the whole of the type with or without its path (`*::Cancelled`), of the
    /// text (`*connection reset*`), of both (`Error: *reset*`), or of the message that was logged
    /// or that an error status describes; causes are not looked at. Capital letters matter.
    /// It sees them before anything is scrubbed, and a regular expression that cannot be read is
    /// an error of [`build`](Self::build). What it fits is counted as [`Ignored`](crate::DropReason::Ignored). Further calls add to
    /// the list. Default: none.
    ///
    /// ```
    /// use opentelemetry_sentry::{Pattern, SentrySpanExporter};
    ///
    /// let builder = SentrySpanExporter::builder()
    ///     .with_ignored_errors(["*::Cancelled", "*connection reset*"])
    ///     .with_ignored_errors([Pattern::regex("^order [0-9]+ is gone$")]);
    /// # let _ = builder;
    /// ```
    pub fn with_ignored_errors<P: Into<Pattern>>(
        mut self,
        patterns: impl IntoIterator<Item = P>,
    ) -> Self {
        self.mapper = self.mapper.with_ignored_errors(patterns);
        self
    }

    /// How many errors of one segment, which is a root span with all below it, are sent; more are
    /// counted as [`TooManyErrors`](crate::DropReason::TooManyErrors). Fatal ones, such as panics,
    /// are always sent. Default: 500.
    pub fn with_max_errors_per_segment(mut self, errors: usize) -> Self {
        self.mapper = self.mapper.with_max_errors_per_segment(errors);
        self
    }

    /// How many errors are sent within any 60 seconds; more are counted as
    /// [`TooManyErrors`](crate::DropReason::TooManyErrors). Fatal ones, such as panics, are counted
    /// apart, with the same limit. Default: no limit but what Sentry asks for.
    pub fn with_max_errors_per_minute(mut self, errors: usize) -> Self {
        self.mapper = self.mapper.with_max_errors_per_minute(errors);
        self
    }

    /// Whose code is the application's in stack traces, by prefixes of crates, packages, modules,
    /// functions or paths, such as `shop`, `com.shop` or `/srv/shop`. Sentry groups errors by the
    /// application's frames and shows them first.
    ///
    /// A prefix ends where a name ends: `shop` is not `shopping`. Wins over
    /// [`with_in_app_exclude`](Self::with_in_app_exclude), which wins over the rules. Further
    /// calls add to the list. Default: none; what is not surely a library or the runtime is the
    /// application's.
    ///
    /// ```
    /// use opentelemetry_sentry::SentrySpanExporter;
    ///
    /// // The first is a library of one's own, the second is generated and of no interest.
    /// let builder = SentrySpanExporter::builder()
    ///     .with_in_app_include(["shop_core"])
    ///     .with_in_app_exclude(["shop::api::generated"]);
    /// # let _ = builder;
    /// ```
    pub fn with_in_app_include<P: Into<String>>(
        mut self,
        prefixes: impl IntoIterator<Item = P>,
    ) -> Self {
        self.mapper = self.mapper.with_in_app_include(prefixes);
        self
    }

    /// Whose code is not the application's in stack traces, by prefixes as in
    /// [`with_in_app_include`](Self::with_in_app_include); wins over the rules. Default: none.
    pub fn with_in_app_exclude<P: Into<String>>(
        mut self,
        prefixes: impl IntoIterator<Item = P>,
    ) -> Self {
        self.mapper = self.mapper.with_in_app_exclude(prefixes);
        self
    }

    /// How many spans may wait for their parents; over it the oldest are sent without theirs.
    /// Default: 200,000.
    pub fn with_max_pending_spans(mut self, spans: usize) -> Self {
        self.pending.spans = spans;
        self
    }

    /// How much memory spans may take that wait for their parents, in bytes, counted from what
    /// their texts, attributes, events and links take; over it the oldest are sent without theirs.
    /// Default: 128 MiB.
    pub fn with_max_pending_bytes(mut self, bytes: usize) -> Self {
        self.pending.bytes = bytes;
        self
    }

    /// How many traces may have spans that wait for their parents; over it the oldest are sent
    /// without theirs. Default: 100,000.
    pub fn with_max_pending_traces(mut self, traces: usize) -> Self {
        self.pending.traces = traces;
        self
    }

    /// Which segments are sent, decided when they are whole: errors, slow ones, and a share of the
    /// rest, for example. See [`Sampling`].
    ///
    /// What is not sent is counted in `stats()` and told to Sentry, which counts right in spite of
    /// it. Spotlight gets everything. Default: every segment that the sampler of the provider let
    /// through is sent.
    ///
    /// ```
    /// use std::time::Duration;
    /// use opentelemetry_sentry::SentrySpanExporter;
    /// use opentelemetry_sentry::sampling::Sampling;
    ///
    /// let builder = SentrySpanExporter::builder().with_sampling(
    ///     Sampling::at_rate(0.1).keep_errors().keep_slower_than(Duration::from_secs(2)),
    /// );
    /// # let _ = builder;
    /// ```
    pub fn with_sampling(mut self, sampling: Sampling) -> Self {
        self.sampling = Some(sampling);
        self
    }

    /// How long a span waits for its parent before it is sent without it. Default: 300 seconds.
    pub fn with_segment_timeout(mut self, timeout: Duration) -> Self {
        self.segment_timeout = Some(timeout);
        self
    }

    /// How long an error waits for the root of its segment, whose name, request, user and tags it
    /// carries; after that it leaves with what is known, and its span goes on waiting. Zero lets
    /// it leave with the batch that brought it. Default: 10 seconds, which is two batches.
    pub fn with_error_timeout(mut self, timeout: Duration) -> Self {
        self.error_timeout = Some(timeout);
        self
    }

    /// Whether log records of the severity `ERROR` and above that tell of an exception, by the
    /// attributes `exception.type` or `exception.message`, make issues as well. Default: `false`,
    /// because where logs and spans come from the same events, the spans have told of it.
    ///
    /// With it, an error that a log and a span tell of, with the same type and text and in the same
    /// span, is sent once, as the one that came first.
    #[cfg(feature = "logs")]
    pub fn with_log_errors(mut self, sent: bool) -> Self {
        self.log_errors = sent;
        self
    }

    /// How many spans besides its root a transaction holds before it is sent in parts; at most
    /// 1000, which is the default.
    pub fn with_max_spans_per_transaction(mut self, spans: usize) -> Self {
        self.max_spans = Some(spans.min(MAX_SPANS));
        self
    }

    /// How many requests may be on their way at the same time. Default: 256.
    pub fn with_max_in_flight(mut self, requests: usize) -> Self {
        self.max_in_flight = Some(requests.max(1));
        self
    }

    /// How much may wait to be sent, in bytes of compressed envelopes; over it the oldest
    /// transactions are dropped first and errors last. What is on its way takes up to twice as much
    /// besides, because the body that is sent is a copy. Default: 32 MiB.
    pub fn with_queue_bytes(mut self, bytes: usize) -> Self {
        self.queue_bytes = Some(bytes);
        self
    }

    /// How long one request may take, from connecting to the end of the answer. Default: 30 s.
    pub fn with_timeout(mut self, timeout: Duration) -> Self {
        self.client.timeout = Some(timeout);
        self
    }

    /// The proxy for all requests, as `http://host:port` or `http://user:password@host:port`.
    ///
    /// It is one for HTTP, which is asked for a tunnel where the DSN begins with `https`. With the
    /// feature `socks` it may also be `socks5://host:port`, or `socks5h://host:port`, which leaves
    /// looking up the host of the DSN to the proxy. Characters that have a meaning in addresses are
    /// written as `%40` in a password.
    ///
    /// Environment: `HTTPS_PROXY` or `HTTP_PROXY`, as the DSN begins, else `ALL_PROXY`, unless
    /// `NO_PROXY` names the host. What is set here wins over all four. Default: none. An address
    /// of this machine in the DSN is reached without the proxy of the environment.
    pub fn with_proxy(mut self, proxy: impl Into<String>) -> Self {
        self.client.proxy = Some(proxy.into());
        self
    }

    /// Certificates to trust besides those of the operating system, as PEM.
    ///
    /// ```no_run
    /// use opentelemetry_sentry::SentrySpanExporter;
    ///
    /// let exporter = SentrySpanExporter::builder()
    ///     .with_ca_certificate(std::fs::read("/etc/ssl/company.pem")?)
    ///     .build()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn with_ca_certificate(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.client.ca_certificate = Some(pem.into());
        self
    }

    /// The certificate to show to a server that wants to know who sends, with its private key, as
    /// one PEM. Certificates between it and its authority may follow it. The key is best one of
    /// PKCS #8, which begins with `-----BEGIN PRIVATE KEY-----` and is the only kind that the
    /// feature `native-tls` takes. Default: none.
    ///
    /// ```no_run
    /// use opentelemetry_sentry::SentrySpanExporter;
    ///
    /// let mut pem = std::fs::read("/etc/shop/client.crt")?;
    /// pem.extend(std::fs::read("/etc/shop/client.key")?);
    /// let exporter = SentrySpanExporter::builder().with_client_certificate(pem).build()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn with_client_certificate(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.client.client_certificate = Some(pem.into());
        self
    }

    /// Accepts any certificate of the server, which makes TLS useless against an attacker in
    /// between. For tests; for a private authority use
    /// [`with_ca_certificate`](Self::with_ca_certificate). Default: `false`.
    pub fn with_danger_accept_invalid_certs(mut self, accept: bool) -> Self {
        self.client.accept_invalid_certs = accept;
        self
    }

    /// Whether Sentry is told, in client reports, what was lost on this side. Default: `true`.
    pub fn with_client_reports(mut self, sent: bool) -> Self {
        self.client_reports = Some(sent);
        self
    }

    /// The number of the organization in Sentry, which tells its traces from those of others.
    ///
    /// A trace that comes from another one is not continued by
    /// [`SentryPropagator`](crate::SentryPropagator); the spans here begin a new one. Default: the
    /// number in the host of the DSN, as in `o1.ingest.sentry.io`, else none.
    pub fn with_org_id(mut self, org_id: u64) -> Self {
        self.continuation.org_id = Some(org_id.to_string());
        self
    }

    /// Whether traces from Sentry's SDKs are only continued if they tell an organization and it is
    /// this one. With `false`, one is also continued if either side does not know its organization.
    /// Default: `false`. Traces without anything of Sentry are continued in any case.
    pub fn with_strict_trace_continuation(mut self, strict: bool) -> Self {
        self.continuation.is_strict = strict;
        self
    }

    /// Whether [Spotlight](https://spotlightjs.com), Sentry's tool for developers, gets a copy of
    /// everything: `true`, `false`, or its address.
    ///
    /// The copies are not compressed, leave out nothing personal, need no DSN, and never touch
    /// what goes to Sentry: while Spotlight is away they are dropped, and it is asked again after
    /// 1 to 60 seconds. A flush and a shutdown wait for them, 2 seconds each at most.
    ///
    /// Environment: `SENTRY_SPOTLIGHT`, a word for yes or no, or an address; it says the address
    /// where the code says only `true`. Default: `false`; the address then is
    /// `http://localhost:8969/stream`.
    ///
    /// ```
    /// use opentelemetry_sentry::SentrySpanExporter;
    ///
    /// let builder = SentrySpanExporter::builder().with_spotlight(cfg!(debug_assertions));
    /// let elsewhere = SentrySpanExporter::builder().with_spotlight("http://spotlight:8969/stream");
    /// # let _ = (builder, elsewhere);
    /// ```
    pub fn with_spotlight(mut self, spotlight: impl Into<Spotlight>) -> Self {
        self.spotlight = Some(spotlight.into());
        self
    }

    /// A directory for envelopes that memory cannot hold during an outage, and for those that are
    /// not delivered at shutdown; the next process with the same directory sends them.
    ///
    /// Only the owner can read the files; they hold what is sent, after scrubbing, and no key but
    /// the public one of the DSN. Default: none, and a long outage costs the oldest transactions.
    ///
    /// ```
    /// use std::time::Duration;
    /// use opentelemetry_sentry::{SentrySpanExporter, Spool};
    ///
    /// let spool = Spool::new("/var/lib/shop/sentry")
    ///     .with_max_bytes(64 * 1024 * 1024)
    ///     .with_max_age(Duration::from_secs(24 * 60 * 60));
    /// let builder = SentrySpanExporter::builder().with_spool(spool);
    /// # let _ = builder;
    /// ```
    #[cfg(feature = "spool")]
    pub fn with_spool(mut self, spool: Spool) -> Self {
        self.spool = Some(spool);
        self
    }

    /// The client to send by, in place of the exporter's own.
    ///
    /// It brings its own timeouts, proxies and TLS; setting them here as well is an error of
    /// [`build`](Self::build). It should follow no redirects, and should not be shared with
    /// another runtime, whose connections would not be served while that runtime stands still.
    pub fn with_http_client(mut self, client: reqwest::Client) -> Self {
        self.transport = Some(("with_http_client", Arc::new(HttpTransport::new(client))));
        self
    }

    /// The way to deliver, in place of HTTP by the exporter's own client.
    ///
    /// Setting timeouts, proxies or TLS here as well is an error of [`build`](Self::build).
    pub fn with_transport(mut self, transport: impl Transport) -> Self {
        self.transport = Some(("with_transport", Arc::new(transport)));
        self
    }

    /// Checks the settings and starts the exporter's thread.
    ///
    /// # Errors
    ///
    /// If a setting cannot work. The error names it, says why, and gives an example.
    pub fn build(self) -> Result<SentrySpanExporter, BuildError> {
        self.build_in(&Environment::of_process())
    }

    fn build_in<Read>(
        self,
        environment: &Environment<Read>,
    ) -> Result<SentrySpanExporter, BuildError>
    where
        Read: Fn(&str) -> Result<String, VarError>,
    {
        let full_batch = environment.number(BATCH_VARIABLE).unwrap_or(DEFAULT_BATCH);
        let continuation = self.continuation.clone();
        match self.settings(environment)? {
            Some(settings) => SentrySpanExporter::start(settings, full_batch),
            None => {
                let traces = TraceRegistry::new(None, continuation, Service::default());
                Ok(SentrySpanExporter::disabled(Arc::new(traces)))
            }
        }
    }
}

impl fmt::Debug for SentrySpanExporterBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SentrySpanExporterBuilder")
            .field("dsn", &self.dsn.as_ref().map(|_| "[Filtered]"))
            .field("release", &self.release)
            .field("environment", &self.environment)
            .field("dist", &self.dist)
            .field("protocol", &self.protocol)
            .field("segment_timeout", &self.segment_timeout)
            .field("error_timeout", &self.error_timeout)
            .field("max_in_flight", &self.max_in_flight)
            .field("queue_bytes", &self.queue_bytes)
            .field("router", &self.router)
            .finish_non_exhaustive()
    }
}
