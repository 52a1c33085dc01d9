use std::time::SystemTime;

use sentry_types::protocol::v7::{Context, Event, Exception, Level, SpanId, TraceId};

use crate::protocol::shortened;

/// An error that the SDK has captured, as far as it tells it from others.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Capture {
    /// The span that was active; only a panic is worth noting without.
    pub(crate) span: Option<(TraceId, SpanId)>,
    pub(crate) time: SystemTime,
    /// Not a warning or a mere message.
    pub(crate) is_failure: bool,
    pub(crate) said: Said,
}

/// What an error says of itself.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Said {
    pub(crate) is_panic: bool,
    /// The name that the text for debugging begins with; of an enum, that of the variant.
    pub(crate) ty: Option<String>,
    /// The texts that it may be recorded with, the shortest first.
    pub(crate) texts: Vec<String>,
}

/// The type of a panic, here as there.
const PANIC: &str = "panic";

/// How much of a text is kept: more than an error of a span is sent with.
const MAX_TEXT_BYTES: usize = 16_000;

/// How the SDK and `std` say that the payload of a panic is no text.
const NO_TEXT: [&str; 2] = ["Box<Any>", "Box<dyn Any>"];

impl Capture {
    /// What is worth noting of an event of the SDK that was captured in this span, if anything.
    #[cfg_attr(not(feature = "sentry"), allow(dead_code, reason = "only the integration asks"))]
    pub(crate) fn of(event: &Event<'_>, span: Option<(TraceId, SpanId)>) -> Option<Self> {
        let mut said = Said::by_sdk(event);
        for text in said.texts.iter_mut().chain(&mut said.ty) {
            if let Some(short) = shortened(text, MAX_TEXT_BYTES) {
                *text = short;
            }
        }
        let is_failure = matches!(event.level, Level::Error | Level::Fatal);
        (span.is_some() || said.is_panic).then_some(Self {
            span,
            time: event.timestamp,
            is_failure,
            said,
        })
    }
}

impl Said {
    fn by_sdk(event: &Event<'_>) -> Self {
        // With stack traces, the layer of `tracing` wraps an error into one that only has a place.
        let is_real = |exception: &&Exception| {
            exception.mechanism.as_ref().and_then(|mechanism| mechanism.synthetic) != Some(true)
        };
        let chain: Vec<_> = event.exception.values.iter().rev().filter(is_real).collect();
        if let Some(outermost) = chain.first() {
            return Self::by_chain(outermost, &chain);
        }
        let wrapped =
            event.exception.values.last().and_then(|exception| exception.value.as_deref());
        let message = event.message.as_deref();
        let message =
            message.or_else(|| event.logentry.as_ref().map(|entry| entry.message.as_str()));
        let text = logged_error(event).or(message).or(wrapped);
        Self { texts: text.into_iter().map(str::to_owned).collect(), ..Self::default() }
    }

    fn by_chain(outermost: &Exception, chain: &[&Exception]) -> Self {
        let values: Vec<_> =
            chain.iter().filter_map(|exception| exception.value.as_deref()).collect();
        let is_panic = outermost.ty == PANIC;
        let mut texts: Vec<_> = values.first().map(|text| (*text).to_owned()).into_iter().collect();
        if is_panic && values.first().is_some_and(|text| NO_TEXT.contains(text)) {
            texts = NO_TEXT.map(str::to_owned).into();
        }
        // As `{:#}` writes the errors of the usual libraries.
        if values.len() > 1 {
            texts.push(values.join(": "));
        }
        Self { is_panic, ty: Some(outermost.ty.clone()), texts }
    }
}

/// The error that the layer of `tracing` found in a field, beside the message.
fn logged_error<'a>(event: &'a Event<'_>) -> Option<&'a str> {
    match event.contexts.get("Rust Tracing Fields")? {
        Context::Other(fields) => fields.get("error")?.as_str(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use sentry_types::protocol::v7::Mechanism;
    use serde_json::json;

    use super::*;

    fn exception(ty: &str, value: &str) -> Exception {
        Exception { ty: ty.into(), value: Some(value.into()), ..Exception::default() }
    }

    fn event(exceptions: Vec<Exception>) -> Event<'static> {
        Event { exception: exceptions.into(), timestamp: UNIX_EPOCH, ..Event::default() }
    }

    fn texts(event: &Event<'_>) -> Vec<String> {
        Said::by_sdk(event).texts
    }

    #[test]
    fn the_outermost_error_speaks_for_its_chain() {
        let event = event(vec![exception("Os", "no route"), exception("Query", "no answer")]);
        assert_eq!(texts(&event), ["no answer", "no answer: no route"]);
        assert_eq!(Said::by_sdk(&event).ty.as_deref(), Some("Query"));
    }

    #[test]
    fn what_only_marks_a_place_is_no_error() {
        let mut place = exception("tracing::error!", "it failed");
        place.mechanism = Some(Mechanism { synthetic: Some(true), ..Mechanism::default() });
        assert_eq!(texts(&event(vec![exception("Os", "no route"), place.clone()])), ["no route"]);
        assert_eq!(texts(&event(vec![place])), ["it failed"]);
    }

    #[test]
    fn a_logged_error_is_told_by_its_text_rather_than_by_the_message() {
        let mut event = event(Vec::new());
        event.message = Some("it failed".into());
        assert_eq!(texts(&event), ["it failed"]);
        let fields = [("error".to_owned(), json!("no route"))];
        let fields = Context::Other(fields.into_iter().collect());
        event.contexts.insert("Rust Tracing Fields".into(), fields);
        assert_eq!(texts(&event), ["no route"]);
    }

    #[test]
    fn of_a_long_text_enough_is_kept_to_know_it_again() {
        let long = event(vec![exception("Os", &"é".repeat(100_000))]);
        let capture = Capture::of(&long, Some((TraceId::default(), SpanId::default()))).unwrap();
        let kept = capture.said.texts[0].len();
        assert!((MAX_TEXT_BYTES - 8..=MAX_TEXT_BYTES).contains(&kept), "{kept}");
    }

    #[test]
    fn outside_of_a_span_only_panics_are_noted() {
        let error = event(vec![exception("Os", "no route")]);
        assert_eq!(Capture::of(&error, None), None);
        assert!(Capture::of(&error, Some((TraceId::default(), SpanId::default()))).is_some());
        let panic = event(vec![exception("panic", "Box<Any>")]);
        let capture = Capture::of(&panic, None).unwrap();
        assert!(capture.said.is_panic);
        assert_eq!(capture.said.texts, NO_TEXT);
    }
}
