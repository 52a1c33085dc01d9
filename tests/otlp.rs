//! The other road: OpenTelemetry's own exporters, as this crate points them at a DSN.

mod common;

use std::error::Error;
use std::future::Future;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, UNIX_EPOCH};

use async_trait::async_trait;
use bytes::Bytes;
use common::envelope::Request;
use common::sentry::{Answer, FakeSentry, KEY};
use common::spans::{TRACE, at};
use common::watchdog::watchdog;
use opentelemetry::logs::{AnyValue, LogRecord as _, Logger as _, LoggerProvider as _, Severity};
use opentelemetry::trace::{
    Link, Span as _, SpanContext, SpanKind, Status, TraceContextExt, TraceState, Tracer,
    TracerProvider,
};
use opentelemetry::{
    Array, Context, InstrumentationScope, KeyValue, SpanId, StringValue, TraceFlags, TraceId, Value,
};
use opentelemetry_http::{HttpClient, HttpError};
use opentelemetry_otlp::WithHttpConfig;
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{self as wire, any_value};
use opentelemetry_proto::tonic::logs::v1 as wire_logs;
use opentelemetry_proto::tonic::trace::v1 as wire_traces;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::logs::SdkLoggerProvider;
use opentelemetry_sdk::runtime::Tokio;
use opentelemetry_sdk::trace::span_processor_with_async_runtime::BatchSpanProcessor;
use opentelemetry_sdk::trace::{IdGenerator, SdkTracerProvider};
use opentelemetry_sentry::{BuildError, OtlpEndpoint, otlp};
use prost::Message;

const LIMIT: Duration = Duration::from_secs(60);

/// As Sentry answers.
fn sentry() -> FakeSentry {
    FakeSentry::always(Answer { body: String::new(), ..Answer::status(202) })
}

/// One number after the other.
#[derive(Debug, Default)]
struct Counting(AtomicU64);

impl IdGenerator for Counting {
    fn new_trace_id(&self) -> TraceId {
        TraceId::from(TRACE)
    }

    fn new_span_id(&self) -> SpanId {
        SpanId::from(self.0.fetch_add(1, Ordering::Relaxed) + 1)
    }
}

fn attribute(key: &str, value: any_value::Value) -> wire::KeyValue {
    let value = Some(wire::AnyValue { value: Some(value) });
    wire::KeyValue { key: key.into(), value, ..Default::default() }
}

fn text(key: &str, value: &str) -> wire::KeyValue {
    attribute(key, any_value::Value::StringValue(value.into()))
}

fn array(key: &str, values: impl IntoIterator<Item = any_value::Value>) -> wire::KeyValue {
    let values = values.into_iter().map(|value| wire::AnyValue { value: Some(value) }).collect();
    attribute(key, any_value::Value::ArrayValue(wire::ArrayValue { values }))
}

fn nanos(millis: u64) -> u64 {
    at(millis).duration_since(UNIX_EPOCH).unwrap().as_nanos().try_into().unwrap()
}

fn trace_bytes() -> Vec<u8> {
    TRACE.to_be_bytes().to_vec()
}

fn span_bytes(id: u64) -> Vec<u8> {
    id.to_be_bytes().to_vec()
}

/// A value of each kind that an attribute can have.
fn all_kinds() -> Vec<KeyValue> {
    let texts: Vec<StringValue> = vec!["a".into(), "b".into()];
    vec![
        KeyValue::new("http.route", "/orders/{id}"),
        KeyValue::new("retry", true),
        KeyValue::new("count", -7),
        KeyValue::new("ratio", 0.25),
        KeyValue::new("texts", Value::Array(texts.into())),
        KeyValue::new("flags", Value::Array(vec![true, false].into())),
        KeyValue::new("numbers", Value::Array(vec![1_i64, i64::MAX].into())),
        KeyValue::new("ratios", Value::Array(Array::F64(vec![0.5]))),
    ]
}

