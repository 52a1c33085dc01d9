//! Sentry's own SDK in the same process: one trace, and each error once.

mod capture;
#[cfg(feature = "sentry")]
mod integration;
mod registry;
#[cfg(feature = "sentry")]
mod transport;

pub(crate) use self::capture::Capture;
#[cfg(test)]
pub(crate) use self::capture::Said;
#[cfg(feature = "sentry")]
pub use self::integration::SentryIntegration;
pub(crate) use self::registry::Registry;
