use std::time::SystemTime;

use opentelemetry::logs::{AnyValue, Severity};
use opentelemetry::trace::{Event, SpanContext, SpanId, Status, TraceId, TraceState};
use opentelemetry::{InstrumentationScope, Key, KeyValue, StringValue, Value};
use opentelemetry_sdk::logs::SdkLogRecord;
use opentelemetry_sdk::trace::SpanData;

use super::Mapper;
use super::exception::is_place;
use super::log_value::{is_empty, value};
use super::panic::stand_in;
use super::transaction::ENVIRONMENT;
use crate::count::count;
use crate::protocol::{Data, Log, LogLevel, NAME, Timestamp, VERSION};

/// Where Sentry looks for the text of a record before its values were put in, and for these.
const TEMPLATE: &str = "sentry.message.template";
const PARAMETER: &str = "sentry.message.parameter.";

/// How Sentry tells that nobody wrote the record for it alone.
const ORIGIN: &str = "auto.log.otel";

/// Deprecated keys of OpenTelemetry and those that Sentry shows.
const RENAMED: &[(&str, &str)] = &[
    ("code.filepath", "code.file.path"),
    ("code.function", "code.function.name"),
    ("code.lineno", "code.line.number"),
    ("code.namespace", "code.module.name"),
];

/// How many of the names in a template are looked up.
const MAX_PARAMETERS: usize = 32;

/// A record that also tells of an error, as a span that recorded it.
#[derive(Clone, Debug)]
pub(crate) struct LoggedError {
    pub(crate) span: SpanData,
    pub(crate) is_sampled: bool,
}

impl Mapper {
    /// Maps a record of a log; one outside of any trace is put into `trace`, and one that says no
    /// time was written `now`.
    pub fn map_log(
        &self,
        record: &SdkLogRecord,
        scope: &InstrumentationScope,
        (trace, now): (TraceId, SystemTime),
    ) -> Log {
        let context = record.trace_context().filter(|it| it.trace_id != TraceId::INVALID);
        let severity = severity(record);
        let trace_id = context.map_or(trace, |context| context.trace_id);
        let span_id = context.map(|context| context.span_id).filter(|id| *id != SpanId::INVALID);
        let mut log = Log {
            timestamp: time(record, now).into(),
            trace_id: trace_id.to_string().into(),
            span_id: span_id.map(|id| id.to_string().into()),
            level: level(severity),
            severity_number: severity,
            body: self.scrubber.scrub_text(body(record, self).as_str()).into(),
            attributes: attributes(record, self),
        };
        let told = log.attributes.len();
        self.describe(record, scope, &mut log);
        make_room(&mut log.attributes, told);
        log.fit();
        log
    }

    /// The error that a record tells of, if it does: one of the severity `ERROR` or above, with the
    /// type or the text of an exception.
    pub(crate) fn logged_error(
        &self,
        record: &SdkLogRecord,
        scope: &InstrumentationScope,
        (trace, now): (TraceId, SystemTime),
    ) -> Option<LoggedError> {
        let severity = severity(record);
        let is_told = |(key, _): &(Key, AnyValue)| {
            matches!(key.as_str(), "exception.type" | "exception.message")
        };
        if severity < Severity::Error as u8 || !record.attributes_iter().any(is_told) {
            return None;
        }
        let time = time(record, now);
        let context = record.trace_context().filter(|it| it.trace_id != TraceId::INVALID);
        let flags = context.and_then(|context| context.trace_flags).unwrap_or_default();
        let span_id = context.map(|context| context.span_id).filter(|id| *id != SpanId::INVALID);
        // Sentry wants a span of every error; nobody else has this one.
        let micros = Timestamp::from(time).as_micros().max(1);
        let context = SpanContext::new(
            context.map_or(trace, |context| context.trace_id),
            span_id.unwrap_or_else(|| SpanId::from(micros)),
            flags,
            false,
            TraceState::NONE,
        );
        let mut entries = entries(record, self);
        let level = if severity >= Severity::Fatal as u8 { "FATAL" } else { "ERROR" };
        entries.push(KeyValue::new("level", level));
        if let Some(logger) = logger(record, scope) {
            entries.push(KeyValue::new("target", logger));
        }
        let body = body(record, self);
        let event = Event::new(body.as_str().to_owned(), time, entries, 0);
        let mut span = stand_in(context, event);
        span.name = "log".into();
        span.status = Status::Unset;
        span.instrumentation_scope = scope.clone();
        Some(LoggedError { span, is_sampled: flags.is_sampled() })
    }

