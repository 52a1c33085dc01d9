use std::borrow::Cow;

use opentelemetry::trace::TraceId;

use crate::sampling::number;

const MILLION: f64 = 1e6;

/// The largest number below one that the header tells.
const MAX: f64 = 0.999_999;

/// The number of a trace that its rate is compared with: the one of OpenTelemetry's ratio sampler,
/// so that all services of the trace decide alike, cut to the digits that are told (rule DSC-5).
pub(super) fn rand_of(trace: TraceId) -> f64 {
    cut(number(trace) as f64 / (1_u64 << 63) as f64)
}

/// The same number, moved to the side of the rate on which the decision was made, where another
/// sampler made it (rule DSC-5).
pub(super) fn agreeing(rand: f64, rate: f64, is_sampled: bool) -> f64 {
    match (is_sampled, rand < rate) {
        (true, false) => cut(rand * rate),
        (false, true) => {
            let above = rate + rand * (1.0 - rate);
            ((above * MILLION).ceil() / MILLION).min(MAX)
        }
        _ => rand,
    }
}

/// A number in `0..1` with six digits.
pub(super) fn rand_text(rand: f64) -> String {
    let mut text = String::new();
    write_rand(&mut text, rand);
    text
}

/// Writes the same behind what is there.
pub(super) fn write_rand(text: &mut String, rand: f64) {
    // The one in front keeps the zeros behind the point.
    let millionths = (MILLION + (rand * MILLION).round()) as u32;
    match itoa::Buffer::new().format(millionths).strip_prefix('1') {
        Some(digits) => text.extend(["0.", digits]),
        None => text.push_str(&format!("{rand:.6}")),
    }
}

/// The shortest text of a rate.
pub(super) fn rate_text(rate: f64) -> Cow<'static, str> {
    match rate as f32 {
        1.0 => Cow::Borrowed("1"),
        rate => Cow::Owned(rate.to_string()),
    }
}

/// A number in `0..=1` as other services write it.
pub(super) fn parse(text: &str) -> Option<f64> {
    text.parse().ok().filter(|number| (0.0..=1.0).contains(number))
}

fn cut(number: f64) -> f64 {
    ((number * MILLION).floor() / MILLION).clamp(0.0, MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_is_below_the_rate_and_the_same_in_all_services() {
        let rand =
            |trace: u128, rate| rand_text(agreeing(rand_of(TraceId::from(trace)), rate, true));
        assert_eq!(rand(0, 1.0), "0.000000");
        assert_eq!(rand(u128::from(u64::MAX), 1.0), "0.999999");
        assert_eq!(rand(u128::from(u64::MAX), 0.25), "0.249999");
        assert_eq!(rand(0x4c79_f60c_1121_4eb3_8604_f4ae_0781_bfb2, 1.0), "0.523513");
        for millionths in 0..1_000_000 {
            let number = f64::from(millionths) / MILLION;
            assert_eq!(rand_text(number), format!("{number:.6}"));
        }
    }

    #[test]
    fn the_number_is_below_the_rate_if_and_only_if_the_trace_was_sampled() {
        for rate in [0.0, 1e-5, 0.25, 0.523_513, 0.999_998, 1.0] {
            for number in 0..=200_u128 {
                let trace = TraceId::from(number * u128::from(u64::MAX / 200));
                for is_sampled in [true, false] {
                    // Nobody samples at 0, and nobody drops at 1.
                    if rate == f64::from(u8::from(!is_sampled)) {
                        continue;
                    }
                    let rand = agreeing(rand_of(trace), rate, is_sampled);
                    assert_eq!(rand < rate, is_sampled, "{rate} {rand}");
                    assert!((0.0..1.0).contains(&rand), "{rand}");
                }
            }
        }
    }
}
