use std::sync::Arc;

use opentelemetry::{InstrumentationScope, KeyValue, StringValue, Value};

/// What is used again for the next span, so that it need not be made anew.
#[derive(Debug, Default)]
pub(super) struct Room {
    pub(super) added: Vec<KeyValue>,
    /// Name and version of the last scope.
    scope: Option<(StringValue, Option<StringValue>)>,
}

impl Room {
    /// Adds what the scope is called.
    pub(super) fn describe(&mut self, scope: &InstrumentationScope, added: &mut Vec<KeyValue>) {
        let is_it = |(name, version): &&(StringValue, Option<StringValue>)| {
            name.as_str() == scope.name()
                && version.as_ref().map(StringValue::as_str) == scope.version()
        };
        let known = self.scope.as_ref().filter(is_it).cloned();
        let (name, version) = known.unwrap_or_else(|| {
            let shared = |text: &str| StringValue::from(Arc::<str>::from(text));
            let scope = (shared(scope.name()), scope.version().map(shared));
            self.scope.insert(scope).clone()
        });
        if !name.as_str().is_empty() {
            added.push(KeyValue::new("otel.scope.name", Value::String(name)));
        }
        if let Some(version) = version.filter(|version| !version.as_str().is_empty()) {
            added.push(KeyValue::new("otel.scope.version", Value::String(version)));
        }
    }
}
