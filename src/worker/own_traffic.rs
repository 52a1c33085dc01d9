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

/// What a span tells of the address of its request: by keys that are current, and by deprecated ones.
#[derive(Debug, Default)]
struct Told<'a> {
    url: [Option<&'a Value>; 2],
    host: [Option<&'a Value>; 2],
    port: [Option<&'a Value>; 2],
    path: [Option<&'a Value>; 2],
}

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
        if !matches!(span.span_kind, SpanKind::Client | SpanKind::Internal) {
            return false;
        }
        let Told { url, host, port, path } = Told::by(&span.attributes);
        if let Some(url) = first(url) {
            let url = url.as_str();
            // Parsing is for those few that can be meant at all.
            return contains(&url, &self.host)
                && Url::parse(&url).is_ok_and(|url| {
                    let is_host = url.host_str().is_some_and(|host| self.is_host(host));
                    is_host
                        && url.port_or_known_default() == Some(self.port)
                        && self.takes(url.path())
                });
        }
        if !first(host).is_some_and(|host| self.is_host(&host.as_str())) {
            return false;
        }
        let port = first(port).and_then(|port| port.as_str().parse::<u16>().ok());
        port.is_none_or(|port| port == self.port)
            && first(path).is_some_and(|path| self.takes(&path.as_str()))
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

impl<'a> Told<'a> {
    /// What these attributes tell; the last one given of a key counts.
    fn by(attributes: &'a [KeyValue]) -> Self {
        let mut told = Self::default();
        for attribute in attributes {
            let [url, old_url] = &mut told.url;
            let [host, old_host] = &mut told.host;
            let [port, old_port] = &mut told.port;
            let [path, old_path] = &mut told.path;
            let place = match attribute.key.as_str() {
                "url.full" => url,
                "http.url" => old_url,
                "server.address" => host,
                "net.peer.name" => old_host,
                "server.port" => port,
                "net.peer.port" => old_port,
                "url.path" => path,
                "http.target" => old_path,
                _ => continue,
            };
            *place = Some(&attribute.value);
        }
        told
    }
}

fn first([current, deprecated]: [Option<&Value>; 2]) -> Option<&Value> {
    current.or(deprecated)
}

/// Whether a part is somewhere in the text, in whatever case.
fn contains(text: &str, part: &str) -> bool {
    let Some(begin) = part.as_bytes().first() else { return true };
    text.as_bytes().windows(part.len()).any(|window| {
        // Most places differ in this.
        window.first().is_some_and(|byte| byte.eq_ignore_ascii_case(begin))
            && window.eq_ignore_ascii_case(part.as_bytes())
    })
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use opentelemetry::InstrumentationScope;
    use opentelemetry::trace::{SpanContext, SpanId, Status};

    use super::*;

    fn span(kind: SpanKind, attributes: &[(&'static str, &'static str)]) -> SpanData {
        SpanData {
            span_context: SpanContext::empty_context(),
            parent_span_id: SpanId::INVALID,
            parent_span_is_remote: false,
            span_kind: kind,
            name: "span".into(),
            start_time: UNIX_EPOCH,
            end_time: UNIX_EPOCH,
            attributes: attributes.iter().map(|(key, value)| KeyValue::new(*key, *value)).collect(),
            dropped_attributes_count: 0,
            events: Default::default(),
            links: Default::default(),
            status: Status::Unset,
            instrumentation_scope: InstrumentationScope::default(),
        }
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
