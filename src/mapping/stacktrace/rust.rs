//! Backtraces of Rust: printed by `std`, by the `backtrace` crate, or by an error library.

use std::borrow::Cow;
use std::collections::HashSet;

use super::call::{Call, Origin, Raised, Traceback, keep_ends};
use super::crates::{is_library, is_library_path, package_of};
use super::lines;
use super::listing::{debug_calls, is_telling, listed_calls};
use crate::mapping::bytes::has;
use crate::mapping::error_text::Heading;
use crate::mapping::place::Place;
use crate::mapping::symbol::{is_runtime_crate, part, readable, split_last};

const SYSTEM_FUNCTIONS: [&str; 14] = [
    "_main",
    "start",
    "clone",
    "clone3",
    "start_thread",
    "thread_start",
    "rust_panic",
    "BaseThreadInitThunk",
    "RtlUserThreadStart",
    "invoke_main",
    "CxxThrowException",
    "_CxxThrowException",
    "RaiseException",
    "RtlUnwindEx",
];
const NAMELESS: [&str; 2] = ["<unknown>", "<no info>"];
const RUNTIME_PATHS: [&str; 3] = ["/rustc/", "/.rustup/toolchains/", "/rustup/toolchains/"];
/// As distributions build the C library, whose paths then begin at its own directory.
const C_LIBRARY_PATHS: [&str; 9] = [
    "./csu/",
    "./nptl/",
    "./sysdeps/",
    "./stdlib/",
    "./malloc/",
    "./misc/",
    "./elf/",
    "./posix/",
    "./debug/",
];

/// What a panic calls before its hook, of any version of `std`.
const PANIC_FUNCTIONS: [&str; 3] =
    ["rust_begin_unwind", "__rust_end_short_backtrace", "std::panicking::begin_panic"];

/// What stands between a panic and what its unwinding calls.
const UNWINDING_FUNCTIONS: [&str; 4] =
    ["drop_in_place", "__rust_start_panic", "_Unwind_RaiseException", "CxxThrowException"];

/// How many lines are read; a text of more is no backtrace of which anybody reads the frames.
const MAX_LINES: usize = 100_000;

/// Reads the text of a Rust backtrace.
pub(super) fn parse(text: &str) -> Option<Traceback<'_>> {
    let lines: Vec<_> = text.lines().take(MAX_LINES).collect();
    let mut calls = debug_calls(text).or_else(|| listed_calls(&lines))?;
    if PANIC_FUNCTIONS.iter().any(|function| text.contains(function)) {
        calls.drain(..before_panic(&calls));
    }
    keep_ends(&mut calls);
    let mut calls: Vec<Call<'_>> = calls.into_iter().map(named).collect();
    // What is left of a stripped program would be the same for all of its errors.
    if !calls.iter().any(is_named) {
        return None;
    }
    if calls.iter().any(may_be_library) {
        let libraries: HashSet<String> = calls.iter().filter_map(library_by_path).collect();
        for call in calls.iter_mut().filter(|call| may_be_library(call)) {
            if call.package.as_deref().is_some_and(|package| libraries.contains(package)) {
                call.origin = Origin::ThirdParty;
            }
        }
    }
    let (ty, value) = panic(&lines).map_or(("", Cow::default()), |value| ("panic", value));
    Some(Traceback { platform: "native", raised: vec![Raised { ty, value, calls, module: "" }] })
}

/// The message of a panic, between the place of it and its calls.
fn panic<'a>(lines: &[&'a str]) -> Option<Cow<'a, str>> {
    let is_place = |line: &str| line.starts_with("thread '") && line.contains(" panicked at ");
    let mut lines = lines.iter().copied().skip_while(|line| !is_place(line));
    let (_, place) = lines.next()?.split_once(" panicked at ")?;
    // Rust before 1.73 wrote both in one line.
    if let Some(quoted) = place.strip_prefix('\'') {
        return Some(quoted.rsplit_once("', ")?.0.into());
    }
    let message = lines.take_while(|line| Heading::parse(line).is_none());
    Some(message.collect::<Vec<_>>().join("\n").into())
}

