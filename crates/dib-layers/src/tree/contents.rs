//! What files hold, out of the packs.

use std::collections::{BTreeSet, HashMap};

use super::{LayeredTree, Place};
use crate::StoreError;
use crate::entry::Kind;
use crate::pack::read::verify;

/// A part of a file.
#[derive(Debug, Clone, Copy)]
struct Piece {
    /// Where it begins in the file.
    offset: u64,
    length: usize,
    /// The chunk that has it.
    chunk: usize,
    /// Where it begins in the chunk.
    start: usize,
}

impl Piece {
    fn end(&self) -> u64 {
        self.offset + self.length as u64
    }
}

/// Reads files of a tree; what was read last stays at hand.
pub(super) struct Reader<'t> {
    tree: &'t LayeredTree<'t>,
    /// One for each layer.
    at_hand: Vec<AtHand>,
}

/// What is at hand of a layer.
#[derive(Default)]
struct AtHand {
    /// The pieces of its files, by the files' places; empty until one is asked for.
    pieces: HashMap<u32, Vec<Piece>>,
    /// The chunk in the buffer.
    chunk: Option<usize>,
    is_verified: bool,
    buffer: Vec<u8>,
}

impl<'t> Reader<'t> {
    pub(super) fn of(tree: &'t LayeredTree<'t>) -> Self {
        Self {
            tree,
            at_hand: tree.layers.iter().map(|_| AtHand::default()).collect(),
        }
    }

    /// Reads a whole file.
    pub(super) fn whole(&mut self, place: Place) -> Result<Vec<u8>, StoreError> {
        let mut contents = Vec::new();
        for piece in self.pieces(place) {
            // What lies between is a hole.
            let begin = usize::try_from(piece.offset).unwrap_or(usize::MAX);
            contents.resize(begin, 0);
            let bytes = self.bytes(place.layer, &piece, piece.offset, piece.end())?;
            contents.extend_from_slice(bytes);
            self.verify(place.layer)?;
        }
        if let Kind::File { size, .. } = self.tree.origin(place).kind {
            contents.resize(usize::try_from(size).unwrap_or(usize::MAX), 0);
        }
        Ok(contents)
    }

    /// Compares the contents of a file with those of another.
    pub(super) fn equals(
        &mut self,
        place: Place,
        other: &mut Reader<'_>,
        other_place: Place,
    ) -> Result<bool, StoreError> {
        let layers = (
            &self.tree.layers[place.layer],
            &other.tree.layers[other_place.layer],
        );
        let numbers = (
            self.tree.origin_number(place),
            other.tree.origin_number(other_place),
        );
        if layers.0.digest() == layers.1.digest() && numbers.0 == numbers.1 {
            return Ok(true);
        }
        let (left, right) = (self.pieces(place), other.pieces(other_place));
        let bounds: BTreeSet<u64> = left
            .iter()
            .chain(&right)
            .flat_map(|piece| [piece.offset, piece.end()])
            .collect();
        let bounds: Vec<u64> = bounds.into_iter().collect();
        for bounds in bounds.windows(2) {
            let (begin, end) = (bounds[0], bounds[1]);
            let is_same = match (covering(&left, begin), covering(&right, begin)) {
                (Some(left), Some(right)) => {
                    self.sum(place.layer, left) == other.sum(other_place.layer, right)
                        && (left.start, left.offset) == (right.start, right.offset)
                        || self.bytes(place.layer, left, begin, end)?
                            == other.bytes(other_place.layer, right, begin, end)?
                }
                (Some(piece), None) => is_zero(self.bytes(place.layer, piece, begin, end)?),
                (None, Some(piece)) => is_zero(other.bytes(other_place.layer, piece, begin, end)?),
                (None, None) => true,
            };
            if !is_same {
                // What is damaged differs as well. What is equal need not be verified: no damage is the same in two packs.
                self.verify(place.layer)?;
                other.verify(other_place.layer)?;
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn pieces(&mut self, place: Place) -> Vec<Piece> {
        let at_hand = &mut self.at_hand[place.layer];
        if at_hand.pieces.is_empty() {
            for (chunk, laid_out) in self.tree.indexes[place.layer].chunks.iter().enumerate() {
                let mut start = 0;
                for segment in &laid_out.segments {
                    at_hand.pieces.entry(segment.entry).or_default().push(Piece {
                        offset: segment.offset,
                        length: segment.length,
                        chunk,
                        start,
                    });
                    start += segment.length;
                }
            }
        }
        let number = self.tree.origin_number(place);
        at_hand.pieces.get(&number).cloned().unwrap_or_default()
    }

    /// Returns the checksum of the chunk that has a piece.
    fn sum(&self, layer: usize, piece: &Piece) -> &'t [u8; 32] {
        &self.tree.indexes[layer].sums[piece.chunk]
    }

    /// Verifies the chunk that is at hand of a layer.
    fn verify(&mut self, layer: usize) -> Result<(), StoreError> {
        let at_hand = &mut self.at_hand[layer];
        if let (Some(chunk), false) = (at_hand.chunk, at_hand.is_verified) {
            let index = &self.tree.indexes[layer];
            verify(&index.chunks[chunk], &index.sums[chunk], &at_hand.buffer)
                .map_err(|damage| self.tree.damaged(layer, damage.into()))?;
            at_hand.is_verified = true;
        }
        Ok(())
    }

    /// Returns the bytes of a piece, which may be damaged, from `begin` to `end` in its file.
    fn bytes(&mut self, layer: usize, piece: &Piece, begin: u64, end: u64) -> Result<&[u8], StoreError> {
        let at_hand = &mut self.at_hand[layer];
        if at_hand.chunk != Some(piece.chunk) {
            at_hand.chunk = None;
            at_hand.is_verified = false;
            let chunk = &self.tree.indexes[layer].chunks[piece.chunk];
            let pack = &self.tree.layers[layer].pack;
            pack.unverified_chunk(chunk, &mut at_hand.buffer)
                .map_err(|error| self.tree.damaged(layer, error.into()))?;
            at_hand.chunk = Some(piece.chunk);
        }
        let within = |offset: u64| {
            let into = usize::try_from(offset - piece.offset).expect("a piece is no longer than a chunk");
            piece.start + into
        };
        Ok(&at_hand.buffer[within(begin)..within(end)])
    }
}

/// Returns the piece that has the byte at an offset of a file.
fn covering(pieces: &[Piece], offset: u64) -> Option<&Piece> {
    let after = pieces.partition_point(|piece| piece.offset <= offset);
    let piece = pieces.get(after.checked_sub(1)?)?;
    (offset < piece.end()).then_some(piece)
}

fn is_zero(bytes: &[u8]) -> bool {
    bytes.iter().all(|byte| *byte == 0)
}
