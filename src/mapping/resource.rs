use std::borrow::Cow;
use std::collections::BTreeMap;

use opentelemetry::{Array, Key, KeyValue, StringValue, Value};
use opentelemetry_sdk::Resource;
use serde_json::Map;

use super::legal::{legal_environment, legal_release};
use crate::protocol::{Context, json_value, limit, shortened};

/// What the resource of a provider says, worked out once for all of its spans.
#[derive(Clone, Debug)]
pub(super) struct ResourceFields {
    pub(super) release: Option<StringValue>,
    pub(super) environment: Option<StringValue>,
    pub(super) server_name: Option<StringValue>,
    pub(super) service_name: Option<StringValue>,
    /// `otel`, `os`, `runtime` and so on.
    pub(super) contexts: BTreeMap<Cow<'static, str>, Context>,
    /// Attributes that root spans carry, to filter by service.
    pub(super) data: Vec<KeyValue>,
    /// All attributes, sorted by key.
    pub(super) attributes: Vec<KeyValue>,
}

/// Attributes of the resource that every root span carries (rule ATTR-4).
const ON_ROOTS: &[&str] =
    &["service.name", "service.namespace", "service.version", "service.instance.id"];

/// A field of a context and the attributes that fill it, the first that is there.
type Field = (&'static str, &'static [&'static str]);

/// Contexts of Sentry, their fields, and the attributes that fill them: the first that is there.
const CONTEXTS: &[(&str, &[Field])] = &[
    ("app", &[("app_name", &["service.name"]), ("app_version", &["service.version"])]),
    (
        "cloud_resource",
        &[
            ("cloud.account.id", &["cloud.account.id"]),
            ("cloud.availability_zone", &["cloud.availability_zone"]),
            ("cloud.platform", &["cloud.platform"]),
            ("cloud.provider", &["cloud.provider"]),
            ("cloud.region", &["cloud.region"]),
            ("cloud.resource_id", &["cloud.resource_id"]),
            ("host.id", &["host.id"]),
            ("host.type", &["host.type"]),
        ],
    ),
    (
        "device",
        &[("arch", &["host.arch"]), ("model", &["device.model.name", "device.model.identifier"])],
    ),
    (
        "os",
        &[
            ("name", &["os.name", "os.type"]),
            ("version", &["os.version"]),
            ("raw_description", &["os.description"]),
        ],
    ),
    (
        "runtime",
        &[
            ("name", &["process.runtime.name"]),
            ("version", &["process.runtime.version"]),
            ("raw_description", &["process.runtime.description"]),
        ],
    ),
];

/// What Relay leaves of a context is 8 KiB; on errors two maps share that.
const MAX_RESOURCE_BYTES: usize = 3500;

/// The longest text in a context, in bytes.
const MAX_TEXT_BYTES: usize = 1024;

impl ResourceFields {
    pub(super) fn of(resource: &Resource) -> Self {
        let mut attributes: Vec<KeyValue> =
            resource.iter().map(|(key, value)| KeyValue::new(key.clone(), value.clone())).collect();
        attributes.sort_by(|a, b| a.key.as_str().cmp(b.key.as_str()));
        let text = |key: &'static str| {
            let value = resource.get_ref(&Key::from_static_str(key))?;
            Some(value.as_str().into_owned()).filter(|text| !text.is_empty())
        };
        let service_name = text("service.name").filter(|name| !name.starts_with("unknown_service"));
        let version = text("service.version");
        let release = text("sentry.release").or(match (&service_name, version) {
            (Some(name), Some(version)) => Some(format!("{name}@{version}")),
            (_, version) => version,
        });
        let environment = text("sentry.environment")
            .or_else(|| text("deployment.environment.name"))
            .or_else(|| text("deployment.environment"));
        let server_name = text("host.name").or_else(|| text("service.instance.id"));
        let is_on_roots = |entry: &&KeyValue| {
            ON_ROOTS.contains(&entry.key.as_str())
                && (entry.key.as_str() != "service.name" || service_name.is_some())
        };
        let limited = |entry: &KeyValue| {
            let mut entry = entry.clone();
            limit(&mut entry.value);
            entry
        };
        Self {
            release: release.and_then(|release| legal_release(&release)).map(StringValue::from),
            environment: environment
                .and_then(|name| legal_environment(&name))
                .map(StringValue::from),
            server_name: server_name.map(|name| line(&name, 200)).map(StringValue::from),
            data: attributes.iter().filter(is_on_roots).map(limited).collect(),
            contexts: contexts(&attributes),
            service_name: service_name.map(StringValue::from),
            attributes,
        }
    }
}

impl Default for ResourceFields {
    fn default() -> Self {
        Self::of(&Resource::builder_empty().build())
    }
}

/// The attributes as a map that stays within `max_bytes` of JSON; what does not fit is left out.
pub(super) fn limited_map<'a, M: Default + Extend<(String, serde_json::Value)>>(
    attributes: impl Iterator<Item = (&'a Key, &'a Value)>,
    max_bytes: usize,
) -> M {
    let mut bytes = 0_usize;
    let limited = attributes.filter_map(|(key, value)| {
        let value = match value {
            Value::String(text) => match shortened(text.as_str(), MAX_TEXT_BYTES) {
                Some(short) => short.into(),
                None => text.as_str().into(),
            },
            // What cannot fit need not be converted.
            Value::Array(Array::String(texts)) if texts.len() > max_bytes => return None,
            value => json_value(value),
        };
        let size = size(&value).saturating_add(key.as_str().len()).saturating_add(8);
        let total = bytes.saturating_add(size);
        if key.as_str().is_empty() || total > max_bytes {
            return None;
        }
        bytes = total;
        Some((key.as_str().to_owned(), value))
    });
    let mut map = M::default();
    map.extend(limited);
    map
}

