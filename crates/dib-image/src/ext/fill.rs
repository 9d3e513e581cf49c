//! Fills an empty ext4 file system with a tree.
//!
//! mke2fs makes the file system, for it knows all that users ask of it. With `-d` it would fill it, too, but on one core,
//! and with every file where the one before happens to end. Here files are copied on all cores, to places that change
//! little when the tree changes little (see `layout`).
//!
//! Only a file system all of whose features are known here is filled. All others, and trees with something in them that
//! is not known here, are left to mke2fs.
//!
//! In reading order: `tree`, what shall be in it; `geometry` and `groups`, what mke2fs has made; `prepared`, what of each
//! node is written; `layout`, where; `written`, writing it.

mod attributes;
mod content;
mod directory;
mod extents;
mod geometry;
mod groups;
mod hash;
mod inode;
mod layout;
mod prepared;
mod tree;
mod written;

#[cfg(test)]
mod tests;

use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::time::{SystemTime, UNIX_EPOCH};

use camino::{Utf8Path, Utf8PathBuf};
use dib_sys::DeviceNode;

use super::ExtError;
use super::little_endian::{u16_at, u32_at};
use crate::room::Room;
use geometry::{Geometry, INODE, SUPERBLOCK, SUPERBLOCK_LENGTH};
use groups::Groups;
use layout::{Free, Layout};
use prepared::Prepared;
use tree::{Request, Tree};

/// What became of filling a file system.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Filled {
    /// The tree is in it.
    Whole,
    /// Nothing was written: it is for mke2fs.
    Declined,
}

/// The file system's place on the disk.
#[derive(Clone, Copy)]
struct Place<'p> {
    path: &'p Utf8Path,
    file: &'p File,
    /// In bytes.
    start: u64,
}

impl Place<'_> {
    fn read(&self, bytes: &mut [u8], offset: u64) -> io::Result<()> {
        self.file.read_exact_at(bytes, self.start + offset)
    }

    fn write(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.file.write_all_at(bytes, self.start + offset)
    }

    fn error(&self, source: io::Error) -> ExtError {
        ExtError::Io {
            path: Utf8PathBuf::from(self.path),
            source,
        }
    }
}

/// Fills an empty file system with a tree and the device nodes, if both are such that we know how.
pub(super) fn fill(
    tree: &Utf8Path,
    device_nodes: &[DeviceNode],
    room: Room<'_>,
    seed: Option<u64>,
) -> Result<Filled, ExtError> {
    let place = Place {
        path: room.image,
        file: room.file,
        start: room.extent.start,
    };
    let mut superblock = [0; SUPERBLOCK_LENGTH];
    place
        .read(&mut superblock, SUPERBLOCK)
        .map_err(|source| place.error(source))?;
    let Some(geometry) = Geometry::read(&superblock) else {
        return Ok(Filled::Declined);
    };
    let groups = Groups::read(&geometry, place).map_err(|source| place.error(source))?;
    let Some(empty) = Empty::read(&geometry, &groups, place).map_err(|source| place.error(source))? else {
        return Ok(Filled::Declined);
    };
    let now = seed.unwrap_or_else(|| {
        let since = SystemTime::now().duration_since(UNIX_EPOCH);
        since.map_or(0, |since| since.as_secs())
    });
    let now = i64::try_from(now).unwrap_or(i64::MAX);
    let request = Request {
        root: tree.as_std_path(),
        device_nodes,
        block: geometry.block_bytes(),
        now,
    };
    let Some(mut tree) = tree::read(&request)? else {
        return Ok(Filled::Declined);
    };
    if seed.is_some() {
        // When a file was last read, and when its attributes last changed, is nobody's wish.
        for node in &mut tree.nodes {
            (node.read_at, node.changed_at) = (now, now);
        }
    }
    if let Some(node) = prepared::too_often_linked(&tree) {
        // mke2fs would miscount.
        return Err(tree::at(&node.path, io::ErrorKind::TooManyLinks.into()));
    }
    let Some(prepared) = Prepared::new(&tree, &geometry, empty.first_inode) else {
        return Ok(Filled::Declined);
    };
    let free = groups
        .free_blocks(&empty.freed)
        .map_err(|source| place.error(source))?;
    let Some(placed) = put(&tree, &prepared, &geometry, &free, place.start) else {
        return Ok(Filled::Declined);
    };
    let written = written::Writing {
        tree: &tree,
        prepared: &prepared,
        placed: &placed,
        geometry: &geometry,
        place,
        created_at: now,
    };
    written.write(groups, empty.freed)?;
    Ok(Filled::Whole)
}

/// What an empty file system holds that is ours to change.
struct Empty {
    /// The blocks of the root directory and of the one for lost files.
    freed: Vec<Range<u64>>,
    /// The number of the first inode that is free.
    first_inode: u64,
}

impl Empty {
    /// Nothing is returned when it is not as mke2fs leaves it.
    fn read(geometry: &Geometry, groups: &Groups<'_>, place: Place<'_>) -> io::Result<Option<Self>> {
        let mut freed = Vec::new();
        for number in [prepared::ROOT_NUMBER, prepared::LOST_AND_FOUND_NUMBER] {
            let mut inode = [0; INODE];
            place.read(&mut inode, groups.place_of_inode(number))?;
            let is_directory = u16_at(&inode, 0) & 0o170_000 == 0o040_000;
            let Some(extents) = extents::read_few(&inode[0x28..0x28 + extents::IN_INODE]).filter(|_| {
                is_directory && u32_at(&inode, 0x20) == inode::EXTENTS && u32_at(&inode, 0x68) == 0
            }) else {
                return Ok(None);
            };
            freed.extend(extents);
        }
        let first_inode = groups.first_free_inode()?;
        let is_empty = first_inode > prepared::LOST_AND_FOUND_NUMBER
            && geometry.inodes_per_group > prepared::LOST_AND_FOUND_NUMBER;
        Ok(is_empty.then_some(Self { freed, first_inode }))
    }
}

/// Where everything goes.
struct Placed {
    layout: Layout,
    /// Each node's extents, and where the tree of them is.
    extents: Vec<Vec<extents::Extent>>,
    trees: Vec<Vec<u64>>,
}

/// Finds a place for everything, with gaps if there is room for them; nothing is returned when there is none at all.
fn put(
    tree: &Tree,
    prepared: &Prepared,
    geometry: &Geometry,
    free: &[Range<u64>],
    start: u64,
) -> Option<Placed> {
    let free = || Free::new(free.to_owned(), geometry, start);
    let complete = |mut layout: Layout| {
        let (mut extents, mut trees) = (Vec::new(), Vec::new());
        for (node, placed) in layout.blocks.iter().enumerate() {
            let own = extents::join(&prepared.data_of(tree, node), placed);
            let count = extents::blocks_of_tree(own.len(), geometry);
            let taken = layout.free.take(u64::try_from(count).ok()?)?;
            trees.push(taken.into_iter().flatten().collect());
            extents.push(own);
        }
        Some(Placed {
            layout,
            extents,
            trees,
        })
    };
    let needs = &prepared.needs;
    layout::with_gaps(tree, needs, free())
        .and_then(complete)
        .or_else(|| layout::without_gaps(tree, needs, free()).and_then(complete))
}
