//! A worker that takes messages from a queue: whose trace its spans are in, and when they are sent.
//!
//! ```sh
//! cargo run --example worker
//! SENTRY_DSN=https://… cargo run --example worker
//! ```
//!
//! Each message is processed in a span of its own, a child of the one that published it and linked
//! to the poll that brought it: so it is a transaction in the trace of the order, sent as soon as it
//! ends. The span of the worker itself lives as long as the process; what is below it, here the
//! poll, waits for it. Without a DSN the example receives what it sends and shows:
//!
//! ```text
//! 3 transactions while the worker lives, 4 in the end
//! ▸ POST /orders                                               ok
//!   queue.publish orders                                       ok
//!     ▸ queue.process process                                  ok
//!           → queue.receive orders
//!   queue.publish orders                                       ok
//!     ▸ queue.process process                                  internal_error
//!           → queue.receive orders
//!           ! Error: caviar is sold out
//! ▸ worker                                                     ok
//!   queue.receive orders                                       ok
//!       → queue.publish orders
//!       → queue.publish orders
//! ```

mod common;

use std::collections::HashMap;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;
use std::{io, iter};

use opentelemetry::propagation::TextMapPropagator;
use opentelemetry::trace::{Link, SpanBuilder, SpanContext, SpanKind, Status};
use opentelemetry::trace::{TraceContextExt, Tracer, TracerProvider, mark_span_as_active};
use opentelemetry::{Context, KeyValue};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{SdkTracer, SdkTracerProvider};
use opentelemetry_sentry::{SentryPropagator, SentrySpanExporter};

use crate::common::{Project, Result};

struct Message {
    headers: HashMap<String, String>,
    product: &'static str,
}

struct App {
    tracer: SdkTracer,
    propagator: SentryPropagator,
}

fn main() -> Result {
    let project = Project::open()?;
    let exporter = SentrySpanExporter::builder().with_dsn(project.dsn()).build()?;
    let provider = SdkTracerProvider::builder()
        .with_resource(Resource::builder().with_service_name("shop").build())
        .with_batch_exporter(exporter.clone())
        .build();
    let app = App { tracer: provider.tracer("shop"), propagator: exporter.propagator() };
    let (sender, queue) = channel();
    app.take_order(&sender)?;
    drop(sender);

    let life = mark_span_as_active(app.tracer.start("worker"));
    app.work(&queue);
    provider.force_flush()?;
    exporter.flush(Duration::from_secs(5))?;
    let early = project.transactions();
    drop(life);
    provider.shutdown()?;
    let late = project.transactions();
    let said = format!("{early} transactions while the worker lives, {late} in the end\n");
    project.compare_with(&said, include_str!("worker.rs"))
}

impl App {
    /// Another service, usually: what it sends along makes this trace go on in the worker.
    fn take_order(&self, queue: &Sender<Message>) -> Result {
        let _order = mark_span_as_active(self.tracer.start("POST /orders"));
        for product in ["tea", "caviar"] {
            let publish = span("publish", "send", SpanKind::Producer).start(&self.tracer);
            let context = Context::current_with_span(publish);
            let mut headers = HashMap::new();
            self.propagator.inject_context(&context, &mut headers);
            queue.send(Message { headers, product })?;
        }
        Ok(())
    }

    fn work(&self, queue: &Receiver<Message>) {
        while let Ok(first) = queue.recv() {
            let batch: Vec<Message> = iter::once(first).chain(queue.try_iter()).collect();
            let callers: Vec<Context> =
                batch.iter().map(|it| self.propagator.extract(&it.headers)).collect();
            let links = callers.iter().map(|it| link(it.span().span_context())).collect();
            let poll = span("poll", "receive", SpanKind::Client).with_links(links);
            let poll = self.tracer.build_with_context(poll, &Context::current());
            let poll = Context::current_with_span(poll);
            for (message, caller) in batch.iter().zip(callers) {
                self.process(message, &caller, link(poll.span().span_context()));
            }
        }
    }

    fn process(&self, message: &Message, caller: &Context, poll: Link) {
        let span = span("process", "process", SpanKind::Consumer).with_links(vec![poll]);
        let context = caller.with_span(self.tracer.build_with_context(span, caller));
        if message.product == "caviar" {
            context.span().record_error(&io::Error::other("caviar is sold out"));
            context.span().set_status(Status::error("not delivered"));
        }
    }
}

fn span(name: &'static str, operation: &'static str, kind: SpanKind) -> SpanBuilder {
    SpanBuilder::from_name(name).with_kind(kind).with_attributes([
        KeyValue::new("messaging.system", "rabbitmq"),
        KeyValue::new("messaging.operation.type", operation),
        KeyValue::new("messaging.destination.name", "orders"),
    ])
}

fn link(context: &SpanContext) -> Link {
    Link::with_context(context.clone())
}
