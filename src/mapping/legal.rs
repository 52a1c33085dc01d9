//! Texts that Sentry removes whole, with an error shown to the user, if they break a rule (R23).

/// What is wrong with a release, if anything.
pub(crate) fn release_fault(release: &str) -> Option<&'static str> {
    match release {
        "" => Some("it is empty"),
        "." | ".." | "latest" => Some("Sentry keeps this word for itself"),
        _ if release.trim() != release => Some("it begins or ends with a blank"),
        _ if release.len() > 200 => Some("it is longer than 200 bytes"),
        _ if release.contains(['/', '\\']) => Some("it contains a slash"),
        _ if release.contains(char::is_control) => Some("it contains a line break or tab"),
        _ => None,
    }
}

/// What is wrong with an environment, if anything.
pub(crate) fn environment_fault(environment: &str) -> Option<&'static str> {
    match environment {
        "" => Some("it is empty"),
        "." | ".." => Some("Sentry keeps this word for itself"),
        _ if environment.eq_ignore_ascii_case("none") => Some("Sentry keeps this word for itself"),
        _ if environment.trim() != environment => Some("it begins or ends with a blank"),
        _ if environment.len() > 64 => Some("it is longer than 64 bytes"),
        _ if environment.contains(['/', '\\']) => Some("it contains a slash"),
        _ if environment.contains(char::is_control) => Some("it contains a line break or tab"),
        _ => None,
    }
}

/// What is wrong with a distribution, if anything.
pub(crate) fn dist_fault(dist: &str) -> Option<&'static str> {
    let is_legal = |char: char| char.is_ascii_alphanumeric() || matches!(char, '_' | '.' | '-');
    match dist {
        "" => Some("it is empty"),
        _ if dist.len() > 64 => Some("it is longer than 64 chars"),
        _ if !dist.chars().all(is_legal) => {
            Some("it contains other characters than letters, digits, `_`, `.` and `-`")
        }
        _ => None,
    }
}

/// A release from attributes, bent into what Sentry accepts; none if nothing is left.
pub(crate) fn legal_release(release: &str) -> Option<String> {
    legal(release, 200).filter(|release| release_fault(release).is_none())
}

/// An environment from attributes, bent into what Sentry accepts; none if nothing is left.
pub(crate) fn legal_environment(environment: &str) -> Option<String> {
    legal(environment, 64).filter(|environment| environment_fault(environment).is_none())
}

fn legal(text: &str, max_bytes: usize) -> Option<String> {
    let is_illegal = |char: char| char.is_control() || matches!(char, '/' | '\\');
    let mut legal = String::new();
    for char in text.trim().chars() {
        let char = if is_illegal(char) { '-' } else { char };
        if legal.len().saturating_add(char.len_utf8()) > max_bytes {
            break;
        }
        legal.push(char);
    }
    Some(legal.trim().to_owned()).filter(|text| !text.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_sentry_would_remove_is_known_beforehand() {
        for bad in ["", ".", "..", "latest", "a/b", "a\\b", "a\nb", " a", &"é".repeat(101)] {
            assert!(release_fault(bad).is_some(), "{bad:?}");
        }
        for good in ["shop@1.2.3", "1.0+build (x)", &"é".repeat(100)] {
            assert_eq!(release_fault(good), None, "{good:?}");
        }
        for bad in ["", ".", " ", "none", "None", "a/b", "a\tb", "a ", &"e".repeat(65)] {
            assert!(environment_fault(bad).is_some(), "{bad:?}");
        }
        assert_eq!(environment_fault("production eu"), None);
        for bad in ["", "a b", "a/b", "é", &"d".repeat(65)] {
            assert!(dist_fault(bad).is_some(), "{bad:?}");
        }
        assert_eq!(dist_fault("42-x_1.0"), None);
    }

    #[test]
    fn what_attributes_say_is_bent_rather_than_lost() {
        assert_eq!(legal_release("team/shop@1\n").as_deref(), Some("team-shop@1"));
        assert_eq!(legal_release("latest"), None);
        assert_eq!(legal_environment(&"x/".repeat(50)).map(|text| text.len()), Some(64));
        assert_eq!(legal_environment("NONE"), None);
    }
}
