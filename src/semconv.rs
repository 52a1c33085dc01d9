//! The attribute keys that decide something, current and deprecated names side by side, and those
//! that many spans have, so that there is nothing to find out about them.
//!
//! Which key stands in for which is said where it is used, as a list of them: the first one with a
//! usable value counts.

/// Declares the known attributes once: as names for the rules and as texts for the lookup.
macro_rules! attributes {
    ($($name:ident = $key:literal,)+) => {
        /// An attribute that is known.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum Attribute {
            $($name,)+
        }

        impl Attribute {
            pub(crate) const KEYS: &[&'static str] = &[$($key),+];
            pub(crate) const COUNT: usize = Self::KEYS.len();

            pub(crate) fn from_key(key: &str) -> Option<Self> {
                match key {
                    $($key => Some(Self::$name),)+
                    _ => None,
                }
            }

            /// What an entry is.
            pub(crate) fn of(entry: &opentelemetry::KeyValue) -> Option<Self> {
                Self::from_key(entry.key.as_str())
            }

            pub(crate) const fn key(self) -> &'static str {
                match self {
                    $(Self::$name => $key,)+
                }
            }
        }
    };
}

attributes! {
    BusyNs = "busy_ns",
    CacheHit = "cache.hit",
    CacheKey = "cache.key",
    CacheOperation = "cache.operation",
    ClientAddress = "client.address",
    CodeColumn = "code.column",
    CodeColumnNumber = "code.column.number",
    CodeFilepath = "code.filepath",
    CodeFilePath = "code.file.path",
    CodeFunction = "code.function",
    CodeFunctionName = "code.function.name",
    CodeLineno = "code.lineno",
    CodeLineNumber = "code.line.number",
    CodeModuleName = "code.module.name",
    CodeNamespace = "code.namespace",
    DbCollectionName = "db.collection.name",
    DbName = "db.name",
    DbNamespace = "db.namespace",
    DbOperation = "db.operation",
    DbOperationName = "db.operation.name",
    DbQuerySummary = "db.query.summary",
    DbQueryText = "db.query.text",
    DbResponseReturnedRows = "db.response.returned_rows",
    DbStatement = "db.statement",
    DbSystem = "db.system",
    DbSystemName = "db.system.name",
    EnduserId = "enduser.id",
    Error = "error",
    ErrorType = "error.type",
    ExceptionEscaped = "exception.escaped",
    ExceptionMessage = "exception.message",
    ExceptionStacktrace = "exception.stacktrace",
    ExceptionType = "exception.type",
    FaasTrigger = "faas.trigger",
    GenAiOperationName = "gen_ai.operation.name",
    GenAiPromptName = "gen_ai.prompt.name",
    GenAiProviderName = "gen_ai.provider.name",
    GenAiSystem = "gen_ai.system",
    GenAiToolName = "gen_ai.tool.name",
    GenAiUsageCacheCreationInputTokens = "gen_ai.usage.cache_creation.input_tokens",
    GenAiUsageCacheReadInputTokens = "gen_ai.usage.cache_read.input_tokens",
    GenAiUsageCompletionTokens = "gen_ai.usage.completion_tokens",
    GenAiUsageInputTokens = "gen_ai.usage.input_tokens",
    GenAiUsageInputTokensCached = "gen_ai.usage.input_tokens.cached",
    GenAiUsageInputTokensCacheWrite = "gen_ai.usage.input_tokens.cache_write",
    GenAiUsageOutputTokens = "gen_ai.usage.output_tokens",
    GenAiUsageOutputTokensReasoning = "gen_ai.usage.output_tokens.reasoning",
    GenAiUsagePromptTokens = "gen_ai.usage.prompt_tokens",
    GenAiUsageReasoningOutputTokens = "gen_ai.usage.reasoning.output_tokens",
    GraphqlDocument = "graphql.document",
    GraphqlFieldName = "graphql.field.name",
    GraphqlFieldPath = "graphql.field.path",
    GraphqlOperationName = "graphql.operation.name",
    GraphqlOperationType = "graphql.operation.type",
    GraphqlParentType = "graphql.parentType",
    GraphqlSource = "graphql.source",
    HttpClientIp = "http.client_ip",
    HttpHost = "http.host",
    HttpMethod = "http.method",
    HttpRequestBodySize = "http.request.body.size",
    HttpRequestMethod = "http.request.method",
    HttpResponseBodySize = "http.response.body.size",
    HttpResponseContentLength = "http.response_content_length",
    HttpResponseStatusCode = "http.response.status_code",
    HttpRoute = "http.route",
    HttpScheme = "http.scheme",
    HttpStatusCode = "http.status_code",
    HttpTarget = "http.target",
    HttpUrl = "http.url",
    HttpUserAgent = "http.user_agent",
    IdleNs = "idle_ns",
    JsonrpcRequestId = "jsonrpc.request.id",
    Level = "level",
    McpMethodName = "mcp.method.name",
    McpPromptName = "mcp.prompt.name",
    McpRequestId = "mcp.request.id",
    McpToolName = "mcp.tool.name",
    McpTransport = "mcp.transport",
    MessagingDestination = "messaging.destination",
    MessagingDestinationName = "messaging.destination.name",
    MessagingEventhubsEnqueuedTime = "messaging.eventhubs.message.enqueued_time",
    MessagingMessageBodySize = "messaging.message.body.size",
    MessagingMessageEnvelopeSize = "messaging.message.envelope.size",
    MessagingMessageId = "messaging.message.id",
    MessagingMessageIdOld = "messaging.message_id",
    MessagingMessagePayloadSize = "messaging.message.payload_size_bytes",
    MessagingMessagePayloadSizeOld = "messaging.message_payload_size_bytes",
    MessagingMessageReceiveLatency = "messaging.message.receive.latency",
    MessagingMessageRetryCount = "messaging.message.retry.count",
    MessagingOperation = "messaging.operation",
    MessagingOperationName = "messaging.operation.name",
    MessagingOperationType = "messaging.operation.type",
    MessagingPubsubDeliveryAttempt = "messaging.gcp_pubsub.message.delivery_attempt",
    MessagingServicebusDeliveryCount = "messaging.servicebus.message.delivery_count",
    MessagingServicebusEnqueuedTime = "messaging.servicebus.message.enqueued_time",
    MessagingSystem = "messaging.system",
    NetHostName = "net.host.name",
    NetHostPort = "net.host.port",
    NetPeerName = "net.peer.name",
    NetPeerPort = "net.peer.port",
    NetworkPeerAddress = "network.peer.address",
    NetworkPeerPort = "network.peer.port",
    NetworkProtocolName = "network.protocol.name",
    NetworkProtocolVersion = "network.protocol.version",
    NetworkTransport = "network.transport",
    RpcConnectErrorCode = "rpc.connect_rpc.error_code",
    RpcGrpcStatusCode = "rpc.grpc.status_code",
    RpcMethod = "rpc.method",
    RpcResponseStatusCode = "rpc.response.status_code",
    RpcService = "rpc.service",
    RpcSystem = "rpc.system",
    RpcSystemName = "rpc.system.name",
    SentryCustomSpanName = "sentry.custom_span_name",
    SentryDescription = "sentry.description",
    SentryEnvironment = "sentry.environment",
    SentryFingerprint = "sentry.fingerprint",
    SentryGraphqlOperation = "sentry.graphql.operation",
    SentryHttpPrefetch = "sentry.http.prefetch",
    SentryLevel = "sentry.level",
    SentryMeasurementUnit = "sentry.measurement_unit",
    SentryMeasurementValue = "sentry.measurement_value",
    SentryName = "sentry.name",
    SentryOp = "sentry.op",
    SentryOrigin = "sentry.origin",
    SentryProfileId = "sentry.profile_id",
    SentryProfilerId = "sentry.profiler_id",
    SentryRelease = "sentry.release",
    SentrySampleRate = "sentry.sample_rate",
    SentrySegmentName = "sentry.segment.name",
    SentrySegmentNameSource = "sentry.segment.name.source",
    SentrySource = "sentry.source",
    SentrySpanSource = "sentry.span.source",
    SentryTransaction = "sentry.transaction",
    ServerAddress = "server.address",
    ServerPort = "server.port",
    Target = "target",
    ThreadId = "thread.id",
    ThreadName = "thread.name",
    UrlFragment = "url.fragment",
    UrlFull = "url.full",
    UrlPath = "url.path",
    UrlQuery = "url.query",
    UrlScheme = "url.scheme",
    UrlTemplate = "url.template",
    UserAgentOriginal = "user_agent.original",
    UserEmail = "user.email",
    UserFullName = "user.full_name",
    UserId = "user.id",
    UserName = "user.name",
}

