use crate::environment::Environment;
use crate::error::BuildError;
use std::env::VarError;

/// Whether a copy of everything goes to [Spotlight](https://spotlightjs.com), Sentry's tool for
/// developers.
///
/// `true`, `false` and addresses are taken for it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Spotlight {
    /// No, whatever the environment says.
    Off,
    /// Yes, to the address in `SENTRY_SPOTLIGHT`, or else to `http://localhost:8969/stream`.
    On,
    /// Yes, to this address.
    At(String),
}

const VARIABLE: &str = "SENTRY_SPOTLIGHT";
const DEFAULT_URL: &str = "http://localhost:8969/stream";

impl From<bool> for Spotlight {
    fn from(is_on: bool) -> Self {
        if is_on { Self::On } else { Self::Off }
    }
}

impl From<&str> for Spotlight {
    fn from(url: &str) -> Self {
        Self::At(url.to_owned())
    }
}

impl From<String> for Spotlight {
    fn from(url: String) -> Self {
        Self::At(url)
    }
}

impl Spotlight {
    /// The address that copies go to, if any, from what was said in code and in the environment.
    pub(crate) fn url<Read>(
        in_code: Option<Self>,
        environment: &Environment<Read>,
    ) -> Result<Option<http::Uri>, BuildError>
    where
        Read: Fn(&str) -> Result<String, VarError>,
    {
        let variable = match &in_code {
            Some(Self::Off) => return Ok(None),
            Some(Self::At(url)) => return uri("with_spotlight", url).map(Some),
            Some(Self::On) | None => environment.choose("with_spotlight", None, VARIABLE)?,
        };
        let said = variable.map(|(_, text)| text);
        match said.as_deref().map(switch) {
            Some(Switch::Address(url)) => uri(VARIABLE, url).map(Some),
            Some(Switch::On) => uri(VARIABLE, DEFAULT_URL).map(Some),
            Some(Switch::Off) | None if in_code.is_some() => uri(VARIABLE, DEFAULT_URL).map(Some),
            Some(Switch::Off) | None => Ok(None),
        }
    }
}

/// What the variable can say.
enum Switch<'a> {
    On,
    Off,
    Address(&'a str),
}

fn switch(text: &str) -> Switch<'_> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "t" | "y" | "yes" | "on" | "1" => Switch::On,
        "false" | "f" | "n" | "no" | "off" | "0" => Switch::Off,
        _ => Switch::Address(text),
    }
}

fn uri(setting: &'static str, text: &str) -> Result<http::Uri, BuildError> {
    let uri = text.parse::<http::Uri>().ok();
    let is_http = |uri: &http::Uri| {
        matches!(uri.scheme_str(), Some("http" | "https"))
            && uri.host().is_some_and(|host| !host.is_empty())
    };
    uri.filter(is_http).ok_or_else(|| BuildError::InvalidSetting {
        setting,
        reason: "it is neither an address nor a word for yes or no".into(),
        remedy: "use an address such as http://localhost:8969/stream, or true, or false",
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(in_code: Option<Spotlight>, variable: &str) -> Result<Option<String>, BuildError> {
        let environment = Environment(|_: &str| Ok(variable.to_owned()));
        let url = Spotlight::url(in_code, &environment)?;
        Ok(url.map(|url| url.to_string()))
    }

    #[test]
    fn code_says_whether_and_the_environment_may_say_where() {
        let (default, other) = (Some(DEFAULT_URL.to_owned()), Some("http://h:1/s".to_owned()));
        for (in_code, variable, expected) in [
            (None, "", &None),
            (None, "false", &None),
            (None, "0", &None),
            (None, "Off", &None),
            (None, "TRUE", &default),
            (None, "1", &default),
            (None, "y", &default),
            (None, "http://h:1/s", &other),
            (Some(Spotlight::Off), "http://h:1/s", &None),
            (Some(true.into()), "", &default),
            (Some(true.into()), "no", &default),
            (Some(true.into()), "http://h:1/s", &other),
            (Some("http://h:1/s".into()), "http://x/y", &other),
            (Some("http://h:1/s".into()), "false", &other),
        ] {
            assert_eq!(
                url(in_code.clone(), variable).unwrap(),
                *expected,
                "{in_code:?} {variable}"
            );
        }
    }

    #[test]
    fn what_is_no_address_is_an_error_that_names_where_it_stands() {
        for text in ["ture", "localhost:8969", "ftp://h/s", "http://"] {
            let error = url(None, text).unwrap_err().to_string();
            assert!(error.starts_with("SENTRY_SPOTLIGHT: it is neither an address"), "{error}");
            let error = url(Some(text.into()), "").unwrap_err().to_string();
            assert!(error.starts_with("with_spotlight: it is neither an address"), "{error}");
        }
    }
}
