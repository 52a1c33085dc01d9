use std::collections::BTreeMap;

use sentry_types::protocol::v7::{
    ClientSdkInfo, Context, DebugMeta, Event, Exception, Mechanism, MechanismMeta,
};
use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::Value;

use super::Timestamp;
use super::frames::StacktraceJson;
use super::key::field;
use super::optional::optional;
use super::sdk::SETTINGS;

/// An error event as it is sent, with what `sentry-types` cannot express put in.
///
/// That is: the level where it is `error`, the place of an exception in its chain, and that the
/// address of the sender is nobody's.
#[derive(Debug)]
pub(crate) struct EventJson<'a>(pub(crate) &'a Event<'static>);

struct Sdk<'a>(&'a ClientSdkInfo);

struct Contexts<'a>(&'a BTreeMap<String, Context>);

/// A context without a type of its own.
struct Untyped<'a>(&'a BTreeMap<String, Value>);

struct Exceptions<'a>(&'a [Exception]);

struct Chain<'a>(&'a [Exception]);

/// An exception and its place in the chain, if there are others: 0 is the outermost, which stands
/// last.
///
/// <https://develop.sentry.dev/sdk/foundations/data-model/event-payloads/exception/>
struct Link<'a>(&'a Exception, Option<usize>);

struct PlacedMechanism<'a>(Option<&'a Mechanism>, usize);

impl Serialize for EventJson<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Event {
            event_id,
            level,
            fingerprint,
            culprit,
            transaction,
            message,
            logentry,
            logger,
            modules,
            platform,
            timestamp,
            server_name,
            release,
            dist,
            environment,
            user,
            request,
            contexts,
            breadcrumbs,
            exception,
            stacktrace,
            template,
            threads,
            tags,
            extra,
            debug_meta,
            sdk,
        } = self.0;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry(&field!("event_id"), &event_id.as_simple())?;
        map.serialize_entry(&field!("level"), level)?;
        map.serialize_entry(&field!("platform"), platform)?;
        map.serialize_entry(&field!("timestamp"), &Timestamp::from(*timestamp))?;
        if !matches!(&**fingerprint, [one] if matches!(&**one, "{{ default }}" | "{{default}}")) {
            map.serialize_entry(&field!("fingerprint"), fingerprint)?;
        }
        optional(&mut map, field!("culprit"), culprit.as_ref())?;
        optional(&mut map, field!("transaction"), transaction.as_ref())?;
        optional(&mut map, field!("message"), message.as_ref())?;
        optional(&mut map, field!("logentry"), logentry.as_ref())?;
        optional(&mut map, field!("logger"), logger.as_ref())?;
        optional(&mut map, field!("modules"), Some(modules).filter(|it| !it.is_empty()))?;
        optional(&mut map, field!("server_name"), server_name.as_ref())?;
        optional(&mut map, field!("release"), release.as_ref())?;
        optional(&mut map, field!("dist"), dist.as_ref())?;
        optional(&mut map, field!("environment"), environment.as_ref())?;
        optional(&mut map, field!("user"), user.as_ref())?;
        optional(&mut map, field!("request"), request.as_ref())?;
        optional(&mut map, field!("stacktrace"), stacktrace.as_ref())?;
        optional(&mut map, field!("template"), template.as_ref())?;
        optional(&mut map, field!("threads"), Some(threads).filter(|it| !it.is_empty()))?;
        optional(&mut map, field!("tags"), Some(tags).filter(|it| !it.is_empty()))?;
        optional(&mut map, field!("extra"), Some(extra).filter(|it| !it.is_empty()))?;
        let debug_meta = Some(debug_meta).filter(|it| ***it != DebugMeta::default());
        optional(&mut map, field!("debug_meta"), debug_meta)?;
        optional(&mut map, field!("sdk"), sdk.as_deref().map(Sdk))?;
        if !contexts.is_empty() {
            map.serialize_entry(&field!("contexts"), &Contexts(contexts))?;
        }
        if !exception.is_empty() {
            map.serialize_entry(&field!("exception"), &Exceptions(&exception.values))?;
        }
        optional(&mut map, field!("breadcrumbs"), Some(breadcrumbs).filter(|it| !it.is_empty()))?;
        map.end()
    }
}

