//! Arbitrary spans: whatever comes in, nothing panics, nothing is lost or told twice, and nothing
//! goes out that a server would refuse.
//!
//! With `ENVELOPE_DIR` every envelope is kept there, for Sentry's own normaliser to judge: at least
//! 5000 of them in each run, and more with a larger `PROPTEST_CASES`.

mod common;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use common::envelope::Envelope;
use common::recorder::Recorder;
use common::spans;
use common::telemetry::{export, stats};
use opentelemetry::trace::{
    Event, Link, SpanContext, SpanId, SpanKind, Status, TraceFlags, TraceId, TraceState,
};
use opentelemetry::{Array, InstrumentationScope, Key, KeyValue, StringValue, Value};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{SpanData, SpanExporter};
use opentelemetry_sentry::mapping::{Mapped, Mapper};
use opentelemetry_sentry::{DropReason, Protocol, SentrySpanExporter, TagPolicy};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::{RngSeed, TestError, TestRunner};
use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::Value as Json;

/// How long anything may take; a text of 10 MB takes seconds where nothing is optimised.
const LONG: Duration = Duration::from_secs(60);

// What comes in

/// Texts that mean something somewhere between here and Sentry's database.
const TEXTS: &[&str] = &[
    "",
    " ",
    "\n",
    "\0",
    "\u{1b}[31mred\u{1b}[0m",
    "  padded\t",
    "two\r\nlines\u{2028}three",
    "😀 “é” \u{202e}\u{feff}\u{fffe}",
    "a.b-c_d:e",
    "key with blanks!",
    "release",
    "environment",
    "server_name",
    "type",
    "None",
    "none",
    "null",
    "true",
    "latest",
    ".",
    "..",
    "/",
    "-",
    "0",
    "-1",
    "2",
    "200",
    "404",
    "1e400",
    "NaN",
    "-Infinity",
    "18446744073709551616",
    "GET",
    "_OTHER",
    "get",
    "publish",
    "query",
    "http",
    "custom",
    "url",
    "route",
    "auto.http",
    "manual-origin",
    "ERROR",
    "WARN",
    "fatal",
    "info",
    "timeout",
    "NOT_FOUND",
    "unknown_error",
    "unknown_service:shop",
    "shop/eu@1.0\n",
    "notifications/initialized",
    "/users/{id}",
    "/users/7?token=abc#top",
    "http://user:secret@example.com:80/a?b=c&d#e",
    "https://[::1",
    "data:text/plain;base64,SGVsbG8=",
    "example.com:8080",
    "203.0.113.7",
    "::ffff:203.0.113.7",
    "{{auto}}",
    "somebody@example.com",
    "Basic dXNlcjpwYXNz",
    "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
    "SELECT * FROM users WHERE id = 7",
    "4c79f60c11214eb38604f4ae0781bfb2",
    "00000000000000000000000000000000",
    "std::io::Error",
    "java.lang.IllegalStateException",
    "core::result::Result<a::B, c::D>",
    "::",
    "a::",
    "ParseIntError { kind: InvalidDigit }",
    "\"quoted \\u{1f600} text\"",
    "outer\n\nCaused by:\n    0: middle\n    1: inner\n\nStack backtrace:\n   0: app::main\n             at ./src/main.rs:3:5\n",
    "   0: app::deep\n             at ./src/main.rs:7:9\n   1: core::ops::function::FnOnce::call_once\n   2: main\n",
    "java.lang.Error: no\n\tat com.example.Main.main(Main.java:3)\n",
    "Backtrace [{ fn: \"app::main\", file: \"./src/main.rs\", line: 3 }]",
];

