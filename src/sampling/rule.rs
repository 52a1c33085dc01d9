use opentelemetry_sdk::trace::SpanData;

use super::pattern::Pattern;
use crate::mapping::RootTitle;

/// What a segment looks like, by its root span.
///
/// In every text `*` stands for any characters, or none; all others stand for themselves, and
/// upper and lower case differ.
///
/// ```
/// use opentelemetry_sentry::sampling::Rule;
///
/// let health = Rule::name("GET /health*");
/// let probes = Rule::op("http.server").and(Rule::attribute("user_agent.original", "kube-probe/*"));
/// # let _ = (health, probes);
/// ```
#[derive(Clone, Debug)]
pub struct Rule(Vec<Condition>);

#[derive(Clone, Debug)]
enum Condition {
    Name(Pattern),
    Op(Pattern),
    Attribute(String, Pattern),
}

impl Rule {
    /// Transactions of this name, as Sentry shows it, such as `GET /users/{id}`.
    pub fn name(name: impl Into<String>) -> Self {
        Self(vec![Condition::Name(name.into().into())])
    }

    /// Transactions of this op, such as `http.server` or `queue.*`. One without an op has an empty
    /// one.
    pub fn op(op: impl Into<String>) -> Self {
        Self(vec![Condition::Op(op.into().into())])
    }

    /// Segments whose root span has this attribute with this value; `*` is any. Numbers, booleans
    /// and lists are compared as they are written.
    pub fn attribute(key: impl Into<String>, value: impl Into<String>) -> Self {
        Self(vec![Condition::Attribute(key.into(), value.into().into())])
    }

    /// Only what the other rule says as well.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        self.0.extend(other.0);
        self
    }

    pub(super) fn matches<'a>(&self, root: &SpanData, title: impl Fn() -> &'a RootTitle) -> bool {
        self.0.iter().all(|condition| match condition {
            Condition::Name(pattern) => pattern.matches(title().name.as_str()),
            Condition::Op(pattern) => {
                pattern.matches(title().op.as_ref().map(|op| op.as_str()).unwrap_or_default())
            }
            Condition::Attribute(key, pattern) => {
                let last = root.attributes.iter().rfind(|entry| entry.key.as_str() == key);
                last.is_some_and(|entry| pattern.matches(&entry.value.as_str()))
            }
        })
    }
}
