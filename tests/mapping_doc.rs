//! `docs/mapping.md`, executed: what its tables say is what comes out, and nothing else does.

mod common;

use std::collections::BTreeSet;

use common::spans::{SpanDataExt, span};
use opentelemetry::trace::{SpanId, SpanKind};
use opentelemetry::{Key, KeyValue, Value};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::SpanData;
use opentelemetry_sentry::mapping::Mapper;
use opentelemetry_sentry::{EventFilter, LevelFilter, TagPolicy};
use serde_json::Value as Json;

const DOC: &str = include_str!("../docs/mapping.md");

/// The name of all spans here, which is how the tables call it.
const NAME: &str = "span name";

const KINDS: [&str; 5] = ["SERVER", "CLIENT", "PRODUCER", "CONSUMER", "INTERNAL"];

// The tables

type Row = Vec<String>;

/// The rows of the table whose header is this.
fn table(header: &[&str]) -> Vec<Row> {
    let mut lines = DOC.lines().skip_while(|line| cells(line) != header);
    assert!(lines.next().is_some(), "no table with {header:?}");
    assert!(lines.next().is_some_and(|line| line.starts_with("|---")));
    let rows: Vec<_> = lines.map_while(|line| line.starts_with('|').then(|| cells(line))).collect();
    assert!(!rows.is_empty() && rows.iter().all(|row| row.len() == header.len()), "{header:?}");
    rows
}

fn cells(line: &str) -> Row {
    let line = line.replace("\\|", "\u{0}");
    let inner = line.strip_prefix('|').and_then(|line| line.strip_suffix('|'));
    let cells = inner.into_iter().flat_map(|inner| inner.split('|'));
    cells.map(|cell| cell.trim().replace('\u{0}', "|")).collect()
}

/// What stands in backticks.
fn code(cell: &str) -> Vec<&str> {
    cell.split('`').skip(1).step_by(2).collect()
}

/// The code of a cell, or its words if there is none.
fn said(cell: &str) -> &str {
    code(cell).first().copied().unwrap_or(cell)
}

/// `a | b = x, y`: keys that stand in for each other, and values.
#[derive(Clone, Debug)]
struct Condition<'a> {
    keys: Vec<&'a str>,
    values: Vec<&'a str>,
}

fn conditions(cell: &str) -> Vec<Condition<'_>> {
    let condition = |text| {
        let (keys, values) = str::split_once(text, " = ").unwrap_or((text, "x"));
        Condition { keys: keys.split(" | ").collect(), values: values.split(", ").collect() }
    };
    code(cell).into_iter().map(condition).collect()
}

/// Attributes that fulfil all conditions, in every way, each with the value of the first one.
fn ways<'a>(conditions: &[Condition<'a>]) -> Vec<(Vec<KeyValue>, &'a str)> {
    let mut ways = vec![(Vec::new(), "")];
    for Condition { keys, values } in conditions {
        let pairs = keys.iter().flat_map(|key| values.iter().map(move |value| (*key, *value)));
        let pairs: Vec<_> = pairs.collect();
        ways = ways
            .into_iter()
            .flat_map(|(attributes, first)| {
                pairs.iter().map(move |(key, text)| {
                    let mut attributes = attributes.clone();
                    let first = if attributes.is_empty() { text } else { first };
                    attributes.push(KeyValue::new((*key).to_owned(), value(text)));
                    (attributes, first)
                })
            })
            .collect();
    }
    ways
}

fn value(text: &str) -> Value {
    match (text.parse::<i64>(), text.parse::<bool>()) {
        (Ok(number), _) => number.into(),
        (_, Ok(truth)) => truth.into(),
        _ => text.to_owned().into(),
    }
}

/// The kinds that a cell means; others are those that no other row of the same attributes names.
fn kinds(cell: &str, same: &[&str]) -> Vec<SpanKind> {
    let named = |kind: &&str| match cell {
        "all" => true,
        "others" => !same.iter().any(|cell| cell.contains(*kind)),
        cell => cell.split(", ").any(|named| named == *kind),
    };
    let kinds: Vec<_> = KINDS.iter().filter(|kind| named(kind)).map(|name| kind(name)).collect();
    assert!(!kinds.is_empty(), "{cell}");
    kinds
}

