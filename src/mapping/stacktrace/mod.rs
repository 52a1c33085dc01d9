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
mod listing;
mod php;
mod python;
mod ruby;
mod rust;

use sentry_types::protocol::v7::Stacktrace;

use self::call::{Raised, Traceback};
pub(super) use self::in_app::InApp;
use super::ansi::without_ansi;
use crate::steps;

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
        module: owned(raised.module),
        ty: owned(raised.ty),
        value: owned(&raised.value),
        stacktrace: raised.into_stacktrace(in_app),
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
            |2026-01-02 10:11:12: GET /a.php(3): ok|- item: one\n- item: two (2:3)\
            |#1 connection failed at db.internal:5432\n#2 retry failed at db.internal:5432\
            |#0 connection failed at db.internal:5432\n#1 retry failed at db.internal:5432\
            |#1 cannot write file in /var/log/app\n#2 cannot write file in /var/log/app\
            |#0 cannot write file in /var/log/app\n#1 cannot write file in /var/log/app\
            |0# see chapter in docs/intro|0# see in docs/intro|#0 listening at http://shop:80\
            |#0 see (chapter one) in docs/intro\n#1 see (chapter two) in docs/intro\
            |#1 main () at a.cpp:3|error: it failed\n    at src/main.rs:3:5|note: x\n    at /srv/a.js:1:2\
            |   at Sold()\n   at Gone(Int32 x)|a.B: x\n\tat nowhere\n\tat a.B.c(B.java:1)\n\tat no";
        for text in texts.split('|') {
            assert_eq!(parse(text, &InApp::default()), None, "{text}");
        }
    }

    /// One line an error, its frames newest first.
    fn told(text: &str) -> String {
        let Some(trace) = parse(text, &InApp::default()) else { return "refused".into() };
        let line = |error: Error| {
            let frames = error.stacktrace.unwrap_or_default().frames.into_iter().rev();
            let names = frames.map(|frame| {
                [frame.module, frame.function].into_iter().flatten().collect::<Vec<_>>().join(" ")
            });
            let names = names.collect::<Vec<_>>().join(", ");
            format!("{} < {names}", error.ty.unwrap_or_default())
        };
        trace.errors.into_iter().map(line).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn a_line_that_nobody_can_read_costs_itself_and_not_the_trace() {
        let java = "a.B: x\n\tat a.B.c(B.java:1)\n\tat \u{8}\u{8}(Coroutine boundary.\u{8}(\u{8})\n\t(Coroutine boundary)\n\t\
            at a.B.d(B.java:2)\nCaused by: a.C: y\n\tat a.C.e(C.java:3)\n";
        assert_eq!(told(java), "B < a.B c, a.B d\nC < a.C e");
        let circle = "a.B: x\n\tat a.B.c(B.java:1)\nCaused by: [CIRCULAR REFERENCE: a.B: x]\n";
        assert_eq!(told(circle), "B < a.B c");
        let dotnet = "System.Exception: x\n   at A.B() in /a.cs:line 1\n   at A.C() in /a.cs:line 2\n   at ?\n";
        assert_eq!(told(dotnet), "System.Exception < A B, A C");
        for thrown in ["{ code: 1 }", "'gone'", "[Error: gone]", "{\n    code: 1\n  }"] {
            let text = format!("Error: x\n    at f (/a.js:1:2) {{\n  [cause]: {thrown}\n}}\n");
            assert_eq!(told(&text), "Error < f", "{text}");
        }
    }

    #[test]
    fn the_frames_of_errors_beside_the_chain_are_not_those_of_the_chain() {
        let text = "AggregateError: x\n    at f (/a.js:1:2) {\n  [cause]: Error: y\n      at g (/a.js:2:3),\n  \
            [errors]: [\n    Error: a\n        at h (/a.js:3:4) {\n      [cause]: Error: b\n          \
            at i (/a.js:4:5)\n    }\n  ]\n}\n";
        assert_eq!(told(text), "AggregateError < f\nError < g");
        let property = "Error: x\n    at f (/a.js:1:2) {\n  parent: error: y\n      at g (/a.js:2:3) {\n    \
            [cause]: Error: z\n        at h (/a.js:3:4)\n  }\n}\n";
        assert_eq!(told(property), "Error < f");
        // Each further exception of an aggregate ends with an arrow, also those of one in another.
        let text = "A.B: x\n ---> System.AggregateException: y\n ---> A.C: a\n   at A.D()\n   \
            --- End of inner exception stack trace ---\n   at A.E()\n \
            ---> (Inner Exception #1) System.AggregateException: z\n ---> A.C: b\n   at A.F()\n   \
            --- End of inner exception stack trace ---\n ---> (Inner Exception #1) A.C: c\n   \
            at A.G()<---\n<---\n\n   --- End of inner exception stack trace ---\n   at A.H() in /a.cs:line 2\n";
        let expected = "A.B < A H\nSystem.AggregateException < A E\nA.C < A D";
        assert_eq!(told(text), expected);
    }

    #[test]
    fn what_a_compiler_made_of_a_function_reads_as_it_was_written() {
        let dotnet = "Shop.Cart`1.<Total>g__Inner|0_0(T x)|Shop.Cart`1 Total.Inner
Shop.Cart.<>c__DisplayClass1_0.<Total>g__Inner|0(T x)|Shop.Cart Total.Inner
Shop.Cart.<>c__DisplayClass1_0.<<Total>b__0>d.MoveNext()|Shop.Cart Total { <lambda> }
Shop.Cart.<<Total>g__Inner|0_0>d.MoveNext()|Shop.Cart Total.Inner
Shop.Cart.<TotalAsync>d__3`1.MoveNext()|Shop.Cart TotalAsync
Program.<<Main>$>g__Inner|0_0()|Program <Main>$.Inner
Shop.Cart.Total[T](T x, List`1 y)|Shop.Cart Total[T]
Shop.Cart..ctor()|Shop.Cart .ctor
lambda_method5(Closure, Object, Object[])|lambda_method5";
        for row in dotnet.lines() {
            let (line, expected) = row.rsplit_once('|').unwrap();
            let text = format!("System.Exception: x\n   at {line} in C:\\a b\\a.cs:line 9\n");
            assert_eq!(told(&text), format!("System.Exception < {expected}"));
        }
        let java = "com.shop.Cart$$Lambda$14/0x0000000800c03000.run(Unknown Source)|com.shop.Cart$$Lambda run
com.shop.Cart$$Lambda/0x00007f0001.run(Unknown Source)|com.shop.Cart$$Lambda run
app//com.shop.Cart$$Lambda$14/1234567.run(Unknown Source)|com.shop.Cart$$Lambda run
com.shop.Hidden/0x0000000800c03000.run(Hidden.java:1)|com.shop.Hidden run
java.base/java.lang.Thread.run(Thread.java:833)|java.lang.Thread run
app//com.shop.A.f(A.java:1)|com.shop.A f
a.b.c(Unknown Source:12)|a.b c";
        for row in java.lines() {
            let (line, expected) = row.split_once('|').unwrap();
            assert_eq!(told(&format!("a.B: x\n\tat {line}\n")), format!("B < {expected}"));
        }
    }

    #[test]
    fn functions_of_cpp_may_have_blanks_and_so_may_paths_and_arguments() {
        let rows = r#"0x4a in shop::total(int) /srv/my app/cart.cpp:3:5|shop::total(int)
0x4a in shop::total(int) const /srv/my app/cart.cpp:3:5|shop::total(int) const
0x4a in void (anonymous namespace)::f<int>(int) ../a b/c.cpp:3|void (anonymous namespace)::f<int>(int)
0x4a in operator new[](unsigned long) ../../asan.cpp:98|operator new[](unsigned long)
0x4a in shop::Cart::operator unsigned int() const C:\a b\c.cpp:3|shop::Cart::operator unsigned int() const
0x4a in f(std::function<int (int)>) [clone .cold] /a.cpp:3|f(std::function<int (int)>) [clone .cold]
0x4a in non-virtual thunk to shop::f() (/srv/shop+0x12) (BuildId: 0a1b)|non-virtual thunk to shop::f()
main /srv/a.cpp:3:1 (shop+0x12)|main
0x0000 in shop::total (count=3, name="a b) (") at cart.cpp:8|shop::total
0x0000 in shop::total (name=0x1 "it's "in" (", c=40 '(') at cart.cpp:8|shop::total
std::function<int (int)>::operator()(int) const (this=0x7f) at a.cpp:8|std::function<int (int)>::operator()(int) const
main () at /srv/my shop/a.cpp:8|main
0x00007f in raise () from /lib/libc.so.6|raise"#;
        for row in rows.lines() {
            let (line, expected) = row.rsplit_once('|').unwrap();
            assert_eq!(told(&format!("#0  {line}\n")), format!(" < {expected}"));
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
