//! Where contents of files stand in a pack.
//!
//! The layout follows from the entries alone, so that a pack need not tell it: chunk after chunk without gaps, in order
//! of the entries. A chunk holds parts of several small files or a piece of a large one, and has a sum of its own, so
//! that all processors can make and verify a pack together.

use super::HEADER_SIZE;
use crate::entry::{Entries, Kind};

/// The most bytes that a chunk holds: few enough to stay in a processor's cache between the copy and the sum.
pub(crate) const CHUNK_SIZE: u64 = 1 << 20;

/// Bytes of a pack that have one sum.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Chunk {
    /// Where it begins in the pack.
    pub(crate) position: u64,
    /// How many bytes it has.
    pub(crate) length: usize,
    /// The parts of files in it, which fill it.
    pub(crate) segments: Vec<Segment>,
}

/// A part of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Segment {
    /// The file's place among the entries.
    pub(crate) entry: u32,
    /// Where it begins in the file.
    pub(crate) offset: u64,
    /// How many bytes it has.
    pub(crate) length: usize,
}

/// Lays the contents out; their length as a whole must be a number.
pub(crate) fn layout(entries: &Entries) -> Vec<Chunk> {
    let mut chunks = Vec::new();
    let mut current = empty_at(HEADER_SIZE);
    for (number, entry) in entries.numbered() {
        let Kind::File { extents, .. } = &entry.kind else {
            continue;
        };
        for extent in extents {
            let mut done = 0;
            while done < extent.length {
                let left = extent.length - done;
                // What fits into a chunk is not divided: a small file is then made by one thread at one go.
                if !current.segments.is_empty() && current.length as u64 + left.min(CHUNK_SIZE) > CHUNK_SIZE {
                    let next = current.position + current.length as u64;
                    chunks.push(std::mem::replace(&mut current, empty_at(next)));
                }
                let length = usize::try_from(left.min(CHUNK_SIZE)).expect("a chunk's size fits any machine");
                current.segments.push(Segment {
                    entry: number,
                    offset: extent.offset + done,
                    length,
                });
                current.length += length;
                done += length as u64;
            }
        }
    }
    if !current.segments.is_empty() {
        chunks.push(current);
    }
    chunks
}

/// A part of a file that stands in one piece in the pack.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Run {
    /// Where it begins in the file.
    pub(crate) offset: u64,
    /// Where it begins in the pack.
    pub(crate) position: u64,
    /// How many bytes it has.
    pub(crate) length: u64,
}

/// Returns where the contents of a file stand, in order.
pub(crate) fn runs(chunks: &[Chunk], entry: u32) -> Vec<Run> {
    let mut runs: Vec<Run> = Vec::new();
    for chunk in chunks {
        let mut position = chunk.position;
        for segment in &chunk.segments {
            let length = segment.length as u64;
            if segment.entry == entry {
                match runs.last_mut() {
                    Some(last)
                        if last.offset + last.length == segment.offset
                            && last.position + last.length == position =>
                    {
                        last.length += length;
                    }
                    _ => runs.push(Run {
                        offset: segment.offset,
                        position,
                        length,
                    }),
                }
            }
            position += length;
        }
    }
    runs
}

fn empty_at(position: u64) -> Chunk {
    Chunk {
        position,
        length: 0,
        segments: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::{CHUNK_SIZE, HEADER_SIZE, Run, layout, runs};
    use crate::entry::{Attributes, Entries, Entry, Extent, Kind};

    #[test]
    fn small_files_share_a_chunk_and_large_ones_are_divided() {
        let file = |length| Entry {
            parent: 0,
            name: b"x".to_vec(),
            kind: Kind::File {
                size: length,
                extents: vec![Extent { offset: 0, length }],
            },
            attributes: Attributes::default(),
        };
        let entries = Entries(vec![
            file(10),
            file(20),
            file(2 * CHUNK_SIZE + 5),
            file(CHUNK_SIZE - 5),
            file(1),
        ]);
        let chunks = layout(&entries);
        let lengths: Vec<u64> = chunks.iter().map(|chunk| chunk.length as u64).collect();
        assert_eq!(lengths, [30, CHUNK_SIZE, CHUNK_SIZE, CHUNK_SIZE, 1]);
        let mut position = HEADER_SIZE;
        for chunk in &chunks {
            assert_eq!(chunk.position, position);
            let filled: usize = chunk.segments.iter().map(|segment| segment.length).sum();
            assert_eq!(chunk.length, filled);
            position += chunk.length as u64;
        }
        assert_eq!(
            chunks[3].segments.len(),
            2,
            "the large file's end and the next file"
        );
    }

    #[test]
    fn runs_go_over_chunks_and_end_at_holes() {
        let file = |extents: &[(u64, u64)]| Entry {
            parent: 0,
            name: b"x".to_vec(),
            kind: Kind::File {
                size: u64::MAX,
                extents: extents
                    .iter()
                    .map(|&(offset, length)| Extent { offset, length })
                    .collect(),
            },
            attributes: Attributes::default(),
        };
        let entries = Entries(vec![
            file(&[(0, 3 * CHUNK_SIZE + 1), (5 * CHUNK_SIZE, 7)]),
            file(&[(9, 2)]),
        ]);
        let chunks = layout(&entries);
        let run = |offset, position, length| Run {
            offset,
            position: HEADER_SIZE + position,
            length,
        };
        let end = 3 * CHUNK_SIZE + 1;
        assert_eq!(runs(&chunks, 0), [run(0, 0, end), run(5 * CHUNK_SIZE, end, 7)]);
        assert_eq!(runs(&chunks, 1), [run(9, end + 7, 2)]);
        assert_eq!(runs(&chunks, 2), []);
    }
}