fn kind(name: &str) -> SpanKind {
    match name {
        "SERVER" => SpanKind::Server,
        "CLIENT" => SpanKind::Client,
        "PRODUCER" => SpanKind::Producer,
        "CONSUMER" => SpanKind::Consumer,
        _ => SpanKind::Internal,
    }
}

/// All rows with their attributes in every way and every kind.
fn spans_of(rows: &[Row], attributes: usize, kind: usize) -> Vec<(&Row, SpanData, &str)> {
    let mut all = Vec::new();
    for row in rows {
        let same = rows.iter().filter(|other| other[attributes] == row[attributes]);
        let same: Vec<_> = same.map(|row| row[kind].as_str()).collect();
        for kind in kinds(&row[kind], &same) {
            for (attributes, value) in ways(&conditions(&row[attributes])) {
                all.push((row, work(kind.clone(), attributes), value));
            }
        }
    }
    all
}

// What comes of it

fn work(kind: SpanKind, attributes: Vec<KeyValue>) -> SpanData {
    span(2, 0, NAME, (0, 10)).kind(kind).attributes(attributes)
}

fn open() -> Mapper {
    Mapper::new().with_send_default_pii(true)
}

fn root(mapper: &Mapper, span: SpanData) -> Json {
    serde_json::to_value(mapper.map(vec![span]).remove(0).transaction).unwrap()
}

fn child(mut child: SpanData) -> Json {
    child.parent_span_id = SpanId::from(1);
    let spans = vec![span(1, 0, "root", (0, 20)), child];
    serde_json::to_value(open().map(spans).remove(0).transaction).unwrap()["spans"][0].take()
}

fn op(kind: SpanKind, attributes: Vec<KeyValue>) -> Option<String> {
    let child = child(work(kind, attributes));
    child["op"].as_str().map(str::to_owned)
}

/// A value of JSON as the tables write it.
fn text(json: &Json) -> String {
    json.as_str().map_or_else(|| json.to_string(), str::to_owned)
}

/// The keys that the mapping reads, and what else stands in quotes in a file of it.
fn literals(source: &str) -> BTreeSet<&str> {
    let code = source.split("#[cfg(test)]").next().unwrap_or_default();
    let lines = code.lines().filter(|line| !line.trim_start().starts_with("//"));
    lines.flat_map(|line| line.split('"').skip(1).step_by(2)).collect()
}

fn known_keys() -> BTreeSet<&'static str> {
    let source = include_str!("../src/semconv.rs");
    let keys = literals(source);
    assert!(keys.len() > 100, "{keys:?}");
    keys
}

// Ops

const OPS: &[&str] = &["family", "attributes", "kind", "op"];

#[test]
fn every_op_is_what_the_table_says() {
    let rows = table(OPS);
    for (row, span, value) in spans_of(&rows, 1, 2) {
        let expected = said(&row[3]).replace("<value>", value);
        let (kind, attributes) = (span.span_kind, span.attributes);
        assert_eq!(
            op(kind.clone(), attributes.clone()).as_deref(),
            Some(&*expected),
            "{kind:?} {attributes:?}"
        );
    }
}

#[test]
fn no_key_alone_gives_an_op_that_the_table_does_not_know() {
    let rows = table(OPS);
    let told: BTreeSet<_> = rows
        .iter()
        .map(|row| conditions(&row[1]))
        .filter(|conditions| conditions.len() == 1)
        .flat_map(|mut conditions| conditions.remove(0).keys)
        .collect();
    for key in known_keys().into_iter().filter(|key| *key != "sentry.op") {
        let gives = |kind| op(kind, vec![KeyValue::new(key, "x")]).is_some();
        let gives_any = KINDS.iter().any(|name| gives(kind(name)));
        assert!(!gives_any || told.contains(key), "{key}");
    }
}

