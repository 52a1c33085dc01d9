use opentelemetry::{Key, KeyValue, Value};

use super::resource::ResourceFields;
use crate::protocol::Tags;

/// Which attributes become tags, by which Sentry groups and searches.
///
/// All attributes are sent as typed data whatever the policy. Only single values become tags, not
/// arrays. What the tracing bridge adds on its own (`code.*`, `thread.*`, `target`, `level`,
/// `busy_ns`, `idle_ns`), what describes a person, and what Sentry reads from `sentry.*` become
/// tags only when listed by key. Attributes named `tags.<key>` always become the tag `<key>`.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub enum TagPolicy {
    /// The attributes of the root span; on errors, those of the span that recorded it as well.
    #[default]
    Root,
    /// Those, and on each span its own.
    AllSpans,
    /// Attributes with one of these keys, of the span or else of the resource.
    Keys(Vec<Key>),
    /// None but `tags.<key>`.
    None,
}

/// Attributes with these beginnings do not become tags on their own; sorted.
const NEVER: &[&str] = &[
    "busy_ns",
    "client.",
    "code.",
    "db.query.text",
    "db.statement",
    "enduser.",
    "exception.",
    "http.client_ip",
    "http.request.body",
    "http.request.body.",
    "http.request.header.",
    "http.response.body",
    "http.response.body.",
    "http.response.header.",
    "idle_ns",
    "level",
    "net.peer.ip",
    "net.sock.",
    "network.local.",
    "network.peer.",
    "process.",
    "sentry.",
    "target",
    "thread.",
    "user.",
];

impl TagPolicy {
    /// The tags of a transaction from the attributes of its spans.
    ///
    /// Where two spans have the same attribute, the first one given counts.
    pub(super) fn of_segment(&self, spans: &[&[KeyValue]], resource: &ResourceFields) -> Tags {
        let mut tags = self.room(spans);
        self.add_segment(spans, resource, &mut tags);
        tags
    }

    /// Tags to be, with room for those of such spans.
    fn room(&self, spans: &[&[KeyValue]]) -> Tags {
        let count = spans.iter().map(|attributes| attributes.len()).sum::<usize>();
        match self {
            Self::Root | Self::AllSpans => Tags::with_capacity(count.saturating_add(1)),
            Self::Keys(_) | Self::None => Tags::default(),
        }
    }

    fn add_segment(&self, spans: &[&[KeyValue]], resource: &ResourceFields, tags: &mut Tags) {
        for attributes in spans {
            self.collect(attributes, tags);
        }
        match (self, &resource.service_name) {
            (Self::Keys(keys), _) => {
                let listed = resource.attributes.iter().filter(|entry| keys.contains(&entry.key));
                listed.for_each(|entry| insert(tags, entry.key.clone(), &entry.value));
            }
            (Self::Root | Self::AllSpans, Some(name)) => {
                tags.insert(Key::from_static_str("service.name"), name.clone());
            }
            _ => {}
        }
    }

    /// The tags of an error: what its event names as tags, before those of its spans.
    pub(super) fn of_error(
        &self,
        event: &[KeyValue],
        spans: &[&[KeyValue]],
        resource: &ResourceFields,
    ) -> Tags {
        let mut tags = self.room(spans);
        match self {
            Self::Keys(_) => self.collect(event, &mut tags),
            _ => explicit(event, &mut tags),
        }
        self.add_segment(spans, resource, &mut tags);
        tags
    }

    /// The tags of a span below the root.
    pub(super) fn of_span(&self, attributes: &[KeyValue]) -> Tags {
        let mut tags = Tags::default();
        match self {
            Self::AllSpans | Self::Keys(_) => self.collect(attributes, &mut tags),
            Self::Root | Self::None => explicit(attributes, &mut tags),
        }
        tags
    }

    fn collect(&self, attributes: &[KeyValue], tags: &mut Tags) {
        explicit(attributes, tags);
        // The last value of a key counts, and the first tag of a name stays.
        for entry in attributes.iter().rev().filter(|entry| self.takes(&entry.key)) {
            insert(tags, entry.key.clone(), &entry.value);
        }
    }

    fn takes(&self, key: &Key) -> bool {
        match self {
            Self::Root | Self::AllSpans => {
                let key = key.as_str();
                !key.starts_with("tags.") && !is_never(key)
            }
            Self::Keys(keys) => keys.contains(key),
            Self::None => false,
        }
    }
}

