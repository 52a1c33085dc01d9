//! From spans in any order to whole segments.
//!
//! A segment is what one process did in a trace: a local root and everything below it. A span is a
//! local root if it has no parent or a remote one; its kind decides nothing (rules SEG-1, SEG-2).
//! [`SegmentBuffer`] holds what waits for its root. It has no clock and no lock: the time comes in.

mod batch;
mod buffer;
mod sent;
mod size;
mod split;
mod trace;
mod whole;

use std::collections::{HashMap, HashSet};

use foldhash::fast::RandomState;
use opentelemetry::trace::SpanId;
use opentelemetry_sdk::trace::SpanData;

pub(crate) use batch::Batch;
pub(crate) use buffer::Bounds;
pub use buffer::{Ingested, SegmentBuffer};

/// Maps and sets of ids, which are random already and need no slow hash.
pub(crate) type IdMap<K, V> = HashMap<K, V, RandomState>;
pub(crate) type IdSet<K> = HashSet<K, RandomState>;

/// A local root and the spans below it, or what stands in for that.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Segment {
    /// The spans: the root first, then every other one after its parent.
    pub spans: Vec<SpanData>,
    /// What makes the first span the root.
    pub kind: SegmentKind,
    /// Which part of a segment this is, if it was too large for one transaction.
    pub part: Option<Part>,
    /// The spans whose errors have left before.
    pub(crate) told: Vec<SpanId>,
    /// What failed below these spans and has left before, spans and all.
    pub(crate) failed_below: Vec<FailedBelow>,
    /// What its spans took in memory when they came, in bytes.
    pub(crate) bytes: usize,
}

/// Something that failed below a span, and left before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FailedBelow {
    pub(crate) span: SpanId,
    /// By which it is told from other errors; nothing where there was only a status.
    pub(crate) error: Option<ErrorMark>,
}

/// The hash of what an error says, and that of its frames, if there are any.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ErrorMark {
    pub(crate) said: u64,
    pub(crate) stack: Option<u64>,
    pub(crate) is_fatal: bool,
}

/// What makes the first span of a segment its root.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SegmentKind {
    /// It has no parent, or a remote one.
    Root,
    /// Its parent was part of a segment that had left before (rule SEG-4).
    Late,
    /// Its parent did not come in time (rule SEG-5).
    Orphan,
}

/// The place of a part among the parts of a segment that was too large for one transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Part {
    /// The root of the whole segment.
    pub root: SpanId,
    /// The number of this part, from 1 on; the part with the root itself is number 1.
    pub number: usize,
    /// How many parts there are.
    pub of: usize,
}

impl Segment {
    fn new(spans: Vec<SpanData>, kind: SegmentKind, bytes: usize) -> Self {
        Self { spans, kind, part: None, told: Vec::new(), failed_below: Vec::new(), bytes }
    }

    /// A span that stands for a whole segment.
    pub(crate) fn of(span: SpanData) -> Self {
        let bytes = size::heap_bytes(&span);
        Self::new(vec![span], SegmentKind::Root, bytes)
    }

    /// The segment as it is, or in parts that one transaction each can hold.
    pub(crate) fn in_parts(mut self, max_spans: usize) -> impl Iterator<Item = Self> {
        let parts = split::divide(&mut self, max_spans);
        let whole = parts.is_none().then_some(self);
        whole.into_iter().chain(parts.into_iter().flatten())
    }

    /// The span that names the segment; absent only in a segment without any span.
    pub fn root(&self) -> Option<&SpanData> {
        self.spans.first()
    }
}

/// Whether a span has no parent in this process.
pub(crate) fn is_local_root(span: &SpanData) -> bool {
    span.parent_span_id == SpanId::INVALID || span.parent_span_is_remote
}