/// How many calls stand before the function that panicked: what caught the trace in a hook.
fn before_panic(calls: &[Call<'_>]) -> usize {
    let is_of = |functions: &[&str], call: &Call<'_>| {
        let symbol = call.symbol.as_deref().unwrap_or_default();
        functions.iter().any(|function| symbol.contains(function))
    };
    // What a destructor does while a panic unwinds is not done by that panic.
    let newest = calls.split(|call| is_of(&UNWINDING_FUNCTIONS, call)).next().unwrap_or(calls);
    let is_panic = |call: &Call<'_>| is_of(&PANIC_FUNCTIONS, call);
    let Some(last) = newest.iter().rposition(is_panic) else { return 0 };
    let rest = calls.get(last.saturating_add(1)..).unwrap_or_default();
    // Such as `unwrap`, which names the place of its caller as that of the panic.
    match rest.iter().position(|call| named(call.clone()).origin != Origin::Runtime) {
        Some(runtime) => last.saturating_add(1).saturating_add(runtime),
        None => 0,
    }
}

/// The call with what its symbol and its path tell.
fn named(call: Call<'_>) -> Call<'_> {
    let symbol = call.symbol.unwrap_or_default();
    let name = match &symbol {
        Cow::Borrowed(symbol) => readable(symbol),
        Cow::Owned(symbol) => readable(symbol).into_owned().into(),
    };
    let place = match &name {
        Cow::Borrowed(name) => Place::of(name),
        Cow::Owned(name) => Place::of(name).into_owned(),
    };
    let path = call.path.as_deref().map(with_slashes);
    let origin = origin(&name, place.package.as_deref(), path.as_deref());
    let module = part(&place.path, |path| split_last(path).map(|(module, _)| module));
    let package = place.package.or_else(|| Some(package_of(path.as_deref()?)?.into()));
    Call {
        symbol: (symbol != name).then_some(symbol),
        function: Some(name),
        module: module.filter(|module| !module.is_empty()),
        package,
        origin,
        ..call
    }
}

/// Whether a call tells anything about the program that made it.
fn is_named(call: &Call<'_>) -> bool {
    let name = call.function.as_deref().unwrap_or("");
    !NAMELESS.contains(&name) && (call.package.is_some() || call.origin != Origin::Runtime)
}

/// Whether other calls may tell that a call is that of a library.
fn may_be_library(call: &Call<'_>) -> bool {
    call.path.is_none() && call.package.is_some() && call.origin == Origin::Application
}

/// The crate of a function of a library, by its path; a method can be called by another crate's type.
fn library_by_path(call: &Call<'_>) -> Option<String> {
    let is_plain = !call.function.as_deref()?.starts_with('<');
    let path = with_slashes(call.path.as_deref()?);
    (is_plain && is_library_path(&path))
        .then(|| call.package.as_deref().map(str::to_owned))
        .flatten()
}

fn with_slashes(path: &str) -> Cow<'_, str> {
    if has(path, |byte| byte == b'\\') { path.replace('\\', "/").into() } else { path.into() }
}

fn origin(name: &str, package: Option<&str>, file: Option<&str>) -> Origin {
    let file = file.unwrap_or("");
    // Line tables name functions without their crates.
    let is_rust = file.ends_with(".rs");
    let is_runtime =
        package.map_or_else(|| !is_rust && is_runtime_function(name), is_runtime_crate);
    let is_c_library =
        package.is_none() && C_LIBRARY_PATHS.iter().any(|path| file.starts_with(path));
    // All of the paths have this word in them, and most files do not.
    let is_below_rust =
        || file.contains("rust") && RUNTIME_PATHS.iter().any(|path| file.contains(path));
    // A path tells more than a name, which another crate may have as well.
    let is_third_party = || match package {
        Some(package) if file.is_empty() => is_library(package),
        _ => is_library_path(file),
    };
    lines::origin(is_runtime || is_c_library || is_below_rust(), is_third_party)
}

