//! Compression with buffers and tables that are used again.

use flate2::{Compress, Compression, FlushCompress, Status};
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
        Self::Gzip(Compress::new_gzip(Compression::new(level), 15), Vec::new())
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
            Self::Gzip(compress, out) => {
                compress.reset();
                out.clear();
                out.reserve(plain.len() / 2 + 64);
                loop {
                    let rest = &plain[compress.total_in() as usize..];
                    match compress.compress_vec(rest, out, FlushCompress::Finish) {
                        Ok(Status::StreamEnd) => return out,
                        Ok(_) => out.reserve(out.capacity()),
                        Err(error) => panic!("{error}"),
                    }
                }
            }
            Self::Zstd(compressor, out) => {
                out.clear();
                out.reserve(zstd::zstd_safe::compress_bound(plain.len()));
                compressor.compress_to_buffer(plain, out).expect("room");
                out
            }
        }
    }
}
