//! Keys that pages of Sentry read, told from what OpenTelemetry says in other words.

use std::time::{SystemTime, UNIX_EPOCH};

use opentelemetry::trace::SpanKind;
use opentelemetry::{KeyValue, Value};
use opentelemetry_sdk::trace::SpanData;

use super::facts::Facts;
use super::family::Family;
use super::status::http_code;
use crate::protocol::{Data, limited};
use crate::scrub::without_user_info;
use crate::semconv::Attribute::{self, *};

/// A key and one that says the same; of several for a key, the first one that is there counts.
type Same = (Attribute, Attribute);

/// Current keys with what stands in for them (rule ATTR-6).
const ALL: &[Same] = &[
    (HttpResponseStatusCode, HttpStatusCode),
    (UrlFull, HttpUrl),
    (RpcResponseStatusCode, RpcGrpcStatusCode),
];

/// The same where the peer is the server.
const ON_CLIENTS: &[Same] = &[(ServerAddress, NetPeerName), (ServerPort, NetPeerPort)];

const DATABASE: &[Same] = &[(DbSystem, DbSystemName)];
const MESSAGING: &[Same] = &[
    (MessagingDestinationName, MessagingDestination),
    (MessagingMessageId, MessagingMessageIdOld),
    (MessagingMessageBodySize, MessagingMessagePayloadSize),
    (MessagingMessageBodySize, MessagingMessagePayloadSizeOld),
    (MessagingMessageBodySize, MessagingMessageEnvelopeSize),
];
const GEN_AI: &[Same] = &[
    (GenAiUsageInputTokens, GenAiUsagePromptTokens),
    (GenAiUsageOutputTokens, GenAiUsageCompletionTokens),
    (GenAiUsageInputTokensCached, GenAiUsageCacheReadInputTokens),
    (GenAiUsageInputTokensCacheWrite, GenAiUsageCacheCreationInputTokens),
    (GenAiUsageOutputTokensReasoning, GenAiUsageReasoningOutputTokens),
];
const MCP: &[Same] = &[
    (McpToolName, GenAiToolName),
    (McpPromptName, GenAiPromptName),
    (McpRequestId, JsonrpcRequestId),
    (McpTransport, NetworkTransport),
];

/// Systems that OpenTelemetry has given another name than the one Sentry knows a dialect by.
const SYSTEMS: &[(&str, &str)] = &[
    ("actian.ingres", "ingres"),
    ("aws.dynamodb", "dynamodb"),
    ("aws.redshift", "redshift"),
    ("azure.cosmosdb", "cosmosdb"),
    ("firebirdsql", "firebird"),
    ("gcp.spanner", "spanner"),
    ("h2database", "h2"),
    ("ibm.db2", "db2"),
    ("microsoft.sql_server", "mssql"),
    ("oracle.db", "oracle"),
    ("sap.hana", "hanadb"),
    ("sap.maxdb", "maxdb"),
];

/// Transports of the Model Context Protocol, by what carries them.
const TRANSPORTS: &[(&str, &str)] = &[("pipe", "stdio"), ("quic", "http"), ("tcp", "http")];

const ENQUEUED: &[Attribute] = &[MessagingServicebusEnqueuedTime, MessagingEventhubsEnqueuedTime];
const DELIVERIES: &[Attribute] =
    &[MessagingServicebusDeliveryCount, MessagingPubsubDeliveryAttempt];

/// Adds what the span says under other keys than those that are read; nothing that it says itself.
pub(super) fn derive(
    span: &SpanData,
    facts: &Facts<'_>,
    family: Option<Family>,
    added: &mut Vec<KeyValue>,
) {
    // Most spans keep to the current keys.
    if facts.hints().has_older() {
        derive_same(ALL, facts, added);
        if span.span_kind == SpanKind::Client {
            derive_same(ON_CLIENTS, facts, added);
        }
    }
    match family {
        Some(Family::Database) => derive_same(DATABASE, facts, added),
        Some(Family::GenAi) => derive_same(GEN_AI, facts, added),
        Some(Family::Mcp) => derive_same(MCP, facts, added),
        Some(Family::Messaging) => {
            derive_same(MESSAGING, facts, added);
            added.extend(latency(span, facts));
            added.extend(retries(facts));
        }
        _ => {}
    }
}

fn derive_same(same: &[Same], facts: &Facts<'_>, added: &mut Vec<KeyValue>) {
    for (key, other) in same {
        let is_told = facts.has(&[*other]) && !facts.has(&[*key]);
        if is_told
            && let Some(value) = facts.value(*other)
            && !added.iter().any(|entry| entry.key.as_str() == key.key())
        {
            added.push(KeyValue::new(key.key(), translated(*key, value, facts)));
        }
    }
}

fn translated(key: Attribute, value: &Value, facts: &Facts<'_>) -> Value {
    match key {
        HttpResponseStatusCode => http_code(facts).map_or_else(|| value.clone(), Value::I64),
        UrlFull => limited(&without_user_info(&value.as_str()), Data::MAX_TEXT_BYTES).into(),
        DbSystem => other_name(SYSTEMS, value),
        McpTransport => other_name(TRANSPORTS, value),
        _ => value.clone(),
    }
}

fn other_name(table: &[(&str, &'static str)], value: &Value) -> Value {
    let name = value.as_str();
    let other = table.iter().find(|(known, _)| *known == name).map(|(_, other)| *other);
    other.map_or_else(|| value.clone(), Value::from)
}

/// How long a message was in its queue, in milliseconds, where the queue says when it came in.
fn latency(span: &SpanData, facts: &Facts<'_>) -> Option<KeyValue> {
    if span.span_kind == SpanKind::Producer || facts.value(MessagingMessageReceiveLatency).is_some()
    {
        return None;
    }
    let enqueued = u64::try_from(facts.integer(ENQUEUED)?).ok().filter(|seconds| *seconds > 0)?;
    let millis = millis(span.start_time)?.checked_sub(enqueued.checked_mul(1000)?)?;
    let millis = i64::try_from(millis).ok()?;
    Some(KeyValue::new(MessagingMessageReceiveLatency.key(), millis))
}

/// How often a message was delivered before this time.
fn retries(facts: &Facts<'_>) -> Option<KeyValue> {
    if facts.value(MessagingMessageRetryCount).is_some() {
        return None;
    }
    let retries = facts.integer(DELIVERIES)?.checked_sub(1).filter(|retries| *retries >= 0)?;
    Some(KeyValue::new(MessagingMessageRetryCount.key(), retries))
}

fn millis(time: SystemTime) -> Option<u64> {
    u64::try_from(time.duration_since(UNIX_EPOCH).ok()?.as_millis()).ok()
}

#[cfg(test)]
mod tests {
    use super::super::hints::Hints;
    use super::*;

    #[test]
    fn what_spans_of_any_family_may_have_is_known_as_older() {
        for (_, other) in [ALL, ON_CLIENTS].concat() {
            assert!(Hints::of(other).has_older(), "{other:?}");
        }
    }
}
