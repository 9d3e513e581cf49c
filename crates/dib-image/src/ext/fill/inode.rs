//! Inodes.
//!
//! Source: the kernel's documentation of ext4's on-disk format, `Documentation/filesystems/ext4/inodes.rst`.

use super::super::checksum::crc32c;
use super::super::little_endian::{put_u16, put_u32};
use super::extents::IN_INODE;
use super::geometry::{EXTRA_FIELDS, Geometry, INODE, put_halves};
use super::tree::Node;

/// How many bytes an inode has behind its fields.
pub(super) const ROOM_FOR_ATTRIBUTES: usize = INODE - ATTRIBUTES;
const ATTRIBUTES: usize = 128 + 32;

/// Flags: the blocks are in a tree of extents; the directory has an index.
pub(super) const EXTENTS: u32 = 0x8_0000;
pub(super) const INDEXED: u32 = 0x1000;

const CHECKSUM_LOW: usize = 0x7c;
const CHECKSUM_HIGH: usize = 0x82;

/// What an inode says beside what its node does.
pub(super) struct Body<'b> {
    pub(super) number: u64,
    /// In bytes.
    pub(super) size: u64,
    pub(super) links: u64,
    /// Blocks of all kinds that belong to it.
    pub(super) blocks: u64,
    pub(super) flags: u32,
    /// Extents, a symbolic link's short target, or a device's number.
    pub(super) content: [u8; IN_INODE],
    pub(super) attributes: &'b [u8],
    /// Where the block with further attributes is, or 0.
    pub(super) attribute_block: u64,
    /// When it came to be, in seconds since 1970.
    pub(super) created_at: i64,
}

/// Returns an inode's bytes.
pub(super) fn encode(node: &Node, body: &Body<'_>, geometry: &Geometry) -> [u8; INODE] {
    let mut inode = [0; INODE];
    put_u16(&mut inode, 0x00, node.mode());
    put_halves(&mut inode, 0x02, Some(0x78), node.uid);
    put_halves(&mut inode, 0x18, Some(0x7a), node.gid);
    put_u32(&mut inode, 0x04, body.size);
    put_u32(&mut inode, 0x6c, body.size >> 32);
    put_u16(&mut inode, 0x1a, body.links);
    // In units of 512 bytes.
    let units = body.blocks * (geometry.block_bytes() / 512);
    put_u32(&mut inode, 0x1c, units);
    put_u16(&mut inode, 0x74, units >> 32);
    put_u32(&mut inode, 0x20, body.flags);
    inode[0x28..0x28 + IN_INODE].copy_from_slice(&body.content);
    put_u32(&mut inode, 0x68, body.attribute_block);
    put_u16(&mut inode, 0x76, body.attribute_block >> 32);
    put_u16(&mut inode, 0x80, EXTRA_FIELDS);
    for (time, low, high) in [
        (node.read_at, 0x08, 0x8c),
        (node.changed_at, 0x0c, 0x84),
        (node.modified_at, 0x10, 0x88),
        (body.created_at, 0x90, 0x94),
    ] {
        put_time(&mut inode, time, low, high);
    }
    inode[ATTRIBUTES..].copy_from_slice(body.attributes);
    if let Some(seed) = geometry.seed_of(body.number) {
        let checksum = crc32c(seed, &inode);
        put_halves(&mut inode, CHECKSUM_LOW, Some(CHECKSUM_HIGH), checksum);
    }
    inode
}

/// Writes a time: 32 bits with a sign, and in another field two more bits, which count what is beyond.
fn put_time(inode: &mut [u8], time: i64, low: usize, high: usize) {
    const EARLIEST: i64 = -(1 << 31);
    const LATEST: i64 = (3 << 32) + (1 << 31) - 1;
    let time = time.clamp(EARLIEST, LATEST);
    put_u32(inode, low, time.cast_unsigned());
    put_u32(inode, high, (time - EARLIEST).cast_unsigned() >> 32);
}

/// Returns how a device's number is written; nothing is returned when it is too large.
pub(super) fn device(major: u32, minor: u32) -> Option<[u8; IN_INODE]> {
    let mut content = [0; IN_INODE];
    if major < 256 && minor < 256 {
        put_u32(&mut content, 0, major << 8 | minor);
    } else if major < 1 << 12 && minor < 1 << 20 {
        put_u32(&mut content, 4, minor & 0xff | major << 8 | (minor & !0xff) << 12);
    } else {
        return None;
    }
    Some(content)
}
