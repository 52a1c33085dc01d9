use tracing_core::{Level, LevelFilter};

/// Which events of spans make issues and which are breadcrumbs, by level and target.
///
/// It is asked about events that say their `level`, as those of `tracing` do. An exception that
/// was recorded without one, as by OpenTelemetry's `record_error`, always makes an issue, and so
/// does what is fatal, such as a panic; any other event without a level counts as one of `INFO`
/// that makes no issue. The target is the attribute `target`, else the instrumentation scope.
///
/// ```
/// use opentelemetry_sentry::{EventFilter, LevelFilter};
///
/// let filter = EventFilter::new()
///     .with_issues(LevelFilter::WARN)
///     .with_breadcrumbs(LevelFilter::INFO)
///     // What the driver calls an error, the application tells again where it matters.
///     .with_target_issues("sqlx", LevelFilter::OFF)
///     .with_target_breadcrumbs("hyper", LevelFilter::WARN);
/// # let _ = filter;
/// ```
#[derive(Clone, Debug)]
pub struct EventFilter {
    issues: Threshold,
    breadcrumbs: Threshold,
}

/// From which level on something is taken, by target.
#[derive(Clone, Debug)]
struct Threshold {
    from: LevelFilter,
    /// By prefix of the target.
    targets: Vec<(String, LevelFilter)>,
}

/// What becomes of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Capture {
    Issue,
    Breadcrumb,
    Nothing,
}

impl EventFilter {
    /// The default: issues from `ERROR` on, all others are breadcrumbs.
    pub fn new() -> Self {
        let threshold = |from| Threshold { from, targets: Vec::new() };
        Self { issues: threshold(LevelFilter::ERROR), breadcrumbs: threshold(LevelFilter::TRACE) }
    }

    /// Events of this level and worse make issues; `OFF` for none. Default: `ERROR`.
    #[must_use]
    pub fn with_issues(mut self, from: LevelFilter) -> Self {
        self.issues.from = from;
        self
    }

    /// Other events of this level and worse are breadcrumbs; `OFF` for none. Default: `TRACE`.
    #[must_use]
    pub fn with_breadcrumbs(mut self, from: LevelFilter) -> Self {
        self.breadcrumbs.from = from;
        self
    }

    /// The same as [`with_issues`](Self::with_issues) for the events of a module and all in it,
    /// such as `sqlx` or `shop::cart`. Of several that fit, the longest counts. Default: none.
    #[must_use]
    pub fn with_target_issues(mut self, target: impl Into<String>, from: LevelFilter) -> Self {
        self.issues.targets.push((target.into(), from));
        self
    }

    /// The same as [`with_breadcrumbs`](Self::with_breadcrumbs) for the events of a module and
    /// all in it. Of several that fit, the longest counts. Default: none.
    #[must_use]
    pub fn with_target_breadcrumbs(mut self, target: impl Into<String>, from: LevelFilter) -> Self {
        self.breadcrumbs.targets.push((target.into(), from));
        self
    }

    pub(super) fn decide(&self, level: Level, target: &str) -> Capture {
        if self.issues.takes(level, target) {
            return Capture::Issue;
        }
        self.decide_below_issue(level, target)
    }

    /// The same for what is no issue in any case.
    pub(super) fn decide_below_issue(&self, level: Level, target: &str) -> Capture {
        let is_taken = self.breadcrumbs.takes(level, target);
        if is_taken { Capture::Breadcrumb } else { Capture::Nothing }
    }
}

impl Default for EventFilter {
    fn default() -> Self {
        Self::new()
    }
}

impl Threshold {
    fn takes(&self, level: Level, target: &str) -> bool {
        let fitting = self.targets.iter().filter(|(prefix, _)| is_in(target, prefix));
        // Of two calls with the same target the later one counts.
        let longest = fitting.max_by_key(|(prefix, _)| prefix.trim_end_matches("::").len());
        level <= longest.map_or(self.from, |(_, from)| *from)
    }
}

/// Whether a target is that of a module or of something in it: `shop::cart` in `shop`, but not
/// `shopping`.
fn is_in(target: &str, module: &str) -> bool {
    let is_part = |letter: char| letter.is_alphanumeric() || letter == '_';
    target
        .strip_prefix(module.trim_end_matches("::"))
        .is_some_and(|rest| !rest.starts_with(is_part) && rest.len() < target.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decide(filter: &EventFilter, target: &str) -> [Capture; 5] {
        [Level::ERROR, Level::WARN, Level::INFO, Level::DEBUG, Level::TRACE]
            .map(|level| filter.decide(level, target))
    }

    const I: Capture = Capture::Issue;
    const B: Capture = Capture::Breadcrumb;
    const N: Capture = Capture::Nothing;

    #[test]
    fn by_default_errors_are_issues_and_all_else_is_on_the_way() {
        assert_eq!(decide(&EventFilter::default(), "shop"), [I, B, B, B, B]);
    }

    #[test]
    fn issues_and_breadcrumbs_begin_at_the_levels_that_are_given() {
        let filter = EventFilter::new().with_issues(LevelFilter::WARN);
        assert_eq!(decide(&filter, "shop"), [I, I, B, B, B]);
        let filter = filter.with_breadcrumbs(LevelFilter::INFO);
        assert_eq!(decide(&filter, "shop"), [I, I, B, N, N]);
        let filter = filter.with_issues(LevelFilter::OFF);
        assert_eq!(decide(&filter, "shop"), [B, B, B, N, N]);
        assert_eq!(decide(&filter.with_breadcrumbs(LevelFilter::OFF), ""), [N; 5]);
    }

    #[test]
    fn the_longest_target_counts_for_issues_and_for_breadcrumbs_apart() {
        let filter = EventFilter::new()
            .with_target_issues("shop::cart", LevelFilter::INFO)
            .with_target_issues("shop", LevelFilter::OFF)
            .with_target_breadcrumbs("shop", LevelFilter::WARN);
        assert_eq!(decide(&filter, "shop::list"), [B, B, N, N, N]);
        assert_eq!(decide(&filter, "shop::cart::total"), [I, I, I, N, N]);
        assert_eq!(decide(&filter, "sqlx"), [I, B, B, B, B]);
    }

    #[test]
    fn of_two_calls_with_one_target_the_later_counts() {
        let filter = EventFilter::new()
            .with_target_issues("shop", LevelFilter::INFO)
            .with_target_issues("shop::", LevelFilter::OFF);
        assert_eq!(decide(&filter, "shop"), [B; 5]);
    }

    #[test]
    fn a_target_ends_where_a_name_ends() {
        for (target, module) in [("shop", "shop"), ("shop::cart", "shop::"), ("audit.pay", "audit")]
        {
            assert!(is_in(target, module), "{target} {module}");
        }
        for (target, module) in [("shopping", "shop"), ("shop_core", "shop"), ("a", ""), ("a", "b")]
        {
            assert!(!is_in(target, module), "{target} {module}");
        }
    }
}