#[test]
fn the_first_family_that_applies_decides() {
    let rows = table(OPS);
    for row in table(&["kind", "families, the first that applies"]) {
        let kinds = if row[0] == "others" { &KINDS[1..] } else { &KINDS[..1] };
        for kind in kinds.iter().map(|name| kind(name)) {
            // One example of each family, as far as the kind has one.
            let examples: Vec<_> = row[1]
                .split(", ")
                .filter_map(|family| {
                    let of_family = rows.iter().filter(|row| row[0] == family);
                    let mut ways = of_family.flat_map(|row| ways(&conditions(&row[1])));
                    let (attributes, op) = ways.find_map(|(attributes, _)| {
                        Some((attributes.clone(), op(kind.clone(), attributes)?))
                    })?;
                    Some((family, attributes, op))
                })
                .collect();
            assert!(examples.len() >= 8, "{kind:?}");
            for (at, (first, attributes, expected)) in examples.iter().enumerate() {
                for (second, others, _) in &examples[at + 1..] {
                    let both = others.iter().chain(attributes).cloned().collect();
                    assert_eq!(op(kind.clone(), both).as_ref(), Some(expected), "{first} {second}");
                }
            }
        }
    }
}

// Names

/// Checks name, source and description against their columns.
fn check_names(span: SpanData, names: [&str; 3], value: &str) {
    let what = format!("{:?} {:?}", span.span_kind, span.attributes);
    let [name, source, description] = names.map(|cell| said(cell).replace("<value>", value));
    let root = root(&open(), span.clone());
    assert_eq!(root["transaction"], name, "{what}");
    assert_eq!(root["transaction_info"]["source"], source, "{what}");
    assert_eq!(child(span)["description"], description, "{what}");
}

#[test]
fn given_names_win() {
    let rows = table(&["attributes", "root", "source", "other spans"]);
    for row in &rows {
        for (attributes, value) in ways(&conditions(&row[0])) {
            check_names(work(SpanKind::Internal, attributes), [&row[1], &row[2], &row[3]], value);
        }
    }
}

#[test]
fn names_depend_on_the_family() {
    let rows = table(&["family", "attributes", "root", "source", "other spans"]);
    for row in &rows {
        for (attributes, value) in ways(&conditions(&row[1])) {
            check_names(work(SpanKind::Client, attributes), [&row[2], &row[3], &row[4]], value);
        }
    }
}

#[test]
fn requests_are_named_by_method_and_target() {
    let rows = table(&["kind", "attributes", "name", "source"]);
    for (row, span, value) in spans_of(&rows, 1, 0) {
        let others = rows.iter().map(|row| row[0].as_str()).filter(|kind| *kind != "others");
        let is_named = others.clone().any(|kind| self::kind(kind) == span.span_kind);
        if row[0] == "others" && is_named {
            continue;
        }
        for method in ["http.request.method", "http.method"] {
            let span = span.clone().attributes([KeyValue::new(method, "GET")]);
            check_names(span, [&row[2], &row[3], &row[2]], value);
        }
    }
}

// Statuses

fn status(key: &str, value: impl Into<Value>) -> String {
    let attributes = vec![KeyValue::new(key.to_owned(), value)];
    text(&child(work(SpanKind::Internal, attributes))["status"])
}

#[test]
fn every_code_of_http_has_the_status_that_the_table_says() {
    let rows = table(&["HTTP", "status"]);
    let bounds = |cell: &str| {
        let (from, to) = cell.split_once('–').unwrap_or((cell, cell));
        Some((from.parse::<i64>().ok()?, to.parse::<i64>().ok()?))
    };
    let covers =
        |cell: &str, code: i64| bounds(cell).is_some_and(|(from, to)| (from..=to).contains(&code));
    let expected = |code: i64| {
        let explicit = rows.iter().find(|row| covers(&row[0], code));
        let other = || {
            rows.iter().find(|row| {
                let rest = row[0].strip_prefix("other ");
                rest.is_some_and(|rest| covers(rest, code))
            })
        };
        let any = || rows.iter().find(|row| row[0] == "any other");
        explicit.or_else(other).or_else(any).map(|row| said(&row[1]))
    };
    for code in 1..=1000 {
        for key in ["http.response.status_code", "http.status_code"] {
            assert_eq!(Some(&*status(key, code)), expected(code), "{code}");
            assert_eq!(Some(&*status(key, code.to_string())), expected(code), "{code} as text");
        }
    }
    for code in [0, -1] {
        assert_eq!(status("http.response.status_code", code), "ok", "{code} is no code");
    }
}

