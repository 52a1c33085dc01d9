use std::borrow::Cow;

use opentelemetry::{Array, Key, StringValue, Value};
use sentry_types::protocol::v7::SpanStatus;

use crate::pattern::Pattern;

/// Which transactions or spans are not sent: those to which all conditions of one rule apply.
///
/// ```
/// use opentelemetry_sentry::protocol::SpanStatus;
/// use opentelemetry_sentry::{Ignore, Pattern};
///
/// let rules = [
///     Ignore::name("GET /static/*"),
///     Ignore::name(Pattern::regex("^(GET|HEAD) /v[0-9]+/ping$")).and_status(SpanStatus::Ok),
///     Ignore::op("http.server").and_attribute("client.address", "10.*"),
/// ];
/// # let _ = rules;
/// ```
///
/// A name is the one that Sentry shows: that of the transaction, or the description of a span.
/// Attributes are those that the span has at its end, before anything is scrubbed; so write `*`
/// where Sentry shows `[Filtered]`, or `?` in a query.
#[derive(Clone, Debug)]
#[must_use = "a rule has no effect on its own"]
pub struct Ignore {
    conditions: Vec<Condition>,
}

#[derive(Clone, Debug)]
enum Condition {
    Name(Pattern),
    Op(Pattern),
    Attribute(Key, Pattern),
    Status(SpanStatus),
}

/// What rules look at: a transaction by its root, or a span below it.
#[derive(Clone, Copy)]
pub(crate) struct Subject<'a> {
    pub(super) name: &'a str,
    pub(super) op: &'a str,
    pub(super) status: SpanStatus,
    /// The attribute of a key.
    pub(super) value: &'a dyn Fn(&str) -> Option<&'a Value>,
}

/// What Sentry writes where there is no op.
const DEFAULT_OP: &str = "default";

impl Ignore {
    /// Those of such a name, which is the description of a span below the root.
    pub fn name(pattern: impl Into<Pattern>) -> Self {
        Self::of(Condition::Name(pattern.into()))
    }

    /// Those of such an op; one without any has the op `default`.
    pub fn op(pattern: impl Into<Pattern>) -> Self {
        Self::of(Condition::Op(pattern.into()))
    }

    /// Those with this attribute, if its value is such.
    ///
    /// Numbers and booleans are compared as they are written, such as `200` or `true`; of a list,
    /// one element has to fit. `*` takes any value.
    pub fn attribute(key: impl Into<Key>, pattern: impl Into<Pattern>) -> Self {
        Self::of(Condition::Attribute(key.into(), pattern.into()))
    }

    /// Those that ended in this way.
    pub fn status(status: SpanStatus) -> Self {
        Self::of(Condition::Status(status))
    }

    /// Only those of such a name as well.
    pub fn and_name(self, pattern: impl Into<Pattern>) -> Self {
        self.and(Condition::Name(pattern.into()))
    }

    /// Only those of such an op as well.
    pub fn and_op(self, pattern: impl Into<Pattern>) -> Self {
        self.and(Condition::Op(pattern.into()))
    }

    /// Only those with such an attribute as well.
    pub fn and_attribute(self, key: impl Into<Key>, pattern: impl Into<Pattern>) -> Self {
        self.and(Condition::Attribute(key.into(), pattern.into()))
    }

    /// Only those that ended in this way as well.
    pub fn and_status(self, status: SpanStatus) -> Self {
        self.and(Condition::Status(status))
    }

    pub(super) fn includes(&self, subject: Subject<'_>) -> bool {
        self.conditions.iter().all(|condition| condition.applies(subject))
    }

    pub(super) fn patterns(&self) -> impl Iterator<Item = &Pattern> {
        self.conditions.iter().filter_map(|condition| match condition {
            Condition::Name(pattern) | Condition::Op(pattern) => Some(pattern),
            Condition::Attribute(_, pattern) => Some(pattern),
            Condition::Status(_) => None,
        })
    }

    fn of(condition: Condition) -> Self {
        Self { conditions: vec![condition] }
    }

    fn and(mut self, condition: Condition) -> Self {
        self.conditions.push(condition);
        self
    }
}

