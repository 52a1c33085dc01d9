//! A function as a service: what happened is sent before the platform freezes the process.
//!
//! ```sh
//! cargo run --example lambda
//! ```
//!
//! A platform such as AWS Lambda stops a process as soon as it has answered, lets it go on for the
//! next event, and kills it in the end without a word. The example is both: it starts itself as the
//! function, and stops, continues and kills that. The function calls `flush` before each answer;
//! its spans go by the simple processor, which keeps nothing that a flush would have to wait for.
//! Without a DSN the example receives what the function sends and shows:
//!
//! ```text
//! resized; transactions: 1
//! cannot resize that; transactions: 2
//! resized; transactions: 3
//! ▸ http resize cat.png                                        ok
//! ▸ http resize letter.txt                                     invalid_argument
//!       ! Error: a text has no size
//! ▸ http resize dog.png                                        ok
//! ```

mod common;

use std::io::{self, BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::Duration;
use std::{env, fmt::Write as _};

use opentelemetry::KeyValue;
use opentelemetry::trace::{Span, SpanKind, Status, Tracer, TracerProvider};
use opentelemetry_sdk::trace::{SdkTracer, SdkTracerProvider};
use opentelemetry_sentry::SentrySpanExporter;

use crate::common::{Project, Result, process::signal};

/// The process of the function, which is killed however the platform ends.
struct Function(Child);

impl Drop for Function {
    fn drop(&mut self) {
        // One that was stopped would stay for ever.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn main() -> Result {
    if env::args().nth(1).is_some_and(|role| role == "function") { function() } else { platform() }
}

/// What an application has.
fn function() -> Result {
    let exporter = SentrySpanExporter::from_env()?;
    let provider = SdkTracerProvider::builder().with_simple_exporter(exporter.clone()).build();
    let tracer = provider.tracer("resize");
    for event in io::stdin().lines() {
        let answer = handle(&tracer, &event?);
        // Shorter than what the platform allows, so that the answer still comes.
        if let Err(error) = exporter.flush(Duration::from_secs(2)) {
            eprintln!("what happened is sent after the next event: {error}");
        }
        println!("{answer}");
    }
    Ok(())
}

fn handle(tracer: &SdkTracer, event: &str) -> &'static str {
    let builder = tracer.span_builder(format!("resize {event}")).with_kind(SpanKind::Server);
    let attributes = [("faas.trigger", "http"), ("faas.name", "resize")];
    let attributes = attributes.map(|(key, value)| KeyValue::new(key, value));
    let mut span = tracer.build(builder.with_attributes(attributes));
    if event.ends_with(".txt") {
        span.record_error(&io::Error::other("a text has no size"));
        span.set_status(Status::error("invalid_argument"));
        return "cannot resize that";
    }
    "resized"
}

fn platform() -> Result {
    let project = Project::open()?;
    let mut command = Command::new(env::current_exe()?);
    command.arg("function").env("SENTRY_DSN", project.dsn());
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut function = Function(command.spawn()?);
    let mut events = function.0.stdin.take().ok_or("no stdin")?;
    let mut answers = BufReader::new(function.0.stdout.take().ok_or("no stdout")?).lines();
    let mut said = String::new();
    for event in ["cat.png", "letter.txt", "dog.png"] {
        writeln!(events, "{event}")?;
        let answer = answers.next().ok_or("the function has gone")??;
        signal("STOP", function.0.id())?;
        writeln!(said, "{answer}; transactions: {}", project.transactions())?;
        sleep(Duration::from_millis(100));
        signal("CONT", function.0.id())?;
    }
    drop(function);
    project.compare_with(&said, include_str!("lambda.rs"))
}
