use std::fmt;

use sentry_types::Dsn;

use crate::dsn::{EXAMPLE, parse_dsn};
use crate::error::BuildError;

/// Where Sentry takes OTLP, in the words of whoever is to send it there.
///
/// Sentry has an endpoint for traces and logs in OpenTelemetry's own protocol. This says, for a
/// DSN, its addresses and its header, the variables for any OpenTelemetry SDK, and the settings of
/// an OpenTelemetry Collector. It sends nothing and needs no feature. `docs/otlp.md` says what
/// this road loses and what the exporter of this crate loses.
///
/// The texts hold the public key of the DSN, because they are of no use without it. It is no
/// password, but whoever has it can send to the project. `Debug` leaves it out. The secret that old
/// DSNs have is never told.
///
/// ```
/// use opentelemetry_sentry::OtlpEndpoint;
///
/// # fn main() -> Result<(), opentelemetry_sentry::BuildError> {
/// let endpoint = OtlpEndpoint::from_dsn("https://key@o1.ingest.sentry.io/42")?;
/// assert_eq!(
///     endpoint.traces_url(),
///     "https://o1.ingest.sentry.io/api/42/integration/otlp/v1/traces",
/// );
/// for (name, value) in endpoint.env_vars() {
///     println!("export {name}=\"{value}\"");
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct OtlpEndpoint {
    traces_url: String,
    logs_url: String,
    auth: String,
}

impl OtlpEndpoint {
    /// Finds the endpoint of the project of a DSN, which may be a self-hosted one, with a port and
    /// a path.
    ///
    /// # Errors
    ///
    /// If the text is no DSN. The error says what is wrong with it, and where to find one.
    pub fn from_dsn(dsn: impl AsRef<str>) -> Result<Self, BuildError> {
        const SETTING: &str = "OtlpEndpoint::from_dsn";
        Self::of(SETTING, &parse_dsn(SETTING, dsn.as_ref().trim())?)
    }

    /// The endpoint of a DSN that is read already; `setting` is where it came from.
    pub(crate) fn of(setting: &'static str, dsn: &Dsn) -> Result<Self, BuildError> {
        let envelopes = dsn.envelope_api_url();
        let base = envelopes.as_str().trim_end_matches("envelope/");
        let url = |signal| {
            let url = format!("{base}integration/otlp/v1/{signal}");
            // What is too long for an address is found out here, and not by a first request.
            match url.parse::<http::Uri>() {
                Ok(_) => Ok(url),
                Err(_) => Err(BuildError::InvalidSetting {
                    setting,
                    reason: "its host or path cannot be part of an address".into(),
                    remedy: EXAMPLE,
                }),
            }
        };
        Ok(Self {
            traces_url: url("traces")?,
            logs_url: url("logs")?,
            auth: format!("sentry sentry_key={}", dsn.public_key()),
        })
    }

    /// The address for traces.
    pub fn traces_url(&self) -> &str {
        &self.traces_url
    }

    /// The address for logs.
    pub fn logs_url(&self) -> &str {
        &self.logs_url
    }

    /// The name and the value of the header that every request needs; the value holds the public
    /// key.
    ///
    /// Sentry refuses requests that have an `Authorization` header besides it.
    pub fn auth_header(&self) -> (&'static str, &str) {
        ("x-sentry-auth", &self.auth)
    }

    /// The environment variables by which any OpenTelemetry SDK sends its traces and logs to
    /// Sentry; the values hold the public key.
    ///
    /// They are for the OTLP exporter over HTTP. An SDK whose default is gRPC also wants
    /// `OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf`. Sentry takes no metrics.
    pub fn env_vars(&self) -> [(&'static str, String); 4] {
        let (name, value) = self.auth_header();
        let headers = format!("{name}={value}");
        [
            ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", self.traces_url.clone()),
            ("OTEL_EXPORTER_OTLP_TRACES_HEADERS", headers.clone()),
            ("OTEL_EXPORTER_OTLP_LOGS_ENDPOINT", self.logs_url.clone()),
            ("OTEL_EXPORTER_OTLP_LOGS_HEADERS", headers),
        ]
    }

    /// A whole configuration for an OpenTelemetry Collector, as YAML, that takes traces and logs on
    /// this machine and sends them to Sentry; it holds the public key.
    ///
    /// For a Collector that has a configuration already, the block below `exporters` is the part to
    /// copy; its name goes into the lists of the pipelines. Requests are compressed by gzip, encoded
    /// as protobuf, and may take 30 seconds.
    pub fn collector_config(&self) -> String {
        let (name, value) = self.auth_header();
        let (traces_url, logs_url) = (&self.traces_url, &self.logs_url);
        format!(
            r#"receivers:
  otlp:
    protocols:
      grpc:
        endpoint: "127.0.0.1:4317"
      http:
        endpoint: "127.0.0.1:4318"

processors:
  batch: {{}}

exporters:
  otlphttp/sentry:
    traces_endpoint: "{traces_url}"
    logs_endpoint: "{logs_url}"
    headers:
      {name}: "{value}"
    compression: gzip
    encoding: proto
    timeout: 30s

service:
  pipelines:
    traces:
      receivers: [otlp]
      processors: [batch]
      exporters: [otlphttp/sentry]
    logs:
      receivers: [otlp]
      processors: [batch]
      exporters: [otlphttp/sentry]
"#
        )
    }
}

impl fmt::Debug for OtlpEndpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OtlpEndpoint")
            .field("traces_url", &self.traces_url)
            .field("logs_url", &self.logs_url)
            .field("auth", &"[Filtered]")
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_addresses_keep_port_and_path_of_the_dsn() {
        for (dsn, base) in [
            ("https://k@o1.ingest.de.sentry.io/42", "https://o1.ingest.de.sentry.io/api/42"),
            ("https://k@h:8443/42", "https://h:8443/api/42"),
            ("https://k@h:443/42", "https://h/api/42"),
            ("http://k@h:80/42", "http://h/api/42"),
            ("https://k@h/sentry/42", "https://h/sentry/api/42"),
            ("http://k@h:9000/a/b/42/", "http://h:9000/a/b/api/42"),
            ("http://k@h/envelope/42", "http://h/envelope/api/42"),
            ("http://k:s@127.0.0.1:8000/1", "http://127.0.0.1:8000/api/1"),
            ("http://k@[::1]:8000/1", "http://[::1]:8000/api/1"),
            (" https://k@h/42\n", "https://h/api/42"),
        ] {
            let endpoint = OtlpEndpoint::from_dsn(dsn).unwrap();
            let traces = format!("{base}/integration/otlp/v1/traces");
            let logs = format!("{base}/integration/otlp/v1/logs");
            assert_eq!((endpoint.traces_url(), endpoint.logs_url()), (&*traces, &*logs), "{dsn}");
            assert_eq!(endpoint.auth_header(), ("x-sentry-auth", "sentry sentry_key=k"), "{dsn}");
        }
    }

