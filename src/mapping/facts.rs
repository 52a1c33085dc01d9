use std::borrow::Cow;

use opentelemetry::{KeyValue, Value};

use super::hints::Hints;
use super::shape::{Known, Shape};
use crate::semconv::Attribute;

/// The known attributes of a span or an event, looked up once; the last value of a key counts.
#[derive(Debug)]
pub(super) struct Facts<'a> {
    attributes: &'a [KeyValue],
    /// Where each of them stands, counted from one; zero for what is not there.
    places: [u16; Attribute::COUNT],
    hints: Hints,
}

/// How many attributes are looked up; SDKs keep 128, and what is behind these is sent as it is.
const MAX_PLACES: usize = u16::MAX as usize;

impl<'a> Facts<'a> {
    pub(super) fn of(attributes: &'a [KeyValue]) -> Self {
        let mut facts = Self::unread(attributes);
        let mut place = 0;
        for entry in facts.attributes {
            facts.note(&mut place, Attribute::of(entry));
        }
        facts
    }

    /// Of these attributes, to be looked up by [`read`](Self::read): what is filled where it stays
    /// need not be moved.
    #[inline]
    pub(super) fn unread(attributes: &'a [KeyValue]) -> Self {
        let attributes = attributes.get(..MAX_PLACES).unwrap_or(attributes);
        Self { attributes, places: [0; Attribute::COUNT], hints: Hints::default() }
    }

    /// Looks the attributes up, but for those of which it is known already what they are; tells how
    /// they can be sent.
    pub(super) fn read(&mut self, known: &[Option<Attribute>]) -> Shape {
        let attributes = self.attributes;
        let (mut shape, mut place) = (Shape::for_entries(attributes.len()), 0);
        for (at, entry) in attributes.iter().enumerate() {
            let attribute = known.get(at).copied().unwrap_or_else(|| Attribute::of(entry));
            let is_known = self.note(&mut place, attribute);
            shape.add((attributes, at), entry, is_known);
        }
        if self.hints.has_some_of_sentry() {
            shape.add_unknown();
        }
        shape
    }

    /// Notes what stands at the next place; tells whether it is known.
    #[inline(always)]
    fn note(&mut self, place: &mut u16, attribute: Option<Attribute>) -> Known {
        *place = place.saturating_add(1);
        let Some(attribute) = attribute else { return Known::Not };
        self.hints.add(Hints::of(attribute));
        let slot = self.places.get_mut(attribute as usize);
        match slot.map(|slot| std::mem::replace(slot, *place)) {
            Some(0) => Known::First,
            _ => Known::Again,
        }
    }

    pub(super) fn value(&self, attribute: Attribute) -> Option<&'a Value> {
        let place = *self.places.get(attribute as usize)?;
        self.attributes.get(usize::from(place).checked_sub(1)?).map(|entry| &entry.value)
    }

    /// What they tell by being there.
    pub(super) fn hints(&self) -> Hints {
        self.hints
    }

    pub(super) fn has(&self, attributes: &[Attribute]) -> bool {
        let place = |attribute: &Attribute| self.places.get(*attribute as usize);
        attributes.iter().any(|attribute| place(attribute).is_some_and(|place| *place > 0))
    }

    /// Whether one of these holds a text that is not empty, or a number.
    pub(super) fn tells(&self, attributes: &[Attribute]) -> bool {
        let mut values = attributes.iter().filter_map(|attribute| self.value(*attribute));
        values.any(|value| match value {
            Value::String(text) => !text.as_str().is_empty(),
            Value::I64(_) | Value::F64(_) => true,
            _ => false,
        })
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
