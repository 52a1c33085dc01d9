use opentelemetry::trace::{Event, Status};
use opentelemetry::{StringValue, Value};
use opentelemetry_sdk::trace::SpanData;
use sentry_types::protocol::v7::{Exception, Level, Mechanism, Stacktrace, ThreadId};

use super::error_text::{ErrorText, split_type, type_of_debug};
use super::event_filter::{Capture, EventFilter};
use super::facts::Facts;
use super::panic;
use super::severity::Severity;
use super::span::texts;
use super::stacktrace::{self, InApp};
use crate::pattern::Pattern;
use crate::protocol::{limited, shortened};
use crate::semconv::Attribute::{self, ThreadId as ThreadIdKey, *};

/// The type of an error that says no other, as in Sentry's SDK for Rust.
const UNKNOWN_TYPE: &str = "Error";

/// By which way an error came that is only known as the cause of another one.
pub(super) const CAUSE: &str = "chained";

/// How many errors of a chain are sent, counted from the outermost.
const MAX_CHAIN: usize = 50;

/// What Relay leaves of the text of an error is 8,192 chars; of its type, 256.
pub(super) const MAX_VALUE_BYTES: usize = 8000;
const MAX_TYPE_CHARS: usize = 250;

const FILE: &[Attribute] = &[CodeFilePath, CodeFilepath];
const LINE: &[Attribute] = &[CodeLineNumber, CodeLineno];
const MODULE: &[Attribute] = &[CodeModuleName, CodeNamespace];

/// What an event of a span is for Sentry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// An error with a type or a text (rule EXC-1).
    Exception,
    /// A line that was logged as an error.
    Message,
    /// A number to chart.
    Measurement,
    /// Something that happened on the way.
    Breadcrumb,
    /// Nothing for Sentry.
    Filtered,
}

/// An error that a span recorded.
#[derive(Debug)]
pub(super) struct Recorded {
    /// Root cause first, the recorded error itself last; empty if only a message was logged.
    pub(super) chain: Vec<Exception>,
    pub(super) message: Option<String>,
    pub(super) level: Level,
    /// The language of the stack trace, in Sentry's words.
    pub(super) platform: Option<&'static str>,
    /// The text of the stack trace.
    pub(super) raw_stacktrace: Option<String>,
    pub(super) location: Option<Location>,
    pub(super) fingerprint: Vec<String>,
}

/// The place in the source where an error was recorded.
#[derive(Debug, PartialEq)]
pub(super) struct Location {
    pub(super) module: Option<String>,
    pub(super) file: Option<String>,
    pub(super) line: Option<i64>,
}

impl Role {
    pub(super) fn of(event: &Event, span: &SpanData, filter: &EventFilter) -> Self {
        let facts = Facts::of(&event.attributes);
        if facts.value(SentryMeasurementValue).is_some() {
            return Self::Measurement;
        }
        let severity = Severity::logged(&facts);
        let says_error = facts.text(&[ExceptionType, ExceptionMessage]).is_some()
            || (event.name == "exception" && facts.has(&[ExceptionStacktrace]));
        let target = facts.text(&[Target]);
        let target = target.as_deref().unwrap_or_else(|| span.instrumentation_scope.name());
        let capture = match severity {
            Some(Severity::Fatal) => Capture::Issue,
            Some(Severity::Traced(level)) => filter.decide(level, target),
            None if says_error => Capture::Issue,
            None => filter.decide_below_issue(tracing_core::Level::INFO, target),
        };
        match capture {
            Capture::Issue if says_error || facts.text(&[Error]).is_some() => Self::Exception,
            Capture::Issue => Self::Message,
            Capture::Breadcrumb => Self::Breadcrumb,
            Capture::Nothing => Self::Filtered,
        }
    }

    pub(super) fn is_error(self) -> bool {
        matches!(self, Self::Exception | Self::Message)
    }
}

impl Recorded {
    /// Reads an event of the role [`Role::Exception`] or [`Role::Message`].
    pub(super) fn of(event: &Event, role: Role, span: &SpanData, in_app: &InApp) -> Self {
        let facts = Facts::of(&event.attributes);
        let span_facts = Facts::of(&span.attributes);
        let mut recorded = Self {
            chain: Vec::new(),
            message: None,
            level: level(&facts, &span_facts),
            platform: None,
            raw_stacktrace: None,
            location: Location::of(&facts).or_else(|| Location::of(&span_facts)),
            fingerprint: fingerprint(&[&facts, &span_facts]),
        };
        // An event of `tracing` is named by its message, or by its place where it has none.
        let is_message =
            |name: &&str| !name.trim().is_empty() && *name != "exception" && !is_place(name);
        let message = Some(&*event.name).filter(is_message);
        if role == Role::Exception {
            recorded.message = message.map(|message| limited(message, MAX_VALUE_BYTES));
            recorded.read_exception(&facts, span, in_app);
            if let Some(itself) = recorded.chain.last_mut() {
                // A span may have begun on another thread than the one that panicked.
                let of_span = thread_id(&span_facts).filter(|_| !facts.is_true(ExceptionEscaped));
                itself.thread_id = thread_id(&facts).or(of_span);
            }
        } else {
            recorded.message = Some(self::message([&*event.name, &*span.name]));
        }
        recorded
    }