#[test]
fn every_code_of_grpc_has_the_status_that_the_table_says() {
    let rows = table(&["gRPC", "name", "status"]);
    assert_eq!(rows.len(), 18);
    let keys = ["rpc.response.status_code", "rpc.grpc.status_code", "rpc.connect_rpc.error_code"];
    for key in keys {
        for row in &rows {
            let codes: Vec<i64> = match row[0].parse() {
                Ok(code) => vec![code],
                Err(_) => vec![-1, 17, 99, i64::MAX],
            };
            let name = said(&row[1]);
            for code in codes {
                assert_eq!(status(key, code), said(&row[2]), "{key} {code}");
                assert_eq!(status(key, code.to_string()), said(&row[2]), "{key} {code}");
            }
            for name in [name.to_owned(), name.to_ascii_lowercase()] {
                assert_eq!(status(key, name.clone()), said(&row[2]), "{key} {name}");
            }
        }
    }
}

// Tags

fn tags(policy: TagPolicy, attributes: Vec<KeyValue>) -> Json {
    let mapper = open().with_tags(policy);
    root(&mapper, work(SpanKind::Internal, attributes))["tags"].take()
}

#[test]
fn what_is_no_tag_by_itself_can_be_listed() {
    let rows = table(&["no tags", "because"]);
    let told: BTreeSet<String> = rows
        .iter()
        .flat_map(|row| said(&row[0]).split(" | ").map(|key| key.replace('*', "")))
        .collect();
    let source = include_str!("../src/mapping/tags.rs");
    let never = source.split("const NEVER").nth(1).and_then(|rest| rest.split("];").next());
    let never = literals(never.unwrap()).into_iter().map(str::to_owned).collect();
    assert_eq!(told, never);
    for key in told {
        let key = if key.ends_with('.') { format!("{key}part") } else { key };
        let attribute = || vec![KeyValue::new(key.clone(), "value")];
        for policy in [TagPolicy::Root, TagPolicy::AllSpans, TagPolicy::None] {
            assert!(tags(policy, attribute()).is_null(), "{key}");
        }
        let listed = TagPolicy::Keys(vec![Key::from(key.clone())]);
        assert_eq!(tags(listed, attribute())[&key], "value");
    }
}

#[test]
fn tags_are_made_legal() {
    for row in table(&["key as given", "value as given", "tag"]) {
        let attribute = KeyValue::new(said(&row[0]).to_owned(), said(&row[1]).to_owned());
        let tags = tags(TagPolicy::Root, vec![attribute]);
        match code(&row[2]).first().and_then(|tag| tag.split_once(" = ")) {
            Some((key, value)) => assert_eq!(tags[key], value, "{row:?}"),
            None => assert!(tags.is_null(), "{row:?}"),
        }
    }
}

// Fields of the payload

/// The value at a path; keys that contain dots stand at its end.
fn at<'a>(json: &'a Json, path: &str) -> &'a Json {
    let mut at = json;
    let mut rest = path;
    while let Some((first, behind)) = rest.split_once('.') {
        if at.get(rest).is_some() {
            break;
        }
        (at, rest) = (&at[first], behind);
    }
    &at[rest]
}

fn with_resource(keys: &[(&str, &str)]) -> Json {
    let attributes =
        keys.iter().map(|(key, text)| KeyValue::new((*key).to_owned(), (*text).to_owned()));
    let resource = Resource::builder_empty().with_attributes(attributes).build();
    root(&Mapper::new().with_resource(&resource), work(SpanKind::Internal, Vec::new()))
}

