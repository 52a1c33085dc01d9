use std::borrow::Cow;

use opentelemetry::StringValue;
use opentelemetry::trace::SpanKind;

use super::facts::Facts;
use super::family::Family;
use crate::protocol::first_chars;
use crate::semconv::Attribute::{self, *};

pub(super) const HTTP_METHOD: &[Attribute] = &[HttpRequestMethod, HttpMethod];
pub(super) const DB: &[Attribute] = &[DbSystemName, DbSystem];
pub(super) const RPC: &[Attribute] = &[RpcSystemName, RpcSystem, RpcService];
pub(super) const DESTINATION: &[Attribute] = &[MessagingDestinationName, MessagingDestination];
const MESSAGING_OPERATION: &[Attribute] =
    &[MessagingOperationType, MessagingOperationName, MessagingOperation];
const GEN_AI: &[Attribute] = &[GenAiProviderName, GenAiSystem];
const GRAPHQL: &[Attribute] = &[
    GraphqlOperationType,
    GraphqlOperationName,
    GraphqlDocument,
    GraphqlSource,
    GraphqlFieldName,
    GraphqlFieldPath,
    GraphqlParentType,
];

/// Families in the order in which they are tried (rules OP-3 and OP-4): what is specific stands
/// before what carries it, except on servers, which are entered by HTTP first.
const SERVER: &[Family] = &[
    Family::Mcp,
    Family::Http,
    Family::Messaging,
    Family::Rpc,
    Family::Faas,
    Family::Graphql,
    Family::GenAi,
    Family::Database,
];
const OTHERS: &[Family] = &[
    Family::GenAi,
    Family::Mcp,
    Family::Messaging,
    Family::Database,
    Family::Http,
    Family::Rpc,
    Family::Graphql,
    Family::Faas,
];

const CACHE_OPS: &[(&str, &str)] = &[
    ("get", "cache.get"),
    ("set", "cache.put"),
    ("put", "cache.put"),
    ("delete", "cache.remove"),
    ("remove", "cache.remove"),
    ("flush", "cache.flush"),
    ("clear", "cache.flush"),
];
const QUEUE_OPS: &[(&str, &str)] = &[
    ("publish", "queue.publish"),
    ("send", "queue.publish"),
    ("create", "queue.create"),
    ("receive", "queue.receive"),
    ("poll", "queue.receive"),
    ("process", "queue.process"),
    ("deliver", "queue.process"),
    ("settle", "queue.settle"),
    ("ack", "queue.settle"),
    ("nack", "queue.settle"),
    ("reject", "queue.settle"),
];
const GRAPHQL_OPS: &[(&str, &str)] = &[
    ("query", "graphql.query"),
    ("mutation", "graphql.mutation"),
    ("subscription", "graphql.subscription"),
];

/// The longest op that Sentry keeps, in chars.
const MAX_CHARS: usize = 128;

/// The `op` of a span and the family behind it (rules OP-1 to OP-12); never the name of the span.
pub(super) fn op(facts: &Facts<'_>, kind: &SpanKind) -> (Option<StringValue>, Option<Family>) {
    let inferred = infer(facts, kind);
    let Some(given) = facts.string(&[SentryOp]) else {
        return match inferred {
            Some((family, op)) => (Some(short(op)), Some(family)),
            None => (None, None),
        };
    };
    // The text of a query must not stand for a key that was looked up.
    let family = match given.starts_with("cache.") {
        true => Some(Family::Cache),
        false => inferred.map(|(family, _)| family),
    };
    (Some(short(owned(given.into()))), family)
}

fn short(op: StringValue) -> StringValue {
    match first_chars(op.as_str(), MAX_CHARS) {
        Some(first) => first.to_owned().into(),
        None => op,
    }
}

fn owned(op: Cow<'_, str>) -> StringValue {
    StringValue::from(op.into_owned())
}

fn infer(facts: &Facts<'_>, kind: &SpanKind) -> Option<(Family, StringValue)> {
    let hinted = facts.hints();
    if hinted.has_no_family() {
        return None;
    }
    if hinted.has(Family::Cache)
        && let Some(op) = cache(facts)
    {
        return Some((Family::Cache, op.into()));
    }
    if let Some(family) = hinted.only_family() {
        return Some((family, family_op(family, facts, kind)?));
    }
    let order = if *kind == SpanKind::Server { SERVER } else { OTHERS };
    let mut order = order.iter().filter(|family| hinted.has(**family));
    order.find_map(|family| Some((*family, family_op(*family, facts, kind)?)))
}

