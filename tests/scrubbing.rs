//! What is secret or personal is not sent, wherever it stands, and all else is.
//!
//! A line of `data/secrets.jsonl` has a text around a secret that is made of its parts, so that no
//! program that looks for secrets in files is misled, and `~~` for the dashes of PEM; with `consent`
//! it is sent when personal data may be. A line of `data/harmless.jsonl` has a text that must not be changed.

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::time::{Duration, SystemTime};

use common::sentry::FakeSentry;
use common::spans::{SpanDataExt, context, span};
use common::telemetry::{export_and_wait, stats};
use common::watchdog::watchdog;
use opentelemetry::trace::{Link, SpanContext, SpanId, SpanKind, Status, TraceId, TraceState};
use opentelemetry::{Array, InstrumentationScope, KeyValue, StringValue, Value};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{SpanData, SpanExporter};
use opentelemetry_sentry::mapping::{Mapped, Mapper};
use opentelemetry_sentry::{Family, Scrubbing, SentrySpanExporter, TagPolicy};
use serde_json::Value as Json;

const LONG: Duration = Duration::from_secs(300);

/// How many entries travel together.
const BATCH: usize = 60;

#[derive(Clone, Debug)]
struct Entry {
    family: String,
    /// The key that a secret belongs to; without one it may stand anywhere.
    key: Option<String>,
    system: Option<String>,
    text: String,
    secret: String,
    with_consent: bool,
}

fn lines(file: &str) -> Vec<Json> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(file);
    let lines = fs::read_to_string(path).unwrap();
    lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn secrets() -> Vec<Entry> {
    let text = |json: &Json| json.as_str().map(str::to_owned);
    let entries = lines("secrets.jsonl").into_iter().map(|line| {
        let parts = line["parts"].as_array().unwrap();
        let secret: String = parts.iter().map(|part| part.as_str().unwrap()).collect();
        Entry {
            family: text(&line["family"]).unwrap(),
            key: text(&line["key"]),
            system: text(&line["system"]),
            text: line["text"].as_str().unwrap().replace("~~", "-----").replace("{}", &secret),
            secret,
            with_consent: line["consent"] == true,
        }
    });
    entries.collect()
}

fn texts(texts: &[&str]) -> Value {
    let texts: Vec<_> = texts.iter().map(|text| StringValue::from((*text).to_owned())).collect();
    Value::Array(Array::String(texts))
}

impl Entry {
    /// The attributes that hold the secret.
    fn attributes(&self) -> Vec<KeyValue> {
        let text = || self.text.clone();
        let Some(key) = &self.key else {
            return vec![
                KeyValue::new("note", text()),
                KeyValue::new("notes", texts(&["one", &self.text, "three"])),
                KeyValue::new(format!("key {}", self.text), 1),
                KeyValue::new("tags.note", text()),
                KeyValue::new("http.request.header.accept", texts(&[&self.text])),
                KeyValue::new("json", serde_json::json!({ "a": [{ "b": text() }] }).to_string()),
            ];
        };
        let mut attributes =
            vec![KeyValue::new(key.clone(), text()), KeyValue::new(format!("tags.{key}"), text())];
        if self.family == "Headers" {
            attributes.pop();
            attributes
                .push(KeyValue::new(key.to_ascii_uppercase().to_lowercase(), texts(&[&self.text])));
        }
        if let Some(system) = &self.system {
            attributes.push(KeyValue::new("db.system.name", system.clone()));
        }
        if self.family == "SecretKeys" {
            attributes.push(KeyValue::new(format!("deep.{key}"), texts(&[&self.text])));
            attributes.push(KeyValue::new(
                "json",
                serde_json::json!({ "a": [{ key: { "b": text() } }] }).to_string(),
            ));
        }
        attributes
    }

