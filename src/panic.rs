use std::backtrace::Backtrace;
use std::panic::{self, PanicHookInfo};
use std::thread;
use std::time::{Duration, SystemTime};

use crate::active_span::{active_span, is_asked};
use crate::exporter::{SentrySpanExporter, WeakExporter};
use crate::mapping::{Panic, Place};
use crate::worker::is_own_thread;

/// Tells Sentry of panics, as fatal errors with a stack trace.
///
/// It takes the exporter because that has the DSN, the mapping and the thread that sends; there is
/// no global one. It does not keep the exporter alive, and says nothing any more after its end.
///
/// ```no_run
/// use opentelemetry_sdk::trace::SdkTracerProvider;
/// use opentelemetry_sentry::{PanicHook, SentrySpanExporter};
///
/// let exporter = SentrySpanExporter::from_env()?;
/// PanicHook::new(&exporter).install();
/// let provider = SdkTracerProvider::builder().with_batch_exporter(exporter).build();
/// # Ok::<(), opentelemetry_sentry::BuildError>(())
/// ```
///
/// # What a panic becomes
///
/// An error event of the span of OpenTelemetry that is active where the panic begins, with the
/// request, user, tags and breadcrumbs of its segment; that span gets an error status unless it has
/// a status. Where the span does not arrive within 15 seconds or before a
/// flush, is not sampled or is not there, the event comes without a transaction. Spans of `tracing` are active as long as the layer of
/// `tracing-opentelemetry` has its default `with_context_activation(true)`.
///
/// The event is exported to Sentry alone: spans that go elsewhere do not show it. It has the
/// message, the place and the name of the thread; neither arguments nor the environment.
///
/// # When the process ends
///
/// A panic that ends the process is sent at once, without its transaction, and waited for. These
/// are: with `panic = "abort"`; in a destructor while another panic unwinds, and wherever else a
/// panic cannot unwind; on the main thread outside of tasks of Tokio, whether or not the
/// application catches it. Where another hook ends the process, say so by
/// [`with_process_exit`](Self::with_process_exit). What else is still buffered in the provider is
/// only sent by its shutdown.
///
/// # What it cannot tell of
///
/// OpenTelemetry panics when it is asked for the active span of a thread that has dropped its
/// thread-locals, and that aborts the process. Where the first panic of a thread begins in the
/// destructor of a thread-local that is older than the context of OpenTelemetry, the process
/// therefore aborts, even if the destructor catches the panic. The hook that was there has printed
/// the message by then, unless `with_process_exit` is on; Sentry does not get it. A panic of a
/// subscriber of `tracing`, while OpenTelemetry tells it of trouble with that context, aborts the
/// process as well.
#[derive(Clone, Debug)]
#[must_use = "it does nothing until it is installed"]
pub struct PanicHook {
    exporter: SentrySpanExporter,
    settings: Settings,
}

#[derive(Clone, Copy, Debug)]
struct Settings {
    flush_timeout: Duration,
    exits: bool,
}

/// The hook at its place; when it is replaced, it may be installed again.
struct Installed {
    exporter: WeakExporter,
    settings: Settings,
}

/// What decides whether a process survives a panic.
#[derive(Clone, Copy, Debug)]
struct Moment {
    /// Panics do not unwind, or this one cannot.
    aborts: bool,
    /// Another hook ends the process.
    exits: bool,
    is_on_main: bool,
    /// Tokio catches the panics of its tasks.
    is_in_task: bool,
}

/// What `std` says before it aborts because of a panic that it has told of already.
const FOLLOWING: [&str; 2] =
    ["panic in a destructor during cleanup", "panic in a function that cannot unwind"];

impl PanicHook {
    /// How long a panic that ends the process waits for its delivery unless told otherwise.
    pub const DEFAULT_FLUSH_TIMEOUT: Duration = Duration::from_secs(2);

    /// A hook that is not installed yet.
    pub fn new(exporter: &SentrySpanExporter) -> Self {
        let settings = Settings { flush_timeout: Self::DEFAULT_FLUSH_TIMEOUT, exits: false };
        Self { exporter: exporter.clone(), settings }
    }

    /// How long a panic that ends the process waits for its delivery; by default 2 seconds.
    ///
    /// With zero it does not wait, and is lost where the process ends faster than it is sent.
    pub fn with_flush_timeout(mut self, timeout: Duration) -> Self {
        self.settings.flush_timeout = timeout;
        self
    }

