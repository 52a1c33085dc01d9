//! What must not leave the process.
//!
//! Without consent to personal data, which is the default: no addresses, names or mail addresses
//! of users, no cookies and credentials of requests, no values of query strings. With or without:
//! no passwords in URLs.

mod text;

use std::borrow::Cow;

use opentelemetry::{StringValue, Value};
use sentry_types::protocol::v7::{Breadcrumb, Context, Event, Map, Request, User, Value as Json};

use self::text::{
    FILTERED, text_without_secrets, url_without_values, without_literals, without_values,
};
use crate::protocol::{Data, Tags, Transaction, shortened};

pub(crate) use self::text::without_user_info;

/// Takes out of transactions and events what must not be sent.
#[derive(Clone, Debug, Default)]
pub(crate) struct Scrubber {
    send_default_pii: bool,
}

/// Attributes that tell who or where a person is.
const PERSONAL: &[&str] = &[
    "client.address",
    "client.port",
    "enduser.role",
    "enduser.scope",
    "gen_ai.completion",
    "gen_ai.input.messages",
    "gen_ai.output.messages",
    "gen_ai.prompt",
    "gen_ai.request.messages",
    "gen_ai.response.text",
    "gen_ai.system_instructions",
    "gen_ai.tool.call.arguments",
    "gen_ai.tool.call.result",
    "gen_ai.tool.input",
    "gen_ai.tool.output",
    "http.client_ip",
    "http.request.body",
    "http.request.body.content",
    "http.response.body",
    "http.response.body.content",
    "mcp.tool.result.content",
    "process.command_args",
    "process.command_line",
    "user.email",
    "user.full_name",
    "user.name",
];

/// The address of the other end: of a person's device, unless this end made the call.
const PEERS: &[&str] = &["net.peer.ip", "net.sock.peer.addr", "network.peer.address"];

/// Attributes that hold a URL or the query of one.
const URLS: &[&str] = &["url.full", "http.url", "http.target", "url"];
const QUERIES: &[&str] = &["url.query", "url.fragment", "http.query", "http.fragment"];

/// Parts of names of headers that carry credentials or say where a request came from.
const SECRET_HEADERS: &[&str] = &[
    "auth",
    "cookie",
    "csrf",
    "xsrf",
    "forwarded",
    "jwt",
    "key",
    "location",
    "passw",
    "referer",
    "remote-addr",
    "secret",
    "session",
    "signature",
    "token",
    "-ip",
    "via",
];

/// The longest name of a transaction, in chars.
const MAX_NAME_CHARS: usize = 200;

/// How much longer a text may become by what stands for its secrets, in bytes.
const MAX_GROWTH: usize = 48;

/// Words of keys whose values are secrets, and parts of such keys.
const SECRET_WORDS: &[&str] =
    &["authorization", "cookie", "credentials", "passwd", "password", "pwd", "secret", "token"];
const SECRET_PARTS: &[&str] =
    &["access_key", "api_key", "apikey", "connection_string", "private_key"];

/// Beginnings of keys of what people have written or given to others.
const PERSONAL_FAMILIES: &[&str] =
    &["db.query.parameter.", "db.operation.parameter.", "mcp.request.argument."];

/// Attributes that hold the text of a query.
const DB_QUERIES: &[&str] = &["db.query.text", "db.statement"];

