//! The superblock, at the start of an image.

use super::bytes::Bytes;
use super::image::ReadError;

/// The size of the superblock, in bytes.
pub(super) const SIZE: usize = 96;
const MAGIC: u32 = 0x7371_7368;

/// How blocks are compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Compressor {
    /// zlib, which the format calls gzip.
    Gzip,
    Xz,
    Zstd,
}

/// Sizes and places of an image's parts; places are offsets from its start, in bytes.
#[derive(Debug, Clone)]
pub(super) struct Superblock {
    pub(super) compressor: Compressor,
    /// The size of a block of contents, in bytes.
    pub(super) block_size: u32,
    pub(super) fragments: u32,
    pub(super) owners: u16,
    pub(super) root_inode: u64,
    pub(super) owner_table: u64,
    /// `u64::MAX` when there is none.
    pub(super) extended_table: u64,
    pub(super) inode_table: u64,
    pub(super) directory_table: u64,
    pub(super) fragment_table: u64,
}

impl Superblock {
    pub(super) fn parse(bytes: &[u8; SIZE]) -> Result<Self, ReadError> {
        let mut bytes = Bytes(bytes);
        if bytes.u32()? != MAGIC {
            return Err(ReadError::Malformed("it has no superblock"));
        }
        let (_inodes, _time) = (bytes.u32()?, bytes.u32()?);
        let block_size = bytes.u32()?;
        let fragments = bytes.u32()?;
        let compressor = match bytes.u16()? {
            1 => Compressor::Gzip,
            4 => Compressor::Xz,
            6 => Compressor::Zstd,
            _ => {
                return Err(ReadError::Malformed(
                    "it is compressed with neither gzip, xz nor zstd",
                ));
            }
        };
        let (block_log, _flags) = (bytes.u16()?, bytes.u16()?);
        let owners = bytes.u16()?;
        if (bytes.u16()?, bytes.u16()?) != (4, 0) {
            return Err(ReadError::Malformed("its version is not 4.0"));
        }
        // The format's own bounds: 4 KiB to 1 MiB.
        if !(12..=20).contains(&block_log) || block_size != 1 << block_log {
            return Err(ReadError::Malformed("its block size is not valid"));
        }
        let (root_inode, _size) = (bytes.u64()?, bytes.u64()?);
        Ok(Self {
            compressor,
            block_size,
            fragments,
            owners,
            root_inode,
            owner_table: bytes.u64()?,
            extended_table: bytes.u64()?,
            inode_table: bytes.u64()?,
            directory_table: bytes.u64()?,
            fragment_table: bytes.u64()?,
        })
    }
}
