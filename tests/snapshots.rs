//! What goes over the wire, whole: one snapshot for each thing that telemetry can tell.
//!
//! The exporter refuses what is old, so the spans, whose times are fixed, are moved to the present
//! and what comes of them is moved back. Ids of items and versions of this crate are left out.

mod common;

use std::env::consts::ARCH;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use common::envelope::Envelope;
use common::recorder::Recorder;
use common::spans::{SpanDataExt, at, span};
use common::telemetry::export;
use opentelemetry::trace::{
    Link, SpanContext, SpanId, SpanKind, Status, TraceFlags, TraceId, TraceState,
};
use opentelemetry::{Array, InstrumentationScope, KeyValue, StringValue, Value};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{SpanData, SpanExporter};
use opentelemetry_sentry::{SentrySpanExporter, SentrySpanExporterBuilder, TagPolicy};
use serde_json::{Value as Json, json};

const DSN: &str = "https://0123456789abcdef0123456789abcdef@o1.ingest.example.com/42";

/// How long anything may take.
const SOON: Duration = Duration::from_secs(10);

/// An exporter whose clock shows the time of the spans.
struct Sent {
    exporter: SentrySpanExporter,
    recorder: Recorder,
    /// How many seconds the present is ahead.
    ahead: i64,
}

impl Sent {
    fn by(builder: SentrySpanExporterBuilder) -> Self {
        let recorder = Recorder::default();
        let seconds = |time: SystemTime| time.duration_since(UNIX_EPOCH).unwrap().as_secs() as i64;
        let exporter = builder.with_dsn(DSN).with_transport(recorder.clone()).build().unwrap();
        Self { exporter, recorder, ahead: seconds(SystemTime::now()) - 60 - seconds(at(0)) }
    }

    fn with_resource(mut self, attributes: impl IntoIterator<Item = KeyValue>) -> Self {
        let resource = Resource::builder_empty().with_attributes(attributes).build();
        self.exporter.set_resource(&resource);
        self
    }

    fn batch(self, mut spans: Vec<SpanData>) -> Self {
        let moved = |time: SystemTime| match u64::try_from(self.ahead) {
            Ok(ahead) => time + Duration::from_secs(ahead),
            Err(_) => time - Duration::from_secs(self.ahead.unsigned_abs()),
        };
        for span in &mut spans {
            span.start_time = moved(span.start_time);
            span.end_time = moved(span.end_time);
            span.events
                .events
                .iter_mut()
                .for_each(|event| event.timestamp = moved(event.timestamp));
        }
        export(&self.exporter, spans).unwrap();
        self.exporter.flush(SOON).unwrap();
        self
    }

    /// The bodies of all requests; nothing waits any longer.
    fn bodies(&self) -> Vec<String> {
        self.exporter.shutdown_with_timeout(SOON).unwrap();
        self.recorder.bodies().into_iter().map(|body| String::from_utf8(body).unwrap()).collect()
    }

    /// The payloads: events before transactions, each in the order of time.
    fn payloads(self) -> Vec<Json> {
        let mut payloads = Vec::new();
        for body in self.bodies() {
            let envelope = Envelope::parse(body.as_bytes()).unwrap();
            let [item] = envelope.items.as_slice() else { panic!("one item: {body}") };
            for key in ["event_id", "sdk"] {
                assert_eq!(envelope.header[key], item.payload[key], "{key}");
            }
            let mut payload = item.payload.clone();
            self.redact(&mut payload);
            payloads.push(payload);
        }
        payloads.sort_by_key(|payload| {
            let micros = |key: &str| payload[key].as_f64().map(|time| (time * 1e6) as u64);
            (payload["type"] == "transaction", micros("start_timestamp"), micros("timestamp"))
        });
        payloads
    }

