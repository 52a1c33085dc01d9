//! Values of logs, which hold others.

use opentelemetry::{KeyValue, Value};
use serde_json::Value as Json;

use super::around::Around;
use super::output::FILTERED;
use super::scrubber::Scrubber;

impl Scrubber {
    /// Takes out of all that a value holds what must not be sent.
    pub(crate) fn scrub_nested(&self, value: &mut Json) {
        match value {
            Json::Object(fields) => {
                let entries = std::mem::take(fields).into_iter();
                *fields = entries.filter_map(|(key, value)| self.field(key, value)).collect();
            }
            Json::Array(values) => values.iter_mut().for_each(|value| self.scrub_nested(value)),
            Json::String(text) => *text = self.scrub_text(text),
            _ => {}
        }
    }

    /// A field of a nested value, judged as an attribute of that key would be.
    fn field(&self, key: String, mut value: Json) -> Option<(String, Json)> {
        let given = match &value {
            Json::Bool(value) => Value::Bool(*value),
            Json::Number(number) => match number.as_i64() {
                Some(number) => Value::I64(number),
                None => Value::F64(number.as_f64().unwrap_or_default()),
            },
            Json::String(text) => Value::String(text.clone().into()),
            other => Value::String(other.to_string().into()),
        };
        let mut entry = KeyValue::new(key, given.clone());
        if !self.attribute(&mut entry, Around::default()) {
            return None;
        }
        let is_filtered = matches!(&entry.value, Value::String(text) if text.as_str() == FILTERED);
        if matches!(value, Json::Object(_) | Json::Array(_)) && !is_filtered {
            self.scrub_nested(&mut value);
        } else if entry.value != given {
            value = crate::protocol::json_value(&entry.value);
        }
        Some((entry.key.to_string(), value))
    }
}
