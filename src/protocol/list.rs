/// Items of one sort as the JSON of one item of an envelope.
#[derive(Debug, Default)]
pub(super) struct List {
    json: Vec<u8>,
    len: u64,
}

/// What stands before the first one; the address that sends is nobody's.
const HEAD: &[u8] = b"{\"version\":2,\"ingest_settings\":{\"infer_ip\":\"never\",\
    \"infer_user_agent\":\"never\"},\"items\":[";

impl List {
    /// Whether one more may stand in it; the first one always may.
    pub(super) fn has_room(&self, json: &[u8], max_len: u64, max_bytes: usize) -> bool {
        let bytes = self.json.len().saturating_add(json.len()).saturating_add(3);
        self.len == 0 || (self.len < max_len && bytes <= max_bytes)
    }

    pub(super) fn put(&mut self, json: &[u8]) {
        self.json.extend_from_slice(if self.len == 0 { HEAD } else { b"," });
        self.json.extend_from_slice(json);
        self.len = self.len.saturating_add(1);
    }

    pub(super) fn len(&self) -> u64 {
        self.len
    }

    pub(super) fn into_payload(mut self) -> Vec<u8> {
        self.json.extend_from_slice(b"]}");
        self.json
    }
}