    /// A root and a child with the secret in every place of them.
    fn spans(&self, number: u64) -> Vec<SpanData> {
        let name = match &self.key {
            None => self.text.clone(),
            Some(_) => format!("work {number}"),
        };
        let (root_id, child_id) = (number * 2 + 1, number * 2 + 2);
        let trace = TraceId::from(u128::from(number) + 1);
        let state = TraceState::from_key_value([("vendor", name.clone())]).unwrap_or_default();
        let mut exception = self.attributes();
        if self.key.is_none() {
            exception.extend([
                KeyValue::new("exception.type", "Failed"),
                KeyValue::new("exception.message", name.clone()),
                KeyValue::new("exception.stacktrace", format!("0: shop::load\n{name}\n")),
            ]);
        } else {
            exception.push(KeyValue::new("exception.message", "failed"));
        }
        let scope = InstrumentationScope::builder(name.clone()).with_attributes(self.attributes());
        let mut root = span(root_id, 0, &name, (0, 9))
            .kind(SpanKind::Server)
            .attributes([KeyValue::new("http.request.method", "GET")])
            .attributes(self.attributes())
            .event(&name, 1, self.attributes())
            .event("exception", 2, exception);
        root.instrumentation_scope = scope.build();
        let mut child = span(child_id, root_id, &name, (1, 8))
            .kind(SpanKind::Consumer)
            .attributes(self.attributes())
            .status(Status::error(name.clone()));
        child.links.links.push(Link::new(context(7), self.attributes(), 0));
        let now = SystemTime::now();
        let mut spans = vec![child, root];
        for span in &mut spans {
            let old = &span.span_context;
            let id: SpanId = old.span_id();
            span.span_context =
                SpanContext::new(trace, id, old.trace_flags(), false, state.clone());
            (span.start_time, span.end_time) = (now - Duration::from_millis(5), now);
            span.events.events.iter_mut().for_each(|event| event.timestamp = now);
        }
        spans
    }
}

/// All that a server gets of these entries, decompressed.
fn received(entries: &[Entry], with_consent: bool) -> String {
    let mut all = String::new();
    for (number, batch) in entries.chunks(BATCH).enumerate() {
        let sentry = FakeSentry::start();
        let mut exporter = SentrySpanExporter::builder()
            .with_dsn(sentry.dsn())
            .with_tags(TagPolicy::AllSpans)
            .with_send_default_pii(with_consent)
            .build()
            .unwrap();
        // A resource has each key once.
        let resource = batch.iter().enumerate().flat_map(|(at, entry)| match &entry.key {
            Some(_) if entry.family != "SecretKeys" => Vec::new(),
            _ => vec![KeyValue::new(
                format!("r{at}.{}", entry.key.as_deref().unwrap_or("note")),
                entry.text.clone(),
            )],
        });
        exporter.set_resource(&Resource::builder_empty().with_attributes(resource).build());
        let spans = batch
            .iter()
            .enumerate()
            .flat_map(|(at, entry)| entry.spans((number * BATCH + at) as u64));
        export_and_wait(&exporter, spans.collect()).unwrap();
        exporter.flush(LONG).unwrap();
        let stats = stats(&exporter);
        assert_eq!(stats.spans_delivered, batch.len() as u64 * 2, "{stats}");
        assert_eq!(stats.transactions_delivered, batch.len() as u64, "{stats}");
        assert!(stats.events_delivered >= batch.len() as u64, "{stats}");
        for request in sentry.requests() {
            all.push_str(&String::from_utf8(request.body).unwrap());
        }
        exporter.shutdown_with_timeout(LONG).unwrap();
    }
    all
}

/// Whether a secret stands there, as it is or as JSON writes it, in one text or two deep.
fn holds(all: &str, secret: &str) -> bool {
    let escaped = serde_json::to_string(secret).unwrap();
    all.contains(secret) || all.contains(escaped.trim_matches('"'))
}

#[test]
fn no_secret_and_nothing_personal_is_sent_by_default() {
    watchdog(LONG, || {
        let entries = secrets();
        assert!(entries.len() >= 300, "{}", entries.len());
        let unique: BTreeSet<_> = entries.iter().map(|entry| &entry.secret).collect();
        assert_eq!(unique.len(), entries.len());
        let all = received(&entries, false);
        assert!(all.len() > entries.len() * 1000, "{} bytes came", all.len());
        let found: Vec<_> = entries.iter().filter(|entry| holds(&all, &entry.secret)).collect();
        assert!(found.is_empty(), "{} of {}: {found:#?}", found.len(), entries.len());
    });
}

#[test]
fn consent_opens_what_is_personal_and_no_secret() {
    watchdog(LONG, || {
        let entries = secrets();
        let all = received(&entries, true);
        let wrong: Vec<_> = entries
            .iter()
            .filter(|entry| holds(&all, &entry.secret) != entry.with_consent)
            .collect();
        assert!(wrong.is_empty(), "{} of {}: {wrong:#?}", wrong.len(), entries.len());
        assert!(entries.iter().any(|entry| entry.with_consent));
    });
}

#[test]
fn the_corpus_is_found_where_nothing_is_taken_out() {
    // Otherwise the search would prove nothing.
    let off = Family::ALL.iter().fold(Scrubbing::default(), |all, family| all.without(*family));
    let mapper = Mapper::new().with_scrubbing(off);
    let mut missing = Vec::new();
    for (number, entry) in secrets().into_iter().enumerate() {
        let all: String = mapper.map(entry.spans(number as u64)).iter().map(json).collect();
        if !holds(&all, &entry.secret) && entry.family != "UserInfo" {
            missing.push(entry);
        }
    }
    assert!(missing.is_empty(), "{missing:#?}");
}

