//! What must not leave the process.
//!
//! Without consent to personal data, which is the default: no addresses, names or mail addresses
//! of users, no cookies and credentials of requests, no values of query strings. With or without:
//! no passwords in URLs.

use std::borrow::Cow;

use opentelemetry::{StringValue, Value};
use sentry_types::protocol::v7::{Context, Event, Map, Request, User, Value as Json};

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

/// What is to become of an attribute.
enum Fate {
    Keep,
    Replace(String),
    Remove,
}

impl Scrubber {
    pub(crate) fn with_send_default_pii(mut self, send: bool) -> Self {
        self.send_default_pii = send;
        self
    }

    pub(crate) fn scrub_transaction(&self, transaction: &mut Transaction) {
        self.data(&mut transaction.trace.data);
        self.tags(&mut transaction.tags);
        transaction.trace.links.iter_mut().for_each(|link| self.data(&mut link.attributes));
        for span in &mut transaction.spans {
            self.data(&mut span.data);
            self.tags(&mut span.tags);
            span.links.iter_mut().for_each(|link| self.data(&mut link.attributes));
        }
        transaction.breadcrumbs.iter_mut().for_each(|breadcrumb| self.json(&mut breadcrumb.data));
        self.person(&mut transaction.user, &mut transaction.request);
    }

    pub(crate) fn scrub_event(&self, event: &mut Event<'_>) {
        event.tags.retain(|key, value| match self.fate(key, Some(value)) {
            Fate::Keep => true,
            Fate::Replace(clean) => {
                *value = clean;
                true
            }
            Fate::Remove => false,
        });
        let breadcrumbs = &mut event.breadcrumbs.values;
        breadcrumbs.iter_mut().for_each(|breadcrumb| self.json(&mut breadcrumb.data));
        if let Some(Context::Otel(otel)) = event.contexts.get_mut("otel") {
            self.json(&mut otel.attributes);
        }
        self.person(&mut event.user, &mut event.request);
    }

    fn data(&self, data: &mut Data) {
        data.retain(|key, value| {
            let text = match &*value {
                Value::String(text) => Some(text.as_str()),
                _ => None,
            };
            match self.fate(key.as_str(), text) {
                Fate::Keep => true,
                Fate::Replace(clean) => {
                    *value = Value::String(StringValue::from(clean));
                    true
                }
                Fate::Remove => false,
            }
        });
    }

    fn tags(&self, tags: &mut Tags) {
        let fates: Vec<_> = tags
            .iter()
            .map(|(key, value)| (key.clone(), self.fate(key.as_str(), Some(value.as_str()))))
            .filter(|(_, fate)| !matches!(fate, Fate::Keep))
            .collect();
        for (key, fate) in fates {
            tags.remove(key.as_str());
            if let Fate::Replace(clean) = fate {
                tags.insert(key, StringValue::from(clean));
            }
        }
    }

    fn json(&self, data: &mut Map<String, Json>) {
        data.retain(|key, value| match self.fate(key, value.as_str()) {
            Fate::Keep => true,
            Fate::Replace(clean) => {
                *value = clean.into();
                true
            }
            Fate::Remove => false,
        });
    }

    fn person(&self, user: &mut Option<User>, request: &mut Option<Request>) {
        if !self.send_default_pii {
            scrub_user(user);
            scrub_request(request);
        }
    }

    /// Decides by the key and, where it is one, by the text.
    fn fate(&self, key: &str, text: Option<&str>) -> Fate {
        let is_url = URLS.contains(&key);
        if self.send_default_pii {
            return match text.filter(|_| is_url).map(without_user_info) {
                Some(Cow::Owned(clean)) => Fate::Replace(clean),
                _ => Fate::Keep,
            };
        }
        if PERSONAL.contains(&key) {
            return Fate::Remove;
        }
        if is_secret_header(key) {
            return Fate::Replace(FILTERED.to_owned());
        }
        match text {
            Some(query) if QUERIES.contains(&key) => Fate::Replace(without_values(query)),
            Some(url) if is_url => {
                let clean = without_user_info(url);
                match (without_query_values(&clean), clean) {
                    (Some(clean), _) | (None, Cow::Owned(clean)) => Fate::Replace(clean),
                    (None, Cow::Borrowed(_)) => Fate::Keep,
                }
            }
            _ => Fate::Keep,
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

/// `url` with its user info replaced, untouched where it has none (rules URL-2 and URL-5).
pub(crate) fn without_user_info(url: &str) -> Cow<'_, str> {
    let Some((scheme, rest)) = url.split_once("://") else { return url.into() };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, tail) = rest.split_at_checked(end).unwrap_or((rest, ""));
    match authority.rsplit_once('@') {
        Some(("[Filtered]:[Filtered]", _)) | None => url.into(),
        Some((_, host)) => format!("{scheme}://[Filtered]:[Filtered]@{host}{tail}").into(),
    }
}

/// A URL without the values of its query, if it has one.
fn without_query_values(url: &str) -> Option<String> {
    let (base, query) = url.split_once('?')?;
    let (query, fragment) = query.split_once('#').unwrap_or((query, ""));
    let mark = if fragment.is_empty() { "" } else { "#" };
    Some(format!("{base}?{}{mark}{fragment}", without_values(query)))
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
            KeyValue::new("url.full", "https://me:pw@h/p?token=abc&page=2&flag#top"),
            KeyValue::new("url.query", "token=abc"),
            KeyValue::new("http.request.header.cookie", "sid=1"),
            KeyValue::new("http.request.header.accept", "*/*"),
        ]);
        Scrubber::default().data(&mut data);
        assert_eq!(
            serde_json::to_string(&data).unwrap(),
            "{\"user.id\":\"7\",\
             \"url.full\":\"https://[Filtered]:[Filtered]@h/p?token=[Filtered]&page=[Filtered]&flag#top\",\
             \"url.query\":\"token=[Filtered]\",\
             \"http.request.header.cookie\":\"[Filtered]\",\
             \"http.request.header.accept\":\"*/*\"}"
        );
    }

    #[test]
    fn a_password_in_a_url_is_never_sent() {
        let open = Scrubber::default().with_send_default_pii(true);
        let mut tags = Tags::default();
        tags.insert("http.url".into(), "https://me:pw@h/?a=1".into());
        open.tags(&mut tags);
        let clean = r#"{"http.url":"https://[Filtered]:[Filtered]@h/?a=1"}"#;
        assert_eq!(serde_json::to_string(&tags).unwrap(), clean);
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
