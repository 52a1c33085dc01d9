use opentelemetry::{Array, StringValue, Value};
use serde::ser::{Serialize, SerializeMap, Serializer};

use super::list::List;
use super::typed::Typed;
use super::{Data, MAX_ITEM_BYTES, Timestamp, limited, to_json};
use crate::count::count;

/// A record of a log, as Sentry stores it.
///
/// <https://develop.sentry.dev/sdk/telemetry/logs/>
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Log {
    /// When it was written.
    pub timestamp: Timestamp,
    /// The trace that it belongs to, as 32 hexadecimal digits; Sentry takes no log without one.
    pub trace_id: StringValue,
    /// The span in which it was written, as 16 hexadecimal digits.
    pub span_id: Option<StringValue>,
    /// How bad it is.
    pub level: LogLevel,
    /// The same on OpenTelemetry's scale from 1 to 24.
    pub severity_number: u8,
    /// The text.
    pub body: StringValue,
    /// What else is known, with the type of each value.
    pub attributes: Data,
}

/// How bad a record of a log is, in Sentry's words.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LogLevel {
    /// Steps of the program in detail.
    Trace,
    /// What helps to find a fault.
    Debug,
    /// What happened.
    #[default]
    Info,
    /// What may become a trouble.
    Warn,
    /// What went wrong.
    Error,
    /// What ends the program, or nearly.
    Fatal,
}

/// Logs that are to be sent together, as JSON.
///
/// Sentry takes at most 100 in one item.
#[derive(Debug, Default)]
pub(crate) struct Logs {
    list: List,
    bytes: u64,
}

impl Log {
    /// The longest text of a record, in bytes; a longer one is cut and marked with `…`.
    pub const MAX_BODY_BYTES: usize = 64 * 1024;

    /// How much JSON the attributes may be; beyond, the longest values are shortened.
    const MAX_DATA_BYTES: usize = 256 * 1024;

    /// How many attributes are kept.
    pub(crate) const MAX_ATTRIBUTES: usize = 500;

    /// Makes it one that Sentry takes.
    pub(crate) fn fit(&mut self) {
        if self.body.as_str().len() > Self::MAX_BODY_BYTES || self.body.as_str().contains('\0') {
            self.body = limited(self.body.as_str(), Self::MAX_BODY_BYTES).into();
        }
        let mut left = Self::MAX_ATTRIBUTES;
        self.attributes.retain(|_, _| {
            let has_room = left > 0;
            left = left.saturating_sub(1);
            has_room
        });
        self.attributes.limit(Self::MAX_DATA_BYTES);
    }

    /// How much Sentry counts it for: the bytes of its texts, and 8 for a number.
    pub(crate) fn bytes(&self) -> u64 {
        let attributes = self.attributes.iter();
        attributes.fold(count(self.body.as_str().len()), |sum, (key, value)| {
            sum.saturating_add(count(key.as_str().len())).saturating_add(bytes_of(value))
        })
    }
}

impl LogLevel {
    /// The word that Sentry knows it by.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Trace => "trace",
            Self::Debug => "debug",
            Self::Info => "info",
            Self::Warn => "warn",
            Self::Error => "error",
            Self::Fatal => "fatal",
        }
    }
}

impl Logs {
    /// How many logs one item may hold.
    pub(crate) const MAX_LEN: u64 = 100;

    /// Adds a log; gives it back as JSON if there is no room for it.
    pub(crate) fn add(&mut self, log: &Log) -> serde_json::Result<Result<(), Vec<u8>>> {
        let json = to_json(log)?;
        if !self.list.has_room(&json, Self::MAX_LEN, MAX_ITEM_BYTES) {
            return Ok(Err(json));
        }
        self.put(&json, log.bytes());
        Ok(Ok(()))
    }

    /// Begins with a log that another list gave back.
    pub(crate) fn of(json: &[u8], bytes: u64) -> Self {
        let mut logs = Self::default();
        logs.put(json, bytes);
        logs
    }

    fn put(&mut self, json: &[u8], bytes: u64) {
        self.list.put(json);
        self.bytes = self.bytes.saturating_add(bytes);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.list.len() == 0
    }

    pub(crate) fn is_full(&self) -> bool {
        self.list.len() >= Self::MAX_LEN
    }

    /// How many there are, and how much Sentry counts them for.
    pub(crate) fn amount(&self) -> (u64, u64) {
        (self.list.len(), self.bytes)
    }

    /// The payload of the item.
    pub(crate) fn into_payload(self) -> Vec<u8> {
        self.list.into_payload()
    }
}

