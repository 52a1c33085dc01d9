use serde::ser::{Serialize, SerializeMap, Serializer};

use super::json::to_json;
use super::sdk::Sdk;

/// What the headers of all envelopes for a project have in common: its DSN, and who sends them.
#[derive(Clone)]
pub(crate) struct Letterhead {
    /// As JSON, without the braces around it.
    fields: Vec<u8>,
}

struct Fields<'a>(&'a str);

impl Letterhead {
    /// That of a DSN, which is empty where there is none.
    pub(crate) fn of(dsn: &str) -> Self {
        let json = to_json(&Fields(dsn)).unwrap_or_default();
        let fields = json.strip_prefix(b"{").and_then(|json| json.strip_suffix(b"}"));
        Self { fields: fields.unwrap_or_default().to_vec() }
    }

    pub(super) fn fields(&self) -> &[u8] {
        &self.fields
    }
}

impl Serialize for Fields<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        if !self.0.is_empty() {
            map.serialize_entry("dsn", self.0)?;
        }
        map.serialize_entry("sdk", &Sdk)?;
        map.end()
    }
}
