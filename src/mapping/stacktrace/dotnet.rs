//! Stack traces of .NET: `at Shop.Cart.Total(Int32 count) in /srv/Cart.cs:line 10`.

use std::borrow::Cow;

use super::call::{Call, Raised, Traceback};
use super::lines::{add_line, begins, lines, number, origin, stable_name, type_and_text};

const RUNTIME: [&str; 3] = ["System.", "Microsoft.", "Interop."];
const THIRD_PARTY: &str = "Amazon. AutoMapper. Autofac. Azure. Castle. Confluent. Dapper. Elasticsearch. \
    FluentValidation. Google. Grpc. Hangfire. IdentityModel. MassTransit. MediatR. MongoDB. \
    MySql. NHibernate. NLog. NUnit. Newtonsoft. Npgsql. OpenTelemetry. Polly. RabbitMQ. Serilog. \
    StackExchange. Xunit.";
const FURTHER: &str = "---> (Inner Exception #";
const FURTHER_END: &str = "<---";

/// Reads the text; the calls of the innermost exception come first.
pub(super) fn parse(text: &str) -> Option<Traceback<'_>> {
    let mut raised: Vec<Raised<'_>> = Vec::new();
    // The exception that the next call belongs to, counted from the outermost.
    let mut current = 0_usize;
    let mut has_calls = false;
    let mut is_telling = false;
    let mut foreign = 0_usize;
    // How many of the further exceptions of an aggregate are open; the first is its cause already.
    let mut further = 0_usize;
    for line in lines(text) {
        let inner = line.trim();
        let is_indented = line.starts_with([' ', '\t']);
        further = further.saturating_add(usize::from(inner.starts_with(FURTHER)));
        if further > 0 {
            further = further.saturating_sub(usize::from(inner.ends_with(FURTHER_END)));
        } else if let Some(place) = inner.strip_prefix("at ").filter(|_| is_indented) {
            let Some(call) = call(place) else {
                foreign = foreign.saturating_add(1);
                continue;
            };
            is_telling |= call.line.is_some();
            has_calls = true;
            if raised.is_empty() {
                raised.push(Raised::default());
            }
            raised.get_mut(current)?.calls.push(call);
        } else if inner.starts_with("--- End of inner exception stack trace") {
            current = current.checked_sub(1)?;
        } else if let Some(inner) = inner.strip_prefix("---> ").filter(|_| !has_calls) {
            raised.push(thrown(inner)?);
            current = raised.len().saturating_sub(1);
        } else if raised.is_empty() {
            let heading = line.strip_prefix("Unhandled exception. ").unwrap_or(line);
            raised.extend(thrown(heading));
        } else if !has_calls && let Some(last) = raised.last_mut() {
            add_line(&mut last.value, line);
        } else if inner.is_empty() && current == 0 {
            break;
        }
    }
    // Java writes calls without lines in the same way, but no type without a package of its own.
    is_telling |= raised.first().is_some_and(|first| first.ty.starts_with("System."));
    let own = raised.iter().map(|raised| raised.calls.len()).max().unwrap_or(0);
    (is_telling && foreign < own).then_some(Traceback { platform: "csharp", raised })
}

/// The type stays whole, as Sentry has it from its own library for .NET.
fn thrown(line: &str) -> Option<Raised<'_>> {
    let line = line.trim();
    let (ty, value) = type_and_text(line).or_else(|| {
        // `Npgsql.PostgresException (0x80004005): text`
        let (ty, rest) = line.split_once(" (0x")?;
        Some((ty, rest.split_once("): ")?.1))
    })?;
    let is_error = ty.contains('.') || ty.ends_with("Exception");
    is_error.then(|| Raised { ty, value: value.into(), ..Raised::default() })
}

/// Reads `Shop.Cart.Total(Int32 count) in /srv/Cart.cs:line 10`.
fn call(place: &str) -> Option<Call<'_>> {
    let (signature, file) = match place.rsplit_once(" in ") {
        Some((signature, file)) => {
            let (path, line) = file.rsplit_once(":line ")?;
            (signature, Some((path, number(line)?)))
        }
        None => (place, None),
    };
    let (name, parameters) = signature.split_once('(')?;
    if !parameters.ends_with(')') || name.contains([' ', '/']) || parameters.contains(':') {
        return None;
    }
    let (class, method) = if let Some(class) = name.strip_suffix("..ctor") {
        (class, ".ctor")
    } else if let Some(class) = name.strip_suffix("..cctor") {
        (class, ".cctor")
    } else {
        split(name)?
    };
    let (class, method) = written(class, method);
    // Only what is made while the program runs is in no class.
    let is_runtime = class.is_empty() || begins(name, RUNTIME);
    let path = file.map(|(path, _)| path);
    Some(Call {
        origin: origin(is_runtime, || begins(name, THIRD_PARTY.split_whitespace())),
        function: Some(method),
        module: Some(class).filter(|class| !class.is_empty()).map(Cow::from),
        filename: path.map(|path| stable_name(path, None).into()),
        path: path.map(Cow::from),
        line: file.map(|(_, line)| line),
        ..Call::default()
    })
}

/// Divides `Shop.Cart.Total[T]` before the method, whose types may have dots.
fn split(name: &str) -> Option<(&str, &str)> {
    let plain = name.split_once('[').map_or(name, |(plain, _)| plain);
    match plain.rsplit_once('.') {
        Some((class, _)) => Some((class, name.strip_prefix(class)?.strip_prefix('.')?)),
        None => (!plain.is_empty()).then_some(("", name)),
    }
}

/// The method as it was written, where the compiler made a class of it.
fn written<'a>(class: &'a str, method: &'a str) -> (&'a str, Cow<'a, str>) {
    // `Shop.Cart.<TotalAsync>d__3.MoveNext`, or of a lambda `Shop.Cart.<<Total>b__0>d.MoveNext`
    if method == "MoveNext"
        && let Some((outer, made)) = class.rsplit_once(".<")
        && let Some((written, number)) = made.rsplit_once(">d")
        && (number.is_empty() || number.starts_with("__"))
    {
        return within(outer, written);
    }
    within(class, method)
}

/// A method, or what was written inside of one.
fn within<'a>(class: &'a str, method: &'a str) -> (&'a str, Cow<'a, str>) {
    let outer = class.split_once(".<>c").map_or(class, |(outer, _)| outer);
    let Some(made) = method.strip_prefix('<') else { return (class, method.into()) };
    // `Shop.Cart.<>c.<Total>b__0_0`
    if let Some((written, _)) = made.split_once(">b__") {
        return (outer, format!("{written} {{ <lambda> }}").into());
    }
    // `Shop.Cart.<Total>g__Inner|0_0`
    if let Some((written, local)) = made.split_once(">g__") {
        let local = local.split_once('|').map_or(local, |(local, _)| local);
        return (outer, format!("{written}.{local}").into());
    }
    (class, method.into())
}
