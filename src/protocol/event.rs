use sentry_types::protocol::v7::Event;
use serde_json::{Value, json};

use super::Timestamp;

/// An error event as JSON, with what `sentry-types` cannot express put in.
///
/// That is: the level where it is `error`, the place of an exception in its chain, and that the
/// address of the sender is nobody's.
pub(crate) fn event_json(event: &Event<'_>) -> serde_json::Result<Value> {
    let mut value = serde_json::to_value(event)?;
    let Some(fields) = value.as_object_mut() else {
        return Ok(value);
    };
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
    let exceptions = fields.get_mut("exception").and_then(|exception| exception.get_mut("values"));
    if let Some(values) = exceptions.and_then(Value::as_array_mut) {
        number_chain(values);
    }
    Ok(value)
}

/// Gives each exception its id and its parent's: 0 is the outermost, which stands last.
///
/// <https://develop.sentry.dev/sdk/foundations/data-model/event-payloads/exception/>
fn number_chain(values: &mut [Value]) {
    if values.len() < 2 {
        return;
    }
    for (id, exception) in values.iter_mut().rev().enumerate() {
        let Some(exception) = exception.as_object_mut() else {
            continue;
        };
        let mechanism = exception.entry("mechanism").or_insert_with(|| json!({"type": "chained"}));
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
