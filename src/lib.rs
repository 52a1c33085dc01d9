//! placeholder

#![deny(missing_docs)]
#![cfg_attr(docsrs, feature(doc_cfg))]
#![warn(unreachable_pub)]
#![cfg_attr(
    not(test),
    deny(
        clippy::arithmetic_side_effects,
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::panic,
        clippy::string_slice,
        clippy::todo,
        clippy::unimplemented,
        clippy::unreachable,
        clippy::unwrap_used
    )
)]

mod builder;
mod client;
mod dsn;
mod environment;
mod error;
mod exporter;
pub mod mapping;
mod propagation;
pub mod protocol;
mod scrub;
pub mod segment;
mod semconv;
mod stats;
#[cfg(feature = "testing")]
pub mod testing;
pub mod transport;
mod worker;

pub use builder::SentrySpanExporterBuilder;
pub use error::BuildError;
pub use exporter::SentrySpanExporter;
pub use mapping::TagPolicy;
pub use stats::{DropReason, Stats};
