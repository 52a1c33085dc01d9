//! A trace through two services with an exporter each, over real HTTP.

mod common;

use std::sync::{Arc, LazyLock, Mutex};
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::routing::get;
use common::carrier::Carrier;
use common::recorder::Recorder;
use common::watchdog::watchdog;
use http::HeaderMap;
use opentelemetry::Context;
use opentelemetry::propagation::{TextMapCompositePropagator, TextMapPropagator};
use opentelemetry::trace::{SpanKind, TraceContextExt, Tracer, TracerProvider};
use opentelemetry_sdk::propagation::{BaggagePropagator, TraceContextPropagator};
use opentelemetry_sdk::trace::{SdkTracerProvider, SpanExporter};
use opentelemetry_sentry::SentrySpanExporter;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::oneshot;

const LIMIT: Duration = Duration::from_secs(60);

/// Baggage of somebody else, written as nobody here would write it.
const FOREIGN: &str = "user=%c3%a9 7;p=1 , b=x=y,  B=%41";

const TRACE: &str = "771a43a4192642f0b136d5159a501700";
const SPAN: &str = "7c51afd529da4a2a";
const TOLD: &str = "sentry-trace_id=771a43a4192642f0b136d5159a501700,\
    sentry-public_key=browser,sentry-sample_rate=0.50,sentry-sample_rand=0.1234567890123,\
    sentry-sampled=true,sentry-release=web%401,sentry-transaction=%2Fcart";

/// Keeps no connections, because each test has a runtime of its own.
static CLIENT: LazyLock<reqwest::Client> = LazyLock::new(|| {
    reqwest::Client::builder().no_proxy().pool_max_idle_per_host(0).build().unwrap()
});

/// Which headers a service speaks.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Speaks {
    Sentry,
    W3c,
    Both,
    Nothing,
}

impl Speaks {
    const ALL: [Self; 4] = [Self::Sentry, Self::W3c, Self::Both, Self::Nothing];

    fn propagator(self, exporter: &SentrySpanExporter) -> Box<dyn TextMapPropagator + Send + Sync> {
        match self {
            Self::Sentry => Box::new(exporter.propagator().with_traceparent(false)),
            Self::W3c => Box::new(TextMapCompositePropagator::new(vec![
                Box::new(TraceContextPropagator::new()),
                Box::new(BaggagePropagator::new()),
            ])),
            Self::Both => Box::new(exporter.propagator()),
            Self::Nothing => Box::new(TextMapCompositePropagator::new(Vec::new())),
        }
    }
}

/// One service: what it calls, what came to it, and what it sent to Sentry.
#[derive(Clone)]
struct Service {
    provider: SdkTracerProvider,
    exporter: SentrySpanExporter,
    propagator: Arc<Box<dyn TextMapPropagator + Send + Sync>>,
    recorder: Recorder,
    calls: Option<String>,
    received: Arc<Mutex<Vec<HeaderMap>>>,
}

impl Service {
    fn new(name: &str, speaks: Speaks) -> Self {
        let recorder = Recorder::default();
        let exporter = SentrySpanExporter::builder()
            .with_dsn(format!("https://{name}@sentry.invalid/42"))
            .with_release(format!("{name}@1"))
            .with_transport(recorder.clone())
            .build()
            .unwrap();
        Self {
            provider: SdkTracerProvider::builder().with_simple_exporter(exporter.clone()).build(),
            propagator: Arc::new(speaks.propagator(&exporter)),
            exporter,
            recorder,
            calls: None,
            received: Arc::default(),
        }
    }

    /// Ends it, and gives what it sent: a transaction and an error, or nothing.
    fn end(self) -> Sent {
        self.exporter.shutdown_with_timeout(Duration::from_secs(10)).unwrap();
        let envelopes = self.recorder.envelopes();
        Sent {
            headers: envelopes.iter().map(|it| it.header["trace"].clone()).collect(),
            transaction: self.recorder.payloads("transaction").pop().unwrap_or_default(),
            received: self.received.lock().unwrap()[0].clone(),
        }
    }
}

