//! A strict reader of requests and envelopes, which shares no code with the library.

use std::io::{BufRead, Read};

use serde_json::Value;

/// A request as it came in.
#[derive(Clone, Debug)]
pub struct Request {
    pub method: String,
    pub path: String,
    /// Names in lower case, in the order of the request.
    pub headers: Vec<(String, String)>,
    /// Decompressed.
    pub body: Vec<u8>,
    /// How long the body was on the wire, in bytes.
    pub wire_length: usize,
}

/// An envelope as it came in.
#[derive(Clone, Debug)]
pub struct Envelope {
    pub header: Value,
    pub items: Vec<Item>,
}

#[derive(Clone, Debug)]
pub struct Item {
    pub header: Value,
    pub payload: Value,
}

impl Request {
    /// Reads one request; none if the connection ended before the first byte of one.
    pub fn read(stream: &mut impl BufRead) -> Result<Option<Self>, String> {
        let first = line(stream)?;
        if first.is_empty() {
            return Ok(None);
        }
        let words: Vec<_> = first.trim_end().split(' ').map(str::to_owned).collect();
        let Ok([method, path, version]) = <[String; 3]>::try_from(words) else {
            return Err(format!("no request line: {first:?}"));
        };
        if version != "HTTP/1.1" {
            return Err(format!("{version} is not HTTP/1.1"));
        }
        let mut request =
            Self { method, path, headers: Vec::new(), body: Vec::new(), wire_length: 0 };
        loop {
            let line = line(stream)?;
            if line == "\r\n" {
                break;
            }
            let (name, value) = line.split_once(':').ok_or(format!("no header: {line:?}"))?;
            request.headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
        let length = request.header("content-length").unwrap_or("0");
        let length = length.parse().map_err(|_| format!("content-length {length:?}"))?;
        if request.header("transfer-encoding").is_some() {
            return Err("a body without a length".to_owned());
        }
        let mut wire = vec![0; length];
        stream.read_exact(&mut wire).map_err(|error| format!("a body broke off: {error}"))?;
        request.wire_length = length;
        request.body = match request.header("content-encoding") {
            None => wire,
            Some("gzip") => gunzip(&wire)?,
            Some(other) => return Err(format!("content-encoding {other:?}")),
        };
        Ok(Some(request))
    }

    /// The only value of a header; more than one is none.
    pub fn header(&self, name: &str) -> Option<&str> {
        match *self.headers(name) {
            [value] => Some(value),
            _ => None,
        }
    }

    pub fn headers(&self, name: &str) -> Vec<&str> {
        let found = self.headers.iter().filter(|(found, _)| found == name);
        found.map(|(_, value)| value.as_str()).collect()
    }

    pub fn envelope(&self) -> Result<Envelope, String> {
        Envelope::parse(&self.body)
    }
}

/// A line with its end; empty at the end of the stream.
fn line(stream: &mut impl BufRead) -> Result<String, String> {
    let mut line = Vec::new();
    let read = stream.take(64 * 1024).read_until(b'\n', &mut line);
    // A client that goes away without a word has nothing to say either.
    if read.is_err() || line.is_empty() {
        return Ok(String::new());
    }
    let line = String::from_utf8(line).map_err(|_| "a header that is not text".to_owned())?;
    if line.ends_with("\r\n") { Ok(line) } else { Err(format!("a header broke off: {line:?}")) }
}

fn gunzip(wire: &[u8]) -> Result<Vec<u8>, String> {
    let mut decoder = flate2::bufread::GzDecoder::new(wire);
    let mut body = Vec::new();
    decoder.read_to_end(&mut body).map_err(|error| format!("gzip: {error}"))?;
    match decoder.into_inner() {
        [] => Ok(body),
        rest => Err(format!("{} bytes after the end of the gzip member", rest.len())),
    }
}

impl Envelope {
    pub fn parse(body: &[u8]) -> Result<Self, String> {
        let (header, mut rest) = json_line(body)?;
        let mut items = Vec::new();
        while !rest.is_empty() {
            let (header, after) = json_line(rest)?;
            let length = header["length"].as_u64().ok_or("an item without a length")? as usize;
            if after.len() < length {
                return Err(format!("an item says {length} bytes, {} are left", after.len()));
            }
            let (payload, after) = after.split_at(length);
            rest = match after {
                [] => after,
                [b'\n', after @ ..] => after,
                _ => return Err(format!("no end of line after {length} bytes of an item")),
            };
            let payload = serde_json::from_slice(payload).map_err(|error| error.to_string())?;
            items.push(Item { header, payload });
        }
        let envelope = Self { header, items };
        for item in envelope.items.iter().filter(|item| item.is("log") || item.is("span")) {
            let items = item.payload["items"].as_array().map_or(0, Vec::len);
            if items == 0 || item.header["item_count"] != items {
                return Err(format!("{items} items in a list that says {}", item.header));
            }
        }
        for span in envelope.payloads("span").iter().flat_map(|it| it["items"].as_array().unwrap())
        {
            if span["trace_id"] != envelope.header["trace"]["trace_id"] {
                return Err(format!("a span of another trace than {}", envelope.header));
            }
        }
        let kinds = ["event", "transaction", "log", "span"];
        let is_main = |item: &&Item| kinds.iter().any(|it| item.is(it));
        match envelope.items.iter().filter(is_main).count() {
            0 | 1 => Ok(envelope),
            count => Err(format!("{count} kinds of telemetry in one envelope")),
        }
    }

    pub fn payloads(&self, kind: &str) -> Vec<Value> {
        let items = self.items.iter().filter(|item| item.is(kind));
        items.map(|item| item.payload.clone()).collect()
    }
}

impl Item {
    pub fn is(&self, kind: &str) -> bool {
        self.header["type"] == kind
    }
}

fn json_line(bytes: &[u8]) -> Result<(Value, &[u8]), String> {
    let end = bytes.iter().position(|byte| *byte == b'\n').ok_or("a header without an end")?;
    let (line, rest) = bytes.split_at(end);
    let value: Value = serde_json::from_slice(line).map_err(|error| error.to_string())?;
    if !value.is_object() || line.ends_with(b"\r") {
        return Err(format!("not a header: {value}"));
    }
    Ok((value, &rest[1..]))
}
