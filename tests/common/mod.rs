//! What the tests share.
#![allow(dead_code)]

pub mod answer;
pub mod envelope;
pub mod proxy;
pub mod sentry;
pub mod server;
pub mod spans;
pub mod telemetry;
pub mod tls;
pub mod watchdog;
