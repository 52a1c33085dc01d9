use opentelemetry::trace::TraceId;
use opentelemetry::{KeyValue, Value};
use opentelemetry_sdk::trace::SpanData;

/// The place of a trace between 0 and 2^63, by which OpenTelemetry's ratio samplers of all languages
/// decide: the last 8 bytes of its id.
pub(crate) fn number(trace: TraceId) -> u64 {
    let [.., a, b, c, d, e, f, g, h] = trace.to_bytes();
    u64::from_be_bytes([a, b, c, d, e, f, g, h]) >> 1
}

/// The rate of the sampler before, as the attribute `sentry.sample_rate` tells it (rule DSC-4).
pub(crate) fn told_rate(value: Option<&Value>) -> Option<f64> {
    let rate = match value? {
        Value::F64(rate) => *rate,
        Value::I64(rate) => *rate as f64,
        Value::String(rate) => rate.as_str().trim().parse().ok()?,
        _ => return None,
    };
    told(rate)
}

/// A rate that can be told, or none. The header tells it in single precision, where a tiny one
/// would be none at all.
pub(crate) fn told(rate: f64) -> Option<f64> {
    let rate = f64::from(rate as f32);
    (rate > 1e-6 && rate <= 1.0).then_some(rate)
}

/// The same of a span, whose last attribute of a key counts.
pub(super) fn told_by(span: &SpanData) -> Option<f64> {
    let is_rate = |entry: &&KeyValue| entry.key.as_str() == "sentry.sample_rate";
    told_rate(span.attributes.iter().rfind(is_rate).map(|entry| &entry.value))
}

/// Whether a trace is among the share to keep of those that the sampler before let through.
///
/// If that was a ratio sampler, they all lie below its rate, and the share is taken from there, so
/// that the two together do what one of the product would. A trace beyond was let through by a
/// sampler of another kind; of those the same share is kept.
pub(super) fn is_kept(trace: TraceId, rate: f64, before: f64) -> bool {
    const ALL: u64 = 1 << 63;
    let let_through = (before * ALL as f64) as u64;
    let (number, of) = match number(trace).checked_sub(let_through) {
        None => (number(trace), let_through),
        Some(beyond) => (beyond, ALL.saturating_sub(let_through)),
    };
    number < (rate * of as f64) as u64
}

#[cfg(test)]
mod tests {
    use opentelemetry::trace::SpanKind;
    use opentelemetry_sdk::trace::{Sampler, SamplingDecision, ShouldSample};

    use super::*;

    /// Ids that are spread as random ones are.
    fn ids() -> impl Iterator<Item = TraceId> {
        let mut state = 7_u128;
        std::iter::repeat_with(move || {
            state = state.wrapping_mul(0x2360_ed05_1fc6_5da4_4385_df64_9fcc_f645).wrapping_add(3);
            TraceId::from(state ^ (state >> 64))
        })
    }

    fn ratio(rate: f64, trace: TraceId) -> bool {
        let sampler = Sampler::TraceIdRatioBased(rate);
        let result = sampler.should_sample(None, trace, "span", &SpanKind::Internal, &[], &[]);
        result.decision == SamplingDecision::RecordAndSample
    }

    #[test]
    fn the_decision_is_that_of_the_ratio_sampler() {
        for rate in [0.0, 0.001, 0.1, 1.0 / 3.0, 0.999, 1.0] {
            for trace in ids().take(5000) {
                assert_eq!(is_kept(trace, rate, 1.0), ratio(rate, trace), "{trace} at {rate}");
            }
        }
        for trace in [0, 1, u128::from(u64::MAX), u128::MAX].map(TraceId::from) {
            assert!(is_kept(trace, 1.0, 1.0) && !is_kept(trace, 0.0, 1.0));
        }
    }

    #[test]
    fn after_a_ratio_sampler_the_two_do_what_one_of_the_product_would() {
        for trace in ids().take(5000) {
            let both = ratio(0.5, trace) && is_kept(trace, 0.25, 0.5);
            assert_eq!(both, ratio(0.125, trace), "{trace}");
        }
    }

    #[test]
    fn after_any_other_sampler_the_share_is_kept_of_what_it_let_through() {
        let let_through = ids().step_by(2).take(20_000);
        let kept = let_through.filter(|trace| is_kept(*trace, 0.25, 0.5)).count();
        // Five times the deviation, sqrt(20,000 * 0.25 * 0.75) = 61.
        assert!(kept.abs_diff(5000) < 306, "{kept}");
    }

    #[test]
    fn a_rate_is_told_by_a_number_or_a_text_between_0_and_1() {
        for (value, rate) in [
            (Value::F64(0.25), Some(0.25)),
            (Value::I64(1), Some(1.0)),
            (Value::from(" 0.5 "), Some(0.5)),
            (Value::from("half"), None),
            (Value::Bool(true), None),
            (Value::F64(0.0), None),
            (Value::F64(1.5), None),
            (Value::F64(f64::NAN), None),
        ] {
            assert_eq!(told_rate(Some(&value)), rate, "{value}");
        }
        assert_eq!(told_rate(None), None);
    }
}
