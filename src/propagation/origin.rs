use std::sync::Arc;

use opentelemetry::StringValue;
use sentry_types::Dsn;

use super::continuation::Continuation;
use crate::protocol::{TraceHeader, TraceKey};

/// What a trace header says of the project that it is sent to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Origin {
    pub(super) public_key: StringValue,
    pub(super) org_id: Option<StringValue>,
}

impl Origin {
    /// That of a DSN; the organization that is set wins over the one that the host names.
    pub(crate) fn of(dsn: &Dsn, continuation: Continuation) -> Self {
        let org_id = continuation.or_host(dsn.host()).org_id.as_deref().map(shared);
        Self { public_key: shared(dsn.public_key()), org_id }
    }

    /// The header of a trace that began here, as this project is told it.
    pub(super) fn on(&self, header: TraceHeader) -> TraceHeader {
        let header = header.with(TraceKey::PublicKey, self.public_key.clone());
        match &self.org_id {
            Some(org_id) => header.with(TraceKey::OrgId, org_id.clone()),
            None => header.without(TraceKey::OrgId),
        }
    }
}

/// A text that is copied without a copy of its bytes.
fn shared(text: &str) -> StringValue {
    StringValue::from(Arc::<str>::from(text))
}