    /// Takes what a record further up says of this error, whose chain holds that of this one.
    pub(super) fn wrap(&mut self, outer: Self) {
        let inner = std::mem::replace(&mut self.chain, outer.chain);
        let mut inner = inner.into_iter();
        let Some(mut itself) = inner.next_back() else { return };
        let (thread_id, stacktrace) = (itself.thread_id.take(), itself.stacktrace.take());
        for (cause, known) in self.chain.iter_mut().zip(inner.chain([itself])) {
            // Reports name no types.
            (cause.ty, cause.module, cause.mechanism) = (known.ty, known.module, known.mechanism);
            cause.stacktrace = cause.stacktrace.take().or(known.stacktrace);
        }
        if let Some(outermost) = self.chain.last_mut() {
            outermost.thread_id = thread_id.or(outermost.thread_id.take());
            outermost.stacktrace = outermost.stacktrace.take().or(stacktrace);
        }
        if self.fingerprint.is_empty() {
            self.fingerprint = outer.fingerprint;
        }
        self.platform = self.platform.or(outer.platform);
        self.raw_stacktrace = self.raw_stacktrace.take().or(outer.raw_stacktrace);
    }

    /// Whether one of these patterns fits the type, the text, both, or the message.
    pub(super) fn is_one_of(&self, patterns: &[Pattern]) -> bool {
        let fits = |text: &str| patterns.iter().any(|pattern| pattern.fits(text));
        self.message.as_deref().is_some_and(fits)
            || self.chain.last().is_some_and(|Exception { ty, module, value, .. }| {
                let module = module.as_ref().map(|module| format!("{module}::{ty}"));
                let value = value.as_deref();
                fits(ty)
                    || module.as_deref().is_some_and(fits)
                    || value.is_some_and(|value| fits(value) || fits(&format!("{ty}: {value}")))
            })
    }

    fn read_exception(&mut self, facts: &Facts<'_>, span: &SpanData, in_app: &InApp) {
        let text = facts.text(&[ExceptionMessage, Error]);
        let parsed = text.as_deref().map(ErrorText::parse);
        let stack = facts.value(ExceptionStacktrace);
        let sources = stack.and_then(texts).map(owned).unwrap_or_default();
        let backtrace = match stack {
            Some(Value::String(text)) => Some(text.as_str().to_owned()),
            _ => parsed.as_ref().and_then(|parsed| parsed.backtrace.clone()),
        };
        let trace = backtrace.as_deref().and_then(|text| stacktrace::parse(text, in_app));
        self.raw_stacktrace = backtrace.filter(|text| !text.is_empty());
        self.platform = trace.as_ref().map(|trace| trace.platform);
        let mut traced = trace.map(|trace| trace.errors).unwrap_or_default().into_iter();
        let traced_itself = traced.next().unwrap_or_default();
        if let Some(place) = parsed.as_ref().and_then(|parsed| parsed.location.as_ref()) {
            self.location = Some(Location {
                module: self.location.take().and_then(|location| location.module),
                file: Some(limited(&place.file, 500)),
                line: place.line.and_then(|line| i64::try_from(line).ok()),
            });
        }
        let (message, causes) = match parsed {
            Some(parsed) => (Some(parsed.message), parsed.causes),
            None => (None, Vec::new()),
        };
        let causes = if sources.is_empty() { causes } else { sources };
        let status = || match &span.status {
            Status::Error { description } if !description.is_empty() => {
                Some(description.to_string())
            }
            _ => None,
        };
        let (module, ty) = type_of(facts, text.as_deref(), &traced_itself);
        let escaped = facts.is_true(ExceptionEscaped);
        let is_panic = escaped && ty == panic::TYPE && self.level == Level::Fatal;
        let mechanism = Mechanism {
            ty: if is_panic { panic::TYPE } else { "opentelemetry" }.into(),
            handled: Some(!escaped),
            ..Mechanism::default()
        };
        // The text of a line that names a type and no more.
        let said = || self.message.take();
        let value = message.or(traced_itself.value).or_else(said).or_else(status);
        let itself = exception(ty, module, value, traced_itself.stacktrace, mechanism);
        let kept = MAX_CHAIN.saturating_sub(1);
        self.chain = if causes.is_empty() {
            traced.take(kept).map(traced_cause).collect()
        } else {
            causes.into_iter().take(kept).map(cause).collect()
        };
        self.chain.reverse();
        // Most errors come alone.
        self.chain.reserve_exact(1);
        self.chain.push(itself);
    }
}

