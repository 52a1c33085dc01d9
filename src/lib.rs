//! placeholder
#![allow(dead_code, unused_imports)]
pub mod mapping;
pub mod protocol;
mod scrub;
pub mod segment;
mod semconv;
pub use mapping::TagPolicy;
