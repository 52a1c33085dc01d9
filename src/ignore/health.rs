//! What asks whether an application is well, and tells nothing of its users.

use sentry_types::protocol::v7::SpanStatus;

use super::rule::Subject;

/// Paths that are asked for nothing else.
const PATHS: &[&str] = &[
    "/-/healthy",
    "/-/ready",
    "/_health",
    "/_healthz",
    "/_ready",
    "/actuator/health",
    "/actuator/health/liveness",
    "/actuator/health/readiness",
    "/actuator/prometheus",
    "/api/health",
    "/health",
    "/health/live",
    "/health/ready",
    "/healthcheck",
    "/healthz",
    "/healthz/live",
    "/healthz/ready",
    "/live",
    "/livez",
    "/metrics",
    "/ping",
    "/ready",
    "/readyz",
    "/startupz",
    "/up",
];

/// How the names begin by which those call themselves that only look whether somebody is there.
const AGENTS: &[&str] = &[
    "Amazon-Route53-Health-Check-Service",
    "Consul Health Check",
    "ELB-HealthChecker/",
    "Envoy/HC",
    "GoogleHC/",
    "kube-probe/",
    "Prometheus/",
];

/// The service by which gRPC asks, with either of its methods.
const GRPC_SERVICE: &str = "grpc.health.v1.Health";

const PATH_KEYS: &[&str] = &["url.path", "http.target", "http.route"];
const METHOD_KEYS: &[&str] = &["http.request.method", "http.method"];
const AGENT_KEYS: &[&str] =
    &["user_agent.original", "http.user_agent", "http.request.header.user-agent"];
const RPC_KEYS: &[&str] = &["rpc.service", "rpc.method"];

/// Whether a request was a successful question for health or metrics.
pub(super) fn is_health_check(request: Subject<'_>) -> bool {
    let is_answered = request.texts("otel.kind").iter().any(|kind| kind == "SERVER");
    if request.status != SpanStatus::Ok || !is_answered {
        return false;
    }
    let has = |keys: &[&str], test: &dyn Fn(&str) -> bool| {
        keys.iter().flat_map(|key| request.texts(key)).any(|text| test(&text))
    };
    let is_grpc = has(RPC_KEYS, &is_health_service)
        || has(PATH_KEYS, &|path| path.strip_prefix('/').is_some_and(is_health_service));
    let only_reads = !has(METHOD_KEYS, &|method| !matches!(method, "GET" | "HEAD"));
    // Only where no attribute tells the path: a name of the user's own says too little.
    let is_named = || !has(PATH_KEYS, &|_| true) && is_health_path(without_method(request.name));
    let is_asked = || has(PATH_KEYS, &is_health_path) || is_named();
    let is_probe = || has(AGENT_KEYS, &|agent| AGENTS.iter().any(|of| agent.starts_with(of)));
    is_grpc || (only_reads && (is_asked() || is_probe()))
}