    /// Whether every panic ends the process, because another hook does it; by default no.
    pub fn with_process_exit(mut self, exits: bool) -> Self {
        self.settings.exits = exits;
        self
    }

    /// Puts the hook in front of the one that is there, which runs as well.
    ///
    /// That one runs after it on the thread that calls this and, with
    /// [`with_process_exit`](Self::with_process_exit), on all; on others it runs before it at the
    /// first panic of the thread. Where Sentry's own SDK
    /// tells of panics as well (see `SentryIntegration`), it runs before it.
    ///
    /// Call it once, at the start of the program, and after everything else that installs a hook.
    /// It does nothing without a DSN, on a thread that panics, or if the exporter has such a hook
    /// already.
    pub fn install(self) {
        // On a thread that panics nobody may touch the hook.
        if !self.exporter.is_enabled() || thread::panicking() || !self.exporter.claim_panic_hook() {
            return;
        }
        // The main thread ends the process, so on it nothing may be open.
        let _ = active_span();
        let installed = Installed { exporter: self.exporter.weak(), settings: self.settings };
        let previous = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            let time = SystemTime::now();
            // Should asking for the span end the process, the message is at least printed.
            let may_abort = !installed.settings.exits && !is_asked();
            let comes_second = may_abort || installed.comes_second();
            if comes_second {
                previous(info);
            }
            installed.tell(info, time);
            if !comes_second {
                previous(info);
            }
        }));
    }
}

impl Installed {
    /// Whether the hook of Sentry's own SDK has to have told of the panic, so that it is known to
    /// be sent before a second copy is.
    fn comes_second(&self) -> bool {
        let hears = |exporter: SentrySpanExporter| exporter.registry().hears_panics();
        !self.settings.exits && self.exporter.upgrade().is_some_and(hears)
    }

    /// Hands the panic over.
    ///
    /// Whatever panics in here aborts the process, caught or not. So it does little: it asks the
    /// span for nothing but its ids, because the panic may have begun while the span was locked,
    /// and leaves the names in the backtrace to the thread of the exporter.
    fn tell(&self, info: &PanicHookInfo<'_>, time: SystemTime) {
        let thread = thread::current();
        if is_own_thread(thread.name()) {
            return;
        }
        let Some(exporter) = self.exporter.upgrade() else { return };
        let moment = Moment {
            // There is no stable way to ask for this but the text for debugging.
            aborts: cfg!(panic = "abort") || format!("{info:?}").contains("can_unwind: false"),
            exits: self.settings.exits,
            is_on_main: thread.name() == Some("main"),
            is_in_task: tokio::task::try_id().is_some(),
        };
        let message = message(info);
        if !(moment.aborts && FOLLOWING.contains(&message.as_str())) {
            exporter.tell_panic(Panic {
                span: active_span(),
                time,
                message,
                place: info.location().map(|place| Place {
                    file: place.file().to_owned(),
                    line: place.line(),
                    column: place.column(),
                }),
                thread: thread.name().map(str::to_owned),
                backtrace: Backtrace::force_capture(),
            });
        }
        if moment.is_fatal() {
            // There is nobody left to hear of a failure.
            let _ = exporter.flush(self.settings.flush_timeout);
        }
    }
}

impl Drop for Installed {
    fn drop(&mut self) {
        if let Some(exporter) = self.exporter.upgrade() {
            exporter.release_panic_hook();
        }
    }
}

impl Moment {
    fn is_fatal(self) -> bool {
        self.aborts || self.exits || (self.is_on_main && !self.is_in_task)
    }
}

fn message(info: &PanicHookInfo<'_>) -> String {
    let payload = info.payload();
    let text = payload.downcast_ref::<&str>().copied();
    let text = text.or_else(|| payload.downcast_ref::<String>().map(String::as_str));
    // As the hook of `std` says it.
    text.unwrap_or("Box<dyn Any>").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    const CAUGHT: Moment =
        Moment { aborts: false, exits: false, is_on_main: false, is_in_task: false };

    #[test]
    fn only_what_ends_the_process_is_waited_for() {
        assert!(!CAUGHT.is_fatal());
        assert!(!Moment { is_in_task: true, ..CAUGHT }.is_fatal());
        assert!(!Moment { is_on_main: true, is_in_task: true, ..CAUGHT }.is_fatal());
        assert!(Moment { is_on_main: true, ..CAUGHT }.is_fatal());
        assert!(Moment { aborts: true, is_in_task: true, ..CAUGHT }.is_fatal());
        assert!(Moment { exits: true, is_in_task: true, ..CAUGHT }.is_fatal());
    }
}
