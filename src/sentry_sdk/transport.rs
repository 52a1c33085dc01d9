use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use sentry_core::{Envelope, Transport, TransportFactory, TransportOptions};

use super::registry::Registry;

/// Makes transports of the SDK that tell which events were really sent.
pub(super) struct Telling<Factory> {
    pub(super) inner: Factory,
    pub(super) registry: Arc<Registry>,
    /// Told when the first one is made, which is before integrations are set up.
    pub(super) is_used: Arc<AtomicBool>,
}

struct TellingTransport {
    inner: Arc<dyn Transport>,
    registry: Arc<Registry>,
}

impl<Factory: TransportFactory> TransportFactory for Telling<Factory> {
    fn create_transport_with_options(&self, options: TransportOptions) -> Arc<dyn Transport> {
        self.is_used.store(true, Ordering::Release);
        let inner = self.inner.create_transport_with_options(options);
        Arc::new(TellingTransport { inner, registry: Arc::clone(&self.registry) })
    }
}

impl Transport for TellingTransport {
    fn send_envelope(&self, envelope: Envelope) {
        if let Some(event) = envelope.event() {
            self.registry.confirm(event.event_id);
        }
        self.inner.send_envelope(envelope);
    }

    fn flush(&self, timeout: Duration) -> bool {
        self.inner.flush(timeout)
    }

    fn shutdown(&self, timeout: Duration) -> bool {
        self.inner.shutdown(timeout)
    }
}