fn is_health_service(name: &str) -> bool {
    name.strip_prefix(GRPC_SERVICE).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Whether a path, with or without a query and a slash at its end, is one of the list.
fn is_health_path(path: &str) -> bool {
    let path = path.split(['?', '#']).next().unwrap_or(path);
    let path = path.strip_suffix('/').unwrap_or(path);
    PATHS.contains(&path)
}

fn without_method(name: &str) -> &str {
    name.strip_prefix("GET ").or_else(|| name.strip_prefix("HEAD ")).unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use opentelemetry::{Array, KeyValue, StringValue, Value};

    use super::*;
    use crate::protocol::Data;

    fn is_ignored(name: &str, attributes: &[(&'static str, &'static str)]) -> bool {
        let attributes = attributes.iter().map(|(key, value)| KeyValue::new(*key, *value));
        let kind = KeyValue::new("otel.kind", "SERVER");
        let data = Data::from([kind].into_iter().chain(attributes).collect::<Vec<_>>());
        is_health_check(Subject {
            name,
            op: "http.server",
            status: SpanStatus::Ok,
            value: &|key| data.value(key),
        })
    }

    #[test]
    fn the_usual_questions_for_health_are_known() {
        const KUBE: &str = "kube-probe/1.31";
        for (name, attributes) in [
            ("GET /healthz", &[][..]),
            ("HEAD /health", &[("http.request.method", "HEAD")]),
            ("GET", &[("url.path", "/metrics"), ("http.request.method", "GET")]),
            ("GET", &[("http.target", "/readyz?verbose"), ("http.method", "GET")]),
            ("GET", &[("url.path", "/-/healthy/")]),
            ("GET /", &[("url.path", "/"), ("user_agent.original", KUBE)]),
            ("GET /", &[("http.user_agent", "ELB-HealthChecker/2.0")]),
            ("any", &[("rpc.service", "grpc.health.v1.Health"), ("rpc.method", "Check")]),
            ("any", &[("rpc.method", "grpc.health.v1.Health/Watch")]),
            (
                "POST /grpc.health.v1.Health/Check",
                &[("http.request.method", "POST"), ("url.path", "/grpc.health.v1.Health/Check")],
            ),
        ] {
            assert!(is_ignored(name, attributes), "{name} {attributes:?}");
        }
    }

    #[test]
    fn what_only_looks_like_one_is_sent() {
        for (name, attributes) in [
            ("GET /", &[][..]),
            ("GET /health", &[("url.path", "/health/records/7")]),
            ("GET /healthy-recipes", &[]),
            ("POST /ping", &[("http.request.method", "POST"), ("url.path", "/ping")]),
            ("POST /", &[("http.method", "POST"), ("user_agent.original", "kube-probe/1.31")]),
            ("GET /", &[("user_agent.original", "Mozilla/5.0 kube-probe/1.31")]),
            ("any", &[("rpc.service", "grpc.health.v1.Healthcare")]),
        ] {
            assert!(!is_ignored(name, attributes), "{name} {attributes:?}");
        }
    }

    #[test]
    fn the_documented_lists_are_the_real_ones() {
        let doc = include_str!("../../docs/hooks.md");
        let start = doc.find("## Health checks").unwrap();
        let doc = doc[start..].split("\n## ").next().unwrap();
        let code = doc.split('`').skip(1).step_by(2);
        let code = code.filter(|code| !["SERVER", "GET", "HEAD"].contains(code));
        let code = code.filter(|code| !code.starts_with("with_") && *code != GRPC_SERVICE);
        let keys = PATH_KEYS.iter().copied();
        let mut known: Vec<_> = PATHS.iter().chain(AGENTS).copied().chain(keys).collect();
        let mut documented: Vec<_> = code.collect();
        known.sort_unstable();
        documented.sort_unstable();
        assert_eq!(documented, known);
    }

    #[test]
    fn a_list_of_agents_is_one() {
        let agents = Value::Array(Array::String(vec![StringValue::from("GoogleHC/1.0")]));
        let data = Data::from(vec![
            KeyValue::new("otel.kind", "SERVER"),
            KeyValue::new("http.request.header.user-agent", agents),
        ]);
        let status = SpanStatus::Ok;
        assert!(is_health_check(Subject {
            name: "GET /",
            op: "http.server",
            status,
            value: &|key| data.value(key)
        }));
    }

    #[test]
    fn a_check_that_failed_or_was_made_elsewhere_is_sent() {
        let check = |kind: &'static str, status| {
            let data = Data::from(vec![KeyValue::new("otel.kind", kind)]);
            let (name, op) = ("GET /healthz", "http.server");
            is_health_check(Subject { name, op, status, value: &|key| data.value(key) })
        };
        assert!(check("SERVER", SpanStatus::Ok));
        for status in [SpanStatus::Unavailable, SpanStatus::InternalError, SpanStatus::NotFound] {
            assert!(!check("SERVER", status), "{status}");
        }
        for kind in ["CLIENT", "INTERNAL"] {
            assert!(!check(kind, SpanStatus::Ok), "{kind}");
        }
    }
}