fn is_never(key: &str) -> bool {
    let first = |text: &str| text.as_bytes().first().copied();
    let from = NEVER.partition_point(|never| first(never) < first(key));
    let alike = NEVER.iter().skip(from).take_while(|never| first(never) == first(key));
    alike.into_iter().any(|never| begins(key, never))
}

fn begins(key: &str, never: &str) -> bool {
    if never.ends_with('.') { key.starts_with(never) } else { key == never }
}

fn explicit(attributes: &[KeyValue], tags: &mut Tags) {
    for entry in attributes.iter().rev() {
        if let Some(key) = entry.key.as_str().strip_prefix("tags.") {
            insert(tags, Key::from(key.to_owned()), &entry.value);
        }
    }
}

fn insert(tags: &mut Tags, key: Key, value: &Value) {
    match value {
        Value::String(text) => tags.insert(key, text.clone()),
        Value::Bool(true) => tags.insert(key, "true".into()),
        Value::Bool(false) => tags.insert(key, "false".into()),
        Value::I64(number) => tags.insert(key, number.to_string().into()),
        Value::F64(number) => tags.insert(key, number.to_string().into()),
        _ => false,
    };
}

#[cfg(test)]
mod tests {
    use opentelemetry::Array;

    use super::*;

    fn attributes() -> Vec<KeyValue> {
        vec![
            KeyValue::new("http.route", "/a"),
            KeyValue::new("retries", 1),
            KeyValue::new("retries", 2),
            KeyValue::new("ratio", 1.5),
            KeyValue::new("vip", true),
            KeyValue::new("list", Value::Array(Array::I64(vec![1]))),
            KeyValue::new("busy_ns", 10),
            KeyValue::new("code.file.path", "src/main.rs"),
            KeyValue::new("user.id", "7"),
            KeyValue::new("tags.region", "eu"),
            KeyValue::new("targeted", "yes"),
        ]
    }

    fn resource() -> ResourceFields {
        let resource = opentelemetry_sdk::Resource::builder_empty()
            .with_attribute(KeyValue::new("service.name", "shop"))
            .with_attribute(KeyValue::new("k8s.pod.name", "shop-1"))
            .build();
        ResourceFields::of(&resource)
    }

    fn of_segment(policy: &TagPolicy) -> String {
        serde_json::to_string(&policy.of_segment(&[&attributes()], &resource())).unwrap()
    }

    fn of_span(policy: &TagPolicy) -> String {
        serde_json::to_string(&policy.of_span(&attributes())).unwrap()
    }

    #[test]
    fn every_beginning_is_found() {
        for never in NEVER {
            let key = if never.ends_with('.') { format!("{never}x") } else { (*never).to_owned() };
            assert!(is_never(&key), "{key}");
        }
        for key in ["", "a", "busy_nsx", "clients", "http.route", "users", "zone", "é"] {
            assert!(!is_never(key), "{key}");
        }
    }

    #[test]
    fn by_default_single_values_of_the_root_and_the_service_become_tags() {
        let policy = TagPolicy::default();
        let tags = r#"{"region":"eu","targeted":"yes","vip":"true","ratio":"1.5","retries":"2","http.route":"/a","service.name":"shop"}"#;
        assert_eq!(of_segment(&policy), tags);
        assert_eq!(of_span(&policy), r#"{"region":"eu"}"#);
    }

    #[test]
    fn all_spans_can_carry_their_own() {
        let policy = TagPolicy::AllSpans;
        assert!(of_segment(&policy).contains("service.name"));
        let tags = r#"{"region":"eu","targeted":"yes","vip":"true","ratio":"1.5","retries":"2","http.route":"/a"}"#;
        assert_eq!(of_span(&policy), tags);
    }

    #[test]
    fn a_list_of_keys_narrows_and_widens() {
        let policy =
            TagPolicy::Keys(vec!["retries".into(), "user.id".into(), "k8s.pod.name".into()]);
        let tags = r#"{"region":"eu","user.id":"7","retries":"2","k8s.pod.name":"shop-1"}"#;
        assert_eq!(of_segment(&policy), tags);
        assert_eq!(of_span(&policy), r#"{"region":"eu","user.id":"7","retries":"2"}"#);
    }

    #[test]
    fn none_leaves_the_explicit_ones() {
        assert_eq!(of_segment(&TagPolicy::None), r#"{"region":"eu"}"#);
        assert_eq!(of_span(&TagPolicy::None), r#"{"region":"eu"}"#);
    }
}
