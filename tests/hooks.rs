//! What the application has to say about what is sent: its hooks and the rules of what to ignore.

mod common;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use common::recorder::Recorder;
use common::sentry::{FakeSentry, SOON};
use common::spans::SpanDataExt;
use common::telemetry::{export, last_error, span, stats};
use common::watchdog::watchdog;
use opentelemetry::trace::{SpanId, SpanKind, Status};
use opentelemetry::{KeyValue, StringValue, Value};
use opentelemetry_sdk::trace::{SpanData, SpanExporter};
use opentelemetry_sentry::hooks::{Hooks, SpanDecision};
use opentelemetry_sentry::mapping::Mapper;
use opentelemetry_sentry::protocol::{
    Breadcrumb, Context, Event, Level, Request, Span, SpanStatus, Transaction, User,
};
use opentelemetry_sentry::{
    BuildError, DropReason, Ignore, Pattern, SentrySpanExporter, SentrySpanExporterBuilder, Stats,
};
use proptest::prelude::*;
use serde_json::{Value as Json, json};

const LIMIT: Duration = Duration::from_secs(120);

/// How long megabytes may take in a debug build on a busy machine.
const LARGE: Duration = Duration::from_secs(60);

/// What Relay takes as one item, and of it for its spans.
const MAX_ITEM: usize = 1 << 20;
const MAX_SPANS_BYTES: usize = 819_200;

/// What arrived, and what became of the rest.
struct Outcome {
    transactions: Vec<Json>,
    events: Vec<Json>,
    stats: Stats,
    /// The client reports: how much by reason and category.
    reported: BTreeMap<(String, String), u64>,
}

fn builder() -> SentrySpanExporterBuilder {
    SentrySpanExporter::builder().with_dsn("https://key@sentry.invalid/42")
}

fn send(builder: SentrySpanExporterBuilder, spans: Vec<SpanData>) -> Outcome {
    let recorder = Recorder::default();
    let exporter = builder.with_transport(recorder.clone()).build().expect("an exporter");
    export(&exporter, spans).unwrap();
    exporter.shutdown_with_timeout(LARGE).unwrap();
    let mut reported = BTreeMap::new();
    for report in recorder.payloads("client_report") {
        for entry in report["discarded_events"].as_array().expect("a list") {
            let text = |key: &str| entry[key].as_str().expect("a text").to_owned();
            let sum = reported.entry((text("reason"), text("category"))).or_default();
            *sum += entry["quantity"].as_u64().expect("a number");
        }
    }
    for body in recorder.bodies() {
        assert!(body.len() < MAX_ITEM + 4096, "{} bytes", body.len());
    }
    let transactions = recorder.payloads("transaction");
    for transaction in &transactions {
        assert!(transaction["spans"].to_string().len() <= MAX_SPANS_BYTES);
    }
    let (events, stats) = (recorder.payloads("event"), stats(&exporter));
    assert_eq!(stats.spans_pending, 0);
    Outcome { transactions, events, stats, reported }
}

impl Outcome {
    fn names(&self) -> Vec<&str> {
        let names = self.transactions.iter().map(|it| it["transaction"].as_str().unwrap());
        names.collect()
    }

    /// Each description with the id of the parent, over all transactions.
    fn parents(&self) -> BTreeMap<&str, u64> {
        let spans = self.transactions.iter().flat_map(|it| it["spans"].as_array().unwrap());
        let text = |span: &'_ Json, key: &str| span[key].as_str().unwrap_or_default().to_owned();
        spans
            .map(|span| {
                let parent = u64::from_str_radix(&text(span, "parent_span_id"), 16).unwrap();
                (span["description"].as_str().unwrap(), parent)
            })
            .collect()
    }

    fn reported(&self, reason: &str) -> BTreeMap<&str, u64> {
        let own = self.reported.iter().filter(|((is, _), _)| is == reason);
        own.map(|((_, category), quantity)| (category.as_str(), *quantity)).collect()
    }

    fn dropped(&self, reason: DropReason) -> u64 {
        self.stats.dropped.get(&reason).copied().unwrap_or_default()
    }
}

/// A span in which an error was recorded.
fn failing(trace: u128, id: u64, parent: u64, name: &'static str) -> SpanData {
    let mut failing = span(trace, id, parent, name);
    let attributes =
        [KeyValue::new("exception.type", "Refused"), KeyValue::new("exception.message", name)];
    let at = failing.end_time;
    failing.events.events.push(opentelemetry::trace::Event::new(
        "exception",
        at,
        attributes.to_vec(),
        0,
    ));
    failing
}