/// Keys that Sentry's server gives a type, or reads for a purpose of its own.
const SERVER_KEYS: &[&str] = &[
    "ai.model_id",
    "browser.name",
    "cache.item_size",
    "code.function",
    "db.collection.name",
    "db.operation",
    "gen_ai.request.max_tokens",
    "gen_ai.usage.total_tokens",
    "host.name",
    "http.decoded_response_content_length",
    "http.query",
    "http.request.header.cookie",
    "http.response_content_length",
    "messaging.message.body.size",
    "messaging.message.id",
    "messaging.message.receive.latency",
    "messaging.message.retry.count",
    "network.peer.address",
    "os.type",
    "otel.kind",
    "otel.status_code",
    "otel.scope.name",
    "process.command_args",
    "process.runtime.name",
    "profile_id",
    "release",
    "sentry.exclusive_time",
    "sentry.frames.slow",
    "sentry.sdk.name",
    "sentry.segment.part",
    "sentry.status.message",
    "server_name",
    "service.name",
    "service.instance.id",
    "service.version",
    "thread.id",
    "thread.name",
    "type",
    "ui.component_name",
    "url",
    "user.roles",
];

const RESOURCE_KEYS: &[&str] = &[
    "cloud.provider",
    "deployment.environment",
    "deployment.environment.name",
    "device.model.name",
    "host.arch",
    "host.id",
    "host.name",
    "os.description",
    "os.name",
    "os.type",
    "os.version",
    "process.command_args",
    "process.runtime.description",
    "process.runtime.name",
    "process.runtime.version",
    "sentry.environment",
    "sentry.release",
    "service.instance.id",
    "service.name",
    "service.namespace",
    "service.version",
    "type",
];

/// All the keys that the mapping and the scrubbing know, taken from where they are declared.
fn known_keys() -> Vec<&'static str> {
    let lines = include_str!("../src/semconv.rs").lines();
    let keys: Vec<_> =
        lines.filter_map(|line| line.split_once(" = \"")?.1.strip_suffix("\",")).collect();
    assert!(keys.len() > 80, "{keys:?}");
    keys
}

fn text() -> BoxedStrategy<String> {
    prop_oneof![
        24 => select(TEXTS).prop_map(str::to_owned),
        8 => vec(any::<char>(), 0..12).prop_map(String::from_iter),
        8 => "[a-zA-Z /:._-]{1,20}",
        2 => (any::<char>(), 0..400_usize).prop_map(|(char, times)| char.to_string().repeat(times)),
        1 => (select(TEXTS), 0..1500_usize).prop_map(|(text, times)| text.repeat(times)),
    ]
    .boxed()
}

fn float() -> impl Strategy<Value = f64> {
    prop_oneof![
        select(&[0.0, -0.0, 0.1, 1.0, 1e-320, 1e22, f64::MIN, f64::MAX, f64::EPSILON][..]),
        select(&[f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 9_007_199_254_740_993.0][..]),
        any::<f64>(),
    ]
}

fn integer() -> impl Strategy<Value = i64> {
    prop_oneof![
        select(&[i64::MIN, i64::MAX, -1, 0, 1, 2, 200, 404, 500, 599, 600, 1 << 53][..]),
        any::<i64>(),
    ]
}

fn value() -> BoxedStrategy<Value> {
    let texts = vec(text(), 0..4)
        .prop_map(|texts| texts.into_iter().map(StringValue::from).collect::<Vec<_>>());
    prop_oneof![
        40 => text().prop_map(|text| Value::String(text.into())),
        5 => any::<bool>().prop_map(Value::Bool),
        10 => integer().prop_map(Value::I64),
        10 => float().prop_map(Value::F64),
        5 => texts.prop_map(|texts| Value::Array(Array::String(texts))),
        4 => vec(any::<bool>(), 0..3).prop_map(|values| Value::Array(Array::Bool(values))),
        4 => vec(integer(), 0..3).prop_map(|values| Value::Array(Array::I64(values))),
        4 => vec(float(), 0..3).prop_map(|values| Value::Array(Array::F64(values))),
        1 => text().prop_map(|text| Value::Array(Array::String(vec![text.into(); 1000]))),
        1 => float().prop_map(|value| Value::Array(Array::F64(vec![value; 1000]))),
    ]
    .boxed()
}

