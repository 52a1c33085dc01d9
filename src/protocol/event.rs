use sentry_types::protocol::v7::{Breadcrumb, Event, Exception, Stacktrace, Values};
use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::{Map, Value, json};

use super::Timestamp;
use super::json::Field;

/// An error event as it is sent, with what `sentry-types` cannot express put in.
///
/// That is: the level where it is `error`, the place of an exception in its chain, and that the
/// address of the sender is nobody's. What is long, frames and breadcrumbs, is written as
/// `sentry-types` does; only the rest is worth a tree of values.
#[derive(Debug)]
pub(crate) struct EventJson {
    fields: Map<String, Value>,
    exceptions: Vec<ExceptionJson>,
    breadcrumbs: Values<Breadcrumb>,
}

#[derive(Debug)]
struct ExceptionJson {
    fields: Map<String, Value>,
    stacktrace: Option<Stacktrace>,
    raw_stacktrace: Option<Stacktrace>,
}

impl EventJson {
    pub(crate) fn of(mut event: Event<'_>) -> serde_json::Result<Self> {
        let breadcrumbs = std::mem::take(&mut event.breadcrumbs);
        let exceptions = std::mem::take(&mut event.exception.values);
        let exceptions: serde_json::Result<Vec<_>> =
            exceptions.into_iter().map(ExceptionJson::of).collect();
        let mut exceptions = exceptions?;
        number_chain(&mut exceptions);
        Ok(Self { fields: fields(&event)?, exceptions, breadcrumbs })
    }
}

impl ExceptionJson {
    fn of(mut exception: Exception) -> serde_json::Result<Self> {
        let stacktrace = exception.stacktrace.take();
        let raw_stacktrace = exception.raw_stacktrace.take();
        Ok(Self { fields: map(&exception)?, stacktrace, raw_stacktrace })
    }
}

impl Serialize for EventJson {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for (key, value) in &self.fields {
            map.serialize_entry(key, value)?;
        }
        if !self.exceptions.is_empty() {
            map.serialize_entry(&Field("exception"), &List(&self.exceptions))?;
        }
        if !self.breadcrumbs.is_empty() {
            map.serialize_entry(&Field("breadcrumbs"), &self.breadcrumbs)?;
        }
        map.end()
    }
}

impl Serialize for ExceptionJson {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for (key, value) in &self.fields {
            map.serialize_entry(key, value)?;
        }
        if let Some(stacktrace) = &self.stacktrace {
            map.serialize_entry(&Field("stacktrace"), stacktrace)?;
        }
        if let Some(stacktrace) = &self.raw_stacktrace {
            map.serialize_entry(&Field("raw_stacktrace"), stacktrace)?;
        }
        map.end()
    }
}

struct List<'a>(&'a [ExceptionJson]);

impl Serialize for List<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(1))?;
        map.serialize_entry(&Field("values"), self.0)?;
        map.end()
    }
}

fn fields(event: &Event<'_>) -> serde_json::Result<Map<String, Value>> {
    let mut fields = map(event)?;
    fields.insert("level".into(), json!(event.level));
    fields.insert("platform".into(), json!(event.platform));
    fields.insert("timestamp".into(), json!(Timestamp::from(event.timestamp)));
    if let Some(sdk) = fields.get_mut("sdk").and_then(Value::as_object_mut) {
        sdk.insert("settings".into(), json!({"infer_ip": "never"}));
    }
    if let Some(contexts) = fields.get_mut("contexts").and_then(Value::as_object_mut) {
        for context in contexts.values_mut().filter_map(Value::as_object_mut) {
            if context.get("type").is_some_and(|kind| kind == "unknown") {
                context.remove("type");
            }
        }
    }
    Ok(fields)
}

fn map(value: &impl Serialize) -> serde_json::Result<Map<String, Value>> {
    match serde_json::to_value(value)? {
        Value::Object(fields) => Ok(fields),
        _ => Ok(Map::new()),
    }
}

/// Gives each exception its id and its parent's: 0 is the outermost, which stands last.
///
/// <https://develop.sentry.dev/sdk/foundations/data-model/event-payloads/exception/>
fn number_chain(exceptions: &mut [ExceptionJson]) {
    if exceptions.len() < 2 {
        return;
    }
    for (id, exception) in exceptions.iter_mut().rev().enumerate() {
        let mechanism =
            exception.fields.entry("mechanism").or_insert_with(|| json!({"type": "chained"}));
        let Some(mechanism) = mechanism.as_object_mut() else {
            continue;
        };
        mechanism.insert("exception_id".into(), json!(id));
        if let Some(parent) = id.checked_sub(1) {
            mechanism.insert("parent_id".into(), json!(parent));
            mechanism.insert("source".into(), json!("source"));
        }
    }
}
