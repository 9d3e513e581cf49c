//! Writes everything to where it belongs.

use std::collections::BTreeMap;
use std::io;
use std::ops::Range;

use super::super::ExtError;
use super::attributes;
use super::directory::Plan;
use super::geometry::{Counts, Geometry, INODE, INODE_BYTES, SUPERBLOCK};
use super::groups::{Groups, Use};
use super::inode::{self, Body};
use super::prepared::{Content, Prepared, content, links};
use super::tree::{Kind, Tree};
use super::{Place, Placed, content as files, extents};

/// A file without a flag for it in the superblock is shorter than this, in bytes.
const LARGE: u64 = 1 << 31;

/// All that is known before anything is written.
pub(super) struct Writing<'w> {
    pub(super) tree: &'w Tree,
    pub(super) prepared: &'w Prepared,
    pub(super) placed: &'w Placed,
    pub(super) geometry: &'w Geometry,
    pub(super) place: Place<'w>,
    /// When all inodes come to be, in seconds since 1970.
    pub(super) created_at: i64,
}

impl Writing<'_> {
    /// Writes the tree into a file system that loses the blocks `freed`.
    pub(super) fn write(&self, mut groups: Groups<'_>, freed: Vec<Range<u64>>) -> Result<(), ExtError> {
        files::copy(self.tree, &self.placed.extents, self.geometry, self.place)?;
        self.write_metadata(&mut groups, freed)
            .map_err(|source| self.place.error(source))
    }

    fn write_metadata(&self, groups: &mut Groups<'_>, freed: Vec<Range<u64>>) -> io::Result<()> {
        for node in 0..self.tree.nodes.len() {
            self.write_blocks(node)?;
        }
        self.write_inodes(groups)?;
        let used = Use {
            freed,
            blocks: self.used_blocks(),
            inodes: self.prepared.new_inodes(self.tree),
            directories: self.directories_of_groups(groups),
        };
        let (free_blocks, free_inodes) = groups.write(&used)?;
        let is_large = |kind: &Kind| matches!(kind, Kind::File { size, .. } if *size >= LARGE);
        let counts = Counts {
            free_blocks,
            free_inodes,
            large_files: self.tree.nodes.iter().any(|node| is_large(&node.kind)),
        };
        counts.write(self.place, self.geometry, SUPERBLOCK)?;
        for group in (1..self.geometry.groups).filter(|group| self.geometry.copies.has(*group)) {
            let copy = self.geometry.start_of(group) * self.geometry.block_bytes();
            counts.write(self.place, self.geometry, copy)?;
        }
        Ok(())
    }

    /// Writes what stands in a node's own blocks, but for a file's data.
    fn write_blocks(&self, node: usize) -> io::Result<()> {
        let number = self.prepared.number_of(node);
        let bytes = match (&self.tree.nodes[node].kind, &self.prepared.plans[node]) {
            (Kind::Directory { parent, entries }, Some(plan)) => {
                let numbers = self.prepared.numbers_of(node, *parent);
                plan.encode(entries, numbers, self.geometry, |entry| {
                    let kind = self.tree.nodes[entry.node].type_in_directory();
                    (self.prepared.number_of(entry.node), kind)
                })
            }
            (Kind::Link(target), _) if !self.placed.extents[node].is_empty() => {
                let mut block = target.clone();
                block.resize(self.geometry.block, 0);
                block
            }
            _ => Vec::new(),
        };
        let mut bytes = bytes.as_slice();
        for extent in self.placed.extents[node].iter().filter(|_| !bytes.is_empty()) {
            let length = extent.length * self.geometry.block_bytes();
            let (part, rest) = bytes.split_at(usize::try_from(length).map_err(io::Error::other)?);
            self.place
                .write(part, extent.physical * self.geometry.block_bytes())?;
            bytes = rest;
        }
        let block = self.prepared.attributes[node].block.clone();
        if let Some((mut block, at)) = block.zip(self.placed.layout.attributes[node]) {
            attributes::seal(&mut block, at, self.geometry.seed);
            self.place.write(&block, at * self.geometry.block_bytes())?;
        }
        let trees = self.encode_extents(node, number).blocks;
        for (at, block) in trees {
            self.place.write(&block, at * self.geometry.block_bytes())?;
        }
        Ok(())
    }

    fn encode_extents(&self, node: usize, number: u64) -> extents::Encoded {
        extents::encode(
            &self.placed.extents[node],
            &self.placed.trees[node],
            self.geometry,
            self.geometry.seed_of(number),
        )
    }

    fn write_inodes(&self, groups: &Groups<'_>) -> io::Result<()> {
        let mut nodes_of_groups: BTreeMap<u64, Vec<usize>> = BTreeMap::new();
        for node in 0..self.tree.nodes.len() {
            let (group, _) = groups.group_of_inode(self.prepared.number_of(node));
            nodes_of_groups.entry(group).or_default().push(node);
        }
        for (group, nodes) in nodes_of_groups {
            let first = group * self.geometry.inodes_per_group + 1;
            let numbers = nodes.iter().map(|node| self.prepared.number_of(*node));
            let count = numbers.max().map_or(0, |last| last + 1 - first);
            let table = groups.place_of_inode(first);
            let mut bytes = vec![0; usize::try_from(count * INODE_BYTES).map_err(io::Error::other)?];
            self.place.read(&mut bytes, table)?;
            let (inodes, _) = bytes.as_chunks_mut::<INODE>();
            for node in nodes {
                let index = self.prepared.number_of(node) - first;
                let index = usize::try_from(index).map_err(io::Error::other)?;
                inodes[index] = self.encode_inode(node);
            }
            self.place.write(&bytes, table)?;
        }
        Ok(())
    }

    fn encode_inode(&self, index: usize) -> [u8; INODE] {
        let node = &self.tree.nodes[index];
        let number = self.prepared.number_of(index);
        let is_indexed = self.prepared.plans[index].as_ref().is_some_and(Plan::is_indexed);
        let (content, flags) = match content(&node.kind) {
            Content::Own(content) => (content, 0),
            Content::Extents if is_indexed => {
                let extents = self.encode_extents(index, number).in_inode;
                (extents, inode::EXTENTS | inode::INDEXED)
            }
            Content::Extents => (self.encode_extents(index, number).in_inode, inode::EXTENTS),
        };
        let attribute_block = self.placed.layout.attributes[index];
        let data: u64 = self.placed.extents[index]
            .iter()
            .map(|extent| extent.length)
            .sum();
        let trees = u64::try_from(self.placed.trees[index].len()).expect("they are in memory");
        let body = Body {
            number,
            size: self.prepared.size_of(self.tree, index, self.geometry),
            links: links(node, self.tree, self.geometry).expect("too many links were sent away"),
            blocks: data + trees + u64::from(attribute_block.is_some()),
            flags,
            content,
            attributes: &self.prepared.attributes[index].in_inode,
            attribute_block: attribute_block.unwrap_or_default(),
            created_at: self.created_at,
        };
        inode::encode(node, &body, self.geometry)
    }

    fn used_blocks(&self) -> Vec<Range<u64>> {
        let data = self.placed.layout.blocks.iter().flatten().cloned();
        let single = self.placed.layout.attributes.iter().flatten();
        let single = single.chain(self.placed.trees.iter().flatten());
        let mut used: Vec<Range<u64>> = data.chain(single.map(|block| *block..*block + 1)).collect();
        used.sort_unstable_by_key(|range| range.start);
        let mut merged: Vec<Range<u64>> = Vec::new();
        for range in used {
            match merged.last_mut() {
                Some(last) if last.end == range.start => last.end = range.end,
                _ => merged.push(range),
            }
        }
        merged
    }

    fn directories_of_groups(&self, groups: &Groups<'_>) -> Vec<u64> {
        let mut directories = Vec::new();
        for (node, _) in (0..)
            .zip(&self.tree.nodes)
            .filter(|(_, node)| node.is_directory())
        {
            let (group, _) = groups.group_of_inode(self.prepared.number_of(node));
            let group = usize::try_from(group).expect("descriptors are in memory");
            if directories.len() <= group {
                directories.resize(group + 1, 0);
            }
            directories[group] += 1;
        }
        directories
    }
}
