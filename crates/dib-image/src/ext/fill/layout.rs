//! Where on the disk everything goes.
//!
//! The order follows from the tree alone. A small change of a tree is to change few stretches of 64 KiB, the unit in which
//! qcow2 compresses: a file that is as large as that begins at such a stretch, and smaller ones follow each other until
//! one comes, chosen by its name, that begins at a stretch again.

use std::ops::Range;

use super::geometry::Geometry;
use super::tree::{Kind, Tree};

/// What files and runs of small files are aligned to, in bytes.
const STRETCH: u64 = 64 << 10;
/// What the data as a whole is aligned to, so that a directory more does not move it.
const BEGIN: u64 = 1 << 20;
/// One of so many small files begins a stretch.
const RUN: u32 = 16;

/// What needs blocks beside the files' data, in the order of the nodes.
pub(super) struct Needs {
    /// Blocks of directories and of symbolic links.
    pub(super) own: Vec<u64>,
    /// Blocks of attributes: one or none.
    pub(super) attributes: Vec<u64>,
}

/// Where the blocks of each node are, in their order.
pub(super) struct Layout {
    pub(super) blocks: Vec<Vec<Range<u64>>>,
    pub(super) attributes: Vec<Option<u64>>,
    /// What is free then.
    pub(super) free: Free,
}

/// Free blocks, of which the first are taken first.
pub(super) struct Free {
    ranges: std::vec::IntoIter<Range<u64>>,
    current: Range<u64>,
    /// A block's length in bytes, and where on the disk the first is.
    block: u64,
    start: u64,
}

/// Lays out everything with gaps before large files and runs of small ones; nothing is returned when that does not fit.
pub(super) fn with_gaps(tree: &Tree, needs: &Needs, mut free: Free) -> Option<Layout> {
    let (mut blocks, attributes) = lay_out_metadata(needs, &mut free)?;
    free.align(BEGIN)?;
    for unit in units(tree, free.block) {
        free.align(STRETCH)?;
        for node in unit {
            let count = data_blocks(&tree.nodes[node].kind);
            blocks[node] = free.take_aligned(count)?;
        }
    }
    Some(Layout {
        blocks,
        attributes,
        free,
    })
}

/// Lays out everything without gaps; nothing is returned when that does not fit, either.
pub(super) fn without_gaps(tree: &Tree, needs: &Needs, mut free: Free) -> Option<Layout> {
    let (mut blocks, attributes) = lay_out_metadata(needs, &mut free)?;
    for (node, blocks) in tree.nodes.iter().zip(&mut blocks) {
        if let Kind::File { .. } = node.kind {
            *blocks = free.take(data_blocks(&node.kind))?;
        }
    }
    Some(Layout {
        blocks,
        attributes,
        free,
    })
}

type Metadata = (Vec<Vec<Range<u64>>>, Vec<Option<u64>>);

/// Lays out directories, symbolic links and attributes, each kind together.
fn lay_out_metadata(needs: &Needs, free: &mut Free) -> Option<Metadata> {
    let blocks: Option<Vec<_>> = needs.own.iter().map(|count| free.take(*count)).collect();
    let attributes: Option<Vec<_>> = needs
        .attributes
        .iter()
        .map(|count| Some(free.take(*count)?.first().map(|range| range.start)))
        .collect();
    Some((blocks?, attributes?))
}

/// Returns the files in groups that begin at a stretch: a large one alone, small ones together.
fn units(tree: &Tree, block: u64) -> Vec<Vec<usize>> {
    let mut units: Vec<Vec<usize>> = Vec::new();
    let mut run = None;
    for (index, node) in tree.nodes.iter().enumerate() {
        let count = data_blocks(&node.kind);
        if count == 0 {
            continue;
        }
        if count * block >= STRETCH {
            units.push(vec![index]);
            continue;
        }
        match run {
            Some(run) if !node.hash_of_path.is_multiple_of(RUN) => {
                let unit: &mut Vec<usize> = &mut units[run];
                unit.push(index);
            }
            _ => {
                run = Some(units.len());
                units.push(vec![index]);
            }
        }
    }
    units
}

fn data_blocks(kind: &Kind) -> u64 {
    match kind {
        Kind::File { data, .. } => data.iter().map(|range| range.end - range.start).sum(),
        _ => 0,
    }
}

impl Free {
    /// Takes the free blocks in their order, and where on the disk the file system begins, in bytes.
    pub(super) fn new(ranges: Vec<Range<u64>>, geometry: &Geometry, start: u64) -> Self {
        Self {
            ranges: ranges.into_iter(),
            current: 0..0,
            block: geometry.block_bytes(),
            start,
        }
    }

    /// Goes on to a block that begins at a multiple of so many bytes on the disk, as near as blocks come to it.
    fn align(&mut self, bytes: u64) -> Option<()> {
        loop {
            let beyond = (self.start + self.current.start * self.block) % bytes / self.block;
            if beyond > 0 {
                let gap = bytes / self.block - beyond;
                self.current.start = self.current.start.saturating_add(gap).min(self.current.end);
            }
            if !self.current.is_empty() {
                return Some(());
            }
            self.current = self.ranges.next()?;
        }
    }

    /// Takes so many blocks, wherever they are.
    pub(super) fn take(&mut self, mut count: u64) -> Option<Vec<Range<u64>>> {
        let mut taken = Vec::new();
        while count > 0 {
            if self.current.is_empty() {
                self.current = self.ranges.next()?;
                continue;
            }
            let part = count.min(self.current.end - self.current.start);
            taken.push(self.split(part));
            count -= part;
        }
        Some(taken)
    }

    /// Takes blocks side by side if they are few; of many, each part but the last is some whole stretches.
    fn take_aligned(&mut self, mut count: u64) -> Option<Vec<Range<u64>>> {
        let stretch = STRETCH / self.block;
        let mut taken = Vec::new();
        while count > 0 {
            let left = self.current.end - self.current.start;
            let part = if count <= left {
                count
            } else if count >= stretch {
                left / stretch * stretch
            } else {
                0
            };
            if part > 0 {
                taken.push(self.split(part));
                count -= part;
            }
            if count > 0 {
                self.current = self.ranges.next()?;
                self.align(STRETCH)?;
            }
        }
        Some(taken)
    }

    fn split(&mut self, count: u64) -> Range<u64> {
        let start = self.current.start;
        self.current.start += count;
        start..self.current.start
    }
}