#[cfg(test)]
mod tests {
    use opentelemetry_semantic_conventions::attribute;

    use super::*;

    /// What OpenTelemetry's conventions know today.
    const CURRENT: &[&str] = &[
        attribute::CLIENT_ADDRESS,
        attribute::CODE_COLUMN_NUMBER,
        attribute::CODE_FILE_PATH,
        attribute::CODE_FUNCTION_NAME,
        attribute::CODE_LINE_NUMBER,
        attribute::DB_COLLECTION_NAME,
        attribute::DB_NAMESPACE,
        attribute::DB_OPERATION_NAME,
        attribute::DB_QUERY_SUMMARY,
        attribute::DB_QUERY_TEXT,
        attribute::DB_RESPONSE_RETURNED_ROWS,
        attribute::DB_SYSTEM_NAME,
        attribute::ENDUSER_ID,
        attribute::ERROR_TYPE,
        attribute::EXCEPTION_MESSAGE,
        attribute::EXCEPTION_STACKTRACE,
        attribute::EXCEPTION_TYPE,
        attribute::FAAS_TRIGGER,
        attribute::GRAPHQL_DOCUMENT,
        attribute::GRAPHQL_OPERATION_NAME,
        attribute::GRAPHQL_OPERATION_TYPE,
        attribute::HTTP_REQUEST_BODY_SIZE,
        attribute::HTTP_REQUEST_METHOD,
        attribute::HTTP_RESPONSE_BODY_SIZE,
        attribute::HTTP_RESPONSE_STATUS_CODE,
        attribute::HTTP_ROUTE,
        attribute::JSONRPC_REQUEST_ID,
        attribute::MESSAGING_DESTINATION_NAME,
        attribute::MESSAGING_EVENTHUBS_MESSAGE_ENQUEUED_TIME,
        attribute::MESSAGING_GCP_PUBSUB_MESSAGE_DELIVERY_ATTEMPT,
        attribute::MESSAGING_MESSAGE_BODY_SIZE,
        attribute::MESSAGING_MESSAGE_ENVELOPE_SIZE,
        attribute::MESSAGING_MESSAGE_ID,
        attribute::MESSAGING_OPERATION_NAME,
        attribute::MESSAGING_OPERATION_TYPE,
        attribute::MESSAGING_SERVICEBUS_MESSAGE_DELIVERY_COUNT,
        attribute::MESSAGING_SERVICEBUS_MESSAGE_ENQUEUED_TIME,
        attribute::MESSAGING_SYSTEM,
        attribute::NETWORK_PEER_ADDRESS,
        attribute::NETWORK_PEER_PORT,
        attribute::NETWORK_PROTOCOL_NAME,
        attribute::NETWORK_PROTOCOL_VERSION,
        attribute::NETWORK_TRANSPORT,
        attribute::RPC_METHOD,
        attribute::RPC_RESPONSE_STATUS_CODE,
        attribute::RPC_SYSTEM_NAME,
        attribute::SERVER_ADDRESS,
        attribute::SERVER_PORT,
        attribute::THREAD_ID,
        attribute::THREAD_NAME,
        attribute::URL_FRAGMENT,
        attribute::URL_FULL,
        attribute::URL_PATH,
        attribute::URL_QUERY,
        attribute::URL_SCHEME,
        attribute::URL_TEMPLATE,
        attribute::USER_AGENT_ORIGINAL,
        attribute::USER_EMAIL,
        attribute::USER_FULL_NAME,
        attribute::USER_ID,
        attribute::USER_NAME,
    ];

