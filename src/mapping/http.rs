use std::borrow::Cow;

use opentelemetry::StringValue;
use opentelemetry::trace::SpanKind;
use opentelemetry_sdk::trace::SpanData;
use sentry_types::protocol::v7::{Map, Request};
use url::Url;

use super::facts::Facts;
use super::op::HTTP_METHOD;
use super::span::texts;
use super::url::{SplitUrl, path};
use crate::protocol::first_chars;
use crate::semconv::Attribute::*;

const HEADER: &str = "http.request.header.";
const COOKIE: &str = "cookie";

/// What Relay leaves of the parts of a request, in chars.
const MAX_URL_CHARS: usize = 256;
const MAX_QUERY_BYTES: usize = 800;
const MAX_HEADER_BYTES: usize = 6000;
const MAX_COOKIE_BYTES: usize = 1500;

/// The longest name of a host, in bytes.
const MAX_HOST_BYTES: usize = 253;

/// The request that a server answered; none for other spans.
pub(super) fn request(span: &SpanData, facts: &Facts<'_>) -> Option<Request> {
    if span.span_kind != SpanKind::Server {
        return None;
    }
    let method = facts.text(HTTP_METHOD)?;
    let is_method = |method: &str| {
        let is_part = |byte: u8| byte.is_ascii_alphabetic() || matches!(byte, b'-' | b'_');
        (3..=32).contains(&method.len()) && method.bytes().all(is_part)
    };
    let address = facts.text(&[ClientAddress, HttpClientIp]);
    // No host has a longer name, and Sentry cuts what is too long for it.
    let address = address.filter(|address| address.len() <= MAX_HOST_BYTES);
    let env = address.map(|address| ("REMOTE_ADDR".to_owned(), address.into_owned()));
    Some(Request {
        url: url(facts),
        method: Some(method.to_ascii_uppercase()).filter(|method| is_method(method)),
        query_string: query(facts).filter(|query| query.len() <= MAX_QUERY_BYTES),
        cookies: cookies(span),
        headers: headers(span, facts),
        env: env.into_iter().collect(),
        ..Request::default()
    })
}

fn url(facts: &Facts<'_>) -> Option<Url> {
    let text = match facts.text(&[UrlFull, HttpUrl]) {
        Some(url) => SplitUrl::new(&url).base.into_owned(),
        None => {
            let scheme = facts.text(&[UrlScheme, HttpScheme])?;
            let host = facts.text(&[ServerAddress, HttpHost, NetHostName])?;
            let port = facts.integer(&[ServerPort, NetHostPort]);
            let port = port.filter(|_| !host.contains(':')).map(|port| format!(":{port}"));
            let target = facts.text(&[UrlPath, HttpTarget]).unwrap_or_default();
            [&scheme, "://", &host, port.as_deref().unwrap_or_default(), path(&target)].concat()
        }
    };
    let mut url = Url::parse(&short(text, MAX_URL_CHARS)).ok()?;
    if !matches!(url.scheme(), "http" | "https") {
        return None;
    }
    if url.authority().contains('@') {
        url.set_username("").and_then(|()| url.set_password(None)).ok()?;
    }
    // It is in ASCII now.
    (url.as_str().len() <= MAX_URL_CHARS).then_some(url)
}

/// The first chars of a text.
fn short(text: String, chars: usize) -> String {
    match first_chars(&text, chars) {
        Some(first) => first.to_owned(),
        None => text,
    }
}

/// A text with blanks for what is no character.
fn line(text: Cow<'_, str>) -> String {
    let is_seen = |byte: u8| (b' '..=b'~').contains(&byte);
    match text.bytes().fold(true, |all, byte| all & is_seen(byte)) {
        true => text.into_owned(),
        false => text.replace(char::is_control, " "),
    }
}

fn query(facts: &Facts<'_>) -> Option<String> {
    let query = facts.text(&[UrlQuery]).map(|query| query.trim_start_matches('?').to_owned());
    let in_url = || {
        let url = facts.text(&[UrlFull, HttpUrl, HttpTarget])?;
        SplitUrl::new(&url).query.map(str::to_owned)
    };
    query.or_else(in_url).filter(|query| !query.is_empty())
}

fn headers(span: &SpanData, facts: &Facts<'_>) -> Map<String, String> {
    let mut headers = Map::new();
    let mut bytes = 0_usize;
    let mut insert = |name: &str, value: Cow<'_, str>| {
        let value = line(value);
        let total = bytes.saturating_add(name.len()).saturating_add(value.len()).saturating_add(16);
        if total <= MAX_HEADER_BYTES && !name.is_empty() {
            bytes = total;
            headers.insert(name.to_owned(), value);
        }
    };
    for entry in &span.attributes {
        let Some(name) = entry.key.as_str().strip_prefix(HEADER) else {
            continue;
        };
        if name.eq_ignore_ascii_case(COOKIE) {
            continue;
        }
        let value = match texts(&entry.value) {
            Some(values) => joined(values, ",").into(),
            None => entry.value.as_str(),
        };
        insert(name, value);
    }
    if !headers.keys().any(|name| name.eq_ignore_ascii_case("user-agent"))
        && let Some(agent) = facts.text(&[UserAgentOriginal, HttpUserAgent])
    {
        headers.insert("User-Agent".to_owned(), short(line(agent), 1000));
    }
    headers
}

/// The cookies of a request, those that have a name: of others Sentry complains.
fn cookies(span: &SpanData) -> Option<String> {
    let is_cookie =
        |key: &str| key.strip_prefix(HEADER).is_some_and(|name| name.eq_ignore_ascii_case(COOKIE));
    let header = span.attributes.iter().rev().find(|entry| is_cookie(entry.key.as_str()))?;
    let header = match texts(&header.value) {
        Some(values) => joined(values, "; ").into(),
        None => header.value.as_str(),
    };
    let mut cookies = String::new();
    for cookie in header.split(';').map(str::trim) {
        let is_named = cookie.split_once('=').is_some_and(|(name, _)| !name.trim().is_empty());
        let total = cookies.len().saturating_add(cookie.len()).saturating_add(2);
        if !is_named || total > MAX_COOKIE_BYTES {
            continue;
        }
        if !cookies.is_empty() {
            cookies.push_str("; ");
        }
        cookies.extend(cookie.chars().map(|char| if char.is_control() { ' ' } else { char }));
    }
    Some(cookies).filter(|cookies| !cookies.is_empty())
}

fn joined(texts: &[StringValue], between: &str) -> String {
    texts.iter().map(StringValue::as_str).collect::<Vec<_>>().join(between)
}
