//! What must not leave the process.
//!
//! Without consent to personal data, which is the default: no addresses, names or mail addresses
//! of users, no cookies and credentials of requests, no values of query strings. With or without:
//! no passwords in URLs.

use opentelemetry::{StringValue, Value};
use sentry_types::protocol::v7::{Breadcrumb, Event, Map, Request, User, Value as Json};

use crate::protocol::{Data, Tags, Transaction};

/// Takes out of transactions and events what must not be sent.
#[derive(Clone, Debug, Default)]
pub(crate) struct Scrubber {
    send_default_pii: bool,
}

/// What Sentry shows in place of a value that was taken out.
const FILTERED: &str = "[Filtered]";

/// Attributes that tell who or where a person is.
const PERSONAL: &[&str] = &[
    "client.address",
    "client.port",
    "enduser.role",
    "enduser.scope",
    "http.client_ip",
    "http.request.body",
    "http.request.body.content",
    "http.response.body",
    "http.response.body.content",
    "net.peer.ip",
    "net.sock.peer.addr",
    "network.peer.address",
    "user.email",
    "user.full_name",
    "user.name",
];

/// Attributes that hold a URL or the query of one.
const URLS: &[&str] = &["url.full", "http.url", "http.target", "url"];
const QUERIES: &[&str] = &["url.query", "http.query"];

/// Parts of names of headers that carry credentials or say where a request came from.
const SECRET_HEADERS: &[&str] = &[
    "auth",
    "cookie",
    "csrf",
    "xsrf",
    "forwarded",
    "jwt",
    "key",
    "passw",
    "remote-addr",
    "secret",
    "session",
    "signature",
    "token",
    "-ip",
    "via",
];

/// Where captured headers stand among the attributes.
const HEADERS: &[&str] = &["http.request.header.", "http.response.header."];

impl Scrubber {
    pub(crate) fn with_send_default_pii(mut self, send: bool) -> Self {
        self.send_default_pii = send;
        self
    }

    pub(crate) fn scrub_transaction(&self, transaction: &mut Transaction) {
        if self.send_default_pii {
            return;
        }
        scrub_data(&mut transaction.trace.data);
        scrub_tags(&mut transaction.tags);
        transaction.trace.links.iter_mut().for_each(|link| scrub_data(&mut link.attributes));
        for span in &mut transaction.spans {
            scrub_data(&mut span.data);
            scrub_tags(&mut span.tags);
            span.links.iter_mut().for_each(|link| scrub_data(&mut link.attributes));
        }
        transaction.breadcrumbs.iter_mut().for_each(scrub_breadcrumb);
        scrub_user(&mut transaction.user);
        scrub_request(&mut transaction.request);
    }

    pub(crate) fn scrub_event(&self, event: &mut Event<'_>) {
        if self.send_default_pii {
            return;
        }
        for (key, value) in &mut event.tags {
            if let Some(clean) = scrubbed(key, value) {
                *value = clean;
            }
        }
        event.breadcrumbs.values.iter_mut().for_each(scrub_breadcrumb);
        if let Some(sentry_types::protocol::v7::Context::Otel(otel)) =
            event.contexts.get_mut("otel")
        {
            scrub_json(&mut otel.attributes);
        }
        scrub_user(&mut event.user);
        scrub_request(&mut event.request);
    }
}

fn scrub_data(data: &mut Data) {
    data.retain(|key, _| !PERSONAL.contains(&key.as_str()));
    for (key, value) in data.iter_mut() {
        let text = match &*value {
            Value::String(text) => scrubbed(key.as_str(), text.as_str()),
            Value::Array(_) if is_secret_header(key.as_str()) => Some(FILTERED.to_owned()),
            _ => None,
        };
        if let Some(text) = text {
            *value = Value::String(StringValue::from(text));
        }
    }
}

fn scrub_tags(tags: &mut Tags) {
    let changes: Vec<_> = tags
        .iter()
        .filter_map(|(key, value)| Some((key.clone(), scrubbed(key.as_str(), value.as_str())?)))
        .collect();
    for (key, value) in changes {
        tags.remove(key.as_str());
        tags.insert(key, StringValue::from(value));
    }
}

