use sentry_types::Dsn;

use super::continuation::Continuation;

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
}