    #[test]
    fn the_variables_are_those_that_sentry_shows_for_a_project() {
        let endpoint = OtlpEndpoint::from_dsn("https://k:s@o1.ingest.sentry.io/42").unwrap();
        let base = "https://o1.ingest.sentry.io/api/42/integration/otlp/v1";
        let auth = "x-sentry-auth=sentry sentry_key=k";
        assert_eq!(
            endpoint.env_vars(),
            [
                ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", format!("{base}/traces")),
                ("OTEL_EXPORTER_OTLP_TRACES_HEADERS", auth.to_owned()),
                ("OTEL_EXPORTER_OTLP_LOGS_ENDPOINT", format!("{base}/logs")),
                ("OTEL_EXPORTER_OTLP_LOGS_HEADERS", auth.to_owned()),
            ]
        );
    }

    #[test]
    fn the_configuration_of_a_collector_is_complete() {
        let endpoint = OtlpEndpoint::from_dsn("http://k:s@[::1]:9000/a/42").unwrap();
        let expected = r#"receivers:
  otlp:
    protocols:
      grpc:
        endpoint: "127.0.0.1:4317"
      http:
        endpoint: "127.0.0.1:4318"

processors:
  batch: {}

exporters:
  otlphttp/sentry:
    traces_endpoint: "http://[::1]:9000/a/api/42/integration/otlp/v1/traces"
    logs_endpoint: "http://[::1]:9000/a/api/42/integration/otlp/v1/logs"
    headers:
      x-sentry-auth: "sentry sentry_key=k"
    compression: gzip
    encoding: proto
    timeout: 30s

service:
  pipelines:
    traces:
      receivers: [otlp]
      processors: [batch]
      exporters: [otlphttp/sentry]
    logs:
      receivers: [otlp]
      processors: [batch]
      exporters: [otlphttp/sentry]
"#;
        assert_eq!(endpoint.collector_config(), expected);
    }

    #[test]
    fn only_what_is_asked_for_the_key_tells_it() {
        let endpoint = OtlpEndpoint::from_dsn("https://publickey:oldsecret@h/42").unwrap();
        let shown = format!("{endpoint:?}");
        assert!(shown.contains("https://h/api/42/") && shown.contains("[Filtered]"), "{shown}");
        assert!(!shown.contains("publickey"), "{shown}");
        for told in [
            endpoint.collector_config(),
            format!("{:?}", endpoint.env_vars()),
            format!("{:?}", endpoint.auth_header()),
        ] {
            assert!(told.contains("publickey") && !told.contains("oldsecret"), "{told}");
        }
    }

    #[test]
    fn what_is_no_dsn_is_explained_without_its_key() {
        let long = format!("https://secretkey@h/{}/42", "a".repeat(70_000));
        for (dsn, reason) in [
            ("", "no URL"),
            ("https://h/42", "no key"),
            ("https://secretkey@h/abc", "no number"),
            (&*long, "cannot be part of an address"),
        ] {
            let error = OtlpEndpoint::from_dsn(dsn).unwrap_err().to_string();
            assert!(error.starts_with("OtlpEndpoint::from_dsn: it"), "{error}");
            assert!(error.contains(reason), "{reason}: {error}");
            assert!(error.contains("Client Keys (DSN)"), "{error}");
            assert!(!error.contains("secret"), "{error}");
        }
    }
}
