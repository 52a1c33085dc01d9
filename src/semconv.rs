//! The attribute keys that decide something, current and deprecated names side by side.
//!
//! Which key stands in for which is said where it is used, as a list of them: the first one with a
//! usable value counts.

/// Declares the known attributes once: as names for the rules and as texts for the lookup.
macro_rules! attributes {
    ($($name:ident = $key:literal,)+) => {
        /// An attribute that the mapping reads.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum Attribute {
            $($name,)+
        }

        impl Attribute {
            pub(crate) const COUNT: usize = [$($key),+].len();

            pub(crate) fn from_key(key: &str) -> Option<Self> {
                match key {
                    $($key => Some(Self::$name),)+
                    _ => None,
                }
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
    CacheHit = "cache.hit",
    CacheKey = "cache.key",
    CacheOperation = "cache.operation",
    ClientAddress = "client.address",
    CodeFilepath = "code.filepath",
    CodeFilePath = "code.file.path",
    CodeLineno = "code.lineno",
    CodeLineNumber = "code.line.number",
    CodeModuleName = "code.module.name",
    CodeNamespace = "code.namespace",
    DbQuerySummary = "db.query.summary",
    DbQueryText = "db.query.text",
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
