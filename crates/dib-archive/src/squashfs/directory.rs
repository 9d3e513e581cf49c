//! Directories' listings.

use super::bytes::Bytes;
use super::image::{Image, ReadError};

/// Where a directory's listing is.
pub(super) struct Listing {
    /// The block of metadata, as an offset into the directory table.
    pub(super) block: u32,
    /// The offset in that block, in bytes.
    pub(super) offset: u16,
    /// The listing's size, in bytes.
    pub(super) size: u32,
}

/// One name and the reference of its inode.
pub(super) struct Entry {
    pub(super) name: Vec<u8>,
    pub(super) inode: u64,
}

/// Reads a listing: runs of at most 256 entries whose inodes share a block.
pub(super) fn read(image: &Image, listing: &Listing) -> Result<Vec<Entry>, ReadError> {
    let reference = u64::from(listing.block) << 16 | u64::from(listing.offset);
    let mut metadata = image.metadata(image.superblock.directory_table, reference)?;
    let bytes = metadata.take(usize::try_from(listing.size).unwrap_or(usize::MAX))?;
    let mut bytes = Bytes(&bytes);
    let mut entries = Vec::new();
    while !bytes.0.is_empty() {
        let (last, block, _number) = (bytes.u32()?, bytes.u32()?, bytes.u32()?);
        if last > 255 {
            return Err(ReadError::Malformed("a listing's run is too long"));
        }
        for _ in 0..=last {
            let offset = bytes.u16()?;
            let (_number, _kind) = (bytes.i16()?, bytes.u16()?);
            let length = usize::from(bytes.u16()?) + 1;
            let name = bytes.take(length)?.to_vec();
            entries.push(Entry {
                name,
                inode: u64::from(block) << 16 | u64::from(offset),
            });
        }
    }
    Ok(entries)
}