impl Location {
    fn of(facts: &Facts<'_>) -> Option<Self> {
        let file = facts.text(FILE).map(|file| limited(&file, 500));
        let module = facts.text(MODULE).map(|module| limited(&module, 500));
        let line = facts.integer(LINE);
        (file.is_some() || module.is_some()).then_some(Self { module, file, line })
    }
}

/// The type of an error, taken from what is least likely to change (rule EXC-4).
fn type_of(
    facts: &Facts<'_>,
    text: Option<&str>,
    traced: &stacktrace::Error,
) -> (Option<String>, String) {
    if let Some(path) = facts.text(&[ExceptionType]) {
        let (module, ty) = split_type(&path);
        return (module.map(str::to_owned), ty.to_owned());
    }
    if let Some(ty) = &traced.ty {
        return (traced.module.clone(), ty.clone());
    }
    let error_type =
        facts.text(&[ErrorType]).filter(|ty| ty.parse::<i64>().is_err() && *ty != "_OTHER");
    let ty = error_type.or_else(|| text.and_then(type_of_debug).map(Into::into));
    (None, ty.map_or_else(|| UNKNOWN_TYPE.to_owned(), |ty| ty.into_owned()))
}

/// The type of an error of which there is only a text.
pub(super) fn type_of_cause(text: &str) -> &str {
    type_of_debug(text).unwrap_or(UNKNOWN_TYPE)
}

fn cause(text: String) -> Exception {
    let ty = type_of_cause(&text).to_owned();
    let message = ErrorText::parse(&text).message;
    let mechanism = Mechanism { ty: CAUSE.into(), ..Mechanism::default() };
    exception(ty, None, Some(message), None, mechanism)
}

/// A cause that the text of a stack trace names, with its own frames.
fn traced_cause(error: stacktrace::Error) -> Exception {
    let ty = error.ty.unwrap_or_else(|| UNKNOWN_TYPE.to_owned());
    let mechanism = Mechanism { ty: CAUSE.into(), ..Mechanism::default() };
    exception(ty, error.module, error.value, error.stacktrace, mechanism)
}

fn exception(
    ty: String,
    module: Option<String>,
    value: Option<String>,
    stacktrace: Option<Stacktrace>,
    mechanism: Mechanism,
) -> Exception {
    let limit = |text: String, max_bytes| shortened(&text, max_bytes).unwrap_or(text);
    let is_legal = ty.len() <= MAX_TYPE_CHARS && !ty.contains('\0');
    let legal = || ty.replace('\0', "\u{fffd}").chars().take(MAX_TYPE_CHARS).collect();
    Exception {
        ty: if is_legal { ty } else { legal() },
        module: module.map(|module| limit(module, MAX_TYPE_CHARS)),
        value: value.map(|value| limit(value, MAX_VALUE_BYTES)).filter(|value| !value.is_empty()),
        stacktrace,
        mechanism: Some(mechanism),
        ..Exception::default()
    }
}

fn thread_id(facts: &Facts<'_>) -> Option<ThreadId> {
    facts.integer(&[ThreadIdKey]).filter(|id| *id >= 0).map(ThreadId::from)
}

/// What the event is told to show, else what it says, unless the span is told to show another.
fn level(event: &Facts<'_>, span: &Facts<'_>) -> Level {
    let logged = Severity::logged(event);
    let of_span = Severity::told(span).filter(|_| logged != Some(Severity::Fatal));
    Severity::told(event).or(of_span).or(logged).map_or(Level::Error, Level::from)
}

/// How the recorder wants the error grouped (rule EXC-16), by the first of these that says it.
pub(super) fn fingerprint(all: &[&Facts<'_>]) -> Vec<String> {
    let Some(value) = all.iter().find_map(|facts| facts.value(SentryFingerprint)) else {
        return Vec::new();
    };
    let parts = texts(value).map_or_else(|| listed(&value.as_str()), owned);
    parts
        .into_iter()
        .filter(|part| !part.is_empty())
        .map(|part| limited(&part, 1024))
        .take(16)
        .collect()
}

/// The elements of a list in brackets, which is how fields of `tracing` can be lists.
fn listed(text: &str) -> Vec<String> {
    serde_json::from_str(text).unwrap_or_else(|_| vec![text.to_owned()])
}

fn owned(texts: &[StringValue]) -> Vec<String> {
    texts.iter().map(|text| text.as_str().to_owned()).collect()
}

/// Whether this is how `tracing` names an event without a message: `event <file>:<line>`.
pub(super) fn is_place(name: &str) -> bool {
    let place = name.strip_prefix("event ").and_then(|place| place.rsplit_once(':'));
    place
        .is_some_and(|(_, line)| !line.is_empty() && line.bytes().all(|byte| byte.is_ascii_digit()))
}

/// The first text that says something; Sentry takes no event without one.
pub(super) fn message<'a>(texts: impl IntoIterator<Item = &'a str>) -> String {
    let text = texts.into_iter().find(|text| !text.trim().is_empty());
    limited(text.unwrap_or("an error without a message"), MAX_VALUE_BYTES)
}
