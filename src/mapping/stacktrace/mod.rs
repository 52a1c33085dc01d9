//! The text of a stack trace as frames of Sentry.
//!
//! Stack traces reach the exporter only as text. Sentry groups issues by frames, so a text that
//! surely is a trace of a known language is read line by line, and any other text is refused,
//! because wrong frames group worse than none.

mod call;
mod cpp;
mod crates;
mod dotnet;
mod go;
mod in_app;
mod java;
mod javascript;
mod lines;
mod php;
mod python;
mod ruby;
mod rust;

use sentry_types::protocol::v7::Stacktrace;

use self::call::{Raised, Traceback};
pub(super) use self::in_app::InApp;
use super::error_text::without_ansi;
use super::steps;

/// Reads the text of a trace in one language; the trace of another one gives nothing.
type Parser = for<'a> fn(&'a str) -> Option<Traceback<'a>>;

/// Rust comes first: its reports may hold the text of an error of another language.
const PARSERS: [Parser; 9] = [
    rust::parse,
    python::parse,
    java::parse,
    javascript::parse,
    dotnet::parse,
    go::parse,
    php::parse,
    ruby::parse,
    cpp::parse,
];

/// How many errors of a chain are read, counted from the outermost.
const MAX_ERRORS: usize = 50;

/// What a text says of an error and its causes.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Trace {
    /// Sentry's name of the language.
    pub(super) platform: &'static str,
    /// The error itself first, its root cause last; never empty.
    pub(super) errors: Vec<Error>,
}

/// An error, as far as the text of its trace names it.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Error {
    pub(super) module: Option<String>,
    pub(super) ty: Option<String>,
    pub(super) value: Option<String>,
    pub(super) stacktrace: Option<Stacktrace>,
}

/// Reads the text of a stack trace.
///
/// The frames come in Sentry's order, the oldest call first. A text that is not surely the trace
/// of a known language, such as prose, gives nothing.
#[must_use]
pub(super) fn parse(text: &str, in_app: &InApp) -> Option<Trace> {
    let text = without_ansi(text);
    steps::count(text.len());
    let Traceback { platform, raised } = PARSERS.iter().find_map(|parse| parse(&text))?;
    let errors: Vec<Error> =
        raised.into_iter().take(MAX_ERRORS).map(|raised| error(raised, in_app)).collect();
    errors.iter().any(|error| error.stacktrace.is_some()).then_some(Trace { platform, errors })
}

