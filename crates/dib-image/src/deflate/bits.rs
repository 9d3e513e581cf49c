//! Bits in the order in which deflate has them: from the lowest of a byte to its highest.

/// A buffer of bits that grows.
#[derive(Debug, Default)]
pub(super) struct BitWriter {
    bytes: Vec<u8>,
    /// The bytes that are complete; behind them there may be some of `pending`.
    length: usize,
    pending: u64,
    pending_bits: u32,
}

impl BitWriter {
    /// Forgets everything but the room it has.
    pub(super) fn clear(&mut self) {
        self.length = 0;
        self.pending = 0;
        self.pending_bits = 0;
    }

    /// Makes sure that there is room for so many bytes, and for what [`Self::put`] writes beyond them.
    pub(super) fn reserve(&mut self, bytes: usize) {
        let needed = self.length + bytes + 16;
        if self.bytes.len() < needed {
            self.bytes.resize(needed, 0);
        }
    }

    /// Appends the lowest `count` bits, at most 56, of `bits`, which must have no others. The room must be reserved.
    #[inline]
    pub(super) fn put(&mut self, bits: u64, count: u32) {
        self.pending |= bits << self.pending_bits;
        self.pending_bits += count;
        self.bytes[self.length..self.length + 8].copy_from_slice(&self.pending.to_le_bytes());
        self.length += (self.pending_bits / 8) as usize;
        self.pending >>= self.pending_bits & !7;
        self.pending_bits &= 7;
    }

    /// Returns the bytes; what is left of the last one is zeros.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes[..self.length + usize::from(self.pending_bits > 0)]
    }
}
