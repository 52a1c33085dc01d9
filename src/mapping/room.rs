use std::sync::Arc;

use opentelemetry::{InstrumentationScope, KeyValue, StringValue, Value};

use crate::protocol::{Data, Transaction, limit};
use crate::semconv::Attribute;

/// What is used again for the next span, so that it need not be made anew.
#[derive(Debug, Default)]
pub(super) struct Room {
    /// What the attributes of the next spans are, where that was looked up.
    known: Vec<Option<Attribute>>,
    /// How many of them are past.
    past: usize,
    /// What is known of one span besides its attributes, while it is read.
    pub(super) derived: Vec<KeyValue>,
    /// The same of the spans before, in the list that they share.
    shared: Vec<KeyValue>,
    /// Name and version of the last scope.
    scope: Option<(Value, Option<Value>)>,
}

/// About how many entries are derived for a span, and for the root of a segment.
const ENTRIES: usize = 6;
const ROOT_ENTRIES: usize = 13;

impl Room {
    /// Room for the spans of a segment, the root among them, with what is known of the attributes
    /// of all.
    pub(super) fn for_spans(count: usize, known: Vec<Option<Attribute>>) -> Self {
        let entries = count.saturating_sub(1).saturating_mul(ENTRIES).saturating_add(ROOT_ENTRIES);
        let (shared, derived) = (Vec::with_capacity(entries), Vec::with_capacity(ROOT_ENTRIES));
        Self { shared, derived, ..Self::knowing(known) }
    }

    /// Room for spans, with what is known of the attributes of all.
    pub(super) fn knowing(known: Vec<Option<Attribute>>) -> Self {
        Self { known, ..Self::default() }
    }

    /// What the attributes of the next span are, if that was looked up.
    pub(super) fn next_known(&mut self, attributes: &[KeyValue]) -> &[Option<Attribute>] {
        let from = self.past;
        self.past = from.saturating_add(attributes.len());
        self.known.get(from..self.past).unwrap_or_default()
    }

    /// The attributes of a span with what was derived from it in the shared list.
    pub(super) fn put(&mut self, attributes: Vec<KeyValue>, derived: &mut Vec<KeyValue>) -> Data {
        let from = self.shared.len();
        self.shared.append(derived);
        Data::beside(attributes, from..self.shared.len())
    }

    /// Gives the last data that was put here a list of its own.
    pub(super) fn take_out(&mut self, data: &mut Data) {
        data.take_end(&mut self.shared);
    }

    /// Gives the list to all that was put here.
    pub(super) fn share(self, transaction: &mut Transaction) {
        let list = Arc::new(self.shared);
        transaction.trace.data.share(&list);
        transaction.spans.iter_mut().for_each(|span| span.data.share(&list));
    }

    /// Adds what the scope is called.
    pub(super) fn describe(&mut self, scope: &InstrumentationScope, added: &mut Vec<KeyValue>) {
        let is_it = |value: &Value, text| matches!(value, Value::String(is) if is.as_str() == text);
        let is_known = self.scope.as_ref().is_some_and(|(name, version)| {
            is_it(name, scope.name())
                && match (version, scope.version()) {
                    (Some(known), Some(version)) => is_it(known, version),
                    (known, version) => known.is_none() && version.is_none(),
                }
        });
        if !is_known {
            self.scope = Some((shared(scope.name()), scope.version().map(shared)));
        }
        let Some((name, version)) = &self.scope else { return };
        if !scope.name().is_empty() {
            added.push(KeyValue::new("otel.scope.name", name.clone()));
        }
        if let Some(version) = version.as_ref().filter(|_| scope.version() != Some("")) {
            added.push(KeyValue::new("otel.scope.version", version.clone()));
        }
    }
}

/// A text that is copied without a copy of its bytes.
fn shared(text: &str) -> Value {
    let mut value = Value::String(StringValue::from(Arc::<str>::from(text)));
    limit(&mut value);
    value
}
