use std::collections::HashSet;

use super::family::{Families, Family};
use super::key::{self, Verdict};

/// What is taken out of spans and errors before they are sent.
///
/// By default everything that [`Family`] lists; values become `[Filtered]`, literals of queries
/// `?`. Transactions, spans, links, breadcrumbs and errors are treated alike. Consent to personal
/// data opens some of it, but never secrets; `docs/privacy.md` tells what.
///
/// ```
/// use opentelemetry_sentry::{Family, Scrubbing};
///
/// let scrubbing = Scrubbing::default()
///     .with_denied_keys(["customer_number", "iban"])
///     .with_allowed_keys(["csrf.outcome"])
///     .without(Family::SqlLiterals);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scrubbing {
    pub(super) families: Families,
    denied: HashSet<String>,
    allowed: HashSet<String>,
}

impl Scrubbing {
    /// Further keys whose values are secrets, of attributes, JSON, forms and query strings.
    ///
    /// A key is meant as a whole, or the last part of one with dots: `iban` is also
    /// `customer.iban`, but not `iban_country`. Capitals, `-` and `_` make no difference. Calls add
    /// up. Default: none beyond the built-in list. Belongs to [`Family::SecretKeys`].
    #[must_use]
    pub fn with_denied_keys<K: AsRef<str>>(mut self, keys: impl IntoIterator<Item = K>) -> Self {
        self.denied.extend(keys.into_iter().map(|key| key::normal(key.as_ref())));
        self
    }

    /// Keys whose values are sent as they are, whatever the lists and the text say.
    ///
    /// Keys are meant as in [`with_denied_keys`](Self::with_denied_keys), and win over those. Calls
    /// add up. Default: none.
    #[must_use]
    pub fn with_allowed_keys<K: AsRef<str>>(mut self, keys: impl IntoIterator<Item = K>) -> Self {
        self.allowed.extend(keys.into_iter().map(|key| key::normal(key.as_ref())));
        self
    }

    /// Looks for this family no more. Default: all are looked for.
    #[must_use]
    pub fn without(mut self, family: Family) -> Self {
        self.families = self.families.without(family);
        self
    }

    /// Whether there are keys that the user has listed.
    pub(super) fn has_lists(&self) -> bool {
        !self.allowed.is_empty() || !self.denied.is_empty()
    }

    /// What a key says of its value.
    pub(super) fn judge(&self, key: &str) -> Verdict {
        if self.has_lists() {
            if is_listed(&self.allowed, key) {
                return Verdict::Allowed;
            }
            if is_listed(&self.denied, key) {
                return Verdict::Secret;
            }
        }
        key::judge(key)
    }
}

fn is_listed(list: &HashSet<String>, key: &str) -> bool {
    if list.is_empty() {
        return false;
    }
    let last = key.rsplit('.').next().unwrap_or(key);
    list.contains(&key::normal(last)) || list.contains(&key::normal(key))
}
