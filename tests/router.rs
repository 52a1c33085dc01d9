//! Segments that go to several projects, each to its own.

mod common;

use std::time::{Duration, Instant};

use common::place::Place;
use common::recorder::Recorder;
use common::sentry::{Answer, FakeSentry, KEY, SOON};
use common::spans::SpanDataExt;
use common::telemetry::{export, export_and_wait, last_error, provider, span, stats, work};
use common::watchdog::watchdog;
use opentelemetry::KeyValue;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{SdkTracerProvider, SpanData, SpanExporter};
use opentelemetry_sentry::{DropReason, Finding, Router, SentrySpanExporter};

const LIMIT: Duration = Duration::from_secs(60);

/// Three servers: that of the default project and those of two routes.
struct Projects {
    default: FakeSentry,
    shop: FakeSentry,
    billing: FakeSentry,
}

impl Projects {
    fn start() -> Self {
        let [default, shop, billing] = [(); 3].map(|()| FakeSentry::start());
        Self { default, shop, billing }
    }

    fn routes(&self) -> [(&'static str, String); 2] {
        [("shop", self.shop.dsn()), ("billing", self.billing.dsn())]
    }

    /// How many transactions and errors each has got.
    fn counts(&self) -> [(usize, usize); 3] {
        [&self.default, &self.shop, &self.billing]
            .map(|sentry| (sentry.transactions().len(), sentry.events().len()))
    }
}

fn by_tenant(dsn: &str, routes: [(&'static str, String); 2]) -> SentrySpanExporter {
    let router = Router::by_attribute("tenant", routes);
    SentrySpanExporter::builder().with_dsn(dsn).with_router(router).build().unwrap()
}

/// A root of this trace and tenant.
fn root(trace: u128, tenant: &'static str) -> SpanData {
    span(trace, 1, 0, "work").attributes([KeyValue::new("tenant", tenant)])
}

/// A span below a root, with an error.
fn failed(trace: u128, id: u64) -> SpanData {
    let mut child = span(trace, id, 1, "step").event(
        "exception",
        0,
        [
            KeyValue::new("exception.type", "NotPaid"),
            KeyValue::new("exception.message", format!("order {id} is not paid")),
        ],
    );
    let now = child.end_time;
    child.events.events.iter_mut().for_each(|event| event.timestamp = now);
    child
}

/// How many of a category a server was told to have been lost for a reason.
fn reported(sentry: &FakeSentry, reason: &str, category: &str) -> u64 {
    let reports = sentry.payloads("client_report");
    let losses = reports.iter().flat_map(|report| report["discarded_events"].as_array().unwrap());
    let losses = losses.filter(|loss| loss["reason"] == reason && loss["category"] == category);
    losses.map(|loss| loss["quantity"].as_u64().unwrap()).sum()
}

fn service(exporter: &SentrySpanExporter, name: &'static str) -> SdkTracerProvider {
    let resource = Resource::builder_empty().with_service_name(name).build();
    SdkTracerProvider::builder()
        .with_batch_exporter(exporter.clone())
        .with_resource(resource)
        .build()
}

#[test]
fn the_copy_for_spotlight_tells_the_key_of_the_project_that_the_segment_goes_to() {
    watchdog(LIMIT, || {
        let (projects, spotlight) = (Projects::start(), FakeSentry::start());
        let router = Router::by_attribute("tenant", projects.routes());
        let builder = SentrySpanExporter::builder().with_dsn("").with_router(router);
        let exporter = builder.with_spotlight(spotlight.url("/stream")).build().unwrap();
        export(&exporter, vec![root(1, "shop")]).unwrap();
        exporter.flush(SOON).unwrap();
        let header = |sentry: &FakeSentry| sentry.envelopes()[0].header["trace"].clone();
        assert_eq!(header(&spotlight), header(&projects.shop));
        assert_eq!(header(&spotlight)["public_key"], KEY);
        exporter.shutdown_with_timeout(SOON).unwrap();
    });
}

#[test]
fn providers_that_share_an_exporter_send_each_to_the_project_of_its_resource() {
    watchdog(LIMIT, || {
        let projects = Projects::start();
        let router = Router::by_resource_attribute("service.name", projects.routes());
        let exporter = SentrySpanExporter::builder()
            .with_dsn(projects.default.dsn())
            .with_router(router)
            .build()
            .unwrap();
        let services = ["shop", "billing", "mail"].map(|name| service(&exporter, name));
        for (times, service) in (1..).zip(&services) {
            (0..times).for_each(|_| work(service));
            service.force_flush().unwrap();
        }
        assert_eq!(projects.counts(), [(3, 3), (1, 1), (2, 2)]);
        let of_shop = &projects.shop.transactions()[0];
        assert_eq!(of_shop["contexts"]["otel"]["resource"]["service.name"], "shop");
        let stats = stats(&exporter);
        assert_eq!((stats.spans_delivered, stats.spans_dropped), (12, 0), "{stats:?}");
    });
}

#[test]
fn an_early_error_goes_to_the_project_of_its_resource() {
    watchdog(LIMIT, || {
        let projects = Projects::start();
        let router = Router::by_resource_attribute("service.name", projects.routes());
        let mut exporter = SentrySpanExporter::builder()
            .with_dsn(projects.default.dsn())
            .with_router(router)
            .with_error_timeout(Duration::ZERO)
            .build()
            .unwrap();
        exporter.set_resource(&Resource::builder_empty().with_service_name("billing").build());
        export(&exporter, vec![failed(1, 2)]).unwrap();
        exporter.flush(SOON).unwrap();
        assert_eq!(projects.counts(), [(0, 0), (0, 0), (0, 1)]);
        export(&exporter, vec![span(1, 1, 0, "work")]).unwrap();
        exporter.flush(SOON).unwrap();
        assert_eq!(projects.counts(), [(0, 0), (0, 0), (1, 1)]);
    });
}

#[test]
fn a_segment_goes_with_all_its_parts_and_errors_to_the_project_of_its_root() {
    watchdog(LIMIT, || {
        let projects = Projects::start();
        let router = Router::by_attribute("tenant", projects.routes());
        let exporter = SentrySpanExporter::builder()
            .with_dsn(projects.default.dsn())
            .with_router(router)
            .with_max_spans_per_transaction(2)
            .with_error_timeout(Duration::ZERO)
            .build()
            .unwrap();
        // Errors wait for the root, whatever their timeout, because only it knows the project.
        export(&exporter, (2..=6).map(|id| failed(1, id)).collect()).unwrap();
        exporter.flush(SOON).unwrap();
        assert_eq!(projects.counts(), [(0, 0); 3]);
        let mut remote = root(1, "billing");
        remote.span_context = span(1, 100, 0, "").span_context;
        export(&exporter, vec![root(1, "shop"), root(2, "nobody")]).unwrap();
        export(&exporter, vec![remote]).unwrap();
        exporter.flush(SOON).unwrap();
        let parts = projects.shop.transactions().len();
        assert!(parts >= 2, "{parts}");
        assert_eq!(projects.counts(), [(1, 0), (parts, 5), (1, 0)]);
        // A child that ends after its root follows what was sent of its trace last.
        let mut late = failed(1, 101);
        late.parent_span_id = 100.into();
        export(&exporter, vec![late]).unwrap();
        exporter.flush(SOON).unwrap();
        assert_eq!(projects.counts(), [(1, 0), (parts, 5), (2, 1)]);
        assert_eq!(stats(&exporter).spans_dropped, 0);
    });
}

#[test]
fn a_closure_sees_segment_and_resource_and_its_panic_is_said_and_costs_nothing() {
    watchdog(LIMIT, || {
        let projects = Projects::start();
        let choose = |segment: &opentelemetry_sentry::segment::Segment, resource: &Resource| {
            assert!(segment.spans.len() < 3, "too much for a closure");
            let service = resource.get(&"service.name".into())?.to_string();
            (segment.spans.len() == 2).then_some(service)
        };
        let mut exporter = SentrySpanExporter::builder()
            .with_dsn(projects.default.dsn())
            .with_router(Router::new(choose, projects.routes()))
            .build()
            .unwrap();
        exporter.set_resource(&Resource::builder_empty().with_service_name("shop").build());
        let child = |trace, id| span(trace, id, 1, "step");
        export(&exporter, vec![child(1, 2), span(1, 1, 0, "work")]).unwrap();
        export(&exporter, vec![span(2, 1, 0, "work")]).unwrap();
        exporter.flush(SOON).unwrap();
        assert_eq!(projects.counts(), [(1, 0), (1, 0), (0, 0)]);
        export(&exporter, vec![child(3, 2), child(3, 3), span(3, 1, 0, "work")]).unwrap();
        exporter.flush(SOON).unwrap();
        assert_eq!(projects.counts(), [(2, 0), (1, 0), (0, 0)]);
        let error = last_error(&exporter);
        assert!(error.contains("with_router panicked"), "{error}");
        assert_eq!(stats(&exporter).spans_dropped, 0);
    });
}

#[test]
fn what_no_route_is_for_is_dropped_and_counted_where_that_is_wanted() {
    watchdog(LIMIT, || {
        let projects = Projects::start();
        let router = || Router::by_attribute("tenant", projects.routes());
        let builder = SentrySpanExporter::builder();
        let dropping = builder.clone().with_dsn(projects.default.dsn());
        let dropping = dropping.with_router(router().with_unknown_dropped());
        // Without a default project there is no other place.
        for builder in [dropping, builder.with_router(router())] {
            let exporter = builder.build().unwrap();
            assert!(exporter.is_enabled());
            export(&exporter, vec![failed(1, 2), root(1, "nobody"), root(2, "shop")]).unwrap();
            exporter.shutdown().unwrap_or_default();
            let stats = stats(&exporter);
            assert_eq!((stats.spans_delivered, stats.spans_dropped), (1, 2), "{stats:?}");
            assert_eq!(stats.dropped[&DropReason::Unrouted], 2);
            assert_eq!(stats.dropped_events[&DropReason::Unrouted], 1);
        }
        assert_eq!(projects.counts(), [(0, 0), (2, 0), (0, 0)]);
        assert_eq!(projects.shop.payloads("client_report").len(), 0);
    });
}

#[test]
fn a_server_that_is_down_does_not_hold_up_another() {
    watchdog(LIMIT, || {
        let (up, down) = (FakeSentry::start(), Place::new());
        let exporter = by_tenant(&up.dsn(), [("down", down.dsn()), ("up", up.dsn())]);
        let start = Instant::now();
        for trace in 1..=20 {
            let tenant = if trace % 2 == 0 { "up" } else { "down" };
            // The outage is told to whoever exports next.
            let _ = export_and_wait(&exporter, vec![root(trace, tenant)]);
        }
        up.wait_for(10, SOON);
        assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
        assert!(last_error(&exporter).contains(&down.address().to_string()));
        assert_eq!((stats(&exporter).spans_delivered, stats(&exporter).spans_pending), (10, 10));
        let back = FakeSentry::at(&down, Answer::default());
        exporter.flush(Duration::from_secs(30)).unwrap();
        assert_eq!((up.transactions().len(), back.transactions().len()), (10, 10));
        assert_eq!(stats(&exporter).spans_dropped, 0);
    });
}

#[test]
fn a_server_that_hangs_holds_up_nobody_for_long_and_fills_its_own_share_alone() {
    watchdog(LIMIT, || {
        let (up, hanging) = (FakeSentry::start(), FakeSentry::always(Answer::hang()));
        let routes = [("hanging", hanging.dsn()), ("up", up.dsn())];
        let router = Router::by_attribute("tenant", routes);
        let exporter = SentrySpanExporter::builder()
            .with_router(router)
            .with_max_in_flight(2)
            .with_queue_bytes(16_000)
            .build()
            .unwrap();
        let start = Instant::now();
        for trace in 1..=200 {
            let tenant = if trace % 2 == 0 { "up" } else { "hanging" };
            export_and_wait(&exporter, vec![root(trace, tenant)]).unwrap();
        }
        up.wait_for(100, SOON);
        assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
        assert_eq!((up.transactions().len(), hanging.most_open_requests()), (100, 1));
        let dropped = stats(&exporter).dropped;
        assert!(dropped[&DropReason::QueueFull] > 0 && dropped.len() == 1, "{dropped:?}");
        exporter.shutdown_with_timeout(Duration::from_secs(1)).unwrap_err();
        assert_eq!((stats(&exporter).spans_delivered, stats(&exporter).spans_pending), (100, 0));
    });
}

#[test]
fn a_limit_is_for_its_project_alone_and_so_is_the_report_of_what_it_cost() {
    watchdog(LIMIT, || {
        let projects = Projects::start();
        let limits = "600:transaction;span:project";
        projects.shop.once(Answer::default().header("X-Sentry-Rate-Limits", limits));
        let exporter = by_tenant(&projects.default.dsn(), projects.routes());
        for trace in 1..=3 {
            let roots = ["shop", "billing"].into_iter().zip([2 * trace, 2 * trace + 1]);
            export(&exporter, roots.map(|(tenant, trace)| root(trace, tenant)).collect()).unwrap();
            exporter.flush(SOON).unwrap();
        }
        exporter.shutdown().unwrap_or_default();
        assert_eq!(projects.counts(), [(0, 0), (1, 0), (3, 0)]);
        assert_eq!(reported(&projects.shop, "ratelimit_backoff", "transaction"), 2);
        assert_eq!(projects.billing.payloads("client_report").len(), 0);
        assert_eq!(projects.default.connections(), 0);
        let stats = stats(&exporter);
        assert_eq!((stats.spans_delivered, stats.dropped[&DropReason::RateLimited]), (4, 2));
    });
}

#[test]
fn routes_with_the_same_dsn_are_one_project_with_one_limit() {
    watchdog(LIMIT, || {
        let limits = "600:transaction;span:project";
        let sentry =
            FakeSentry::start_with([Answer::default().header("X-Sentry-Rate-Limits", limits)]);
        let exporter = by_tenant(&sentry.dsn(), [("a", sentry.dsn()), ("b", sentry.dsn())]);
        for (trace, tenant) in [(1, "a"), (2, "b"), (3, "other")] {
            export(&exporter, vec![root(trace, tenant)]).unwrap();
            exporter.flush(SOON).unwrap();
        }
        assert_eq!(stats(&exporter).dropped[&DropReason::RateLimited], 2);
        assert_eq!(sentry.transactions().len(), 1);
    });
}

#[test]
fn shutdown_delivers_to_all_projects() {
    watchdog(LIMIT, || {
        let projects = Projects::start();
        let exporter = by_tenant(&projects.default.dsn(), projects.routes());
        for trace in 1..=30 {
            let tenant = ["shop", "billing", "other"][trace % 3];
            export(&exporter, vec![root(trace as u128, tenant)]).unwrap();
        }
        exporter.shutdown().unwrap();
        assert_eq!(projects.counts(), [(10, 0); 3]);
        assert_eq!(stats(&exporter).spans_delivered, 30);
    });
}

#[test]
fn envelopes_tell_dsn_key_and_organization_of_their_project() {
    watchdog(LIMIT, || {
        let recorder = Recorder::default();
        let dsns = ["default@o1", "shop@o2", "billing@sentry"]
            .map(|place| format!("https://{place}.example.com/42"));
        let [default, shop, billing] = dsns.clone();
        let router = Router::by_attribute("tenant", [("shop", shop), ("billing", billing)]);
        let exporter = SentrySpanExporter::builder()
            .with_dsn(default)
            .with_router(router)
            .with_transport(recorder.clone())
            .build()
            .unwrap();
        // All are segments of one trace, the first of which is its head.
        for (id, tenant) in [(1, "other"), (2, "shop"), (3, "billing"), (4, "other")] {
            let mut root = root(7, tenant);
            root.span_context = span(7, id, 0, "").span_context;
            if id > 1 {
                root.parent_span_id = 9.into();
                root.parent_span_is_remote = true;
            }
            export(&exporter, vec![root]).unwrap();
            exporter.flush(SOON).unwrap();
        }
        let told = recorder.envelopes().into_iter().map(|envelope| {
            let text = |value: &serde_json::Value| value.as_str().map(str::to_owned);
            let (dsn, trace) = (text(&envelope.header["dsn"]), &envelope.header["trace"]);
            assert_eq!(trace["transaction"], "work");
            (dsn.unwrap(), text(&trace["public_key"]).unwrap(), text(&trace["org_id"]))
        });
        let [default, shop, billing] = dsns;
        let expected = [
            (default.clone(), "default".to_owned(), Some("1".to_owned())),
            (shop, "shop".to_owned(), Some("2".to_owned())),
            (billing, "billing".to_owned(), None),
            (default, "default".to_owned(), Some("1".to_owned())),
        ];
        assert_eq!(told.collect::<Vec<_>>(), expected);
    });
}

#[test]
fn requests_to_any_of_the_projects_are_left_out() {
    watchdog(LIMIT, || {
        let projects = Projects::start();
        let exporter = by_tenant(&projects.default.dsn(), projects.routes());
        let servers = [&projects.default, &projects.shop, &projects.billing];
        let own = (1..).zip(servers).map(|(trace, server)| {
            let url = KeyValue::new("url.full", server.url("/api/42/envelope/"));
            span(trace, 1, 0, "POST").attributes([url])
        });
        export(&exporter, own.collect()).unwrap();
        exporter.flush(SOON).unwrap();
        assert_eq!(stats(&exporter).dropped[&DropReason::OwnTraffic], 3);
        assert_eq!(projects.counts(), [(0, 0); 3]);
    });
}

#[test]
fn a_check_asks_all_projects_and_tells_of_the_first_that_is_not_right() {
    watchdog(LIMIT, || {
        let projects = Projects::start();
        let exporter = by_tenant(&projects.default.dsn(), projects.routes());
        assert_eq!(exporter.check(SOON), Finding::Works);
        projects.billing.then_always(Answer::status(403));
        let finding = exporter.check(SOON);
        let address = projects.billing.url("");
        assert!(!finding.is_ok() && finding.to_string().contains(&address), "{finding}");
        let asked = [&projects.default, &projects.shop, &projects.billing];
        assert_eq!(asked.map(|sentry| sentry.requests().len()), [2; 3]);
    });
}

#[test]
fn a_route_that_cannot_work_is_an_error_that_names_it_and_no_key() {
    let good = format!("https://{KEY}@sentry.example/42");
    let bad = format!("https://{KEY}@sentry.example/forty");
    for (routes, reason) in [
        (vec![("shop", good.as_str()), ("billing", &bad)], "route `billing`: its project id"),
        (vec![("shop", "")], "route `shop`: it is no URL"),
        (vec![(good.as_str(), "shop")], "route `[Filtered]`: it is no URL"),
        (vec![("shop", good.as_str()), ("shop", &good)], "the route `shop` is there twice"),
        (vec![], "it has no routes"),
    ] {
        let router = Router::by_attribute("tenant", routes);
        let builder = SentrySpanExporter::builder().with_router(router);
        let shown = format!("{builder:?}");
        let error = builder.build().unwrap_err();
        let text = format!("{error} {error:?}");
        assert!(text.starts_with("with_router: ") && text.contains(reason), "{text}");
        assert!(!text.contains(KEY) && !shown.contains(KEY), "{text} {shown}");
    }
}

#[cfg(feature = "spool")]
#[test]
fn a_spool_and_a_router_say_that_they_do_not_go_together() {
    let router = Router::by_attribute("tenant", [("shop", "https://key@sentry.example/42")]);
    let spool = opentelemetry_sentry::Spool::new(std::env::temp_dir().join("never-made"));
    let builder = SentrySpanExporter::builder().with_router(router).with_spool(spool);
    let error = builder.build().unwrap_err().to_string();
    assert!(error.starts_with("with_router: it cannot be combined with with_spool"), "{error}");
}

#[test]
fn a_router_that_knows_everything_needs_no_default_project() {
    watchdog(LIMIT, || {
        let sentry = FakeSentry::start();
        let router = Router::by_resource_attribute("service.name", [("shop", sentry.dsn())]);
        let exporter = SentrySpanExporter::builder().with_router(router).build().unwrap();
        let service = service(&exporter, "shop");
        work(&service);
        service.shutdown().unwrap();
        assert_eq!((sentry.transactions().len(), sentry.events().len()), (1, 1));
        assert_eq!(sentry.envelopes()[0].header["trace"]["public_key"], KEY);
        let nobody = provider(&exporter);
        work(&nobody);
        nobody.shutdown().unwrap_or_default();
        assert_eq!(stats(&exporter).spans_delivered, 2);
    });
}

#[cfg(feature = "panic")]
#[test]
fn a_panic_outside_of_spans_goes_to_the_project_of_its_resource_or_to_the_default_one() {
    use opentelemetry_sentry::PanicHook;
    watchdog(LIMIT, || {
        let projects = Projects::start();
        let by_resource = Router::by_resource_attribute("service.name", projects.routes());
        let by_root = Router::by_attribute("tenant", projects.routes()).with_unknown_dropped();
        let texts = ["no money", "no goods"];
        let exporters = [by_resource, by_root].map(|router| {
            let builder = SentrySpanExporter::builder().with_dsn(projects.default.dsn());
            builder.with_router(router).build().unwrap()
        });
        for (exporter, text) in exporters.iter().zip(texts) {
            let _billing = service(exporter, "billing");
            let before = std::panic::take_hook();
            PanicHook::new(exporter).install();
            std::thread::spawn(move || panic!("{text}")).join().unwrap_err();
            std::panic::set_hook(before);
            exporter.flush(SOON).unwrap();
            assert_eq!(stats(exporter).dropped_events.len(), 0);
        }
        let told = [&projects.default, &projects.shop, &projects.billing].map(|sentry| {
            let texts = sentry.events().into_iter();
            texts.map(|event| event["exception"]["values"][0]["value"].clone()).collect::<Vec<_>>()
        });
        assert_eq!(told, [vec!["no goods".into()], vec![], vec![serde_json::json!("no money")]]);
    });
}