/// A root with a chain of three spans below it, the last of which fails, and one beside them.
fn checkout() -> Vec<SpanData> {
    vec![
        failing(1, 4, 3, "pay"),
        span(1, 3, 2, "inner lock"),
        span(1, 2, 1, "outer lock"),
        span(1, 5, 1, "SELECT"),
        span(1, 1, 0, "checkout"),
    ]
}

fn drop_locks(span: &mut Span) -> SpanDecision {
    match span.description.as_str().ends_with("lock") {
        true => SpanDecision::Drop,
        false => SpanDecision::Keep,
    }
}

fn server(trace: u128, path: &'static str) -> SpanData {
    span(trace, 1, 0, "request").kind(SpanKind::Server).attributes([
        KeyValue::new("http.request.method", "GET"),
        KeyValue::new("http.route", path),
        KeyValue::new("url.path", path),
    ])
}

#[test]
fn hooks_change_what_is_sent() {
    watchdog(LIMIT, || {
        let builder = builder()
            .with_before_send_transaction(|mut transaction| {
                transaction.name = "renamed".into();
                transaction.trace.data.insert("tenant", "acme");
                transaction.tags.insert("tenant".into(), "acme".into());
                transaction.spans.iter_mut().for_each(|span| span.op = Some("seen".into()));
                Some(transaction)
            })
            .with_before_send_span(|span| {
                span.description = StringValue::from(span.description.as_str().to_uppercase());
                SpanDecision::Keep
            })
            .with_before_send(|mut event| {
                event.level = Level::Warning;
                event.tags.insert("tenant".into(), "acme".into());
                Some(event)
            });
        let sent = send(builder, checkout());
        let transaction = &sent.transactions[0];
        assert_eq!(transaction["transaction"], "renamed");
        assert_eq!(transaction["tags"]["tenant"], "acme");
        assert_eq!(transaction["contexts"]["trace"]["data"]["tenant"], "acme");
        let spans = transaction["spans"].as_array().unwrap();
        assert!(spans.iter().all(|span| span["op"] == "seen"), "{spans:?}");
        let expected = [("INNER LOCK", 2), ("OUTER LOCK", 1), ("PAY", 3), ("SELECT", 1)];
        assert_eq!(sent.parents(), BTreeMap::from(expected));
        assert_eq!(sent.events[0]["level"], "warning");
        assert_eq!(sent.events[0]["tags"]["tenant"], "acme");
        assert_eq!((sent.stats.spans_delivered, sent.stats.spans_dropped), (5, 0));
        assert_eq!(sent.reported, BTreeMap::new());
    });
}

#[test]
fn the_trace_header_tells_what_the_hook_has_left() {
    watchdog(LIMIT, || {
        let recorder = Recorder::default();
        let builder = builder().with_transport(recorder.clone());
        let exporter = builder
            .with_before_send_transaction(|mut transaction| {
                transaction.name = "clean".into();
                Some(transaction)
            })
            .build()
            .unwrap();
        export(&exporter, vec![failing(1, 1, 0, "secret")]).unwrap();
        exporter.flush(SOON).unwrap();
        let envelopes = recorder.envelopes();
        assert_eq!(envelopes.len(), 2);
        for envelope in envelopes {
            assert_eq!(envelope.header["trace"]["transaction"], "clean");
        }
    });
}

#[test]
fn a_dropped_transaction_leaves_its_errors_and_is_counted_with_its_spans() {
    watchdog(LIMIT, || {
        let builder = builder().with_before_send_transaction(|transaction| {
            (transaction.name.as_str() != "checkout").then_some(transaction)
        });
        let spans = checkout().into_iter().chain([span(2, 1, 0, "browse")]).collect();
        let sent = send(builder, spans);
        assert_eq!((sent.names(), sent.events.len()), (vec!["browse"], 1));
        assert_eq!((sent.stats.spans_delivered, sent.dropped(DropReason::BeforeSend)), (1, 5));
        assert_eq!((sent.stats.transactions_dropped, sent.stats.events_dropped), (1, 0));
        let expected = BTreeMap::from([("span", 5), ("transaction", 1)]);
        assert_eq!(sent.reported("before_send"), expected);
        assert_eq!(sent.stats.last_error, None);
    });
}

