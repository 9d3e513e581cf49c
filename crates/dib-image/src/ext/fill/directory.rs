//! Directories: which entry belongs into which block, and the blocks' bytes.
//!
//! Source: the kernel's documentation of ext4's on-disk format, `Documentation/filesystems/ext4/directory.rst`.

use super::super::checksum::crc32c;
use super::super::little_endian::{put_u16, put_u32};
use super::geometry::Geometry;
use super::hash::{HALF_MD4, NameHash};
use super::tree::Entry;

/// The length of an entry without its name.
const HEAD: usize = 8;
/// The length of what looks like an entry at a block's end and holds its checksum.
const TAIL: usize = 12;
const TYPE_OF_TAIL: u8 = 0xde;
/// The length of the entries for the directory itself and for its parent.
const DOTS: usize = 24;
/// A directory of more blocks than this gets an index.
const MOST_WITHOUT_INDEX: usize = 2;

/// Where in its block the list of a root and of another part of an index begins.
const ROOT_LIST: usize = 0x20;
const NODE_LIST: usize = 0x08;
/// The length of a place in that list, and of the checksum behind it.
const PLACE: usize = 8;

const DIRECTORY_TYPE: u8 = 2;

/// Which entries go into which block.
pub(super) struct Plan {
    /// For each block with entries, which of a directory's entries it holds.
    leaves: Vec<Vec<usize>>,
    index: Option<Index>,
}

/// An index by the names' hashes: a root in the first block, parts below it in the next where it is too small alone, then
/// the blocks with the entries.
struct Index {
    /// For each block with entries the least hash in it. The lowest bit says that the block before has that hash, too.
    hashes: Vec<u32>,
    /// How many parts there are below the root.
    parts: usize,
}

/// A directory's number and its parent's.
#[derive(Clone, Copy)]
pub(super) struct Numbers {
    pub(super) own: u64,
    pub(super) parent: u64,
}

impl Plan {
    /// Distributes the entries over blocks, of which there are to be at least so many.
    pub(super) fn new(entries: &[Entry], geometry: &Geometry, least: usize) -> Self {
        let room = room_in(geometry);
        let leaves = distribute(0..entries.len(), entries, room - DOTS, room);
        if leaves.len() > MOST_WITHOUT_INDEX.max(least) {
            let indexed = geometry
                .hash
                .and_then(|hash| Self::indexed(entries, geometry, hash));
            if let Some(indexed) = indexed {
                return indexed;
            }
        }
        let mut plan = Self { leaves, index: None };
        let least = least.max(1).max(plan.leaves.len());
        plan.leaves.resize(least, Vec::new());
        plan
    }

    /// Nothing is returned when there are too many entries for an index.
    fn indexed(entries: &[Entry], geometry: &Geometry, hash: NameHash) -> Option<Self> {
        let room = room_in(geometry);
        let mut sorted: Vec<(u32, usize)> = (0..entries.len())
            .map(|entry| (hash.of(&entries[entry].name), entry))
            .collect();
        sorted.sort_unstable();
        let leaves = distribute(sorted.iter().map(|(_, entry)| *entry), entries, room, room);
        let mut hashes = Vec::new();
        let mut first = 0;
        for leaf in &leaves {
            let (own, before) = (
                sorted[first].0,
                first.checked_sub(1).map(|before| sorted[before].0),
            );
            hashes.push(if before == Some(own) { own | 1 } else { own });
            first += leaf.len();
        }
        let (in_root, in_part) = (places_in(geometry, ROOT_LIST), places_in(geometry, NODE_LIST));
        let parts = if leaves.len() <= in_root {
            0
        } else {
            leaves.len().div_ceil(in_part)
        };
        // One that is nearly full would soon refuse further entries, where one without an index just becomes longer.
        (parts <= in_root / 2).then_some(Self {
            leaves,
            index: Some(Index { hashes, parts }),
        })
    }

    /// Returns how many blocks the directory has.
    pub(super) fn blocks(&self) -> usize {
        let of_index = self.index.as_ref().map_or(0, |index| 1 + index.parts);
        of_index + self.leaves.len()
    }

    pub(super) fn is_indexed(&self) -> bool {
        self.index.is_some()
    }

    /// Returns the directory's blocks; `number_and_type` tells an entry's inode.
    pub(super) fn encode(
        &self,
        entries: &[Entry],
        numbers: Numbers,
        geometry: &Geometry,
        number_and_type: impl Fn(&Entry) -> (u64, u8),
    ) -> Vec<u8> {
        let mut bytes = vec![0; self.blocks() * geometry.block];
        let of_index = self.blocks() - self.leaves.len();
        let (index, leaves) = bytes.split_at_mut(of_index * geometry.block);
        let seed = geometry.seed_of(numbers.own);
        for (number, (leaf, block)) in self
            .leaves
            .iter()
            .zip(leaves.chunks_mut(geometry.block))
            .enumerate()
        {
            let mut writer = Writer::new(block, geometry);
            if number == 0 && self.index.is_none() {
                writer.add(b".", numbers.own, DIRECTORY_TYPE);
                writer.add(b"..", numbers.parent, DIRECTORY_TYPE);
            }
            for entry in leaf {
                let (number, kind) = number_and_type(&entries[*entry]);
                writer.add(&entries[*entry].name, number, kind);
            }
            writer.finish(seed);
        }
        if let Some(of) = &self.index {
            of.encode(index, numbers, geometry);
        }
        bytes
    }
}

