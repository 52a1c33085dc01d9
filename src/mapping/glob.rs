use std::str::Chars;

/// A pattern for a whole text: `*` stands for any letters, `?` for one, all others for themselves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Glob(String);

impl Glob {
    pub(super) fn new(pattern: impl Into<String>) -> Self {
        Self(pattern.into())
    }

    pub(super) fn matches(&self, text: &str) -> bool {
        let (mut pattern, mut text) = (self.0.chars(), text.chars());
        // Where to go on if the last star stands for one letter more.
        let mut star: Option<(Chars<'_>, Chars<'_>)> = None;
        loop {
            let (mut pattern_rest, mut text_rest) = (pattern.clone(), text.clone());
            match (pattern_rest.next(), text_rest.next()) {
                (Some('*'), _) => {
                    star = Some((pattern_rest.clone(), text.clone()));
                    pattern = pattern_rest;
                }
                (None, None) => return true,
                (Some(wanted), Some(letter)) if wanted == '?' || wanted == letter => {
                    (pattern, text) = (pattern_rest, text_rest);
                }
                (Some(_), None) => return false,
                _ => {
                    let Some((after, from)) = &mut star else { return false };
                    from.next();
                    (pattern, text) = (after.clone(), from.clone());
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn matches(pattern: &str, text: &str) -> bool {
        Glob::new(pattern).matches(text)
    }

    #[test]
    fn a_pattern_is_for_the_whole_text() {
        for (pattern, text) in [
            ("", ""),
            ("*", ""),
            ("*", "a\nb"),
            ("locked", "locked"),
            ("*locked", "the table is locked"),
            ("the*is*ed", "the table is locked"),
            ("*aab", "aaab"),
            ("é?l", "éèl"),
            ("a**b", "ab"),
            ("Io(*)", "Io(NotFound)"),
        ] {
            assert!(matches(pattern, text), "{pattern} {text}");
        }
        for (pattern, text) in [
            ("", "a"),
            ("lock", "locked"),
            ("locked", "the table is locked"),
            ("?", ""),
            ("*a", "ab"),
            ("A", "a"),
            ("a*b*c", "acb"),
        ] {
            assert!(!matches(pattern, text), "{pattern} {text}");
        }
    }

    #[test]
    fn many_stars_take_no_longer_than_one_after_the_other() {
        let text = "a".repeat(8000);
        assert!(!matches(&format!("{}b", "*a".repeat(500)), &text));
    }

    /// The same by definition.
    fn by_definition(pattern: &[char], text: &[char]) -> bool {
        match (pattern, text) {
            ([], []) => true,
            (['*', rest @ ..], _) => {
                (0..=text.len()).any(|taken| by_definition(rest, &text[taken..]))
            }
            ([wanted, pattern @ ..], [letter, text @ ..]) => {
                (*wanted == '?' || wanted == letter) && by_definition(pattern, text)
            }
            _ => false,
        }
    }

    proptest! {
        #[test]
        fn it_is_what_the_definition_says(pattern in "[ab*?]{0,8}", text in "[abé]{0,8}") {
            let chars = |text: &str| text.chars().collect::<Vec<_>>();
            prop_assert_eq!(
                matches(&pattern, &text),
                by_definition(&chars(&pattern), &chars(&text))
            );
        }
    }
}