/// Whether a function without a crate belongs to the system or to `std`.
fn is_runtime_function(name: &str) -> bool {
    // Only `core` can give methods to a primitive type.
    name.contains("::")
        || is_telling(name)
        || SYSTEM_FUNCTIONS.contains(&name)
        || ["__", "_pthread_", "_Unwind_"].iter().any(|start| name.starts_with(start))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use sentry_types::protocol::v7::{Addr, Frame, Stacktrace};

    use super::super::in_app::InApp;
    use super::*;
    use crate::mapping::ansi::without_ansi;
    use crate::steps;

    const SHORT: &str = "\
thread 'main' (12186) panicked at src/main.rs:20:63:
index out of bounds: the len is 0 but the index is 2
stack backtrace:
   0: __rustc::rust_begin_unwind
             at /rustc/59807616e1fa2540724bfbac14d7976d7e4a3860/library/std/src/panicking.rs:689:5
   5: <alloc::vec::Vec<T,A> as core::ops::index::Index<I>>::index
             at /rustc/59807616e1fa2540724bfbac14d7976d7e4a3860/library/alloc/src/vec/mod.rs:3804:9
   7: <crashapp::inner::Thing<T> as crashapp::inner::Speak>::speak
             at ./src/main.rs:7:39
   8: crashapp::inner::Thing<T>::call::{{closure}}
             at ./src/main.rs:11
  11: crashapp::main
             at ./src/main.rs:50:65
note: Some details are omitted, run with `RUST_BACKTRACE=full` for a verbose backtrace.
";

    const FULL: &str = "
   3:     0x56012271771c - crashapp::fail::h7955186875af4f80
                               at /tmp/stack-crash/src/main.rs:22:38
                           crashapp::main::{{closure}}::ha13a22bb4827a795
                               at /tmp/stack-crash/src/main.rs:52:47
   4:     0x5601228505f5 - <std[e28293b1aa0f68bd]::backtrace::Backtrace>::force_capture
   5:     0x7f492da0a1f5 - start_thread
                               at ./nptl/pthread_create.c:442:8
   6:                0x0 - <unknown>
";

    const COLOURED: &str = "
   0: \x1b[91mcould not load\x1b[0m
   1: \x1b[91mapp::missing\x1b[0m

  ━━━━━━━━━━━━━━━━━━━━━━ SPANTRACE ━━━━━━━━━━━━━━━━━━━━━━━

   0: crashapp::a_span
      at src/main.rs:50

  ━━━━━━━━━━━━━━━━━━━━━━ BACKTRACE ━━━━━━━━━━━━━━━━━━━━━━━
  \x1b[96m                              ⋮ 4 frames hidden ⋮                               \x1b[0m
   5: \x1b[32m<E as eyre::context::ext::StdError>::ext_report\x1b[0m\x1b[90m::he99d6fed0f4ab7c0\x1b[0m
      at \x1b[35m/root/.cargo/registry/src/index.crates.io-1949cf8c6b5b557f/eyre-0.6.14/src/context.rs\x1b[0m:\x1b[35m23\x1b[0m
        21 │             D: Display + Send + Sync + 'static,
  \x1b[37;1m      23\x1b[0m \x1b[37;1m>\x1b[0m \x1b[37;1m            Report::from_msg(msg, self)\x1b[0m
        24 │         }
  \x1b[96m                               ⋮ 1 frame hidden ⋮                               \x1b[0m
   7: \x1b[91mcrashapp::fail\x1b[0m\x1b[90m::h7955186875af4f80\x1b[0m
      at \x1b[35m<unknown source file>\x1b[0m:\x1b[35m<unknown line>\x1b[0m
   8: \x1b[91mclone3\x1b[0m\x1b[90m<unknown>\x1b[0m
      at \x1b[35m./misc/../sysdeps/unix/sysv/linux/x86_64/clone3.S\x1b[0m:\x1b[35m81\x1b[0m

Run with COLORBT_SHOW_HIDDEN=1 environment variable to disable frame filtering.
";

    const DEBUG: &str = r#"Backtrace [{ fn: "crashapp::fail", file: "./src/main.rs", line: 23 }, { fn: "say::\"hi\"" },
    { fn: <unknown> }, { fn: "main" }]"#;

    const WINDOWS: &str = r"
   0: std::panicking::begin_panic_handler
             at /rustc/59807616e1fa2540724bfbac14d7976d7e4a3860\library\std\src\panicking.rs:689
   1: app::impl$0::run<enum2$<core::option::Option<u32> > >
             at C:\dev\app\src\main.rs:10:5
   2: serde_json::de::from_str
             at C:\Users\me\.cargo\registry\src\index.crates.io-1949cf8c6b5b557f\serde_json-1.0.1\src\de.rs:2
   3: BaseThreadInitThunk
";

    fn trace(text: &str) -> Option<Stacktrace> {
        let text = without_ansi(text);
        let traceback = parse(&text)?;
        traceback.raised.into_iter().next()?.into_stacktrace(&InApp::default())
    }

    /// One line a frame: `+` for the application, the function, the place, the package.
    fn lines(text: &str) -> Vec<String> {
        let line = |frame: Frame| {
            let mark = if frame.in_app == Some(true) { '+' } else { '-' };
            let names = [frame.function, frame.filename, frame.package];
            let names: Vec<String> = names.into_iter().flatten().collect();
            let numbers = [frame.lineno, frame.colno].into_iter().flatten();
            let numbers: String = numbers.map(|number| format!(":{number}")).collect();
            format!("{mark}{}{numbers}", names.join(" "))
        };
        let trace = trace(text).unwrap_or_default();
        trace.frames.into_iter().map(line).collect()
    }

    fn only(symbol: &str) -> Frame {
        let trace = trace(&format!("   0: x::y\n   1: {symbol}\n")).unwrap_or_default();
        trace.frames.into_iter().next().unwrap_or_default()
    }

    #[test]
    fn every_form_of_backtrace_gives_its_frames_oldest_first() {
        let expected = "
+crashapp::main main.rs crashapp:50:65
+crashapp::inner::Thing<T>::call::{{closure}} main.rs crashapp:11
+<crashapp::inner::Thing<T> as crashapp::inner::Speak>::speak main.rs crashapp:7:39

-<unknown>
-start_thread pthread_create.c:442:8
-<std::backtrace::Backtrace>::force_capture std
+crashapp::main::{{closure}} main.rs crashapp:52:47
+crashapp::fail main.rs crashapp:22:38

-clone3 clone3.S:81
+crashapp::fail crashapp
-<E as eyre::context::ext::StdError>::ext_report context.rs eyre:23

-main
-<unknown>
+say::\"hi\" say
+crashapp::fail main.rs crashapp:23

-BaseThreadInitThunk
-serde_json::de::from_str de.rs serde_json:2
+app::impl$0::run<enum2$<core::option::Option<u32> > > main.rs app:10:5
";
        let forms = [SHORT, FULL, COLOURED, DEBUG, WINDOWS];
        let traces = expected.split("\n\n").map(str::trim);
        assert!(traces.clone().eq(forms.map(|form| lines(form).join("\n"))));
        assert!(traces.eq(forms.map(|form| lines(&form.replace('\n', "\r\n")).join("\n"))));
    }

    #[test]
    fn the_trace_of_a_panic_ends_with_the_function_that_panicked() {
        let hook = "0: std::backtrace::Backtrace::create\n1: app::hook\n\
            2: std::panicking::rust_panic_with_hook\n3: __rustc::rust_begin_unwind\n\
            4: core::option::unwrap_failed\n5: core::option::Option<T>::unwrap\n      app::find\n";
        assert_eq!(
            lines(&format!("{hook}6: std::rt::run\n")),
            ["-std::rt::run std", "+app::find app"]
        );
        let runtime = hook.replace("app::", "std::");
        assert_eq!(lines(&runtime).len(), 7, "nothing is left out where nothing would remain");
        let caught = "0: std::backtrace::Backtrace::create\n1: app::report\n";
        assert_eq!(lines(caught).len(), 2, "what is no panic stays whole");
    }

    #[test]
    fn what_a_destructor_does_while_a_panic_unwinds_is_not_done_by_that_panic() {
        let unwinds = "2: core::ptr::drop_in_place<app::Guard>\n3: __rust_start_panic\n\
            4: std::panicking::rust_panic_with_hook\n5: __rustc::rust_begin_unwind\n\
            6: core::panicking::panic_fmt\n7: app::work\n";
        let report =
            format!("0: anyhow::error::<impl anyhow::Error>::msg\n1: app::cleanup\n{unwinds}");
        assert_eq!(lines(&report).first().unwrap(), "+app::work app");
        assert_eq!(lines(&report)[6], "+app::cleanup app", "where the error was made");
        // The names of the destructors of a small program are no longer there.
        let inlined = report.replace("core::ptr::drop_in_place<app::Guard>", "_CxxThrowException");
        assert_eq!(lines(&inlined)[6], "+app::cleanup app");
        let second =
            format!("0: rust_begin_unwind\n1: <app::Guard as core::ops::Drop>::drop\n{unwinds}");
        let newest = lines(&second).pop().unwrap();
        assert_eq!(newest, "+<app::Guard as core::ops::Drop>::drop app", "it panics itself");
    }

    #[test]
    fn a_full_frame_keeps_its_address_path_and_raw_symbol() {
        let frame = trace(FULL).unwrap().frames.pop().unwrap();
        assert_eq!(frame.instruction_addr, Some(Addr(0x5601_2271_771c)));
        let texts = [frame.symbol, frame.abs_path, frame.module].map(Option::unwrap);
        let expected = "crashapp::fail::h7955186875af4f80 /tmp/stack-crash/src/main.rs crashapp";
        assert_eq!(texts.join(" "), expected);
    }

    #[test]
    fn other_texts_are_refused() {
        let refused = [
            "Traceback (most recent call last):\n  File \"app.py\", line 3, in <module>\n    main()\nValueError: x",
            "java.lang.IllegalStateException: x\n\tat com.app.Main.main(Main.java:10)\nCaused by: java.io.IOException\n\t... 3 more",
            "TypeError: x is not a function\n    at Object.<anonymous> (/app/index.js:10:5)\n    at node:internal/main:1:2",
            " 1: 0xb7a940 node::Abort() [node]\n 2: 0xa8e1a5 node::FatalError(char const*, char const*) [node]",
            "goroutine 1 [running]:\nmain.main()\n\t/app/main.go:10 +0x1d",
            "System.InvalidOperationException: x\n   at App.Program.Main() in C:\\app\\Program.cs:line 10",
            "Traceback (most recent call last):\n\t2: from t.rb:9:in `<main>'\n\t1: from t.rb:6:in `A::bar'\nt.rb:2:in `foo'",
            "app.rb:2:in 'Foo::Bar#baz': x (RuntimeError)\n\tfrom app.rb:5:in '<main>'",
            "PHP Fatal error: x in /app/a.php:3\nStack trace:\n#0 /app/a.php(10): App\\Foo::bar()\n#1 {main}",
        ];
        let lists = "|connection refused|1: first thing\n2: second thing|1: todo\n2: done|1: start\n2: clone\
            |0: see std::io\n1: see core::fmt|1: a plan\n2: std::fmt\n3: a result|3: app::c\n2: app::b\
            |12: error: foo::bar|1: lo: <LOOPBACK,UP> mtu 65536\n2: eth0: <UP> mtu 1|0: ::1\n1: fe80::1\
            |0: <unknown>\n1: <unknown>|stack backtrace:\nnote: Some details|Caused by:\n    0: io::error\n    1: gone|Backtrace []";
        for text in refused.into_iter().chain(lists.split('|')) {
            assert_eq!(trace(text), None, "{text}");
        }
    }

    #[test]
    fn symbols_become_readable_and_find_their_module_and_package() {
        let table = "
core[846817f741e54dfd]::fmt::write | core::fmt::write | core::fmt | core
app::run::h0123456789abcdef | app::run | app | app
_ZN4core9panicking9panic_fmt17h0123456789abcdefE | core::panicking::panic_fmt | core::panicking | core
_RNvC6_123foo3bar | 123foo::bar | 123foo | 123foo
_$LT$app..Thing$LT$T$GT$$u20$as$u20$core..ops..FnOnce$LT$$LP$$RF$str$C$$RP$$GT$$GT$::call | <app::Thing<T> as core::ops::FnOnce<(&str,)>>::call | app::Thing | app
_<app::Thing as app::Speak>::speak | <app::Thing as app::Speak>::speak | app::Thing | app
app::parse::_$u7b$$u7b$closure$u7d$$u7d$ | app::parse::{{closure}} | app::parse | app
<alloc::vec::Vec<T> as app::Store>::put | = | alloc::vec::Vec | app
<F as axum::handler::Handler<(M,), S>>::call | = | axum::handler::Handler | axum
<&mut dyn for<'a> app::Go<'a, Output = fn(u8) -> app::B> + core::marker::Send as core::ops::FnOnce<()>>::call_once | = | app::Go | app
<<app::Lock>::print::Shown as core::fmt::Display>::fmt | = | app::Lock::print::Shown | app
<app::Thing<alloc::vec::Vec<u8>>>::call::{closure#0} | = | app::Thing::call | app
app::index::<impl core::ops::Index<I> for [T]>::index | = | app::index | app
app::run::<app::Job, fn() -> u8>::{closure#0} | = | app::run | app
<[u8]>::concat | = | |
SSL_read | = | |";
        for row in table.trim().lines() {
            let cells: Vec<&str> = row.split(" |").map(str::trim).collect();
            let [symbol, function, module, package] = cells[..] else {
                panic!("{row}");
            };
            let function = if function == "=" { symbol } else { function };
            let frame = only(symbol);
            assert_eq!(frame.function.as_deref(), Some(function));
            assert_eq!(frame.module.as_deref().unwrap_or(""), module, "{row}");
            assert_eq!(frame.package.as_deref().unwrap_or(""), package, "{row}");
            let differs = symbol != function;
            assert_eq!(frame.symbol.as_deref(), differs.then_some(symbol));
        }
    }

    #[test]
    fn libraries_count_as_the_application_only_when_nothing_else_does() {
        let libraries = "0: std::rt::run\n1: tokio_util::task::run\n2: log::flush\n3: main\n";
        let expected =
            ["-main", "+log::flush log", "+tokio_util::task::run tokio_util", "-std::rt::run std"];
        assert_eq!(lines(libraries), expected);
        let application = lines(&format!("{libraries}4: logbook::write\n"));
        assert_eq!(application.join(" ").matches('+').count(), 1);
        assert_eq!(application[0], "+logbook::write logbook");
    }

    #[test]
    fn a_second_backtrace_below_the_first_is_left_out() {
        let text = format!("{SHORT}\n{SHORT}");
        assert_eq!(lines(&text), lines(SHORT));
        assert_eq!(lines("0: a::b\n1: c::d\n0: e::f"), ["+c::d c", "+a::b a"]);
    }

    #[test]
    fn a_long_trace_keeps_both_ends_and_a_long_name_its_start() {
        let text: String = (0..300).map(|number| format!("{number}: app::f{number}\n")).collect();
        let frames = trace(&text).unwrap().frames;
        let name = |index: usize| frames[index].function.as_deref().unwrap();
        assert_eq!(frames.len(), 250);
        let ends = [name(0), name(49), name(50), name(249)].join(" ");
        assert_eq!(ends, "app::f299 app::f250 app::f199 app::f0");
        let long = only(&format!("app::{}", "é".repeat(600)));
        assert_eq!(long.function.unwrap().chars().count(), 512);
        assert_eq!(long.symbol, None);
    }

    #[test]
    fn a_megabyte_of_anything_is_looked_at_a_few_times() {
        let pieces =
            "<|[|[a|$|$u|&|for<|'|0: |0: <<|1: a::b\n|\x1b[|\n      a::b|Backtrace [{ fn: \"";
        for piece in pieces.split('|') {
            let run = piece.repeat(50_000 / piece.len());
            for text in [
                piece.repeat(1_000_000 / piece.len()),
                format!("0: a::b\n1: {run}\n  at {run}:1\n"),
                format!("0: 0x1 - _ZN{run}E\n1: a::b"),
            ] {
                let work = steps::of(|| drop(trace(&text)));
                let looks = text.len()..=text.len() * 20;
                assert!(looks.contains(&work), "{work} {} {piece:?}", text.len());
            }
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in any::<String>(), symbol in "[ -~é]{0,80}") {
            let _ = trace(&text);
            let _ = trace(&format!("0: a::b\n1: {symbol}\n      {symbol}\n  at {symbol}:{text}"));
        }

        #[test]
        fn no_change_to_a_backtrace_makes_it_panic(
            form in prop::sample::select(vec![SHORT, FULL, COLOURED, DEBUG, WINDOWS]),
            changes in prop::collection::vec((0..2000_usize, any::<char>(), any::<bool>()), 1..20),
        ) {
            let mut letters: Vec<char> = form.chars().collect();
            for (index, letter, is_removed) in changes {
                let index = index % letters.len();
                letters[index] = letter;
                letters.truncate(if is_removed { index.max(1) } else { usize::MAX });
            }
            let read = trace(&letters.into_iter().collect::<String>());
            prop_assert!(read.is_none_or(|trace| !trace.frames.is_empty()));
        }
    }
}