    /// Adds where the record comes from.
    fn describe(&self, record: &SdkLogRecord, scope: &InstrumentationScope, log: &mut Log) {
        let data = &mut log.attributes;
        let resource = &self.resource;
        let release = self.release.as_ref().or(resource.release.as_ref());
        let environment = self.environment.as_ref().or(resource.environment.as_ref());
        let environment = environment.cloned().unwrap_or_else(|| StringValue::from(ENVIRONMENT));
        let clean = |text: StringValue| StringValue::from(self.scrubber.scrub_text(text.as_str()));
        for (key, value) in [
            ("sentry.release", release.cloned()),
            ("sentry.environment", Some(environment)),
            ("sentry.sdk.name", Some(NAME.into())),
            ("sentry.sdk.version", Some(VERSION.into())),
            ("server.address", resource.server_name.clone()),
            ("logger.name", logger(record, scope).map(clean)),
        ] {
            match value {
                // What is set in code wins over what a record says, as for spans.
                Some(value) if key == "sentry.release" && self.release.is_some() => {
                    data.insert(key, value);
                }
                Some(value) if key == "sentry.environment" && self.environment.is_some() => {
                    data.insert(key, value);
                }
                Some(value) => data.insert_missing(key, value),
                None => {}
            }
        }
        data.insert_missing("sentry.origin", ORIGIN);
        data.extend_missing(resource.data.iter().cloned());
        for key in ["os.name", "os.version", "process.runtime.name"] {
            let entry = resource.attributes.iter().find(|entry| entry.key.as_str() == key);
            if let Some(entry) = entry {
                data.insert_missing(key, entry.value.clone());
            }
        }
        if !scope.name().is_empty() {
            data.insert_missing("otel.scope.name", clean(scope.name().to_owned().into()));
        }
        if let Some(name) = record.event_name().filter(|name| !is_place(name)) {
            data.insert_missing("event.name", clean(name.into()));
        }
        let text = record
            .severity_text()
            .filter(|text| !text.is_empty() && !text.eq_ignore_ascii_case(log.level.as_str()));
        if let Some(text) = text {
            data.insert_missing("sentry.severity_text", text);
        }
    }
}

/// About how much Sentry would count a record for that nobody has mapped.
///
/// All of it counts, however deep, because all of it takes memory until it is mapped.
pub(crate) fn rough_bytes(record: &SdkLogRecord) -> u64 {
    let mut waiting = Vec::new();
    let body = record.body().map_or(0, |any| shallow_bytes(any, &mut waiting));
    let mut sum = record.attributes_iter().fold(body, |sum, (key, any)| {
        let bytes = shallow_bytes(any, &mut waiting);
        sum.saturating_add(count(key.as_str().len())).saturating_add(bytes)
    });
    while let Some(any) = waiting.pop() {
        sum = sum.saturating_add(shallow_bytes(any, &mut waiting));
    }
    sum
}

/// The same of one value; those in it are left in `waiting`.
fn shallow_bytes<'a>(any: &'a AnyValue, waiting: &mut Vec<&'a AnyValue>) -> u64 {
    match any {
        AnyValue::String(text) => count(text.as_str().len()),
        AnyValue::Bytes(bytes) => count(bytes.len()),
        AnyValue::ListAny(values) => {
            waiting.extend(values.iter());
            8
        }
        AnyValue::Map(map) => {
            waiting.extend(map.values());
            map.keys().fold(8, |sum, key| sum.saturating_add(count(key.as_str().len())))
        }
        _ => 8,
    }
}

/// When it was written, or else when it was first seen.
fn time(record: &SdkLogRecord, now: SystemTime) -> SystemTime {
    record.timestamp().or(record.observed_timestamp()).unwrap_or(now)
}

/// Who wrote it: the target, or else the scope.
fn logger(record: &SdkLogRecord, scope: &InstrumentationScope) -> Option<StringValue> {
    let target = record.target().map(|target| target.to_string());
    let logger = target.unwrap_or_else(|| scope.name().to_owned());
    (!logger.is_empty()).then(|| logger.into())
}

