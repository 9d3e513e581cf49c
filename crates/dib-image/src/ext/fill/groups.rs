//! The groups of a file system: their descriptors, and which of their blocks and inodes are in use.

use std::io;
use std::ops::Range;

use super::super::checksum::crc32c;
use super::super::little_endian::{put_u16, put_u32, u16_at, u32_at};
use super::Place;
use super::geometry::{Geometry, INODE_BYTES, put_halves};

/// Flags of a group whose inodes, or the map of whose blocks, were never written.
const NO_INODES: u16 = 1;
const NO_BLOCK_MAP: u16 = 2;

const FLAGS: usize = 0x12;
const CHECKSUM: usize = 0x1e;

/// A number in a descriptor: where its lower and its upper half stand.
type Field = (usize, usize);
const BLOCK_MAP: Field = (0x00, 0x20);
const INODE_MAP: Field = (0x04, 0x24);
const INODE_TABLE: Field = (0x08, 0x28);
const FREE_BLOCKS: Field = (0x0c, 0x2c);
const FREE_INODES: Field = (0x0e, 0x2e);
const DIRECTORIES: Field = (0x10, 0x30);
const BLOCK_MAP_CHECKSUM: Field = (0x18, 0x38);
const INODE_MAP_CHECKSUM: Field = (0x1a, 0x3a);
const UNUSED_INODES: Field = (0x1c, 0x32);

/// The descriptors of all groups, in the order of the groups.
pub(super) struct Groups<'g> {
    geometry: &'g Geometry,
    place: Place<'g>,
    descriptors: Vec<u8>,
    /// Where maps and tables of inodes are, in no order.
    own: Vec<Range<u64>>,
}

/// Which blocks and inodes are in use beside those of the empty file system.
pub(super) struct Use {
    /// Blocks that are no longer in use, or not in the same way.
    pub(super) freed: Vec<Range<u64>>,
    /// In order.
    pub(super) blocks: Vec<Range<u64>>,
    /// Numbers of inodes from the first free one.
    pub(super) inodes: Range<u64>,
    /// How many directories each group has.
    pub(super) directories: Vec<u64>,
}

impl<'g> Groups<'g> {
    pub(super) fn read(geometry: &'g Geometry, place: Place<'g>) -> io::Result<Self> {
        let length = geometry.descriptor_blocks() * geometry.block_bytes();
        let mut descriptors = vec![0; usize::try_from(length).map_err(io::Error::other)?];
        place.read(
            &mut descriptors,
            (geometry.first_block + 1) * geometry.block_bytes(),
        )?;
        let mut groups = Self {
            geometry,
            place,
            descriptors,
            own: Vec::new(),
        };
        groups.own = groups.maps_and_tables();
        Ok(groups)
    }

    /// Returns where maps and tables of inodes are; those of several groups mostly are side by side.
    fn maps_and_tables(&self) -> Vec<Range<u64>> {
        let geometry = self.geometry;
        let table = geometry.inode_blocks();
        let mut own: Vec<Range<u64>> = Vec::new();
        for (field, length) in [(BLOCK_MAP, 1), (INODE_MAP, 1), (INODE_TABLE, table)] {
            for group in 0..geometry.groups {
                let start = self.block_at(group, field);
                match own.last_mut() {
                    Some(last) if last.end == start => last.end += length,
                    _ => own.push(start..start + length),
                }
            }
        }
        own
    }

    fn descriptor(&self, group: u64) -> &[u8] {
        let start = usize::try_from(group).expect("descriptors are in memory") * self.geometry.descriptor;
        &self.descriptors[start..start + self.geometry.descriptor]
    }

    fn descriptor_mut(&mut self, group: u64) -> &mut [u8] {
        let start = usize::try_from(group).expect("descriptors are in memory") * self.geometry.descriptor;
        &mut self.descriptors[start..start + self.geometry.descriptor]
    }

    fn block_at(&self, group: u64, (low, high): Field) -> u64 {
        let descriptor = self.descriptor(group);
        let is_wide = descriptor.len() > high;
        let upper = if is_wide { u32_at(descriptor, high) } else { 0 };
        u64::from(upper) << 32 | u64::from(u32_at(descriptor, low))
    }

    fn count(&self, group: u64, (low, high): Field) -> u64 {
        let descriptor = self.descriptor(group);
        let is_wide = descriptor.len() > high;
        let upper = if is_wide { u16_at(descriptor, high) } else { 0 };
        u64::from(upper) << 16 | u64::from(u16_at(descriptor, low))
    }

    fn set_count(&mut self, group: u64, (low, high): Field, count: u64) {
        let descriptor = self.descriptor_mut(group);
        put_u16(descriptor, low, count);
        if descriptor.len() > high {
            put_u16(descriptor, high, count >> 16);
        }
    }

