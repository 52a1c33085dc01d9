use sentry_types::{Dsn, ParseDsnError};

use crate::error::BuildError;

/// What to do about a DSN that is none.
pub(crate) const EXAMPLE: &str = "copy it from the project's settings under Client Keys (DSN); it looks like \
     https://<key>@o1.ingest.sentry.io/42";

/// Reads a DSN, with an error that says what is wrong without showing the key.
pub(crate) fn parse_dsn(setting: &'static str, text: &str) -> Result<Dsn, BuildError> {
    let fault = |reason: &str| BuildError::InvalidSetting {
        setting,
        reason: reason.into(),
        remedy: EXAMPLE,
    };
    let dsn: Dsn = text.parse().map_err(|error| {
        fault(match error {
            ParseDsnError::InvalidUrl => "it is no URL",
            ParseDsnError::InvalidScheme => "it begins neither with http:// nor with https://",
            ParseDsnError::NoUsername => "it has no key before the @",
            ParseDsnError::NoProjectId | ParseDsnError::InvalidProjectId(_) => {
                "it has no project id at its end"
            }
        })
    })?;
    if dsn
        .public_key()
        .chars()
        .any(|char| !char.is_ascii_alphanumeric() && !matches!(char, '-' | '_'))
    {
        return Err(fault("its key has characters that no key has"));
    }
    if dsn.host().is_empty() {
        return Err(fault("it has no host"));
    }
    if !dsn.project_id().value().bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(fault("its project id, the last part of the path, is no number"));
    }
    Ok(dsn)
}

/// The DSN for the header of envelopes: with the key, and without the secret that old ones have,
/// which belongs into the header of requests alone.
pub(crate) fn dsn_text(dsn: &Dsn) -> String {
    let is_default = dsn.port() == dsn.scheme().default_port();
    let port = if is_default { String::new() } else { format!(":{}", dsn.port()) };
    let (scheme, key, host) = (dsn.scheme(), dsn.public_key(), dsn.host());
    format!("{scheme}://{key}@{host}{port}{}{}", dsn.path(), dsn.project_id())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn endpoint(text: &str) -> String {
        parse_dsn("with_dsn", text).unwrap().envelope_api_url().to_string()
    }

    #[test]
    fn the_endpoint_keeps_port_and_path_of_the_dsn() {
        for (dsn, expected) in [
            ("https://k@h:8443/a/b/42", "https://h:8443/a/b/api/42/envelope/"),
            ("https://k@h:443/42", "https://h/api/42/envelope/"),
            ("http://k@h:80/42", "http://h/api/42/envelope/"),
            ("http://k:s@127.0.0.1:8000/1", "http://127.0.0.1:8000/api/1/envelope/"),
            ("http://k@[::1]:8000/1/", "http://[::1]:8000/api/1/envelope/"),
        ] {
            assert_eq!(endpoint(dsn), expected, "{dsn}");
        }
    }

    #[test]
    fn the_text_of_a_dsn_is_that_which_was_given_without_its_secret() {
        let text = |dsn| dsn_text(&parse_dsn("with_dsn", dsn).unwrap());
        for dsn in ["https://k@h:8443/a/b/42", "https://k@h/42"] {
            assert_eq!(text(dsn), dsn);
        }
        assert_eq!(text("http://k:s@127.0.0.1:8000/1"), "http://k@127.0.0.1:8000/1");
    }

    #[test]
    fn a_broken_dsn_is_explained_without_its_key() {
        for (dsn, reason) in [
            ("secretkey", "no URL"),
            ("ftp://secretkey@h/42", "neither with http"),
            ("https://h/42", "no key"),
            ("https://@h/42", "no key"),
            ("https://secretkey@h", "no project id"),
            ("https://secretkey@h/", "no project id"),
            ("https://secretkey@h/abc", "no number"),
            ("https://secretkey@h/4 2", "no number"),
            ("https://secret%0akey@h/42", "characters that no key has"),
            ("https://secretkey@/42", "no URL"),
        ] {
            let error = parse_dsn("SENTRY_DSN", dsn).unwrap_err().to_string();
            assert!(error.starts_with("SENTRY_DSN: "), "{error}");
            assert!(error.contains(reason), "{dsn}: {error}");
            assert!(error.contains("https://<key>@o1.ingest.sentry.io/42"), "{error}");
            assert!(!error.contains("secret"), "{error}");
        }
    }
}
