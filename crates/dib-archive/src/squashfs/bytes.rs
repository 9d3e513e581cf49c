//! Numbers in little-endian byte order.

use super::image::ReadError;

/// Bytes to be taken from the front.
pub(super) struct Bytes<'bytes>(pub(super) &'bytes [u8]);

impl<'bytes> Bytes<'bytes> {
    pub(super) fn take(&mut self, length: usize) -> Result<&'bytes [u8], ReadError> {
        let too_short = ReadError::Malformed("a table is shorter than it says");
        let (front, rest) = self.0.split_at_checked(length).ok_or(too_short)?;
        self.0 = rest;
        Ok(front)
    }

    pub(super) fn u16(&mut self) -> Result<u16, ReadError> {
        self.array().map(u16::from_le_bytes)
    }

    pub(super) fn i16(&mut self) -> Result<i16, ReadError> {
        self.array().map(i16::from_le_bytes)
    }

    pub(super) fn u32(&mut self) -> Result<u32, ReadError> {
        self.array().map(u32::from_le_bytes)
    }

    pub(super) fn u64(&mut self) -> Result<u64, ReadError> {
        self.array().map(u64::from_le_bytes)
    }

    fn array<const LENGTH: usize>(&mut self) -> Result<[u8; LENGTH], ReadError> {
        let mut array = [0; LENGTH];
        array.copy_from_slice(self.take(LENGTH)?);
        Ok(array)
    }
}
