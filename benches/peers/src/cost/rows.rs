//! The rows of the table.

/// An exporter, and what it is measured by.
#[derive(Debug)]
pub struct Row {
    /// What [`exporters::start`](crate::exporters::start) knows it by.
    pub name: &'static str,
    /// The same process without an exporter.
    pub base: &'static str,
    /// The least possible.
    pub ideal: Option<&'static str>,
    /// How many traces fit into its queue, if fewer than a window.
    pub traces: Option<u64>,
    /// Whether it sends.
    pub sends: bool,
}

/// Half of what the queue of the client holds; an error may come with each transaction.
const SENTRY_TRACES: u64 = 10;

pub const ROWS: [Row; 17] = [
    Row { sends: false, ..row("none") },
    row("opentelemetry-otlp"),
    row("opentelemetry-otlp, gzip"),
    row("opentelemetry-otlp, zstd"),
    Row { traces: Some(SENTRY_TRACES), ..row("sentry").beside("ideal, serde") },
    Row { base: "none, tracing", sends: false, ..row("none, tracing") },
    Row {
        base: "none, tracing",
        traces: Some(SENTRY_TRACES),
        ..row("sentry, tracing").beside("ideal, serde")
    },
    row("ideal, serde"),
    row("ideal"),
    row("ideal, gzip 1"),
    row("ideal, gzip 1, filled"),
    row("ideal, gzip 6"),
    row("ideal, zstd 1"),
    row("ideal, gzip 1, events"),
    row("opentelemetry-sentry").beside("ideal, gzip 1"),
    row("opentelemetry-sentry, plain").beside("ideal, serde"),
    Row { sends: false, ..row("opentelemetry-sentry, no HTTP").beside("ideal, gzip 1") },
];

const fn row(name: &'static str) -> Row {
    Row { name, base: "none", ideal: None, traces: None, sends: true }
}

impl Row {
    const fn beside(mut self, ideal: &'static str) -> Self {
        self.ideal = Some(ideal);
        self
    }
}
