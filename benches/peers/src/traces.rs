//! The same trace for either version of OpenTelemetry.

/// A request with 19 queries below it.
macro_rules! trace {
    ($name:ident, $opentelemetry:ident, $sdk:ident) => {
        pub fn $name(tracer: &$sdk::trace::SdkTracer) {
            use $opentelemetry::trace::{Span, SpanKind, TraceContextExt, Tracer};
            use $opentelemetry::{Context, KeyValue};

            let root = tracer
                .span_builder("GET /users/{id}")
                .with_kind(SpanKind::Server)
                .with_attributes([
                    KeyValue::new("http.request.method", "GET"),
                    KeyValue::new("http.route", "/users/{id}"),
                    KeyValue::new("url.path", "/users/7"),
                    KeyValue::new("http.response.status_code", 200),
                ])
                .start(tracer);
            let root = Context::new().with_span(root);
            for _ in 1..crate::load::SPANS_PER_TRACE {
                let mut child = tracer
                    .span_builder("SELECT users")
                    .with_kind(SpanKind::Client)
                    .with_attributes([
                        KeyValue::new("db.system.name", "postgresql"),
                        KeyValue::new("db.query.text", "SELECT name FROM users WHERE id = $1"),
                        KeyValue::new("server.address", "db.internal"),
                    ])
                    .start_with_context(tracer, &root);
                child.end();
            }
            root.span().end();
        }
    };
}

trace!(trace, opentelemetry, opentelemetry_sdk);
trace!(trace_0_32, opentelemetry_0_32, opentelemetry_sdk_0_32);
