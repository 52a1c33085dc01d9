use std::time::SystemTime;

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::Timestamp;
use super::quoted::quoted;

/// What the headers of all envelopes for a project begin with: the time of sending and its DSN.
#[derive(Clone)]
pub(crate) struct Letterhead {
    /// As a field of JSON behind another one; empty where there is no DSN.
    dsn: Vec<u8>,
}

/// The begin of a header; other fields have to follow.
pub(crate) struct Dated(Vec<u8>);

impl Dated {
    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl Letterhead {
    /// That of a DSN, which is empty where there is none.
    pub(crate) fn of(dsn: &str) -> Self {
        let mut field = Vec::new();
        if !dsn.is_empty() {
            field.extend_from_slice(b",\"dsn\":");
            quoted(&mut field, dsn);
        }
        Self { dsn: field }
    }

    /// The begin of the headers of all that is sent now.
    pub(crate) fn dated(&self, now: SystemTime) -> Dated {
        Dated([b"{\"sent_at\":\"", sent_at(now).as_bytes(), b"\"", &self.dsn].concat())
    }
}

/// The time as RFC 3339 in UTC.
pub(crate) fn sent_at(now: SystemTime) -> String {
    let micros = i128::from(Timestamp::from(now).as_micros());
    OffsetDateTime::from_unix_timestamp_nanos(micros.saturating_mul(1000))
        .ok()
        .and_then(|time| time.format(&Rfc3339).ok())
        .unwrap_or_default()
}
