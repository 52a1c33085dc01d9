use opentelemetry::Value;
use opentelemetry::trace::Status;
use opentelemetry_sdk::trace::SpanData;
use sentry_types::protocol::v7::SpanStatus;

use super::facts::{Facts, integer};
use crate::semconv::Attribute::{self, *};

const HTTP_STATUS: &[Attribute] = &[HttpResponseStatusCode, HttpStatusCode];
const RPC_STATUS: &[Attribute] = &[RpcResponseStatusCode, RpcGrpcStatusCode, RpcConnectErrorCode];

/// gRPC's statuses, by number (rule STAT-6), with the names that they go by.
const GRPC: [(&str, SpanStatus); 17] = [
    ("ok", SpanStatus::Ok),
    ("cancelled", SpanStatus::Cancelled),
    ("unknown", SpanStatus::UnknownError),
    ("invalid_argument", SpanStatus::InvalidArgument),
    ("deadline_exceeded", SpanStatus::DeadlineExceeded),
    ("not_found", SpanStatus::NotFound),
    ("already_exists", SpanStatus::AlreadyExists),
    ("permission_denied", SpanStatus::PermissionDenied),
    ("resource_exhausted", SpanStatus::ResourceExhausted),
    ("failed_precondition", SpanStatus::FailedPrecondition),
    ("aborted", SpanStatus::Aborted),
    ("out_of_range", SpanStatus::OutOfRange),
    ("unimplemented", SpanStatus::Unimplemented),
    ("internal_error", SpanStatus::InternalError),
    ("unavailable", SpanStatus::Unavailable),
    ("data_loss", SpanStatus::DataLoss),
    ("unauthenticated", SpanStatus::Unauthenticated),
];

/// Further names for the same.
const ALIASES: [(&str, SpanStatus); 4] = [
    ("canceled", SpanStatus::Cancelled),
    ("internal", SpanStatus::InternalError),
    ("timeout", SpanStatus::DeadlineExceeded),
    ("unknown_error", SpanStatus::UnknownError),
];

/// Whether a span has an error status.
pub(super) fn has_error(span: &SpanData) -> bool {
    matches!(span.status, Status::Error { .. })
}

/// What an error status says: its description, else which span it is of.
pub(super) fn status_text(span: &SpanData) -> &str {
    match &span.status {
        Status::Error { description } if !description.trim().is_empty() => description,
        _ => &span.name,
    }
}

/// How a span ended, in Sentry's words (rules STAT-1 to STAT-6).
pub(super) fn status(status: &Status, facts: &Facts<'_>) -> SpanStatus {
    match status {
        Status::Ok => SpanStatus::Ok,
        Status::Unset => derived(facts).unwrap_or(SpanStatus::Ok),
        Status::Error { description } => canonical(description)
            .or_else(|| derived(facts).filter(is_error))
            .or_else(|| error_type(facts))
            .unwrap_or(SpanStatus::InternalError),
    }
}

/// The status that a code of HTTP stands for (rule STAT-5); none for what is no code.
pub(super) fn http(code: i64) -> Option<SpanStatus> {
    Some(match code {
        ..=0 => return None,
        100..=399 => SpanStatus::Ok,
        401 => SpanStatus::Unauthenticated,
        403 => SpanStatus::PermissionDenied,
        404 => SpanStatus::NotFound,
        409 => SpanStatus::AlreadyExists,
        413 => SpanStatus::FailedPrecondition,
        429 => SpanStatus::ResourceExhausted,
        499 => SpanStatus::Cancelled,
        400..=498 => SpanStatus::InvalidArgument,
        501 => SpanStatus::Unimplemented,
        503 => SpanStatus::Unavailable,
        504 => SpanStatus::DeadlineExceeded,
        500..=599 => SpanStatus::InternalError,
        _ => SpanStatus::UnknownError,
    })
}

/// The HTTP status code that a span carries.
pub(super) fn http_code(facts: &Facts<'_>) -> Option<i64> {
    HTTP_STATUS.iter().filter_map(|key| facts.integer(&[*key])).find(|code| *code > 0)
}

/// A description that is the name of an error status, in either case of letters.
fn canonical(description: &str) -> Option<SpanStatus> {
    let name = description.trim().to_ascii_lowercase();
    let unknown = (name == "unknown_error").then_some(SpanStatus::UnknownError);
    named(&GRPC, &name).or(unknown).filter(is_error)
}

fn derived(facts: &Facts<'_>) -> Option<SpanStatus> {
    let http = http_code(facts).and_then(http);
    let grpc = RPC_STATUS.iter().filter_map(|key| facts.value(*key)).find_map(grpc);
    match (http, grpc) {
        (Some(http), _) if is_error(&http) => Some(http),
        (_, Some(grpc)) if is_error(&grpc) => Some(grpc),
        (http, grpc) => http.or(grpc),
    }
}

/// The status that a code of gRPC stands for, by number or name; none for an empty text.
fn grpc(value: &Value) -> Option<SpanStatus> {
    if let Some(code) = integer(value) {
        let known = usize::try_from(code).ok().and_then(|code| GRPC.get(code));
        return Some(known.map_or(SpanStatus::UnknownError, |(_, status)| *status));
    }
    match value {
        Value::String(name) if name.as_str().trim().is_empty() => None,
        Value::String(name) => Some(by_name(name.as_str()).unwrap_or(SpanStatus::UnknownError)),
        _ => None,
    }
}

fn error_type(facts: &Facts<'_>) -> Option<SpanStatus> {
    let name = facts.text(&[ErrorType])?;
    match name.parse() {
        Ok(code) => http(code).filter(is_error),
        Err(_) => by_name(&name).filter(is_error),
    }
}

fn by_name(name: &str) -> Option<SpanStatus> {
    let name = name.trim().to_ascii_lowercase();
    named(&GRPC, &name).or_else(|| named(&ALIASES, &name))
}

fn named(table: &[(&str, SpanStatus)], name: &str) -> Option<SpanStatus> {
    table.iter().find(|(known, _)| *known == name).map(|(_, status)| *status)
}

pub(super) fn is_error(status: &SpanStatus) -> bool {
    *status != SpanStatus::Ok
}