fn key() -> BoxedStrategy<String> {
    prop_oneof![
        12 => select(known_keys()).prop_map(str::to_owned),
        4 => select(SERVER_KEYS).prop_map(str::to_owned),
        1 => text(),
        1 => text().prop_map(|text| format!("tags.{text}")),
        1 => text().prop_map(|text| format!("http.request.header.{text}")),
    ]
    .boxed()
}

fn entry() -> BoxedStrategy<KeyValue> {
    let logged = select(&["ERROR", "WARN", "INFO"][..]).prop_map(Value::from);
    let chain = vec(text(), 0..60)
        .prop_map(|texts| Value::Array(Array::String(texts.into_iter().map(Into::into).collect())));
    prop_oneof![
        30 => (key(), value()),
        3 => (Just("level".to_owned()), logged),
        1 => (Just("exception.stacktrace".to_owned()), chain),
        3 => (Just("http.request.method".to_owned()), Just(Value::from("GET"))),
    ]
    .prop_map(|(key, value)| KeyValue::new(key, value))
    .boxed()
}

/// Most of the time a moment within the minute after `start`, and now and then one out of reach.
fn time(start: SystemTime) -> BoxedStrategy<SystemTime> {
    let extremes =
        [-1 << 40, -86_400 * 365 * 100, -1, 0, 253_402_300_799, 253_402_300_800, 1 << 40];
    let far = select(extremes.to_vec()).prop_map(|seconds: i64| {
        let span = Duration::new(seconds.unsigned_abs(), 999_999_999);
        let time =
            if seconds < 0 { UNIX_EPOCH.checked_sub(span) } else { UNIX_EPOCH.checked_add(span) };
        time.unwrap_or(UNIX_EPOCH)
    });
    let near = (0..60_000_000_000_u64).prop_map(move |nanos| start + Duration::from_nanos(nanos));
    let old = (0..10_000_000_u64).prop_map(move |seconds| start - Duration::from_secs(seconds));
    prop_oneof![60 => near, 1 => far, 1 => old].boxed()
}

fn event(start: SystemTime) -> impl Strategy<Value = Event> {
    let name = prop_oneof![Just("exception".to_owned()), text()];
    let attributes = vec(entry(), 0..6);
    let error = (select(&["exception.message", "exception.type"][..]), text())
        .prop_map(|(key, text)| vec![KeyValue::new(key, text)]);
    let measurement = (value(), value()).prop_map(|(value, unit)| {
        let unit = KeyValue::new("sentry.measurement_unit", unit);
        vec![KeyValue::new("sentry.measurement_value", value), unit]
    });
    let shape = prop_oneof![4 => Just(Vec::new()), 4 => error, 1 => measurement];
    (name, time(start), attributes, shape).prop_map(|(name, time, mut attributes, shape)| {
        attributes.extend(shape);
        Event::new(name, time, attributes, 0)
    })
}

fn link() -> impl Strategy<Value = Link> {
    let id = prop_oneof![1 => Just(0), 5 => any::<u128>()];
    (id, 0..3_u64, any::<bool>(), vec(entry(), 0..3), 0..2_u32).prop_map(
        |(trace, span, sampled, attributes, dropped)| {
            let flags = if sampled { TraceFlags::SAMPLED } else { TraceFlags::default() };
            let (trace, span) = (TraceId::from(trace), SpanId::from(span));
            let context = SpanContext::new(trace, span, flags, true, TraceState::NONE);
            Link::new(context, attributes, dropped)
        },
    )
}

fn status() -> impl Strategy<Value = Status> {
    prop_oneof![
        3 => Just(Status::Unset),
        1 => Just(Status::Ok),
        2 => text().prop_map(Status::error),
    ]
}