impl Serialize for Log {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("timestamp", &self.timestamp)?;
        map.serialize_entry("trace_id", self.trace_id.as_str())?;
        if let Some(span_id) = &self.span_id {
            map.serialize_entry("span_id", span_id.as_str())?;
        }
        map.serialize_entry("level", self.level.as_str())?;
        map.serialize_entry("severity_number", &self.severity_number)?;
        map.serialize_entry("body", self.body.as_str())?;
        map.serialize_entry("attributes", &Typed(&self.attributes))?;
        map.end()
    }
}

fn bytes_of(value: &Value) -> u64 {
    let numbers = |len: usize, each: u64| count(len).saturating_mul(each);
    match value {
        Value::Bool(_) => 1,
        Value::String(text) => count(text.as_str().len()),
        Value::Array(Array::Bool(values)) => numbers(values.len(), 1),
        Value::Array(Array::I64(values)) => numbers(values.len(), 8),
        Value::Array(Array::F64(values)) => numbers(values.len(), 8),
        Value::Array(Array::String(texts)) => {
            texts.iter().fold(0, |sum: u64, text| sum.saturating_add(count(text.as_str().len())))
        }
        _ => 8,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log(body: &str) -> Log {
        Log {
            timestamp: Timestamp::from_micros(1_795_167_627_500_000),
            trace_id: "4c79f60c11214eb38604f4ae0781bfb2".into(),
            span_id: None,
            level: LogLevel::Warn,
            severity_number: 13,
            body: body.to_owned().into(),
            attributes: Data::default(),
        }
    }

    #[test]
    fn every_attribute_tells_its_type() {
        let mut log = log("low");
        log.span_id = Some("fa90fdead5f74052".into());
        log.attributes.insert("b", true);
        log.attributes.insert("i", 7);
        log.attributes.insert("d", 0.5);
        log.attributes.insert("nan", f64::NAN);
        log.attributes.insert("s", "text");
        log.attributes.insert("a", Value::Array(vec![1_i64, 2].into()));
        assert_eq!(
            serde_json::to_string(&log).unwrap(),
            "{\"timestamp\":1795167627.5,\"trace_id\":\"4c79f60c11214eb38604f4ae0781bfb2\",\
             \"span_id\":\"fa90fdead5f74052\",\"level\":\"warn\",\"severity_number\":13,\
             \"body\":\"low\",\"attributes\":{\
             \"b\":{\"value\":true,\"type\":\"boolean\"},\
             \"i\":{\"value\":7,\"type\":\"integer\"},\
             \"d\":{\"value\":0.5,\"type\":\"double\"},\
             \"nan\":{\"value\":\"NaN\",\"type\":\"string\"},\
             \"s\":{\"value\":\"text\",\"type\":\"string\"},\
             \"a\":{\"value\":[1,2],\"type\":\"array\"}}}"
        );
        assert_eq!(log.bytes(), 3 + 1 + 1 + 1 + 8 + 1 + 8 + 3 + 8 + 1 + 4 + 1 + 16);
    }

    #[test]
    fn a_list_is_full_with_100_logs_or_a_mebibyte() {
        let mut logs = Logs::default();
        for _ in 0..100 {
            assert!(!logs.is_full() && logs.add(&log("one")).unwrap().is_ok());
        }
        assert!(logs.is_full() && logs.add(&log("two")).unwrap().is_err());
        assert_eq!(logs.amount(), (100, 300));
        let payload = serde_json::from_slice::<serde_json::Value>(&logs.into_payload()).unwrap();
        assert_eq!(payload["items"].as_array().unwrap().len(), 100);
        assert_eq!(payload["ingest_settings"]["infer_ip"], "never");

        let mut logs = Logs::default();
        let large = log(&"x".repeat(60_000));
        while logs.add(&large).unwrap().is_ok() {}
        assert_eq!(logs.amount().0, 17);
        assert!(logs.into_payload().len() <= MAX_ITEM_BYTES);
    }

    #[test]
    fn the_largest_record_fits_into_an_item() {
        let mut log = log(&"\u{1}".repeat(1_000_000));
        for at in 0..2000 {
            log.attributes.insert(format!("{at}"), "\u{1}".repeat(20_000));
        }
        log.fit();
        assert_eq!(log.attributes.len(), Log::MAX_ATTRIBUTES);
        let json = serde_json::to_vec(&log).unwrap();
        assert!(json.len() < MAX_ITEM_BYTES - 200, "{}", json.len());
    }
}