fn all_kinds_on_the_wire() -> Vec<wire::KeyValue> {
    use any_value::Value::{BoolValue, DoubleValue, IntValue, StringValue};
    vec![
        text("http.route", "/orders/{id}"),
        attribute("retry", BoolValue(true)),
        attribute("count", IntValue(-7)),
        attribute("ratio", DoubleValue(0.25)),
        array("texts", [StringValue("a".into()), StringValue("b".into())]),
        array("flags", [BoolValue(true), BoolValue(false)]),
        array("numbers", [IntValue(1), IntValue(i64::MAX)]),
        array("ratios", [DoubleValue(0.5)]),
    ]
}

/// What every request has to be; gives its body.
fn body<M: Message + Default>(request: &Request, path: &str) -> M {
    assert_eq!((&*request.method, &*request.path), ("POST", path));
    let header = |name| request.header(name).unwrap_or_else(|| panic!("no single {name}"));
    assert_eq!(header("x-sentry-auth"), format!("sentry sentry_key={KEY}"));
    assert_eq!(header("content-type"), "application/x-protobuf");
    assert_eq!(header("content-encoding"), "gzip");
    assert!(request.headers("authorization").is_empty());
    M::decode(&*request.body).expect("a message of OTLP")
}

#[test]
fn every_span_arrives_as_it_was_made() {
    watchdog(LIMIT, || {
        let sentry = sentry();
        let exporter = otlp::span_exporter(sentry.dsn()).unwrap();
        let provider = SdkTracerProvider::builder()
            .with_id_generator(Counting::default())
            .with_max_events_per_span(2)
            .with_resource(
                Resource::builder_empty()
                    .with_attribute(KeyValue::new("service.name", "shop"))
                    .build(),
            )
            .with_batch_exporter(exporter)
            .build();
        let scope = InstrumentationScope::builder("orders").with_version("1.2.3").build();
        let tracer = provider.tracer_with_scope(scope);
        let context = |id: u64, state: &str| {
            let state = state.parse::<TraceState>().unwrap();
            SpanContext::new(TRACE.into(), id.into(), TraceFlags::SAMPLED, true, state)
        };
        let caller = Context::new().with_remote_span_context(context(0xca11, "vendor=1"));
        let root = tracer
            .span_builder("GET /orders/{id}")
            .with_kind(SpanKind::Server)
            .with_start_time(at(0))
            .with_attributes(all_kinds())
            .with_links(vec![Link::new(context(0x11, ""), vec![KeyValue::new("why", "batch")], 0)])
            .start_with_context(&tracer, &caller);
        let root = Context::new().with_span(root);
        let mut child = tracer
            .span_builder("SELECT orders")
            .with_kind(SpanKind::Client)
            .with_start_time(at(10))
            .start_with_context(&tracer, &root);
        child.add_event_with_timestamp("cache miss", at(11), vec![KeyValue::new("key", 7)]);
        child.add_event_with_timestamp(
            "exception",
            at(12),
            vec![
                KeyValue::new("exception.type", "Locked"),
                KeyValue::new("exception.message", "the table is locked"),
            ],
        );
        child.add_event("one too many", Vec::new());
        child.set_status(Status::error("the table is locked"));
        child.end_with_timestamp(at(20));
        root.span().set_status(Status::Ok);
        root.span().end_with_timestamp(at(30));
        provider.shutdown().unwrap();

        let requests = sentry.requests();
        assert_eq!(requests.len(), 1);
        assert!(requests[0].wire_length < requests[0].body.len());
        let message: ExportTraceServiceRequest =
            body(&requests[0], "/api/42/integration/otlp/v1/traces");
        let [resource] = &*message.resource_spans else { panic!("{message:?}") };
        let service = vec![text("service.name", "shop")];
        assert_eq!(resource.resource.as_ref().unwrap().attributes, service);
        let [scope] = &*resource.scope_spans else { panic!("{message:?}") };
        let from = scope.scope.as_ref().unwrap();
        assert_eq!((&*from.name, &*from.version), ("orders", "1.2.3"));
        let mut spans = scope.spans.clone();
        spans.sort_by_key(|span| span.start_time_unix_nano);
        assert_eq!(spans, [root_on_the_wire(), child_on_the_wire()]);
    });
}