impl Index {
    fn encode(&self, bytes: &mut [u8], numbers: Numbers, geometry: &Geometry) {
        let seed = geometry.seed_of(numbers.own);
        let (root, parts) = bytes.split_at_mut(geometry.block);
        put_entry(root, 0, b".", numbers.own, DIRECTORY_TYPE, 12);
        put_entry(
            root,
            12,
            b"..",
            numbers.parent,
            DIRECTORY_TYPE,
            geometry.block - 12,
        );
        root[0x1c] = HALF_MD4;
        // The length of these fields themselves.
        root[0x1d] = 8;
        root[0x1e] = u8::from(self.parts > 0);
        let first_leaf = 1 + self.parts;
        let leaves: Vec<(u32, usize)> = self.hashes.iter().copied().zip(first_leaf..).collect();
        if self.parts == 0 {
            put_list(root, ROOT_LIST, &leaves, geometry, seed);
            return;
        }
        let mut below = Vec::new();
        let lists = leaves.chunks(places_in(geometry, NODE_LIST));
        for (number, (list, part)) in (1..).zip(lists.zip(parts.chunks_mut(geometry.block))) {
            // An entry of no inode covers the block, for those who don't know indexes.
            put_u16(part, 4, block_length(geometry));
            put_list(part, NODE_LIST, list, geometry, seed);
            below.push((list[0].0, number));
        }
        put_list(root, ROOT_LIST, &below, geometry, seed);
    }
}

/// Writes a list of hashes and blocks; the first hash is not written, for there is none below it.
fn put_list(block: &mut [u8], start: usize, list: &[(u32, usize)], geometry: &Geometry, seed: Option<u32>) {
    let most = places_in(geometry, start);
    for (number, (hash, below)) in list.iter().enumerate() {
        let at = start + PLACE * number;
        if number > 0 {
            put_u32(block, at, *hash);
        }
        put_u32(
            block,
            at + 4,
            u32::try_from(*below).expect("a directory's blocks have 32 bits"),
        );
    }
    let count = |number: usize| u16::try_from(number).expect("fewer than a block's bytes");
    put_u16(block, start, count(most));
    put_u16(block, start + 2, count(list.len()));
    if let Some(seed) = seed {
        let written = &block[..start + PLACE * list.len()];
        // The four bytes before the checksum, and the checksum itself.
        let checksum = crc32c(crc32c(seed, written), &[0; PLACE]);
        put_u32(block, start + PLACE * most + 4, checksum);
    }
}

/// Returns how long a list may be that begins there in its block.
fn places_in(geometry: &Geometry, start: usize) -> usize {
    let tail = if geometry.seed.is_some() { PLACE } else { 0 };
    (geometry.block - start - tail) / PLACE
}

fn room_in(geometry: &Geometry) -> usize {
    geometry.block - if geometry.seed.is_some() { TAIL } else { 0 }
}

fn block_length(geometry: &Geometry) -> u16 {
    u16::try_from(geometry.block).expect("4096 at most")
}

/// Fills blocks one after the other, of which the first has less room.
fn distribute(
    order: impl IntoIterator<Item = usize>,
    entries: &[Entry],
    first: usize,
    room: usize,
) -> Vec<Vec<usize>> {
    let (mut blocks, mut block, mut left) = (Vec::new(), Vec::new(), first);
    for entry in order {
        let length = length_of(&entries[entry].name);
        if length > left {
            blocks.push(std::mem::take(&mut block));
            left = room;
        }
        left -= length;
        block.push(entry);
    }
    if !block.is_empty() {
        blocks.push(block);
    }
    blocks
}

fn length_of(name: &[u8]) -> usize {
    (HEAD + name.len()).next_multiple_of(4)
}

fn put_entry(block: &mut [u8], at: usize, name: &[u8], number: u64, kind: u8, length: usize) {
    put_u32(block, at, number);
    put_u16(block, at + 4, u16::try_from(length).expect("a block at most"));
    block[at + 6] = u8::try_from(name.len()).expect("names have 255 bytes at most");
    block[at + 7] = kind;
    block[at + HEAD..at + HEAD + name.len()].copy_from_slice(name);
}

/// Writes entries into a block.
struct Writer<'w> {
    block: &'w mut [u8],
    has_tail: bool,
    next: usize,
    last: usize,
}

impl<'w> Writer<'w> {
    fn new(block: &'w mut [u8], geometry: &Geometry) -> Self {
        Self {
            block,
            has_tail: geometry.seed.is_some(),
            next: 0,
            last: 0,
        }
    }

    fn add(&mut self, name: &[u8], number: u64, kind: u8) {
        let length = length_of(name);
        put_entry(self.block, self.next, name, number, kind, length);
        (self.last, self.next) = (self.next, self.next + length);
    }

    /// Has the last entry, or one of no inode, reach to the end.
    fn finish(self, seed: Option<u32>) {
        let end = self.block.len() - if self.has_tail { TAIL } else { 0 };
        put_u16(
            self.block,
            self.last + 4,
            u16::try_from(end - self.last).expect("a block at most"),
        );
        if let Some(seed) = seed {
            let checksum = crc32c(seed, &self.block[..end]);
            put_u16(self.block, end + 4, u16::try_from(TAIL).expect("it is 12"));
            self.block[end + 7] = TYPE_OF_TAIL;
            put_u32(self.block, end + 8, checksum);
        }
    }
}
