//! Stack traces of Java and Kotlin: `at com.shop.Cart.total(Cart.java:10)`.

use super::call::{Call, Raised, Traceback};
use super::lines::{add_line, begins, lines, number, origin, type_and_text};
use crate::mapping::symbol::is_hex;

const RUNTIME: [&str; 11] = [
    "_COROUTINE.",
    "java.",
    "javax.",
    "jdk.",
    "sun.",
    "com.sun.",
    "kotlin.",
    "kotlinx.",
    "scala.",
    "android.",
    "dalvik.",
];
const THIRD_PARTY: &str = "akka. androidx. brave. ch.qos.logback. com.datastax. com.fasterxml. com.google. com.mongodb. \
    com.mysql. com.netflix. com.zaxxer. feign. groovy. io.grpc. io.jsonwebtoken. io.ktor. \
    io.lettuce. io.micrometer. io.micronaut. io.netty. io.opentelemetry. io.quarkus. \
    io.reactivex. io.sentry. io.vertx. jakarta. net.bytebuddy. okhttp3. okio. reactor. \
    redis.clients. retrofit2. rx.";
/// Those that begin with `org.`.
const THIRD_PARTY_OF_ORG: &str = "org.apache. org.aspectj. org.bouncycastle. org.codehaus. org.eclipse. org.elasticsearch. \
    org.flywaydb. org.glassfish. org.gradle. org.h2. org.hibernate. org.jboss. org.jetbrains. \
    org.jooq. org.json. org.junit. org.koin. org.mariadb. org.mockito. org.mongodb. org.mortbay. \
    org.mybatis. org.postgresql. org.quartz. org.reactivestreams. org.slf4j. \
    org.springframework. org.testng. org.thymeleaf. org.yaml.";

/// Reads the text; the causes follow the exception they led to.
pub(super) fn parse(text: &str) -> Option<Traceback<'_>> {
    let mut raised: Vec<Raised<'_>> = Vec::new();
    // How far the calls of an exception are indented that was suppressed.
    let mut suppressed: Option<usize> = None;
    let mut foreign = 0_usize;
    for line in lines(text) {
        let inner = line.trim();
        let indent = line.len().saturating_sub(line.trim_start().len());
        if suppressed.is_some_and(|outer| indent > outer || inner.is_empty()) {
            continue;
        }
        suppressed = None;
        let has_calls = raised.last().is_some_and(|last| !last.calls.is_empty());
        if let Some(place) = inner.strip_prefix("at ").filter(|_| indent > 0) {
            let Some(call) = call(place) else {
                foreign = foreign.saturating_add(1);
                continue;
            };
            if raised.is_empty() {
                raised.push(Raised::default());
            }
            raised.last_mut()?.calls.push(call);
        } else if let Some(cause) = inner.strip_prefix("Caused by: ") {
            // Such as `[CIRCULAR REFERENCE: …]`.
            let Some((ty, value)) = type_and_text(cause) else { break };
            raised.push(Raised::dotted(ty, value));
        } else if inner.starts_with("Suppressed: ") && has_calls {
            suppressed = Some(indent);
        } else if raised.is_empty() {
            raised.extend(heading(line).map(|(ty, value)| Raised::dotted(ty, value)));
        } else if has_calls && (indent > 0 || inner.starts_with("... ") || inner.is_empty()) {
        } else if let Some(last) = raised.last_mut().filter(|_| !has_calls) {
            add_line(&mut last.value, line);
        } else {
            break;
        }
    }
    let own = raised.first().map_or(0, |first| first.calls.len());
    (foreign < own).then_some(Traceback { platform: "java", raised })
}

/// Reads `Exception in thread "main" java.lang.IllegalStateException: closed`.
fn heading(line: &str) -> Option<(&str, &str)> {
    let thrown = match line.strip_prefix("Exception in thread \"") {
        Some(rest) => rest.split_once("\" ")?.1,
        None => line,
    };
    type_and_text(thrown.trim_end()).filter(|(ty, _)| ty.contains('.') || is_error_name(ty))
}

fn is_error_name(name: &str) -> bool {
    name.ends_with("Exception") || name.ends_with("Error")
}

/// Reads `java.base/java.lang.Thread.run(Thread.java:833)`.
fn call(place: &str) -> Option<Call<'_>> {
    let (name, rest) = place.split_once('(')?;
    let (source, _) = rest.split_once(')')?;
    let (file, line) = match source.rsplit_once(':') {
        // What was made smaller has lines, which a mapping translates, but no files.
        Some(("Unknown Source", line)) => (None, Some(number(line)?)),
        Some((file, line)) => (Some(file), Some(number(line)?)),
        None if matches!(source, "Native Method" | "Unknown Source" | "<generated>") => {
            (None, None)
        }
        None => (Some(source), None),
    };
    let is_file = |file: &str| !file.is_empty() && !file.contains(['/', '\\', ' ', '(', ',']);
    if !file.is_none_or(is_file) || name.contains(' ') || file.is_some_and(|file| !has_ending(file))
    {
        return None;
    }
    let (class, method) = name.rsplit_once('.')?;
    let class = without_address(class);
    let class = class.rsplit_once('/').map_or(class, |(_, class)| class);
    Some(Call {
        function: Some(method.into()),
        module: Some(class.into()),
        filename: file.map(Into::into),
        line,
        origin: origin(begins(class, RUNTIME), || is_third_party(class)),
        ..Call::default()
    })
}

/// `com.shop.Cart$$Lambda` for `com.shop.Cart$$Lambda$14/0x0000000800c03000`, which differs in each
/// run.
fn without_address(class: &str) -> &str {
    let is_address = |last: &str| last.strip_prefix("0x").is_some_and(is_hex) || is_number(last);
    match class.rsplit_once('/') {
        Some((class, last)) if is_address(last) => match class.rsplit_once('$') {
            Some((lambda, count)) if lambda.ends_with("$$Lambda") && is_number(count) => lambda,
            _ => class,
        },
        _ => class,
    }
}

fn is_number(text: &str) -> bool {
    number(text).is_some()
}

fn is_third_party(class: &str) -> bool {
    // Classes that are made while the program runs, to stand before one of its own.
    if ["CGLIB$$", "$Proxy", "$$Lambda"].iter().any(|part| class.contains(part)) {
        return true;
    }
    let prefixes = if class.starts_with("org.") { THIRD_PARTY_OF_ORG } else { THIRD_PARTY };
    begins(class, prefixes.split_whitespace())
}

fn has_ending(file: &str) -> bool {
    const ENDINGS: [&str; 6] = [".java", ".kt", ".kts", ".scala", ".groovy", ".clj"];
    matches!(file, "SourceFile" | "R8$$SyntheticClass")
        || ENDINGS.iter().any(|ending| file.ends_with(ending))
}
