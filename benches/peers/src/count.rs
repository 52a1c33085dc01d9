//! How many spans are in what was received.

use std::collections::HashSet;
use std::io::Read;

use bytes::Bytes;
use flate2::read::GzDecoder;
use hyper::header::HeaderValue;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use prost::Message;
use serde::Deserialize;

#[derive(Debug)]
pub struct Received {
    pub otlp: bool,
    pub encoding: Option<HeaderValue>,
    /// How many bytes came before the body.
    pub head_len: usize,
    pub body: Bytes,
}

#[derive(Deserialize)]
struct ItemHeader {
    #[serde(rename = "type")]
    kind: String,
    length: Option<usize>,
}

#[derive(Deserialize)]
struct Transaction {
    contexts: Contexts,
    #[serde(default)]
    spans: Vec<Span>,
}

#[derive(Deserialize)]
struct Contexts {
    trace: Span,
}

#[derive(Deserialize)]
struct Span {
    span_id: String,
}

/// A span that was sent twice is one span.
pub fn distinct_spans(received: &[Received]) -> usize {
    let mut spans = HashSet::new();
    for request in received {
        let body = plain(request);
        if request.otlp { otlp(&body, &mut spans) } else { envelope(&body, &mut spans) }
    }
    spans.len()
}

fn plain(request: &Received) -> Vec<u8> {
    match request.encoding.as_ref().map(HeaderValue::as_bytes) {
        None => request.body.to_vec(),
        Some(b"gzip") => {
            let mut plain = Vec::new();
            GzDecoder::new(&request.body[..]).read_to_end(&mut plain).expect("gzip");
            plain
        }
        Some(b"zstd") => zstd::decode_all(&request.body[..]).expect("zstd"),
        Some(other) => panic!("no decoder for {}", other.escape_ascii()),
    }
}

fn otlp(body: &[u8], spans: &mut HashSet<u64>) {
    let request = ExportTraceServiceRequest::decode(body).expect("protobuf");
    let scopes = request.resource_spans.into_iter().flat_map(|resource| resource.scope_spans);
    for span in scopes.flat_map(|scope| scope.spans) {
        spans.insert(u64::from_be_bytes(span.span_id.try_into().expect("8 bytes")));
    }
}

fn envelope(body: &[u8], spans: &mut HashSet<u64>) {
    let (_, mut rest) = line(body);
    while !rest.is_empty() {
        let (header, after) = line(rest);
        let header: ItemHeader = serde_json::from_slice(header).expect("an item's header");
        let (payload, after) = match header.length {
            Some(length) => after.split_at(length),
            None => line(after),
        };
        rest = after.strip_prefix(b"\n").unwrap_or(after);
        if header.kind == "transaction" {
            let transaction: Transaction = serde_json::from_slice(payload).expect("a transaction");
            let root = transaction.contexts.trace;
            spans.extend(transaction.spans.iter().chain([&root]).map(id));
        }
    }
}

/// The first line without its end, and what comes after it.
fn line(text: &[u8]) -> (&[u8], &[u8]) {
    match text.iter().position(|byte| *byte == b'\n') {
        Some(at) => (&text[..at], &text[at + 1..]),
        None => (text, &[]),
    }
}

fn id(span: &Span) -> u64 {
    u64::from_str_radix(&span.span_id, 16).expect("16 hexadecimal digits")
}
