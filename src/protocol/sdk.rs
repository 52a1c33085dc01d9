use std::borrow::Cow;
use std::sync::LazyLock;

use sentry_types::protocol::v7::{ClientSdkInfo, ClientSdkPackage};
use serde::ser::{Serialize, SerializeMap, Serializer};

use super::key::{Field, field};

/// Name and version as Sentry's authentication and the user agent want them.
pub(crate) const CLIENT: &str = concat!("opentelemetry-sentry.rust/", env!("CARGO_PKG_VERSION"));

/// What Sentry calls programs that are neither on a virtual machine nor scripts; it knows no `rust`.
pub(crate) const PLATFORM: &str = "native";

pub(crate) const NAME: &str = "opentelemetry-sentry.rust";
pub(crate) const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The `sdk` field of a payload.
pub(super) struct Sdk;

impl Serialize for Sdk {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry(&field!("name"), NAME)?;
        map.serialize_entry(&field!("version"), VERSION)?;
        map.serialize_entry(&field!("integrations"), &["opentelemetry"])?;
        let package =
            Texts([(field!("name"), "cargo:opentelemetry-sentry"), (field!("version"), VERSION)]);
        map.serialize_entry(&field!("packages"), &[package])?;
        map.serialize_entry(&field!("settings"), &SETTINGS)?;
        map.end()
    }
}

/// The address of the server that exports is not the address of a user.
pub(super) const SETTINGS: Texts<1> = Texts([(field!("infer_ip"), "never")]);

pub(super) struct Texts<const LEN: usize>([(Field, &'static str); LEN]);

impl<const LEN: usize> Serialize for Texts<LEN> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(field, text)| (field, text)))
    }
}

/// The same for an event of `sentry-types`.
pub(crate) fn client_sdk() -> Cow<'static, ClientSdkInfo> {
    static SDK: LazyLock<ClientSdkInfo> = LazyLock::new(|| ClientSdkInfo {
        name: NAME.into(),
        version: VERSION.into(),
        integrations: vec!["opentelemetry".into()],
        packages: vec![ClientSdkPackage {
            name: "cargo:opentelemetry-sentry".into(),
            version: VERSION.into(),
        }],
    });
    Cow::Borrowed(&*SDK)
}
