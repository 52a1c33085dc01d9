//! The server as the process with the exporter sees it.

use std::fmt;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};

use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};
use tracing_subscriber::registry::LookupSpan;

use super::balance::Sums;
use super::mood::Mood;

/// The argument that makes this program the server.
pub const SERVE: &str = "--serve";

pub struct Remote {
    process: Child,
    said: BufReader<ChildStdout>,
    orders: Orders,
    dsn: String,
}

/// The way to the server, a line for each order.
#[derive(Clone)]
struct Orders(Arc<Mutex<ChildStdin>>);

/// Tells the server of each answer that the exporter says it got.
struct Listener(Orders);

#[derive(Default)]
struct Answered {
    event_id: String,
    status: u64,
}

impl Remote {
    pub fn start() -> Self {
        let program = std::env::current_exe().expect("this program");
        let mut command = Command::new(program);
        command.arg(SERVE).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = command.spawn().expect("the server");
        let mut said = BufReader::new(process.stdout.take().expect("its output"));
        let orders = Orders(Arc::new(Mutex::new(process.stdin.take().expect("its input"))));
        let mut dsn = String::new();
        said.read_line(&mut dsn).expect("the DSN");
        Self { process, said, orders, dsn: dsn.trim().to_owned() }
    }

    pub fn dsn(&self) -> &str {
        &self.dsn
    }

    pub fn change(&self, mood: Mood) {
        self.orders.give(format_args!("mood {mood:?}"));
    }

    pub fn listener(&self) -> impl Subscriber + Send + Sync + use<> {
        tracing_subscriber::registry().with(Listener(self.orders.clone()))
    }

    /// Has the books compared; tells whether they agree.
    pub fn end(mut self, sums: Sums) -> bool {
        self.orders.give(format_args!("end {sums}"));
        for line in self.said.lines() {
            println!("{}", line.expect("a text"));
        }
        self.process.wait().expect("the end of the server").success()
    }
}

impl Orders {
    fn give(&self, order: fmt::Arguments<'_>) {
        let mut input = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        writeln!(input, "{order}").expect("the server lives");
    }
}

impl<S: Subscriber + for<'span> LookupSpan<'span>> Layer<S> for Listener {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        if event.metadata().name() == "SentryExporter.Answered" {
            let mut answered = Answered::default();
            event.record(&mut answered);
            let Answered { event_id, status } = answered;
            // A report that travels alone has no id.
            if !event_id.is_empty() {
                self.0.give(format_args!("seen {event_id} {status}"));
            }
        }
    }
}

impl Visit for Answered {
    fn record_u64(&mut self, field: &Field, value: u64) {
        if field.name() == "status" {
            self.status = value;
        }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "event_id" {
            self.event_id = value.to_owned();
        }
    }

    fn record_debug(&mut self, _: &Field, _: &dyn fmt::Debug) {}
}
