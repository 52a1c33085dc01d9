//! What the envelopes say: spans and issues as Sentry would know them, put
//! together from transactions and error events.

use std::collections::BTreeMap;
use std::iter;

use serde_json::Value;

use super::envelope::Envelope;

/// Everything that arrived.
#[derive(Default)]
pub struct Arrivals {
    pub spans: Vec<Span>,
    pub issues: Vec<Issue>,
}

/// A span: the root of a transaction or one of its children.
pub struct Span {
    pub trace: String,
    pub id: String,
    pub parent: Option<String>,
    pub service: String,
    /// The name of the transaction that brought it.
    pub transaction: String,
    pub op: Option<String>,
    pub description: String,
    pub status: String,
    /// The ids of the spans that it links to.
    pub links: Vec<String>,
    /// Whether a transaction begins with it.
    pub is_root: bool,
    /// Seconds since 1970, as on the wire.
    pub start: f64,
    pub end: f64,
}

/// An error event.
pub struct Issue {
    /// The error first, then its causes.
    pub chain: Vec<String>,
    /// What was said when it was recorded.
    pub message: Option<String>,
    /// The place of the error first, `main` last.
    pub frames: Vec<Frame>,
    pub level: String,
    pub is_handled: bool,
    pub trace: String,
    pub span: String,
    pub time: f64,
}

pub struct Frame {
    pub function: String,
    pub location: String,
    pub in_app: bool,
}

impl Arrivals {
    pub fn read(envelopes: &[Envelope]) -> Result<Self, String> {
        let mut arrivals = Self::default();
        for item in envelopes.iter().flat_map(|envelope| &envelope.items) {
            match item.kind.as_str() {
                "transaction" => arrivals.add_transaction(&item.payload)?,
                "event" => arrivals.issues.push(Issue::read(&item.payload)?),
                _ => {}
            }
        }
        let Self { spans, issues } = &mut arrivals;
        spans.sort_by(|one, other| one.start.total_cmp(&other.start));
        issues.sort_by(|one, other| one.time.total_cmp(&other.time));
        Ok(arrivals)
    }

    /// The spans of each trace, parents in front of their children and
    /// siblings by their start. The number is the depth.
    pub fn traces(&self) -> Vec<Vec<(usize, &Span)>> {
        let mut order: Vec<&str> = Vec::new();
        let mut traces: BTreeMap<&str, Vec<&Span>> = BTreeMap::new();
        for span in &self.spans {
            let spans = traces.entry(&span.trace).or_insert_with(|| {
                order.push(&span.trace);
                Vec::new()
            });
            spans.push(span);
        }
        order.iter().map(|trace| tree(&traces[trace])).collect()
    }

    /// The span an issue was recorded on.
    pub fn span_of(&self, issue: &Issue) -> Option<&Span> {
        self.spans.iter().find(|span| span.trace == issue.trace && span.id == issue.span)
    }

    fn add_transaction(&mut self, transaction: &Value) -> Result<(), String> {
        let name = text(transaction, "/transaction")?;
        let service = text(transaction, "/contexts/otel/resource/service.name")?;
        let mut root = transaction["contexts"]["trace"].clone();
        root["description"] = transaction["transaction"].clone();
        root["start_timestamp"] = transaction["start_timestamp"].clone();
        root["timestamp"] = transaction["timestamp"].clone();
        let children = transaction["spans"].as_array().into_iter().flatten();
        for span in iter::once(&root).chain(children) {
            self.spans.push(Span {
                trace: text(span, "/trace_id")?,
                id: text(span, "/span_id")?,
                parent: text(span, "/parent_span_id").ok(),
                service: service.clone(),
                transaction: name.clone(),
                op: text(span, "/op").ok().filter(|op| op != "default"),
                description: text(span, "/description").unwrap_or_default(),
                status: text(span, "/status").unwrap_or_default(),
                links: links(span),
                is_root: std::ptr::eq(span, &root),
                start: seconds(span, "/start_timestamp")?,
                end: seconds(span, "/timestamp")?,
            });
        }
        Ok(())
    }
}

impl Span {
    pub fn label(&self) -> String {
        match &self.op {
            Some(op) => format!("{op} {}", self.description),
            None => self.description.clone(),
        }
    }
}

impl Issue {
    fn read(event: &Value) -> Result<Self, String> {
        // On the wire the root cause is first and the newest frame last.
        let values = || {
            let values = event["exception"]["values"].as_array();
            values.into_iter().flatten().rev()
        };
        let chain: Vec<String> = values().map(title).collect();
        let message = text(event, "/logentry/message");
        if chain.is_empty() && message.is_err() {
            return Err("an event without an exception or a message".into());
        }
        let frames = values()
            .find_map(|value| value["stacktrace"]["frames"].as_array())
            .into_iter()
            .flatten()
            .rev()
            .map(Frame::read)
            .collect();
        Ok(Self {
            chain,
            message: message.ok(),
            frames,
            level: text(event, "/level").unwrap_or_else(|_| "error".to_owned()),
            is_handled: !values().any(|value| value["mechanism"]["handled"] == false),
            trace: text(event, "/contexts/trace/trace_id")?,
            span: text(event, "/contexts/trace/span_id")?,
            time: seconds(event, "/timestamp")?,
        })
    }
}

impl Frame {
    fn read(frame: &Value) -> Self {
        let file = frame["filename"].as_str().unwrap_or_default();
        let location = match frame["lineno"].as_u64() {
            Some(line) => format!("{file}:{line}"),
            None => file.to_owned(),
        };
        let function = frame["function"].as_str().unwrap_or("<unknown>");
        Self { function: function.to_owned(), location, in_app: frame["in_app"] == true }
    }
}

fn tree<'a>(spans: &[&'a Span]) -> Vec<(usize, &'a Span)> {
    let mut children: BTreeMap<&str, Vec<&Span>> = BTreeMap::new();
    let mut waiting = Vec::new();
    for span in spans.iter().copied() {
        let parent = span
            .parent
            .as_deref()
            .filter(|parent| spans.iter().any(|candidate| candidate.id == *parent));
        match parent {
            Some(parent) => children.entry(parent).or_default().push(span),
            None => waiting.push((0, span)),
        }
    }
    waiting.reverse();
    let mut lines = Vec::new();
    while let Some((depth, span)) = waiting.pop() {
        lines.push((depth, span));
        let below = children.remove(span.id.as_str()).unwrap_or_default();
        waiting.extend(below.into_iter().rev().map(|span| (depth + 1, span)));
    }
    lines
}

fn title(exception: &Value) -> String {
    let part = |key: &str| exception[key].as_str().unwrap_or_default();
    match (part("type"), part("value")) {
        (kind, "") => kind.to_owned(),
        ("", value) => value.to_owned(),
        (kind, value) => format!("{kind}: {value}"),
    }
}

fn links(span: &Value) -> Vec<String> {
    let links = span["links"].as_array().into_iter().flatten();
    links.filter_map(|link| text(link, "/span_id").ok()).collect()
}

fn text(value: &Value, pointer: &str) -> Result<String, String> {
    let text = value.pointer(pointer).and_then(Value::as_str);
    text.map(str::to_owned).ok_or_else(|| format!("no text in {pointer}"))
}

fn seconds(value: &Value, pointer: &str) -> Result<f64, String> {
    let seconds = value.pointer(pointer).and_then(Value::as_f64);
    seconds.ok_or_else(|| format!("no number in {pointer}"))
}