    /// What they knew once and still list.
    #[allow(deprecated)]
    const DEPRECATED: &[&str] = &[
        attribute::CODE_COLUMN,
        attribute::CODE_FILEPATH,
        attribute::CODE_FUNCTION,
        attribute::CODE_LINENO,
        attribute::CODE_NAMESPACE,
        attribute::DB_NAME,
        attribute::DB_OPERATION,
        attribute::DB_STATEMENT,
        attribute::DB_SYSTEM,
        attribute::EXCEPTION_ESCAPED,
        attribute::GEN_AI_OPERATION_NAME,
        attribute::GEN_AI_PROMPT_NAME,
        attribute::GEN_AI_PROVIDER_NAME,
        attribute::GEN_AI_SYSTEM,
        attribute::GEN_AI_TOOL_NAME,
        attribute::GEN_AI_USAGE_CACHE_CREATION_INPUT_TOKENS,
        attribute::GEN_AI_USAGE_CACHE_READ_INPUT_TOKENS,
        attribute::GEN_AI_USAGE_COMPLETION_TOKENS,
        attribute::GEN_AI_USAGE_INPUT_TOKENS,
        attribute::GEN_AI_USAGE_OUTPUT_TOKENS,
        attribute::GEN_AI_USAGE_PROMPT_TOKENS,
        attribute::GEN_AI_USAGE_REASONING_OUTPUT_TOKENS,
        attribute::HTTP_CLIENT_IP,
        attribute::HTTP_HOST,
        attribute::HTTP_METHOD,
        attribute::HTTP_RESPONSE_CONTENT_LENGTH,
        attribute::HTTP_SCHEME,
        attribute::HTTP_STATUS_CODE,
        attribute::HTTP_TARGET,
        attribute::HTTP_URL,
        attribute::HTTP_USER_AGENT,
        attribute::MCP_METHOD_NAME,
        attribute::MESSAGING_OPERATION,
        attribute::NET_HOST_NAME,
        attribute::NET_HOST_PORT,
        attribute::NET_PEER_NAME,
        attribute::NET_PEER_PORT,
        attribute::RPC_CONNECT_RPC_ERROR_CODE,
        attribute::RPC_GRPC_STATUS_CODE,
        attribute::RPC_SERVICE,
        attribute::RPC_SYSTEM,
    ];

