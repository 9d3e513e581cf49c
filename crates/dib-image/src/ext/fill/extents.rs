//! Extents: where a file's blocks are.
//!
//! Source: the kernel's documentation of ext4's on-disk format, `Documentation/filesystems/ext4/ifork.rst`.

use std::ops::Range;

use super::super::checksum::crc32c;
use super::super::little_endian::{put_u16, put_u32, u16_at, u32_at};
use super::geometry::Geometry;

/// The length of what an inode has for its extents, in bytes.
pub(super) const IN_INODE: usize = 60;
/// How many extents fit in there.
const FEW: usize = 4;
/// The length of an extent, of a part of the tree's place, and of what stands before them.
const ENTRY: usize = 12;
const MAGIC: u16 = 0xf30a;
/// The most blocks in an extent that are not merely set aside.
const LONGEST: u64 = 32_768;

/// Blocks of a file that lie one behind the other on the disk, too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Extent {
    /// The first block's place in the file.
    pub(super) logical: u64,
    /// And in the file system.
    pub(super) physical: u64,
    /// In blocks.
    pub(super) length: u64,
}

/// Brings together which blocks of a file there are and where they have been put.
pub(super) fn join(data: &[Range<u64>], placed: &[Range<u64>]) -> Vec<Extent> {
    let mut extents: Vec<Extent> = Vec::new();
    let mut placed = placed.iter().cloned();
    let mut current = 0..0;
    for range in data {
        let mut logical = range.start;
        while logical < range.end {
            if current.is_empty() {
                current = placed.next().expect("as many blocks are placed as there are");
            }
            let length = (range.end - logical)
                .min(current.end - current.start)
                .min(LONGEST);
            match extents.last_mut() {
                Some(last)
                    if last.logical + last.length == logical
                        && last.physical + last.length == current.start
                        && last.length + length <= LONGEST =>
                {
                    last.length += length;
                }
                _ => extents.push(Extent {
                    logical,
                    physical: current.start,
                    length,
                }),
            }
            logical += length;
            current.start += length;
        }
    }
    extents
}

/// Returns how many blocks a tree of so many extents takes, outside the inode.
pub(super) fn blocks_of_tree(extents: usize, geometry: &Geometry) -> usize {
    let (mut blocks, mut level) = (0, extents);
    while level > FEW {
        level = level.div_ceil(entries_in(geometry));
        blocks += level;
    }
    blocks
}

fn entries_in(geometry: &Geometry) -> usize {
    // The checksum stands in what is left over.
    (geometry.block - ENTRY - 4) / ENTRY
}

/// What an inode says of its extents, and the blocks with the rest of the tree.
pub(super) struct Encoded {
    pub(super) in_inode: [u8; IN_INODE],
    /// Places and contents.
    pub(super) blocks: Vec<(u64, Vec<u8>)>,
}

/// Writes the tree of extents into an inode and the blocks that it takes.
pub(super) fn encode(extents: &[Extent], places: &[u64], geometry: &Geometry, seed: Option<u32>) -> Encoded {
    let mut level: Vec<(u64, [u8; ENTRY])> = extents
        .iter()
        .map(|extent| (extent.logical, leaf(extent)))
        .collect();
    let (mut depth, mut blocks, mut places) = (0_u16, Vec::new(), places.iter());
    while level.len() > FEW {
        let mut above = Vec::new();
        for part in level.chunks(entries_in(geometry)) {
            let place = *places
                .next()
                .expect("the tree has as many blocks as were counted");
            let mut block = vec![0; geometry.block];
            put_node(&mut block, part, depth, entries_in(geometry));
            if let Some(seed) = seed {
                let end = ENTRY + ENTRY * entries_in(geometry);
                let checksum = crc32c(seed, &block[..end]);
                put_u32(&mut block, end, checksum);
            }
            blocks.push((place, block));
            above.push((part[0].0, branch(part[0].0, place)));
        }
        level = above;
        depth += 1;
    }
    let mut in_inode = [0; IN_INODE];
    put_node(&mut in_inode, &level, depth, FEW);
    Encoded { in_inode, blocks }
}

fn put_node(bytes: &mut [u8], entries: &[(u64, [u8; ENTRY])], depth: u16, most: usize) {
    let count = |number: usize| u16::try_from(number).expect("fewer than a block's bytes");
    put_u16(bytes, 0, MAGIC);
    put_u16(bytes, 2, count(entries.len()));
    put_u16(bytes, 4, count(most));
    put_u16(bytes, 6, depth);
    for (place, (_, entry)) in bytes[ENTRY..].chunks_exact_mut(ENTRY).zip(entries) {
        place.copy_from_slice(entry);
    }
}

fn leaf(extent: &Extent) -> [u8; ENTRY] {
    let mut entry = [0; ENTRY];
    put_u32(&mut entry, 0, extent.logical);
    put_u16(&mut entry, 4, extent.length);
    put_u16(&mut entry, 6, extent.physical >> 32);
    put_u32(&mut entry, 8, extent.physical);
    entry
}

fn branch(logical: u64, place: u64) -> [u8; ENTRY] {
    let mut entry = [0; ENTRY];
    put_u32(&mut entry, 0, logical);
    put_u32(&mut entry, 4, place);
    put_u16(&mut entry, 8, place >> 32);
    entry
}

/// Returns the blocks of the extents that stand in an inode itself; nothing is returned when the tree is deeper.
pub(super) fn read_few(bytes: &[u8]) -> Option<Vec<Range<u64>>> {
    let (entries, depth) = (usize::from(u16_at(bytes, 2)), u16_at(bytes, 6));
    if u16_at(bytes, 0) != MAGIC || depth != 0 || entries > FEW {
        return None;
    }
    let extents = bytes[ENTRY..].chunks_exact(ENTRY).take(entries);
    let blocks = extents.map(|entry| {
        let start = u64::from(u16_at(entry, 6)) << 32 | u64::from(u32_at(entry, 8));
        start..start + u64::from(u16_at(entry, 4))
    });
    Some(blocks.collect())
}
