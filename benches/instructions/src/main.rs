//! Does one part of the exporter's work with so many spans, for a counter of instructions.
//!
//! `run` beside this package counts and compares. What is made for a part is made by the parts
//! before it as well, so that the difference of two parts is the work of one.

#[path = "../../traces/mod.rs"]
mod traces;

use std::env;
use std::hint::black_box;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use flate2::{Compress, Compression, FlushCompress};
use opentelemetry::KeyValue;
use opentelemetry::trace::{Event, Status as SpanStatus};
use opentelemetry_sdk::trace::{SpanData, SpanExporter};
use opentelemetry_sentry::SentrySpanExporter;
use opentelemetry_sentry::mapping::Mapper;
use opentelemetry_sentry::segment::SegmentBuffer;
use opentelemetry_sentry::transport::{Transport, TransportError};

const SPANS_PER_TRACE: u64 = 20;
const TRACES_PER_BATCH: u64 = 25;
const SPANS_PER_BATCH: u64 = SPANS_PER_TRACE * TRACES_PER_BATCH;

fn main() {
    let arguments: Vec<_> = env::args().skip(1).collect();
    let [part, spans] = arguments.as_slice() else {
        eprintln!("wants a part and a number of spans; see `run`");
        std::process::exit(2);
    };
    let spans: u64 = spans.parse().expect("a number of spans");
    let batches = (0..spans / SPANS_PER_BATCH).map(|number| batch(number, false));
    let failing = (0..spans / SPANS_PER_BATCH).map(|number| batch(number, true));
    match part.as_str() {
        "spans" => batches.for_each(|batch| drop(black_box(batch))),
        "segments" => segments(batches),
        "mapping" => map(batches, |_| ()),
        "json" => map(batches, |json| drop(black_box(json()))),
        "json-gzip" => {
            let (mut gzip, mut room) = (Compress::new(Compression::fast(), false), Vec::new());
            map(batches, |json| drop(black_box(deflate(&mut gzip, &mut room, &json()))));
        }
        "export" => export(batches),
        "failing-spans" => failing.for_each(|batch| drop(black_box(batch))),
        "failing-mapping" => map(failing, |_| ()),
        "failing-export" => export(failing),
        other => panic!("there is no part `{other}`"),
    }
}

/// Complete traces, of which one span in each has failed if they shall.
fn batch(number: u64, fails: bool) -> Vec<SpanData> {
    let first = number * TRACES_PER_BATCH;
    let traces = (first..first + TRACES_PER_BATCH).map(|number| {
        let mut spans = traces::trace(number.into(), SPANS_PER_TRACE);
        if fails && let Some(span) = spans.first_mut() {
            fail(span, number);
        }
        spans
    });
    traces.flatten().collect()
}

/// Records an exception with a stack trace of 2 KB.
fn fail(span: &mut SpanData, number: u64) {
    let frame = |at: u32| {
        format!(
            "{at:>4}: shop::orders::stage_{at}::handle::{{{{closure}}}}\n\
             \x20            at ./src/orders/stage_{at}.rs:{}:{}\n",
            at * 7 + 12,
            at % 5 + 9
        )
    };
    let stack: String = (0..22).map(frame).collect();
    let attributes = vec![
        KeyValue::new("exception.type", "shop::orders::PoolError"),
        KeyValue::new("exception.message", format!("no connection for order {number}")),
        KeyValue::new("exception.stacktrace", stack),
    ];
    span.events.events.push(Event::new("exception", span.end_time, attributes, 0));
    span.status = SpanStatus::error("no connection");
}

fn segments(batches: impl Iterator<Item = Vec<SpanData>>) {
    let mut buffer = SegmentBuffer::new();
    for (at, batch) in batches.enumerate() {
        let segments = buffer.ingest(batch, Duration::from_millis(at as u64)).segments;
        assert_eq!(segments.len() as u64, TRACES_PER_BATCH);
        drop(black_box(segments));
    }
}

/// Maps one trace after the other; JSON is written only if it is asked for.
fn map(batches: impl Iterator<Item = Vec<SpanData>>, mut then: impl FnMut(&dyn Fn() -> Vec<u8>)) {
    let mapper = Mapper::new();
    for batch in batches {
        let mut spans = batch.into_iter();
        for _ in 0..TRACES_PER_BATCH {
            let trace = spans.by_ref().take(SPANS_PER_TRACE as usize).collect();
            for mapped in mapper.map(trace) {
                then(&|| mapped.transaction.to_json().expect("JSON"));
                black_box(mapped);
            }
        }
    }
}

fn deflate(gzip: &mut Compress, room: &mut Vec<u8>, json: &[u8]) -> Vec<u8> {
    room.resize(room.len().max(json.len() + json.len() / 8 + 100), 0);
    let before = (gzip.total_in(), gzip.total_out());
    gzip.compress(json, room, FlushCompress::Full).expect("blocks");
    assert_eq!(gzip.total_in() - before.0, json.len() as u64, "all of it is read");
    let written = (gzip.total_out() - before.1) as usize;
    assert!(written < room.len(), "and written");
    room[..written].to_vec()
}

/// All that the exporter does, but for HTTP.
fn export(batches: impl Iterator<Item = Vec<SpanData>>) {
    let exporter = SentrySpanExporter::builder()
        .with_dsn("https://0123456789abcdef0123456789abcdef@sentry.invalid/42")
        .with_transport(Nowhere)
        .build()
        .expect("an exporter");
    let mut spans = 0;
    for mut batch in batches {
        // Old spans are not sent.
        let now = SystemTime::now();
        for span in &mut batch {
            (span.start_time, span.end_time) = (now - Duration::from_millis(5), now);
        }
        spans += batch.len() as u64;
        let exported = pin!(exporter.export(batch));
        let exported = exported.poll(&mut Context::from_waker(Waker::noop()));
        assert!(matches!(exported, Poll::Ready(Ok(()))), "{exported:?}");
        exporter.flush(Duration::from_secs(60)).expect("an end");
    }
    assert_eq!(exporter.stats().spans_delivered, spans);
    exporter.shutdown().expect("an end");
}

/// Takes everything and sends nothing.
#[derive(Debug)]
struct Nowhere;

#[async_trait::async_trait]
impl Transport for Nowhere {
    async fn send(&self, _: http::Request<Bytes>) -> Result<http::Response<Bytes>, TransportError> {
        Ok(http::Response::new(Bytes::from_static(b"{}")))
    }
}
