//! Traces as instrumentation of a web service writes them: 6 to 10 attributes for each span.

use std::sync::LazyLock;

/// Which trace to make.
#[derive(Clone, Copy, Debug)]
pub struct Web {
    /// How many spans it has.
    pub spans: u64,
    /// The number of its first span among all spans of the process.
    pub first: u64,
    /// Every which span has an exception; none if it is zero.
    pub exception_every: u64,
}

impl Web {
    /// Whether the span of that place in the trace has an exception.
    pub fn fails(&self, place: u64) -> bool {
        let number = self.first + place;
        self.exception_every > 0 && number % self.exception_every == self.exception_every / 2
    }
}

/// What `std::backtrace` writes for a stack of 22 frames.
pub static STACK: LazyLock<String> = LazyLock::new(|| {
    let frame = |at: u32| {
        format!(
            "{at:>4}: shop::orders::stage_{at}::handle::{{{{closure}}}}\n\
             \x20            at ./src/orders/stage_{at}.rs:{}:{}\n",
            at * 7 + 12,
            at % 5 + 9
        )
    };
    (0..22).map(frame).collect()
});

/// The same trace for either version of OpenTelemetry.
macro_rules! web {
    ($name:ident, $opentelemetry:ident, $sdk:ident) => {
        pub fn $name(tracer: &$sdk::trace::SdkTracer, web: &Web) {
            use $opentelemetry::trace::{Span, SpanKind, Status, TraceContextExt, Tracer};
            use $opentelemetry::{Context, KeyValue};

            let exception = |number: u64| {
                vec![
                    KeyValue::new("exception.type", "shop::orders::PoolError"),
                    KeyValue::new("exception.message", format!("no connection for order {number}")),
                    KeyValue::new("exception.stacktrace", STACK.clone()),
                ]
            };
            let number = web.first;
            let mut root = tracer
                .span_builder("GET /orders/{id}")
                .with_kind(SpanKind::Server)
                .with_attributes([
                    KeyValue::new("http.request.method", "GET"),
                    KeyValue::new("http.route", "/orders/{id}"),
                    KeyValue::new("url.scheme", "https"),
                    KeyValue::new("url.path", format!("/orders/{number}")),
                    KeyValue::new("server.address", "shop.example.com"),
                    KeyValue::new(
                        "user_agent.original",
                        "Mozilla/5.0 (X11; Linux x86_64) Gecko/20100101".to_owned(),
                    ),
                    KeyValue::new("http.response.status_code", 200),
                    KeyValue::new("network.protocol.version", "1.1"),
                    KeyValue::new("order.id", number as i64),
                ])
                .start(tracer);
            if web.fails(web.spans - 1) {
                root.add_event("exception", exception(number));
                root.set_status(Status::error("no connection"));
            }
            let root = Context::new().with_span(root);
            for place in 0..web.spans - 1 {
                let number = web.first + place;
                let child = match place % 3 {
                    0 => tracer
                        .span_builder("SELECT orders")
                        .with_kind(SpanKind::Client)
                        .with_attributes([
                            KeyValue::new("db.system.name", "postgresql"),
                            KeyValue::new("db.namespace", "shop"),
                            KeyValue::new("db.operation.name", "SELECT"),
                            KeyValue::new("db.collection.name", "orders"),
                            KeyValue::new(
                                "db.query.text",
                                "SELECT id, state FROM orders WHERE customer = $1 AND state <> $2",
                            ),
                            KeyValue::new("server.address", "db.internal"),
                            KeyValue::new("server.port", 5432),
                        ]),
                    1 => tracer.span_builder("GET").with_kind(SpanKind::Client).with_attributes([
                        KeyValue::new("http.request.method", "GET"),
                        KeyValue::new(
                            "url.full",
                            format!("https://stock.example.com/items/{number}"),
                        ),
                        KeyValue::new("server.address", "stock.example.com"),
                        KeyValue::new("server.port", 443),
                        KeyValue::new("http.response.status_code", 200),
                        KeyValue::new("network.protocol.version", "1.1"),
                    ]),
                    _ => tracer
                        .span_builder("price_order")
                        .with_kind(SpanKind::Internal)
                        .with_attributes([
                            KeyValue::new("code.function.name", "shop::orders::price_order"),
                            KeyValue::new("code.file.path", "src/orders.rs"),
                            KeyValue::new("code.line.number", 42),
                            KeyValue::new("thread.id", 7),
                            KeyValue::new("thread.name", "tokio-runtime-worker"),
                            KeyValue::new("order.items", (number % 9) as i64),
                            KeyValue::new("order.currency", "EUR"),
                        ]),
                };
                let mut child = child.start_with_context(tracer, &root);
                if web.fails(place) {
                    child.add_event("exception", exception(number));
                    child.set_status(Status::error("no connection"));
                }
                child.end();
            }
            root.span().end();
        }
    };
}

web!(web, opentelemetry, opentelemetry_sdk);
web!(web_0_32, opentelemetry_0_32, opentelemetry_sdk_0_32);

/// The same trace by `tracing`, for what takes its spans without OpenTelemetry.
pub fn web_tracing(web: &Web) {
    let exception = |number: u64| {
        tracing::error!(
            exception.r#type = "shop::orders::PoolError",
            exception.stacktrace = STACK.as_str(),
            "no connection for order {number}"
        );
    };
    let number = web.first;
    let root = tracing::info_span!(
        "GET /orders/{id}",
        http.request.method = "GET",
        http.route = "/orders/{id}",
        url.scheme = "https",
        url.path = format!("/orders/{number}"),
        server.address = "shop.example.com",
        user_agent.original = "Mozilla/5.0 (X11; Linux x86_64) Gecko/20100101",
        http.response.status_code = 200,
        network.protocol.version = "1.1",
        order.id = number,
    );
    let root = root.entered();
    for place in 0..web.spans - 1 {
        let number = web.first + place;
        let child = match place % 3 {
            0 => tracing::info_span!(
                "SELECT orders",
                db.system.name = "postgresql",
                db.namespace = "shop",
                db.operation.name = "SELECT",
                db.collection.name = "orders",
                db.query.text = "SELECT id, state FROM orders WHERE customer = $1 AND state <> $2",
                server.address = "db.internal",
                server.port = 5432,
            ),
            1 => tracing::info_span!(
                "GET",
                http.request.method = "GET",
                url.full = format!("https://stock.example.com/items/{number}"),
                server.address = "stock.example.com",
                server.port = 443,
                http.response.status_code = 200,
                network.protocol.version = "1.1",
            ),
            _ => tracing::info_span!(
                "price_order",
                code.function.name = "shop::orders::price_order",
                code.file.path = "src/orders.rs",
                code.line.number = 42,
                thread.id = 7,
                thread.name = "tokio-runtime-worker",
                order.items = number % 9,
                order.currency = "EUR",
            ),
        };
        let _child = child.entered();
        if web.fails(place) {
            exception(number);
        }
    }
    if web.fails(web.spans - 1) {
        exception(number);
    }
    drop(root);
}
