use opentelemetry::trace::{SpanId, TraceId};
use serde::{Serialize, Serializer};

/// An id of OpenTelemetry in lower-case hexadecimal digits.
pub(super) struct Hex<T>(pub(super) T);

const DIGITS: &[u8; 16] = b"0123456789abcdef";

impl Serialize for Hex<TraceId> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut text = [b'0'; 32];
        serializer.serialize_str(written(&self.0.to_bytes(), &mut text))
    }
}

impl Serialize for Hex<SpanId> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut text = [b'0'; 16];
        serializer.serialize_str(written(&self.0.to_bytes(), &mut text))
    }
}

/// The id of a trace as text.
pub(crate) fn trace_text(trace: TraceId) -> String {
    let mut text = [b'0'; 32];
    written(&trace.to_bytes(), &mut text).to_owned()
}

fn written<'a>(id: &[u8], text: &'a mut [u8]) -> &'a str {
    let digit = |half: u8| DIGITS.get(usize::from(half & 0xf)).copied().unwrap_or(b'0');
    for (byte, digits) in id.iter().zip(text.as_chunks_mut::<2>().0) {
        *digits = [digit(byte >> 4), digit(*byte)];
    }
    str::from_utf8(text).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_written_as_opentelemetry_writes_them() {
        for id in [0, 1, 0x0123_4567_89ab_cdef_fedc_ba98_7654_3210, u128::MAX] {
            let trace = TraceId::from(id);
            assert_eq!(serde_json::to_value(Hex(trace)).unwrap(), trace.to_string());
            assert_eq!(trace_text(trace), trace.to_string());
            let span = SpanId::from(id as u64);
            assert_eq!(serde_json::to_value(Hex(span)).unwrap(), span.to_string());
        }
    }
}
