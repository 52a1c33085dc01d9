//! What the tests share.
#![allow(dead_code)]

pub mod answer;
pub mod envelope;
pub mod recorder;
pub mod sentry;
pub mod server;
pub mod spans;
pub mod telemetry;
pub mod watchdog;
