use opentelemetry::trace::{SpanId, TraceId};
use serde::{Serialize, Serializer};

/// An id of OpenTelemetry in lower-case hexadecimal digits.
pub(super) struct Hex<T>(pub(super) T);

impl Hex<TraceId> {
    pub(super) fn push_to(&self, text: &mut String) {
        text.push_str(as_text(&digits::<16, 32>(&self.0.to_bytes())));
    }
}

impl Serialize for Hex<TraceId> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(as_text(&digits::<16, 32>(&self.0.to_bytes())))
    }
}

impl Serialize for Hex<SpanId> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(as_text(&digits::<8, 16>(&self.0.to_bytes())))
    }
}

/// Two digits for each byte.
// By themselves and without a table, compilers make all digits together.
#[inline(never)]
fn digits<const BYTES: usize, const LEN: usize>(id: &[u8; BYTES]) -> [u8; LEN] {
    let mut digits = [0; LEN];
    for (byte, halves) in id.iter().zip(digits.as_chunks_mut().0) {
        *halves = [byte >> 4, byte & 0xf];
    }
    for digit in &mut digits {
        *digit = digit.wrapping_add(if *digit < 10 { b'0' } else { b'a'.wrapping_sub(10) });
    }
    digits
}

fn as_text(digits: &[u8]) -> &str {
    str::from_utf8(digits).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_written_as_opentelemetry_writes_them() {
        for id in [0, 1, 0x0123_4567_89ab_cdef_fedc_ba98_7654_3210, u128::MAX] {
            let trace = TraceId::from(id);
            assert_eq!(serde_json::to_value(Hex(trace)).unwrap(), trace.to_string());
            let span = SpanId::from(id as u64);
            assert_eq!(serde_json::to_value(Hex(span)).unwrap(), span.to_string());
        }
    }
}