/// Where captured headers stand among the attributes.
const HEADERS: &[&str] = &[
    "http.request.header.",
    "http.response.header.",
    "rpc.grpc.request.metadata.",
    "rpc.grpc.response.metadata.",
    "rpc.request.metadata.",
    "rpc.response.metadata.",
];

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
            let is_query = span.op.as_ref().is_some_and(|op| op.as_str() == "db");
            let clean = match (self.send_default_pii, is_query) {
                (false, true) => without_literals(span.description.as_str()),
                _ => self.clean(span.description.as_str()),
            };
            if let Cow::Owned(clean) = clean {
                span.description = StringValue::from(clean);
            }
        }
        if let Cow::Owned(clean) = self.clean(transaction.name.as_str()) {
            let cut: String = clean.chars().take(MAX_NAME_CHARS).collect();
            transaction.name = StringValue::from(cut);
        }
        transaction.breadcrumbs.iter_mut().for_each(|breadcrumb| self.breadcrumb(breadcrumb));
        self.person(&mut transaction.user, &mut transaction.request);
    }

    pub(crate) fn scrub_event(&self, event: &mut Event<'_>) {
        event.tags.retain(|key, value| match self.fate(key, Some(value)) {
            Fate::Keep => true,
            Fate::Replace(clean) => {
                let cut: String = clean.chars().take(Tags::MAX_CHARS).collect();
                *value = cut.trim().to_owned();
                // Sentry takes no empty tag.
                !value.is_empty()
            }
            Fate::Remove => false,
        });
        let texts =
            event.exception.values.iter_mut().filter_map(|exception| exception.value.as_mut());
        let message = event.logentry.as_mut().map(|entry| &mut entry.message);
        for text in texts.chain(message) {
            if let Cow::Owned(clean) = self.clean(text) {
                *text = clean;
            }
        }
        if let Some(name) = &mut event.transaction
            && let Cow::Owned(clean) = self.clean(name)
        {
            *name = clean.chars().take(MAX_NAME_CHARS).collect();
        }
        self.json(&mut event.extra);
        event.breadcrumbs.values.iter_mut().for_each(|breadcrumb| self.breadcrumb(breadcrumb));
        if let Some(Context::Otel(otel)) = event.contexts.get_mut("otel") {
            self.json(&mut otel.attributes);
        }
        self.person(&mut event.user, &mut event.request);
    }

    #[cfg(feature = "logs")]
    pub(crate) fn scrub_log(&self, log: &mut crate::protocol::Log) {
        self.data(&mut log.attributes);
        if let Cow::Owned(clean) = self.clean(log.body.as_str()) {
            log.body = StringValue::from(clean);
        }
    }

    /// Takes out of all maps of a value what a map of attributes would not keep.
    #[cfg(feature = "logs")]
    pub(crate) fn scrub_nested(&self, value: &mut Json) {
        match value {
            Json::Object(fields) => {
                fields.retain(|key, value| match self.fate(key, value.as_str()) {
                    Fate::Keep => true,
                    Fate::Replace(clean) => {
                        *value = clean.into();
                        true
                    }
                    Fate::Remove => false,
                });
                fields.values_mut().for_each(|value| self.scrub_nested(value));
            }
            Json::Array(values) => values.iter_mut().for_each(|value| self.scrub_nested(value)),
            _ => {}
        }
    }

    fn data(&self, data: &mut Data) {
        let made_the_call = matches!(
            data.value("otel.kind"),
            Some(Value::String(kind)) if matches!(kind.as_str(), "CLIENT" | "PRODUCER")
        );
        data.retain(|key, value| {
            if made_the_call && PEERS.contains(&key.as_str()) {
                return true;
            }
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

    fn breadcrumb(&self, breadcrumb: &mut Breadcrumb) {
        self.json(&mut breadcrumb.data);
        if let Some(message) = &mut breadcrumb.message
            && let Cow::Owned(clean) = self.clean(message)
        {
            *message = clean;
        }
    }

    /// A text that people read, without the secrets of the URLs in it.
    fn clean<'a>(&self, text: &'a str) -> Cow<'a, str> {
        within(
            text,
            match self.send_default_pii {
                true => without_user_info(text),
                false => text_without_secrets(text),
            },
        )
    }

    fn person(&self, user: &mut Option<User>, request: &mut Option<Request>) {
        if !self.send_default_pii {
            scrub_user(user);
            scrub_request(request);
        }
    }

    /// Decides by the key and, where it is one, by the text.
    fn fate(&self, key: &str, text: Option<&str>) -> Fate {
        if self.send_default_pii {
            return text.map_or(Fate::Keep, |text| replaced(within(text, without_user_info(text))));
        }
        let last = key.rsplit('.').next().unwrap_or(key);
        let is_url = URLS.contains(&key) || matches!(last, "uri" | "url");
        let is_personal = PERSONAL.contains(&key) || PEERS.contains(&key);
        if is_personal || PERSONAL_FAMILIES.iter().any(|family| key.starts_with(family)) {
            return Fate::Remove;
        }
        if is_secret_header(key) || is_secret_key(last) {
            return Fate::Replace(FILTERED.to_owned());
        }
        match text {
            Some(query) if QUERIES.contains(&key) => Fate::Replace(without_values(query)),
            Some(url) if is_url => replaced(within(url, url_without_values(url))),
            Some(query) if DB_QUERIES.contains(&key) => {
                replaced(within(query, without_literals(query)))
            }
            Some(text) => replaced(within(text, text_without_secrets(text))),
            None => Fate::Keep,
        }
    }
}

/// The clean text, not much longer than the one it stands for, for which there was room.
fn within<'a>(text: &str, clean: Cow<'a, str>) -> Cow<'a, str> {
    match shortened(&clean, text.len().saturating_add(MAX_GROWTH)) {
        Some(short) => short.into(),
        None => clean,
    }
}

fn replaced(text: Cow<'_, str>) -> Fate {
    match text {
        Cow::Owned(clean) => Fate::Replace(clean),
        Cow::Borrowed(_) => Fate::Keep,
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

/// Whether one of the words of a key says that its value is a secret.
fn is_secret_key(key: &str) -> bool {
    let key = key.to_ascii_lowercase().replace('-', "_");
    SECRET_PARTS.iter().any(|part| key.contains(part))
        || key.split('_').any(|word| SECRET_WORDS.contains(&word))
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
             \"url.full\":\"https://[Filtered]:[Filtered]@h/p?token=[Filtered]&page=[Filtered]&flag\",\
             \"url.query\":\"token=[Filtered]\",\
             \"http.request.header.cookie\":\"[Filtered]\",\
             \"http.request.header.accept\":\"*/*\"}"
        );
    }

    #[test]
    fn the_peer_of_a_call_is_a_server_and_that_of_a_request_may_be_a_person() {
        for (kind, stays) in [("CLIENT", true), ("PRODUCER", true), ("SERVER", false)] {
            let mut data = Data::from(vec![
                KeyValue::new("network.peer.address", "10.0.0.7"),
                KeyValue::new("client.address", "203.0.113.7"),
                KeyValue::new("otel.kind", kind),
            ]);
            Scrubber::default().data(&mut data);
            assert_eq!(data.value("network.peer.address").is_some(), stays, "{kind}");
            assert!(data.value("client.address").is_none(), "{kind}");
        }
    }

    #[test]
    fn a_tag_of_which_nothing_is_left_is_no_tag() {
        let mut event = Event::default();
        for (key, value) in [("http.target", "#"), ("url.full", "/a")] {
            event.tags.insert(key.to_owned(), value.to_owned());
        }
        Scrubber::default().scrub_event(&mut event);
        assert_eq!(event.tags.into_iter().collect::<Vec<_>>(), [("url.full".into(), "/a".into())]);
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