    fn has(&self, group: u64, flag: u16) -> bool {
        self.geometry.seed.is_some() && u16_at(self.descriptor(group), FLAGS) & flag != 0
    }

    fn clear(&mut self, group: u64, flag: u16) {
        let descriptor = self.descriptor_mut(group);
        let flags = u16_at(descriptor, FLAGS) & !flag;
        put_u16(descriptor, FLAGS, flags);
    }

    /// Returns where an inode stands, in bytes from the file system's start.
    pub(super) fn place_of_inode(&self, number: u64) -> u64 {
        let (group, index) = self.group_of_inode(number);
        self.block_at(group, INODE_TABLE) * self.geometry.block_bytes() + index * INODE_BYTES
    }

    /// Returns the group of an inode, and its index in there.
    pub(super) fn group_of_inode(&self, number: u64) -> (u64, u64) {
        let per_group = self.geometry.inodes_per_group;
        ((number - 1) / per_group, (number - 1) % per_group)
    }

    /// Returns the number of the first inode that is free and has none in use behind it.
    pub(super) fn first_free_inode(&self) -> io::Result<u64> {
        let per_group = self.geometry.inodes_per_group;
        let groups = 0..self.geometry.groups;
        for group in groups.rev().filter(|group| !self.has(*group, NO_INODES)) {
            let map = self.inode_map(group)?;
            if let Some(last) = (0..per_group).rev().find(|index| has_bit(&map, *index)) {
                return Ok(group * per_group + last + 2);
            }
        }
        Ok(1)
    }

    fn inode_map(&self, group: u64) -> io::Result<Vec<u8>> {
        let mut map = vec![0; self.geometry.block];
        if self.has(group, NO_INODES) {
            // What is no inode counts as in use.
            for index in self.geometry.inodes_per_group..self.geometry.bits_per_block() {
                set_bit(&mut map, index);
            }
        } else {
            let at = self.block_at(group, INODE_MAP) * self.geometry.block_bytes();
            self.place.read(&mut map, at)?;
        }
        Ok(map)
    }

    fn block_map(&self, group: u64) -> io::Result<Vec<u8>> {
        let geometry = self.geometry;
        let mut map = vec![0; geometry.block];
        if !self.has(group, NO_BLOCK_MAP) {
            let at = self.block_at(group, BLOCK_MAP) * geometry.block_bytes();
            self.place.read(&mut map, at)?;
            return Ok(map);
        }
        // Not written, for it follows from where the file system's own blocks are.
        let start = geometry.start_of(group);
        let mut used = Vec::new();
        used.push(geometry.blocks_in(group)..geometry.bits_per_block());
        if geometry.copies.has(group) {
            used.push(0..1 + geometry.descriptor_blocks() + geometry.reserved_descriptor_blocks);
        }
        for range in &self.own {
            used.push(range.start.saturating_sub(start)..range.end.saturating_sub(start));
        }
        for index in used
            .into_iter()
            .flat_map(|range| range.start..range.end.min(geometry.bits_per_block()))
        {
            set_bit(&mut map, index);
        }
        Ok(map)
    }

    /// Returns the free blocks when those in `freed` are, too, in order.
    pub(super) fn free_blocks(&self, freed: &[Range<u64>]) -> io::Result<Vec<Range<u64>>> {
        let mut free: Vec<Range<u64>> = Vec::new();
        for group in 0..self.geometry.groups {
            let mut map = self.block_map(group)?;
            self.for_each_in(group, freed, |index| clear_bit(&mut map, index));
            let start = self.geometry.start_of(group);
            let blocks = self.geometry.blocks_in(group);
            let mut index = 0;
            while index < blocks {
                // Most of a disk is empty.
                let is_empty = index % 8 == 0 && index + 8 <= blocks && map[byte_of(index)] == 0;
                let length = if is_empty { 8 } else { 1 };
                if is_empty || !has_bit(&map, index) {
                    match free.last_mut() {
                        Some(last) if last.end == start + index => last.end += length,
                        _ => free.push(start + index..start + index + length),
                    }
                }
                index += length;
            }
        }
        Ok(free)
    }

    /// Calls a function with the indexes of those blocks that lie in a group.
    fn for_each_in(&self, group: u64, ranges: &[Range<u64>], mut each: impl FnMut(u64)) {
        let start = self.geometry.start_of(group);
        let end = start + self.geometry.blocks_in(group);
        for range in ranges {
            for block in range.start.max(start)..range.end.min(end) {
                each(block - start);
            }
        }
    }

