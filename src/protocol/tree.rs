use std::collections::HashMap;

use opentelemetry::trace::SpanId;

use super::{Span, Transaction};

impl Transaction {
    /// Keeps the spans for which `keep` says yes, which it may change, and gives the ids of the
    /// others.
    ///
    /// What stood below a span that is left out then stands below the span that this one stood
    /// below, over any number of levels. The root is none of these spans and always stays.
    pub fn retain_spans(&mut self, mut keep: impl FnMut(&mut Span) -> bool) -> Vec<SpanId> {
        let mut gone: HashMap<SpanId, Option<SpanId>> = HashMap::new();
        let mut ids = Vec::new();
        self.spans.retain_mut(|span| {
            let (id, parent) = (span.span_id, span.parent_span_id);
            let is_kept = keep(span);
            if !is_kept {
                gone.insert(id, parent);
                ids.push(id);
            }
            is_kept
        });
        if ids.is_empty() {
            return ids;
        }
        let root = self.trace.span_id;
        for span in &mut self.spans {
            if let Some(parent) = span.parent_span_id {
                span.parent_span_id = Some(above(parent, &gone).unwrap_or(root));
            }
        }
        ids
    }

    /// Cuts off all spans but the first ones, as [`retain_spans`](Self::retain_spans) leaves spans
    /// out.
    pub(crate) fn truncate_spans(&mut self, len: usize) {
        let mut room = len;
        self.retain_spans(|_| {
            let is_kept = room > 0;
            room = room.saturating_sub(1);
            is_kept
        });
    }
}

/// The next id upwards that is not gone; none if there is none or if parents form a circle.
fn above(parent: SpanId, gone: &HashMap<SpanId, Option<SpanId>>) -> Option<SpanId> {
    let ids = std::iter::successors(Some(parent), |id| gone.get(id).copied().flatten());
    ids.take(gone.len().saturating_add(1)).find(|id| !gone.contains_key(id))
}