/// How much of a budget Relay counts for a value: numbers go by all of their decimal digits.
fn size(value: &serde_json::Value) -> usize {
    let is_plain = |byte: u8| byte >= b' ' && !matches!(byte, b'"' | b'\\');
    match value {
        // Both quotes, and nothing is escaped.
        serde_json::Value::String(text) if text.bytes().all(is_plain) => {
            text.len().saturating_add(2)
        }
        serde_json::Value::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(whole), _) => itoa::Buffer::new().format(whole).len(),
            (None, Some(float)) if number.is_f64() => format!("{float}").len(),
            _ => number.to_string().len(),
        },
        serde_json::Value::Array(values) => values
            .iter()
            .fold(2, |sum: usize, value| sum.saturating_add(size(value)).saturating_add(1)),
        value => value.to_string().len(),
    }
}

fn contexts(attributes: &[KeyValue]) -> BTreeMap<Cow<'static, str>, Context> {
    let find = |keys: &[&str]| {
        let mut found = keys
            .iter()
            .filter_map(|key| attributes.iter().find(|entry| entry.key.as_str() == *key));
        let is_told = |entry: &&KeyValue| !entry.value.as_str().starts_with("unknown_service");
        found.find(is_told).map(|entry| line(&entry.value.as_str(), 500))
    };
    let mut contexts = BTreeMap::new();
    for (context, fields) in CONTEXTS {
        let fields: Map<_, _> = fields
            .iter()
            .filter_map(|(field, keys)| Some(((*field).to_owned(), find(keys)?.into())))
            .collect();
        if !fields.is_empty() {
            contexts.insert(Cow::from(*context), Context::from(fields));
        }
    }
    // Present without a resource, too: it tells Sentry that this came from OpenTelemetry.
    let entries = attributes
        .iter()
        .filter(|entry| !entry.key.as_str().starts_with("process.command"))
        .map(|entry| (&entry.key, &entry.value));
    let resource: Map<_, _> = limited_map(entries, MAX_RESOURCE_BYTES);
    let otel = Map::from_iter([("resource".to_owned(), resource.into())]);
    contexts.insert("otel".into(), otel.into());
    contexts
}

/// One line of at most `max_chars` chars.
fn line(text: &str, max_chars: usize) -> String {
    let chars = text.trim().chars().map(|char| if char.is_control() { ' ' } else { char });
    chars.take(max_chars).collect()
}