#[test]
fn a_dropped_error_leaves_its_transaction() {
    watchdog(LIMIT, || {
        let spans = checkout().into_iter().chain([failing(2, 1, 0, "browse")]).collect();
        let of_browse = |event: &Event<'static>| event.transaction.as_deref() == Some("browse");
        let sent =
            send(builder().with_before_send(move |event| Some(event).filter(of_browse)), spans);
        assert_eq!((sent.transactions.len(), sent.events.len()), (2, 1));
        assert_eq!((sent.stats.spans_dropped, sent.stats.events_dropped), (0, 1));
        assert_eq!(sent.reported("before_send"), BTreeMap::from([("error", 1)]));
    });
}

#[test]
fn what_stood_below_a_dropped_span_stands_below_the_next_one_above_it() {
    watchdog(LIMIT, || {
        let sent = send(builder().with_before_send_span(drop_locks), checkout());
        assert_eq!(sent.parents(), BTreeMap::from([("SELECT", 1), ("pay", 1)]));
        assert_eq!((sent.stats.spans_delivered, sent.dropped(DropReason::BeforeSend)), (3, 2));
        assert_eq!((sent.stats.transactions_delivered, sent.stats.events_delivered), (1, 1));
        assert_eq!(sent.reported("before_send"), BTreeMap::from([("span", 2)]));
    });
}

#[test]
fn the_root_is_no_span_for_the_hook_and_ids_stay_as_they_are() {
    watchdog(LIMIT, || {
        let seen = Arc::new(Mutex::new(BTreeSet::new()));
        let names = Arc::clone(&seen);
        let builder = builder()
            .with_before_send_span(move |span| {
                names.lock().unwrap().insert(span.description.to_string());
                span.span_id = SpanId::INVALID;
                span.parent_span_id = Some(SpanId::from(77));
                SpanDecision::Keep
            })
            .with_before_send_transaction(|mut transaction| {
                transaction.event_id = Default::default();
                transaction.trace.span_id = SpanId::INVALID;
                Some(transaction)
            });
        let sent = send(builder, checkout());
        let expected = ["SELECT", "inner lock", "outer lock", "pay"];
        assert_eq!(*seen.lock().unwrap(), BTreeSet::from(expected.map(str::to_owned)));
        let parents = [("SELECT", 1), ("inner lock", 2), ("outer lock", 1), ("pay", 3)];
        assert_eq!(sent.parents(), BTreeMap::from(parents));
        let plain = send(self::builder(), checkout());
        let ids = |sent: &Outcome| {
            let transaction = &sent.transactions[0];
            (transaction["event_id"].clone(), transaction["contexts"]["trace"]["span_id"].clone())
        };
        assert_eq!(ids(&sent), ids(&plain));
    });
}

#[test]
fn what_a_dropped_span_recorded_is_no_breadcrumb_either() {
    watchdog(LIMIT, || {
        let noted = |id, parent, name: &'static str| {
            let mut noted = span(1, id, parent, name);
            let event = opentelemetry::trace::Event::new(name, noted.end_time, Vec::new(), 0);
            noted.events.events.push(event);
            noted
        };
        let spans = || vec![noted(2, 1, "lock"), noted(3, 1, "SELECT"), noted(1, 0, "root")];
        for builder in
            [builder().with_before_send_span(drop_locks), builder().with_ignored_spans(["*lock"])]
        {
            let sent = send(builder, spans());
            let crumbs = sent.transactions[0]["breadcrumbs"]["values"].as_array().unwrap();
            let messages: BTreeSet<_> =
                crumbs.iter().map(|crumb| crumb["message"].as_str().unwrap()).collect();
            assert_eq!(messages, BTreeSet::from(["SELECT", "root"]));
        }
    });
}

