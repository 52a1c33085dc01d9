use opentelemetry::{Array, StringValue, Value};
use serde::ser::{Serialize, SerializeMap, SerializeStruct, Serializer};

use super::Data;
use super::data::Json;

/// Attributes with the type of each.
pub(super) struct Typed<'a>(pub(super) &'a Data);

impl Serialize for Typed<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for (key, value) in self.0.iter() {
            map.serialize_entry(key.as_str(), &TypedValue(value))?;
        }
        map.end()
    }
}

/// A value with its type.
pub(super) struct TypedValue<'a>(pub(super) &'a Value);

impl Serialize for TypedValue<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let ty = match self.0 {
            Value::Bool(_) => "boolean",
            Value::I64(_) => "integer",
            Value::F64(value) if value.is_finite() => "double",
            Value::Array(_) => "array",
            _ => "string",
        };
        let mut typed = serializer.serialize_struct("Attribute", 2)?;
        match self.0 {
            Value::Array(Array::F64(values)) if !values.iter().all(|value| value.is_finite()) => {
                typed.serialize_field("value", &Json(&texts(values)))?;
            }
            value => typed.serialize_field("value", &Json(value))?,
        }
        typed.serialize_field("type", ty)?;
        typed.end()
    }
}

/// An array has values of one type, and not all of these can be numbers of JSON.
fn texts(values: &[f64]) -> Value {
    let text = |value: &f64| match *value {
        f64::INFINITY => StringValue::from("Infinity"),
        f64::NEG_INFINITY => StringValue::from("-Infinity"),
        value => StringValue::from(value.to_string()),
    };
    Value::Array(values.iter().map(text).collect::<Vec<_>>().into())
}
