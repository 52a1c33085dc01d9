//! What the tests share: spans with fixed ids and times.
#![allow(dead_code)]

pub mod spans;
