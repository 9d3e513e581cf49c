//! What the superblock of an empty ext4 file system says about where everything belongs.

use std::io;

use super::super::checksum::crc32c;
use super::super::copies::Copies;
use super::super::little_endian::{put_u16, put_u32, u16_at, u32_at};
use super::Place;
use super::hash::NameHash;

/// Where the superblock stands, in bytes, and how long it is.
pub(super) const SUPERBLOCK: u64 = 1024;
pub(super) const SUPERBLOCK_LENGTH: usize = 1024;
/// The only length of inodes that we write, in bytes.
pub(super) const INODE: usize = 256;
pub(super) const INODE_BYTES: u64 = 256;
/// How much of that is fields rather than extended attributes, beyond the 128 bytes of old.
pub(super) const EXTRA_FIELDS: u16 = 32;

const MAGIC: u16 = 0xef53;
const FREE_INODES: usize = 0x10;
const CHECKSUM: usize = 0x3fc;
const READ_ONLY_FEATURES: usize = 0x64;
const LARGE_FILES: u32 = 0x2;

/// Flags of `s_feature_compat`: `has_journal`, `ext_attr`, `resize_inode`, `dir_index`, `sparse_super2`, `orphan_file`.
const KNOWN: u32 = 0x4 | 0x8 | 0x10 | INDEXED | 0x200 | 0x1000;
const ATTRIBUTES: u32 = 0x8;
const INDEXED: u32 = 0x20;
/// Flags of `s_feature_incompat`: `filetype`, `extent`, `64bit`, `flex_bg`, `metadata_csum_seed`.
const KNOWN_INCOMPATIBLE: u32 = 0x2 | 0x40 | WIDE | 0x200 | OWN_SEED;
const NEEDED_INCOMPATIBLE: u32 = 0x2 | 0x40;
const WIDE: u32 = 0x80;
const OWN_SEED: u32 = 0x2000;
/// Flags of `s_feature_ro_compat`: `sparse_super`, `large_file`, `huge_file`, `dir_nlink`, `extra_isize`,
/// `metadata_csum`.
const KNOWN_READ_ONLY: u32 = 0x1 | LARGE_FILES | 0x8 | MANY_DIRECTORIES | 0x40 | CHECKSUMS;
const NEEDED_READ_ONLY: u32 = 0x40;
const MANY_DIRECTORIES: u32 = 0x20;
const CHECKSUMS: u32 = 0x400;
/// The checksum in `s_checksum_type` that there is.
const CRC32C: u8 = 1;
/// The flag of `s_flags` for hashes that take a name's bytes for unsigned.
const UNSIGNED_HASH: u32 = 0x2;

/// An ext4 file system all of whose features we know.
pub(super) struct Geometry {
    /// A block's length in bytes.
    pub(super) block: usize,
    pub(super) first_block: u64,
    pub(super) blocks: u64,
    pub(super) blocks_per_group: u64,
    pub(super) inodes_per_group: u64,
    pub(super) groups: u64,
    /// A group descriptor's length in bytes.
    pub(super) descriptor: usize,
    /// Blocks that are kept free behind the descriptors.
    pub(super) reserved_descriptor_blocks: u64,
    pub(super) copies: Copies,
    /// Where checksums begin, if there are any.
    pub(super) seed: Option<u32>,
    /// How names are hashed, if directories are indexed.
    pub(super) hash: Option<NameHash>,
    /// Whether directories may have more subdirectories than can be counted.
    pub(super) many_directories: bool,
}

impl Geometry {
    /// Reads a superblock; nothing is returned when there is anything in it that we don't know exactly.
    pub(super) fn read(superblock: &[u8]) -> Option<Self> {
        let number = |at| u64::from(u32_at(superblock, at));
        let (compatible, incompatible) = (u32_at(superblock, 0x5c), u32_at(superblock, 0x60));
        let read_only = u32_at(superblock, READ_ONLY_FEATURES);
        let is_known = u16_at(superblock, 0x38) == MAGIC
            && u32_at(superblock, 0x4c) == 1
            && compatible & !KNOWN == 0
            && compatible & ATTRIBUTES != 0
            && incompatible & !KNOWN_INCOMPATIBLE == 0
            && incompatible & NEEDED_INCOMPATIBLE == NEEDED_INCOMPATIBLE
            && read_only & !KNOWN_READ_ONLY == 0
            && read_only & NEEDED_READ_ONLY == NEEDED_READ_ONLY
            && usize::from(u16_at(superblock, 0x58)) == INODE
            && u16_at(superblock, 0x15c) <= EXTRA_FIELDS
            && u16_at(superblock, 0x15e) == EXTRA_FIELDS
            // Blocks of 1, 2 and 4 KiB.
            && u32_at(superblock, 0x18) <= 2;
        let has_checksums = read_only & CHECKSUMS != 0;
        let is_indexed = compatible & INDEXED != 0;
        let hash = NameHash::new(
            superblock[0xfc],
            &superblock[0xec..0xfc],
            u32_at(superblock, 0x160) & UNSIGNED_HASH != 0,
        );
        if !is_known
            || has_checksums && superblock[0x175] != CRC32C
            || is_indexed && hash.is_none()
            || (incompatible & OWN_SEED != 0 && !has_checksums)
        {
            return None;
        }
        let is_wide = incompatible & WIDE != 0;
        let high_blocks = if is_wide { number(0x150) } else { 0 };
        let (first_block, blocks) = (number(0x14), high_blocks << 32 | number(0x04));
        let blocks_per_group = number(0x20);
        let seed = if incompatible & OWN_SEED != 0 {
            u32_at(superblock, 0x270)
        } else {
            crc32c(!0, &superblock[0x68..0x78])
        };
        Some(Self {
            block: 1024 << u32_at(superblock, 0x18),
            first_block,
            blocks,
            blocks_per_group,
            inodes_per_group: number(0x28),
            groups: blocks.checked_sub(first_block)?.div_ceil(blocks_per_group.max(1)),
            descriptor: if is_wide {
                usize::from(u16_at(superblock, 0xfe))
            } else {
                32
            },
            reserved_descriptor_blocks: u64::from(u16_at(superblock, 0xce)),
            copies: Copies::read(superblock),
            seed: has_checksums.then_some(seed),
            hash: hash.filter(|_| is_indexed),
            many_directories: read_only & MANY_DIRECTORIES != 0,
        })
        .filter(Self::is_sane)
    }

