use std::borrow::Cow;

/// What Sentry shows in place of a value that was taken out.
pub(super) const FILTERED: &str = "[Filtered]";

/// A text with the user info of every URL in it replaced (rules URL-2 and URL-5).
pub(crate) fn without_user_info(text: &str) -> Cow<'_, str> {
    urls(text, url_without_user_info)
}

/// A text without user info and query values of the URLs in it.
pub(super) fn text_without_secrets(text: &str) -> Cow<'_, str> {
    urls(text, |url| match url_without_values(url) {
        Cow::Owned(clean) => Some(clean),
        Cow::Borrowed(_) => None,
    })
}

/// A URL, or the target of a request, without user info, query values and fragment.
pub(super) fn url_without_values(url: &str) -> Cow<'_, str> {
    let clean = match url_without_user_info(url) {
        Some(clean) => Cow::Owned(clean),
        None => Cow::Borrowed(url),
    };
    let Some((base, rest)) = clean.split_once(['?', '#']) else { return clean };
    let query = clean.get(base.len()..).unwrap_or_default();
    match query.strip_prefix('?') {
        Some(_) => {
            let query = rest.split('#').next().unwrap_or_default();
            format!("{base}?{}", without_values(query)).into()
        }
        None => base.to_owned().into(),
    }
}

/// A query string with its keys and no values.
pub(super) fn without_values(query: &str) -> String {
    let pair = |pair: &str| match pair.split_once('=') {
        Some((key, value)) if !value.is_empty() => format!("{key}={FILTERED}"),
        _ => pair.to_owned(),
    };
    query.split('&').map(pair).collect::<Vec<_>>().join("&")
}

/// The text of a query with `?` in place of texts in quotes and of numbers.
///
/// Numbers that are part of a name or of a parameter, such as `t1`, `$1` or `:1`, stay.
pub(super) fn without_literals(query: &str) -> Cow<'_, str> {
    let mut out = String::with_capacity(query.len());
    let mut changed = false;
    let mut before = ' ';
    let mut chars = query.chars().peekable();
    while let Some(char) = chars.next() {
        let is_part =
            before.is_alphanumeric() || matches!(before, '_' | '$' | ':' | '?' | '@' | '#');
        if char == '\'' {
            // Two quotes in a row, and a quote behind a backslash, are part of the text.
            while let Some(char) = chars.next() {
                match char {
                    '\\' => drop(chars.next()),
                    '\'' if chars.peek() == Some(&'\'') => drop(chars.next()),
                    '\'' => break,
                    _ => {}
                }
            }
            out.push('?');
            changed = true;
        } else if char.is_ascii_digit() && !is_part {
            while chars.next_if(|next| next.is_ascii_alphanumeric() || *next == '.').is_some() {}
            out.push('?');
            changed = true;
        } else {
            out.push(char);
        }
        before = char;
    }
    if changed { out.into() } else { query.into() }
}

/// Replaces the URLs in a text for which `clean` gives something else.
fn urls(text: &str, clean: impl Fn(&str) -> Option<String>) -> Cow<'_, str> {
    if !text.contains("://") {
        return text.into();
    }
    let is_end =
        |char: char| char.is_whitespace() || matches!(char, '"' | '\'' | '`' | '<' | '>' | ')');
    let mut out = String::new();
    let mut changed = false;
    for part in text.split_inclusive(is_end) {
        let url = part.strip_suffix(is_end).unwrap_or(part);
        let start = url.find("://").map(|at| scheme_start(url, at));
        match start.and_then(|start| url.split_at_checked(start)) {
            Some((head, url)) => {
                let cleaned = clean(url);
                changed |= cleaned.is_some();
                out.push_str(head);
                out.push_str(cleaned.as_deref().unwrap_or(url));
                out.push_str(part.get(head.len().saturating_add(url.len())..).unwrap_or_default());
            }
            None => out.push_str(part),
        }
    }
    if changed { out.into() } else { text.into() }
}

/// Where the scheme begins that ends at `end`.
fn scheme_start(text: &str, end: usize) -> usize {
    let is_scheme = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.');
    let head = text.as_bytes().iter().take(end).rev();
    end.saturating_sub(head.take_while(|byte| is_scheme(byte)).count())
}

/// The URL with its user info replaced, if it has one.
fn url_without_user_info(url: &str) -> Option<String> {
    let (scheme, rest) = url.split_once("://")?;
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, tail) = rest.split_at_checked(end)?;
    match authority.rsplit_once('@')? {
        ("[Filtered]:[Filtered]", _) => None,
        (_, host) => Some(format!("{scheme}://[Filtered]:[Filtered]@{host}{tail}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_in_texts_lose_what_is_secret_and_the_rest_stays() {
        for (text, clean) in [
            ("no url", "no url"),
            ("see https://host mail me@x.org", "see https://host mail me@x.org"),
            (
                "error for url (https://u:S@h/p?api_key=S&b) again",
                "error for url (https://[Filtered]:[Filtered]@h/p?api_key=[Filtered]&b) again",
            ),
            (
                "GET https://bob:pw@h/x?token=1",
                "GET https://[Filtered]:[Filtered]@h/x?token=[Filtered]",
            ),
            ("é=postgres://u:p@h/db", "é=postgres://[Filtered]:[Filtered]@h/db"),
            ("https://h/#access_token=1", "https://h/"),
            ("://", "://"),
        ] {
            assert_eq!(text_without_secrets(text), clean);
            let twice = text_without_secrets(clean).into_owned();
            assert_eq!(twice, clean, "once more changes nothing");
        }
        assert_eq!(without_user_info("a://u:p@h?x=1 b"), "a://[Filtered]:[Filtered]@h?x=1 b");
        assert_eq!(url_without_values("/a?token=1#x"), "/a?token=[Filtered]");
    }

    #[test]
    fn literals_of_queries_become_question_marks() {
        for (query, clean) in [
            (
                "SELECT * FROM t1 WHERE id = $1 AND n = ?2",
                "SELECT * FROM t1 WHERE id = $1 AND n = ?2",
            ),
            ("SELECT 'it''s', 'a\\'b', 1.5e3 FROM \"T 1\"", "SELECT ?, ?, ? FROM \"T ?\""),
            ("UPDATE u SET p='x", "UPDATE u SET p=?"),
            ("LIMIT 10", "LIMIT ?"),
        ] {
            assert_eq!(without_literals(query), clean);
        }
    }
}
