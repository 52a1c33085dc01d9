use opentelemetry::StringValue;
use opentelemetry::trace::Event;
use opentelemetry_sdk::trace::SpanData;
use sentry_types::protocol::v7::{Breadcrumb, Level};

use super::facts::Facts;
use super::resource::limited_map;
use super::severity::Severity;
use crate::protocol::{Measurement, Timestamp, shortened};
use crate::semconv::Attribute::{SentryMeasurementUnit, SentryMeasurementValue, Target};

/// How many breadcrumbs an event of Sentry keeps, the last ones (rule EXC-12).
pub(super) const MAX: usize = 100;

/// What Relay leaves of the data of a breadcrumb is 2 KiB.
const MAX_DATA_BYTES: usize = 1500;

const MAX_MESSAGE_BYTES: usize = 4096;

/// What the bridge from `tracing` says of every event in the same words.
const NOT_DATA: &[&str] = &["code.", "level", "sentry.level", "target"];

/// The number that an event carries for Sentry to chart (rule TIME-4).
pub(super) fn measurement(event: &Event) -> Option<(String, Measurement)> {
    let facts = Facts::of(&event.attributes);
    let value = facts.float(&[SentryMeasurementValue]).filter(|value| value.is_finite())?;
    let is_legal = |char: char| char.is_ascii_alphanumeric() || matches!(char, '_' | '.');
    let name = event.name.chars().map(|char| if is_legal(char) { char } else { '_' });
    let name = name.collect::<String>().to_ascii_lowercase();
    let name = name.trim_start_matches(|char: char| !char.is_ascii_alphabetic()).to_owned();
    let unit = facts.text(&[SentryMeasurementUnit]).map_or("none", |given| unit(&given));
    (!name.is_empty() && name.len() <= 200)
        .then(|| (name, Measurement::new(value, StringValue::from(unit))))
}

/// The unit in Sentry's words; `none` for one that Sentry does not know.
fn unit(given: &str) -> &'static str {
    const ALIASES: [(&str, &str); 12] = [
        ("%", "percent"),
        ("1", "ratio"),
        ("b", "byte"),
        ("by", "byte"),
        ("d", "day"),
        ("h", "hour"),
        ("kib", "kibibyte"),
        ("mib", "mebibyte"),
        ("ms", "millisecond"),
        ("ns", "nanosecond"),
        ("s", "second"),
        ("us", "microsecond"),
    ];
    const KNOWN: [&str; 25] = [
        "bit",
        "byte",
        "day",
        "exabyte",
        "exbibyte",
        "gibibyte",
        "gigabyte",
        "hour",
        "kibibyte",
        "kilobyte",
        "mebibyte",
        "megabyte",
        "microsecond",
        "millisecond",
        "minute",
        "nanosecond",
        "none",
        "pebibyte",
        "percent",
        "petabyte",
        "ratio",
        "second",
        "tebibyte",
        "terabyte",
        "week",
    ];
    let given = given.trim().to_ascii_lowercase();
    let alias = ALIASES.iter().find(|(alias, _)| *alias == given).map(|(_, unit)| *unit);
    let known = || KNOWN.into_iter().find(|unit| *unit == given);
    alias.or_else(known).unwrap_or("none")
}

/// An event of a span that is not an error: what happened on the way.
pub(super) fn breadcrumb(event: &Event, span: &SpanData) -> Breadcrumb {
    let facts = Facts::of(&event.attributes);
    let entries = event
        .attributes
        .iter()
        .filter(|entry| !NOT_DATA.iter().any(|not| entry.key.as_str().starts_with(not)))
        .map(|entry| (&entry.key, &entry.value));
    let scope = span.instrumentation_scope.name();
    let category = facts.text(&[Target]).map(|target| target.into_owned());
    let category =
        category.unwrap_or_else(|| if scope.is_empty() { "otel.event" } else { scope }.into());
    let message = shortened(&event.name, MAX_MESSAGE_BYTES)
        .unwrap_or_else(|| event.name.clone().into_owned());
    let level = Severity::told(&facts).or_else(|| Severity::logged(&facts));
    Breadcrumb {
        timestamp: Timestamp::from(event.timestamp).into(),
        ty: "default".into(),
        category: Some(category.chars().filter(|char| !char.is_control()).take(128).collect()),
        level: level.map_or(Level::Info, Level::from),
        message: Some(message).filter(|message| !message.is_empty()),
        data: limited_map(entries, MAX_DATA_BYTES),
    }
}
