//! What the services of a trace tell each other and Sentry about it.

mod dynamic_sampling;

pub(crate) use dynamic_sampling::TraceHead;
