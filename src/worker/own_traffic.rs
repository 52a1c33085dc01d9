use opentelemetry::trace::SpanKind;
use opentelemetry::{KeyValue, Value};
use opentelemetry_sdk::trace::SpanData;
use sentry_types::Dsn;
use url::Url;

/// Knows spans that describe requests to the very server that spans are sent to (rule DROP-1).
///
/// The exporter's own requests make no spans; but another one in the process may send to the same
/// Sentry through an instrumented client.
#[derive(Debug, PartialEq)]
pub(super) struct OwnTraffic {
    host: String,
    port: u16,
    /// The path before the project id.
    prefix: String,
}

/// Keys that tell a whole URL, or parts of one, current before deprecated.
const URL: [&str; 2] = ["url.full", "http.url"];
const HOST: [&str; 2] = ["server.address", "net.peer.name"];
const PORT: [&str; 2] = ["server.port", "net.peer.port"];
const PATH: [&str; 2] = ["url.path", "http.target"];

/// What follows the project id in the addresses that take telemetry.
const ENDPOINTS: [&str; 3] = ["envelope", "store", "integration/otlp"];

impl OwnTraffic {
    fn to(dsn: &Dsn) -> Self {
        let prefix = format!("{}api/", dsn.path());
        Self { host: dsn.host().to_ascii_lowercase(), port: dsn.port(), prefix }
    }

    /// Those of all these projects, each server once.
    pub(super) fn to_all<'a>(dsns: impl Iterator<Item = &'a Dsn>) -> Vec<Self> {
        let mut all = Vec::new();
        for own in dsns.map(Self::to) {
            if !all.contains(&own) {
                all.push(own);
            }
        }
        all
    }

    pub(super) fn includes(&self, span: &SpanData) -> bool {
        // A closer look is for those few that can be meant at all.
        matches!(span.span_kind, SpanKind::Client | SpanKind::Internal)
            && span.attributes.iter().any(|entry| self.is_named_by(entry))
            && self.receives(span)
    }

    fn is_named_by(&self, entry: &KeyValue) -> bool {
        let Value::String(text) = &entry.value else { return false };
        let (key, text) = (entry.key.as_str(), text.as_str());
        // The comparison that fails for most is that of the host.
        self.is_host(text) && HOST.contains(&key)
            || text.len() > self.host.len() && URL.contains(&key) && contains(text, &self.host)
    }

    fn receives(&self, span: &SpanData) -> bool {
        if let Some(url) = find(&span.attributes, URL) {
            return Url::parse(&url.as_str()).is_ok_and(|url| {
                let is_host = url.host_str().is_some_and(|host| self.is_host(host));
                is_host && url.port_or_known_default() == Some(self.port) && self.takes(url.path())
            });
        }
        let Some(host) = find(&span.attributes, HOST) else { return false };
        let port = find(&span.attributes, PORT).and_then(|port| port.as_str().parse::<u16>().ok());
        let path = find(&span.attributes, PATH).map(Value::as_str);
        self.is_host(&host.as_str())
            && port.is_none_or(|port| port == self.port)
            && path.is_some_and(|path| self.takes(&path))
    }

    fn is_host(&self, host: &str) -> bool {
        host.eq_ignore_ascii_case(&self.host)
    }

    /// Whether telemetry is taken at this path; one that says nothing is no excuse.
    fn takes(&self, path: &str) -> bool {
        if matches!(path, "" | "/") {
            return true;
        }
        let Some((project, rest)) =
            path.strip_prefix(&self.prefix).and_then(|rest| rest.split_once('/'))
        else {
            return false;
        };
        project.bytes().all(|byte| byte.is_ascii_digit())
            && ENDPOINTS.iter().any(|endpoint| rest.starts_with(endpoint))
    }
}

/// The value of the first of these keys that is there; the last one given counts.
fn find<'a>(attributes: &'a [KeyValue], keys: [&str; 2]) -> Option<&'a Value> {
    keys.into_iter().find_map(|key| {
        attributes.iter().rev().find(|entry| entry.key.as_str() == key).map(|entry| &entry.value)
    })
}

/// Whether a text has this part in it, however its letters are written.
fn contains(text: &str, part: &str) -> bool {
    let Some(first) = part.bytes().next() else { return true };
    text.as_bytes()
        .windows(part.len())
        .filter(|window| window.first().is_some_and(|byte| byte.eq_ignore_ascii_case(&first)))
        .any(|window| window.eq_ignore_ascii_case(part.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::idle::idle_span;

    fn span(span_kind: SpanKind, attributes: &[(&'static str, &'static str)]) -> SpanData {
        let attributes =
            attributes.iter().map(|(key, value)| KeyValue::new(*key, *value)).collect();
        SpanData { span_kind, attributes, ..idle_span(1, 1, 0) }
    }

    fn is_own(dsn: &str, kind: SpanKind, attributes: &[(&'static str, &'static str)]) -> bool {
        OwnTraffic::to(&dsn.parse().unwrap()).includes(&span(kind, attributes))
    }

    const SAAS: &str = "https://key@o1.ingest.sentry.io/42";
    const HOSTED: &str = "https://key@Sentry.example:8081/path/42";

    #[test]
    fn requests_to_where_telemetry_is_taken_are_our_own() {
        use SpanKind::{Client, Internal};
        assert!(is_own(
            SAAS,
            Client,
            &[("url.full", "https://o1.ingest.sentry.io/api/42/envelope/")]
        ));
        assert!(is_own(
            SAAS,
            Client,
            &[("http.url", "https://O1.ingest.sentry.io/api/7/store/?a")]
        ));
        assert!(is_own(SAAS, Internal, &[("url.full", "https://o1.ingest.sentry.io")]));
        assert!(is_own(
            HOSTED,
            Client,
            &[("url.full", "https://sentry.example:8081/path/api/42/envelope")]
        ));
        let otlp = "/path/api/42/integration/otlp/v1/traces";
        let parts =
            [("server.address", "sentry.example"), ("server.port", "8081"), ("url.path", otlp)];
        assert!(is_own(HOSTED, Client, &parts));
    }

    #[test]
    fn other_requests_to_the_same_host_are_not() {
        use SpanKind::{Client, Server};
        for attributes in [
            [("url.full", "https://sentry.example:8081/path/api/0/projects/")],
            [("url.full", "https://sentry.example/path/api/42/envelope/")],
            [("url.full", "https://other.example:8081/path/api/42/envelope/")],
            [("url.full", "https://sentry.example:8081/path/api/me/envelope/")],
            [("db.system.name", "postgresql")],
            [("server.address", "sentry.example")],
        ] {
            assert!(!is_own(HOSTED, Client, &attributes), "{attributes:?}");
        }
        let path = [("server.address", "sentry.example"), ("url.path", "/issues/")];
        assert!(!is_own(HOSTED, Client, &path));
        let port = [("server.address", "sentry.example"), ("server.port", "9000")];
        assert!(!is_own(HOSTED, Client, &port));
        let envelope = [("url.full", "https://sentry.example:8081/path/api/42/envelope/")];
        assert!(!is_own(HOSTED, Server, &envelope));
    }
}
