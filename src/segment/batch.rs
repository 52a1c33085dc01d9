use std::vec;

use opentelemetry_sdk::trace::SpanData;

use super::size::heap_bytes;

/// Spans that came together, with what each of them takes in memory.
#[derive(Debug)]
pub(crate) struct Batch {
    spans: Vec<SpanData>,
    /// As many as there are spans.
    sizes: Vec<usize>,
}

impl Batch {
    pub(crate) fn of(spans: Vec<SpanData>) -> Self {
        let sizes = sizes(&spans);
        Self { spans, sizes }
    }

    pub(crate) fn spans(&self) -> &[SpanData] {
        &self.spans
    }

    /// What all of it takes in memory, in bytes.
    pub(crate) fn bytes(&self) -> usize {
        self.sizes.iter().copied().fold(0, usize::saturating_add)
    }

    /// Leaves out the spans that are meant; tells how many they are.
    pub(crate) fn leave_out(&mut self, is_meant: impl Fn(&SpanData) -> bool) -> usize {
        if !self.spans.iter().any(&is_meant) {
            return 0;
        }
        let all = self.spans.len();
        let spans = std::mem::take(&mut self.spans).into_iter().zip(self.sizes.drain(..));
        let (spans, sizes) = spans.filter(|(span, _)| !is_meant(span)).unzip();
        *self = Self { spans, sizes };
        all.saturating_sub(self.spans.len())
    }

    /// Changes the spans; what they take is looked at again if it was said that they changed.
    pub(crate) fn change(&mut self, change: impl FnOnce(&mut [SpanData]) -> bool) {
        if change(&mut self.spans) {
            self.sizes = sizes(&self.spans);
        }
    }

    /// The spans and what each takes, side by side.
    pub(super) fn into_sides(self) -> (vec::IntoIter<SpanData>, vec::IntoIter<usize>) {
        (self.spans.into_iter(), self.sizes.into_iter())
    }
}

fn sizes(spans: &[SpanData]) -> Vec<usize> {
    spans.iter().map(heap_bytes).collect()
}
