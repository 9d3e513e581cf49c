//! What of each node is to be written, before it is known where.

use std::ops::Range;

use super::attributes::{self, Encoded};
use super::directory::{Numbers, Plan};
use super::extents::IN_INODE;
use super::geometry::Geometry;
use super::inode::{self, ROOM_FOR_ATTRIBUTES};
use super::layout::Needs;
use super::tree::{Kind, LOST_AND_FOUND, Node, ROOT, Tree};

/// The inodes' numbers of the root directory and of the one for lost files.
pub(super) const ROOT_NUMBER: u64 = 2;
pub(super) const LOST_AND_FOUND_NUMBER: u64 = 11;
/// More names than this no inode may have.
const MOST_LINKS: u64 = 65_000;
/// What the number of links of a directory is when it is not known.
const UNCOUNTED: u64 = 1;
/// A file's blocks are counted in 32 bits.
const MOST_BLOCKS: u64 = u32::MAX as u64;
/// The directory for lost files is as large as this, in bytes, for there may be no room for it when it is needed.
const ROOM_FOR_LOST: usize = 16 << 10;
/// But no larger than this, in blocks.
const MOST_FOR_LOST: usize = 12;

/// What is to be written.
pub(super) struct Prepared {
    /// The number of the first inode after those of the empty file system.
    first_inode: u64,
    pub(super) plans: Vec<Option<Plan>>,
    pub(super) attributes: Vec<Encoded>,
    pub(super) needs: Needs,
}

/// What an inode has in place of extents.
pub(super) enum Content {
    Extents,
    /// A short target or a device's number.
    Own([u8; IN_INODE]),
}

impl Prepared {
    /// Prepares a tree for a file system; nothing is returned when something of it can't be in there.
    pub(super) fn new(tree: &Tree, geometry: &Geometry, first_inode: u64) -> Option<Self> {
        let mut prepared = Self {
            first_inode,
            plans: Vec::new(),
            attributes: Vec::new(),
            needs: Needs {
                own: Vec::new(),
                attributes: Vec::new(),
            },
        };
        let inodes = geometry.groups * geometry.inodes_per_group;
        if prepared.number_of(tree.nodes.len()) > inodes + 1 {
            return None;
        }
        for (index, node) in tree.nodes.iter().enumerate() {
            prepared.add(index, node, tree, geometry)?;
        }
        Some(prepared)
    }

    fn add(&mut self, index: usize, node: &Node, tree: &Tree, geometry: &Geometry) -> Option<()> {
        let mut plan = None;
        let own = match &node.kind {
            Kind::Directory { entries, .. } => {
                let least = if index == LOST_AND_FOUND {
                    (ROOM_FOR_LOST / geometry.block).min(MOST_FOR_LOST)
                } else {
                    1
                };
                let blocks = plan.insert(Plan::new(entries, geometry, least)).blocks();
                u64::try_from(blocks).ok()?
            }
            // A file's data is laid out by what it is.
            Kind::File { size, .. } => {
                let fits = size.div_ceil(geometry.block_bytes()) <= MOST_BLOCKS;
                fits.then_some(0)?
            }
            Kind::Link(target) if target.len() < geometry.block => u64::from(target.len() >= IN_INODE),
            Kind::Link(_) => return None,
            Kind::Device { major, minor, .. } => inode::device(*major, *minor).map(|_| 0)?,
            Kind::Pipe | Kind::Socket => 0,
        };
        links(node, tree, geometry)?;
        let encoded = attributes::encode(&node.attributes, ROOM_FOR_ATTRIBUTES, geometry.block)?;
        self.plans.push(plan);
        self.needs.own.push(own);
        self.needs.attributes.push(u64::from(encoded.block.is_some()));
        self.attributes.push(encoded);
        Some(())
    }

    /// Returns the number of a node's inode.
    pub(super) fn number_of(&self, node: usize) -> u64 {
        match node {
            ROOT => ROOT_NUMBER,
            LOST_AND_FOUND => LOST_AND_FOUND_NUMBER,
            _ => self.first_inode + u64::try_from(node - 2).expect("nodes are in memory"),
        }
    }

    /// Returns the numbers of the inodes that are new.
    pub(super) fn new_inodes(&self, tree: &Tree) -> Range<u64> {
        self.first_inode..self.number_of(tree.nodes.len())
    }

    /// Returns the numbers that a directory's first entries tell.
    pub(super) fn numbers_of(&self, node: usize, parent: usize) -> Numbers {
        Numbers {
            own: self.number_of(node),
            parent: self.number_of(parent),
        }
    }

    /// Returns which of a node's blocks are on the disk.
    pub(super) fn data_of(&self, tree: &Tree, node: usize) -> Vec<Range<u64>> {
        match &tree.nodes[node].kind {
            Kind::File { data, .. } => data.clone(),
            _ => std::iter::once(0..self.needs.own[node])
                .filter(|range| !range.is_empty())
                .collect(),
        }
    }

    /// Returns a node's length in bytes.
    pub(super) fn size_of(&self, tree: &Tree, node: usize, geometry: &Geometry) -> u64 {
        match &tree.nodes[node].kind {
            Kind::Directory { .. } => self.needs.own[node] * geometry.block_bytes(),
            Kind::File { size, .. } => *size,
            Kind::Link(target) => u64::try_from(target.len()).expect("shorter than a block"),
            Kind::Device { .. } | Kind::Pipe | Kind::Socket => 0,
        }
    }
}

/// Returns what an inode holds of what its node is.
pub(super) fn content(kind: &Kind) -> Content {
    let mut own = [0; IN_INODE];
    match kind {
        Kind::Link(target) if target.len() < IN_INODE => own[..target.len()].copy_from_slice(target),
        Kind::Directory { .. } | Kind::File { .. } | Kind::Link(_) => return Content::Extents,
        Kind::Device { major, minor, .. } => {
            own = inode::device(*major, *minor).expect("too large numbers were sent away");
        }
        Kind::Pipe | Kind::Socket => {}
    }
    Content::Own(own)
}

/// Returns a file that has more names than its inode can count.
pub(super) fn too_often_linked(tree: &Tree) -> Option<&Node> {
    tree.nodes.iter().find(|node| node.names > MOST_LINKS)
}

/// Returns how many links a node's inode has; nothing is returned when a directory's are too many.
pub(super) fn links(node: &Node, tree: &Tree, geometry: &Geometry) -> Option<u64> {
    let Kind::Directory { entries, .. } = &node.kind else {
        return Some(node.names);
    };
    let directories = entries
        .iter()
        .filter(|entry| tree.nodes[entry.node].is_directory());
    let links = u64::try_from(directories.count()).ok()? + 2;
    if links < MOST_LINKS {
        Some(links)
    } else {
        geometry.many_directories.then_some(UNCOUNTED)
    }
}
