use opentelemetry_sdk::trace::SpanData;

use crate::mapping::RootTitle;
use crate::pattern::Pattern;

/// What a segment looks like, by its root span.
///
/// A text is a glob for the whole, in which `*` stands for any characters and `?` for one; a
/// [`Pattern`] can be a regular expression as well. One that cannot be read is an error of
/// [`build`](crate::SentrySpanExporterBuilder::build).
///
/// ```
/// use opentelemetry_sentry::Pattern;
/// use opentelemetry_sentry::sampling::Rule;
///
/// let health = Rule::name("GET /health*");
/// let probes = Rule::op("http.server").and(Rule::attribute("user_agent.original", "kube-probe/*"));
/// let numbered = Rule::name(Pattern::regex("^job [0-9]+$"));
/// # let _ = (health, probes, numbered);
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
    pub fn name(pattern: impl Into<Pattern>) -> Self {
        Self(vec![Condition::Name(pattern.into())])
    }

    /// Transactions of this op, such as `http.server` or `queue.*`. One without an op has an empty
    /// one.
    pub fn op(pattern: impl Into<Pattern>) -> Self {
        Self(vec![Condition::Op(pattern.into())])
    }

    /// Segments whose root span has this attribute with this value; `*` is any. Numbers, booleans
    /// and lists are compared as they are written.
    pub fn attribute(key: impl Into<String>, pattern: impl Into<Pattern>) -> Self {
        Self(vec![Condition::Attribute(key.into(), pattern.into())])
    }

    /// Only what the other rule says as well.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        self.0.extend(other.0);
        self
    }

    pub(super) fn patterns(&self) -> impl Iterator<Item = &Pattern> {
        self.0.iter().map(|condition| match condition {
            Condition::Name(pattern) | Condition::Op(pattern) => pattern,
            Condition::Attribute(_, pattern) => pattern,
        })
    }

    pub(super) fn matches<'a>(&self, root: &SpanData, title: impl Fn() -> &'a RootTitle) -> bool {
        self.0.iter().all(|condition| match condition {
            Condition::Name(pattern) => pattern.fits(title().name.as_str()),
            Condition::Op(pattern) => {
                pattern.fits(title().op.as_ref().map(|op| op.as_str()).unwrap_or_default())
            }
            Condition::Attribute(key, pattern) => {
                let last = root.attributes.iter().rfind(|entry| entry.key.as_str() == key);
                last.is_some_and(|entry| pattern.fits(&entry.value.as_str()))
            }
        })
    }
}
