use std::time::{Duration, SystemTime};

use ::http::{HeaderMap, Response, header};

use super::Category;

/// Until when Sentry wants nothing of a category.
///
/// Times are those of the worker: the time since it started. A later, shorter limit never takes
/// from a longer one, and the limit on everything stands beside those of the categories.
///
/// <https://develop.sentry.dev/sdk/foundations/transport/rate-limiting/>
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct RateLimits {
    all: Duration,
    error: Duration,
    /// Of logs, by their number or their bytes.
    log: Duration,
    span: Duration,
    transaction: Duration,
}

/// What an answer that says 429 and no more stands for.
const DEFAULT: Duration = Duration::from_secs(60);

/// The longest limit that is believed.
const LONGEST: f64 = 24.0 * 60.0 * 60.0;

impl RateLimits {
    pub(crate) fn is_limited(&self, category: Category, now: Duration) -> bool {
        now < self.until(category)
    }

    /// Until when Sentry wants nothing at all, not even a report of what was lost.
    pub(crate) fn all_until(&self) -> Duration {
        self.all
    }

    /// Takes in what an answer says. A date in it is one of the server's clock, which its `Date`
    /// tells; where that is missing, `now` has to do.
    pub(crate) fn heed<Body>(&mut self, now: (Duration, SystemTime), answer: &Response<Body>) {
        let headers = answer.headers();
        let limits = headers.get_all("x-sentry-rate-limits").iter();
        let limits: Vec<_> = limits.filter_map(|limit| limit.to_str().ok()).collect();
        let limits = (!limits.is_empty()).then(|| limits.join(","));
        let retry_after = headers.get(header::RETRY_AFTER).and_then(|it| it.to_str().ok());
        let wall = retry_after.and_then(|_| date(headers)).unwrap_or(now.1);
        self.update((now.0, wall), answer.status().as_u16(), limits.as_deref(), retry_after);
    }

    /// The same with the headers read: `limits` is `X-Sentry-Rate-Limits`, which comes with any
    /// status and makes `Retry-After` void; that one counts only with 429.
    pub(crate) fn update(
        &mut self,
        now: (Duration, SystemTime),
        status: u16,
        limits: Option<&str>,
        retry_after: Option<&str>,
    ) {
        match limits.map(str::trim).filter(|limits| !limits.is_empty()) {
            Some(limits) => limits.split(',').for_each(|limit| self.add(now.0, limit)),
            None if status == 429 => {
                let delay = retry_after.and_then(|text| delay(text, now.1)).unwrap_or(DEFAULT);
                extend(&mut self.all, now.0, delay);
            }
            None => {}
        }
    }

    pub(crate) fn of(&self, category: Category) -> Duration {
        match category {
            Category::Error => self.error,
            Category::LogByte | Category::LogItem => self.log,
            Category::Transaction => self.transaction,
            Category::Span => self.span,
        }
    }

    /// Until when things of this category may not be sent.
    pub(crate) fn until(&self, category: Category) -> Duration {
        self.all.max(self.of(category))
    }

    fn add(&mut self, now: Duration, limit: &str) {
        let mut fields = limit.trim().split(':');
        let Some(delay) = fields.next().and_then(seconds) else {
            return;
        };
        match fields.next().map(str::trim) {
            None => {}
            Some("") => extend(&mut self.all, now, delay),
            Some(categories) => {
                for category in categories.split(';') {
                    match category.trim() {
                        "error" => extend(&mut self.error, now, delay),
                        "log_byte" | "log_item" => extend(&mut self.log, now, delay),
                        "span" => extend(&mut self.span, now, delay),
                        "transaction" => extend(&mut self.transaction, now, delay),
                        _ => {}
                    }
                }
            }
        }
    }
}

/// What time the server says it is.
pub(crate) fn date(headers: &HeaderMap) -> Option<SystemTime> {
    let date = headers.get(header::DATE)?.to_str().ok()?;
    httpdate::parse_http_date(date.trim()).ok()
}

fn extend(deadline: &mut Duration, now: Duration, delay: Duration) {
    *deadline = now.saturating_add(delay).max(*deadline);
}

/// Whole seconds, rounded up.
fn seconds(text: &str) -> Option<Duration> {
    let seconds: f64 = text.trim().parse().ok().filter(|seconds: &f64| !seconds.is_nan())?;
    Some(Duration::from_secs_f64(seconds.clamp(0.0, LONGEST).ceil()))
}