#[test]
fn every_field_comes_from_the_resource_as_the_table_says() {
    const HEADER: &[&str] = &["field", "from the resource"];
    let rows = table(HEADER);
    for row in &rows {
        let (field, condition) = (said(&row[0]), conditions(&row[1]).remove(0));
        for key in &condition.keys {
            assert_eq!(at(&with_resource(&[(key, "given")]), field), "given", "{field} from {key}");
        }
        for pair in condition.keys.windows(2) {
            let both = with_resource(&[(pair[1], "second"), (pair[0], "first")]);
            assert_eq!(at(&both, field), "first", "{field} from {pair:?}");
        }
    }
    let told: BTreeSet<_> =
        rows.iter().flat_map(|row| conditions(&row[1]).remove(0).keys).collect();
    let read = literals(include_str!("../src/mapping/resource.rs"));
    for key in read.into_iter().filter(|key| key.contains('.') && !key.contains('{')) {
        let is_field = key.starts_with("process.command");
        assert!(told.contains(key) || is_field, "{key} is read, but not told");
    }
}

#[test]
fn what_the_root_says_is_sent_as_far_as_it_may_be() {
    for row in table(&["field", "from the root", "sent by default"]) {
        let field = said(&row[0]);
        for (mut attributes, value) in ways(&conditions(&row[1])) {
            attributes.insert(0, KeyValue::new("http.request.method", "GET"));
            // A method that the row gives itself under the old key only counts without the new one.
            if attributes.iter().any(|entry| entry.key.as_str() == "http.method") {
                attributes.remove(0);
            }
            let span = work(SpanKind::Server, attributes.clone());
            let open = text(at(&root(&open(), span.clone()), field));
            let closed = root(&Mapper::new(), span);
            let closed = at(&closed, field);
            match said(&row[2]) {
                "nothing" => {
                    assert!(closed.is_null(), "{field}: {closed}");
                    assert_eq!(open, value, "{field} with consent, from {attributes:?}");
                }
                filtered if filtered.contains("[Filtered]") => {
                    assert_eq!(closed, filtered, "{field}, from {attributes:?}");
                    let secret = value.rsplit('=').next().unwrap_or_default();
                    assert!(open.ends_with(secret), "{field} with consent: {open}");
                }
                sent => {
                    let sent = sent.replace("<value>", value);
                    assert_eq!(
                        (text(closed), open),
                        (sent.clone(), sent),
                        "{field}, from {attributes:?}"
                    );
                }
            }
        }
    }
}

// Errors

/// What becomes of an event: an issue and its level, a breadcrumb and its level, or nothing.
fn fate(mapper: &Mapper, event: SpanData) -> (String, Option<String>) {
    let mapped = mapper.map(vec![event]).remove(0);
    let level = |json: Json| Some(json["level"].as_str().map_or_else(String::new, str::to_owned));
    let json = |value| serde_json::to_value(value).unwrap();
    match (mapped.events.first(), mapped.transaction.breadcrumbs.first()) {
        (Some(event), None) => ("issue".into(), level(json(event))),
        (None, Some(crumb)) => ("breadcrumb".into(), Some(crumb.level.to_string())),
        (None, None) => ("nothing".into(), None),
        both => panic!("{both:?}"),
    }
}

#[test]
fn events_become_by_their_level_what_the_table_says() {
    const HEADER: &[&str] = &[
        "`level` of an event, in any case",
        "at Sentry",
        "by default",
        "`with_issues(OFF)` and `with_breadcrumbs(INFO)`",
    ];
    let filter =
        EventFilter::new().with_issues(LevelFilter::OFF).with_breadcrumbs(LevelFilter::INFO);
    let mappers = [Mapper::new(), Mapper::new().with_event_filter(filter)];
    let rows = table(HEADER);
    assert_eq!(rows.len(), 8);
    for row in rows {
        let level = said(&row[0]);
        for (mapper, expected) in mappers.iter().zip(&row[2..]) {
            for level in [level.to_owned(), level.to_uppercase()] {
                let logged = [KeyValue::new("level", level)];
                let (fate, shown) =
                    fate(mapper, work(SpanKind::Internal, vec![]).event("line", 1, logged));
                assert_eq!(fate, *expected, "{row:?}");
                // An event of `sentry-types` leaves out what Sentry takes for granted.
                let shown = shown.filter(|level| !level.is_empty());
                assert!(shown.is_none_or(|shown| shown == said(&row[1])), "{row:?}");
            }
        }
    }
}

