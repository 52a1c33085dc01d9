use sentry_types::Uuid;
use serde_json::{Value, json};

use crate::protocol::{Deflated, Envelope, ItemKind, Parts};

/// What a file holds: a line of JSON, then the body of the envelope as it is in memory.
///
/// The line begins with the checksum of all that follows, at a fixed place.
#[derive(Debug)]
pub(super) struct Content<'a> {
    pub(super) line: Vec<u8>,
    pub(super) body: &'a [u8],
}

/// Why there is no envelope in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    Damaged,
    /// It is for another server or project.
    OtherDestination,
}

const VERSION: u64 = 2;

const CHECKSUM: &str = "{\"crc32\":\"";
const CHECKSUM_END: &str = "\",";

impl<'a> Content<'a> {
    pub(super) fn new(envelope: &'a Envelope, destination: &str) -> Self {
        let (parts, body) = envelope.parts();
        let mut header = json!({
            "version": VERSION,
            "destination": destination,
            "kind": parts.kind.as_str(),
            "event_id": parts.event_id.as_simple().to_string(),
            "spans": parts.spans,
            "encoding": parts.deflated.map(|_| "deflate"),
            "plain_crc32": parts.deflated.map(|deflated| deflated.crc32),
            "plain_len": parts.deflated.map(|deflated| deflated.plain_len),
            "len": body.len(),
        });
        if parts.kind == ItemKind::Log
            && let Some(header) = header.as_object_mut()
        {
            header.insert("log_bytes".into(), parts.log_bytes.into());
        }
        let header = header.to_string();
        let rest = format!("{}\n", header.strip_prefix('{').unwrap_or_default());
        let mut checksum = crc32fast::Hasher::new();
        checksum.update(rest.as_bytes());
        checksum.update(body);
        let line = format!("{CHECKSUM}{:08x}{CHECKSUM_END}{rest}", checksum.finalize());
        Self { line: line.into_bytes(), body }
    }

    pub(super) fn len(&self) -> usize {
        self.line.len().saturating_add(self.body.len())
    }
}

/// Reads what [`Content::new`] gave.
pub(super) fn read(mut file: Vec<u8>, destination: &str) -> Result<Envelope, Fault> {
    let rest = checked(&file).ok_or(Fault::Damaged)?;
    let line_len = rest.iter().position(|byte| *byte == b'\n').ok_or(Fault::Damaged)?;
    let line_end = file.len().saturating_sub(rest.len()).saturating_add(line_len);
    let body = file.split_off(line_end.saturating_add(1));
    let header: Value = serde_json::from_slice(&file).map_err(|_| Fault::Damaged)?;
    if header.get("version").and_then(Value::as_u64) != Some(VERSION) {
        return Err(Fault::Damaged);
    }
    if header.get("destination").and_then(Value::as_str) != Some(destination) {
        return Err(Fault::OtherDestination);
    }
    let parts = parts(&header, &body).ok_or(Fault::Damaged)?;
    Ok(Envelope::from_parts(parts, body))
}

/// What follows the checksum, if that is right.
fn checked(file: &[u8]) -> Option<&[u8]> {
    let (checksum, rest) = file.strip_prefix(CHECKSUM.as_bytes())?.split_at_checked(8)?;
    let rest = rest.strip_prefix(CHECKSUM_END.as_bytes())?;
    let expected = format!("{:08x}", crc32fast::hash(rest));
    (checksum == expected.as_bytes()).then_some(rest)
}