/// The severity on OpenTelemetry's scale; where only a word is given, that of the word.
fn severity(record: &SdkLogRecord) -> u8 {
    let by_word = || {
        let word = record.severity_text().unwrap_or_default().to_ascii_lowercase();
        match word.as_str() {
            "trace" => Severity::Trace,
            "debug" => Severity::Debug,
            "warn" | "warning" => Severity::Warn,
            "error" | "err" => Severity::Error,
            "fatal" | "critical" | "emergency" | "panic" => Severity::Fatal,
            _ => Severity::Info,
        }
    };
    record.severity_number().unwrap_or_else(by_word) as u8
}

fn level(severity: u8) -> LogLevel {
    match severity {
        0..=4 => LogLevel::Trace,
        5..=8 => LogLevel::Debug,
        9..=12 => LogLevel::Info,
        13..=16 => LogLevel::Warn,
        17..=20 => LogLevel::Error,
        _ => LogLevel::Fatal,
    }
}

/// The text of a record, or else of its error, or the name of the event that it is.
fn body(record: &SdkLogRecord, mapper: &Mapper) -> StringValue {
    match record.body().map(|body| value(body, &mapper.scrubber)) {
        Some(Value::String(text)) => text,
        Some(value) => value.as_str().into_owned().into(),
        None => {
            let name = record.event_name().unwrap_or_default();
            let is_told = |(key, _): &&(Key, AnyValue)| key.as_str() == "exception.message";
            let error =
                record.attributes_iter().find(is_told).map(|(_, any)| value(any, &mapper.scrubber));
            // A place says less than an error.
            match error {
                Some(Value::String(text)) if name.is_empty() || is_place(name) => text,
                _ => name.into(),
            }
        }
    }
}

/// What a record says besides, scrubbed and within the limits.
fn attributes(record: &SdkLogRecord, mapper: &Mapper) -> Data {
    let mut entries = entries(record, mapper);
    mapper.scrubber.scrub_record(&mut entries);
    let mut data = Data::from(entries);
    data.retain(|_, value| !is_empty(value));
    parameters(&mut data);
    data
}

/// The same as it was given.
fn entries(record: &SdkLogRecord, mapper: &Mapper) -> Vec<KeyValue> {
    let entries = record.attributes_iter().take(Log::MAX_ATTRIBUTES).map(|(key, any)| {
        let current = RENAMED.iter().find(|(old, _)| *old == key.as_str());
        let key = current.map_or_else(|| key.clone(), |(_, new)| (*new).into());
        KeyValue::new(key, value(any, &mapper.scrubber))
    });
    entries.collect()
}

/// Leaves out the last of what the record itself has told, where more is known than Sentry takes.
fn make_room(data: &mut Data, told: usize) {
    let surplus = data.len().saturating_sub(Log::MAX_ATTRIBUTES);
    let (first, mut place) = (told.saturating_sub(surplus), 0_usize);
    if surplus > 0 {
        data.retain(|key, _| {
            let is_surplus = (first..told).contains(&place);
            place = place.saturating_add(1);
            // What stands among them may have been told in code.
            !is_surplus || matches!(key.as_str(), "sentry.release" | "sentry.environment")
        });
    }
}