/// A text as nobody means to record it.
fn huge() -> impl Strategy<Value = String> {
    let units = select(&["x", "é\n", "a=b&token=c ", "\u{0}\u{1b}", "{ \"", "at ./a.rs:1:1\n"][..]);
    units.prop_map(|unit| unit.repeat(10_000_000 / unit.len()))
}

/// A span that has as much of everything as the SDK lets through, and one huge text somewhere.
#[derive(Clone, Copy, Debug)]
enum Extreme {
    Full,
    HugeName,
    HugeAttribute,
    HugeStatus,
    HugeEvent,
}

impl Extreme {
    const ALL: &[Self] = &[
        Self::Full,
        Self::Full,
        Self::HugeName,
        Self::HugeAttribute,
        Self::HugeStatus,
        Self::HugeEvent,
    ];

    fn apply(self, span: &mut SpanData, text: String, key: &str) {
        let attribute = |text: String| KeyValue::new(key.to_owned(), text);
        match self {
            Self::Full => {
                let many = |at: usize| KeyValue::new(format!("{key}.{at}"), text.len() as i64);
                let link = Link::with_context(spans::context(9));
                let event = Event::with_name("exception");
                span.attributes = (0..128).map(many).collect();
                span.links.links.resize(128, link);
                span.events.events.resize(128, event);
                for event in &mut span.events.events {
                    event.timestamp = span.start_time;
                    event.attributes.resize(128, KeyValue::new("exception.message", "again"));
                }
            }
            Self::HugeName => span.name = text.into(),
            Self::HugeAttribute => span.attributes.push(attribute(text)),
            Self::HugeStatus => span.status = Status::error(text),
            Self::HugeEvent => {
                let attributes = vec![KeyValue::new("exception.message", text)];
                span.events.events.push(Event::new("exception", span.start_time, attributes, 0));
            }
        }
    }
}

/// Now and then an attribute that is given twice, and now and then a span that goes to extremes.
fn spoiled(start: SystemTime) -> impl Strategy<Value = SpanData> {
    let extreme =
        prop::option::weighted(0.002, (select(Extreme::ALL), huge(), select(known_keys())));
    (span(start), prop::option::weighted(0.3, value()), extreme).prop_map(
        |(mut span, again, extreme)| {
            if let (Some(value), Some(first)) = (again, span.attributes.first()) {
                let again = KeyValue::new(first.key.clone(), value);
                span.attributes.push(again);
            }
            if let Some((extreme, text, key)) = extreme {
                extreme.apply(&mut span, text, key);
            }
            span
        },
    )
}

/// A span out of a few ids, so that cycles, copies, strangers and invalid ids are common.
fn span(start: SystemTime) -> impl Strategy<Value = SpanData> {
    let kinds = [
        SpanKind::Internal,
        SpanKind::Server,
        SpanKind::Client,
        SpanKind::Producer,
        SpanKind::Consumer,
    ];
    let ids = (0..12_u64, 0..12_u64, prop::bool::weighted(0.2), prop::bool::weighted(0.95));
    let trace_state = text().prop_map(|text| TraceState::from_key_value([("vendor", text)]));
    let scope = (text(), prop::option::of(text()), vec(entry(), 0..2));
    let lists = (vec(entry(), 0..10), vec(event(start), 0..4), vec(link(), 0..3));
    let what = (text(), select(kinds.to_vec()), status(), (time(start), time(start)));
    (ids, what, lists, scope, trace_state, (0..2_u32, 0..2_u32, 0..2_u32)).prop_map(
        |(ids, (name, kind, status, times), lists, scope, trace_state, dropped)| {
            let (id, parent, remote, sampled) = ids;
            let flags = if sampled { TraceFlags::SAMPLED } else { TraceFlags::default() };
            let trace_state = trace_state.unwrap_or_default();
            let mut span = spans::span(id, parent, "", (0, 0));
            let trace = TraceId::from(spans::TRACE);
            span.span_context = SpanContext::new(trace, id.into(), flags, false, trace_state);
            span.parent_span_is_remote = remote;
            span.name = name.into();
            span.span_kind = kind;
            span.status = status;
            (span.start_time, span.end_time) = times;
            span.attributes = lists.0;
            span.events.events = lists.1;
            span.links.links = lists.2;
            let (scope, version, attributes) = scope;
            let scope = InstrumentationScope::builder(scope).with_attributes(attributes);
            span.instrumentation_scope = match version {
                Some(version) => scope.with_version(version).build(),
                None => scope.build(),
            };
            span.dropped_attributes_count = dropped.0;
            span.events.dropped_count = dropped.1;
            span.links.dropped_count = dropped.2;
            span
        },
    )
}

