use std::cell::Cell;

use opentelemetry::Context;
use opentelemetry::trace::{SpanContext, TraceContextExt};

struct ContextIsThere;

thread_local! {
    /// Whether this thread was asked for its span before.
    static IS_ASKED: Cell<bool> = const { Cell::new(false) };
    /// It is gone before the context of its thread is, because `std` drops the newest first.
    static CONTEXT: ContextIsThere = {
        Context::map_current(|_| ());
        IS_ASKED.set(true);
        ContextIsThere
    };
}

impl Drop for ContextIsThere {
    /// That there is one makes the thread drop it.
    fn drop(&mut self) {}
}

/// The span that is active on this thread, invalid if there is none. It is asked for nothing but
/// its ids, because a panic may have begun while it was locked.
///
/// A thread that ends drops its context, and OpenTelemetry panics when it is asked for it then,
/// which in a hook aborts the process. A thread that was asked before cannot get there.
pub(crate) fn active_span() -> SpanContext {
    match CONTEXT.try_with(|_| ()) {
        Ok(()) => Context::map_current(|context| context.span().span_context().clone()),
        Err(_) => SpanContext::NONE,
    }
}

/// Whether asking this thread cannot end the process.
#[cfg(feature = "panic")]
pub(crate) fn is_asked() -> bool {
    IS_ASKED.get()
}
