//! Prints what Sentry would be told of the same failures by its own crates and by this one.

mod by_sentry;
mod by_this;
mod failures;
mod points;
mod request;

use serde_json::Value;

use crate::failures::FAILURES;
use crate::points::POINTS;

/// How much of a text the table shows, in chars.
const MAX_CHARS: usize = 120;

fn main() {
    // Nobody wants to read in a table that it panics as it should.
    std::panic::set_hook(Box::new(|_| {}));
    let whole = std::env::args().any(|argument| argument == "--json");
    for failure in FAILURES {
        let sides = [
            by_sentry::events(failure.path, false),
            by_sentry::events(failure.path, true),
            by_this::events(failure.path),
        ];
        println!("## {}\n", failure.title);
        if whole {
            println!("{}\n", serde_json::to_string_pretty(&sides).expect("JSON"));
            continue;
        }
        println!("| | `sentry` | with `attach_stacktrace` | this crate |\n|---|---|---|---|");
        let counts = sides.each_ref().map(|events| events.len().to_string());
        row("events", &counts, "the same");
        let firsts = sides.map(|events| events.into_iter().next().unwrap_or(Value::Null));
        for (name, say) in POINTS {
            row(name, &firsts.each_ref().map(say), "the same");
        }
        println!();
    }
}

/// A row, in which the second column only says what differs from the first.
fn row(name: &str, [theirs, attached, ours]: &[String; 3], same: &str) {
    let attached = if attached == theirs { same } else { attached };
    println!("| {name} | {} | {} | {} |", cell(theirs), cell(attached), cell(ours));
}

fn cell(text: &str) -> String {
    let line = text.replace('\n', "⏎").replace('|', "\\|");
    match line.char_indices().nth(MAX_CHARS) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}