    /// Returns whether the numbers are such that nothing below divides by zero or leaves its block.
    fn is_sane(&self) -> bool {
        self.blocks_per_group != 0
            && self.inodes_per_group != 0
            && self.blocks_per_group <= self.bits_per_block()
            && self.inodes_per_group <= self.bits_per_block()
            && self.blocks_per_group.is_multiple_of(8)
            && self.inodes_per_group.is_multiple_of(8)
            && [32, 64].contains(&self.descriptor)
    }

    pub(super) fn bits_per_block(&self) -> u64 {
        8 * self.block_bytes()
    }

    /// Returns a block's length in bytes, for reckoning with places.
    pub(super) fn block_bytes(&self) -> u64 {
        u64::try_from(self.block).expect("4096 at most")
    }

    /// Returns how many blocks all the descriptors take.
    pub(super) fn descriptor_blocks(&self) -> u64 {
        let in_block = self.block / self.descriptor;
        self.groups
            .div_ceil(u64::try_from(in_block).expect("128 at most"))
    }

    /// Returns how many blocks a group's table of inodes takes.
    pub(super) fn inode_blocks(&self) -> u64 {
        (self.inodes_per_group * INODE_BYTES).div_ceil(self.block_bytes())
    }

    /// Returns where a group's blocks begin.
    pub(super) fn start_of(&self, group: u64) -> u64 {
        self.first_block + group * self.blocks_per_group
    }

    /// Returns how many blocks a group has.
    pub(super) fn blocks_in(&self, group: u64) -> u64 {
        self.blocks_per_group.min(self.blocks - self.start_of(group))
    }

    /// Returns where checksums of what belongs to an inode begin; its generation is always 0.
    pub(super) fn seed_of(&self, inode: u64) -> Option<u32> {
        let mut bytes = [0; 8];
        put_u32(&mut bytes, 0, inode);
        self.seed.map(|seed| crc32c(seed, &bytes))
    }
}

/// What changes in the superblock when a file system is filled.
pub(super) struct Counts {
    pub(super) free_blocks: u64,
    pub(super) free_inodes: u64,
    /// Whether there is a file whose length takes more than 31 bits.
    pub(super) large_files: bool,
}

impl Counts {
    /// Writes them into the superblock that stands at `offset`.
    pub(super) fn write(&self, place: Place<'_>, geometry: &Geometry, offset: u64) -> io::Result<()> {
        let mut superblock = [0; SUPERBLOCK_LENGTH];
        place.read(&mut superblock, offset)?;
        put_u32(&mut superblock, 0x0c, self.free_blocks);
        if u32_at(&superblock, 0x60) & WIDE != 0 {
            put_u32(&mut superblock, 0x158, self.free_blocks >> 32);
        }
        put_u32(&mut superblock, FREE_INODES, self.free_inodes);
        if self.large_files {
            let features = u32_at(&superblock, READ_ONLY_FEATURES) | LARGE_FILES;
            put_u32(&mut superblock, READ_ONLY_FEATURES, features);
        }
        if geometry.seed.is_some() {
            let checksum = crc32c(!0, &superblock[..CHECKSUM]);
            put_u32(&mut superblock, CHECKSUM, checksum);
        }
        place.write(&superblock, offset)
    }
}

/// Writes the upper and the lower half of a checksum, of which the upper is left out where there is no room for it.
pub(super) fn put_halves(bytes: &mut [u8], low: usize, high: Option<usize>, checksum: u32) {
    put_u16(bytes, low, checksum);
    if let Some(high) = high {
        put_u16(bytes, high, checksum >> 16);
    }
}