/// Some traces; the first span of each is a root that has all it takes.
fn traces(start: SystemTime) -> impl Strategy<Value = Vec<SpanData>> {
    let id = prop_oneof![1 => Just(0), 60 => any::<u128>()];
    vec((id, vec(spoiled(start), 1..8)), 1..8).prop_map(|traces| {
        let in_trace = |(trace, mut spans): (u128, Vec<SpanData>)| {
            for (at, span) in spans.iter_mut().enumerate() {
                let context = span.span_context.clone();
                span.span_context = SpanContext::new(
                    trace.into(),
                    if at == 0 { SpanId::from(1) } else { context.span_id() },
                    context.trace_flags(),
                    false,
                    context.trace_state().clone(),
                );
                if at == 0 && !span.parent_span_is_remote {
                    span.parent_span_id = SpanId::INVALID;
                }
            }
            spans
        };
        traces.into_iter().flat_map(in_trace).collect()
    })
}

fn resource() -> impl Strategy<Value = Resource> {
    let key = prop_oneof![8 => select(RESOURCE_KEYS).prop_map(str::to_owned), 1 => key()];
    let entry = (key, value()).prop_map(|(key, value)| KeyValue::new(key, value));
    vec(entry, 0..12).prop_map(|entries| Resource::builder_empty().with_attributes(entries).build())
}

fn tags() -> impl Strategy<Value = TagPolicy> {
    let keys = vec(key().prop_map(Key::from), 0..5);
    prop_oneof![
        2 => Just(TagPolicy::Root),
        1 => Just(TagPolicy::AllSpans),
        1 => keys.prop_map(TagPolicy::Keys),
        1 => Just(TagPolicy::None),
    ]
}

/// What a user can set.
#[derive(Clone, Debug)]
struct Settings {
    resource: Resource,
    tags: TagPolicy,
    pii: bool,
    status_errors: bool,
}

fn settings() -> impl Strategy<Value = Settings> {
    (resource(), tags(), any::<bool>(), prop::bool::weighted(0.8)).prop_map(
        |(resource, tags, pii, status_errors)| Settings { resource, tags, pii, status_errors },
    )
}

// What comes out

/// JSON without a null and without a key that stands twice in an object.
#[derive(Debug)]
struct Strict(Json);

impl<'de> Deserialize<'de> for Strict {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;

        impl<'de> Visitor<'de> for Reader {
            type Value = Json;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("anything but null")
            }

            fn visit_bool<E>(self, value: bool) -> Result<Json, E> {
                Ok(value.into())
            }

            fn visit_i64<E>(self, value: i64) -> Result<Json, E> {
                Ok(value.into())
            }

            fn visit_u64<E>(self, value: u64) -> Result<Json, E> {
                Ok(value.into())
            }

            fn visit_f64<E>(self, value: f64) -> Result<Json, E> {
                Ok(value.into())
            }

