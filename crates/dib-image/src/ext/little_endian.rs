//! Numbers as ext file systems write them.

pub(super) fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes([bytes[at], bytes[at + 1]])
}

pub(super) fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

/// Writes the lowest 16 bits of a number.
pub(super) fn put_u16(bytes: &mut [u8], at: usize, number: impl Into<u64>) {
    bytes[at..at + 2].copy_from_slice(&number.into().to_le_bytes()[..2]);
}

/// Writes the lowest 32 bits of a number.
pub(super) fn put_u32(bytes: &mut [u8], at: usize, number: impl Into<u64>) {
    bytes[at..at + 4].copy_from_slice(&number.into().to_le_bytes()[..4]);
}