fn scrub_breadcrumb(breadcrumb: &mut Breadcrumb) {
    scrub_json(&mut breadcrumb.data);
}

fn scrub_json(data: &mut Map<String, Json>) {
    data.retain(|key, _| !PERSONAL.contains(&key.as_str()));
    for (key, value) in data {
        if is_secret_header(key) {
            *value = FILTERED.into();
        } else if let Some(clean) = value.as_str().and_then(|text| scrubbed(key, text)) {
            *value = clean.into();
        }
    }
}

fn scrub_user(user: &mut Option<User>) {
    let id = user.take().and_then(|user| user.id);
    *user = id.map(|id| User { id: Some(id), ..User::default() });
}

fn scrub_request(request: &mut Option<Request>) {
    let Some(request) = request else { return };
    request.cookies = None;
    request.data = None;
    request.env.remove("REMOTE_ADDR");
    request.query_string = request.query_string.take().map(|query| without_values(&query));
    for (name, value) in &mut request.headers {
        if is_secret_name(name) {
            *value = FILTERED.to_owned();
        }
    }
}

/// The value to send in place of this one, if it must not be sent as it is.
fn scrubbed(key: &str, value: &str) -> Option<String> {
    if QUERIES.contains(&key) {
        return Some(without_values(value));
    }
    if URLS.contains(&key) {
        let (base, query) = value.split_once('?')?;
        let (query, fragment) = query.split_once('#').unwrap_or((query, ""));
        let mark = if fragment.is_empty() { "" } else { "#" };
        return Some(format!("{base}?{}{mark}{fragment}", without_values(query)));
    }
    is_secret_header(key).then(|| FILTERED.to_owned())
}

/// A query string with its keys and no values.
fn without_values(query: &str) -> String {
    let pair = |pair: &str| match pair.split_once('=') {
        Some((key, value)) if !value.is_empty() => format!("{key}={FILTERED}"),
        _ => pair.to_owned(),
    };
    query.split('&').map(pair).collect::<Vec<_>>().join("&")
}

fn is_secret_header(key: &str) -> bool {
    HEADERS.iter().any(|prefix| key.strip_prefix(prefix).is_some_and(is_secret_name))
}

fn is_secret_name(name: &str) -> bool {
    let name = name.to_ascii_lowercase().replace('_', "-");
    SECRET_HEADERS.iter().any(|part| name.contains(part))
}

#[cfg(test)]
mod tests {
    use opentelemetry::KeyValue;

    use super::*;

    #[test]
    fn without_consent_nothing_personal_stays() {
        let mut data = Data::from(vec![
            KeyValue::new("client.address", "203.0.113.7"),
            KeyValue::new("user.email", "a@example.com"),
            KeyValue::new("user.id", "7"),
            KeyValue::new("url.full", "https://h/p?token=abc&page=2&flag#top"),
            KeyValue::new("url.query", "token=abc"),
            KeyValue::new("http.request.header.cookie", "sid=1"),
            KeyValue::new("http.request.header.accept", "*/*"),
        ]);
        scrub_data(&mut data);
        assert_eq!(
            serde_json::to_string(&data).unwrap(),
            "{\"user.id\":\"7\",\
             \"url.full\":\"https://h/p?token=[Filtered]&page=[Filtered]&flag#top\",\
             \"url.query\":\"token=[Filtered]\",\
             \"http.request.header.cookie\":\"[Filtered]\",\
             \"http.request.header.accept\":\"*/*\"}"
        );
    }

    #[test]
    fn names_of_secret_headers_are_known_in_any_spelling() {
        for name in [
            "Authorization",
            "proxy-authorization",
            "Cookie",
            "set-cookie",
            "X-API-Key",
            "x_api_key",
            "X-Forwarded-For",
            "X-Real-IP",
            "x-csrf-token",
        ] {
            assert!(is_secret_name(name), "{name}");
        }
        for name in [
            "accept",
            "baggage",
            "content-type",
            "sentry-trace",
            "traceparent",
            "user-agent",
            "host",
        ] {
            assert!(!is_secret_name(name), "{name}");
        }
    }
}