            fn visit_str<E>(self, value: &str) -> Result<Json, E> {
                Ok(value.into())
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Json, A::Error> {
                let mut array = Vec::new();
                while let Some(Strict(item)) = items.next_element()? {
                    array.push(item);
                }
                Ok(array.into())
            }

            fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Json, A::Error> {
                let mut object = serde_json::Map::new();
                while let Some((key, Strict(value))) = entries.next_entry::<String, Strict>()? {
                    if object.insert(key.clone(), value).is_some() {
                        return Err(A::Error::custom(format!("the key {key:?} stands twice")));
                    }
                }
                Ok(object.into())
            }
        }

        deserializer.deserialize_any(Reader).map(Self)
    }
}

fn strict(json: &[u8]) -> Result<Json, TestCaseError> {
    let parsed = serde_json::from_slice(json).map(|Strict(value)| value);
    parsed
        .map_err(|error| TestCaseError::fail(format!("{error}: {}", String::from_utf8_lossy(json))))
}

/// The root and the children of a transaction, as they stand on the wire.
fn spans_of(transaction: &Json) -> impl Iterator<Item = &Json> {
    let children = transaction["spans"].as_array().expect("an array of spans");
    std::iter::once(&transaction["contexts"]["trace"]).chain(children)
}

fn id_of(span: &Json) -> (String, String) {
    let text = |key| span[key].as_str().expect("an id").to_owned();
    (text("trace_id"), text("span_id"))
}

fn check_times(holder: &Json) -> Result<(), TestCaseError> {
    let (start, end) = (holder["start_timestamp"].as_f64(), holder["timestamp"].as_f64());
    prop_assert!(start.is_some() && start <= end, "{start:?} to {end:?}");
    prop_assert!(start >= Some(0.0) && end < Some(253_402_300_800.0), "{start:?} to {end:?}");
    Ok(())
}

fn check_tags(holder: &Json) -> Result<(), TestCaseError> {
    const RESERVED: &[&str] = &["release", "dist", "user", "environment", "filename", "function"];
    for (key, value) in holder["tags"].as_object().into_iter().flatten() {
        let is_legal = |byte: u8| byte.is_ascii_alphanumeric() || b"_.:-".contains(&byte);
        prop_assert!(key.bytes().all(is_legal), "{key:?}");
        prop_assert!((1..=200).contains(&key.len()), "{key:?}");
        prop_assert!(!RESERVED.contains(&key.as_str()), "{key:?}");
        let value = value.as_str().unwrap_or_default();
        prop_assert!((1..=200).contains(&value.chars().count()), "{key}: {value:?}");
        prop_assert!(!value.contains(['\r', '\n', '\0']), "{key}: {value:?}");
        prop_assert!(!value.trim().is_empty(), "{key}: {value:?}");
    }
    Ok(())
}

fn check_transaction(transaction: &Json) -> Result<(), TestCaseError> {
    let name = transaction["transaction"].as_str().unwrap_or_default();
    prop_assert!((1..=200).contains(&name.trim().chars().count()), "the name is {name:?}");
    check_times(transaction)?;
    check_tags(transaction)?;
    for child in transaction["spans"].as_array().expect("an array of spans") {
        check_times(child)?;
        check_tags(child)?;
        prop_assert_eq!(&child["trace_id"], &transaction["contexts"]["trace"]["trace_id"]);
    }
    Ok(())
}

/// The ids of the spans that must arrive, each of them once.
fn expected(spans: &[SpanData]) -> BTreeSet<(String, String)> {
    spans
        .iter()
        .map(|span| &span.span_context)
        .filter(|context| context.is_sampled() && context.is_valid())
        .map(|context| (context.trace_id().to_string(), context.span_id().to_string()))
        .collect()
}

