use std::borrow::Cow;

use opentelemetry::InstrumentationScope;

use super::around::Around;
use super::scrubber::Scrubber;
use super::text::{self, Kind};

impl Scrubber {
    /// The scope, if something had to be taken out of it.
    pub(super) fn scope(
        &self,
        scope: &InstrumentationScope,
        around: Around,
    ) -> Option<InstrumentationScope> {
        let is_calm = !self.settings.has_lists()
            && scope.attributes().next().is_none()
            && text::is_calm(scope.name())
            && scope.version().is_none_or(text::is_calm);
        if is_calm {
            return None;
        }
        let name = self.text(scope.name(), Kind::Text);
        let version = scope.version().map(|version| self.text(version, Kind::Text));
        let before: Vec<_> = scope.attributes().cloned().collect();
        let mut after = before.clone();
        self.attributes(&mut after, around.of(&before));
        let is_same = matches!(name, Cow::Borrowed(_))
            && !matches!(version, Some(Cow::Owned(_)))
            && before == after;
        if is_same {
            return None;
        }
        let mut clean = InstrumentationScope::builder(name.into_owned()).with_attributes(after);
        if let Some(version) = version {
            clean = clean.with_version(version.into_owned());
        }
        Some(clean.build())
    }
}