struct Sent {
    headers: Vec<Value>,
    transaction: Value,
    received: HeaderMap,
}

impl Sent {
    fn trace(&self) -> &Value {
        &self.transaction["contexts"]["trace"]["trace_id"]
    }

    fn parent(&self) -> &Value {
        &self.transaction["contexts"]["trace"]["parent_span_id"]
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.received.get(name).map(|value| value.to_str().unwrap())
    }
}

async fn handle(State(service): State<Service>, mut headers: HeaderMap) -> &'static str {
    service.received.lock().unwrap().push(headers.clone());
    let above = service.propagator.extract_with_context(&Context::new(), &Carrier(&mut headers));
    let tracer = service.provider.tracer("tests");
    let builder = tracer.span_builder("GET /orders").with_kind(SpanKind::Server);
    let root = above.with_span(builder.start_with_context(&tracer, &above));
    if let Some(url) = &service.calls {
        let builder = tracer.span_builder("GET").with_kind(SpanKind::Client);
        let call = root.with_span(builder.start_with_context(&tracer, &root));
        let mut headers = HeaderMap::new();
        service.propagator.inject_context(&call, &mut Carrier(&mut headers));
        CLIENT.get(url).headers(headers).send().await.unwrap().error_for_status().unwrap();
        call.span().end();
    }
    root.span().record_error(&std::io::Error::other("the table is locked"));
    root.span().end();
    "done"
}

/// Calls the first service, which calls the second one.
fn call(first: Service, second: Service, headers: Vec<(&'static str, String)>) -> (Sent, Sent) {
    let (mut first, second) = (first, second);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let mut ends = Vec::new();
        let mut url = None;
        for service in [&mut second.clone(), &mut first] {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            service.calls = url.take();
            url = Some(format!("http://{}/orders", listener.local_addr().unwrap()));
            let router = Router::new().route("/orders", get(handle)).with_state(service.clone());
            let (end, ended) = oneshot::channel::<()>();
            let serving = axum::serve(listener, router)
                .with_graceful_shutdown(async { ended.await.unwrap_or_default() });
            ends.push((end, tokio::spawn(serving.into_future())));
        }
        let mut request = CLIENT.get(url.unwrap());
        for (name, value) in headers {
            request = request.header(name, value);
        }
        request.send().await.unwrap().error_for_status().unwrap();
        for (end, serving) in ends {
            end.send(()).unwrap();
            serving.await.unwrap().unwrap();
        }
    });
    (first.end(), second.end())
}

#[test]
fn two_services_share_a_trace_wherever_they_speak_the_same_headers() {
    // What the first one writes, what the second one reads, and whether that is understood.
    let pairs = Speaks::ALL.into_iter().flat_map(|from| Speaks::ALL.map(|to| (from, to)));
    for (from, to) in pairs {
        for (first, second) in [("shop", "stock"), ("stock", "shop")] {
            let (caller, called) = watchdog(LIMIT, move || {
                let headers = vec![("baggage", FOREIGN.to_owned())];
                call(Service::new(first, from), Service::new(second, to), headers)
            });
            let at = format!("{first} speaks {from:?}, {second} {to:?}");
            let (says_sentry, says_w3c) = (
                matches!(from, Speaks::Sentry | Speaks::Both),
                matches!(from, Speaks::W3c | Speaks::Both),
            );
            assert_eq!(called.header("sentry-trace").is_some(), says_sentry, "{at}");
            assert_eq!(called.header("traceparent").is_some(), says_w3c, "{at}");
            let hears_sentry = matches!(to, Speaks::Sentry | Speaks::Both);
            // Ours reads both kinds, that of OpenTelemetry its own.
            let is_understood = match to {
                Speaks::Sentry | Speaks::Both => says_sentry || says_w3c,
                Speaks::W3c => says_w3c,
                Speaks::Nothing => false,
            };
            if is_understood {
                let client = &caller.transaction["spans"][0]["span_id"];
                assert_eq!((called.trace(), called.parent()), (caller.trace(), client), "{at}");
            } else {
                assert_ne!(called.trace(), caller.trace(), "{at}");
                assert_eq!(called.parent(), &Value::Null, "{at}");
            }
            assert_eq!(caller.parent(), &Value::Null, "{at}");
            if says_sentry {
                let baggage = called.header("baggage").unwrap();
                let rest = baggage.strip_prefix(FOREIGN).expect(&at);
                assert!(rest.starts_with(",sentry-trace_id="), "{at}: {baggage}");
            }
            let all = || caller.headers.iter().chain(&called.headers);
            assert_eq!(all().count(), 4);
            assert!(caller.headers.iter().all(|it| *it == caller.headers[0]), "{at}");
            assert!(called.headers.iter().all(|it| *it == called.headers[0]), "{at}");
            assert_eq!(caller.headers[0]["public_key"], first, "{at}");
            let one = is_understood && says_sentry && hears_sentry;
            assert_eq!(called.headers[0] == caller.headers[0], one, "{at}");
            if one {
                assert_eq!(all().last().unwrap()["release"], format!("{first}@1"), "{at}");
            }
        }
    }
}

