//! Reads Sentry's envelope format, and reads it strictly: anything Sentry
//! would refuse is refused here as well.

use serde_json::{Map, Value};

/// One envelope: what one HTTP request carries.
pub struct Envelope {
    /// The id Sentry answers with, if the envelope has one.
    pub event_id: Option<String>,
    pub items: Vec<Item>,
}

/// One item of an envelope, such as a transaction or an error event.
pub struct Item {
    pub kind: String,
    pub payload: Value,
}

impl Envelope {
    /// Parses a decompressed body: a line of JSON for the envelope, then for
    /// every item a line of JSON and a payload of the announced length.
    pub fn parse(body: &[u8]) -> Result<Self, String> {
        let (header, mut rest) = header_line(body)?;
        let mut items = Vec::new();
        while !rest.is_empty() {
            let (item, after) = item(rest)?;
            items.push(item);
            rest = after;
        }
        let main = items.iter().filter(|item| item.needs_id()).count();
        if main > 1 {
            return Err(format!("{main} events in one envelope"));
        }
        let event_id = event_id(&header);
        if main == 1 && event_id.is_none() {
            return Err("no event_id of 32 hex digits in the header".into());
        }
        Ok(Self { event_id, items })
    }
}

impl Item {
    fn needs_id(&self) -> bool {
        matches!(self.kind.as_str(), "event" | "transaction")
    }
}

fn item(bytes: &[u8]) -> Result<(Item, &[u8]), String> {
    let (header, rest) = header_line(bytes)?;
    let kind = header.get("type").and_then(Value::as_str).ok_or("an item without a type")?;
    let (payload, after) = match header.get("length") {
        Some(length) => length
            .as_u64()
            .and_then(|length| usize::try_from(length).ok())
            .and_then(|length| rest.split_at_checked(length))
            .ok_or_else(|| format!("the {kind} is not {length} bytes long"))?,
        None => rest.split_at(line_length(rest)),
    };
    let after = match after.split_first() {
        None => after,
        Some((b'\n', after)) => after,
        Some(_) => return Err(format!("bytes behind the end of the {kind}")),
    };
    let payload = serde_json::from_slice(payload)
        .map_err(|error| format!("the {kind} is not JSON: {error}"))?;
    let kind = kind.to_owned();
    Ok((Item { kind, payload }, after))
}

fn header_line(bytes: &[u8]) -> Result<(Map<String, Value>, &[u8]), String> {
    let (line, rest) = bytes.split_at(line_length(bytes));
    if line.ends_with(b"\r") {
        return Err("a header line ends in CR LF".into());
    }
    let header = serde_json::from_slice(line)
        .map_err(|error| format!("a header is not a JSON object: {error}"))?;
    Ok((header, rest.strip_prefix(b"\n").unwrap_or(rest)))
}

fn line_length(bytes: &[u8]) -> usize {
    let newline = bytes.iter().position(|&byte| byte == b'\n');
    newline.unwrap_or(bytes.len())
}

fn event_id(header: &Map<String, Value>) -> Option<String> {
    let id = header.get("event_id")?.as_str()?;
    let valid = id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit());
    valid.then(|| id.to_owned())
}