#[test]
fn a_hook_that_panics_loses_what_it_was_given_and_nothing_else() {
    watchdog(LIMIT, || {
        let calls = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&calls);
        let builder = builder()
            .with_before_send_transaction(|mut transaction| {
                transaction.name = "half done".into();
                assert_ne!(transaction.trace.trace_id, 2.into(), "a secret");
                Some(transaction)
            })
            .with_before_send_span(move |span| {
                count.fetch_add(1, Ordering::SeqCst);
                span.data.insert("half", "done");
                assert!(!span.description.as_str().ends_with("lock"), "a secret");
                SpanDecision::Keep
            })
            .with_before_send(|event| {
                let is_bad = event.exception.values.iter().any(|it| it.ty.contains("Bad"));
                assert!(!is_bad, "a secret");
                Some(event)
            });
        let mut bad = failing(2, 1, 0, "browse");
        bad.events.events[0].attributes[0] = KeyValue::new("exception.type", "Bad");
        let spans = checkout().into_iter().chain([bad, span(2, 2, 1, "below")]).collect();
        let sent = send(builder, spans);
        // The second trace is lost, and in the first one two spans.
        assert_eq!(sent.names(), ["half done"]);
        assert_eq!(sent.parents(), BTreeMap::from([("SELECT", 1), ("pay", 1)]));
        assert_eq!((sent.events.len(), calls.load(Ordering::SeqCst)), (1, 5));
        assert_eq!((sent.stats.spans_delivered, sent.dropped(DropReason::HookPanicked)), (3, 4));
        assert_eq!((sent.stats.transactions_dropped, sent.stats.events_dropped), (1, 1));
        let expected = BTreeMap::from([("error", 1), ("span", 4), ("transaction", 1)]);
        assert_eq!(sent.reported("callback_error"), expected);
        assert_eq!(sent.reported("internal_sdk_error"), BTreeMap::new());
    });
}

#[test]
fn a_panic_of_a_hook_is_told_once_and_without_its_message() {
    watchdog(LIMIT, || {
        let recorder = Recorder::default();
        let builder = builder().with_transport(recorder.clone());
        let exporter = builder
            .with_before_send_transaction(|_| panic!("the password is 1234"))
            .build()
            .unwrap();
        let mut told = Vec::new();
        for id in 1..=5 {
            told.extend(export(&exporter, vec![span(id, 1, 0, "work")]).err());
            exporter.flush(SOON).unwrap();
        }
        told.extend(export(&exporter, Vec::new()).err());
        let told: Vec<_> = told.iter().map(ToString::to_string).collect();
        let text = "the hook of with_before_send_transaction panicked; \
                    what it was given is not sent";
        assert!(told.len() == 1 && told[0].contains(text), "{told:?}");
        assert_eq!(last_error(&exporter), text);
        assert_eq!(stats(&exporter).dropped, BTreeMap::from([(DropReason::HookPanicked, 5)]));
        assert_eq!(recorder.payloads("transaction"), Vec::<Json>::new());
    });
}

/// A text that no field takes and no item has room for, with all that is not allowed somewhere.
fn monster() -> String {
    "\0\u{1b}\n\"\\é".repeat(250_000)
}

#[test]
fn what_a_hook_adds_is_made_to_fit() {
    watchdog(LIMIT, || {
        let text = || StringValue::from(monster());
        let builder = builder()
            .with_before_send_span(move |span| {
                span.description = text();
                span.op = Some(text());
                span.origin = text();
                span.timestamp = Default::default();
                span.data.insert("new", text());
                span.data.iter_mut().for_each(|(_, value)| *value = Value::String(text()));
                span.measurements.clear();
                SpanDecision::Keep
            })
            .with_before_send_transaction(move |mut transaction| {
                grow(&mut transaction);
                Some(transaction)
            })
            .with_before_send(|mut event| {
                event.release = Some(monster().into());
                event.environment = Some("a/b".into());
                event.dist = Some("no dist".into());
                event.transaction = Some(monster());
                event.message = Some(monster());
                event.extra.insert(monster(), monster().into());
                event.tags.insert("two words\0".into(), "two\nlines".into());
                event.tags.insert("long".into(), monster());
                event.culprit = Some(monster());
                event.user = Some(User { email: Some(monster()), ..User::default() });
                event.exception.values[0].value = Some(monster());
                Some(event)
            });
        let sent = send(builder, checkout());
        let transaction = &sent.transactions[0];
        assert_eq!(transaction["spans"].as_array().unwrap().len(), 4);
        assert!(transaction["transaction"].as_str().unwrap().chars().count() <= 200);
        assert_eq!(transaction["environment"], "a-b");
        assert_eq!(transaction.get("dist"), None);
        assert_eq!(transaction["tags"]["two-words_"], "two lines");
        assert_eq!(transaction["measurements"], json!({"fine": {"value": 1.0, "unit": "none"}}));
        let data = transaction["contexts"]["trace"]["data"].as_object().unwrap();
        assert!(data.contains_key("small"), "{:?}", data.keys());
        assert!(transaction["contexts"]["big"].is_object());
        for span in transaction["spans"].as_array().unwrap() {
            assert!(span["start_timestamp"].as_f64() <= span["timestamp"].as_f64(), "{span}");
            assert!(span["op"].as_str().unwrap().chars().count() <= 128);
        }
        let event = &sent.events[0];
        assert!(event["logentry"]["message"].as_str().unwrap().ends_with('…'));
        assert!(event["user"]["email"].as_str().unwrap().chars().count() <= 75);
        assert!(event["culprit"].as_str().unwrap().chars().count() <= 200);
        assert_eq!(event["exception"]["values"][0]["type"], "Refused");
        assert_eq!(event["environment"], "a-b");
        assert_eq!(event["tags"]["two-words_"], "two lines");
        for item in [transaction, event] {
            assert!(!item.to_string().contains("\\u0000"));
        }
        assert_eq!((sent.stats.spans_delivered, sent.stats.spans_dropped), (5, 0));
    });
}