/// The attributes that a template names are its parameters, unless these are given.
fn parameters(data: &mut Data) {
    let Some(Value::String(template)) = data.value(TEMPLATE) else { return };
    if data.iter().any(|(key, _)| key.as_str().starts_with(PARAMETER)) {
        return;
    }
    let names: Vec<_> = template
        .as_str()
        .split('{')
        .skip(1)
        .filter_map(|rest| Some(rest.split_once('}')?.0))
        .filter_map(|place| place.split(':').next())
        .filter(|name| !name.is_empty())
        .take(MAX_PARAMETERS)
        .filter_map(|name| Some((format!("{PARAMETER}{name}"), data.value(name)?.clone())))
        .collect();
    names.into_iter().for_each(|(key, value)| data.insert(key, value));
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use opentelemetry::Array;
    use opentelemetry::logs::{LogRecord, Logger, LoggerProvider};
    use opentelemetry_sdk::Resource;
    use opentelemetry_sdk::logs::SdkLoggerProvider;
    use proptest::prelude::*;

    use super::*;
    use crate::segment::Segment;

    fn record() -> SdkLogRecord {
        SdkLoggerProvider::builder().build().logger("tests").create_log_record()
    }

    fn scope(name: &'static str) -> InstrumentationScope {
        InstrumentationScope::builder(name).build()
    }

    fn at() -> (TraceId, SystemTime) {
        (TraceId::from(7), UNIX_EPOCH + Duration::from_secs(1_795_167_627))
    }

    fn map(record: &SdkLogRecord) -> Log {
        Mapper::new().map_log(record, &scope("shop"), at())
    }

    fn text(log: &Log, key: &str) -> Option<String> {
        log.attributes.value(key).map(|value| value.as_str().into_owned())
    }

    #[test]
    fn a_record_without_anything_still_is_a_log() {
        let log = map(&record());
        assert_eq!(log.trace_id.as_str(), "00000000000000000000000000000007");
        assert_eq!((log.span_id.as_ref(), log.body.as_str()), (None, ""));
        assert_eq!((log.level, log.severity_number), (LogLevel::Info, 9));
        assert_eq!(log.timestamp, Timestamp::from(at().1));
        assert_eq!(text(&log, "logger.name").as_deref(), Some("shop"));
        assert_eq!(text(&log, "sentry.environment").as_deref(), Some("production"));
    }

    #[test]
    fn a_record_with_as_much_as_sentry_takes_still_says_where_it_comes_from() {
        let mut record = record();
        (0..500).for_each(|at| record.add_attribute(format!("key {at}"), at));
        let resource = Resource::builder_empty()
            .with_attributes([KeyValue::new("service.version", "1.2")])
            .with_service_name("shop");
        let mapper = Mapper::new().with_resource(&resource.build());
        let log = mapper.map_log(&record, &scope("shop"), at());
        assert_eq!(log.attributes.len(), Log::MAX_ATTRIBUTES);
        for key in ["sentry.release", "sentry.environment", "sentry.sdk.name", "logger.name"] {
            assert!(text(&log, key).is_some(), "{key}");
        }
        assert!(text(&log, "key 0").is_some() && text(&log, "key 499").is_none());
        let told = log.attributes.iter().filter(|(key, _)| key.as_str().starts_with("key "));
        assert!(told.count() > 480, "no more goes than has to");
    }

    #[test]
    fn a_record_counts_with_all_that_is_in_it_however_deep() {
        let text = || AnyValue::from("x".repeat(1024 * 1024));
        let map = |any| AnyValue::Map(Box::new([(Key::new("k"), any)].into_iter().collect()));
        let list = |any| AnyValue::ListAny(Box::new(vec![any]));
        let deep = (0..100).fold(text(), |any, _| list(map(any)));
        for any in [text(), map(text()), list(text()), list(map(list(text()))), deep] {
            let mut record = record();
            record.add_attribute("a", any.clone());
            let bytes = rough_bytes(&record);
            assert!((1_048_576..1_080_000).contains(&bytes), "{bytes} bytes of an attribute");
            record.set_body(any);
            assert!(rough_bytes(&record) >= 2 * 1_048_576, "the body as well");
        }
        assert_eq!(rough_bytes(&record()), 0);
    }

    #[test]
    fn the_time_of_writing_counts_before_that_of_observation() {
        let mut record = record();
        record.set_observed_timestamp(UNIX_EPOCH + Duration::from_secs(5));
        assert_eq!(map(&record).timestamp, Timestamp::from_micros(5_000_000));
        record.set_timestamp(UNIX_EPOCH + Duration::from_secs(3));
        assert_eq!(map(&record).timestamp, Timestamp::from_micros(3_000_000));
    }

    #[test]
    fn each_severity_has_a_level_of_sentry() {
        for (severity, level) in [
            (Severity::Trace, LogLevel::Trace),
            (Severity::Debug4, LogLevel::Debug),
            (Severity::Info2, LogLevel::Info),
            (Severity::Warn, LogLevel::Warn),
            (Severity::Error4, LogLevel::Error),
            (Severity::Fatal, LogLevel::Fatal),
            (Severity::Fatal4, LogLevel::Fatal),
        ] {
            let mut record = record();
            record.set_severity_number(severity);
            let log = map(&record);
            assert_eq!((log.level, log.severity_number), (level, severity as u8));
        }
        let mut record = record();
        record.set_severity_text("WARNING");
        let log = map(&record);
        assert_eq!((log.level, log.severity_number), (LogLevel::Warn, 13));
        assert_eq!(text(&log, "sentry.severity_text").as_deref(), Some("WARNING"));
    }

    #[test]
    fn values_keep_their_types_and_what_is_nested_becomes_json() {
        let mut record = record();
        record.add_attribute("ints", AnyValue::from_iter([1, 2]));
        record.add_attribute("texts", AnyValue::from_iter(["a", "b"]));
        record.add_attribute("bytes", AnyValue::from(&[0xff_u8, 0][..]));
        record.add_attribute("floats", AnyValue::from_iter([0.5, f64::NAN]));
        record.add_attribute("none", "");
        let mixed = vec![AnyValue::Int(1), AnyValue::Boolean(true)];
        record.add_attribute("mixed", AnyValue::ListAny(Box::new(mixed)));
        let map_of = [("z", AnyValue::Int(1)), ("a", AnyValue::from_iter([0.5]))];
        record.add_attribute("map", AnyValue::from_iter(map_of));
        let log = map(&record);
        assert_eq!(log.attributes.value("ints"), Some(&Value::Array(vec![1_i64, 2].into())));
        assert!(matches!(log.attributes.value("texts"), Some(Value::Array(Array::String(_)))));
        assert_eq!(text(&log, "bytes").as_deref(), Some("/wA="));
        let texts = vec![StringValue::from("0.5"), StringValue::from("NaN")];
        assert_eq!(log.attributes.value("floats"), Some(&Value::Array(texts.into())));
        assert_eq!(text(&log, "none"), None);
        assert_eq!(text(&log, "mixed").as_deref(), Some("[1,true]"));
        assert_eq!(text(&log, "map").as_deref(), Some("{\"a\":[0.5],\"z\":1}"));
    }

    #[test]
    fn values_that_are_nested_without_an_end_are_cut() {
        let mut value = AnyValue::Int(1);
        for _ in 0..500 {
            value = AnyValue::ListAny(Box::new(vec![value]));
        }
        let mut record = record();
        record.add_attribute("deep", value);
        assert_eq!(text(&map(&record), "deep").as_deref(), Some("[[[[[[[[\"…\"]]]]]]]]"));
    }

    #[test]
    fn secrets_leave_with_no_part_of_a_record() {
        let mut record = record();
        record.set_body("GET https://me:pw@h/?token=abc".into());
        record.add_attribute("password", "hunter2");
        record.add_attribute("user.email", "a@example.com");
        let map_of = [("api_key", AnyValue::from("abc")), ("n", AnyValue::Int(1))];
        record.add_attribute("request", AnyValue::from_iter(map_of));
        record.add_attribute(TEMPLATE, "with {password}");
        let log = map(&record);
        let json = serde_json::to_string(&log).unwrap();
        for secret in ["pw@", "abc", "hunter2", "a@example.com"] {
            assert!(!json.contains(secret), "{secret} in {json}");
        }
        assert_eq!(text(&log, "sentry.message.parameter.password").as_deref(), Some("[Filtered]"));
        assert_eq!(text(&log, "request").as_deref(), Some("{\"api_key\":\"[Filtered]\",\"n\":1}"));
    }

    #[test]
    fn a_template_names_its_parameters_unless_they_are_given() {
        let mut record = record();
        record.add_attribute(TEMPLATE, "order {id} of {name:?} and {nobody}");
        record.add_attribute("id", 7);
        record.add_attribute("name", "Ada");
        let log = map(&record);
        assert_eq!(log.attributes.value("sentry.message.parameter.id"), Some(&Value::I64(7)));
        assert_eq!(text(&log, "sentry.message.parameter.name").as_deref(), Some("Ada"));
        assert_eq!(text(&log, "sentry.message.parameter.nobody"), None);
        record.add_attribute("sentry.message.parameter.0", "given");
        let log = map(&record);
        assert_eq!(text(&log, "sentry.message.parameter.0").as_deref(), Some("given"));
        assert_eq!(text(&log, "sentry.message.parameter.id"), None);
    }

    #[test]
    fn what_is_set_in_code_wins_over_the_record_and_that_over_the_resource() {
        let resource = Resource::builder_empty()
            .with_attributes([
                KeyValue::new("service.name", "shop"),
                KeyValue::new("service.version", "1.0"),
                KeyValue::new("host.name", "web-1"),
            ])
            .build();
        let mapper = Mapper::new().with_resource(&resource);
        let log = mapper.map_log(&record(), &scope(""), at());
        assert_eq!(text(&log, "sentry.release").as_deref(), Some("shop@1.0"));
        assert_eq!(text(&log, "server.address").as_deref(), Some("web-1"));
        assert_eq!(text(&log, "service.name").as_deref(), Some("shop"));
        let mut record = record();
        record.add_attribute("sentry.release", "of the record");
        let log = mapper.map_log(&record, &scope(""), at());
        assert_eq!(text(&log, "sentry.release").as_deref(), Some("of the record"));
        let log = mapper.with_release("in code").map_log(&record, &scope(""), at());
        assert_eq!(text(&log, "sentry.release").as_deref(), Some("in code"));
    }

    #[test]
    fn deprecated_names_of_the_place_become_current_ones() {
        let mut record = record();
        record.set_target("shop::orders");
        record.set_event_name("event src/orders.rs:7");
        record.add_attribute("code.filepath", "src/orders.rs");
        record.add_attribute("code.lineno", 7);
        let log = map(&record);
        assert_eq!(text(&log, "code.file.path").as_deref(), Some("src/orders.rs"));
        assert_eq!(text(&log, "code.line.number").as_deref(), Some("7"));
        assert_eq!(text(&log, "logger.name").as_deref(), Some("shop::orders"));
        assert_eq!(text(&log, "event.name"), None, "a place is no name");
    }

    #[test]
    fn only_an_error_with_an_exception_is_one() {
        let error = |severity, key: Option<&'static str>| {
            let mut record = record();
            record.set_severity_number(severity);
            record.set_body("cannot pay".into());
            key.into_iter().for_each(|key| record.add_attribute(key, "no money"));
            Mapper::new().logged_error(&record, &scope("shop"), at())
        };
        assert!(error(Severity::Error, None).is_none());
        assert!(error(Severity::Warn4, Some("exception.message")).is_none());
        let logged = error(Severity::Fatal, Some("exception.message")).expect("an error");
        let mapped = Mapper::new().map_alone(Segment::of(logged.span)).expect("an event");
        let [event] = mapped.events.as_slice() else { panic!("{:?}", mapped.events) };
        let exception = event.exception.values.last().expect("an exception");
        assert_eq!(exception.value.as_deref(), Some("no money"));
        assert_eq!(event.level, sentry_types::protocol::v7::Level::Fatal);
        assert_eq!(event.logger.as_deref(), Some("shop"));
        assert_eq!(event.logentry.as_ref().expect("a message").message, "cannot pay");
        assert_eq!(event.transaction, None);
    }

    /// Any value, as deep as it likes.
    fn any_value() -> impl Strategy<Value = AnyValue> {
        let scalar = prop_oneof![
            any::<i64>().prop_map(AnyValue::Int),
            any::<f64>().prop_map(AnyValue::Double),
            any::<bool>().prop_map(AnyValue::Boolean),
            any::<String>().prop_map(AnyValue::from),
            prop::collection::vec(any::<u8>(), 0..9).prop_map(|bytes| AnyValue::from(&*bytes)),
        ];
        scalar.prop_recursive(9, 40, 5, |inner| {
            let list = prop::collection::vec(inner.clone(), 0..5);
            prop_oneof![
                list.prop_map(|values| AnyValue::ListAny(Box::new(values))),
                prop::collection::vec((any::<String>(), inner), 0..5).prop_map(AnyValue::from_iter),
            ]
        })
    }

    fn is_of_its_type(attribute: &serde_json::Value) -> bool {
        let value = &attribute["value"];
        let kind = |value: &serde_json::Value| match value {
            serde_json::Value::String(_) => "string",
            serde_json::Value::Bool(_) => "boolean",
            serde_json::Value::Number(number) if number.is_f64() => "double",
            serde_json::Value::Number(_) => "integer",
            _ => "none",
        };
        match value.as_array() {
            None => attribute["type"] == kind(value),
            Some(values) => {
                let is_one = values.windows(2).all(|pair| kind(&pair[0]) == kind(&pair[1]));
                let is_flat = values.iter().all(|value| kind(value) != "none");
                attribute["type"] == "array" && is_one && is_flat
            }
        }
    }

    proptest! {
        #[test]
        fn any_record_becomes_a_log_that_sentry_takes(
            body in prop::option::of(any_value()),
            attributes in prop::collection::vec((any::<String>(), any_value()), 0..8),
        ) {
            let mut record = record();
            body.into_iter().for_each(|body| record.set_body(body));
            record.add_attributes(attributes);
            let json = serde_json::to_value(map(&record)).unwrap();
            prop_assert!(json["body"].is_string());
            for (key, attribute) in json["attributes"].as_object().unwrap() {
                prop_assert!(!key.is_empty() && is_of_its_type(attribute), "{key}: {attribute}");
                prop_assert!(attribute["value"] != "", "{key} is empty");
            }
        }
    }
}