/// The text of a trace in which `theirs` was called by `ours`; the newest call is `theirs`.
fn trace(language: &str, ours: &str, theirs: &str) -> String {
    let language = language.split([':', ',', ' ']).next().unwrap();
    let lines = |line: &dyn Fn(usize, &str) -> String| line(0, theirs) + &line(1, ours);
    match language {
        "Rust" => lines(&|at, name| format!("   {at}: {name}\n")),
        "Python" => {
            let line = |path: &str| format!("  File \"{path}\", line 7, in total\n    x()\n");
            let calls = line(ours) + &line(theirs);
            format!("Traceback (most recent call last):\n{calls}shop.Sold: gone\n")
        }
        "Java" => {
            let calls = lines(&|_, name| format!("\tat {name}(Cart.java:3)\n"));
            format!("com.shop.Sold: gone\n{calls}")
        }
        "JavaScript" => {
            let calls = lines(&|_, path| format!("    at total ({path}:3:4)\n"));
            format!("TypeError: gone\n{calls}")
        }
        ".NET" => {
            let calls = lines(&|_, name| format!("   at {name}(Int32 count)\n"));
            format!("System.Exception: gone\n{calls}")
        }
        "Go" => {
            let calls = lines(&|at, path| format!("pack{at}.total(0x1)\n\t{path}:3 +0x1d\n"));
            let name = if theirs.contains("/runtime/") { "runtime.main" } else { "gin.total" };
            let calls = calls.replace("pack0.total", name).replace("pack1.total", "main.total");
            format!("panic: gone\n\ngoroutine 1 [running]:\n{calls}")
        }
        "PHP" => {
            let calls = lines(&|at, path| format!("#{at} {path}(9): Cart->total()\n"));
            format!(
                "PHP Fatal error:  Uncaught Sold: gone in {theirs}:3\nStack trace:\n{calls}#2 {{main}}\n"
            )
        }
        "Ruby" => format!("{theirs}:2:in `total': gone (Sold)\n\tfrom {ours}:5:in `run'\n"),
        "C++" => lines(&|at, name| format!("   {at}# {name} at /srv/cart.cpp:8\n")),
        other => panic!("no trace of {other}"),
    }
}

#[test]
fn stack_traces_have_the_platform_and_the_frames_that_the_table_says() {
    let rows = table(&["stack trace of", "`platform`", "`in_app` is true for", "and false for"]);
    assert_eq!(rows.len(), 10);
    for row in rows {
        let ours = said(&row[2]);
        let others = code(&row[3]);
        for theirs in if others.is_empty() { vec![ours] } else { others } {
            let text = trace(&row[0], ours, theirs);
            let attributes = [
                KeyValue::new("exception.message", "gone"),
                KeyValue::new("exception.stacktrace", text.clone()),
            ];
            let work = work(SpanKind::Internal, vec![]).event("exception", 1, attributes);
            let event = Mapper::new().map(vec![work]).remove(0).events.remove(0);
            assert_eq!(event.platform, said(&row[1]), "{text}");
            let frames = event.exception.values.last().unwrap().stacktrace.clone().unwrap().frames;
            let names = |frame: &sentry_types::protocol::v7::Frame| {
                let whole = [&frame.module, &frame.function].map(|name| name.clone());
                let whole = whole.into_iter().flatten().collect::<Vec<_>>().join(".");
                let path = frame.abs_path.clone().unwrap_or_default();
                [whole, frame.function.clone().unwrap_or_default(), path]
            };
            let is_of = |frame, name: &str| {
                let bare = name.split('(').next().unwrap();
                names(frame).iter().any(|is| is == name || is.split('(').next() == Some(bare))
            };
            let ours_at = frames.iter().find(|frame| is_of(frame, ours));
            assert_eq!(ours_at.and_then(|frame| frame.in_app), Some(true), "{ours} {frames:?}");
            if theirs != ours {
                let theirs_at = frames.iter().find(|frame| is_of(frame, theirs));
                assert_eq!(theirs_at.and_then(|it| it.in_app), Some(false), "{theirs} {frames:?}");
            }
        }
    }
}

