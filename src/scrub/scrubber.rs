use std::borrow::Cow;
use std::sync::Arc;

use opentelemetry::trace::{SpanKind, Status};
use opentelemetry::{Array, Key, KeyValue, StringValue, Value};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::SpanData;

use super::around::{Around, dialect};
use super::attribute::Role;
use super::byte::{Class, rest_from};
use super::card;
use super::family::{Families, Family};
use super::graphql;
use super::key::Verdict;
use super::output::FILTERED;
use super::redis;
use super::settings::Scrubbing;
use super::sql::{Dialect, without_literals};
use super::text::{self, Kind, scrubbed};
use super::value::is_placeholder;
use crate::semconv::Attribute;

/// Takes out of spans and resources what must not be sent.
///
/// It works on what OpenTelemetry says, before anything is mapped, so that a text is read once
/// and whole, wherever it will stand and however much of it will be left.
#[derive(Clone, Debug, Default)]
pub(crate) struct Scrubber {
    pub(super) settings: Arc<Scrubbing>,
    send_default_pii: bool,
}

impl Scrubber {
    pub(crate) fn with_send_default_pii(mut self, send: bool) -> Self {
        self.send_default_pii = send;
        self
    }

    pub(crate) fn with_settings(mut self, settings: Scrubbing) -> Self {
        self.settings = Arc::new(settings);
        self
    }

    /// Takes out of a span, its events and its links what must not be sent; adds what is known of
    /// its attributes, so that nobody need look it up again.
    pub(crate) fn scrub_span(&self, span: &mut SpanData, known: &mut Vec<Option<Attribute>>) {
        let before = known.len();
        known.extend(span.attributes.iter().map(Attribute::of));
        let families = self.families();
        if families.is_empty() {
            return;
        }
        let known_here = known.get(before..).unwrap_or_default();
        let around = Around {
            made_the_call: matches!(span.span_kind, SpanKind::Client | SpanKind::Producer),
            dialect: dialect(span.attributes.iter().zip(known_here.iter().copied())),
        };
        let name = match around.dialect {
            Some(dialect) => self.statement(&span.name, dialect),
            None => self.text(&span.name, Kind::Text),
        };
        if let Cow::Owned(name) = name {
            span.name = name.into();
        }
        self.known_attributes(&mut span.attributes, known_here, around);
        if span.attributes.len() < known_here.len() {
            known.truncate(before);
            known.extend(span.attributes.iter().map(Attribute::of));
        }
        for event in &mut span.events.events {
            if let Cow::Owned(name) = self.text(&event.name, Kind::Text) {
                event.name = name.into();
            }
            let around = around.of(&event.attributes);
            self.attributes(&mut event.attributes, around);
        }
        for link in &mut span.links.links {
            let around = around.of(&link.attributes);
            self.attributes(&mut link.attributes, around);
        }
        if let Status::Error { description } = &mut span.status
            && let Cow::Owned(clean) = self.text(description, Kind::Text)
        {
            *description = clean.into();
        }
        if let Some(scope) = self.scope(&span.instrumentation_scope, around) {
            span.instrumentation_scope = scope;
        }
        if let Some(context) = self.context(&span.span_context) {
            span.span_context = context;
        }
    }

    /// The resource without what must not be sent.
    pub(crate) fn resource(&self, resource: &Resource) -> Resource {
        let mut attributes: Vec<_> =
            resource.iter().map(|(key, value)| KeyValue::new(key.clone(), value.clone())).collect();
        self.attributes(&mut attributes, Around::default());
        Resource::builder_empty().with_attributes(attributes).build()
    }

    /// A text of an error without what must not be sent.
    pub(crate) fn scrub_text(&self, text: &str) -> String {
        self.text(text, Kind::Text).into_owned()
    }

    /// Takes out of the attributes of a record of a log what must not be sent.
    #[cfg(feature = "logs")]
    pub(crate) fn scrub_record(&self, attributes: &mut Vec<KeyValue>) {
        let around = Around::default().of(attributes);
        self.attributes(attributes, around);
    }

    pub(super) fn families(&self) -> Families {
        match self.send_default_pii {
            true => self.settings.families.opened(),
            false => self.settings.families,
        }
    }