/// Runs a test with `PROPTEST_CASES` cases, times `share`; `PROPTEST_RNG_SEED` repeats a run.
fn run<S: Strategy>(
    strategy: S,
    share: (u32, u32),
    test: impl Fn(S::Value) -> Result<(), TestCaseError>,
) where
    S::Value: fmt::Debug,
{
    let mut config = ProptestConfig { source_file: Some(file!()), ..ProptestConfig::default() };
    config.cases = config.cases * share.0 / share.1;
    let seed = match config.rng_seed {
        RngSeed::Fixed(seed) => seed,
        RngSeed::Random => RandomState::new().hash_one(()),
    };
    config.rng_seed = RngSeed::Fixed(seed);
    println!("{} cases, PROPTEST_RNG_SEED={seed}", config.cases);
    match TestRunner::new(config).run(&strategy, test) {
        Ok(()) => {}
        Err(TestError::Fail(why, case)) => {
            // A huge text would hide what is wrong with it.
            let case: String = format!("{case:?}").chars().take(20_000).collect();
            panic!("{why}\nwith PROPTEST_RNG_SEED={seed}, for {case}")
        }
        Err(TestError::Abort(why)) => panic!("{why}"),
    }
}

#[test]
fn the_mapping_is_total_and_keeps_every_span_once() {
    run((traces(spans::at(0)), settings()), (1, 1), |(spans, settings)| {
        let expected = expected(&spans);
        let mapper = Mapper::new()
            .with_resource(&settings.resource)
            .with_tags(settings.tags)
            .with_send_default_pii(settings.pii)
            .with_status_errors(settings.status_errors);
        let mut found = BTreeSet::new();
        for Mapped { transaction, events, .. } in mapper.map(spans) {
            let json = strict(&serde_json::to_vec(&transaction)?)?;
            check_transaction(&json)?;
            for span in spans_of(&json) {
                prop_assert!(found.insert(id_of(span)), "{:?} stands twice", id_of(span));
            }
            for event in events {
                strict(&serde_json::to_vec(&event)?)?;
                prop_assert!(!event.exception.values.is_empty() || event.logentry.is_some());
            }
        }
        prop_assert_eq!(found, expected);
        Ok(())
    });
}

#[test]
fn every_envelope_is_whole_and_every_span_accounted_for() {
    let payloads = AtomicU64::new(0);
    // Recent for as long as the test runs, and never in the future.
    let start = SystemTime::now() - Duration::from_secs(3600);
    run((traces(start), settings()), (3, 2), |(spans, settings)| {
        let recorder = Recorder::default();
        let mut exporter = SentrySpanExporter::builder()
            .with_dsn("https://0123456789abcdef0123456789abcdef@o1.ingest.example.com/42")
            .with_transport(recorder.clone())
            .with_tags(settings.tags)
            .with_send_default_pii(settings.pii)
            .with_status_errors(settings.status_errors)
            .build()
            .expect("an exporter");
        exporter.set_resource(&settings.resource);
        let (received, expected) = (spans.len() as u64, expected(&spans));
        let (first, second) = spans.split_at(spans.len() / 2);
        for batch in [first, second] {
            prop_assert!(export(&exporter, batch.to_vec()).is_ok());
        }
        prop_assert!(exporter.flush(LONG).is_ok());
        stats(&exporter);
        prop_assert!(exporter.shutdown_with_timeout(LONG).is_ok());
        let stats = stats(&exporter);
        prop_assert_eq!((stats.spans_received, stats.spans_pending), (received, 0));
        prop_assert_eq!(&stats.last_error, &None);
        let lost = |reason| stats.dropped.get(&reason).copied().unwrap_or_default();
        let refused = [DropReason::Unsampled, DropReason::InvalidId, DropReason::Duplicate];
        let refused: u64 = refused.into_iter().map(lost).sum();
        prop_assert_eq!(refused, received - expected.len() as u64);
        let outside = lost(DropReason::OutsideTimeWindow);
        prop_assert_eq!(stats.spans_dropped, refused + outside, "{}", stats);

        let mut found = HashSet::new();
        let mut ids = HashMap::new();
        let mut kinds = BTreeMap::<_, u64>::new();
        for body in recorder.bodies() {
            let envelope = Envelope::parse(&body).map_err(TestCaseError::fail)?;
            for line in body.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
                strict(line)?;
            }
            for item in &envelope.items {
                let kind = item.header["type"].as_str().unwrap_or_default().to_owned();
                if kind == "transaction" {
                    check_transaction(&item.payload)?;
                    for span in spans_of(&item.payload) {
                        let id = id_of(span);
                        prop_assert!(expected.contains(&id), "{id:?} came from nowhere");
                        prop_assert!(found.insert(id.clone()), "{id:?} stands twice");
                    }
                }
                if kind != "client_report" {
                    check_tags(&item.payload)?;
                    let id = item.payload["event_id"].to_string();
                    prop_assert_eq!(&id, &envelope.header["event_id"].to_string());
                    prop_assert!(ids.insert(id.clone(), kind.clone()).is_none(), "{id} twice");
                }
                *kinds.entry(kind).or_default() += 1;
            }
        }
        let count = |kind: &str| kinds.get(kind).copied().unwrap_or_default();
        prop_assert_eq!(found.len() as u64, stats.spans_delivered);
        prop_assert_eq!(count("transaction"), stats.transactions_delivered);
        prop_assert_eq!(count("event"), stats.events_delivered);
        payloads.fetch_add(count("transaction") + count("event"), Ordering::Relaxed);
        Ok(())
    });
    let (payloads, cases) = (payloads.into_inner(), u64::from(ProptestConfig::default().cases));
    println!("{payloads} transactions and events arrived");
    assert!(payloads * 256 >= 5000 * cases || cases < 256, "only {payloads} arrived");
}

