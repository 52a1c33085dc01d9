use std::borrow::Cow;

use opentelemetry::trace::SpanKind;
use opentelemetry::{Array, StringValue, Value};

use super::facts::Facts;
use super::family::Family;
use super::op::{DESTINATION, HTTP_METHOD};
use super::url::{SplitUrl, is_default_port, path};
use crate::protocol::{MAX_NAME_CHARS, TransactionSource as Source, first_chars};
use crate::semconv::Attribute::{self, *};

pub(super) const FULL_URL: &[Attribute] = &[UrlFull, HttpUrl];
const HOST: &[Attribute] = &[ServerAddress, NetPeerName, HttpHost];
const PORT: &[Attribute] = &[ServerPort, NetPeerPort];
const SCHEME: &[Attribute] = &[UrlScheme, HttpScheme];
const TARGET: &[Attribute] = &[UrlPath, HttpTarget];
const GIVEN_CHILD: &[Attribute] = &[SentryDescription, SentryCustomSpanName, SentryName];
const GIVEN_ROOT: &[Attribute] =
    &[SentrySegmentName, SentryTransaction, SentryCustomSpanName, SentryName];
const GIVEN_SOURCE: &[Attribute] = &[SentrySegmentNameSource, SentrySpanSource, SentrySource];

/// What a transaction without any name is called by Sentry.
const UNLABELED: &str = "<unlabeled transaction>";

/// What the rules of naming look at.
#[derive(Clone, Copy, Debug)]
pub(super) struct Named<'a, 'f> {
    pub(super) facts: &'f Facts<'a>,
    /// The full URL, where it is told.
    pub(super) url: Option<&'f SplitUrl<'f>>,
    pub(super) kind: &'f SpanKind,
    pub(super) name: &'a str,
    pub(super) family: Option<Family>,
    pub(super) op: Option<&'f str>,
}