    pub(super) fn text<'a>(&self, text: &'a str, kind: Kind) -> Cow<'a, str> {
        scrubbed(text, kind, self.families(), &self.settings)
    }

    /// A query without its literals, if they are looked for, and without what else is secret.
    fn statement<'a>(&self, query: &'a str, dialect: Dialect) -> Cow<'a, str> {
        let families = self.families();
        if families.has(Family::SqlLiterals) {
            return match without_literals(query, dialect) {
                (clean, true) => clean,
                (clean, false) => self.both(clean, Kind::Statement),
            };
        }
        match dialect {
            Dialect::Redis if families.has(Family::SecretKeys) => {
                self.both(redis::without_passwords(query), Kind::Text)
            }
            _ => self.text(query, Kind::Text),
        }
    }

    /// The same of a document of GraphQL.
    fn document<'a>(&self, document: &'a str) -> Cow<'a, str> {
        match self.families().has(Family::SqlLiterals) {
            true => self.both(graphql::without_literals(document), Kind::Statement),
            false => self.text(document, Kind::Text),
        }
    }

    /// What is left of a text, without what else is secret.
    fn both<'a>(&self, text: Cow<'a, str>, kind: Kind) -> Cow<'a, str> {
        match text {
            Cow::Borrowed(text) => self.text(text, kind),
            Cow::Owned(text) => self.text(&text, kind).into_owned().into(),
        }
    }

    pub(super) fn attributes(&self, attributes: &mut Vec<KeyValue>, around: Around) {
        self.known_attributes(attributes, &[], around);
    }

    /// The same where it may have been looked up what they are.
    fn known_attributes(
        &self,
        attributes: &mut Vec<KeyValue>,
        known: &[Option<Attribute>],
        around: Around,
    ) {
        // Mostly all stay.
        let mut gone = Vec::new();
        for (at, entry) in attributes.iter_mut().enumerate() {
            let attribute = || known.get(at).copied().unwrap_or_else(|| Attribute::of(entry));
            let common = self.common_role(attribute);
            let is_calm = common == Some(Role::Other) && is_calm(&entry.value);
            if !is_calm && !self.attribute_of(entry, common, around) {
                gone.push(at);
            }
        }
        if !gone.is_empty() {
            let (mut places, mut gone) = (0.., gone.into_iter().peekable());
            attributes.retain(|_| {
                let place = places.next();
                gone.next_if(|gone| Some(*gone) == place).is_none()
            });
        }
    }

    /// Whether an attribute may stay, now that its secrets are taken out.
    #[cfg(feature = "logs")]
    pub(super) fn attribute(&self, entry: &mut KeyValue, around: Around) -> bool {
        self.attribute_of(entry, self.common_role(|| Attribute::of(entry)), around)
    }

    /// The role of what many spans have; users may list any key.
    fn common_role(&self, attribute: impl FnOnce() -> Option<Attribute>) -> Option<Role> {
        if self.settings.has_lists() { None } else { attribute().and_then(Role::of_common) }
    }

    fn attribute_of(&self, entry: &mut KeyValue, common: Option<Role>, around: Around) -> bool {
        match common {
            None | Some(Role::Personal | Role::Peer) => return self.judged(entry, common, around),
            Some(role) => self.value(&mut entry.value, role, around),
        }
        true
    }

    /// Whether one may stay whose key has to be judged, or tells that it may not be sent.
    fn judged(&self, entry: &mut KeyValue, common: Option<Role>, around: Around) -> bool {
        let families = self.families();
        let key = entry.key.as_str();
        let (role, verdict) = match common {
            Some(role) => (role, Verdict::Free),
            None => (Role::of(key), self.settings.judge(key)),
        };
        if verdict == Verdict::Allowed {
            return true;
        }
        let is_filtered = match (role, verdict) {
            (Role::Personal, _) if families.has(Family::Personal) => return false,
            (Role::Peer, _) if families.has(Family::Personal) && !around.made_the_call => {
                return false;
            }
            (Role::Credentials, _) => families.has(Family::Headers),
            (Role::Origin, _) => families.has(Family::Headers) && !self.send_default_pii,
            (Role::Cookies, _) if self.send_default_pii => false,
            (Role::Cookies, _) => families.has(Family::Headers),
            (_, Verdict::Personal) if families.has(Family::Personal) => return false,
            (_, Verdict::Secret) => families.has(Family::SecretKeys) && is_told(&entry.value),
            (_, Verdict::Doubtful) => families.has(Family::SecretKeys) && is_text(&entry.value),
            _ => false,
        };
        if is_filtered {
            entry.value = Value::String(StringValue::from(FILTERED));
        } else {
            self.value(&mut entry.value, role, around);
        }
        if common.is_none()
            && !is_plain(entry.key.as_str())
            && let Cow::Owned(clean) = self.text(entry.key.as_str(), Kind::Text)
        {
            entry.key = Key::from(clean);
        }
        true
    }

    #[inline]
    fn value(&self, value: &mut Value, role: Role, around: Around) {
        match value {
            Value::String(text) => self.string(text, role, around),
            Value::I64(number) if self.is_card(*number) => {
                *value = Value::String(StringValue::from(FILTERED));
            }
            Value::Array(Array::String(texts)) => self.strings(texts, role, around),
            Value::Array(Array::I64(numbers))
                if numbers.iter().any(|number| self.is_card(*number)) =>
            {
                *value = Value::String(StringValue::from(FILTERED));
            }
            _ => {}
        }
    }

    fn strings(&self, texts: &mut [StringValue], role: Role, around: Around) {
        let mut is_secret = false;
        for text in texts {
            let after = self.is_option_of_secret(text.as_str());
            match is_secret {
                true => *text = StringValue::from(FILTERED),
                false => self.string(text, role, around),
            }
            is_secret = after;
        }
    }

    fn string(&self, text: &mut StringValue, role: Role, around: Around) {
        let clean = match role {
            Role::Url => self.text(text.as_str(), Kind::Url),
            Role::Query => self.text(text.as_str(), Kind::Query),
            Role::Statement => self.statement(text.as_str(), around.dialect.unwrap_or_default()),
            Role::Document => self.document(text.as_str()),
            Role::Software => {
                let families = self.families().without(Family::MailAddresses);
                scrubbed(text.as_str(), Kind::Text, families, &self.settings)
            }
            _ => self.text(text.as_str(), Kind::Text),
        };
        if let Cow::Owned(clean) = clean {
            *text = StringValue::from(clean);
        }
    }

    /// Whether a text is an option of a command whose value follows as a text of its own.
    fn is_option_of_secret(&self, text: &str) -> bool {
        self.families().has(Family::SecretKeys)
            && text.starts_with('-')
            && !text.contains('=')
            && matches!(
                self.settings.judge(text.trim_start_matches('-')),
                Verdict::Secret | Verdict::Doubtful
            )
    }

    fn is_card(&self, number: i64) -> bool {
        card::is_card(number) && self.families().has(Family::CardNumbers)
    }
}