#[test]
fn every_list_of_spans_is_whole_and_every_span_accounted_for() {
    let start = SystemTime::now() - Duration::from_secs(3600);
    run((traces(start), settings()), (1, 2), |(spans, settings)| {
        let recorder = Recorder::default();
        let mut exporter = SentrySpanExporter::builder()
            .with_dsn("https://0123456789abcdef0123456789abcdef@o1.ingest.example.com/42")
            .with_protocol(Protocol::SpanV2)
            .with_transport(recorder.clone())
            .with_tags(settings.tags)
            .with_send_default_pii(settings.pii)
            .with_status_errors(settings.status_errors)
            .build()
            .expect("an exporter");
        exporter.set_resource(&settings.resource);
        let (received, expected) = (spans.len() as u64, expected(&spans));
        let (first, second) = spans.split_at(spans.len() / 2);
        for batch in [first, second] {
            prop_assert!(export(&exporter, batch.to_vec()).is_ok());
        }
        prop_assert!(exporter.shutdown_with_timeout(LONG).is_ok());
        let stats = stats(&exporter);
        prop_assert_eq!((stats.spans_received, stats.spans_pending), (received, 0));
        prop_assert_eq!(&stats.last_error, &None);
        prop_assert_eq!(stats.spans_dropped, received - expected.len() as u64, "{}", stats);

        let (mut found, mut events) = (BTreeSet::new(), 0);
        for body in recorder.bodies() {
            let envelope = Envelope::parse(&body).map_err(TestCaseError::fail)?;
            for line in body.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
                strict(line)?;
            }
            prop_assert_eq!(envelope.payloads("transaction"), Vec::<Json>::new());
            events += envelope.payloads("event").len() as u64;
            for list in envelope.payloads("span") {
                for span in list["items"].as_array().expect("a list") {
                    let (start, end) = (&span["start_timestamp"], &span["end_timestamp"]);
                    prop_assert!(start.as_f64() <= end.as_f64(), "{start} to {end}");
                    prop_assert!(span["name"].as_str().is_some_and(|name| !name.is_empty()));
                    prop_assert!(found.insert(id_of(span)), "{:?} stands twice", id_of(span));
                }
            }
        }
        prop_assert_eq!(found, expected);
        prop_assert_eq!(events, stats.events_delivered);
        Ok(())
    });
}
