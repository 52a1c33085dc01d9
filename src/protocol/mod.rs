//! The wire structs of Sentry that `sentry-types` lacks or would get rejected.
//!
//! Errors use [`Event`] of `sentry-types`, which stands here again with its parts. Transactions have structs of their own: the
//! ones of `sentry-types` know no `transaction_info`, no origin, links or measurements on spans,
//! and write start and end of a span in two encodings, which loses transactions on the server.
//! Everything here is owned and has public fields, so that a hook or a test can read and change
//! it, and is written straight to JSON by its [`serde::Serialize`] implementation.

mod choice;
mod compression;
mod data;
mod deflater;
mod entries;
mod envelope;
mod event;
mod fit;
mod frames;
mod hex;
mod json;
mod key;
mod letterhead;
mod limit;
mod list;
#[cfg(feature = "logs")]
mod log;
mod optional;
mod plain;
mod quoted;
mod sdk;
mod seen;
mod span;
mod span_v2;
mod tags;
mod texts;
mod timestamp;
mod trace_header;
mod transaction;
mod tree;
mod typed;

pub use choice::Protocol;
pub use compression::Compression;
pub use data::Data;
#[cfg(feature = "logs")]
pub use log::{Log, LogLevel};
pub use span::{Link, Span, TraceContext};
pub use tags::Tags;
pub use timestamp::Timestamp;
pub use transaction::{Context, Measurement, Transaction, TransactionSource};

pub use sentry_types::protocol::v7::{
    Breadcrumb, Context as EventContext, Event, Exception, Frame, Level, LogEntry, Mechanism,
    Request, SpanStatus, Stacktrace, User, Values,
};

pub(crate) use data::json_value;
pub(crate) use deflater::Deflater;
pub(crate) use envelope::{Deflated, Parts};
pub(crate) use envelope::{Envelope, Item, ItemKind, report_envelope};
pub(crate) use event::EventJson;
pub(crate) use fit::{fit_links, json_len, most_bytes};
pub(crate) use json::{to_json, write_json};
pub(crate) use letterhead::{Dated, Letterhead, sent_at};
pub(crate) use limit::{
    MAX_NAME_CHARS, NUMBER_BYTES, first_chars, is_legal_key, legal_len, limit, limited, shorten,
    shortened,
};
#[cfg(feature = "logs")]
pub(crate) use log::Logs;
pub(crate) use plain::is_all_plain;
pub(crate) use sdk::{CLIENT, client_sdk};
pub(crate) use sdk::{NAME, PLATFORM, VERSION};
pub(crate) use seen::{MANY, Seen};
pub(crate) use span_v2::{SpanV2, Spans};
pub(crate) use texts::{has_nul, limit_texts};
pub(crate) use trace_header::{TraceHeader, TraceKey};
pub(crate) use tree::retain_spans;

/// What Relay takes as one event or transaction, in bytes of JSON.
///
/// <https://develop.sentry.dev/sdk/foundations/transport/envelopes/#size-limits>
pub const MAX_ITEM_BYTES: usize = 1024 * 1024;

/// How many spans besides its root a transaction may hold.
pub const MAX_SPANS: usize = 1000;