    /// Writes which blocks and inodes are in use, and the descriptors with all their copies.
    ///
    /// Returns how many blocks and inodes are free.
    pub(super) fn write(&mut self, used: &Use) -> io::Result<(u64, u64)> {
        for group in 0..self.geometry.groups {
            self.write_blocks(group, used)?;
            self.write_inodes(group, used)?;
            self.seal(group);
        }
        let geometry = self.geometry;
        for group in (0..geometry.groups).filter(|group| geometry.copies.has(*group)) {
            let at = (geometry.start_of(group) + 1) * geometry.block_bytes();
            self.place.write(&self.descriptors, at)?;
        }
        let sum = |field| (0..geometry.groups).map(|group| self.count(group, field)).sum();
        Ok((sum(FREE_BLOCKS), sum(FREE_INODES)))
    }

    fn write_blocks(&mut self, group: u64, used: &Use) -> io::Result<()> {
        let start = self.geometry.start_of(group);
        let end = start + self.geometry.blocks_in(group);
        let is_in = |range: &&Range<u64>| range.start < end && range.end > start;
        let freed: Vec<Range<u64>> = used.freed.iter().filter(is_in).cloned().collect();
        let blocks: Vec<Range<u64>> = used.blocks.iter().filter(is_in).cloned().collect();
        if freed.is_empty() && blocks.is_empty() {
            return Ok(());
        }
        let mut map = self.block_map(group)?;
        self.for_each_in(group, &freed, |index| clear_bit(&mut map, index));
        self.for_each_in(group, &blocks, |index| set_bit(&mut map, index));
        self.clear(group, NO_BLOCK_MAP);
        let free = count_free(&map, self.geometry.blocks_in(group));
        self.set_count(group, FREE_BLOCKS, free);
        self.write_map(
            group,
            &map,
            self.geometry.blocks_per_group,
            (BLOCK_MAP, BLOCK_MAP_CHECKSUM),
        )
    }

    fn write_inodes(&mut self, group: u64, used: &Use) -> io::Result<()> {
        let per_group = self.geometry.inodes_per_group;
        let first = 1 + group * per_group;
        let inodes = used.inodes.start.max(first)..used.inodes.end.min(first + per_group);
        let directories = usize::try_from(group)
            .ok()
            .and_then(|group| used.directories.get(group));
        self.set_count(group, DIRECTORIES, directories.copied().unwrap_or_default());
        if inodes.is_empty() {
            return Ok(());
        }
        let mut map = self.inode_map(group)?;
        for number in inodes.clone() {
            set_bit(&mut map, number - first);
        }
        self.clear(group, NO_INODES);
        let free = count_free(&map, per_group);
        self.set_count(group, FREE_INODES, free);
        if self.geometry.seed.is_some() {
            self.set_count(group, UNUSED_INODES, first + per_group - inodes.end);
        }
        self.write_map(group, &map, per_group, (INODE_MAP, INODE_MAP_CHECKSUM))
    }

    fn write_map(
        &mut self,
        group: u64,
        map: &[u8],
        bits: u64,
        (field, sum): (Field, Field),
    ) -> io::Result<()> {
        let at = self.block_at(group, field) * self.geometry.block_bytes();
        self.place.write(map, at)?;
        if let Some(seed) = self.geometry.seed {
            let length = usize::try_from(bits / 8).expect("a block at most");
            let descriptor = self.descriptor_mut(group);
            let high = (descriptor.len() > sum.1).then_some(sum.1);
            put_halves(descriptor, sum.0, high, crc32c(seed, &map[..length]));
        }
        Ok(())
    }

    /// Sets a descriptor's own checksum.
    fn seal(&mut self, group: u64) {
        let Some(seed) = self.geometry.seed else { return };
        let mut number = [0; 4];
        put_u32(&mut number, 0, group);
        let descriptor = self.descriptor_mut(group);
        put_u16(descriptor, CHECKSUM, 0_u16);
        let checksum = crc32c(crc32c(seed, &number), descriptor);
        put_u16(descriptor, CHECKSUM, checksum);
    }
}

fn byte_of(index: u64) -> usize {
    usize::try_from(index / 8).expect("an index in a block")
}

fn has_bit(map: &[u8], index: u64) -> bool {
    map[byte_of(index)] >> (index % 8) & 1 == 1
}

fn set_bit(map: &mut [u8], index: u64) {
    map[byte_of(index)] |= 1 << (index % 8);
}

fn clear_bit(map: &mut [u8], index: u64) {
    map[byte_of(index)] &= !(1 << (index % 8));
}

fn count_free(map: &[u8], bits: u64) -> u64 {
    (0..bits).map(|index| u64::from(!has_bit(map, index))).sum()
}
