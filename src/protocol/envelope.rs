use std::fmt;
use std::sync::LazyLock;

use bytes::Bytes;
use sentry_types::Uuid;

use super::sdk::Sdk;
use super::{Dated, Deflater, TraceHeader, to_json, write_json};

/// What an envelope is about; Sentry takes one transaction, one event, one list of logs or one list
/// of spans in each (rule R7).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum ItemKind {
    Event,
    Transaction,
    Log,
    Span,
}

/// A transaction, an event, a list of logs or one of spans, as JSON.
#[derive(Debug)]
pub(crate) struct Item<'a> {
    pub(crate) kind: ItemKind,
    pub(crate) event_id: Uuid,
    /// What is lost if the item is: a root and its children, spans, or logs; none for an event.
    pub(crate) spans: u64,
    pub(crate) trace: Option<&'a TraceHeader>,
    pub(crate) payload: &'a [u8],
}

/// An item, compressed and waiting to be sent.
///
/// Only [`seal`](Self::seal) writes the begin of the header, because it tells the time of sending
/// and the DSN. It then stands as a stored block in front of the blocks that were compressed long
/// before, which begin in the middle of that line.
pub(crate) struct Envelope {
    pub(crate) kind: ItemKind,
    pub(crate) event_id: Uuid,
    pub(crate) spans: u64,
    /// How much Sentry counts logs for, in bytes.
    pub(crate) log_bytes: u64,
    body: Body,
}

#[derive(Debug)]
enum Body {
    Plain(Vec<u8>),
    /// Raw deflate blocks, none of them the last, with checksum and length of what is in them.
    Deflated {
        blocks: Vec<u8>,
        checksum: crc32fast::Hasher,
        plain_len: usize,
    },
}

/// What there is to know of an envelope besides the bytes of its body.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Parts {
    pub(crate) kind: ItemKind,
    pub(crate) event_id: Uuid,
    pub(crate) spans: u64,
    pub(crate) log_bytes: u64,
    /// What is in the deflate blocks, absent for a plain body.
    pub(crate) deflated: Option<Deflated>,
}

/// The checksum and length of what was deflated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Deflated {
    pub(crate) crc32: u32,
    pub(crate) plain_len: usize,
}

/// What the item of a list says that it is.
const LOGS: &str = "application/vnd.sentry.items.log+json";
const SPANS: &str = "application/vnd.sentry.items.span.v2+json";

impl ItemKind {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Event => "event",
            Self::Transaction => "transaction",
            Self::Log => "log",
            Self::Span => "span",
        }
    }

    /// The kind that [`as_str`](Self::as_str) says.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let mut all = [Self::Event, Self::Transaction, Self::Log, Self::Span].into_iter();
        all.find(|kind| kind.as_str() == text)
    }
}

impl fmt::Debug for Envelope {
    /// Without what is sent, and without the key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kind, event_id, spans, .. } = self;
        write!(f, "Envelope({} {event_id}, {spans} spans)", kind.as_str())
    }
}

impl Envelope {
    /// Compresses the item, or keeps it plain where no compression is wanted.
    pub(crate) fn new(item: Item, deflater: Option<&mut Deflater>) -> Self {
        let head = head(&item);
        let parts = [head.as_slice(), item.payload, b"\n"];
        let blocks = deflater.and_then(|deflater| deflater.deflate(parts));
        let body = match blocks {
            Some(blocks) => {
                let mut checksum = crc32fast::Hasher::new();
                parts.iter().for_each(|part| checksum.update(part));
                let plain_len = parts.iter().map(|part| part.len()).sum();
                Body::Deflated { blocks, checksum, plain_len }
            }
            None => Body::Plain(parts.concat()),
        };
        Self { kind: item.kind, event_id: item.event_id, spans: item.spans, log_bytes: 0, body }
    }

    /// Says how much Sentry counts the logs in it for.
    #[cfg(feature = "logs")]
    pub(crate) fn with_log_bytes(self, log_bytes: u64) -> Self {
        Self { log_bytes, ..self }
    }

    /// What an envelope holds in memory besides its body: its fields, and its place in lists.
    pub(crate) const OVERHEAD: usize = 300;

    /// What the envelope holds in memory, in bytes.
    pub(crate) fn len(&self) -> usize {
        let body = match &self.body {
            Body::Plain(body) => body.len(),
            Body::Deflated { blocks, .. } => blocks.len(),
        };
        body.saturating_add(Self::OVERHEAD)
    }

