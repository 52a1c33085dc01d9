mod glob;

use regex_lite::{Regex, RegexBuilder};

use self::glob::Glob;
use crate::error::BuildError;

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
    Glob(Glob),
    Regex(Box<Regex>),
    /// A regular expression that is none, and why; fits nothing.
    Faulty(String),
}

/// How much memory one regular expression may take, in bytes.
///
/// The time for a match grows with this and with the length of the text, and with nothing else.
const MAX_REGEX_BYTES: usize = 64 * 1024;

/// How much of a text a regular expression sees, in bytes.
const MAX_TEXT_BYTES: usize = 16 * 1024;

impl Pattern {
    /// A regular expression in the syntax of the crate `regex-lite`: that of `regex`, without
    /// classes of Unicode such as `\p{Greek}`. Of a text of more than 16 KiB it sees the
    /// beginning.
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
            Kind::Glob(glob) => glob.fits(text),
            Kind::Regex(regex) => regex.is_match(beginning(text)),
            Kind::Faulty(_) => false,
        }
    }

    /// Whether patterns that a setter was given can work.
    pub(crate) fn check<'a>(
        setting: &'static str,
        patterns: impl IntoIterator<Item = &'a Self>,
    ) -> Result<(), BuildError> {
        match patterns.into_iter().find_map(Self::fault) {
            Some(fault) => Err(BuildError::InvalidSetting {
                setting,
                reason: fault.to_owned(),
                remedy: "use a glob such as `GET /health*`, or an expression such as `^GET /health`",
            }),
            None => Ok(()),
        }
    }

    fn fault(&self) -> Option<&str> {
        match &self.0 {
            Kind::Faulty(fault) => Some(fault),
            Kind::Glob(_) | Kind::Regex(_) => None,
        }
    }
}

impl From<&str> for Pattern {
    /// A glob.
    fn from(glob: &str) -> Self {
        Self(Kind::Glob(glob.into()))
    }
}

impl From<String> for Pattern {
    /// A glob.
    fn from(glob: String) -> Self {
        glob.as_str().into()
    }
}

impl From<&String> for Pattern {
    /// A glob.
    fn from(glob: &String) -> Self {
        glob.as_str().into()
    }
}

fn beginning(text: &str) -> &str {
    let ends = (0..=MAX_TEXT_BYTES.min(text.len())).rev();
    ends.into_iter().find_map(|end| text.get(..end)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;

    #[test]
    fn a_text_is_a_glob_and_no_expression() {
        for glob in [Pattern::from("a.*"), "a.*".to_owned().into(), (&"a.*".to_owned()).into()] {
            assert!(glob.fits("a.b") && !glob.fits("ab") && !glob.fits("xa.b"), "{glob:?}");
            assert_eq!(glob.fault(), None);
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
            let error = Pattern::check("with_it", [&"a".into(), &pattern]).unwrap_err();
            assert!(error.to_string().starts_with(&format!("with_it: {fault}; ")), "{error}");
        }
        assert_eq!(Pattern::check("with_it", [&"(".into(), &Pattern::regex("a")]), Ok(()));
    }

    #[test]
    fn no_pattern_takes_time_without_bounds() {
        let text = "a".repeat(4 * 1024);
        let slow = |n| Pattern::regex(format!("(a?){{{n}}}a{{{n}}}b"));
        let largest = (1..100).rev().map(|n| slow(n * 20)).find(|slow| slow.fault().is_none());
        let patterns = [
            Pattern::from("*a".repeat(200) + "b"),
            Pattern::from("*a".repeat(200) + "?b*"),
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

    #[test]
    fn a_regular_expression_sees_the_beginning_of_a_long_text() {
        let pattern = Pattern::regex("b");
        let text = |before: usize| "é".repeat(before) + "b";
        assert!(pattern.fits(&text(MAX_TEXT_BYTES / 2 - 1)));
        assert!(!pattern.fits(&text(MAX_TEXT_BYTES / 2)));
        assert!(Pattern::from("*b").fits(&text(MAX_TEXT_BYTES)));
    }
}