fn family_op(family: Family, facts: &Facts<'_>, kind: &SpanKind) -> Option<StringValue> {
    match family {
        Family::Cache => cache(facts).map(StringValue::from),
        Family::Database => facts.tells(DB).then(|| "db".into()),
        Family::Faas => facts.text(&[FaasTrigger]).map(owned),
        Family::GenAi => gen_ai(facts),
        Family::Graphql => graphql(facts).map(StringValue::from),
        Family::Http => http(facts, kind).map(StringValue::from),
        Family::Mcp => mcp(facts, kind).map(StringValue::from),
        Family::Messaging => messaging(facts, kind).map(StringValue::from),
        Family::Rpc => facts.tells(RPC).then(|| "rpc".into()),
    }
}

fn cache(facts: &Facts<'_>) -> Option<&'static str> {
    let operation =
        facts.text(&[CacheOperation]).and_then(|operation| lookup(CACHE_OPS, &operation));
    operation
        .or_else(|| facts.has(&[CacheHit]).then_some("cache.get"))
        .or_else(|| facts.has(&[CacheKey]).then_some("cache"))
}

fn gen_ai(facts: &Facts<'_>) -> Option<StringValue> {
    match facts.text(&[GenAiOperationName]) {
        Some(operation) => Some(format!("gen_ai.{operation}").into()),
        None => facts.tells(GEN_AI).then(|| "gen_ai".into()),
    }
}

fn graphql(facts: &Facts<'_>) -> Option<&'static str> {
    let kind = facts.text(&[GraphqlOperationType]).and_then(|kind| lookup(GRAPHQL_OPS, &kind));
    kind.or_else(|| facts.has(GRAPHQL).then_some("graphql"))
}

fn http(facts: &Facts<'_>, kind: &SpanKind) -> Option<&'static str> {
    let prefetch = facts.is_true(SentryHttpPrefetch);
    facts.has(HTTP_METHOD).then_some(match (kind, prefetch) {
        (SpanKind::Server, false) => "http.server",
        (SpanKind::Server, true) => "http.server.prefetch",
        (SpanKind::Client, false) => "http.client",
        (SpanKind::Client, true) => "http.client.prefetch",
        (_, false) => "http",
        (_, true) => "http.prefetch",
    })
}

fn mcp(facts: &Facts<'_>, kind: &SpanKind) -> Option<&'static str> {
    let method = facts.text(&[McpMethodName])?;
    match (kind, method.starts_with("notifications/")) {
        (SpanKind::Server, true) => Some("mcp.notification.client_to_server"),
        (SpanKind::Server, false) => Some("mcp.server"),
        (SpanKind::Client, true) => Some("mcp.notification.server_to_client"),
        _ => None,
    }
}

fn messaging(facts: &Facts<'_>, kind: &SpanKind) -> Option<&'static str> {
    let has_destination = facts.tells(MESSAGING_OPERATION) && facts.tells(DESTINATION);
    if !has_destination && !facts.tells(&[MessagingSystem]) {
        return None;
    }
    let by_operation = MESSAGING_OPERATION
        .iter()
        .filter_map(|key| facts.text(&[*key]))
        .find_map(|operation| lookup(QUEUE_OPS, &operation));
    Some(by_operation.unwrap_or(match kind {
        SpanKind::Producer => "queue.publish",
        SpanKind::Consumer => "queue.process",
        _ => "queue",
    }))
}

fn lookup(table: &[(&str, &'static str)], name: &str) -> Option<&'static str> {
    table.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, op)| *op)
}

#[cfg(test)]
mod tests {
    use super::super::hints::Hints;
    use super::*;

    #[test]
    fn what_an_op_is_inferred_from_hints_at_its_family() {
        for (family, attributes) in [
            (Family::Database, DB),
            (Family::GenAi, GEN_AI),
            (Family::Graphql, GRAPHQL),
            (Family::Http, HTTP_METHOD),
            (Family::Messaging, DESTINATION),
            (Family::Messaging, MESSAGING_OPERATION),
            (Family::Rpc, RPC),
        ] {
            for attribute in attributes {
                assert!(Hints::of(*attribute).has(family), "{attribute:?}");
            }
        }
    }
}
