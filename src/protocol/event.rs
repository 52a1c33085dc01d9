use std::collections::BTreeMap;

use sentry_types::protocol::v7::{
    ClientSdkInfo, Context, DebugMeta, Event, Exception, Mechanism, MechanismMeta,
};
use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::Value;

use super::Timestamp;
use super::json::Field;

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
        map.serialize_entry(&Field("event_id"), &event_id.as_simple())?;
        map.serialize_entry(&Field("level"), level)?;
        map.serialize_entry(&Field("platform"), platform)?;
        map.serialize_entry(&Field("timestamp"), &Timestamp::from(*timestamp))?;
        if !matches!(&**fingerprint, [one] if matches!(&**one, "{{ default }}" | "{{default}}")) {
            map.serialize_entry(&Field("fingerprint"), fingerprint)?;
        }
        optional(&mut map, "culprit", culprit.as_ref())?;
        optional(&mut map, "transaction", transaction.as_ref())?;
        optional(&mut map, "message", message.as_ref())?;
        optional(&mut map, "logentry", logentry.as_ref())?;
        optional(&mut map, "logger", logger.as_ref())?;
        optional(&mut map, "modules", Some(modules).filter(|it| !it.is_empty()))?;
        optional(&mut map, "server_name", server_name.as_ref())?;
        optional(&mut map, "release", release.as_ref())?;
        optional(&mut map, "dist", dist.as_ref())?;
        optional(&mut map, "environment", environment.as_ref())?;
        optional(&mut map, "user", user.as_ref())?;
        optional(&mut map, "request", request.as_ref())?;
        optional(&mut map, "stacktrace", stacktrace.as_ref())?;
        optional(&mut map, "template", template.as_ref())?;
        optional(&mut map, "threads", Some(threads).filter(|it| !it.is_empty()))?;
        optional(&mut map, "tags", Some(tags).filter(|it| !it.is_empty()))?;
        optional(&mut map, "extra", Some(extra).filter(|it| !it.is_empty()))?;
        let debug_meta = Some(debug_meta).filter(|it| ***it != DebugMeta::default());
        optional(&mut map, "debug_meta", debug_meta)?;
        optional(&mut map, "sdk", sdk.as_deref().map(Sdk))?;
        if !contexts.is_empty() {
            map.serialize_entry(&Field("contexts"), &Contexts(contexts))?;
        }
        if !exception.is_empty() {
            map.serialize_entry(&Field("exception"), &Exceptions(&exception.values))?;
        }
        optional(&mut map, "breadcrumbs", Some(breadcrumbs).filter(|it| !it.is_empty()))?;
        map.end()
    }
}

impl Serialize for Sdk<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let ClientSdkInfo { name, version, integrations, packages } = self.0;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry(&Field("name"), name)?;
        map.serialize_entry(&Field("version"), version)?;
        optional(&mut map, "integrations", Some(integrations).filter(|it| !it.is_empty()))?;
        optional(&mut map, "packages", Some(packages).filter(|it| !it.is_empty()))?;
        map.serialize_entry(&Field("settings"), &BTreeMap::from([("infer_ip", "never")]))?;
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
        map.serialize_entry(&Field("values"), &Chain(self.0))?;
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
        map.serialize_entry(&Field("type"), ty)?;
        optional(&mut map, "value", value.as_ref())?;
        optional(&mut map, "module", module.as_ref())?;
        optional(&mut map, "thread_id", thread_id.as_ref())?;
        match (self.1, mechanism) {
            (Some(id), mechanism) => {
                let placed = PlacedMechanism(mechanism.as_ref(), id);
                map.serialize_entry(&Field("mechanism"), &placed)?;
            }
            (None, mechanism) => optional(&mut map, "mechanism", mechanism.as_ref())?,
        }
        optional(&mut map, "stacktrace", stacktrace.as_ref())?;
        optional(&mut map, "raw_stacktrace", raw_stacktrace.as_ref())?;
        map.end()
    }
}

impl Serialize for PlacedMechanism<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self(mechanism, id) = self;
        let mut map = serializer.serialize_map(None)?;
        match mechanism {
            Some(Mechanism { ty, description, help_link, handled, synthetic, data, meta }) => {
                map.serialize_entry(&Field("type"), ty)?;
                optional(&mut map, "description", description.as_ref())?;
                optional(&mut map, "help_link", help_link.as_ref())?;
                optional(&mut map, "handled", handled.as_ref())?;
                optional(&mut map, "synthetic", synthetic.as_ref())?;
                optional(&mut map, "data", Some(data).filter(|it| !it.is_empty()))?;
                let meta = Some(meta).filter(|it| **it != MechanismMeta::default());
                optional(&mut map, "meta", meta)?;
            }
            None => map.serialize_entry(&Field("type"), "chained")?,
        }
        map.serialize_entry(&Field("exception_id"), id)?;
        if let Some(parent) = id.checked_sub(1) {
            map.serialize_entry(&Field("parent_id"), &parent)?;
            map.serialize_entry(&Field("source"), "source")?;
        }
        map.end()
    }
}

fn optional<M: SerializeMap>(
    map: &mut M,
    key: &'static str,
    value: Option<impl Serialize>,
) -> Result<(), M::Error> {
    value.map_or(Ok(()), |value| map.serialize_entry(&Field(key), &value))
}