fn error(raised: Raised<'_>, in_app: &InApp) -> Error {
    let owned = |text: &str| Some(text.trim().to_owned()).filter(|text| !text.is_empty());
    Error {
        stacktrace: raised.stacktrace(in_app),
        module: owned(raised.module),
        ty: owned(raised.ty),
        value: owned(&raised.value),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TRACES: [&str; 9] = [
        "thread 'main' panicked at src/main.rs:1:2:\nboom\nstack backtrace:\n   0: shop::load\n             at ./src/main.rs:5:47\n   1: main\n",
        "Traceback (most recent call last):\n  File \"/srv/a.py\", line 7, in total\n    x()\nshop.Sold: gone\n\nDuring handling of the above exception, another exception occurred:\n\nTraceback (most recent call last):\n  File \"a.py\", line 8, in <module>\nValueError: x\n",
        "Exception in thread \"main\" com.shop.Sold: gone\n\tat com.shop.Cart.total(Cart.java:3)\n\tSuppressed: java.io.IOException: x\n\t\tat com.shop.Cart.close(Cart.java:4)\nCaused by: java.lang.Error: y\n\tat java.base/java.lang.Thread.run(Thread.java:833)\n\t... 3 more\n",
        "TypeError [CODE]: gone\n    at Cart.total [as sum] (/srv/cart.js:3:4)\n    at async node:internal/main:1:2 {\n  [cause]: Error: x\n      at eval (eval at f (/srv/a.js:1:2), <anonymous>:1:7)\n}\n",
        "Unhandled exception. Shop.Sold: gone\n ---> System.Exception: x\n   at Shop.Cart.<F>d__3.MoveNext() in C:\\a.cs:line 4\n   --- End of inner exception stack trace ---\n   at Shop.Program.<>c.<Main>b__0_0(String[] args) in /srv/a.cs:line 5\n",
        "panic: gone\n\ngoroutine 1 [running]:\nmain.(*Cart).Total(0x1, {0x2})\n\t/srv/main.go:3 +0x1d\ncreated by main.main in goroutine 1\n\t/srv/main.go:5 +0x2\n",
        "PHP Fatal error:  Uncaught Shop\\Sold: gone in /srv/a.php:3\nStack trace:\n#0 /srv/a.php(9): Shop\\Cart->total()\n#1 {main}\n\nNext Error: x in /srv/a.php:4\nStack trace:\n#0 {main}\n",
        "cart.rb:2:in `total': gone (Shop::Sold)\n\tfrom /gems/rack-2/a.rb:5:in 'block in Rack::A#call'\ncart.rb:1:in `x': y (ArgumentError)\n",
        "   0# shop::total(int) at /srv/cart.cpp:8\n   1# main in ./shop\n",
    ];

    fn platform(text: &str) -> Option<&'static str> {
        parse(text, &InApp::default()).map(|trace| trace.platform)
    }

    #[test]
    fn every_language_is_told_from_the_others() {
        let platforms: Vec<&str> = TRACES.iter().filter_map(|text| platform(text)).collect();
        let expected = "native python java node csharp go php ruby native";
        assert_eq!(platforms.join(" "), expected);
    }

    #[test]
    fn texts_that_are_no_traces_are_refused() {
        let texts = "|connection refused|1: first thing\n2: second thing\
            |Error: it failed\n    at the gate\n    at noon|Error: x\n  at 10:30|at the end (of file)\
            |Traceback (most recent call last):|Traceback (most recent call last):\nnothing of Python\
            |Caused by: java.io.IOException: x|\tat home (sweet home)|   at Home.Sweet()\
            |panic: at the disco|goroutine 1 [running]:|main.main()\n\t/srv/main.c:3\
            |#0 is the first\n#1 is the second|#1 {main}|Stack trace:\nnone\
            |a.rb:2: warning: x|see a.rb:2:in `f' or not\nmaybe| 1: 0xb7a940 node::Abort() [node]\
            |0# heading one\n1# heading two|#0  a\n#1  b|total (12) [0x12]|Error: x\n\n   0: <unknown>\n             at ./csu/libc-start.c:360:3\
            |PHP Fatal error:  Uncaught Exception: x in /srv/a.php:3|System.Exception: x\
            |2026-01-02 10:11:12: GET /a.php(3): ok|- item: one\n- item: two (2:3)";
        for text in texts.split('|') {
            assert_eq!(parse(text, &InApp::default()), None, "{text}");
        }
    }

    #[test]
    fn long_chains_and_long_traces_are_cut() {
        let cause = "Caused by: a.B: x\n\tat a.B.c(B.java:1)\n".repeat(1000);
        let calls = "\tat a.B.c(B.java:1)\n".repeat(1000);
        let trace = parse(&format!("a.B: x\n{calls}{cause}"), &InApp::default()).unwrap();
        assert_eq!(trace.errors.len(), MAX_ERRORS);
        assert_eq!(trace.errors[0].stacktrace.as_ref().unwrap().frames.len(), 250);
    }

    /// Texts that begin like a trace, or are whole ones, and then repeat what could cost more and more.
    fn hard_texts(bytes: usize) -> Vec<String> {
        let pieces = "<|[|[a|$|$u|&|for<|'|(|)|:|.|\\|/|{|0: |0: <<|1: a::b\n|\x1b[|\n      a::b|\n    at \
            |\n\tat a.b(|\n\tat a.B.c(B.java:1)| at | in |: |\nError: |\n---> A.B: |\nCaused by: a.B: \
            |\n   at A.B() in |\n#0 a(1): |\n#0  a () at a:1|\n\tfrom a:1:in `|a.rb:1:in `b'\n|\n  File \"\
            |Backtrace [{ fn: \"|\n/site-packages/|\"$LT$|\nX: |\nmain.f(\n\t/a.go:1|0# |+0x1)[0x1]\n\
            |\nTraceback (most recent call last):|\nNext A: b|A: b\nb in c:1\nStack trace:\n| panicked at '|\nSuppressed: ";
        let mut texts = Vec::new();
        for piece in pieces.split('|') {
            let run = piece.repeat(bytes / piece.len());
            texts.push(format!("0: a::b\n1: {run}\n  at {run}:1\n"));
            texts.extend(TRACES.iter().map(|trace| format!("{trace}{run}")));
            texts.push(run);
        }
        texts.extend(TRACES.iter().map(|trace| trace.repeat(bytes / trace.len())));
        texts
    }

    #[test]
    fn twice_the_text_is_no_more_than_twice_the_work() {
        let in_app = InApp::default();
        let work = |text: &str| {
            steps::of(|| {
                let _ = parse(text, &in_app);
            })
        };
        for (half, whole) in hard_texts(1 << 14).into_iter().zip(hard_texts(1 << 15)) {
            let (less, more) = (work(&half), work(&whole));
            let shown: String = whole.chars().rev().take(20).collect();
            assert!(more <= less * 2 + 10_000, "{less} {more} {shown:?}");
            // Every language looks at the text a few times at most.
            assert!(more <= whole.len() * 60 + 10_000, "{} {more} {shown:?}", whole.len());
        }
    }

    #[test]
    fn a_megabyte_costs_twice_as_much_as_half_of_it() {
        let in_app = InApp::default();
        for trace in TRACES {
            let text = trace.repeat(1_000_000 / trace.len());
            let half = trace.repeat(500_000 / trace.len());
            let more = steps::of(|| drop(parse(&text, &in_app)));
            let less = steps::of(|| drop(parse(&half, &in_app)));
            assert!(more <= less * 2 + 100_000, "{less} {more} {trace}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in any::<String>(), line in "[ -~é\n\t]{0,200}") {
            let _ = parse(&text, &InApp::default());
            for trace in TRACES {
                let _ = parse(&format!("{trace}{line}"), &InApp::default());
                let _ = parse(&format!("{line}\n{trace}"), &InApp::default());
            }
        }

        #[test]
        fn no_change_to_a_trace_makes_it_panic(
            form in prop::sample::select(TRACES.to_vec()),
            changes in prop::collection::vec((0..500_usize, any::<char>(), 0..4_u8), 1..20),
        ) {
            let mut letters: Vec<char> = form.chars().collect();
            for (index, letter, change) in changes {
                let index = index % letters.len();
                match change {
                    0 => letters[index] = letter,
                    1 => letters.insert(index, letter),
                    2 => letters.truncate(index.max(1)),
                    _ => letters.rotate_left(index),
                }
            }
            let text = letters.into_iter().collect::<String>();
            let frames = |error: &Error| error.stacktrace.as_ref().is_none_or(|trace| !trace.frames.is_empty());
            if let Some(trace) = parse(&text, &InApp::default()) {
                prop_assert!(!trace.errors.is_empty() && trace.errors.iter().all(frames));
            }
        }

        #[test]
        fn pieces_of_traces_in_any_order_make_no_panic(
            pieces in prop::collection::vec(prop::sample::select(
                TRACES.iter().flat_map(|trace| trace.lines()).collect::<Vec<_>>()), 0..30),
        ) {
            let _ = parse(&pieces.join("\n"), &InApp::default());
        }
    }
}
