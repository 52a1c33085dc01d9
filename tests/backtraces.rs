//! Stack traces as programs print them, each beside the frames that Sentry gets of it.
//!
//! A text in `data/backtraces` begins with a line that says where it comes from. The file beside it
//! has the attribute that the text is in, and what becomes of it: the root cause first, and of
//! each trace the oldest frame.

mod common;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use common::sentry::FakeSentry;
use common::spans::{SpanDataExt, span};
use common::telemetry::export_and_wait;
use common::watchdog::watchdog;
use opentelemetry::KeyValue;
use opentelemetry_sdk::trace::SpanExporter;
use opentelemetry_sentry::SentrySpanExporter;
use opentelemetry_sentry::mapping::Mapper;
use serde_json::{Value as Json, json};

fn corpus() -> Vec<PathBuf> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/backtraces");
    let files = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    let mut texts: Vec<PathBuf> =
        files.filter(|path| path.extension().is_some_and(|ending| ending == "txt")).collect();
    texts.sort();
    texts
}

/// The text without the line that says where it comes from.
fn text(path: &Path) -> String {
    let text = fs::read_to_string(path).unwrap();
    let (origin, text) = text.split_once('\n').unwrap();
    assert!(origin.starts_with("; "), "{path:?}");
    text.to_owned()
}

fn event(mapper: &Mapper, key: &'static str, text: &str) -> Json {
    let root = span(1, 0, "request", (0, 9));
    let root = root.event("exception", 1, [KeyValue::new(key, text.to_owned())]);
    let mut mapped = mapper.map(vec![root]).remove(0);
    serde_json::to_value(mapped.events.remove(0)).unwrap()
}

fn frame(frame: &Json) -> Json {
    let fields = ["function", "module", "filename", "abs_path", "lineno", "in_app"];
    let told = fields.iter().filter(|field| !frame[**field].is_null());
    told.map(|field| ((*field).to_owned(), frame[*field].clone()))
        .collect::<serde_json::Map<_, _>>()
        .into()
}

fn summary(event: &Json) -> Json {
    let exceptions = event["exception"]["values"].as_array().unwrap().iter().map(|exception| {
        let frames = exception["stacktrace"]["frames"].as_array().map_or(&[][..], Vec::as_slice);
        json!({
            "type": exception["type"],
            "value": exception["value"],
            "frames": frames.iter().map(frame).collect::<Vec<_>>(),
        })
    });
    json!({ "platform": event["platform"], "exceptions": exceptions.collect::<Vec<_>>() })
}

fn shown(frames: &Json) -> String {
    let mark = |frame: &Json| if frame["in_app"] == true { "+" } else { "-" };
    let name = |frame: &Json| frame["function"].as_str().unwrap_or("?").to_owned();
    let names =
        frames.as_array().unwrap().iter().map(|frame| mark(frame).to_owned() + &name(frame));
    names.collect::<Vec<_>>().join(" ")
}

fn frames(mapper: &Mapper, text: &str) -> String {
    let event = event(mapper, "exception.stacktrace", text);
    shown(&event["exception"]["values"][0]["stacktrace"]["frames"])
}

#[test]
fn every_text_becomes_the_frames_beside_it() {
    let corpus = corpus();
    assert!(corpus.len() >= 100, "{}", corpus.len());
    for path in corpus {
        let expected = fs::read_to_string(path.with_extension("json")).unwrap();
        let mut expected: Json = serde_json::from_str(&expected).unwrap();
        let key = match expected["attribute"].take().as_str() {
            Some("exception.message") => "exception.message",
            _ => "exception.stacktrace",
        };
        expected.as_object_mut().unwrap().remove("attribute");
        let got = summary(&event(&Mapper::new(), key, &text(&path)));
        let pretty = |json: &Json| serde_json::to_string_pretty(json).unwrap();
        assert_eq!(pretty(&got), pretty(&expected), "{path:?}");
    }
}

#[test]
fn windows_line_ends_and_a_last_line_without_one_change_nothing() {
    for path in corpus() {
        let text = text(&path);
        let all = |text: &str| {
            let event = event(&Mapper::new(), "exception.stacktrace", text);
            let values = event["exception"]["values"].as_array().unwrap().clone();
            values.iter().map(|value| value["stacktrace"].clone()).collect::<Vec<_>>()
        };
        let expected = all(&text);
        assert_eq!(all(&text.replace('\n', "\r\n")), expected, "{path:?}");
        assert_eq!(all(text.trim_end()), expected, "{path:?}");
    }
}

