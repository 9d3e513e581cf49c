//! Times of an ext file system that mke2fs takes from the host, set to a fixed one.
//!
//! When a file was last read, and when its attributes last changed, is nobody's wish: a tree can't even say it. mke2fs copies
//! both from the tree all the same, so two copies of one tree give two file systems.
//!
//! Source: the kernel's documentation of ext4's on-disk format, `Documentation/filesystems/ext4/`.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use super::checksum::crc32c;
use super::copies::Copies;
use super::little_endian::{u16_at, u32_at};
use crate::room::Room;

/// Where the superblock stands, and how long it is.
const SUPERBLOCK: u64 = 1024;
/// What `s_magic` says.
const MAGIC: u16 = 0xef53;
/// The flag of `s_feature_incompat` for numbers of blocks of 64 bits.
const WIDE_NUMBERS: u32 = 0x80;
/// The flag of the same for a checksum's seed in the superblock.
const OWN_SEED: u32 = 0x2000;
/// The flag of `s_feature_ro_compat` for checksums of inodes and more.
const CHECKSUMS: u32 = 0x400;
/// The flag of `s_feature_incompat` for descriptors that stand among the groups which they describe.
const META_GROUPS: u32 = 0x10;
/// The flag of a group whose inodes have never been written.
const NO_INODES: u16 = 1;
/// The length of an inode of old; what is behind it is counted by `i_extra_isize`.
const OLD_INODE: usize = 128;

/// Fields of an inode: when it was last read, when its attributes last changed, and the fractions of both.
const TIMES: [usize; 2] = [0x08, 0x0c];
const FRACTIONS: [usize; 2] = [0x8c, 0x84];
const LINKS: usize = 0x1a;
const GENERATION: usize = 0x64;
const CHECKSUM_LOW: usize = 0x7c;
const EXTRA_LENGTH: usize = 0x80;
const CHECKSUM_HIGH: usize = 0x82;

/// What has to be known to find the inodes.
struct Shape {
    block: u64,
    inodes_per_group: u64,
    groups: u64,
    inode: usize,
    first_block: u64,
    blocks_per_group: u64,
    /// The first block of descriptors that is not behind the superblock, but in the groups that it describes.
    first_meta_group: u64,
    copies: Copies,
    descriptor: usize,
    is_wide: bool,
    /// The seed of inodes' checksums, where they have some.
    seed: Option<u32>,
}

/// Sets the times of all inodes that are in use to `time`, in seconds since 1970.
pub(super) fn set_all(room: Room<'_>, time: u64) -> io::Result<()> {
    let mut superblock = [0; 1024];
    read(room, &mut superblock, SUPERBLOCK)?;
    let shape = Shape::read(&superblock)?;
    // An inode has 32 bits for the time, and two more beside the fraction.
    let low = u32::try_from(time & 0xffff_ffff)
        .expect("masked to 32 bits")
        .to_le_bytes();
    let high = u32::try_from(time >> 32 & 3).expect("two bits").to_le_bytes();
    for group in 0..shape.groups {
        let mut descriptor = vec![0; shape.descriptor];
        read(room, &mut descriptor, shape.place_of_descriptor(group))?;
        if u16_at(&descriptor, 0x12) & NO_INODES != 0 && shape.seed.is_some() {
            continue;
        }
        let high_part = if shape.is_wide {
            u32_at(&descriptor, 0x28)
        } else {
            0
        };
        let table = u64::from(high_part) << 32 | u64::from(u32_at(&descriptor, 0x08));
        shape.set_in_table(room, group, table * shape.block, (low, high))?;
    }
    Ok(())
}

