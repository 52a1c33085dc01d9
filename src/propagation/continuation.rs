/// Which traces of others are continued (rule DSC-3).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Continuation {
    /// The organization that spans are sent to, as text.
    pub(crate) org_id: Option<String>,
    pub(crate) is_strict: bool,
}

impl Continuation {
    /// The same with the organization that the first label of a host names, where none is set
    /// (rule DSC-7).
    pub(crate) fn or_host(mut self, host: &str) -> Self {
        let label = host.split_once('.').and_then(|(label, _)| label.strip_prefix('o'));
        let id = label.and_then(|digits| digits.parse::<u64>().ok());
        self.org_id = self.org_id.or(id.map(|id| id.to_string()));
        self
    }

    /// Whether a trace that a service of this organization began is continued.
    ///
    /// <https://develop.sentry.dev/sdk/foundations/trace-propagation/#strict-trace-continuation>
    pub(super) fn allows(&self, theirs: Option<&str>) -> bool {
        match (self.org_id.as_deref(), theirs.filter(|id| !id.is_empty())) {
            (Some(own), Some(theirs)) => own == theirs,
            (None, None) => true,
            _ => !self.is_strict,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_organization_comes_from_the_host_unless_it_is_set() {
        let id = |host| Continuation::default().or_host(host).org_id;
        assert_eq!(id("o123456.sentry.io").as_deref(), Some("123456"));
        assert_eq!(id("o1.ingest.de.sentry.io").as_deref(), Some("1"));
        for host in ["my-org.sentry.io", "sentry.example.com", "o12", "localhost", "ox.y"] {
            assert_eq!(id(host), None, "{host}");
        }
        let set = Continuation { org_id: Some("7".into()), is_strict: false };
        assert_eq!(set.or_host("o1.ingest.sentry.io").org_id.as_deref(), Some("7"));
    }

    #[test]
    fn another_organization_is_never_continued_and_an_unknown_one_only_if_not_strict() {
        for (own, theirs, allowed, allowed_strictly) in [
            (Some("1"), Some("1"), true, true),
            (Some("1"), Some("2"), false, false),
            (Some("1"), None, true, false),
            (Some("1"), Some(""), true, false),
            (None, Some("1"), true, false),
            (None, None, true, true),
        ] {
            for (is_strict, expected) in [(false, allowed), (true, allowed_strictly)] {
                let continuation = Continuation { org_id: own.map(str::to_owned), is_strict };
                assert_eq!(continuation.allows(theirs), expected, "{continuation:?} {theirs:?}");
            }
        }
    }
}