#[test]
fn the_text_is_kept_whether_it_was_understood_or_not() {
    let understood = "   0: shop::load\n             at src/main.rs:3\n";
    for text in [understood, "somewhere in the cellar"] {
        let event = event(&Mapper::new(), "exception.stacktrace", text);
        assert_eq!(event["extra"]["exception.stacktrace"], text);
        let trace = &event["exception"]["values"][0]["stacktrace"];
        assert_eq!(trace.is_null(), text != understood);
        assert_eq!(event["platform"], "native");
    }
}

#[test]
fn what_the_event_says_wins_over_what_the_text_says() {
    let text =
        "Traceback (most recent call last):\n  File \"a.py\", line 1, in f\nshop.Sold: gone\n";
    let told = |attributes: Vec<KeyValue>| {
        let root = span(1, 0, "request", (0, 9)).event("exception", 1, attributes);
        let mapped = Mapper::new().map(vec![root]).remove(0);
        let exception = mapped.events[0].exception.values.last().unwrap().clone();
        (exception.module.unwrap_or_default(), exception.ty, exception.value.unwrap_or_default())
    };
    let owned = |texts: [&str; 3]| (texts[0].to_owned(), texts[1].to_owned(), texts[2].to_owned());
    let stack = || KeyValue::new("exception.stacktrace", text);
    assert_eq!(told(vec![stack()]), owned(["shop", "Sold", "gone"]));
    let ty = KeyValue::new("exception.type", "app::SoldOut");
    let message = KeyValue::new("exception.message", "none left");
    assert_eq!(told(vec![stack(), ty, message]), owned(["app", "SoldOut", "none left"]));
}

#[test]
fn the_user_says_whose_code_is_whose() {
    let rust = "0: shop::load\n1: shop_core::find\n2: sqlx::query\n3: axum::serve\n4: main\n";
    let by_rules = "-main -axum::serve -sqlx::query +shop_core::find +shop::load";
    assert_eq!(frames(&Mapper::new(), rust), by_rules);
    let excluded = Mapper::new().with_in_app_exclude(["shop-core"]);
    assert_eq!(
        frames(&excluded, rust),
        "-main -axum::serve -sqlx::query -shop_core::find +shop::load"
    );
    let included = Mapper::new().with_in_app_include(["sqlx"]).with_in_app_exclude(["sqlx::query"]);
    assert_eq!(
        frames(&included, rust),
        "-main -axum::serve +sqlx::query +shop_core::find +shop::load"
    );
    // What is excluded is not the application's even where nothing else is.
    let nothing = Mapper::new().with_in_app_exclude(["shop", "shop_core", "axum"]);
    assert_eq!(
        frames(&nothing, rust),
        "-main -axum::serve +sqlx::query -shop_core::find -shop::load"
    );
}

#[test]
fn prefixes_are_those_of_packages_and_paths_in_other_languages_too() {
    let python = "Traceback (most recent call last):\n  File \"/srv/shop/a.py\", line 1, in f\n  \
        File \"/srv/lib/site-packages/cart/b.py\", line 2, in g\nValueError\n";
    assert_eq!(frames(&Mapper::new(), python), "+f -g");
    assert_eq!(frames(&Mapper::new().with_in_app_include(["cart"]), python), "+f +g");
    assert_eq!(frames(&Mapper::new().with_in_app_exclude(["/srv/shop"]), python), "-f +g");
    let java = "shop.Sold\n\tat com.shop.A.f(A.java:1)\n\tat com.shopping.B.g(B.java:2)\n\tat \
        java.lang.Thread.run(Thread.java:3)\n";
    assert_eq!(frames(&Mapper::new(), java), "-run +g +f");
    assert_eq!(frames(&Mapper::new().with_in_app_exclude(["com.shop"]), java), "-run +g -f");
    assert_eq!(frames(&Mapper::new().with_in_app_include(["java.lang"]), java), "+run +g +f");
}

#[test]
fn the_exporter_takes_the_same_lists() {
    watchdog(Duration::from_secs(30), || {
        let sentry = FakeSentry::start();
        let exporter = SentrySpanExporter::builder()
            .with_dsn(sentry.dsn())
            .with_in_app_include(["sqlx"])
            .with_in_app_exclude(["shop"])
            .build()
            .unwrap();
        let stack = KeyValue::new("exception.stacktrace", "0: shop::load\n1: sqlx::query\n");
        let root = span(1, 0, "request", (0, 9)).event("exception", 1, [stack]);
        export_and_wait(&exporter, vec![root]).unwrap();
        exporter.force_flush().unwrap();
        let event = sentry.events().remove(0);
        let frames = &event["exception"]["values"][0]["stacktrace"]["frames"];
        assert_eq!(shown(frames), "+sqlx::query -shop::load");
    });
}