impl Shape {
    fn read(superblock: &[u8]) -> io::Result<Self> {
        let strange = || io::Error::new(io::ErrorKind::InvalidData, "mke2fs has left no ext file system");
        if u16_at(superblock, 0x38) != MAGIC {
            return Err(strange());
        }
        let block = 1024_u64
            .checked_shl(u32_at(superblock, 0x18))
            .ok_or_else(strange)?;
        let inodes_per_group = u64::from(u32_at(superblock, 0x28));
        let incompatible = u32_at(superblock, 0x60);
        let read_only = u32_at(superblock, 0x64);
        let is_wide = incompatible & WIDE_NUMBERS != 0;
        let has_checksums = read_only & CHECKSUMS != 0;
        let seed = if incompatible & OWN_SEED != 0 {
            u32_at(superblock, 0x270)
        } else {
            crc32c(!0, &superblock[0x68..0x78])
        };
        let number = |at| u64::from(u32_at(superblock, at));
        Ok(Self {
            block,
            inodes_per_group,
            groups: u64::from(u32_at(superblock, 0))
                .checked_div(inodes_per_group)
                .ok_or_else(strange)?,
            inode: usize::from(u16_at(superblock, 0x58)),
            first_block: number(0x14),
            blocks_per_group: number(0x20),
            first_meta_group: if incompatible & META_GROUPS == 0 {
                u64::MAX
            } else {
                number(0x104)
            },
            copies: Copies::read(superblock),
            descriptor: if is_wide {
                usize::from(u16_at(superblock, 0xfe)).max(32)
            } else {
                32
            },
            is_wide,
            seed: has_checksums.then_some(seed),
        })
    }

    /// Returns where a group's descriptor stands, in bytes.
    fn place_of_descriptor(&self, group: u64) -> u64 {
        let length = u64::try_from(self.descriptor).expect("64 at most");
        let in_block = self.block / length;
        let number = group / in_block;
        let block = if number < self.first_meta_group {
            self.first_block + 1 + number
        } else {
            let first = number * in_block;
            let copy = u64::from(self.copies.has(first));
            self.first_block + first * self.blocks_per_group + copy
        };
        block * self.block + group % in_block * length
    }

    fn set_in_table(
        &self,
        room: Room<'_>,
        group: u64,
        table: u64,
        (low, high): ([u8; 4], [u8; 4]),
    ) -> io::Result<()> {
        let length = self.inode * usize::try_from(self.inodes_per_group).map_err(io::Error::other)?;
        let mut inodes = vec![0; length];
        read(room, &mut inodes, table)?;
        for (index, inode) in (0_u64..).zip(inodes.chunks_mut(self.inode)) {
            if u16_at(inode, LINKS) == 0 {
                continue;
            }
            for time in TIMES {
                inode[time..time + 4].copy_from_slice(&low);
            }
            let has = |inode: &[u8], field: usize, length: usize| {
                inode.len() > OLD_INODE
                    && OLD_INODE + usize::from(u16_at(inode, EXTRA_LENGTH)) >= field + length
            };
            for fraction in FRACTIONS {
                if has(inode, fraction, 4) {
                    inode[fraction..fraction + 4].copy_from_slice(&high);
                }
            }
            if let Some(seed) = self.seed {
                let number =
                    u32::try_from(group * self.inodes_per_group + index + 1).map_err(io::Error::other)?;
                let is_whole = has(inode, CHECKSUM_HIGH, 2);
                set_checksum(inode, number, seed, is_whole);
            }
            let offset = u64::try_from(self.inode).expect("an inode's length") * index;
            room.file
                .write_all_at(inode, room.extent.start + table + offset)?;
        }
        Ok(())
    }
}

fn set_checksum(inode: &mut [u8], number: u32, seed: u32, is_whole: bool) {
    inode[CHECKSUM_LOW..CHECKSUM_LOW + 2].fill(0);
    if is_whole {
        inode[CHECKSUM_HIGH..CHECKSUM_HIGH + 2].fill(0);
    }
    let checksum = crc32c(seed, &number.to_le_bytes());
    let checksum = crc32c(checksum, &inode[GENERATION..GENERATION + 4]);
    let [a, b, c, d] = crc32c(checksum, inode).to_le_bytes();
    inode[CHECKSUM_LOW..CHECKSUM_LOW + 2].copy_from_slice(&[a, b]);
    if is_whole {
        inode[CHECKSUM_HIGH..CHECKSUM_HIGH + 2].copy_from_slice(&[c, d]);
    }
}

fn read(room: Room<'_>, buffer: &mut [u8], offset: u64) -> io::Result<()> {
    let file: &File = room.file;
    file.read_exact_at(buffer, room.extent.start + offset)
}