    /// What Sentry reads on its own, besides `sentry.*`.
    const OF_SENTRY: &[&str] = &[
        "cache.hit",
        "cache.key",
        "cache.operation",
        "gen_ai.usage.input_tokens.cache_write",
        "gen_ai.usage.input_tokens.cached",
        "gen_ai.usage.output_tokens.reasoning",
        "mcp.prompt.name",
        "mcp.request.id",
        "mcp.tool.name",
        "mcp.transport",
        "messaging.message.receive.latency",
        "messaging.message.retry.count",
    ];

    /// What they knew before they kept a list, and what libraries write all the same.
    const OF_OTHERS: &[&str] = &[
        "busy_ns",
        "code.module.name",
        "error",
        "graphql.field.name",
        "graphql.field.path",
        "graphql.parentType",
        "graphql.source",
        "idle_ns",
        "level",
        "messaging.destination",
        "messaging.message.payload_size_bytes",
        "messaging.message_id",
        "messaging.message_payload_size_bytes",
        "target",
    ];

    #[test]
    fn every_key_is_one_that_somebody_writes() {
        let known = [CURRENT, DEPRECATED, OF_SENTRY, OF_OTHERS].concat();
        let is_known = |key: &&&str| known.contains(*key) || key.starts_with("sentry.");
        let unknown: Vec<_> = Attribute::KEYS.iter().filter(|key| !is_known(key)).collect();
        assert!(unknown.is_empty(), "{unknown:?}");
        let unread: Vec<_> = known.iter().filter(|key| !Attribute::KEYS.contains(key)).collect();
        assert!(unread.is_empty(), "{unread:?}");
    }

    #[test]
    fn every_key_is_found_as_itself() {
        for key in Attribute::KEYS {
            assert_eq!(Attribute::from_key(key).map(Attribute::key), Some(*key));
        }
        for other in ["http.request.method ", "Server.Port", ""] {
            assert_eq!(Attribute::from_key(other), None, "{other}");
        }
    }
}
