use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use opentelemetry::logs::AnyValue;
use opentelemetry::{Array, Value};
use serde_json::json;

use crate::protocol::{Data, json_value};
use crate::scrub::Scrubber;

/// How deep values may be nested.
const MAX_DEPTH: u32 = 8;

/// A value as Sentry has them: lists of one type stay lists, all that is nested becomes JSON
/// without what must not be sent.
pub(super) fn value(any: &AnyValue, scrubber: &Scrubber) -> Value {
    match any {
        AnyValue::Int(value) => Value::I64(*value),
        AnyValue::Double(value) => Value::F64(*value),
        AnyValue::String(text) => Value::String(text.clone()),
        AnyValue::Boolean(value) => Value::Bool(*value),
        AnyValue::Bytes(bytes) => Value::String(encoded(bytes).into()),
        AnyValue::ListAny(values) => list(values).unwrap_or_else(|| nested(any, scrubber)),
        _ => nested(any, scrubber),
    }
}

/// A list whose elements are all of one type.
fn list(values: &[AnyValue]) -> Option<Value> {
    let kept = values.get(..Data::MAX_ARRAY_LEN).unwrap_or(values);
    let array = each(kept, |any| match any {
        AnyValue::Int(value) => Some(*value),
        _ => None,
    });
    let array = array.map(Array::I64).or_else(|| {
        let texts = each(kept, |any| match any {
            AnyValue::String(text) => Some(text.clone()),
            _ => None,
        });
        texts.map(Array::String)
    });
    let array = array.or_else(|| {
        let numbers = each(kept, |any| match any {
            AnyValue::Double(value) => Some(*value),
            _ => None,
        });
        numbers.map(floats)
    });
    let array = array.or_else(|| {
        let bools = each(kept, |any| match any {
            AnyValue::Boolean(value) => Some(*value),
            _ => None,
        });
        bools.map(Array::Bool)
    });
    array.map(Value::Array)
}

/// JSON has no number for NaN and the infinities, and a list of Sentry has one type.
fn floats(values: Vec<f64>) -> Array {
    if values.iter().all(|value| value.is_finite()) {
        return Array::F64(values);
    }
    let texts = values.into_iter().map(|value| match json_value(&Value::F64(value)) {
        serde_json::Value::String(text) => text.into(),
        number => number.to_string().into(),
    });
    Array::String(texts.collect())
}

fn each<T>(values: &[AnyValue], of: impl Fn(&AnyValue) -> Option<T>) -> Option<Vec<T>> {
    values.iter().map(of).collect()
}

/// A value with others in it, as JSON.
fn nested(any: &AnyValue, scrubber: &Scrubber) -> Value {
    let mut json = json(any, MAX_DEPTH);
    scrubber.scrub_nested(&mut json);
    Value::String(json.to_string().into())
}

fn json(any: &AnyValue, depth: u32) -> serde_json::Value {
    let Some(below) = depth.checked_sub(1) else { return "…".into() };
    match any {
        AnyValue::Int(value) => json!(value),
        AnyValue::Double(value) if value.is_finite() => json!(value),
        AnyValue::Double(value) => json!(value.to_string()),
        AnyValue::String(text) => json!(text.as_str()),
        AnyValue::Boolean(value) => json!(value),
        AnyValue::Bytes(bytes) => json!(encoded(bytes)),
        AnyValue::ListAny(values) => {
            values.iter().take(Data::MAX_ARRAY_LEN).map(|any| json(any, below)).collect()
        }
        AnyValue::Map(map) => {
            // A map of OpenTelemetry has no order; what is sent should not depend on chance.
            let sorted: BTreeMap<_, _> =
                map.iter().map(|(key, any)| (key.as_str(), json(any, below))).collect();
            json!(sorted)
        }
        _ => serde_json::Value::Null,
    }
}

/// Bytes as text, as OpenTelemetry has them where there is no type for them.
fn encoded(bytes: &[u8]) -> String {
    let kept = bytes.get(..Data::MAX_TEXT_BYTES).unwrap_or(bytes);
    STANDARD.encode(kept)
}

/// Sentry wants nothing that says nothing.
pub(super) fn is_empty(value: &Value) -> bool {
    match value {
        Value::String(text) => text.as_str().is_empty(),
        Value::Array(Array::I64(values)) => values.is_empty(),
        _ => false,
    }
}