#[test]
fn what_a_browser_began_is_told_alike_by_all_services_behind_it() {
    for speaks in [Speaks::Sentry, Speaks::Both] {
        for with_w3c in [false, true] {
            let (caller, called) = watchdog(LIMIT, move || {
                let mut headers = vec![
                    ("sentry-trace", format!("{TRACE}-{SPAN}-1")),
                    ("baggage", format!("{FOREIGN},{TOLD}")),
                ];
                if with_w3c {
                    headers.push(("traceparent", format!("00-{TRACE}-{SPAN}-01")));
                }
                call(Service::new("shop", speaks), Service::new("stock", speaks), headers)
            });
            let told = json!({
                "trace_id": TRACE,
                "public_key": "browser",
                "sample_rate": "0.50",
                "sample_rand": "0.1234567890123",
                "sampled": "true",
                "release": "web@1",
                "transaction": "/cart",
            });
            for header in caller.headers.iter().chain(&called.headers) {
                assert_eq!(header, &told);
            }
            assert_eq!((caller.trace(), caller.parent()), (&json!(TRACE), &json!(SPAN)));
            let client = &caller.transaction["spans"][0]["span_id"];
            assert_eq!((called.trace(), called.parent()), (&json!(TRACE), client));
            assert_eq!(called.header("baggage"), Some(format!("{FOREIGN},{TOLD}").as_str()));
        }
    }
}

#[test]
fn what_the_head_did_not_sample_is_not_sampled_behind_it_but_told_on() {
    let told = TOLD.replace("sampled=true", "sampled=false");
    let headers = vec![("sentry-trace", format!("{TRACE}-{SPAN}-0")), ("baggage", told.clone())];
    let (caller, called) = watchdog(LIMIT, || {
        call(Service::new("shop", Speaks::Both), Service::new("stock", Speaks::Both), headers)
    });
    assert_eq!((caller.headers.len(), called.headers.len()), (0, 0));
    let sent = |name| called.header(name).unwrap();
    assert!(sent("sentry-trace").starts_with(TRACE) && sent("sentry-trace").ends_with("-0"));
    assert!(sent("traceparent").ends_with("-00"));
    assert_eq!(sent("baggage"), told);
}

#[test]
fn a_provider_shows_no_key_and_no_trace_to_whoever_debugs_it() {
    let exporter = opentelemetry_sentry::SentrySpanExporter::builder()
        .with_dsn("https://publickey@sentry.invalid/42")
        .build()
        .unwrap();
    let provider = opentelemetry_sdk::trace::SdkTracerProvider::builder()
        .with_sampler(exporter.sampler(0.5))
        .with_batch_exporter(exporter.clone())
        .build();
    for text in [format!("{provider:?}"), format!("{:?}", exporter.propagator())] {
        assert!(!text.contains("publickey"), "{text}");
    }
}
