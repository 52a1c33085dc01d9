use flate2::{Compress, Compression, FlushCompress};

/// Compresses bodies one after the other with the same buffers.
#[derive(Debug)]
pub(crate) struct Deflater {
    compress: Compress,
    /// Where the blocks stand before they are copied; grows with the largest body.
    room: Vec<u8>,
}

/// How much room there is at first, and after a body that needed much more, in bytes.
const ROOM: usize = 64 * 1024;

impl Deflater {
    pub(crate) fn new(level: Compression) -> Self {
        Self { compress: Compress::new(level, false), room: vec![0; ROOM] }
    }

    /// The raw blocks of the parts, put together, none of them the last of a stream; nothing if
    /// they cannot be compressed.
    pub(super) fn deflate<const N: usize>(&mut self, parts: [&[u8]; N]) -> Option<Vec<u8>> {
        self.compress.reset();
        for part in parts {
            self.feed(part, FlushCompress::None)?;
        }
        self.feed(&[], FlushCompress::Sync)?;
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
        usize::try_from(self.compress.total_out()).unwrap_or(usize::MAX)
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
}
