//! Tells the library which compiler it is built by, for the context `rust` of errors.

use std::env;
use std::process::Command;

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    let compiler = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let said = Command::new(compiler).arg("--version").output();
    let said = said.map(|said| String::from_utf8_lossy(&said.stdout).into_owned());
    // `rustc 1.89.0-nightly (hash date)`; of anything else no version is told.
    let said = said.unwrap_or_default();
    let version = said.strip_prefix("rustc ").and_then(|rest| rest.split_whitespace().next());
    println!("cargo:rustc-env=BUILT_BY_RUSTC={}", version.unwrap_or_default());
}
