//! `sentry` with its OpenTelemetry processor, set up as its documentation says.

use opentelemetry_0_32::global;
use opentelemetry_0_32::trace::TracerProvider;
use opentelemetry_sdk_0_32::trace::{SdkTracer, SdkTracerProvider};
use sentry::integrations::opentelemetry::{SentryPropagator, SentrySpanProcessor};
use sentry::{ClientInitGuard, ClientOptions};

use crate::load::{Exporter, LIMIT};
use crate::traces;
use crate::web::{self, Web};

pub struct Sentry {
    client: ClientInitGuard,
    provider: SdkTracerProvider,
    tracer: SdkTracer,
}

impl Sentry {
    pub fn start(address: &str) -> Self {
        let client =
            sentry::init((super::dsn(address), ClientOptions::new().traces_sample_rate(1.0)));
        global::set_text_map_propagator(SentryPropagator::new());
        let provider =
            SdkTracerProvider::builder().with_span_processor(SentrySpanProcessor::new()).build();
        global::set_tracer_provider(provider.clone());
        let tracer = provider.tracer("bench");
        Self { client, provider, tracer }
    }
}

impl Exporter for Sentry {
    fn trace(&self) {
        traces::trace_0_32(&self.tracer);
    }

    fn web(&self, trace: &Web) {
        web::web_0_32(&self.tracer, trace);
    }

    // The processor's own flush and shutdown do nothing; the client's are the ones that wait.
    fn flush(&self) {
        self.client.flush(Some(LIMIT));
    }

    fn shutdown(&self) {
        self.provider.shutdown_with_timeout(LIMIT).ok();
        self.client.close(Some(LIMIT));
    }
}
