use std::env::{self, VarError};

use crate::error::BuildError;

/// The variables that the exporter reads; the only way to them.
pub(crate) struct Environment<Read>(pub(crate) Read);

impl Environment<fn(&str) -> Result<String, VarError>> {
    pub(crate) fn of_process() -> Self {
        Self(|name| env::var(name))
    }
}

impl<Read: Fn(&str) -> Result<String, VarError>> Environment<Read> {
    /// What was set in code, or else what the variable says, with the name of where it came from.
    ///
    /// # Errors
    ///
    /// If the variable counts and is no Unicode.
    pub(crate) fn choose(
        &self,
        setter: &'static str,
        in_code: Option<String>,
        variable: &'static str,
    ) -> Result<Option<(&'static str, String)>, BuildError> {
        if let Some(text) =
            in_code.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty())
        {
            return Ok(Some((setter, text)));
        }
        match (self.0)(variable) {
            Ok(text) => {
                Ok(Some((variable, text.trim().to_owned())).filter(|(_, text)| !text.is_empty()))
            }
            Err(VarError::NotPresent) => Ok(None),
            Err(VarError::NotUnicode(_)) => Err(BuildError::InvalidSetting {
                setting: variable,
                reason: "it is no Unicode text".into(),
                remedy: "set it to plain text, or leave it empty",
            }),
        }
    }

    /// A number greater than zero; anything else is as good as none.
    pub(crate) fn number(&self, variable: &str) -> Option<usize> {
        (self.0)(variable).ok()?.trim().parse().ok().filter(|number| *number > 0)
    }
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;

    use super::*;

    #[test]
    fn code_wins_and_empty_is_as_good_as_none() {
        let environment = Environment(|name: &str| match name {
            "SET" => Ok("from environment".to_owned()),
            "EMPTY" => Ok(" ".to_owned()),
            "BROKEN" => Err(VarError::NotUnicode(OsString::from("x"))),
            _ => Err(VarError::NotPresent),
        });
        let choose = |in_code: Option<&str>, variable| {
            environment.choose("with_it", in_code.map(str::to_owned), variable)
        };
        assert_eq!(choose(Some("code"), "SET"), Ok(Some(("with_it", "code".to_owned()))));
        assert_eq!(choose(None, "SET"), Ok(Some(("SET", "from environment".to_owned()))));
        assert_eq!(choose(Some(""), "SET"), Ok(Some(("SET", "from environment".to_owned()))));
        assert_eq!(choose(None, "EMPTY"), Ok(None));
        assert_eq!(choose(None, "ABSENT"), Ok(None));
        assert_eq!(choose(Some("code"), "BROKEN"), Ok(Some(("with_it", "code".to_owned()))));
        let error = choose(None, "BROKEN").unwrap_err().to_string();
        assert_eq!(error, "BROKEN: it is no Unicode text; set it to plain text, or leave it empty");
    }
}
