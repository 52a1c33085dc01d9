use std::collections::BTreeMap;
use std::env::consts::{ARCH, OS};

use sentry_types::protocol::v7::Context;

/// The version of the compiler; empty if it is not known.
const RUSTC: &str = match option_env!("BUILT_BY_RUSTC") {
    Some(version) => version,
    None => "",
};

/// What the kernel says of itself, which only the machine at hand knows.
#[derive(Clone, Debug, Default)]
pub(crate) struct Kernel {
    pub(crate) release: Option<String>,
    pub(crate) version: Option<String>,
}

/// Adds what the program was built for and by what, as Sentry's SDK for Rust does, as far as the
/// resource says nothing of it.
pub(super) fn describe(contexts: &mut BTreeMap<String, Context>, kernel: &Kernel) {
    add(contexts, "device", &[("arch", ARCH)]);
    // What a resource says of a system is not mixed with what is known of this one.
    if !contexts.contains_key("os") {
        let told = [("version", &kernel.release), ("kernel_version", &kernel.version)];
        let told = told.iter().filter_map(|(key, text)| Some((*key, text.as_deref()?)));
        add(contexts, "os", &Vec::from_iter(told.chain([("name", os(OS))])));
    }
    if !RUSTC.is_empty() {
        let rust = [("name", "rustc"), ("version", RUSTC), ("channel", channel(RUSTC))];
        add(contexts, "rust", &rust);
    }
}

fn add(contexts: &mut BTreeMap<String, Context>, name: &str, fields: &[(&str, &str)]) {
    let context =
        contexts.entry(name.to_owned()).or_insert_with(|| Context::Other(BTreeMap::new()));
    if let Context::Other(map) = context {
        for (key, text) in fields {
            map.entry((*key).to_owned()).or_insert_with(|| (*text).into());
        }
    }
}

/// The name by which Sentry knows it.
fn os(name: &str) -> &str {
    match name {
        "android" => "Android",
        "freebsd" => "FreeBSD",
        "ios" => "iOS",
        "linux" => "Linux",
        "macos" => "macOS",
        "netbsd" => "NetBSD",
        "openbsd" => "OpenBSD",
        "windows" => "Windows",
        other => other,
    }
}

fn channel(version: &str) -> &'static str {
    match version.split_once('-').map(|(_, channel)| channel) {
        None => "stable",
        Some(channel) if channel.starts_with("beta") => "beta",
        Some(channel) if channel.starts_with("nightly") => "nightly",
        Some(_) => "dev",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn described(given: &[(&str, &str, &str)]) -> serde_json::Value {
        let mut contexts = BTreeMap::new();
        for (name, key, text) in given {
            add(&mut contexts, name, &[(key, text)]);
        }
        let kernel = Kernel { release: Some("6.1".into()), version: Some("#1 SMP".into()) };
        describe(&mut contexts, &kernel);
        serde_json::to_value(&contexts).unwrap()
    }

    #[test]
    fn an_error_says_on_what_it_happened() {
        let contexts = described(&[]);
        assert_eq!(
            (&contexts["device"]["arch"], &contexts["os"]["name"]),
            (&ARCH.into(), &os(OS).into())
        );
        assert_eq!(
            (&contexts["os"]["version"], &contexts["os"]["kernel_version"]),
            (&"6.1".into(), &"#1 SMP".into())
        );
        assert_eq!(contexts["rust"]["name"], "rustc");
        let version = contexts["rust"]["version"].as_str().unwrap();
        let numbers = version.split(['.', '-']).take(3);
        assert!(numbers.map(str::parse::<u32>).all(|number| number.is_ok()), "{version}");
    }

    #[test]
    fn what_the_resource_says_wins() {
        let contexts = described(&[("device", "arch", "arm64"), ("os", "name", "Plan 9")]);
        assert_eq!(contexts["device"]["arch"], "arm64");
        assert_eq!(contexts["os"]["name"], "Plan 9");
        assert!(contexts["os"].get("version").is_none());
    }

    #[test]
    fn a_version_tells_its_channel() {
        let channels = ["1.95.0", "1.96.0-beta.3", "1.97.0-nightly", "1.97.0-dev"].map(channel);
        assert_eq!(channels, ["stable", "beta", "nightly", "dev"]);
    }
}