impl Serialize for Sdk<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let ClientSdkInfo { name, version, integrations, packages } = self.0;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry(&field!("name"), name)?;
        map.serialize_entry(&field!("version"), version)?;
        optional(&mut map, field!("integrations"), Some(integrations).filter(|it| !it.is_empty()))?;
        optional(&mut map, field!("packages"), Some(packages).filter(|it| !it.is_empty()))?;
        map.serialize_entry(&field!("settings"), &SETTINGS)?;
        map.end()
    }
}

impl Serialize for Contexts<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for (name, context) in self.0 {
            match context {
                Context::Other(fields) => map.serialize_entry(name, &Untyped(fields))?,
                context => map.serialize_entry(name, context)?,
            }
        }
        map.end()
    }
}

impl Serialize for Untyped<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let fields = self.0.iter();
        serializer.collect_map(fields.filter(|(key, value)| *key != "type" || *value != "unknown"))
    }
}

impl Serialize for Exceptions<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry(&field!("values"), &Chain(self.0))?;
        map.end()
    }
}

impl Serialize for Chain<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            [alone] => serializer.collect_seq([Link(alone, None)]),
            all => {
                let places = (0..all.len()).rev();
                serializer.collect_seq(all.iter().zip(places).map(|(it, id)| Link(it, Some(id))))
            }
        }
    }
}

impl Serialize for Link<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Exception { ty, value, module, stacktrace, raw_stacktrace, thread_id, mechanism } =
            self.0;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry(&field!("type"), ty)?;
        optional(&mut map, field!("value"), value.as_ref())?;
        optional(&mut map, field!("module"), module.as_ref())?;
        optional(&mut map, field!("thread_id"), thread_id.as_ref())?;
        match (self.1, mechanism) {
            (Some(id), mechanism) => {
                let placed = PlacedMechanism(mechanism.as_ref(), id);
                map.serialize_entry(&field!("mechanism"), &placed)?;
            }
            (None, mechanism) => optional(&mut map, field!("mechanism"), mechanism.as_ref())?,
        }
        optional(&mut map, field!("stacktrace"), stacktrace.as_ref().map(StacktraceJson))?;
        optional(&mut map, field!("raw_stacktrace"), raw_stacktrace.as_ref().map(StacktraceJson))?;
        map.end()
    }
}

