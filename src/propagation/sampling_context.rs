use opentelemetry::trace::TraceId;

use super::member::Member;
use super::sampling;
use crate::protocol::{TraceHeader, TraceKey};

/// The dynamic sampling context of a trace as its head wrote it, which nobody changes after that;
/// empty if the head wrote none.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct SamplingContext {
    /// Members of a `baggage` header, which take less memory than what they say.
    text: String,
}

impl SamplingContext {
    /// Takes the members of Sentry; none if one of them says what Sentry could not read, because
    /// half of a context would make Sentry sample the trace wrongly.
    pub(super) fn of(members: &[Member]) -> Option<Self> {
        members.iter().all(is_legal).then(|| Self::joined(members.iter()))
    }

    /// The context of a trace that begins here.
    pub(super) fn own(header: &TraceHeader) -> Self {
        let members = header.iter().map(|(key, text)| Member::of_sentry(key.as_str(), text));
        Self::joined(members.collect::<Vec<_>>().iter())
    }

    fn joined<'a>(members: impl Iterator<Item = &'a Member>) -> Self {
        Self { text: members.map(Member::as_str).collect::<Vec<_>>().join(",") }
    }

    /// The members as they are sent.
    pub(super) fn as_str(&self) -> &str {
        &self.text
    }

    pub(super) fn members(&self) -> impl DoubleEndedIterator<Item = Member> {
        self.text.split(',').filter(|raw| !raw.is_empty()).map(Member::of)
    }

    /// The last one counts, as it does for Sentry's SDKs.
    pub(super) fn value(&self, key: TraceKey) -> Option<String> {
        self.members().rev().find(|member| member.sentry_key() == Some(key.as_str()))?.value
    }

    /// Whether it tells of this trace.
    pub(super) fn is_of(&self, trace: TraceId) -> bool {
        self.value(TraceKey::TraceId).is_some_and(|told| told == trace.to_string())
    }

    pub(super) fn rand(&self) -> Option<f64> {
        self.value(TraceKey::SampleRand).as_deref().and_then(sampling::parse)
    }

    /// The header of envelopes; none without what Sentry needs to use it.
    pub(super) fn header(&self) -> Option<TraceHeader> {
        self.value(TraceKey::TraceId)?;
        self.value(TraceKey::PublicKey).filter(|key| !key.is_empty())?;
        let known = self
            .members()
            .filter_map(|member| Some((TraceKey::parse(member.sentry_key()?)?, member.value?)));
        Some(known.fold(TraceHeader::default(), |header, (key, text)| header.with(key, text)))
    }

    /// The same with one value replaced or added.
    pub(super) fn with(&self, key: TraceKey, text: &str) -> Self {
        let others = self.members().filter(|member| member.sentry_key() != Some(key.as_str()));
        let mut members: Vec<_> = others.collect();
        members.push(Member::of_sentry(key.as_str(), text));
        Self::joined(members.iter())
    }

    /// How much memory it takes, about.
    pub(super) fn bytes(&self) -> usize {
        self.text.len().saturating_add(64)
    }
}

/// Whether Sentry can read what this member says; what it does not know it leaves alone.
fn is_legal(member: &Member) -> bool {
    let Some(value) = &member.value else { return false };
    match member.sentry_key().and_then(TraceKey::parse) {
        Some(TraceKey::TraceId) => {
            value.len() == 32 && value.bytes().all(|byte| byte.is_ascii_hexdigit())
        }
        Some(TraceKey::SampleRate) => sampling::parse(value).is_some(),
        Some(TraceKey::SampleRand) => sampling::parse(value).is_some_and(|rand| rand < 1.0),
        Some(TraceKey::Sampled) => matches!(value.as_str(), "true" | "false"),
        Some(_) | None => true,
    }
}