    fn redact(&self, json: &mut Json) {
        match json {
            Json::Array(items) => items.iter_mut().for_each(|item| self.redact(item)),
            Json::Object(fields) => {
                for (key, value) in fields {
                    match (key.as_str(), value.as_f64()) {
                        ("rust", _) => *value = "[rust]".into(),
                        ("arch", _) if *value == ARCH => *value = "[arch]".into(),
                        // That of the machine, and not the one that a resource says.
                        ("os", _) if value["name"] != "linux" => *value = "[os]".into(),
                        ("event_id", _) => *value = "[id]".into(),
                        ("sdk", _) => *value = "[sdk]".into(),
                        ("timestamp" | "start_timestamp", Some(time)) => {
                            let micros = ((time - self.ahead as f64) * 1e6).round();
                            *value = (micros / 1e6).into();
                        }
                        _ => self.redact(value),
                    }
                }
            }
            _ => {}
        }
    }
}

/// With the defaults.
fn sent(spans: Vec<SpanData>) -> Vec<Json> {
    Sent::by(SentrySpanExporter::builder()).batch(spans).payloads()
}

fn texts(texts: &[&'static str]) -> Value {
    Value::Array(Array::String(texts.iter().copied().map(StringValue::from).collect()))
}

/// A finished request as the instrumentation of a web framework describes it.
fn request() -> SpanData {
    span(1, 0, "GET /users/{id}", (0, 250)).kind(SpanKind::Server).attributes([
        KeyValue::new("http.request.method", "GET"),
        KeyValue::new("http.route", "/users/{id}"),
        KeyValue::new("http.response.status_code", 200),
        KeyValue::new("url.scheme", "https"),
        KeyValue::new("url.path", "/users/7"),
        KeyValue::new("url.query", "fields=name&token=abc"),
        KeyValue::new("server.address", "shop.example.com"),
        KeyValue::new("client.address", "203.0.113.7"),
        KeyValue::new("user.id", "7"),
        KeyValue::new("user.email", "somebody@example.com"),
        KeyValue::new("http.request.body.content", "card=4111"),
        KeyValue::new("http.request.header.accept", texts(&["text/html", "*/*"])),
        KeyValue::new("http.request.header.authorization", texts(&["Basic dXNlcjpwYXNz"])),
        KeyValue::new("user_agent.original", "curl/8.16"),
    ])
}

fn scoped(mut span: SpanData) -> SpanData {
    span.instrumentation_scope = InstrumentationScope::builder("web-framework")
        .with_version("1.2.3")
        .with_attributes([KeyValue::new("channel", "stable")])
        .build();
    span
}

#[test]
fn an_http_request_becomes_a_transaction_with_its_queries_and_calls() {
    let mut root = scoped(request());
    let linked = SpanContext::new(
        TraceId::from(0x55),
        SpanId::from(0x66),
        TraceFlags::SAMPLED,
        true,
        TraceState::NONE,
    );
    let attributes = vec![KeyValue::new("sentry.link.type", "previous_trace")];
    root.links.links.push(Link::new(linked, attributes, 0));
    let query = span(2, 1, "SELECT users", (10, 20)).kind(SpanKind::Client).attributes([
        KeyValue::new("db.system.name", "postgresql"),
        KeyValue::new("db.query.text", "SELECT * FROM users WHERE id = $1"),
        KeyValue::new("db.query.summary", "SELECT users"),
    ]);
    let call = span(3, 1, "GET", (30, 130))
        .kind(SpanKind::Client)
        .attributes([
            KeyValue::new("http.method", "GET"),
            KeyValue::new("http.url", "https://user:secret@prices.example.com/v1/7?currency=EUR#x"),
            KeyValue::new("http.status_code", 503),
            KeyValue::new("net.peer.name", "prices.example.com"),
        ])
        .status(Status::error("the prices are being updated"));
    let payloads = sent(vec![query, call, root]);
    assert!(payloads.iter().all(|payload| !payload.to_string().contains("secret")));
    insta::assert_json_snapshot!(payloads);
}

#[test]
fn a_remote_parent_keeps_its_id() {
    let root = span(2, 1, "GET /", (0, 5)).kind(SpanKind::Server).remote_parent();
    insta::assert_json_snapshot!(sent(vec![root]));
}

#[test]
fn a_message_is_named_by_its_work_and_described_by_its_queue() {
    let message = |span: SpanData, operation: &'static str| {
        span.attributes([
            KeyValue::new("messaging.system", "kafka"),
            KeyValue::new("messaging.destination.name", "orders"),
            KeyValue::new("messaging.operation.type", operation),
        ])
    };
    let process = span(1, 9, "process order", (0, 90)).kind(SpanKind::Consumer).remote_parent();
    let publish = span(2, 1, "publish invoice", (10, 12)).kind(SpanKind::Producer);
    let spans = vec![message(publish, "send"), message(process, "process")];
    insta::assert_json_snapshot!(sent(spans));
}

