//! Which segments are sent, decided when they are whole.
//!
//! The decision falls at the end of a segment, so it can see errors, durations and attributes, and
//! it sees them all: the sampler of the provider must be `AlwaysOn`, because a span that it turns
//! down never comes here. See [`Sampling`].

mod decision;
mod policy;
mod rule;
mod sampler;
mod settings;
mod share;

pub use decision::Decision;
pub use rule::Rule;
pub(crate) use sampler::Sampler;
pub use settings::Sampling;
pub(crate) use share::{number, told, told_rate};