impl From<&str> for Ignore {
    /// Those whose name fits the glob.
    fn from(name: &str) -> Self {
        Self::name(name)
    }
}

impl Condition {
    fn applies(&self, subject: Subject<'_>) -> bool {
        match self {
            Self::Name(pattern) => pattern.fits(subject.name),
            Self::Op(pattern) => pattern.fits(subject.op),
            Self::Attribute(key, pattern) => {
                subject.texts(key.as_str()).iter().any(|text| pattern.fits(text))
            }
            Self::Status(status) => *status == subject.status,
        }
    }
}

impl<'a> Subject<'a> {
    pub(crate) fn new(
        name: &'a str,
        op: Option<&'a StringValue>,
        status: SpanStatus,
        value: &'a dyn Fn(&str) -> Option<&'a Value>,
    ) -> Self {
        Self { name, op: op.map_or(DEFAULT_OP, StringValue::as_str), status, value }
    }

    /// The texts of an attribute, one or several.
    pub(super) fn texts(self, key: &str) -> Vec<Cow<'a, str>> {
        (self.value)(key).map(texts).unwrap_or_default()
    }
}

fn texts(value: &Value) -> Vec<Cow<'_, str>> {
    match value {
        Value::Array(Array::String(texts)) => {
            texts.iter().map(|text| text.as_str().into()).collect()
        }
        Value::Array(Array::Bool(values)) => written(values),
        Value::Array(Array::I64(values)) => written(values),
        Value::Array(Array::F64(values)) => written(values),
        value => vec![value.as_str()],
    }
}

fn written<T: ToString>(values: &[T]) -> Vec<Cow<'static, str>> {
    values.iter().map(|value| value.to_string().into()).collect()
}

#[cfg(test)]
mod tests {
    use opentelemetry::KeyValue;

    use super::*;
    use crate::protocol::Data;

    fn includes(rule: &Ignore) -> bool {
        let data = Data::from(vec![
            KeyValue::new("url.path", "/metrics"),
            KeyValue::new("http.response.status_code", 200),
            KeyValue::new("cached", true),
            KeyValue::new("ratio", 0.5),
            KeyValue::new(
                "http.request.header.accept",
                Value::Array(vec![StringValue::from("text/html"), "*/*".into()].into()),
            ),
            KeyValue::new("ports", Value::Array(vec![80_i64, 443].into())),
        ]);
        let (name, op, status) = ("GET /metrics", "http.server", SpanStatus::Ok);
        rule.includes(Subject { name, op, status, value: &|key| data.value(key) })
    }

    #[test]
    fn each_condition_looks_at_its_own_part() {
        for (rule, expected) in [
            (Ignore::name("GET /m*"), true),
            (Ignore::name("http.server"), false),
            ("*metrics".into(), true),
            (Ignore::op("http.*"), true),
            (Ignore::op("GET*"), false),
            (Ignore::attribute("url.path", "/metrics"), true),
            (Ignore::attribute("url.path", Pattern::regex("^/m")), true),
            (Ignore::attribute("url.path", "/health"), false),
            (Ignore::attribute("path", "*"), false),
            (Ignore::attribute("http.response.status_code", "2??"), true),
            (Ignore::attribute("cached", "true"), true),
            (Ignore::attribute("ratio", "0.5"), true),
            (Ignore::attribute("http.request.header.accept", "text/*"), true),
            (Ignore::attribute("http.request.header.accept", "image/*"), false),
            (Ignore::attribute("ports", "443"), true),
            (Ignore::attribute("ports", "44"), false),
            (Ignore::status(SpanStatus::Ok), true),
            (Ignore::status(SpanStatus::NotFound), false),
        ] {
            assert_eq!(includes(&rule), expected, "{rule:?}");
        }
    }

    #[test]
    fn all_conditions_of_a_rule_must_apply() {
        let rule = Ignore::op("http.server").and_attribute("url.path", "/metrics");
        assert!(includes(&rule.clone().and_name("GET *").and_status(SpanStatus::Ok)));
        assert!(!includes(&rule.clone().and_name("POST *")));
        assert!(!includes(&rule.clone().and_status(SpanStatus::InternalError)));
        assert!(!includes(&rule.and_op("db")));
    }
}
