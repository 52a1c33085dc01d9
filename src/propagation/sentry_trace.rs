use opentelemetry::trace::{SpanContext, SpanId, TraceFlags, TraceId, TraceState};

/// The parent that another service names, and what it decided about the trace.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Parent {
    pub(super) trace: TraceId,
    pub(super) span: SpanId,
    /// Absent where the decision is left to whoever comes next.
    pub(super) is_sampled: Option<bool>,
}

impl Parent {
    /// Reads `sentry-trace`: trace id, span id, and `1`, `0` or nothing.
    ///
    /// <https://develop.sentry.dev/sdk/foundations/trace-propagation/#header-sentry-trace>
    pub(super) fn of_sentry_trace(text: &str) -> Option<Self> {
        let mut parts = text.trim_matches([' ', '\t']).split('-');
        let (trace, span, flag) = (parts.next()?, parts.next()?, parts.next());
        let is_sampled = match flag {
            None | Some("") => None,
            Some("1") => Some(true),
            Some("0") => Some(false),
            Some(_) => return None,
        };
        match parts.next() {
            None => Self::of_ids(trace, span, is_sampled),
            Some(_) => None,
        }
    }

    /// Reads `traceparent`, of any version that begins as the first one does.
    ///
    /// <https://www.w3.org/TR/trace-context/#traceparent-header>
    pub(super) fn of_traceparent(text: &str) -> Option<Self> {
        let mut parts = text.trim_matches([' ', '\t']).split('-');
        let version = parts.next().filter(|text| is_hex(text, 2) && *text != "ff")?;
        let (trace, span) = (parts.next()?, parts.next()?);
        let flags = parts.next().filter(|text| is_hex(text, 2))?;
        let flags = TraceFlags::new(u8::from_str_radix(flags, 16).ok()?);
        if version == "00" && parts.next().is_some() {
            return None;
        }
        Self::of_ids(trace, span, Some(flags.is_sampled()))
    }

    fn of_ids(trace: &str, span: &str, is_sampled: Option<bool>) -> Option<Self> {
        if !is_hex(trace, 32) || !is_hex(span, 16) {
            return None;
        }
        let trace = TraceId::from_hex(trace).ok().filter(|id| *id != TraceId::INVALID)?;
        let span = SpanId::from_hex(span).ok().filter(|id| *id != SpanId::INVALID)?;
        Some(Self { trace, span, is_sampled })
    }

    /// As OpenTelemetry has it, which knows no undecided parents: one counts as sampled, because
    /// all of its samplers would drop what is below it otherwise.
    pub(super) fn context(&self, state: TraceState) -> SpanContext {
        let is_sampled = self.is_sampled.unwrap_or(true);
        let flags = if is_sampled { TraceFlags::SAMPLED } else { TraceFlags::NOT_SAMPLED };
        SpanContext::new(self.trace, self.span, flags, true, state)
    }

    pub(super) fn sentry_trace(&self) -> String {
        let Self { trace, span, is_sampled } = self;
        match is_sampled {
            Some(is_sampled) => format!("{trace}-{span}-{}", u8::from(*is_sampled)),
            None => format!("{trace}-{span}"),
        }
    }

    pub(super) fn traceparent(&self) -> String {
        let Self { trace, span, is_sampled } = self;
        format!("00-{trace}-{span}-0{}", u8::from(is_sampled.unwrap_or(true)))
    }
}

fn is_hex(text: &str, len: usize) -> bool {
    text.len() == len && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRACE: &str = "771a43a4192642f0b136d5159a501700";
    const SPAN: &str = "7c51afd529da4a2a";

    #[test]
    fn a_sentry_trace_is_two_ids_and_perhaps_a_decision() {
        for (rest, is_sampled) in [
            ("-1", Some(true)),
            ("-0", Some(false)),
            ("", None),
            ("-", None),
            ("-1 \t", Some(true)),
        ] {
            let parent = Parent::of_sentry_trace(&format!("{TRACE}-{SPAN}{rest}")).unwrap();
            assert_eq!(
                (parent.trace.to_string(), parent.span.to_string()),
                (TRACE.into(), SPAN.into())
            );
            assert_eq!(parent.is_sampled, is_sampled, "{rest}");
            let context = parent.context(TraceState::NONE);
            assert!(context.is_remote() && context.is_sampled() == is_sampled.unwrap_or(true));
            assert_eq!(Parent::of_sentry_trace(&parent.sentry_trace()), Some(parent));
        }
    }

    #[test]
    fn what_is_no_sentry_trace_is_nothing() {
        let zeros = "0".repeat(32);
        for text in [
            String::new(),
            "-".into(),
            TRACE.into(),
            format!("{TRACE}-"),
            format!("{TRACE}-{SPAN}-2"),
            format!("{TRACE}-{SPAN}-d"),
            format!("{TRACE}-{SPAN}-1-"),
            format!("{TRACE}-{SPAN}-1-1"),
            format!("{TRACE}-{SPAN}1"),
            format!("{TRACE}{SPAN}-1"),
            format!("{zeros}-{SPAN}-1"),
            format!("{TRACE}-{}-1", &zeros[..16]),
            format!("{}-{SPAN}-1", TRACE.to_uppercase()),
            format!("+{}-{SPAN}-1", &TRACE[1..]),
            format!("{TRACE}-{SPAN}-1, {TRACE}-{SPAN}-1"),
            format!("{}é-{SPAN}-1", &TRACE[2..]),
            format!("00-{TRACE}-{SPAN}-01"),
        ] {
            assert_eq!(Parent::of_sentry_trace(&text), None, "{text}");
        }
    }

    #[test]
    fn a_traceparent_is_read_as_far_as_it_is_known() {
        for (text, is_sampled) in [
            (format!("00-{TRACE}-{SPAN}-01"), true),
            (format!("00-{TRACE}-{SPAN}-00"), false),
            (format!(" 00-{TRACE}-{SPAN}-03"), true),
            (format!("cc-{TRACE}-{SPAN}-01-what-comes-later"), true),
        ] {
            let parent = Parent::of_traceparent(&text).unwrap();
            assert_eq!(parent.is_sampled, Some(is_sampled), "{text}");
            let again = format!("00-{TRACE}-{SPAN}-0{}", u8::from(is_sampled));
            assert_eq!(parent.traceparent(), again);
        }
        for text in [
            format!("ff-{TRACE}-{SPAN}-01"),
            format!("00-{TRACE}-{SPAN}-01-more"),
            format!("00-{TRACE}-{SPAN}-1"),
            format!("00-{TRACE}-{SPAN}"),
            format!("0-{TRACE}-{SPAN}-01"),
            format!("00-{}-{SPAN}-01", &TRACE[1..]),
            format!("00-{TRACE}-{}-01", "0".repeat(16)),
            format!("{TRACE}-{SPAN}-1"),
        ] {
            assert_eq!(Parent::of_traceparent(&text), None, "{text}");
        }
    }
}
