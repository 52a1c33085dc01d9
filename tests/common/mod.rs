//! What the tests share.
#![allow(dead_code)]

pub mod act;
pub mod answer;
pub mod carrier;
pub mod envelope;
pub mod place;
pub mod proxy;
pub mod recorder;
pub mod sentry;
pub mod server;
pub mod spans;
pub mod telemetry;
pub mod tls;
pub mod watchdog;