fn root_on_the_wire() -> wire_traces::Span {
    wire_traces::Span {
        trace_id: trace_bytes(),
        span_id: span_bytes(1),
        trace_state: "vendor=1".into(),
        parent_span_id: span_bytes(0xca11),
        // Sampled, and the parent is known to be remote.
        flags: 0x301,
        name: "GET /orders/{id}".into(),
        kind: wire_traces::span::SpanKind::Server.into(),
        start_time_unix_nano: nanos(0),
        end_time_unix_nano: nanos(30),
        attributes: all_kinds_on_the_wire(),
        links: vec![wire_traces::span::Link {
            trace_id: trace_bytes(),
            span_id: span_bytes(0x11),
            attributes: vec![text("why", "batch")],
            flags: 0x301,
            ..Default::default()
        }],
        status: Some(wire_traces::Status {
            code: wire_traces::status::StatusCode::Ok.into(),
            ..Default::default()
        }),
        ..Default::default()
    }
}

fn child_on_the_wire() -> wire_traces::Span {
    wire_traces::Span {
        trace_id: trace_bytes(),
        span_id: span_bytes(2),
        trace_state: "vendor=1".into(),
        parent_span_id: span_bytes(1),
        flags: 0x101,
        name: "SELECT orders".into(),
        kind: wire_traces::span::SpanKind::Client.into(),
        start_time_unix_nano: nanos(10),
        end_time_unix_nano: nanos(20),
        events: vec![
            wire_traces::span::Event {
                time_unix_nano: nanos(11),
                name: "cache miss".into(),
                attributes: vec![attribute("key", any_value::Value::IntValue(7))],
                ..Default::default()
            },
            wire_traces::span::Event {
                time_unix_nano: nanos(12),
                name: "exception".into(),
                attributes: vec![
                    text("exception.type", "Locked"),
                    text("exception.message", "the table is locked"),
                ],
                ..Default::default()
            },
        ],
        dropped_events_count: 1,
        status: Some(wire_traces::Status {
            code: wire_traces::status::StatusCode::Error.into(),
            message: "the table is locked".into(),
        }),
        ..Default::default()
    }
}

#[test]
fn every_log_record_arrives_as_it_was_made() {
    watchdog(LIMIT, || {
        let sentry = sentry();
        let exporter = otlp::log_exporter(sentry.dsn()).unwrap();
        let provider = SdkLoggerProvider::builder().with_batch_exporter(exporter).build();
        let logger = provider.logger("orders");
        let mut record = logger.create_log_record();
        record.set_timestamp(at(1));
        record.set_observed_timestamp(at(2));
        record.set_event_name("order.refused");
        record.set_severity_number(Severity::Warn);
        record.set_severity_text("WARN");
        record.set_body("no tea left".into());
        record.add_attribute("product", 7);
        record.add_attribute("wanted", AnyValue::ListAny(Box::new(vec!["tea".into(), 3.into()])));
        record.set_trace_context(TRACE.into(), SpanId::from(9), Some(TraceFlags::SAMPLED));
        logger.emit(record);
        provider.shutdown().unwrap();

        let requests = sentry.requests();
        assert_eq!(requests.len(), 1);
        let message: ExportLogsServiceRequest =
            body(&requests[0], "/api/42/integration/otlp/v1/logs");
        let [resource] = &*message.resource_logs else { panic!("{message:?}") };
        let [scope] = &*resource.scope_logs else { panic!("{message:?}") };
        assert_eq!(scope.scope.as_ref().unwrap().name, "orders");
        use any_value::Value::{IntValue, StringValue};
        let expected = wire_logs::LogRecord {
            time_unix_nano: nanos(1),
            observed_time_unix_nano: nanos(2),
            severity_number: wire_logs::SeverityNumber::Warn.into(),
            severity_text: "WARN".into(),
            body: Some(wire::AnyValue { value: Some(StringValue("no tea left".into())) }),
            attributes: vec![
                attribute("product", IntValue(7)),
                array("wanted", [StringValue("tea".into()), IntValue(3)]),
            ],
            flags: 1,
            trace_id: trace_bytes(),
            span_id: span_bytes(9),
            event_name: "order.refused".into(),
            ..Default::default()
        };
        assert_eq!(scope.log_records, [expected]);
    });
}

