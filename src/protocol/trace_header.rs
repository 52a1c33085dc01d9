use opentelemetry::TraceId;
use serde::ser::{Serialize, Serializer};

use super::hex::Hex;

/// The `trace` header of an envelope: the dynamic sampling context of its trace.
///
/// All values are texts. Relay throws the header away where one is a number, and what another
/// service of the trace wrote has to stay as it is to the last digit.
///
/// <https://develop.sentry.dev/sdk/foundations/trace-propagation/dynamic-sampling-context/>
#[derive(Clone, Debug, Default)]
pub(crate) struct TraceHeader {
    /// All values one after the other, because every transaction has a header of its own.
    text: String,
    /// Where in it the value of each key stands.
    places: [Option<Place>; TraceKey::ALL.len()],
}

#[derive(Clone, Copy, Debug)]
struct Place {
    start: u32,
    end: u32,
}

/// How long the values of a header are together, if none of them is unusual, in bytes.
const USUAL: usize = 192;

/// What the header can tell, in the order in which it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
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
    pub(crate) fn with(mut self, key: TraceKey, text: impl AsRef<str>) -> Self {
        self.set(key, text.as_ref());
        self
    }

    pub(crate) fn set(&mut self, key: TraceKey, text: &str) {
        self.write(key, |all| all.push_str(text));
    }

    pub(crate) fn set_trace(&mut self, trace: TraceId) {
        self.write(TraceKey::TraceId, |all| Hex(trace).push_to(all));
    }

    pub(crate) fn value(&self, key: TraceKey) -> Option<&str> {
        let Place { start, end } = self.places.get(key as usize).copied().flatten()?;
        self.text.get(usize::try_from(start).ok()?..usize::try_from(end).ok()?)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (TraceKey, &str)> {
        TraceKey::ALL.into_iter().filter_map(|key| Some((key, self.value(key)?)))
    }

    /// Sets the value of a key to what is written behind all others.
    pub(crate) fn write(&mut self, key: TraceKey, text: impl FnOnce(&mut String)) {
        if self.text.is_empty() {
            self.text.reserve(USUAL);
        }
        let start = self.text.len();
        text(&mut self.text);
        let [start, end] = [start, self.text.len()].map(|at| u32::try_from(at).ok());
        if let Some(known) = self.places.get_mut(key as usize) {
            *known = start.zip(end).map(|(start, end)| Place { start, end });
        }
    }
}

impl PartialEq for TraceHeader {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl Eq for TraceHeader {}

impl Serialize for TraceHeader {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.iter().map(|(key, text)| (key.as_str(), text)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_is_written_in_the_order_of_its_keys() {
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
    }
}