#[test]
fn the_families_of_crates_that_are_libraries_are_told() {
    let source = include_str!("../src/mapping/stacktrace/crates.rs");
    let families = source.split("FAMILIES: &str = \"").nth(1).unwrap().split('"').next().unwrap();
    let families = families.replace('\\', " ");
    let told = DOC.split("`src/mapping/stacktrace/crates.rs`:").nth(1).unwrap();
    let told = told.split("\n\n").next().unwrap();
    assert_eq!(code(told), families.split_whitespace().collect::<Vec<_>>());
}

#[test]
fn a_panic_has_the_fields_that_the_table_says() {
    let given = [
        ("<message>", "exception.message", "no money"),
        ("<function>", "exception.stacktrace", "   0: shop::cart::total\n"),
        ("<file>", "code.file.path", "src/cart.rs"),
        ("<thread>", "thread.name", "worker"),
    ];
    let mut attributes: Vec<_> =
        given.iter().map(|(_, key, text)| KeyValue::new(*key, *text)).collect();
    attributes.extend([
        KeyValue::new("exception.type", "panic"),
        KeyValue::new("exception.escaped", true),
        KeyValue::new("level", "FATAL"),
    ]);
    let work = work(SpanKind::Internal, vec![]).event("exception", 1, attributes);
    let event = serde_json::to_value(&Mapper::new().map(vec![work])[0].events[0]).unwrap();
    for row in table(&["field of a panic", "is"]) {
        let (path, expected) = (said(&row[0]), said(&row[1]));
        let exception = &event["exception"]["values"][0];
        let base = match row[0].split_once(' ').map(|(of, _)| of) {
            Some("exception") => exception,
            Some("frame") => &exception["stacktrace"]["frames"][0],
            _ => &event,
        };
        let found = at(base, path);
        let given = given.iter().find(|(name, ..)| *name == expected);
        let expected = match given {
            Some((_, "exception.stacktrace", _)) => "shop::cart::total",
            Some((.., text)) => text,
            None => expected,
        };
        assert_eq!(text(found), expected, "{path}");
    }
}

// Pages

const PAGES: &[&str] = &["page", "kind", "attributes", "op", "data"];

#[test]
fn every_page_finds_the_op_and_the_keys_that_it_reads() {
    let rows = table(PAGES);
    for (row, span, value) in spans_of(&rows, 2, 1) {
        let what = format!("{}: {:?}", row[0], span.attributes);
        let child = child(span);
        assert_eq!(child["op"], said(&row[3]).replace("<value>", value), "{what}");
        let data = code(&row[4]);
        assert!(!data.is_empty(), "{what}");
        for (key, value) in data.iter().filter_map(|entry| entry.split_once(" = ")) {
            assert_eq!(text(&child["data"][key]), value, "{what}: {key}");
        }
    }
}

#[test]
fn no_key_is_added_that_no_page_is_told_to_read() {
    let rows = table(PAGES);
    let told: BTreeSet<_> = rows
        .iter()
        .flat_map(|row| code(&row[4]))
        .filter_map(|entry| entry.split_once(" = "))
        .map(|(key, _)| key)
        // The parts of a URL have a table of their own.
        .chain(["url", "http.query", "http.fragment"])
        .collect();
    let families = [
        ("order.id", "1"),
        ("db.system", "mysql"),
        ("messaging.system", "kafka"),
        ("gen_ai.operation.name", "chat"),
        ("mcp.method.name", "tools/call"),
    ];
    let mut added = BTreeSet::new();
    for (family, name) in families {
        for kind in KINDS.map(kind) {
            let data = |attributes: Vec<KeyValue>| {
                let child = child(work(kind.clone(), attributes));
                let data = child["data"].as_object().unwrap().clone();
                data.into_iter().map(|(key, _)| key).collect::<BTreeSet<_>>()
            };
            let before = data(vec![KeyValue::new(family, name)]);
            for key in known_keys() {
                let both = vec![KeyValue::new(family, name), KeyValue::new(key, 7)];
                let after = data(both);
                added.extend(after.into_iter().filter(|is| !before.contains(is) && is != key));
            }
        }
    }
    assert!(added.len() > 10, "{added:?}");
    let untold: Vec<_> = added.iter().filter(|key| !told.contains(key.as_str())).collect();
    assert!(untold.is_empty(), "{untold:?}");
}