#[test]
fn a_call_to_a_model_has_an_op_of_its_own() {
    let root = span(1, 0, "answer", (0, 900));
    let chat = span(2, 1, "chat small-1", (1, 800)).kind(SpanKind::Client).attributes([
        KeyValue::new("gen_ai.operation.name", "chat"),
        KeyValue::new("gen_ai.provider.name", "example"),
        KeyValue::new("gen_ai.request.model", "small-1"),
        KeyValue::new("gen_ai.usage.input_tokens", 120),
        KeyValue::new("gen_ai.response.finish_reasons", texts(&["stop"])),
        KeyValue::new("http.request.method", "POST"),
    ]);
    insta::assert_json_snapshot!(sent(vec![chat, root]));
}

#[test]
fn the_resource_gives_release_environment_server_and_contexts() {
    let sent = Sent::by(SentrySpanExporter::builder()).with_resource([
        KeyValue::new("service.name", "shop"),
        KeyValue::new("service.version", "1.2.3"),
        KeyValue::new("service.instance.id", "627cc493"),
        KeyValue::new("deployment.environment.name", "staging"),
        KeyValue::new("host.name", "web-1"),
        KeyValue::new("host.arch", "amd64"),
        KeyValue::new("os.type", "linux"),
        KeyValue::new("os.version", "6.1"),
        KeyValue::new("cloud.region", "eu-central-1"),
        KeyValue::new("process.runtime.name", "rustc"),
        KeyValue::new("process.command_args", texts(&["shop", "--password=x"])),
    ]);
    let root = span(1, 0, "work", (0, 5)).status(Status::error("no stock"));
    insta::assert_json_snapshot!(sent.batch(vec![root]).payloads());
}

#[test]
fn a_child_that_comes_after_its_root_is_flagged() {
    let sent = Sent::by(SentrySpanExporter::builder()).batch(vec![span(1, 0, "root", (0, 5))]);
    insta::assert_json_snapshot!(sent.batch(vec![span(2, 1, "late child", (1, 9))]).payloads());
}

#[test]
fn a_span_whose_parent_never_comes_is_flagged() {
    insta::assert_json_snapshot!(sent(vec![span(2, 1, "orphan", (1, 9))]));
}

#[test]
fn the_parts_of_a_large_segment_are_numbered() {
    let builder = SentrySpanExporter::builder().with_max_spans_per_transaction(2);
    let mut spans: Vec<_> = (2..6).map(|id| span(id, 1, "row", (id, id + 1))).collect();
    spans.push(span(1, 0, "import", (0, 9)));
    let payloads = Sent::by(builder).batch(spans).payloads();
    let parts: Vec<_> = payloads
        .iter()
        .map(|part| {
            let trace = &part["contexts"]["trace"];
            let spans = part["spans"].as_array().unwrap();
            let children: Vec<_> = spans.iter().map(|span| &span["span_id"]).collect();
            json!({"span": trace["span_id"], "data": trace["data"], "children": children})
        })
        .collect();
    insta::assert_json_snapshot!(parts);
}

/// What the bridge from `tracing` puts on every event.
fn logged(level: &'static str) -> Vec<KeyValue> {
    vec![
        KeyValue::new("level", level),
        KeyValue::new("target", "shop::orders"),
        KeyValue::new("code.file.path", "src/orders.rs"),
        KeyValue::new("code.module.name", "shop::orders"),
        KeyValue::new("code.line.number", 42),
    ]
}