#[test]
fn what_is_cut_off_to_fit_leaves_no_span_without_a_parent() {
    watchdog(LIMIT, || {
        let builder = builder().with_before_send_transaction(|mut transaction| {
            let (root, one) = (transaction.trace.span_id, transaction.spans[0].clone());
            let chain = (1000..1300_u64).map(|id| {
                let mut span = one.clone();
                // The deepest stands first.
                let above = if id == 1299 { root } else { SpanId::from(id + 1) };
                (span.span_id, span.parent_span_id) = (id.into(), Some(above));
                (0..100).for_each(|at| span.data.insert(format!("key {at}"), "x".repeat(64)));
                span
            });
            transaction.spans = chain.collect();
            Some(transaction)
        });
        let sent = send(builder, checkout());
        let transaction = &sent.transactions[0];
        let spans = transaction["spans"].as_array().unwrap();
        assert!((2..300).contains(&spans.len()), "{} are left", spans.len());
        let mut ids: Vec<_> = spans.iter().map(|span| &span["span_id"]).collect();
        ids.push(&transaction["contexts"]["trace"]["span_id"]);
        let orphans = spans.iter().filter(|span| !ids.contains(&&span["parent_span_id"]));
        assert_eq!(orphans.count(), 0);
    });
}

fn grow(transaction: &mut Transaction) {
    let text = || StringValue::from(monster());
    transaction.name = text();
    transaction.release = Some(text());
    transaction.environment = Some("a/b".into());
    transaction.dist = Some("no dist".into());
    transaction.server_name = Some(text());
    transaction.trace.op = Some(text());
    transaction.trace.data.insert("small", 1);
    transaction.trace.data.insert("large", text());
    transaction.tags.insert("two words\0".into(), "two\nlines".into());
    transaction.user = Some(User { id: Some(monster()), ..User::default() });
    transaction.request = Some(Request { data: Some(monster()), ..Request::default() });
    let breadcrumb = Breadcrumb { message: Some(monster()), ..Breadcrumb::default() };
    transaction.breadcrumbs = vec![breadcrumb; 3];
    let fields = serde_json::Map::from_iter([("text".to_owned(), monster().into())]);
    transaction.contexts.insert("big".into(), Context::from(fields));
    let mut mapped = Mapper::new().map(vec![measured()]).remove(0).transaction;
    transaction.measurements = std::mem::take(&mut mapped.measurements);
    for name in ["nan", "not legal"] {
        let mut measurement = transaction.measurements["fine"].clone();
        measurement.value = if name == "nan" { f64::NAN } else { 1.0 };
        transaction.measurements.insert(name.to_owned(), measurement);
    }
}

fn measured() -> SpanData {
    let value = KeyValue::new("sentry.measurement_value", 1.0);
    let mut measured = span(9, 1, 0, "measured");
    let at = measured.end_time;
    measured.events.events.push(opentelemetry::trace::Event::new("fine", at, vec![value], 0));
    measured
}

#[test]
fn spans_that_a_hook_takes_out_or_adds_keep_the_books_balanced() {
    watchdog(LIMIT, || {
        let sent = send(
            builder().with_before_send_transaction(|mut transaction| {
                transaction.spans.truncate(1);
                Some(transaction)
            }),
            checkout(),
        );
        assert_eq!((sent.stats.spans_delivered, sent.dropped(DropReason::BeforeSend)), (2, 3));
        assert_eq!(sent.reported("before_send"), BTreeMap::from([("span", 3)]));
        let sent = send(
            builder().with_before_send_transaction(|mut transaction| {
                let copies = transaction.spans.clone();
                for id in 1_000..3_000_u64 {
                    let mut copy = copies[0].clone();
                    copy.span_id = id.into();
                    transaction.spans.push(copy);
                }
                Some(transaction)
            }),
            checkout(),
        );
        assert_eq!(sent.transactions[0]["spans"].as_array().unwrap().len(), 1000);
        assert_eq!((sent.stats.spans_delivered, sent.stats.spans_dropped), (5, 0));
    });
}