    /// The value of `Content-Encoding`, absent for a plain body.
    pub(crate) fn content_encoding(&self) -> Option<&'static str> {
        match self.body {
            Body::Plain(_) => None,
            Body::Deflated { .. } => Some("gzip"),
        }
    }

    /// The bytes to send, with `report` as an item behind it.
    pub(crate) fn seal(&self, begin: &Dated, report: Option<&[u8]>) -> Bytes {
        let begin = begin.as_bytes();
        let report = report.map(report_item).unwrap_or_default();
        Bytes::from(match &self.body {
            Body::Plain(body) => [begin, body, &report].concat(),
            Body::Deflated { blocks, checksum, plain_len } => {
                gzip([begin, blocks, &report], checksum, *plain_len)
            }
        })
    }
}

impl Envelope {
    /// What [`from_parts`](Self::from_parts) makes the same envelope of.
    pub(crate) fn parts(&self) -> (Parts, &[u8]) {
        let (body, deflated) = match &self.body {
            Body::Plain(body) => (body, None),
            Body::Deflated { blocks, checksum, plain_len } => {
                let crc32 = checksum.clone().finalize();
                (blocks, Some(Deflated { crc32, plain_len: *plain_len }))
            }
        };
        let parts = Parts {
            kind: self.kind,
            event_id: self.event_id,
            spans: self.spans,
            log_bytes: self.log_bytes,
            deflated,
        };
        (parts, body)
    }

    pub(crate) fn from_parts(parts: Parts, body: Vec<u8>) -> Self {
        let body = match parts.deflated {
            None => Body::Plain(body),
            Some(Deflated { crc32, plain_len }) => {
                let checksum = crc32fast::Hasher::new_with_initial_len(
                    crc32,
                    u64::try_from(plain_len).unwrap_or(u64::MAX),
                );
                Body::Deflated { blocks: body, checksum, plain_len }
            }
        };
        Self {
            kind: parts.kind,
            event_id: parts.event_id,
            spans: parts.spans,
            log_bytes: parts.log_bytes,
            body,
        }
    }
}

/// An envelope that holds nothing but a client report.
pub(crate) fn report_envelope(begin: &Dated, report: &[u8]) -> Bytes {
    let mut envelope = begin.as_bytes().to_vec();
    write_rest_of_header(&mut envelope, None, None);
    envelope.extend_from_slice(&report_item(report));
    Bytes::from(envelope)
}

fn report_item(report: &[u8]) -> Vec<u8> {
    let header = format!("{{\"type\":\"client_report\",\"length\":{}}}\n", report.len());
    [header.as_bytes(), report, b"\n"].concat()
}

/// How long the headers of an envelope and its item are together, if nothing in them is unusual, in
/// bytes.
const USUAL_HEAD: usize = 1000;

/// The rest of the header of the envelope, and that of the item.
fn head(item: &Item<'_>) -> Vec<u8> {
    let mut head = Vec::with_capacity(USUAL_HEAD);
    write_rest_of_header(&mut head, Some(item.event_id), item.trace);
    let content_type = match item.kind {
        ItemKind::Log => Some(LOGS),
        ItemKind::Span => Some(SPANS),
        ItemKind::Event | ItemKind::Transaction => None,
    };
    let list = content_type.map(|content_type| {
        format!(",\"item_count\":{},\"content_type\":\"{content_type}\"", item.spans)
    });
    let (kind, list) = (item.kind.as_str(), list.unwrap_or_default());
    let mut digits = itoa::Buffer::new();
    let length = digits.format(item.payload.len());
    for part in ["{\"type\":\"", kind, "\"", &list, ",\"length\":", length, "}\n"] {
        head.extend_from_slice(part.as_bytes());
    }
    head
}

/// Writes the header of an envelope behind what its letterhead says; one that is about no event or
/// transaction has no id.
fn write_rest_of_header(out: &mut Vec<u8>, event_id: Option<Uuid>, trace: Option<&TraceHeader>) {
    static SDK: LazyLock<Vec<u8>> =
        LazyLock::new(|| to_json(&Sdk).unwrap_or_else(|_| b"{}".to_vec()));
    if let Some(event_id) = event_id {
        let mut digits = Uuid::encode_buffer();
        let event_id = event_id.simple().encode_lower(&mut digits);
        for part in [",\"event_id\":\"", event_id, "\""] {
            out.extend_from_slice(part.as_bytes());
        }
    }
    out.extend_from_slice(b",\"sdk\":");
    out.extend_from_slice(&SDK);
    let behind_sdk = out.len();
    out.extend_from_slice(b",\"trace\":");
    if trace.is_none_or(|trace| write_json(out, trace).is_err()) {
        out.truncate(behind_sdk);
    }
    out.extend_from_slice(b"}\n");
}