/// The names of the spans that have come, by request.
fn names(sentry: &FakeSentry) -> Vec<Vec<String>> {
    let of_request = |request: &Request| {
        let message: ExportTraceServiceRequest =
            body(request, "/api/42/integration/otlp/v1/traces");
        let scopes = message.resource_spans.into_iter().flat_map(|it| it.scope_spans);
        scopes.flat_map(|it| it.spans).map(|span| span.name).collect()
    };
    sentry.requests().iter().map(of_request).collect()
}

#[test]
fn every_processor_of_the_sdk_can_send_on_every_thread() {
    fn simple(dsn: String) {
        let exporter = otlp::span_exporter(dsn).unwrap();
        let provider = SdkTracerProvider::builder().with_simple_exporter(exporter).build();
        provider.tracer("tests").start("work").end();
    }
    fn batch(dsn: String) {
        let exporter = otlp::span_exporter(dsn).unwrap();
        let provider = SdkTracerProvider::builder().with_batch_exporter(exporter).build();
        provider.tracer("tests").start("work").end();
        provider.force_flush().unwrap();
    }
    async fn asynchronous(dsn: String) {
        let exporter = otlp::span_exporter(dsn).unwrap();
        let processor = BatchSpanProcessor::builder(exporter, Tokio).build();
        let provider = SdkTracerProvider::builder().with_span_processor(processor).build();
        provider.tracer("tests").start("work").end();
        tokio::task::spawn_blocking(move || provider.force_flush().unwrap()).await.unwrap();
    }
    fn on_current<F: Future<Output = ()>>(body: F) {
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(body);
    }
    /// On a thread of its own, which is what a worker of the runtime is.
    fn on_workers<F: Future<Output = ()> + Send + 'static>(body: F) {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(async { tokio::spawn(body).await.unwrap() });
    }
    type Way = (&'static str, fn(String));
    let ways: [Way; 8] = [
        ("simple", simple),
        ("batch", batch),
        ("simple, one thread", |dsn| on_current(async { simple(dsn) })),
        ("batch, one thread", |dsn| on_current(async { batch(dsn) })),
        ("simple, workers", |dsn| on_workers(async { simple(dsn) })),
        ("batch, workers", |dsn| on_workers(async { batch(dsn) })),
        ("asynchronous, workers", |dsn| on_workers(asynchronous(dsn))),
        ("asynchronous, one thread", |dsn| on_current(asynchronous(dsn))),
    ];
    for (name, send) in ways {
        watchdog(LIMIT, move || {
            let sentry = sentry();
            send(sentry.dsn());
            assert_eq!(names(&sentry), [["work"]], "{name}");
        });
    }
}

#[test]
fn nothing_of_the_environment_changes_what_is_sent() {
    let variables = [
        ("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Bearer of-another-backend"),
        ("OTEL_EXPORTER_OTLP_TRACES_HEADERS", "authorization=Bearer x,x-sentry-auth=sentry y,a=b"),
        ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://127.0.0.1:1/v1/traces"),
        ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "http/json"),
        ("OTEL_EXPORTER_OTLP_TRACES_COMPRESSION", "none"),
        ("OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "1"),
    ];
    let variables = variables.map(|(name, value)| (name, Some(value)));
    watchdog(LIMIT, move || {
        temp_env::with_vars(variables, || {
            let sentry = FakeSentry::always(Answer {
                body: String::new(),
                delay: Duration::from_millis(50),
                ..Answer::status(202)
            });
            let exporter = otlp::span_exporter(sentry.dsn()).unwrap();
            let provider = SdkTracerProvider::builder().with_batch_exporter(exporter).build();
            provider.tracer("tests").start("work").end();
            provider.shutdown().unwrap();
            assert_eq!(names(&sentry), [["work"]]);
            assert_eq!(sentry.requests()[0].header("a"), None);
        });
    });
}

/// Keeps the requests of an exporter that is not ours.
#[derive(Clone, Debug, Default)]
struct Kept(Arc<Mutex<Vec<http::Request<Bytes>>>>);

