/// A text in which `*` stands for any characters, or none.
///
/// Nothing else is special, not even `?`, which names and addresses have in them. Upper and lower
/// case differ.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Pattern {
    start: String,
    /// What follows each star.
    rest: Vec<String>,
}

impl Pattern {
    /// Whether the whole text is of this form; takes time in proportion to both lengths.
    pub(super) fn matches(&self, text: &str) -> bool {
        let Some(text) = text.strip_prefix(self.start.as_str()) else { return false };
        let Some((end, between)) = self.rest.split_last() else { return text.is_empty() };
        let Some(mut text) = text.strip_suffix(end.as_str()) else { return false };
        // The first place is as good as any: it leaves most for what follows.
        between.iter().all(|piece| {
            let after = text.split_once(piece.as_str()).map(|(_, after)| after);
            text = after.unwrap_or_default();
            after.is_some()
        })
    }
}

impl From<String> for Pattern {
    fn from(text: String) -> Self {
        let mut pieces = text.split('*').map(str::to_owned);
        Self { start: pieces.next().unwrap_or_default(), rest: pieces.collect() }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn matches(pattern: &str, text: &str) -> bool {
        Pattern::from(pattern.to_owned()).matches(text)
    }

    #[test]
    fn a_star_stands_for_any_characters_and_all_else_for_itself() {
        for (pattern, text, is_match) in [
            ("GET /health", "GET /health", true),
            ("GET /health", "GET /healthy", false),
            ("GET /health", "get /health", false),
            ("GET /health*", "GET /healthy", true),
            ("*/health", "GET /health", true),
            ("*health*", "GET /healthy", true),
            ("GET /*/items/*", "GET /users/7/items/9", true),
            ("GET /*/items/*", "GET /items/9", false),
            ("a*a", "a", false),
            ("a*a", "aa", true),
            ("a*b*b", "ab", false),
            ("*", "", true),
            ("**", "x", true),
            ("", "", true),
            ("", "x", false),
            ("/a?b=[1]", "/a?b=[1]", true),
            ("/a?", "/ab", false),
            ("grüß*", "grüße", true),
        ] {
            assert_eq!(matches(pattern, text), is_match, "{pattern:?} and {text:?}");
        }
    }

    #[test]
    fn a_pattern_of_many_stars_takes_no_time() {
        let (stars, text) = ("*a".repeat(20_000), "a".repeat(100_000));
        assert!(matches(&stars, &text));
        assert!(!matches(&format!("{stars}*b*"), &text));
    }

    /// The meaning of a pattern, letter by letter.
    fn means(pattern: &[u8], text: &[u8]) -> bool {
        match (pattern.split_first(), text.split_first()) {
            (Some((b'*', after)), _) => (0..=text.len()).any(|at| means(after, &text[at..])),
            (Some((letter, pattern)), Some((first, text))) => {
                letter == first && means(pattern, text)
            }
            (pattern, text) => pattern.is_none() && text.is_none(),
        }
    }

    proptest! {
        #[test]
        fn every_pattern_matches_what_it_means(pattern in "[ab*]{0,8}", text in "[ab]{0,8}") {
            let is_match = means(pattern.as_bytes(), text.as_bytes());
            prop_assert_eq!(matches(&pattern, &text), is_match);
        }
    }
}