#[test]
fn ignored_transactions_go_with_their_spans_but_not_with_their_errors() {
    watchdog(LIMIT, || {
        let rules = [Ignore::name("check*"), Ignore::op("http.server").and_name("*/static/*")];
        let spans = checkout()
            .into_iter()
            .chain([server(2, "/static/logo.png"), server(3, "/users")])
            .collect();
        let sent = send(builder().with_ignored_transactions(rules), spans);
        assert_eq!((sent.names(), sent.events.len()), (vec!["GET /users"], 1));
        assert_eq!((sent.stats.spans_delivered, sent.dropped(DropReason::Ignored)), (1, 6));
        let expected = BTreeMap::from([("span", 6), ("transaction", 2)]);
        assert_eq!(sent.reported("ignored"), expected);
        assert_eq!(sent.stats.last_error, None);
    });
}

#[test]
fn ignored_spans_leave_their_children_and_their_errors() {
    watchdog(LIMIT, || {
        let rules = [Ignore::name(Pattern::regex("^(inn|out)er lock$")), Ignore::name("pay")];
        let sent = send(builder().with_ignored_spans(rules), checkout());
        assert_eq!(sent.parents(), BTreeMap::from([("SELECT", 1)]));
        assert_eq!((sent.names(), sent.events.len()), (vec!["checkout"], 1));
        assert_eq!((sent.stats.spans_delivered, sent.dropped(DropReason::Ignored)), (2, 3));
        assert_eq!(sent.reported("ignored"), BTreeMap::from([("span", 3)]));
    });
}

#[test]
fn rules_see_what_the_scrubbing_takes_out_and_hooks_do_not() {
    watchdog(LIMIT, || {
        let personal = |trace, address: &'static str| {
            server(trace, "/users").attributes([KeyValue::new("client.address", address)])
        };
        let seen = Arc::new(Mutex::new(Vec::new()));
        let calls = Arc::clone(&seen);
        let builder = builder()
            .with_ignored_transactions([Ignore::attribute("client.address", "10.*")])
            .with_before_send_transaction(move |transaction| {
                let address = transaction.trace.data.value("client.address").cloned();
                calls.lock().unwrap().push((transaction.trace.trace_id, address));
                Some(transaction)
            });
        let sent = send(builder, vec![personal(1, "10.0.0.7"), personal(2, "203.0.113.7")]);
        assert_eq!(sent.transactions.len(), 1);
        assert_eq!(*seen.lock().unwrap(), [(2.into(), None)]);
    });
}

#[test]
fn rules_for_spans_see_what_the_scrubbing_takes_out_as_well() {
    let query = |id, query: &'static str, user: &'static str| {
        span(1, id, 1, "query").kind(SpanKind::Client).attributes([
            KeyValue::new("db.system.name", "postgresql"),
            KeyValue::new("db.query.text", query),
            KeyValue::new("user.email", user),
        ])
    };
    let spans = || {
        vec![
            query(2, "SELECT 1", "ann@example.com"),
            query(3, "SELECT 2", "ann@example.com"),
            query(4, "SELECT 2", "bob@example.com"),
            span(1, 1, 0, "root"),
        ]
    };
    let left = |rule: Ignore| {
        let mapped = Mapper::new().with_ignored_spans([rule]).map(spans()).remove(0);
        let sent: Vec<_> = mapped.transaction.spans.iter().map(|it| it.span_id).collect();
        assert_eq!(mapped.ignored_spans + sent.len(), 3);
        sent
    };
    assert_eq!(left(Ignore::name("SELECT 1")), [3.into(), 4.into()]);
    assert_eq!(left(Ignore::attribute("user.email", "ann@*")), [4.into()]);
    assert_eq!(left(Ignore::name("SELECT ?").and_attribute("user.email", "bob@*")).len(), 2);
    assert_eq!(left(Ignore::name("SELECT [?]")).len(), 3);
    assert_eq!(left(Ignore::attribute("user.email", "*[Filtered]*")).len(), 3);
}