fn parts(header: &Value, body: &[u8]) -> Option<Parts> {
    let number = |key: &str| header.get(key).and_then(Value::as_u64);
    let text = |key: &str| header.get(key).and_then(Value::as_str);
    if number("len") != u64::try_from(body.len()).ok() {
        return None;
    }
    let deflated = match text("encoding") {
        None => None,
        Some("deflate") => Some(Deflated {
            crc32: number("plain_crc32")?.try_into().ok()?,
            plain_len: number("plain_len")?.try_into().ok()?,
        }),
        Some(_) => return None,
    };
    Some(Parts {
        kind: ItemKind::parse(text("kind")?)?,
        event_id: text("event_id")?.parse::<Uuid>().ok()?,
        spans: number("spans")?,
        // Only logs have them.
        log_bytes: number("log_bytes").unwrap_or_default(),
        deflated,
    })
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use flate2::Compression;

    use super::*;
    use crate::protocol::{Deflater, Item, Letterhead, TraceHeader, TraceKey};

    const DESTINATION: &str = "https://sentry.example.com/api/42/envelope/";

    fn envelope(payload: &str, deflater: Option<&mut Deflater>) -> Envelope {
        let trace = TraceHeader::default()
            .with(TraceKey::TraceId, "f1f2f3f4f5f6f7f8a1a2a3a4a5a6a7a8")
            .with(TraceKey::PublicKey, "key")
            .with(TraceKey::SampleRate, "0.12345679")
            .with(TraceKey::SampleRand, "0.061726")
            .with(TraceKey::Sampled, "true")
            .with(TraceKey::Release, "app@1.0\n\"ü");
        let item = Item {
            kind: ItemKind::Transaction,
            event_id: Uuid::from_u128(0xfc6d_8c0c_43fc_4630_ad85_0ee5_18f1_b9d0),
            spans: 7,
            trace: Some(&trace),
            payload: payload.as_bytes(),
        };
        Envelope::new(item, deflater)
    }

    fn file(envelope: &Envelope) -> Vec<u8> {
        let content = Content::new(envelope, DESTINATION);
        let file = [content.line.as_slice(), content.body].concat();
        assert_eq!(file.len(), content.len());
        file
    }

    #[test]
    fn what_is_read_is_sent_with_the_same_bytes_as_what_was_written() {
        let mut deflater = Deflater::new(Compression::fast());
        for (payload, deflater) in [("{}", None), ("{\n\n}", Some(&mut deflater))] {
            let written = envelope(payload, deflater);
            let read = read(file(&written), DESTINATION).unwrap();
            let begin = Letterhead::of("https://key@sentry.example.com/42").dated(UNIX_EPOCH);
            let sealed = [&read, &written].map(|it| it.seal(&begin, None));
            assert_eq!(sealed[0], sealed[1]);
            assert_eq!(read.parts(), written.parts());
        }
    }

    #[test]
    fn a_file_is_one_line_and_the_body() {
        let file = String::from_utf8(file(&envelope("{}", None))).unwrap();
        let (checksum, rest) = file.split_at(CHECKSUM.len() + 8);
        assert!(checksum.starts_with(CHECKSUM), "{checksum}");
        let (line, body) = rest.split_once('\n').unwrap();
        let len = body.len();
        assert_eq!(
            line,
            format!(
                "\",\"destination\":\"https://sentry.example.com/api/42/envelope/\",\
                 \"encoding\":null,\"event_id\":\"fc6d8c0c43fc4630ad850ee518f1b9d0\",\
                 \"kind\":\"transaction\",\"len\":{len},\"plain_crc32\":null,\"plain_len\":null,\
                 \"spans\":7,\"version\":{VERSION}}}"
            )
        );
        assert!(body.starts_with(",\"event_id\":\"fc6d8c0c43fc4630ad850ee518f1b9d0\""), "{body}");
        assert!(body.ends_with("\"}}\n{\"type\":\"transaction\",\"length\":2}\n{}\n"), "{body}");
    }

    #[test]
    fn no_flipped_bit_and_no_lost_byte_goes_unnoticed() {
        let mut deflater = Deflater::new(Compression::fast());
        let whole = file(&envelope("{\"a\":\"aaaaaaaaaaaa\"}", Some(&mut deflater)));
        assert!(read(whole.clone(), DESTINATION).is_ok());
        for len in 0..whole.len() {
            assert_eq!(read(whole[..len].to_vec(), DESTINATION).err(), Some(Fault::Damaged));
            for bit in 0..8 {
                let mut flipped = whole.clone();
                flipped[len] ^= 1 << bit;
                assert_eq!(read(flipped, DESTINATION).err(), Some(Fault::Damaged), "{len} {bit}");
            }
        }
        let longer = [whole.as_slice(), b"\n"].concat();
        assert_eq!(read(longer, DESTINATION).err(), Some(Fault::Damaged));
    }

    #[test]
    fn an_envelope_for_another_project_is_known_as_such() {
        let file = file(&envelope("{}", None));
        let other = "https://sentry.example.com/api/43/envelope/";
        assert_eq!(read(file, other).err(), Some(Fault::OtherDestination));
    }

    #[test]
    fn a_file_of_another_version_is_not_read() {
        let text = String::from_utf8(file(&envelope("{}", None))).unwrap();
        let rest = text.split_once(CHECKSUM_END).unwrap().1.replace("n\":2", "n\":1");
        let other =
            format!("{CHECKSUM}{:08x}{CHECKSUM_END}{rest}", crc32fast::hash(rest.as_bytes()));
        assert_eq!(read(other.into_bytes(), DESTINATION).err(), Some(Fault::Damaged));
    }
}