#[async_trait]
impl HttpClient for Kept {
    async fn send_bytes(
        &self,
        request: http::Request<Bytes>,
    ) -> Result<http::Response<Bytes>, HttpError> {
        self.0.lock().unwrap().push(request);
        Ok(http::Response::new(Bytes::new()))
    }
}

#[test]
fn the_variables_send_an_exporter_to_the_same_place() {
    let endpoint = OtlpEndpoint::from_dsn("https://publickey@sentry.example:8443/a/42").unwrap();
    let variables = endpoint.env_vars().map(|(name, value)| (name, Some(value)));
    let kept = Kept::default();
    temp_env::with_vars(variables, || {
        let traces = opentelemetry_otlp::SpanExporter::builder()
            .with_http()
            .with_http_client(kept.clone())
            .build()
            .unwrap();
        let provider = SdkTracerProvider::builder().with_simple_exporter(traces).build();
        provider.tracer("tests").start("work").end();
        let logs = opentelemetry_otlp::LogExporter::builder()
            .with_http()
            .with_http_client(kept.clone())
            .build()
            .unwrap();
        let provider = SdkLoggerProvider::builder().with_simple_exporter(logs).build();
        let logger = provider.logger("tests");
        logger.emit(logger.create_log_record());
    });
    let requests = kept.0.lock().unwrap();
    let urls: Vec<_> = requests.iter().map(|request| request.uri().to_string()).collect();
    assert_eq!(urls, [endpoint.traces_url(), endpoint.logs_url()]);
    for request in &*requests {
        assert_eq!(request.headers()["x-sentry-auth"], "sentry sentry_key=publickey");
    }
}

#[test]
fn a_refusal_is_an_error_and_no_text_tells_the_key() {
    watchdog(LIMIT, || {
        let sentry = FakeSentry::always(Answer::status(401));
        let exporter = otlp::span_exporter(sentry.dsn()).unwrap();
        let shown = format!("{exporter:?} {:?}", otlp::log_exporter(sentry.dsn()).unwrap());
        assert!(!shown.contains(KEY), "{shown}");
        let provider = SdkTracerProvider::builder().with_batch_exporter(exporter).build();
        provider.tracer("tests").start("work").end();
        let error = provider.force_flush().unwrap_err().to_string();
        assert!(error.contains("401") && !error.contains(KEY), "{error}");
        assert_eq!(sentry.requests().len(), 1);
    });
}

#[test]
fn a_dsn_that_cannot_work_is_an_error_that_names_the_function() {
    let fails = |result: Result<(), BuildError>| {
        let error: Box<dyn Error> = Box::new(result.unwrap_err());
        assert!(!format!("{error} {error:?}").contains(KEY), "{error:?}");
        error.to_string()
    };
    let dsn = format!("https://{KEY}@sentry.example/shop");
    let spans = fails(otlp::span_exporter(&dsn).map(drop));
    assert!(spans.starts_with("otlp::span_exporter: its project id"), "{spans}");
    let logs = fails(otlp::log_exporter(&dsn).map(drop));
    assert!(logs.starts_with("otlp::log_exporter: its project id"), "{logs}");
}

#[cfg(any(feature = "rustls", feature = "native-tls"))]
#[test]
fn a_dsn_of_https_is_reached_by_tls_that_trusts_the_system() {
    use common::tls::{Authority, TlsFront};

    let authority = Authority::new();
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), authority.pem()).unwrap();
    let path = file.path().to_owned();
    watchdog(LIMIT, move || {
        let sentry = sentry();
        let front = TlsFront::start(&sentry.dsn(), &authority.certify("127.0.0.1"));
        let send = || {
            let exporter = otlp::span_exporter(front.dsn()).unwrap();
            let provider = SdkTracerProvider::builder().with_batch_exporter(exporter).build();
            provider.tracer("tests").start("work").end();
            provider.force_flush()
        };
        send().unwrap_err();
        assert!(sentry.requests().is_empty());
        temp_env::with_var("SSL_CERT_FILE", Some(path), send).unwrap();
        assert_eq!(names(&sentry), [["work"]]);
    });
}