fn delay(retry_after: &str, now: SystemTime) -> Option<Duration> {
    seconds(retry_after).or_else(|| {
        let date = httpdate::parse_http_date(retry_after.trim()).ok()?;
        let delay = date.duration_since(now).unwrap_or_default();
        Some(delay.min(Duration::from_secs_f64(LONGEST)))
    })
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::*;

    const NOW: Duration = Duration::from_secs(1000);

    fn wall() -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(1_795_167_627)
    }

    /// Seconds from now on for which (everything, errors, transactions) are off.
    fn after(answers: &[(u16, Option<&str>, Option<&str>)]) -> (u64, u64, u64) {
        let mut limits = RateLimits::default();
        for (status, header, retry_after) in answers {
            limits.update((NOW, wall()), *status, *header, *retry_after);
        }
        let left = |deadline: Duration| deadline.saturating_sub(NOW).as_secs();
        (left(limits.all), left(limits.error), left(limits.transaction))
    }

    #[test]
    fn every_form_of_answer_limits_what_it_names_and_no_more() {
        let day = 24 * 60 * 60;
        for (status, header, retry_after, expected) in [
            (200, Some("60:transaction:key"), None, (0, 0, 60)),
            (200, Some("60::organization"), None, (60, 0, 0)),
            (429, Some("60:error:key"), Some("3600"), (0, 60, 0)),
            (429, None, None, (60, 0, 0)),
            (429, None, Some("13"), (13, 0, 0)),
            (429, None, Some("Fri, 20 Nov 2026 09:42:27 GMT"), (120, 0, 0)),
            (429, None, Some("soon"), (60, 0, 0)),
            (429, Some(" "), None, (60, 0, 0)),
            (500, None, Some("30"), (0, 0, 0)),
            (200, Some("60:brand_new:key"), None, (0, 0, 0)),
            (200, Some("60:brand_new;error:key"), None, (0, 60, 0)),
            (200, Some("60:error"), None, (0, 60, 0)),
            (200, Some("60"), None, (0, 0, 0)),
            (200, Some("1.2:error:key"), None, (0, 2, 0)),
            (200, Some("-5:error:key"), None, (0, 0, 0)),
            (200, Some("1e30:error:key"), None, (0, day, 0)),
            (200, Some("inf::key"), None, (day, 0, 0)),
            (200, Some("NaN::key"), None, (0, 0, 0)),
            (
                200,
                Some(
                    "60:transaction;span:organization, 2700:default;error;security:organization:quota:x",
                ),
                None,
                (0, 2700, 60),
            ),
            (200, Some(" , 60:error:key ,"), None, (0, 60, 0)),
            (200, Some("60:metric_bucket:organization:x:custom"), None, (0, 0, 0)),
            (429, Some("60::key, 86400:transaction;span:organization"), None, (60, 0, day)),
        ] {
            assert_eq!(
                after(&[(status, header, retry_after)]),
                expected,
                "{status} {header:?} {retry_after:?}"
            );
        }
    }

    #[test]
    fn a_shorter_limit_never_shortens_a_longer_one() {
        let answers = [(200, Some("60:error:key"), None), (200, Some("2:error:key"), None)];
        assert_eq!(after(&answers), (0, 60, 0));
    }

    #[test]
    fn logs_are_limited_by_their_number_or_their_bytes() {
        for (limit, expected) in [("log_item", true), ("log_byte", true), ("transaction", false)] {
            let mut limits = RateLimits::default();
            limits.update((NOW, wall()), 200, Some(&format!("60:{limit}:key")), None);
            assert_eq!(limits.is_limited(Category::LogItem, NOW), expected, "{limit}");
            assert!(!limits.is_limited(Category::Error, NOW), "{limit}");
        }
    }

    #[test]
    fn each_limit_is_judged_alone() {
        let mut limits = RateLimits::default();
        limits.update((NOW, wall()), 200, Some("2::key, 60:error:key"), None);
        let limited =
            |category, seconds| limits.is_limited(category, NOW + Duration::from_secs(seconds));
        assert!(limited(Category::Transaction, 1) && limited(Category::Error, 1));
        assert!(!limited(Category::Transaction, 2) && limited(Category::Error, 59));
        assert!(!limited(Category::Error, 60));
    }
}