#[test]
fn rules_see_what_is_known_of_a_span_besides_its_attributes() {
    let orphan = || {
        let mut orphan = span(1, 2, 1, "work")
            .attributes([KeyValue::new("tier", "gold"), KeyValue::new("tier", "silver")]);
        let scope = opentelemetry::InstrumentationScope::builder("h2").with_version("1.2");
        orphan.instrumentation_scope = scope.build();
        orphan
    };
    let resource = opentelemetry_sdk::Resource::builder_empty()
        .with_service_name("shop")
        .with_attribute(KeyValue::new("service.owner", "ann@example.com"))
        .build();
    for (key, value, is_ignored) in [
        ("otel.scope.name", "h2", true),
        ("otel.scope.version", "1.*", true),
        ("otel.kind", "INTERNAL", true),
        ("sentry.parent_span_missing", "true", true),
        ("service.name", "shop", true),
        ("service.owner", "ann@*", true),
        ("tier", "silver", true),
        ("tier", "gold", false),
        ("none", "*", false),
    ] {
        let rule = [Ignore::attribute(key, value)];
        let mapper = Mapper::new().with_resource(&resource).with_ignored_transactions(rule);
        assert_eq!(mapper.map(vec![orphan()])[0].is_ignored, is_ignored, "{key}");
    }
}

#[test]
fn health_checks_are_ignored_on_demand_unless_they_failed() {
    watchdog(LIMIT, || {
        let failed = server(3, "/readyz").status(Status::error("no database"));
        let spans =
            || vec![server(1, "/healthz"), server(2, "/metrics"), failed.clone(), server(4, "/")];
        let sent = send(builder().with_ignored_health_checks(true), spans());
        assert_eq!(sent.names(), ["GET /readyz", "GET /"]);
        assert_eq!(sent.reported("ignored"), BTreeMap::from([("span", 2), ("transaction", 2)]));
        assert_eq!(send(builder(), spans()).transactions.len(), 4);
    });
}

#[test]
fn a_pattern_that_cannot_work_is_an_error_that_names_the_setting() {
    let bad = || [Ignore::op("db").and_name(Pattern::regex("("))];
    for (builder, setting) in [
        (builder().with_ignored_transactions(bad()), "with_ignored_transactions"),
        (builder().with_ignored_spans(bad()), "with_ignored_spans"),
        (builder().with_ignored_errors([Pattern::regex("(")]), "with_ignored_errors"),
    ] {
        let error = builder.build().unwrap_err();
        assert!(matches!(&error, BuildError::InvalidSetting { setting: is, .. } if *is == setting));
        let start = format!("{setting}: `(` is no regular expression");
        assert!(error.to_string().starts_with(&start), "{error}");
    }
}

#[test]
fn copies_for_spotlight_go_by_the_same_rules_and_hooks() {
    watchdog(LIMIT, || {
        let (sentry, spotlight) = (FakeSentry::start(), FakeSentry::start());
        let exporter = SentrySpanExporter::builder()
            .with_dsn(sentry.dsn())
            .with_spotlight(spotlight.url("/stream"))
            .with_ignored_transactions(["ignored"])
            .with_before_send_span(drop_locks)
            .with_before_send(|_| None)
            .build()
            .unwrap();
        export(&exporter, checkout()).unwrap();
        export(&exporter, vec![span(2, 1, 0, "ignored")]).unwrap();
        exporter.flush(SOON).unwrap();
        for side in [&sentry, &spotlight] {
            let transactions = side.transactions();
            assert_eq!((transactions.len(), side.events().len()), (1, 0));
            assert_eq!(transactions[0]["spans"].as_array().unwrap().len(), 2);
        }
        // What the copies lost is counted nowhere.
        let stats = stats(&exporter);
        assert_eq!((stats.spans_received, stats.spans_dropped, stats.events_dropped), (6, 3, 1));
    });
}

#[cfg(feature = "panic")]
#[test]
fn a_panic_of_the_application_passes_the_hook_for_errors() {
    watchdog(LIMIT, || {
        let recorder = Recorder::default();
        let exporter = builder()
            .with_transport(recorder.clone())
            .with_before_send(|mut event| {
                event.tags.insert("seen".into(), "yes".into());
                let is_secret = |text: &String| text.contains("a secret");
                let values = || event.exception.values.iter();
                (!values().filter_map(|it| it.value.as_ref()).any(is_secret)).then_some(event)
            })
            .build()
            .unwrap();
        opentelemetry_sentry::PanicHook::new(&exporter).install();
        for message in ["a secret", "no secret at all"] {
            let panics = move || std::panic::panic_any(message.to_owned());
            assert!(std::thread::spawn(panics).join().is_err());
        }
        exporter.flush(SOON).unwrap();
        let events = recorder.payloads("event");
        let values: Vec<_> =
            events.iter().map(|it| &it["exception"]["values"][0]["value"]).collect();
        assert!(values.contains(&&json!("no secret at all")), "{values:?}");
        assert!(!values.contains(&&json!("a secret")), "{values:?}");
        assert!(events.iter().all(|event| event["tags"]["seen"] == "yes"));
        assert!(stats(&exporter).events_dropped >= 1);
    });
}