#[test]
fn an_error_that_instrumented_functions_returned_is_told_once() {
    let returned = |span: SpanData, millis| {
        let mut attributes = logged("ERROR");
        attributes.push(KeyValue::new("exception.message", "OutOfStock { product: 7 }"));
        span.event("exception", millis, attributes)
            .status(Status::error("OutOfStock { product: 7 }"))
    };
    let reserve = returned(span(2, 1, "reserve", (1, 8)), 7);
    let place_order = returned(span(1, 0, "place_order", (0, 9)), 8);
    insta::assert_json_snapshot!(sent(vec![reserve, place_order]));
}

#[test]
fn an_error_that_was_logged_with_its_sources_has_a_chain() {
    let sources = ["connection lost", "broken pipe"];
    let exception = [
        KeyValue::new("exception.message", "could not place the order"),
        KeyValue::new("exception.stacktrace", texts(&sources)),
    ];
    let mut attributes = logged("ERROR");
    attributes.extend(exception.clone());
    attributes.push(KeyValue::new("error", "could not place the order"));
    attributes.push(KeyValue::new("error.chain", texts(&sources)));
    attributes.push(KeyValue::new("order.id", 1234));
    let place_order = span(1, 0, "place_order", (0, 9))
        .attributes(exception)
        .event("order failed", 8, attributes)
        .status(Status::error(""));
    insta::assert_json_snapshot!(sent(vec![place_order]));
}

#[test]
fn an_error_recorded_through_the_api_needs_no_type() {
    let message = KeyValue::new("exception.message", "the table is locked");
    let work = span(1, 0, "work", (0, 9)).event("exception", 3, [message]);
    insta::assert_json_snapshot!(sent(vec![work]));
}

#[test]
fn a_rust_backtrace_becomes_frames() {
    const BACKTRACE: &str = "\
   0: std::backtrace::Backtrace::create
             at /rustc/59807616e1fa2540724bfbac14d7976d7e4a3860/library/std/src/backtrace.rs:331:13
   1: shop::orders::reserve::h7955186875af4f80
             at ./src/orders.rs:42:9
   2: <tokio::runtime::task::core::Core<T,S>>::poll
             at /root/.cargo/registry/src/index.crates.io-1949cf8c6b5b557f/tokio-1.45.0/src/runtime/task/core.rs:331:17
   3: main
";
    let work = span(1, 0, "work", (0, 9)).event(
        "exception",
        3,
        [
            KeyValue::new("exception.type", "shop::orders::OutOfStock"),
            KeyValue::new("exception.message", "no product 7"),
            KeyValue::new("exception.stacktrace", BACKTRACE),
            KeyValue::new("exception.escaped", true),
        ],
    );
    insta::assert_json_snapshot!(sent(vec![work]));
}

#[test]
fn an_error_status_without_an_exception_is_an_event_of_the_deepest_span() {
    let failed = |span: SpanData| span.status(Status::error("deadline has elapsed"));
    let call = failed(span(3, 2, "SELECT stock", (2, 7)))
        .attributes([KeyValue::new("db.system.name", "sqlite")]);
    let spans = vec![call, failed(span(2, 1, "take", (1, 8))), failed(span(1, 0, "work", (0, 9)))];
    insta::assert_json_snapshot!(sent(spans));
}

#[test]
fn other_events_become_breadcrumbs_up_to_the_error() {
    let mut retried = logged("WARN");
    retried.push(KeyValue::new("attempt", 2));
    let child = span(2, 1, "fetch", (1, 8))
        .event("retrying", 2, retried)
        .event("exception", 5, [KeyValue::new("exception.message", "no answer")])
        .event("gave up", 6, []);
    let root = span(1, 0, "work", (0, 9)).event("started", 0, [KeyValue::new("size", 10)]);
    insta::assert_json_snapshot!(sent(vec![child, root]));
}

