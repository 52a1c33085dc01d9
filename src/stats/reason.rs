use std::fmt;

/// Why something was not delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum DropReason {
    /// A hook of the application took it out, see
    /// [`with_before_send`](crate::SentrySpanExporterBuilder::with_before_send).
    BeforeSend,
    /// Its file in the spool could not be read.
    Corrupt,
    /// A copy of the span had come before.
    Duplicate,
    /// It waited in the spool longer than it may.
    Expired,
    /// A hook of the application panicked while it had it.
    HookPanicked,
    /// A rule of the application says that it is not worth sending, see
    /// [`with_ignored_transactions`](crate::SentrySpanExporterBuilder::with_ignored_transactions).
    Ignored,
    /// Mapping or a transport of the application failed in a way it must not.
    Internal,
    /// The trace or span id was zero.
    InvalidId,
    /// There is no DSN; Spotlight alone was given a copy.
    NoDsn,
    /// Its file in the spool is for another DSN and stays there.
    OtherDestination,
    /// The span started more than 5 days ago or ended in the future; Sentry would refuse it.
    OutsideTimeWindow,
    /// The span describes a request to the server that spans are sent to.
    OwnTraffic,
    /// Memory for what waits to be sent was full.
    QueueFull,
    /// Sentry had asked to be sent no more of this.
    RateLimited,
    /// The server answered, but did not accept.
    Refused,
    /// `with_sampling` had decided against the segment.
    Sampled,
    /// The exporter was shut down before it could be delivered.
    ShutDown,
    /// The spool was full, or could not be written to; `last_error` says why.
    SpoolFull,
    /// The transaction was larger than Sentry takes, with all texts shortened.
    TooLarge,
    /// A segment, or a minute, had more errors than are sent.
    TooManyErrors,
    /// The server could not be reached.
    Unreachable,
    /// The router named no project for it, and there was none for the rest; see
    /// [`with_router`](crate::SentrySpanExporterBuilder::with_router).
    Unrouted,
    /// The sampler had decided against the span.
    Unsampled,
}

impl DropReason {
    /// The reason in the words of Sentry's client reports; none for what Sentry need not be told.
    ///
    /// <https://develop.sentry.dev/sdk/telemetry/client-reports/>
    pub(crate) fn reported_as(self) -> Option<&'static str> {
        match self {
            Self::Duplicate
            | Self::NoDsn
            | Self::OtherDestination
            | Self::OwnTraffic
            | Self::Unrouted
            | Self::Unsampled => None,
            Self::BeforeSend => Some("before_send"),
            Self::HookPanicked => Some("callback_error"),
            Self::Ignored => Some("ignored"),
            Self::Corrupt | Self::Internal => Some("internal_sdk_error"),
            Self::InvalidId | Self::OutsideTimeWindow => Some("invalid"),
            Self::QueueFull | Self::ShutDown => Some("queue_overflow"),
            Self::RateLimited => Some("ratelimit_backoff"),
            Self::Refused => Some("send_error"),
            Self::Sampled => Some("sample_rate"),
            Self::TooLarge | Self::TooManyErrors => Some("buffer_overflow"),
            Self::SpoolFull => Some("cache_overflow"),
            Self::Expired | Self::Unreachable => Some("network_error"),
        }
    }

    /// Whether the application itself decided so, which is no trouble to tell of.
    pub(crate) fn is_wanted(self) -> bool {
        matches!(self, Self::BeforeSend | Self::Ignored | Self::Sampled | Self::Unsampled)
    }

    pub(crate) fn describe(self) -> &'static str {
        match self {
            Self::BeforeSend => "a hook of the application took it out",
            Self::Corrupt => "its file in the spool could not be read",
            Self::Duplicate => "the same span had come before",
            Self::Expired => "it waited in the spool longer than it may",
            Self::HookPanicked => "a hook of the application panicked",
            Self::Ignored => "a rule of the application ignores it",
            Self::Internal => "it could not be mapped or sent because of an internal error",
            Self::InvalidId => "the trace or span id is zero",
            Self::NoDsn => "there is no DSN; only Spotlight gets a copy",
            Self::OtherDestination => "its file in the spool is for another DSN and stays there",
            Self::OutsideTimeWindow => "it is older than 5 days or ends in the future",
            Self::OwnTraffic => "it describes a request to the server that spans are sent to",
            Self::QueueFull => "the queue is full; see with_queue_bytes",
            Self::RateLimited => "Sentry asked for a pause (rate limit or quota)",
            Self::Refused => "the server did not accept it",
            Self::Sampled => "with_sampling decided against it",
            Self::ShutDown => "the exporter was shut down before it could be delivered",
            Self::SpoolFull => "the spool is full or cannot be written to",
            Self::TooLarge => "it is larger than Sentry takes",
            Self::TooManyErrors => "a segment, or a minute, had more errors than are sent",
            Self::Unreachable => "the server could not be reached",
            Self::Unrouted => "no route of with_router is for it",
            Self::Unsampled => "the sampler decided against it",
        }
    }
}

impl fmt::Display for DropReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.describe())
    }
}
