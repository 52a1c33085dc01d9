//! Who is whose child follows from the ids of OpenTelemetry alone, whatever thread or task a span
//! runs on, and whatever else runs there.

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::thread;
use std::time::Duration;

use common::recorder::Recorder;
use common::watchdog::watchdog;
use opentelemetry::trace::TracerProvider;
use opentelemetry_sdk::trace::{SdkTracerProvider, SpanExporter};
use opentelemetry_sentry::SentrySpanExporter;
use serde_json::Value;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::{Barrier, oneshot};
use tracing::{Dispatch, Instrument, Span, info_span};
use tracing_subscriber::layer::SubscriberExt;

const LIMIT: Duration = Duration::from_secs(60);

/// What arrived: for each trace, by the name of its root, the names of its spans with those of
/// their parents.
type Trees = BTreeMap<String, BTreeSet<(String, String)>>;

/// Runs code with spans of `tracing` on all threads that take the dispatcher, and gives what came.
fn traced(body: impl FnOnce(Dispatch) + Send + 'static) -> Trees {
    watchdog(LIMIT, || {
        let recorder = Recorder::default();
        let exporter = SentrySpanExporter::builder()
            .with_dsn("https://key@sentry.invalid/42")
            .with_transport(recorder.clone())
            .build()
            .unwrap();
        let provider = SdkTracerProvider::builder().with_simple_exporter(exporter.clone()).build();
        let layer = tracing_opentelemetry::layer().with_tracer(provider.tracer("app"));
        let dispatch = Dispatch::new(tracing_subscriber::registry().with(layer));
        tracing::dispatcher::with_default(&dispatch, || body(dispatch.clone()));
        drop(dispatch);
        exporter.shutdown_with_timeout(Duration::from_secs(10)).unwrap();
        trees(&recorder.payloads("transaction"))
    })
}

fn trees(transactions: &[Value]) -> Trees {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let spans: Vec<_> = transactions
        .iter()
        .flat_map(|transaction| {
            let root = &transaction["contexts"]["trace"];
            let children = transaction["spans"].as_array().expect("spans").iter();
            let children = children.map(|span| (span, text(&span["description"])));
            std::iter::once((root, text(&transaction["transaction"]))).chain(children)
        })
        .map(|(span, name)| {
            let id = |key| text(&span[key]);
            (id("trace_id"), id("span_id"), id("parent_span_id"), name)
        })
        .collect();
    let names: BTreeMap<_, _> = spans.iter().map(|(_, id, _, name)| (id, name)).collect();
    assert_eq!(names.len(), spans.len(), "a span came twice");
    let roots = spans.iter().filter(|(_, _, parent, _)| parent.is_empty());
    let roots: BTreeMap<_, _> = roots.map(|(trace, _, _, name)| (trace, name)).collect();
    let mut trees = Trees::new();
    for (trace, _, parent, name) in &spans {
        let tree = trees.entry(roots[trace].clone()).or_default();
        if !parent.is_empty() {
            tree.insert((name.clone(), names[parent].clone()));
        }
    }
    trees
}

fn tree(spans: &[(&str, &str)]) -> BTreeSet<(String, String)> {
    spans.iter().map(|(name, parent)| ((*name).to_owned(), (*parent).to_owned())).collect()
}

fn one_thread() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

/// A runtime with several threads, all of which take the dispatcher.
fn threads(dispatch: &Dispatch) -> Runtime {
    let dispatch = dispatch.clone();
    let start = move || {
        // For as long as the thread runs.
        std::mem::forget(tracing::dispatcher::set_default(&dispatch));
    };
    Builder::new_multi_thread()
        .worker_threads(4)
        .on_thread_start(start)
        .enable_all()
        .build()
        .unwrap()
}

/// Lets everything else go first, often enough that tasks change their threads.
async fn others_first() {
    for _ in 0..5 {
        tokio::task::yield_now().await;
    }
}

async fn query(name: &'static str) {
    others_first().instrument(info_span!("step", otel.name = name)).await;
}

#[test]
fn a_task_is_below_the_span_it_was_given_and_not_below_what_runs_beside_it() {
    let trees = traced(|dispatch| {
        threads(&dispatch).block_on(async {
            let requests = (0..50).map(|number| {
                let root =
                    info_span!(parent: None, "request", otel.name = format!("request {number}"));
                tokio::spawn(
                    async move {
                        query("before").await;
                        let inner = info_span!("spawned");
                        let task = tokio::spawn(query("in the task").instrument(inner));
                        query("meanwhile").await;
                        task.await.unwrap();
                        // Nobody gave this one a span.
                        tokio::spawn(query("on its own")).await.unwrap();
                    }
                    .instrument(root),
                )
            });
            for request in requests.collect::<Vec<_>>() {
                request.await.unwrap();
            }
        });
    });
    let expected = |root: &str| {
        tree(&[
            ("before", root),
            ("spawned", root),
            ("in the task", "spawned"),
            ("meanwhile", root),
        ])
    };
    assert_eq!(trees.len(), 51, "50 requests, and those on their own");
    for number in 0..50 {
        let root = format!("request {number}");
        assert_eq!(trees[&root], expected(&root));
    }
    assert!(trees["on its own"].is_empty());
}