#[test]
fn hooks_that_change_nothing_change_nothing() {
    let attributes = [
        KeyValue::new("http.request.method", "GET"),
        KeyValue::new("url.full", "https://me:pw@example.com/a?b=c"),
        KeyValue::new("user.id", "7"),
        KeyValue::new("text", "two\nlines\u{1b}\"".repeat(2_000)),
        KeyValue::new("nul", "\0"),
    ];
    let mut spans = checkout();
    spans.push(measured());
    for span in &mut spans {
        span.attributes.extend(attributes.clone());
        span.span_kind = SpanKind::Server;
    }
    let mapper = Mapper::new().with_send_default_pii(true);
    let hooks = Hooks::new()
        .with_before_send_transaction(Some)
        .with_before_send_span(|_| SpanDecision::Keep)
        .with_before_send(Some);
    for mapped in mapper.map(spans) {
        let sent = hooks.apply(mapped.clone());
        assert_eq!(sent.transaction.as_ref(), Some(&mapped.transaction));
        assert_eq!(sent.events, mapped.events);
        assert_eq!(Hooks::new().apply(mapped.clone()).transaction, Some(mapped.transaction));
    }
}

#[test]
fn an_ignored_transaction_can_be_seen_in_process() {
    let mapper = Mapper::new()
        .with_ignored_transactions([Ignore::status(SpanStatus::Ok)])
        .with_ignored_spans(["*lock"]);
    let mapped = mapper.map(checkout()).remove(0);
    assert_eq!((mapped.is_ignored, mapped.ignored_spans), (true, 2));
    let sent = Hooks::new().apply(mapped);
    assert_eq!((sent.transaction, sent.events.len()), (None, 1));
}

// Arbitrary trees

/// For each span but the root, which of those before it is its parent, and whether it is dropped.
fn trees() -> impl Strategy<Value = Vec<(usize, bool)>> {
    proptest::collection::vec((any::<prop::sample::Index>(), any::<bool>()), 0..60).prop_map(
        |nodes| {
            let nodes = nodes.into_iter().enumerate();
            nodes.map(|(at, (parent, drop))| (parent.index(at + 1), drop)).collect()
        },
    )
}

proptest! {
    #[test]
    fn whatever_is_dropped_the_others_stay_one_tree(tree in trees(), by_rule in any::<bool>()) {
        // Node 0 is the root, with the id 1; a node's id is its number and one.
        let name = |drop: bool| if drop { "drop" } else { "keep" };
        let nodes = tree.iter().enumerate();
        let spans = nodes.map(|(at, (parent, drop))| span(1, at as u64 + 2, *parent as u64 + 1, name(*drop)));
        let spans: Vec<_> = spans.chain([span(1, 1, 0, "root")]).collect();
        let rules = if by_rule { vec!["drop"] } else { Vec::new() };
        let mapped = Mapper::new().with_ignored_spans(rules).map(spans).remove(0);
        let hooks = Hooks::new().with_before_send_span(|span| match span.description.as_str() {
            "drop" => SpanDecision::Drop,
            _ => SpanDecision::Keep,
        });
        let sent = hooks.apply(mapped).transaction.expect("a transaction");

        // The next kept node above, by walking the tree itself.
        let mut expected = HashMap::new();
        for (at, (parent, drop)) in tree.iter().enumerate() {
            let mut above = *parent;
            while above > 0 && tree[above - 1].1 {
                above = tree[above - 1].0;
            }
            if !drop {
                expected.insert(SpanId::from(at as u64 + 2), Some(SpanId::from(above as u64 + 1)));
            }
        }
        let found: HashMap<_, _> =
            sent.spans.iter().map(|span| (span.span_id, span.parent_span_id)).collect();
        prop_assert_eq!(found.len(), sent.spans.len());
        prop_assert_eq!(found, expected);
        prop_assert_eq!(sent.trace.parent_span_id, None);
    }
}
