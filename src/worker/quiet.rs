use opentelemetry::{Context, ContextGuard};
use tracing_core::dispatcher::{self, DefaultGuard, Dispatch};

/// Keeps the telemetry of a thread from being recorded, so that exporting makes nothing to export.
///
/// OpenTelemetry's own suppression does not reach spans of `tracing` that begin a trace of their
/// own, as those of HTTP/2 connections do; a dispatcher that hears nothing does.
#[derive(Debug)]
pub(crate) struct Quiet {
    silence: Option<DefaultGuard>,
    _suppressed: ContextGuard,
}

impl Quiet {
    pub(crate) fn new() -> Self {
        Self { silence: Some(silence()), _suppressed: Context::enter_telemetry_suppressed_scope() }
    }

    /// Lets `say` be heard by the subscriber of the application.
    pub(super) fn speak(&mut self, say: impl FnOnce()) {
        self.silence = None;
        // A subscriber that panics must not end the thread.
        let _ = std::panic::catch_unwind(std::panic::AssertUnwindSafe(say));
        self.silence = Some(silence());
    }
}

fn silence() -> DefaultGuard {
    dispatcher::set_default(&Dispatch::none())
}
