use std::borrow::Cow;

use opentelemetry::{KeyValue, Value};

use crate::semconv::Attribute;

/// The known attributes of a span or an event, looked up once; the last value of a key counts.
#[derive(Debug)]
pub(super) struct Facts<'a>([Option<&'a Value>; Attribute::COUNT]);

impl<'a> Facts<'a> {
    pub(super) fn of(attributes: &'a [KeyValue]) -> Self {
        let mut slots = [None; Attribute::COUNT];
        for entry in attributes {
            if let Some(attribute) = Attribute::from_key(entry.key.as_str())
                && let Some(slot) = slots.get_mut(attribute as usize)
            {
                *slot = Some(&entry.value);
            }
        }
        Self(slots)
    }

    pub(super) fn value(&self, attribute: Attribute) -> Option<&'a Value> {
        self.0.get(attribute as usize).copied().flatten()
    }

    pub(super) fn has(&self, attributes: &[Attribute]) -> bool {
        attributes.iter().any(|attribute| self.value(*attribute).is_some())
    }

    /// Whether one of these holds a text that is not empty, or a number.
    pub(super) fn tells(&self, attributes: &[Attribute]) -> bool {
        self.text(attributes).is_some()
    }

    /// The first of these that holds a text that is not empty, or a number.
    pub(super) fn text(&self, attributes: &[Attribute]) -> Option<Cow<'a, str>> {
        attributes.iter().filter_map(|attribute| self.value(*attribute)).find_map(|value| {
            match value {
                Value::String(text) if text.as_str().is_empty() => None,
                Value::String(text) => Some(Cow::Borrowed(text.as_str())),
                Value::I64(_) | Value::F64(_) => Some(value.as_str()),
                _ => None,
            }
        })
    }

    /// The first of these that holds a text that is not empty.
    pub(super) fn string(&self, attributes: &[Attribute]) -> Option<&'a str> {
        attributes.iter().filter_map(|attribute| self.value(*attribute)).find_map(|value| {
            match value {
                Value::String(text) => Some(text.as_str()).filter(|text| !text.is_empty()),
                _ => None,
            }
        })
    }

    /// The first of these that holds a whole number, be it as text.
    pub(super) fn integer(&self, attributes: &[Attribute]) -> Option<i64> {
        attributes.iter().filter_map(|attribute| self.value(*attribute)).find_map(integer)
    }

    /// The first of these that holds a number, be it as text.
    pub(super) fn float(&self, attributes: &[Attribute]) -> Option<f64> {
        attributes.iter().filter_map(|attribute| self.value(*attribute)).find_map(|value| {
            match value {
                Value::F64(value) => Some(*value),
                Value::I64(value) => Some(*value as f64),
                Value::String(text) => text.as_str().trim().parse().ok(),
                _ => None,
            }
        })
    }

    /// Whether this is `true`, be it as text.
    pub(super) fn is_true(&self, attribute: Attribute) -> bool {
        match self.value(attribute) {
            Some(Value::Bool(value)) => *value,
            Some(Value::String(text)) => text.as_str().eq_ignore_ascii_case("true"),
            _ => false,
        }
    }
}

pub(super) fn integer(value: &Value) -> Option<i64> {
    match value {
        Value::I64(value) => Some(*value),
        Value::F64(value) if value.fract() == 0.0 && value.abs() < 1e15 => Some(*value as i64),
        Value::String(text) => text.as_str().trim().parse().ok(),
        _ => None,
    }
}
