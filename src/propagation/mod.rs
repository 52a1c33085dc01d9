//! What the services of a trace tell each other and Sentry about it.

mod baggage;
mod continuation;
mod dynamic_sampling;
mod inherited;
mod member;
mod origin;
mod propagator;
mod received;
mod registry;
mod sampler;
mod sampling;
mod sampling_context;
mod sentry_trace;

pub use propagator::SentryPropagator;
pub use sampler::SentrySampler;

pub(crate) use continuation::Continuation;
pub(crate) use dynamic_sampling::TraceHead;
pub(crate) use origin::Origin;
pub(crate) use registry::{Service, TraceRegistry};