fn json(mapped: &Mapped) -> String {
    let transaction = serde_json::to_string(&mapped.transaction).unwrap();
    let events = mapped.events.iter().map(|event| serde_json::to_string(event).unwrap());
    transaction + &events.collect::<String>()
}

#[test]
fn each_family_can_be_switched_off_alone() {
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    for family in Family::ALL {
        let mapper = Mapper::new().with_scrubbing(Scrubbing::default().without(*family));
        let name = format!("{family:?}");
        for (number, entry) in secrets().into_iter().enumerate() {
            let all: String = mapper.map(entry.spans(number as u64)).iter().map(json).collect();
            let is_sent = holds(&all, &entry.secret);
            if entry.family == name && is_sent {
                *seen.entry(name.clone()).or_default() += 1;
            }
            // What another family is about does not come through by this one.
            assert!(!is_sent || entry.family == name || also(&name, &entry), "{name}: {entry:?}");
        }
    }
    let names: Vec<_> = seen.keys().map(String::as_str).collect();
    let all: BTreeSet<_> = Family::ALL.iter().map(|family| format!("{family:?}")).collect();
    assert_eq!(names, all.iter().map(String::as_str).collect::<Vec<_>>(), "{seen:?}");
}

/// Whether a secret is one of two families, so that the other one alone does not find it.
fn also(switched_off: &str, entry: &Entry) -> bool {
    match switched_off {
        // Addresses in a header, keys in a query.
        "Headers" | "SecretKeys" | "QueryValues" => {
            matches!(entry.family.as_str(), "Headers" | "SecretKeys" | "QueryValues" | "Personal")
        }
        "Personal" => entry.family == "Headers",
        _ => false,
    }
}

#[test]
fn what_only_resembles_a_secret_is_sent_byte_for_byte() {
    let lines = lines("harmless.jsonl");
    assert!(lines.len() >= 200, "{}", lines.len());
    let mapper = Mapper::new();
    let off = Family::ALL.iter().fold(Scrubbing::default(), |all, family| all.without(*family));
    let open = Mapper::new().with_scrubbing(off);
    for line in lines {
        let text = line["text"].as_str().unwrap().to_owned();
        let key = line["key"].as_str().unwrap_or("note").to_owned();
        let entry = |text: &str| {
            let attribute = || KeyValue::new(key.clone(), text.to_owned());
            let name = if key == "note" { text } else { "work" };
            let child = span(2, 1, name, (1, 8))
                .attributes([attribute()])
                .event(name, 2, [attribute()])
                .event(
                    "exception",
                    3,
                    [attribute(), KeyValue::new("exception.message", name.to_owned())],
                )
                .status(Status::error(name.to_owned()));
            vec![child, span(1, 0, "request", (0, 9)).attributes([attribute()])]
        };
        let mapped = mapper.map(entry(&text)).remove(0);
        let value = mapped.transaction.spans[0].data.value(&key).map(|value| value.to_string());
        assert_eq!(value.as_deref(), Some(text.replace('\0', "\u{fffd}").as_str()), "{key}");
        let same = open.map(entry(&text)).remove(0);
        assert_eq!(json(&mapped), json(&same), "{key}: {text}");
    }
}

