//! What the process that started this one says of its trace.

use std::env::VarError;

use opentelemetry::propagation::Extractor;

use super::baggage;
use super::propagator::SENTRY_TRACE;
use crate::environment::Environment;

/// The headers that are in the environment, as a carrier.
pub(super) struct Inherited(Vec<(&'static str, String)>);

/// The variables of headers.
const VARIABLES: [(&str, &str); 2] =
    [(SENTRY_TRACE, "SENTRY_TRACE"), (baggage::HEADER, "SENTRY_BAGGAGE")];

/// The variable that says whether those count, and how it says no.
const SWITCH: &str = "SENTRY_USE_ENVIRONMENT";
const NO: [&str; 6] = ["false", "f", "no", "n", "off", "0"];

impl Inherited {
    /// What cannot be read is as good as none.
    pub(super) fn of<Read>(environment: &Environment<Read>) -> Self
    where
        Read: Fn(&str) -> Result<String, VarError>,
    {
        let read = |variable| (environment.0)(variable).ok().map(|text| text.trim().to_owned());
        let says_no = |text: String| NO.iter().any(|no| text.eq_ignore_ascii_case(no));
        if read(SWITCH).is_some_and(says_no) {
            return Self(Vec::new());
        }
        let headers = VARIABLES.iter().filter_map(|(key, name)| Some((*key, read(name)?)));
        Self(headers.filter(|(_, text)| !text.is_empty()).collect())
    }
}

impl Extractor for Inherited {
    fn get(&self, key: &str) -> Option<&str> {
        self.0.iter().find(|(own, _)| own.eq_ignore_ascii_case(key)).map(|(_, text)| text.as_str())
    }

    fn keys(&self) -> Vec<&str> {
        self.0.iter().map(|(key, _)| *key).collect()
    }
}