impl<'a> Named<'a, '_> {
    /// The description of a span that is not the root of its segment.
    pub(super) fn description(&self) -> Cow<'a, str> {
        if let Some(given) = self.facts.string(GIVEN_CHILD) {
            return given.into();
        }
        if self.given_source() == Some(Source::Custom) {
            return self.or_labeled(self.name.into());
        }
        let inferred = match self.family {
            Some(Family::Database) => self.facts.text(&[DbQueryText, DbStatement, DbQuerySummary]),
            Some(Family::Cache) => self.facts.value(CacheKey).map(joined),
            Some(Family::Messaging) => self.facts.text(DESTINATION),
            Some(family) => self.common(family).map(|(name, _)| name),
            None => None,
        };
        self.or_labeled(inferred.unwrap_or(self.name.into()))
    }

    /// The name of a transaction and where it comes from, for the root of a segment.
    pub(super) fn transaction(&self) -> (Cow<'a, str>, Source) {
        let source = self.given_source();
        if let Some(given) = self.facts.string(GIVEN_ROOT) {
            return (short(given.into()), source.unwrap_or_default());
        }
        if source == Some(Source::Custom) {
            return (short(self.or_labeled(self.name.into())), Source::Custom);
        }
        let own = || Cow::Borrowed(self.name);
        let (name, inferred) = match self.family {
            Some(Family::Database) => {
                (self.facts.text(&[DbQuerySummary]).unwrap_or_else(own), Source::Task)
            }
            Some(Family::Messaging) => (own(), Source::Task),
            Some(Family::Faas)
                if self.facts.text(&[FaasTrigger]).is_some_and(|is| is == "http") =>
            {
                (own(), Source::Route)
            }
            Some(Family::Faas) => (own(), Source::Task),
            Some(family) => self.common(family).unwrap_or((own(), Source::Custom)),
            None => (own(), Source::Custom),
        };
        (short(self.or_labeled(name)), source.unwrap_or(inferred))
    }

    /// Names that are the same for roots and children.
    fn common(&self, family: Family) -> Option<(Cow<'a, str>, Source)> {
        match family {
            Family::Http => self.http(),
            Family::Rpc if self.name.is_empty() => {
                let parts = [RpcService, RpcMethod].map(|key| self.facts.text(&[key]));
                let parts: Vec<_> = parts.into_iter().flatten().collect();
                Some((parts.join("/").into(), Source::Route))
            }
            Family::Rpc => Some((self.name.into(), Source::Route)),
            _ => None,
        }
    }

    fn http(&self) -> Option<(Cow<'a, str>, Source)> {
        let facts = self.facts;
        let automatic =
            || facts.text(&[SentryOrigin]).is_some_and(|origin| origin.starts_with("auto"));
        let (target, source) = match self.kind {
            SpanKind::Server => self.server_target(),
            SpanKind::Client => self.client_target(),
            _ if automatic() => self.client_target(),
            _ => return None,
        }
        .or_else(|| self.route_in_name())?;
        let method = match facts.text(HTTP_METHOD) {
            Some(method) if method != "_OTHER" => method,
            _ => "HTTP".into(),
        };
        let source = if target == "/" { Source::Route } else { source };
        let operations = self.graphql_operations();
        Some(([&*method, " ", &target, &operations].concat().into(), source))
    }

    fn server_target(&self) -> Option<(Cow<'_, str>, Source)> {
        let facts = self.facts;
        let route = facts.text(&[HttpRoute, UrlTemplate]).map(|route| (route, Source::Route));
        route
            .or_else(|| facts.text(TARGET).map(|target| (path_of(target), Source::Url)))
            .or_else(|| self.base_url())
    }

    fn client_target(&self) -> Option<(Cow<'_, str>, Source)> {
        let facts = self.facts;
        let route = facts.text(&[HttpRoute]).map(|route| (route, Source::Route));
        route
            .or_else(|| self.base_url())
            .or_else(|| self.composed_url().map(|url| (url, Source::Url)))
            .or_else(|| facts.text(&[UrlTemplate]).map(|template| (template, Source::Route)))
            .or_else(|| facts.text(TARGET).map(|target| (path_of(target), Source::Url)))
    }

    fn base_url(&self) -> Option<(Cow<'_, str>, Source)> {
        Some((self.url?.base.as_ref().into(), Source::Url))
    }

    fn composed_url(&self) -> Option<Cow<'a, str>> {
        let host = bracketed(self.facts.text(HOST)?);
        let target = self.facts.text(TARGET).map(path_of).unwrap_or_default();
        let scheme = self.facts.text(SCHEME);
        let port = match self.facts.text(PORT) {
            Some(port) => Some(port),
            None => host
                .rsplit_once(':')
                .filter(|(_, port)| {
                    !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit())
                })
                .map(|(_, port)| port.to_owned().into()),
        };
        let bare = match &port {
            Some(port) => host.strip_suffix(port.as_ref()).and_then(|host| host.strip_suffix(':')),
            None => None,
        }
        .unwrap_or(&host);
        let is_default = |port: &str| match &scheme {
            Some(scheme) => is_default_port(scheme, port),
            None => port == "80" || port == "443",
        };
        let port = port
            .filter(|port| !is_default(port))
            .map(|port| format!(":{port}"))
            .unwrap_or_default();
        let scheme = scheme.map(|scheme| format!("{scheme}://")).unwrap_or_default();
        Some(format!("{scheme}{bare}{port}{target}").into())
    }

    /// In older conventions the name of an HTTP span was its route (rule NAME-5b).
    fn route_in_name(&self) -> Option<(Cow<'_, str>, Source)> {
        let is_template = self.name.contains(['{', '<', '*']) || self.name.contains("/:");
        let source = if is_template { Source::Route } else { Source::Url };
        self.name.starts_with('/').then(|| (path(self.name).into(), source))
    }

    fn graphql_operations(&self) -> String {
        const SHOWN: usize = 5;
        let names = match self.facts.value(SentryGraphqlOperation) {
            Some(Value::Array(Array::String(names))) => {
                let mut names: Vec<_> = names.iter().map(StringValue::as_str).collect();
                names.sort_unstable();
                let more = names.len().saturating_sub(SHOWN);
                names.truncate(SHOWN);
                let shown = names.join(", ");
                if more > 0 { format!("{shown}, +{more}") } else { shown }
            }
            _ => self
                .facts
                .text(&[SentryGraphqlOperation, GraphqlOperationName])
                .unwrap_or_default()
                .into_owned(),
        };
        if names.is_empty() { names } else { format!(" ({names})") }
    }

    fn given_source(&self) -> Option<Source> {
        GIVEN_SOURCE.iter().filter_map(|key| self.facts.string(&[*key])).find_map(Source::from_name)
    }

    fn or_labeled(&self, name: Cow<'a, str>) -> Cow<'a, str> {
        match (name.is_empty(), self.op) {
            (false, _) => name,
            (true, Some(op)) => op.to_owned().into(),
            (true, None) => UNLABELED.into(),
        }
    }
}

/// A host as it stands in a URL, where an address of IPv6 has brackets.
fn bracketed(host: Cow<'_, str>) -> Cow<'_, str> {
    let is_bare = host.matches(':').nth(1).is_some() && !host.starts_with('[');
    if is_bare { format!("[{host}]").into() } else { host }
}

fn path_of(target: Cow<'_, str>) -> Cow<'_, str> {
    match target {
        Cow::Borrowed(target) => path(target).into(),
        Cow::Owned(target) => path(&target).to_owned().into(),
    }
}

fn joined(value: &Value) -> Cow<'_, str> {
    match value {
        Value::Array(Array::String(keys)) => {
            keys.iter().map(StringValue::as_str).collect::<Vec<_>>().join(", ").into()
        }
        value => value.as_str(),
    }
}

/// A name as Sentry keeps it: no blanks around it, no NUL, not too long.
fn short(name: Cow<'_, str>) -> Cow<'_, str> {
    let is_legal = |name: &str| {
        let fits = first_chars(name, MAX_NAME_CHARS).is_none();
        fits && name.trim().len() == name.len() && !name.contains(char::is_control)
    };
    let name = if is_legal(&name) { name } else { line(&name).into() };
    if name.is_empty() { UNLABELED.into() } else { name }
}

fn line(name: &str) -> String {
    let line: String =
        name.chars().map(|char| if char.is_control() { ' ' } else { char }).collect();
    let cut: String = line.trim().chars().take(MAX_NAME_CHARS).collect();
    cut.trim_end().to_owned()
}