impl Serialize for PlacedMechanism<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self(mechanism, id) = self;
        let mut map = serializer.serialize_map(None)?;
        match mechanism {
            Some(Mechanism { ty, description, help_link, handled, synthetic, data, meta }) => {
                map.serialize_entry(&field!("type"), ty)?;
                optional(&mut map, field!("description"), description.as_ref())?;
                optional(&mut map, field!("help_link"), help_link.as_ref())?;
                optional(&mut map, field!("handled"), handled.as_ref())?;
                optional(&mut map, field!("synthetic"), synthetic.as_ref())?;
                optional(&mut map, field!("data"), Some(data).filter(|it| !it.is_empty()))?;
                let meta = Some(meta).filter(|it| **it != MechanismMeta::default());
                optional(&mut map, field!("meta"), meta)?;
            }
            None => map.serialize_entry(&field!("type"), "chained")?,
        }
        map.serialize_entry(&field!("exception_id"), id)?;
        if let Some(parent) = id.checked_sub(1) {
            map.serialize_entry(&field!("parent_id"), &parent)?;
            map.serialize_entry(&field!("source"), "source")?;
        }
        map.end()
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use sentry_types::protocol::v7::{
        Breadcrumb, CError, DeviceContext, Frame, Level, LogEntry, OtelContext, Request,
        Stacktrace, SystemSdkInfo, TemplateInfo, Thread, ThreadId, TraceContext, User,
    };
    use serde_json::json;

    use super::*;
    use crate::protocol::json::to_json;
    use crate::protocol::sdk::client_sdk;

    fn written(event: &Event<'static>) -> Value {
        serde_json::from_slice(&to_json(&EventJson(event)).unwrap()).unwrap()
    }

    fn trace() -> Option<Stacktrace> {
        let frame = Frame { function: Some("load".into()), lineno: Some(7), ..Frame::default() };
        Some(Stacktrace { frames: vec![frame], ..Stacktrace::default() })
    }

    fn exception(mechanism: Option<Mechanism>) -> Exception {
        Exception {
            ty: "Sold".into(),
            value: Some("gone".into()),
            module: Some("shop".into()),
            stacktrace: trace(),
            raw_stacktrace: trace(),
            thread_id: Some(ThreadId::from(7)),
            mechanism,
        }
    }

    fn mechanism() -> Mechanism {
        Mechanism {
            ty: "panic".into(),
            description: Some("a panic".into()),
            help_link: Some("https://example.com/".parse().unwrap()),
            handled: Some(false),
            synthetic: Some(true),
            data: BTreeMap::from([("a".into(), 1.into())]),
            meta: MechanismMeta { errno: Some(CError::from(2)), ..MechanismMeta::default() },
        }
    }

    /// An event with something in each of its fields.
    fn full() -> Event<'static> {
        let timestamp = UNIX_EPOCH + Duration::from_millis(1500);
        let other = BTreeMap::from([("name".to_owned(), Value::from("rustc"))]);
        let contexts = [
            ("device", Context::from(DeviceContext::default())),
            (
                "otel",
                Context::from(OtelContext { attributes: other.clone(), ..Default::default() }),
            ),
            ("rust", Context::Other(other)),
            ("trace", Context::from(TraceContext::default())),
        ];
        Event {
            event_id: sentry_types::Uuid::from_u128(7),
            level: Level::Error,
            fingerprint: vec!["a".into(), "{{ default }}".into()].into(),
            culprit: Some("culprit".into()),
            transaction: Some("GET /".into()),
            message: Some("message".into()),
            logentry: Some(LogEntry { message: "entry".into(), params: vec![1.into()] }),
            logger: Some("shop".into()),
            modules: BTreeMap::from([("serde".into(), "1.0.0".into())]),
            platform: "native".into(),
            timestamp,
            server_name: Some("host".into()),
            release: Some("shop@1".into()),
            dist: Some("7".into()),
            environment: Some("test".into()),
            user: Some(User { id: Some("7".into()), ..User::default() }),
            request: Some(Request { method: Some("GET".into()), ..Request::default() }),
            contexts: contexts.map(|(name, context)| (name.to_owned(), context)).into(),
            breadcrumbs: vec![Breadcrumb { timestamp, ..Breadcrumb::default() }].into(),
            exception: vec![exception(Some(mechanism()))].into(),
            stacktrace: trace(),
            template: Some(TemplateInfo { lineno: Some(7), ..TemplateInfo::default() }),
            threads: vec![Thread { crashed: true, ..Thread::default() }].into(),
            tags: BTreeMap::from([("a".into(), "b".into())]),
            extra: BTreeMap::from([("a".into(), json!({"b": null}))]),
            debug_meta: std::borrow::Cow::Owned(DebugMeta {
                sdk_info: Some(SystemSdkInfo {
                    sdk_name: "iOS".into(),
                    version_major: 1,
                    version_minor: 2,
                    version_patchlevel: 3,
                }),
                images: Vec::new(),
            }),
            sdk: Some(client_sdk()),
        }
    }

    #[test]
    fn an_event_is_written_as_its_type_is_but_for_what_that_cannot_tell() {
        let event = full();
        let mut expected = serde_json::to_value(&event).unwrap();
        assert!(expected.get("level").is_none());
        expected["level"] = json!("error");
        expected["sdk"]["settings"] = json!({"infer_ip": "never"});
        let rust = expected["contexts"]["rust"].as_object_mut().unwrap();
        assert_eq!(rust.remove("type"), Some(json!("unknown")));
        assert_eq!(written(&event), expected);
        assert_eq!(expected.as_object().unwrap().len(), 27, "each field once");
    }

    #[test]
    fn what_is_empty_is_not_written() {
        let event = Event { timestamp: UNIX_EPOCH, ..Event::default() };
        let json = written(&event);
        let keys: Vec<&str> = json.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(keys.len(), 4, "{keys:?}");
        for key in ["event_id", "level", "platform", "timestamp"] {
            assert!(keys.contains(&key), "{key}");
        }
    }

    #[test]
    fn each_exception_of_a_chain_has_its_id_and_that_of_its_parent() {
        let chain = vec![exception(None), exception(Some(mechanism()))];
        let json = written(&Event { exception: chain.into(), ..full() });
        let mechanisms = ["/exception/values/0/mechanism", "/exception/values/1/mechanism"]
            .map(|pointer| json.pointer(pointer).unwrap().clone());
        let mut outermost = serde_json::to_value(mechanism()).unwrap();
        outermost["exception_id"] = json!(0);
        let cause =
            json!({"type": "chained", "exception_id": 1, "parent_id": 0, "source": "source"});
        assert_eq!(mechanisms, [cause, outermost]);
    }
}