#[test]
fn the_user_adds_to_the_lists_and_takes_from_them() {
    let scrubbing = Scrubbing::default()
        .with_denied_keys(["customer-number", "iban"])
        .with_denied_keys(["plate"])
        .with_allowed_keys(["sessionId", "demo.password", "plate"]);
    let attributes = [
        ("customerNumber", "[Filtered]"),
        ("shop.customer_number", "[Filtered]"),
        ("customer_number_count", "12"),
        ("iban", "[Filtered]"),
        ("json", r#"{"IBAN":"[Filtered]","a":1}"#),
        ("session_id", "12"),
        ("demo.password", "12"),
        ("password", "[Filtered]"),
        ("plate", "12"),
    ];
    let given = attributes.map(|(key, _)| {
        KeyValue::new(key, if key == "json" { r#"{"IBAN":"12","a":1}"# } else { "12" })
    });
    let root = span(1, 0, "work", (0, 9)).attributes(given);
    let mapped = Mapper::new().with_scrubbing(scrubbing).map(vec![root]).remove(0);
    for (key, expected) in attributes {
        let value = mapped.transaction.trace.data.value(key).unwrap().to_string();
        assert_eq!(value, expected, "{key}");
    }
}

#[test]
fn settings_hold_for_the_resource_in_any_order() {
    let resource = Resource::builder_empty()
        .with_attributes([
            KeyValue::new("db.password", "hunter"),
            KeyValue::new("owner", "jo@example.com"),
            KeyValue::new("service.name", "shop"),
            KeyValue::new("service.version", "1.0@example.com"),
        ])
        .build();
    let told = |mapper: Mapper| {
        let mapped = mapper.map(vec![span(1, 0, "work", (0, 9))]).remove(0);
        let otel = mapped.transaction.contexts["otel"].fields()["resource"].clone();
        assert_eq!(otel["service.version"], "1.0@example.com");
        (otel["db.password"].clone(), otel["owner"].clone())
    };
    let filtered = || Json::from("[Filtered]");
    assert_eq!(told(Mapper::new().with_resource(&resource)), (filtered(), filtered()));
    let open = (filtered(), Json::from("jo@example.com"));
    assert_eq!(told(Mapper::new().with_send_default_pii(true).with_resource(&resource)), open);
    assert_eq!(told(Mapper::new().with_resource(&resource).with_send_default_pii(true)), open);
    let scrubbing = Scrubbing::default().without(Family::SecretKeys);
    let hunter = (Json::from("hunter"), filtered());
    assert_eq!(told(Mapper::new().with_resource(&resource).with_scrubbing(scrubbing)), hunter);
}

#[test]
fn the_exporter_takes_the_settings() {
    watchdog(LONG, || {
        let sentry = FakeSentry::start();
        let exporter = SentrySpanExporter::builder()
            .with_dsn(sentry.dsn())
            .with_scrubbing(
                Scrubbing::default().with_denied_keys(["iban"]).without(Family::MailAddresses),
            )
            .build()
            .unwrap();
        let root = common::telemetry::span(1, 1, 0, "work")
            .attributes([KeyValue::new("iban", "DE00"), KeyValue::new("owner", "jo@example.com")]);
        export_and_wait(&exporter, vec![root]).unwrap();
        exporter.force_flush().unwrap();
        let data = sentry.transactions().remove(0)["contexts"]["trace"]["data"].take();
        assert_eq!(
            (&data["iban"], &data["owner"]),
            (&"[Filtered]".into(), &"jo@example.com".into())
        );
    });
}

#[test]
fn an_option_of_a_command_hides_the_argument_after_it() {
    let arguments = texts(&["login", "--password", "hunter", "--user", "jo"]);
    let root = span(1, 0, "work", (0, 9)).attributes([KeyValue::new("arguments", arguments)]);
    let mapped = Mapper::new().map(vec![root]).remove(0);
    let value = mapped.transaction.trace.data.value("arguments").unwrap();
    assert_eq!(*value, texts(&["login", "--password", "[Filtered]", "--user", "jo"]));
}

/// The cells of the table in the documentation of what consent opens.
fn table() -> Vec<Vec<String>> {
    let doc = include_str!("../docs/privacy.md");
    let rows = doc.lines().skip_while(|line| !line.starts_with("| what | for example |"));
    let rows = rows.skip(2).take_while(|line| line.starts_with('|'));
    let cells =
        |row: &str| row.trim_matches('|').split(" | ").map(|cell| cell.trim().to_owned()).collect();
    rows.map(cells).collect()
}

#[test]
fn consent_opens_what_the_documentation_says() {
    let rows = table();
    assert!(rows.len() >= 20, "{}", rows.len());
    for row in rows {
        let [what, example, closed, open] = row.as_slice() else { panic!("{row:?}") };
        let code = |cell: &str| cell.trim_matches('`').to_owned();
        let example = code(example);
        let (key, value) = example.split_once(" = ").unwrap();
        let sent = |with_consent: bool| {
            let root = span(1, 0, "work", (0, 9))
                .kind(SpanKind::Server)
                .attributes([KeyValue::new(key.to_owned(), value.to_owned())]);
            let mapper = Mapper::new().with_send_default_pii(with_consent);
            let mapped = mapper.map(vec![root]).remove(0);
            mapped.transaction.trace.data.value(key).map(|value| value.to_string())
        };
        let expected = |cell: &str| match cell {
            "nothing" => None,
            "all" => Some(value.to_owned()),
            cell => Some(code(cell)),
        };
        assert_eq!(sent(false), expected(closed), "{what}: {example}");
        assert_eq!(sent(true), expected(open), "{what} with consent: {example}");
    }
}
