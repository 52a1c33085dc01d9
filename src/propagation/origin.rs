use sentry_types::Dsn;

use super::continuation::Continuation;
use crate::protocol::{TraceHeader, TraceKey};

/// What a trace header says of the project that it is sent to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Origin {
    pub(super) public_key: String,
    pub(super) org_id: Option<String>,
}

impl Origin {
    /// That of a DSN; the organization that is set wins over the one that the host names.
    pub(crate) fn of(dsn: &Dsn, continuation: Continuation) -> Self {
        let org_id = continuation.or_host(dsn.host()).org_id;
        Self { public_key: dsn.public_key().to_owned(), org_id }
    }

    /// The header of a trace that began here, as this project is told it.
    pub(super) fn on(&self, header: TraceHeader) -> TraceHeader {
        let header = header.with(TraceKey::PublicKey, self.public_key.as_str());
        match &self.org_id {
            Some(org_id) => header.with(TraceKey::OrgId, org_id.as_str()),
            None => header.without(TraceKey::OrgId),
        }
    }
}
