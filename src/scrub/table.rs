//! What is known of bytes, looked up in one step.

/// Bits by bytes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Table([u32; 256]);

impl Table {
    pub(super) const EMPTY: Self = Self([0; 256]);

    /// With these bits for a byte, besides those that it has.
    pub(super) const fn with(mut self, byte: u8, bits: u32) -> Self {
        if let Some((_, [have, ..])) = self.0.split_at_mut_checked(byte as usize) {
            *have |= bits;
        }
        self
    }

    /// The bits of a byte.
    #[inline]
    pub(super) const fn of(&self, byte: u8) -> u32 {
        match self.0.split_at_checked(byte as usize) {
            Some((_, [bits, ..])) => *bits,
            _ => 0,
        }
    }
}
