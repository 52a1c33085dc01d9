//! What the examples share: a receiver that stands in for Sentry, and a way to show what came.
#![allow(dead_code, unused_imports, reason = "each example uses a part of it")]

pub mod arrivals;
pub mod envelope;
pub mod outline;
pub mod process;
pub mod project;
pub mod receiver;

pub use project::{Project, compare};

pub type Error = Box<dyn std::error::Error + Send + Sync>;
pub type Result<T = (), E = Error> = std::result::Result<T, E>;