/// One gzip member: what stands before and behind in stored blocks, between them the blocks that
/// were deflated before.
///
/// RFC 1951 §3.2.4 and RFC 1952 §2.3.
fn gzip(
    [begin, blocks, end]: [&[u8]; 3],
    checksum: &crc32fast::Hasher,
    plain_len: usize,
) -> Vec<u8> {
    const MAGIC: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];
    const LAST_BLOCK: [u8; 2] = [3, 0];
    let lens = [begin, blocks, end].map(<[u8]>::len).into_iter().chain([64]);
    let mut out = Vec::with_capacity(lens.fold(0, usize::saturating_add));
    out.extend_from_slice(&MAGIC);
    store(&mut out, begin);
    out.extend_from_slice(blocks);
    store(&mut out, end);
    out.extend_from_slice(&LAST_BLOCK);
    let mut whole = crc32fast::Hasher::new();
    whole.update(begin);
    whole.combine(checksum);
    whole.update(end);
    out.extend_from_slice(&whole.finalize().to_le_bytes());
    let len = begin.len().wrapping_add(plain_len).wrapping_add(end.len());
    out.extend_from_slice(&(len as u32).to_le_bytes());
    out
}

fn store(out: &mut Vec<u8>, bytes: &[u8]) {
    for chunk in bytes.chunks(usize::from(u16::MAX)) {
        let len = u16::try_from(chunk.len()).unwrap_or(u16::MAX);
        out.push(0);
        out.extend_from_slice(&len.to_le_bytes());
        out.extend_from_slice(&(!len).to_le_bytes());
        out.extend_from_slice(chunk);
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::time::{Duration, UNIX_EPOCH};

    use flate2::Compression;

    use super::*;
    use crate::protocol::{Letterhead, TraceKey};

    fn item(payload: &str) -> Item<'_> {
        static TRACE: LazyLock<TraceHeader> =
            LazyLock::new(|| TraceHeader::default().with(TraceKey::PublicKey, "key"));
        Item {
            kind: ItemKind::Transaction,
            event_id: Uuid::from_u128(0xfc6d_8c0c_43fc_4630_ad85_0ee5_18f1_b9d0),
            spans: 1,
            trace: Some(&TRACE),
            payload: payload.as_bytes(),
        }
    }

    fn begin() -> Dated {
        let now = UNIX_EPOCH + Duration::from_millis(1_795_167_627_500);
        Letterhead::of("https://key@host/42").dated(now)
    }

    fn gunzip(bytes: &[u8]) -> String {
        let mut out = String::new();
        flate2::read::GzDecoder::new(bytes).read_to_string(&mut out).unwrap();
        out
    }

    #[test]
    fn an_envelope_is_a_header_line_and_items_with_their_length() {
        let envelope = Envelope::new(item("{\"é\":1}"), None);
        let sealed = envelope.seal(&begin(), Some(b"{\"discarded_events\":[]}"));
        let sdk = serde_json::to_string(&Sdk).unwrap();
        assert_eq!(
            String::from_utf8(sealed.to_vec()).unwrap(),
            format!(
                "{{\"sent_at\":\"2026-11-20T09:40:27.5Z\",\"dsn\":\"https://key@host/42\",\
                 \"event_id\":\"fc6d8c0c43fc4630ad850ee518f1b9d0\",\
                 \"sdk\":{sdk},\"trace\":{{\"public_key\":\"key\"}}}}\n\
                 {{\"type\":\"transaction\",\"length\":8}}\n{{\"é\":1}}\n\
                 {{\"type\":\"client_report\",\"length\":23}}\n{{\"discarded_events\":[]}}\n"
            )
        );
        assert_eq!(envelope.content_encoding(), None);
    }

    #[test]
    fn a_compressed_envelope_holds_the_same_bytes_in_one_gzip_member() {
        let mut deflater = Deflater::new(Compression::fast());
        for len in [0, 1, 1000, 300_000] {
            let payload = "abc".repeat(len);
            let compressed = Envelope::new(item(&payload), Some(&mut deflater));
            let plain = Envelope::new(item(&payload), None);
            let report = vec![b'r'; 70_000];
            for report in [None, Some(report.as_slice())] {
                let expected = plain.seal(&begin(), report);
                assert_eq!(gunzip(&compressed.seal(&begin(), report)).as_bytes(), &*expected);
            }
            assert_eq!(compressed.content_encoding(), Some("gzip"));
            assert!(compressed.len() <= plain.len() + 16);
        }
    }

    #[test]
    fn an_envelope_that_was_taken_apart_and_put_together_is_sent_the_same() {
        let mut deflater = Deflater::new(Compression::fast());
        let payload = "{\"a\":1}".repeat(500);
        for deflater in [None, Some(&mut deflater)] {
            let envelope = Envelope::new(item(&payload), deflater);
            let (parts, body) = envelope.parts();
            let again = Envelope::from_parts(parts, body.to_vec());
            assert_eq!(again.seal(&begin(), Some(b"{}")), envelope.seal(&begin(), Some(b"{}")));
            assert_eq!(again.content_encoding(), envelope.content_encoding());
        }
    }
}
