/// A form for a whole text: `*` stands for any characters, `?` for one, all others for themselves.
///
/// It is what stands before, between and after the stars.
#[derive(Clone, Debug)]
pub(super) struct Glob {
    start: Piece,
    /// What follows each star.
    rest: Vec<Piece>,
}

/// A part without a star.
#[derive(Clone, Debug)]
struct Piece {
    text: String,
    has_marks: bool,
}

impl Glob {
    /// Whether the whole text is of this form; takes time in proportion to both lengths, and up to
    /// that of their product only where a part between two stars has a `?`.
    pub(super) fn fits(&self, text: &str) -> bool {
        let Some(text) = self.start.strip_start(text) else { return false };
        let Some((end, between)) = self.rest.split_last() else { return text.is_empty() };
        let Some(mut text) = end.strip_end(text) else { return false };
        // The first place is as good as any: it leaves most for what follows.
        between.iter().all(|piece| {
            let after = piece.find(text);
            text = after.unwrap_or_default();
            after.is_some()
        })
    }
}

impl From<&str> for Glob {
    fn from(glob: &str) -> Self {
        let piece = |text: &str| Piece { text: text.to_owned(), has_marks: text.contains('?') };
        let mut pieces = glob.split('*').map(piece);
        let start = pieces.next().unwrap_or_else(|| piece(""));
        Self { start, rest: pieces.collect() }
    }
}

impl Piece {
    /// What follows, if the text begins with this.
    fn strip_start<'a>(&self, text: &'a str) -> Option<&'a str> {
        if !self.has_marks {
            return text.strip_prefix(self.text.as_str());
        }
        let mut rest = text.chars();
        let is_it = self
            .text
            .chars()
            .all(|wanted| rest.next().is_some_and(|letter| wanted == '?' || wanted == letter));
        is_it.then_some(rest.as_str())
    }

    /// What stands before, if the text ends with this.
    fn strip_end<'a>(&self, text: &'a str) -> Option<&'a str> {
        if !self.has_marks {
            return text.strip_suffix(self.text.as_str());
        }
        let mut rest = text.chars();
        let is_it =
            self.text.chars().rev().all(|wanted| {
                rest.next_back().is_some_and(|letter| wanted == '?' || wanted == letter)
            });
        is_it.then_some(rest.as_str())
    }

    /// What follows the first place where this stands.
    fn find<'a>(&self, text: &'a str) -> Option<&'a str> {
        if !self.has_marks {
            return text.split_once(self.text.as_str()).map(|(_, after)| after);
        }
        let mut from = text.chars();
        loop {
            if let Some(after) = self.strip_start(from.as_str()) {
                return Some(after);
            }
            from.next()?;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn fits(glob: &str, text: &str) -> bool {
        Glob::from(glob).fits(text)
    }

    #[test]
    fn a_glob_fits_the_whole_text() {
        for (glob, fitting, others) in [
            ("", &[""][..], &["a"][..]),
            ("*", &["", "a", "/a/b", "a\nb"], &[]),
            ("**", &["", "x"], &[]),
            ("?", &["a", "é"], &["", "ab"]),
            ("GET /health", &["GET /health"], &["GET /healthz", "get /health", "/health"]),
            ("GET /health*", &["GET /health", "GET /health/live"], &["POST /health", "GET /heal"]),
            ("*/metrics", &["GET /metrics", "/metrics"], &["/metrics/", "metrics"]),
            ("*locked", &["the table is locked", "locked"], &["locked out"]),
            ("GET /*/items/*", &["GET /users/7/items/9"], &["GET /items/9"]),
            ("a*a", &["aa"], &["a"]),
            ("a*b*c", &["abc", "aXbXbYc", "a*b*c"], &["ab", "acb", "abcd"]),
            ("a*b*b", &["abb"], &["ab"]),
            ("*aab", &["aaab"], &["aaba"]),
            ("*ab*ab", &["abab", "xaababab"], &["ab", "aba", "ababx"]),
            ("*a?c*", &["abc", "aabcc", "xaéc"], &["ac", "abbc"]),
            ("/v?/é?", &["/v1/éa", "/vé/é?"], &["/v/éa", "/v12/éa", "/v1/é"]),
            ("/a?b=[1]", &["/a?b=[1]", "/a/b=[1]"], &["/ab=[1]", "/a?b=1"]),
            ("GET /users/{id}", &["GET /users/{id}"], &["GET /users/7"]),
            ("a[bc]", &["a[bc]"], &["ab"]),
            ("Io(*)", &["Io(NotFound)"], &["io(NotFound)"]),
            ("grüß*", &["grüße"], &["grußen"]),
        ] {
            for text in fitting {
                assert!(fits(glob, text), "{glob:?} and {text:?}");
            }
            for text in others {
                assert!(!fits(glob, text), "{glob:?} and {text:?}");
            }
        }
    }

    #[test]
    fn a_glob_of_many_stars_takes_no_time() {
        let (stars, text) = ("*a".repeat(20_000), "a".repeat(100_000));
        assert!(fits(&stars, &text));
        assert!(!fits(&format!("{stars}*b*"), &text));
        assert!(!fits(&format!("*{}b*", "a".repeat(50_000)), &text));
    }

    /// The meaning of a glob, letter by letter.
    fn means(glob: &[char], text: &[char]) -> bool {
        match (glob, text) {
            ([], []) => true,
            (['*', rest @ ..], _) => (0..=text.len()).any(|taken| means(rest, &text[taken..])),
            ([wanted, glob @ ..], [letter, text @ ..]) => {
                (*wanted == '?' || wanted == letter) && means(glob, text)
            }
            _ => false,
        }
    }

    proptest! {
        #[test]
        fn every_glob_fits_what_it_means(glob in "[abé*?]{0,8}", text in "[abé]{0,8}") {
            let chars = |text: &str| text.chars().collect::<Vec<_>>();
            prop_assert_eq!(fits(&glob, &text), means(&chars(&glob), &chars(&text)));
        }
    }
}
