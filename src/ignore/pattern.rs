use std::str::Chars;

use regex_lite::{Regex, RegexBuilder};

/// What a text has to look like: a glob, or a regular expression.
///
/// A text is taken for a glob, which has to fit the whole of the other text, in the same case of
/// letters: `*` stands for any number of characters, slashes among them, `?` for exactly one, and
/// everything else for itself, braces and brackets as well. A regular expression fits wherever it
/// is found; `^` and `$` bind it to the ends.
#[derive(Clone, Debug)]
pub struct Pattern(Kind);

#[derive(Clone, Debug)]
enum Kind {
    Glob(String),
    Regex(Box<Regex>),
    /// A regular expression that is none, and why; fits nothing.
    Faulty(String),
}

/// How much memory one regular expression may take, in bytes.
///
/// The time for a match grows with this and with the length of the text, and with nothing else.
const MAX_REGEX_BYTES: usize = 64 * 1024;

impl Pattern {
    /// A regular expression in the syntax of the crate `regex-lite`: that of `regex`, without
    /// classes of Unicode such as `\p{Greek}`.
    ///
    /// One that cannot be read, or that takes more than 64 KiB, fits nothing, and is an error of
    /// [`build`](crate::SentrySpanExporterBuilder::build).
    pub fn regex(expression: impl AsRef<str>) -> Self {
        let expression = expression.as_ref();
        let regex = RegexBuilder::new(expression).size_limit(MAX_REGEX_BYTES).build();
        Self(match regex {
            Ok(regex) => Kind::Regex(Box::new(regex)),
            Err(error) => Kind::Faulty(format!("`{expression}` is no regular expression: {error}")),
        })
    }

    /// Whether a text looks like that.
    pub fn fits(&self, text: &str) -> bool {
        match &self.0 {
            Kind::Glob(glob) => glob_fits(glob, text),
            Kind::Regex(regex) => regex.is_match(text),
            Kind::Faulty(_) => false,
        }
    }

    pub(super) fn fault(&self) -> Option<&str> {
        match &self.0 {
            Kind::Faulty(fault) => Some(fault),
            Kind::Glob(_) | Kind::Regex(_) => None,
        }
    }
}

impl From<&str> for Pattern {
    fn from(glob: &str) -> Self {
        Self(Kind::Glob(glob.to_owned()))
    }
}

impl From<String> for Pattern {
    fn from(glob: String) -> Self {
        Self(Kind::Glob(glob))
    }
}

/// Takes at most as many steps as the product of both lengths: only the last star is tried again.
fn glob_fits(glob: &str, text: &str) -> bool {
    let (mut glob, mut text) = (glob.chars(), text.chars());
    let mut last_star: Option<(Chars<'_>, Chars<'_>)> = None;
    loop {
        let (mut after, mut rest) = (glob.clone(), text.clone());
        match (after.next(), rest.next()) {
            (Some('*'), _) => {
                last_star = Some((after.clone(), text.clone()));
                glob = after;
            }
            (Some(want), Some(is)) if want == '?' || want == is => (glob, text) = (after, rest),
            (None, None) => return true,
            _ => {
                // The star takes one character more.
                let Some((after, from)) = &mut last_star else { return false };
                if from.next().is_none() {
                    return false;
                }
                (glob, text) = (after.clone(), from.clone());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;

    #[test]
    fn a_glob_fits_the_whole_text() {
        for (glob, fitting, others) in [
            ("", &[""][..], &["a"][..]),
            ("*", &["", "a", "/a/b"], &[]),
            ("GET /health", &["GET /health"], &["GET /healthz", "get /health", "/health"]),
            ("GET /health*", &["GET /health", "GET /health/live"], &["POST /health", "GET /heal"]),
            ("*/metrics", &["GET /metrics", "/metrics"], &["/metrics/", "metrics"]),
            ("a*b*c", &["abc", "aXbXbYc", "a*b*c"], &["ab", "acb", "abcd"]),
            ("*ab*ab", &["abab", "xaababab"], &["ab", "aba", "ababx"]),
            ("/v?/é?", &["/v1/éa", "/vé/é?"], &["/v/éa", "/v12/éa", "/v1/é"]),
            ("GET /users/{id}", &["GET /users/{id}"], &["GET /users/7"]),
            ("a[bc]", &["a[bc]"], &["ab"]),
        ] {
            for text in fitting {
                assert!(Pattern::from(glob).fits(text), "{glob} {text}");
            }
            for text in others {
                assert!(!Pattern::from(glob).fits(text), "{glob} {text}");
            }
        }
    }

    #[test]
    fn a_regular_expression_fits_wherever_it_is_found() {
        let found = Pattern::regex("health(z|check)");
        assert!(found.fits("GET /healthz?full") && !found.fits("GET /health"));
        let bound = Pattern::regex(r"^(GET|HEAD) /\d+$");
        assert!(bound.fits("GET /12") && !bound.fits("GET /12/a"));
        assert_eq!((found.fault(), bound.fault()), (None, None));
    }

    #[test]
    fn what_is_no_regular_expression_fits_nothing_and_says_why() {
        for bad in ["(", "a{2,1}", "[", r"\p{Greek}", "(a{1000}){1000}"] {
            let pattern = Pattern::regex(bad);
            assert!(!pattern.fits("a") && !pattern.fits(bad));
            let fault = pattern.fault().unwrap();
            assert!(fault.starts_with(&format!("`{bad}` is no regular expression: ")), "{fault}");
        }
    }

    #[test]
    fn no_pattern_takes_time_without_bounds() {
        let text = "a".repeat(4 * 1024);
        let slow = |n| Pattern::regex(format!("(a?){{{n}}}a{{{n}}}b"));
        let largest = (1..100).rev().map(|n| slow(n * 20)).find(|slow| slow.fault().is_none());
        let patterns = [
            Pattern::from("*a".repeat(200) + "b"),
            Pattern::regex("(a*)*(a|aa)*b"),
            largest.expect("one that is taken"),
        ];
        for pattern in patterns {
            assert_eq!(pattern.fault(), None);
            let started = Instant::now();
            assert!(!pattern.fits(&text), "{pattern:?}");
            assert!(started.elapsed() < Duration::from_secs(20), "{:?}", started.elapsed());
        }
    }
}
