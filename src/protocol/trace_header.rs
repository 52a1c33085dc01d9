use std::sync::Arc;

use opentelemetry::StringValue;
use serde::ser::{Serialize, Serializer};
use serde_json::Value;

/// The `trace` header of an envelope: the dynamic sampling context of its trace.
///
/// All values are texts. Relay throws the header away where one is a number, and what another
/// service of the trace wrote has to stay as it is to the last digit.
///
/// <https://develop.sentry.dev/sdk/foundations/trace-propagation/dynamic-sampling-context/>
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct TraceHeader(Arc<[Option<StringValue>; TraceKey::ALL.len()]>);

/// What the header can tell, in the order in which it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TraceKey {
    TraceId,
    PublicKey,
    SampleRate,
    SampleRand,
    Sampled,
    Release,
    Environment,
    Transaction,
    OrgId,
    ReplayId,
}

impl TraceKey {
    const ALL: [Self; 10] = [
        Self::TraceId,
        Self::PublicKey,
        Self::SampleRate,
        Self::SampleRand,
        Self::Sampled,
        Self::Release,
        Self::Environment,
        Self::Transaction,
        Self::OrgId,
        Self::ReplayId,
    ];

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::TraceId => "trace_id",
            Self::PublicKey => "public_key",
            Self::SampleRate => "sample_rate",
            Self::SampleRand => "sample_rand",
            Self::Sampled => "sampled",
            Self::Release => "release",
            Self::Environment => "environment",
            Self::Transaction => "transaction",
            Self::OrgId => "org_id",
            Self::ReplayId => "replay_id",
        }
    }

    /// The key that [`as_str`](Self::as_str) says.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|key| key.as_str() == text)
    }
}

impl TraceHeader {
    pub(crate) fn with(mut self, key: TraceKey, text: impl Into<StringValue>) -> Self {
        self.set(key, Some(text.into()));
        self
    }

    pub(crate) fn without(mut self, key: TraceKey) -> Self {
        self.set(key, None);
        self
    }

    pub(crate) fn value(&self, key: TraceKey) -> Option<&str> {
        self.0.get(key as usize)?.as_ref().map(StringValue::as_str)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (TraceKey, &str)> {
        TraceKey::ALL.into_iter().filter_map(|key| Some((key, self.value(key)?)))
    }

    fn set(&mut self, key: TraceKey, text: Option<StringValue>) {
        if let Some(value) = Arc::make_mut(&mut self.0).get_mut(key as usize) {
            *value = text;
        }
    }

    /// Reads what was written; none if that has anything else in it.
    pub(crate) fn from_json(json: &Value) -> Option<Self> {
        let entries = json.as_object()?.iter();
        let mut entries =
            entries.map(|(key, text)| Some((TraceKey::parse(key)?, text.as_str()?.to_owned())));
        entries.try_fold(Self::default(), |header, entry| {
            let (key, text) = entry?;
            Some(header.with(key, text))
        })
    }
}

impl Serialize for TraceHeader {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.iter().map(|(key, text)| (key.as_str(), text)))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_header_is_written_in_the_order_of_its_keys_and_read_again() {
        let header = TraceHeader::default()
            .with(TraceKey::Sampled, "true")
            .with(TraceKey::TraceId, "771a43a4192642f0b136d5159a501700")
            .with(TraceKey::SampleRand, "0.8797184083143456");
        let text = serde_json::to_string(&header).unwrap();
        assert_eq!(
            text,
            "{\"trace_id\":\"771a43a4192642f0b136d5159a501700\",\
             \"sample_rand\":\"0.8797184083143456\",\"sampled\":\"true\"}"
        );
        assert_eq!(TraceHeader::from_json(&serde_json::from_str(&text).unwrap()), Some(header));
        for other in [json!(null), json!([]), json!({"sampled": true}), json!({"color": "red"})] {
            assert_eq!(TraceHeader::from_json(&other), None, "{other}");
        }
    }
}