/// Whether there is nothing in a value to look at, whatever its key.
#[inline]
fn is_calm(value: &Value) -> bool {
    match value {
        Value::Bool(_) | Value::F64(_) => true,
        Value::I64(number) => !card::may_be(*number),
        Value::String(text) => text::is_calm(text.as_str()),
        _ => false,
    }
}

/// Whether a key is one of those that conventions make, in which no secret can be.
fn is_plain(key: &str) -> bool {
    rest_from(key.as_bytes(), |class| !class.is(Class::PLAIN)).is_empty()
}

/// Whether a value tells more than yes or no.
fn is_told(value: &Value) -> bool {
    match value {
        Value::Bool(_) => false,
        Value::String(text) => !is_placeholder(text.as_str(), ""),
        _ => true,
    }
}

fn is_text(value: &Value) -> bool {
    matches!(value, Value::String(_) | Value::Array(Array::String(_))) && is_told(value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::idle::idle_span;

    #[test]
    fn what_is_known_of_the_attributes_is_of_those_that_are_left() {
        let attributes = [
            KeyValue::new("client.address", "192.0.2.1"),
            KeyValue::new("order.id", 7),
            KeyValue::new("user.email", "jo@example.com"),
            KeyValue::new("mail to jo@example.com", "x"),
            KeyValue::new("http.route", "/a"),
            KeyValue::new("network.peer.address", "192.0.2.1"),
        ];
        let off = Family::ALL.iter().fold(Scrubbing::default(), |all, it| all.without(*it));
        let lists = Scrubbing::default().with_denied_keys(["order"]);
        for (settings, left) in [(Scrubbing::default(), 3), (off, 6), (lists, 3)] {
            let scrubber = Scrubber::default().with_settings(settings);
            let mut known = Vec::new();
            for id in 1..=2 {
                let mut span = idle_span(1, id, 0);
                span.attributes = attributes.to_vec();
                let before = known.len();
                scrubber.scrub_span(&mut span, &mut known);
                let expected: Vec<_> = span.attributes.iter().map(Attribute::of).collect();
                assert_eq!((&known[before..], span.attributes.len()), (&expected[..], left));
            }
        }
    }
}