#[test]
fn measurements_stay_with_the_span_that_recorded_them() {
    let measured = |span: SpanData, name: &str, value: f64, unit: &'static str| {
        let value = KeyValue::new("sentry.measurement_value", value);
        span.event(name, 1, [value, KeyValue::new("sentry.measurement_unit", unit)])
    };
    let child = measured(span(2, 1, "read", (1, 8)), "rows", 12.0, "none");
    let root = measured(span(1, 0, "work", (0, 9)), "queue.wait", 3.5, "millisecond");
    insta::assert_json_snapshot!(sent(vec![child, root]));
}

#[test]
fn nothing_personal_is_sent_by_default() {
    let payloads = sent(vec![request().status(Status::error("no such user"))]);
    let text = Json::from(payloads.clone()).to_string();
    for personal in ["203.0.113.7", "abc", "somebody", "dXNlcjpwYXNz", "4111"] {
        assert!(!text.contains(personal), "{personal}");
    }
    insta::assert_json_snapshot!(payloads);
}

#[test]
fn what_is_personal_is_sent_if_that_is_wanted() {
    let builder = SentrySpanExporter::builder().with_send_default_pii(true);
    let spans = vec![request().status(Status::error("no such user"))];
    insta::assert_json_snapshot!(Sent::by(builder).batch(spans).payloads());
}

#[test]
fn the_policy_decides_which_attributes_become_tags() {
    let tagged = |span: SpanData| {
        span.attributes([
            KeyValue::new("retries", 2),
            KeyValue::new("region", "eu"),
            KeyValue::new("tags.team", "checkout"),
            KeyValue::new("thread.id", 1),
        ])
    };
    let policies = [
        ("root", TagPolicy::Root),
        ("all spans", TagPolicy::AllSpans),
        ("keys", TagPolicy::Keys(vec!["region".into(), "thread.id".into(), "host.name".into()])),
        ("none", TagPolicy::None),
    ];
    let tags = policies.map(|(name, policy)| {
        let sent = Sent::by(SentrySpanExporter::builder().with_tags(policy)).with_resource([
            KeyValue::new("service.name", "shop"),
            KeyValue::new("host.name", "web-1"),
        ]);
        let spans = vec![tagged(span(2, 1, "child", (1, 8))), tagged(span(1, 0, "root", (0, 9)))];
        let transaction = sent.batch(spans).payloads().remove(0);
        let child = &transaction["spans"][0]["tags"];
        json!({"policy": name, "transaction": transaction["tags"], "child": child})
    });
    insta::assert_json_snapshot!(tags);
}

#[test]
fn an_envelope_is_a_header_an_item_header_and_a_payload() {
    let sent = Sent::by(SentrySpanExporter::builder().with_release("shop@1.2.3"));
    let sent = sent.batch(vec![span(1, 0, "work", (0, 500))]);
    let [body] = <[String; 1]>::try_from(sent.bodies()).unwrap();
    let [header, item, payload, rest] = <[&str; 4]>::try_from(Vec::from_iter(body.split('\n')))
        .unwrap_or_else(|lines| panic!("{} lines: {body}", lines.len()));
    assert_eq!(item, format!("{{\"type\":\"transaction\",\"length\":{}}}", payload.len()));
    assert_eq!(rest, "", "the last line ends, too");
    let header: Json = serde_json::from_str(header).unwrap();
    let seconds = |millis| at(millis).duration_since(UNIX_EPOCH).unwrap().as_secs() as i64;
    let text = [header.to_string().as_str(), item, payload]
        .join("\n")
        .replace(&(seconds(0) + sent.ahead).to_string(), &seconds(0).to_string())
        .replace(header["event_id"].as_str().unwrap(), "[id]")
        .replace(header["sent_at"].as_str().unwrap(), "[now]")
        .replace(&payload.len().to_string(), "[length]")
        .replace(env!("CARGO_PKG_VERSION"), "[version]");
    insta::assert_snapshot!(text);
}

#[test]
fn a_report_of_an_error_library_is_taken_apart() {
    let report = "could not load\n\nCaused by:\n    0: no config\n    1: not found";
    let message = KeyValue::new("exception.message", report);
    let work = span(1, 0, "work", (0, 9)).event("exception", 3, [message]);
    let payloads = sent(vec![work]);
    insta::assert_json_snapshot!(payloads[0]["exception"]);
}
