use flate2::{Compress, Compression, FlushCompress};

/// Compresses bodies one after the other with the same buffers.
#[derive(Debug)]
pub(crate) struct Deflater {
    level: Compression,
    compress: Compress,
    /// Whether the stream ended with the last body; not if that failed.
    is_clean: bool,
    /// How much the stream had written before this body, in bytes.
    begin: u64,
    /// Where the blocks stand before they are copied; grows with the largest body.
    room: Vec<u8>,
}

/// How much room there is at first, and after a body that needed much more, in bytes.
const ROOM: usize = 64 * 1024;

/// How much goes through one stream, in bytes; some compressors count in 32 bits.
const MAX_STREAM: u64 = 1 << 30;

impl Deflater {
    pub(crate) fn new(level: Compression) -> Self {
        let compress = Compress::new(level, false);
        Self { level, compress, is_clean: true, begin: 0, room: vec![0; ROOM] }
    }

    /// The raw blocks of the parts, put together, none of them the last of a stream; nothing if
    /// they cannot be compressed.
    pub(super) fn deflate<const N: usize>(&mut self, parts: [&[u8]; N]) -> Option<Vec<u8>> {
        // All bodies are one stream to the compressor. A full flush makes it forget what it has seen
        // as a reset does, and leaves the tables alone that need no clearing for that.
        let is_clean = std::mem::replace(&mut self.is_clean, false);
        if !is_clean || self.compress.total_in().max(self.compress.total_out()) > MAX_STREAM {
            // A reset in the midst of a block would not begin another one.
            self.compress = Compress::new(self.level, false);
        }
        self.begin = self.compress.total_out();
        for part in parts {
            self.feed(part, FlushCompress::None)?;
        }
        self.feed(&[], FlushCompress::Full)?;
        self.is_clean = true;
        let blocks = self.room.get(..self.written())?.to_vec();
        self.room.truncate(ROOM);
        self.room.shrink_to(ROOM);
        Some(blocks)
    }

    fn feed(&mut self, part: &[u8], flush: FlushCompress) -> Option<()> {
        let begin = self.compress.total_in();
        loop {
            let before = (self.compress.total_in(), self.compress.total_out());
            let rest = part.get(usize::try_from(before.0.checked_sub(begin)?).ok()?..)?;
            let written = self.written();
            if written == self.room.len() {
                self.room.resize(written.saturating_mul(2), 0);
            }
            self.compress.compress(rest, self.room.get_mut(written..)?, flush).ok()?;
            let after = (self.compress.total_in(), self.compress.total_out());
            let is_read = before.0.checked_add(rest.len().try_into().ok()?)? == after.0;
            // Where the room is full, there may be more to write.
            if is_read && self.written() < self.room.len() {
                return Some(());
            }
            if before == after {
                return None;
            }
        }
    }

    fn written(&self) -> usize {
        let written = self.compress.total_out().saturating_sub(self.begin);
        usize::try_from(written).unwrap_or(usize::MAX)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    #[test]
    fn bodies_of_any_size_come_out_as_they_went_in() {
        let mut deflater = Deflater::new(Compression::fast());
        // What does not shrink needs more room than there is at first.
        let noise = |len: usize| {
            let mut state = 1_u64;
            let mut next = || {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                (state >> 56) as u8
            };
            (0..len).map(|_| next()).collect::<Vec<_>>()
        };
        for len in [0, 1, 100, ROOM - 1, ROOM, ROOM + 1, 1_000_000, 10] {
            for body in [noise(len), vec![b'a'; len]] {
                let blocks = deflater.deflate([b"head", &body, b"\n"]).unwrap();
                let stream = [blocks.as_slice(), &[3, 0]].concat();
                let mut plain = Vec::new();
                flate2::read::DeflateDecoder::new(&*stream).read_to_end(&mut plain).unwrap();
                assert_eq!(plain, [b"head", &*body, b"\n"].concat());
                assert_eq!(deflater.room.len(), ROOM);
            }
        }
    }

    #[test]
    fn a_body_that_failed_leaves_nothing_behind_at_any_level() {
        let body = include_bytes!("deflater.rs");
        for level in 1..=9 {
            let mut deflater = Deflater::new(Compression::new(level));
            let first = deflater.deflate([body]).unwrap();
            // As a panic in the midst of a body would leave it.
            deflater.is_clean = false;
            deflater.feed(body, FlushCompress::None).unwrap();
            assert!(deflater.deflate([body]).unwrap() == first && deflater.is_clean, "{level}");
        }
    }

    #[test]
    fn no_body_refers_to_one_before_it_at_any_level() {
        let body = include_bytes!("deflater.rs").repeat(20);
        for level in 1..=9 {
            let mut deflater = Deflater::new(Compression::new(level));
            let first = deflater.deflate([&body]);
            assert!(first.is_some());
            for begin in [&body[..100], &body[..40_000], &body] {
                deflater.deflate([begin]).unwrap();
                assert_eq!(deflater.deflate([&body]), first, "{level}, {}", begin.len());
            }
        }
    }
}
