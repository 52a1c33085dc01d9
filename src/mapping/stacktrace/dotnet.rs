//! Stack traces of .NET: `at Shop.Cart.Total(Int32 count) in /srv/Cart.cs:line 10`.

use std::borrow::Cow;

use super::call::{Call, Raised, Traceback};
use super::lines::{add_line, begins, lines, number, origin, stable_name, type_and_text};

const RUNTIME: [&str; 3] = ["System.", "Microsoft.", "Interop."];
const THIRD_PARTY: &str = "Amazon. AutoMapper. Autofac. Azure. Castle. Confluent. Dapper. Elasticsearch. \
    FluentValidation. Google. Grpc. Hangfire. IdentityModel. MassTransit. MediatR. MongoDB. \
    MySql. NHibernate. NLog. NUnit. Newtonsoft. Npgsql. OpenTelemetry. Polly. RabbitMQ. Serilog. \
    StackExchange. Xunit.";

/// Reads the text; the calls of the innermost exception come first.
pub(super) fn parse(text: &str) -> Option<Traceback<'_>> {
    let mut raised: Vec<Raised<'_>> = Vec::new();
    // The exception that the next call belongs to, counted from the outermost.
    let mut current = 0_usize;
    let mut has_calls = false;
    let mut is_telling = false;
    for line in lines(text) {
        let inner = line.trim();
        let is_indented = line.starts_with([' ', '\t']);
        if let Some(place) = inner.strip_prefix("at ").filter(|_| is_indented) {
            let call = call(place)?;
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
    (has_calls && is_telling).then_some(Traceback { platform: "csharp", raised })
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
    let (class, method) = name.strip_suffix("..ctor").map_or_else(
        || {
            name.strip_suffix("..cctor")
                .map_or_else(|| split(name), |class| Some((class, ".cctor")))
        },
        |class| Some((class, ".ctor")),
    )?;
    let (class, method) = written(class, method);
    let path = file.map(|(path, _)| path);
    Some(Call {
        origin: origin(begins(name, RUNTIME), begins(name, THIRD_PARTY.split_whitespace())),
        function: Some(method),
        module: Some(class.into()),
        filename: path.map(|path| stable_name(path, None).into()),
        path: path.map(Cow::from),
        line: file.map(|(_, line)| line),
        ..Call::default()
    })
}

/// Divides `Shop.Cart.Total[T]` before the method, whose types may have dots.
fn split(name: &str) -> Option<(&str, &str)> {
    let plain = name.split_once('[').map_or(name, |(plain, _)| plain);
    let (class, _) = plain.rsplit_once('.')?;
    Some((class, name.strip_prefix(class)?.strip_prefix('.')?))
}

/// The method as it was written, where the compiler made a class of it.
fn written<'a>(class: &'a str, method: &'a str) -> (&'a str, Cow<'a, str>) {
    // `Shop.Cart.<TotalAsync>d__3.MoveNext`
    if method == "MoveNext"
        && let Some((outer, made)) = class.rsplit_once(".<")
        && let Some((written, _)) = made.split_once(">d__")
    {
        return (outer, written.into());
    }
    // `Shop.Cart.<>c.<Total>b__0_0`
    if let Some((written, _)) = method.strip_prefix('<').and_then(|rest| rest.split_once(">b__")) {
        let outer = class.split_once(".<>c").map_or(class, |(outer, _)| outer);
        return (outer, format!("{written} {{ <lambda> }}").into());
    }
    (class, method.into())
}
