//! What Sentry shows of an error, point by point.

use serde_json::Value;

/// A point, and how to say it of an event in a few words.
pub type Point = (&'static str, fn(&Value) -> String);

pub const POINTS: &[Point] = &[
    ("level", |event| event["level"].as_str().map_or("error".into(), str::to_owned)),
    ("title", title),
    ("message", |event| text(first([&event["message"], &event["logentry"]["message"]]))),
    ("exceptions, root cause first", |event| {
        exceptions(event, |one| format!("{}: {}", text(&one["type"]), text(&one["value"])))
    }),
    ("module", |event| itself(event, "module")),
    ("mechanism", |event| itself(event, "mechanism/type")),
    ("handled", |event| itself(event, "mechanism/handled")),
    ("chain", |event| {
        exceptions(event, |one| {
            let mechanism = &one["mechanism"];
            format!("{}←{}", text(&mechanism["exception_id"]), text(&mechanism["parent_id"]))
        })
    }),
    ("frames", |event| {
        let frames = frames(event);
        let is_app = |frame: &&Value| frame["in_app"] == true;
        let app = frames.iter().copied().filter(is_app).count();
        if frames.is_empty() { "–".into() } else { format!("yes, some in app: {}", app > 0) }
    }),
    ("last frame in app", |event| {
        let frames = frames(event);
        let last = frames.iter().rev().find(|frame| frame["in_app"] == true);
        last.map_or("–".into(), |frame| {
            let file = text(first([&frame["filename"], &frame["abs_path"]]));
            let line = if frame["lineno"].is_u64() { ", with line" } else { "" };
            format!("{} in {file}{line}", text(&frame["function"]))
        })
    }),
    ("thread", |event| {
        let id = itself(event, "thread_id");
        let thread = &event["threads"]["values"][0];
        let of_exception = if id == "–" { id } else { "id on the exception".into() };
        if thread.is_null() { of_exception } else { format!("{of_exception}; in threads") }
    }),
    ("breadcrumbs", |event| {
        let crumbs = event["breadcrumbs"]["values"].as_array().or(event["breadcrumbs"].as_array());
        let said = crumbs.into_iter().flatten().map(|crumb| {
            let level = crumb["level"].as_str().unwrap_or("info");
            format!("{level}: {}", text(&crumb["message"]))
        });
        list(said.collect())
    }),
    ("breadcrumb category and data", |event| {
        let crumbs = event["breadcrumbs"]["values"].as_array().or(event["breadcrumbs"].as_array());
        let told = crumbs.into_iter().flatten().find(|crumb| !crumb["data"].is_null());
        told.map_or("–".into(), |crumb| format!("{} {}", text(&crumb["category"]), crumb["data"]))
    }),
    ("logger", |event| text(&event["logger"])),
    ("transaction", |event| text(&event["transaction"])),
    ("trace", |event| keys(&event["contexts"]["trace"])),
    ("request", |event| {
        let request = &event["request"];
        let said = format!("{} {}", text(&request["method"]), text(&request["url"]));
        let query = &request["query_string"];
        if query.is_null() { said } else { format!("{said}, query {}", text(query)) }
    }),
    ("request headers", |event| keys(&event["request"]["headers"])),
    ("user", |event| if event["user"].is_null() { "–".into() } else { event["user"].to_string() }),
    ("tags", |event| keys(&event["tags"])),
    ("fields", |event| {
        let ours = event["contexts"]["otel"]["attributes"].clone();
        keys(first([&event["contexts"]["Rust Tracing Fields"], &ours]))
    }),
    ("place of the line", |event| keys(&event["contexts"]["Rust Tracing Location"])),
    ("other contexts", |event| {
        let known = ["trace", "otel", "Rust Tracing Fields", "Rust Tracing Location"];
        let contexts = event["contexts"].as_object().into_iter().flatten();
        let others = contexts.filter(|(name, _)| !known.contains(&name.as_str()));
        list(others.map(|(name, fields)| format!("{name} ({})", keys(fields))).collect())
    }),
    ("release", |event| text(&event["release"])),
    ("environment", |event| text(&event["environment"])),
    ("server name", |event| if event["server_name"].is_null() { "–" } else { "yes" }.into()),
    ("fingerprint", |event| {
        if event["fingerprint"].is_null() {
            "default".into()
        } else {
            event["fingerprint"].to_string()
        }
    }),
    ("timestamp", |event| if event["timestamp"].is_number() { "yes" } else { "–" }.into()),
    ("platform", |event| text(&event["platform"])),
    ("images for symbols", |event| {
        if event["debug_meta"]["images"].is_array() { "yes" } else { "–" }.into()
    }),
    ("sdk", |event| keys(&event["sdk"])),
];

fn title(event: &Value) -> String {
    match exception_list(event).last() {
        Some(one) => format!("{}: {}", text(&one["type"]), text(&one["value"])),
        None => text(first([&event["message"], &event["logentry"]["message"]])),
    }
}

fn exception_list(event: &Value) -> Vec<&Value> {
    event["exception"]["values"].as_array().into_iter().flatten().collect()
}

fn exceptions(event: &Value, say: impl Fn(&Value) -> String) -> String {
    list(exception_list(event).into_iter().map(say).collect())
}

/// A field of the error itself, not of its causes.
fn itself(event: &Value, path: &str) -> String {
    let all = exception_list(event);
    all.last()
        .map_or("–".into(), |one| text(one.pointer(&format!("/{path}")).unwrap_or(&Value::Null)))
}

/// Those of the exception, else those of the thread.
fn frames(event: &Value) -> Vec<&Value> {
    let of = |value: &'_ Value| value["stacktrace"]["frames"].as_array().is_some();
    let with = exception_list(event).into_iter().rev().find(|one| of(one));
    let with = with.or_else(|| event["threads"]["values"].as_array()?.iter().find(|one| of(one)));
    with.and_then(|one| one["stacktrace"]["frames"].as_array()).into_iter().flatten().collect()
}

fn first<'a, const N: usize>(values: [&'a Value; N]) -> &'a Value {
    values.into_iter().find(|value| !value.is_null()).unwrap_or(&Value::Null)
}

fn keys(value: &Value) -> String {
    list(value.as_object().into_iter().flatten().map(|(key, _)| key.clone()).collect())
}

fn list(texts: Vec<String>) -> String {
    if texts.is_empty() { "–".into() } else { texts.join("; ") }
}

fn text(value: &Value) -> String {
    match value {
        Value::Null => "–".into(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}
