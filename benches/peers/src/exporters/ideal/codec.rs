//! Compression with buffers and tables that are used again.

use flate2::{Compress, Compression, Crc, FlushCompress};
use zstd::bulk::Compressor;

pub enum Codec {
    Plain,
    Gzip(Compress, Vec<u8>),
    Zstd(Compressor<'static>, Vec<u8>),
}

impl Codec {
    pub fn plain() -> Self {
        Self::Plain
    }

    /// By `zlib-rs`.
    pub fn gzip(level: u32) -> Self {
        Self::Gzip(Compress::new(Compression::new(level), false), Vec::new())
    }

    pub fn zstd(level: i32) -> Self {
        Self::Zstd(Compressor::new(level).expect("a level"), Vec::new())
    }

    /// The value of `Content-Encoding`.
    pub fn name(&self) -> Option<&'static str> {
        match self {
            Self::Plain => None,
            Self::Gzip(..) => Some("gzip"),
            Self::Zstd(..) => Some("zstd"),
        }
    }

    pub fn encode<'a>(&'a mut self, plain: &'a [u8]) -> &'a [u8] {
        match self {
            Self::Plain => plain,
            Self::Gzip(compress, out) => gzip(plain, compress, out),
            Self::Zstd(compressor, out) => {
                out.clear();
                out.reserve(zstd::zstd_safe::compress_bound(plain.len()));
                compressor.compress_to_buffer(plain, out).expect("room");
                out
            }
        }
    }
}

/// One gzip member. A full flush forgets what was compressed before by clearing less than a reset.
fn gzip<'a>(plain: &[u8], compress: &mut Compress, out: &'a mut Vec<u8>) -> &'a [u8] {
    const MAGIC: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];
    const LAST_BLOCK: [u8; 2] = [3, 0];
    // The fastest level may take nine bits for a byte.
    out.resize(out.len().max(plain.len() + plain.len() / 8 + 100), 0);
    let (begin, room) = out.split_at_mut(MAGIC.len());
    begin.copy_from_slice(&MAGIC);
    let before = (compress.total_in(), compress.total_out());
    compress.compress(plain, room, FlushCompress::Full).expect("blocks");
    assert_eq!(compress.total_in() - before.0, plain.len() as u64, "all of it is read");
    let written = (compress.total_out() - before.1) as usize;
    assert!(written < room.len(), "and written");
    let mut crc = Crc::new();
    crc.update(plain);
    let (sum, len) = (crc.sum().to_le_bytes(), (plain.len() as u32).to_le_bytes());
    let mut end = written;
    for part in [&LAST_BLOCK[..], &sum, &len] {
        room[end..end + part.len()].copy_from_slice(part);
        end += part.len();
    }
    &out[..MAGIC.len() + end]
}