#[test]
fn futures_that_are_joined_are_siblings() {
    let trees = traced(|_| {
        let request = async {
            tokio::join!(
                async {
                    query("a1").await;
                    query("a2").await;
                }
                .instrument(info_span!("a")),
                async {
                    query("b1").await;
                    query("b2").await;
                }
                .instrument(info_span!("b")),
                query("c"),
            );
        };
        one_thread().block_on(request.instrument(info_span!("request")));
    });
    let expected = [
        ("a", "request"),
        ("b", "request"),
        ("c", "request"),
        ("a1", "a"),
        ("a2", "a"),
        ("b1", "b"),
        ("b2", "b"),
    ];
    assert_eq!(trees, Trees::from([("request".to_owned(), tree(&expected))]));
}

#[test]
fn a_future_that_lost_or_was_cancelled_ends_where_it_stood_and_changes_nothing_after_it() {
    let trees = traced(|_| {
        let request = async {
            let (_never, pending) = oneshot::channel::<()>();
            let endless = async {
                query("done before").await;
                let _ = pending.instrument(info_span!("waiting")).await;
            };
            tokio::select! {
                () = endless.instrument(info_span!("loser")) => unreachable!(),
                () = async { for _ in 0..20 { others_first().await } }
                    .instrument(info_span!("winner")) => {}
            }
            query("after select").await;
            let (started, has_started) = oneshot::channel();
            let task = async {
                let _inner = info_span!("inside").entered();
                drop(_inner);
                started.send(()).unwrap();
                std::future::pending::<()>().instrument(info_span!("cut off")).await;
            };
            let task = tokio::spawn(task.instrument(info_span!("aborted")));
            has_started.await.unwrap();
            task.abort();
            assert!(task.await.unwrap_err().is_cancelled());
            query("after abort").await;
            // One that is dropped before it is polled at all.
            drop(query("never").instrument(info_span!("never polled")));
            query("at the end").await;
        };
        one_thread().block_on(request.instrument(info_span!("request")));
    });
    let expected = [
        ("loser", "request"),
        ("done before", "loser"),
        ("waiting", "loser"),
        ("winner", "request"),
        ("after select", "request"),
        ("aborted", "request"),
        ("inside", "aborted"),
        ("cut off", "aborted"),
        ("after abort", "request"),
        ("never polled", "request"),
        ("at the end", "request"),
    ];
    assert_eq!(trees, Trees::from([("request".to_owned(), tree(&expected))]));
}

#[test]
fn a_span_that_is_entered_on_many_threads_has_the_children_of_all() {
    let trees = traced(|dispatch| {
        let roots =
            ["first", "second"].map(|name| info_span!(parent: None, "root", otel.name = name));
        thread::scope(|scope| {
            for number in 0..8 {
                let (dispatch, roots) = (dispatch.clone(), roots.clone());
                scope.spawn(move || {
                    tracing::dispatcher::with_default(&dispatch, || {
                        for round in 0..20 {
                            let root = &roots[(number + round) % 2];
                            let _entered = root.enter();
                            let outer =
                                info_span!("outer", otel.name = format!("{number}.{round}"));
                            let _outer = outer.enter();
                            drop(info_span!(
                                "inner",
                                otel.name = format!("{number}.{round} inner")
                            ));
                        }
                    });
                });
            }
        });
    });
    for (index, root) in ["first", "second"].into_iter().enumerate() {
        let mut expected = BTreeSet::new();
        for (number, round) in (0..8).flat_map(|number| (0..20).map(move |round| (number, round))) {
            if (number + round) % 2 == index {
                let outer = format!("{number}.{round}");
                expected.insert((format!("{outer} inner"), outer.clone()));
                expected.insert((outer, root.to_owned()));
            }
        }
        assert_eq!(trees[root], expected);
    }
    assert_eq!(trees.len(), 2);
}

#[test]
fn requests_that_share_a_thread_and_stop_at_the_same_place_keep_apart() {
    let trees = traced(|_| {
        one_thread().block_on(async {
            let place = std::sync::Arc::new(Barrier::new(20));
            let tasks = (0..20).map(|number| {
                let place = std::sync::Arc::clone(&place);
                let root =
                    info_span!(parent: None, "request", otel.name = format!("request {number}"));
                let work = async move {
                    let outer = info_span!("outer");
                    async {
                        place.wait().await;
                        query("inner").await;
                        assert!(!Span::current().is_none());
                        place.wait().await;
                    }
                    .instrument(outer)
                    .await;
                    query("last").await;
                };
                tokio::spawn(work.instrument(root))
            });
            for task in tasks.collect::<Vec<_>>() {
                task.await.unwrap();
            }
        });
    });
    assert_eq!(trees.len(), 20);
    for (root, found) in &trees {
        assert_eq!(*found, tree(&[("outer", root), ("inner", "outer"), ("last", root)]));
    }
}
