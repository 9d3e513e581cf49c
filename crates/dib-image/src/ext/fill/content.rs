//! Copies files into their blocks, on all cores.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

use super::super::ExtError;
use super::Place;
use super::extents::Extent;
use super::geometry::Geometry;
use super::tree::{self, Kind, Tree};
use crate::in_order::in_order;

/// How much is read and written at once, in bytes.
const AT_ONCE: u64 = 4 << 20;
/// What is all zeros is not written, in parts of so many bytes.
const PART: usize = 64 << 10;

/// A part of a file.
struct Piece {
    node: usize,
    /// In the file, in bytes.
    from: u64,
    /// In the file system, in bytes.
    to: u64,
    length: u64,
}

/// Copies the data of all files to where their extents are.
pub(super) fn copy(
    tree: &Tree,
    extents: &[Vec<Extent>],
    geometry: &Geometry,
    place: Place<'_>,
) -> Result<(), ExtError> {
    let together = together(pieces(tree, extents, geometry), geometry);
    let start_worker = || {
        let mut buffer = Vec::new();
        move |job: &[Vec<Piece>]| {
            job.iter()
                .try_for_each(|pieces| copy_together(tree, pieces, place, &mut buffer))
        }
    };
    // Most are so short that handing each over by itself would take longer than copying it.
    let mut length = 0;
    let jobs = together.chunk_by(move |pieces, _| {
        length += pieces.iter().map(|piece| piece.length).sum::<u64>();
        let goes_on = length < AT_ONCE;
        length *= u64::from(goes_on);
        goes_on
    });
    in_order(jobs, start_worker, |result| result)
}

/// Returns the parts of all files by where they go.
fn pieces(tree: &Tree, extents: &[Vec<Extent>], geometry: &Geometry) -> Vec<Piece> {
    let block = geometry.block_bytes();
    let mut pieces = Vec::new();
    for (node, extents) in extents.iter().enumerate() {
        let Kind::File { size, .. } = tree.nodes[node].kind else {
            continue;
        };
        for extent in extents {
            let from = extent.logical * block;
            let end = size.min(from + extent.length * block);
            let cut = (from..end).step_by(usize::try_from(AT_ONCE).expect("4 MiB"));
            pieces.extend(cut.map(|start| Piece {
                node,
                from: start,
                to: extent.physical * block + (start - from),
                length: AT_ONCE.min(end - start),
            }));
        }
    }
    pieces.sort_unstable_by_key(|piece| piece.to);
    pieces
}

/// Puts together what is written at once.
fn together(pieces: Vec<Piece>, geometry: &Geometry) -> Vec<Vec<Piece>> {
    let mut jobs: Vec<Vec<Piece>> = Vec::new();
    for piece in pieces {
        let fitting = jobs.last_mut().filter(|job| {
            let (first, last) = (&job[0], &job[job.len() - 1]);
            let end = last.to + last.length.next_multiple_of(geometry.block_bytes());
            end == piece.to && piece.to + piece.length - first.to <= AT_ONCE
        });
        match fitting {
            Some(job) => job.push(piece),
            None => jobs.push(vec![piece]),
        }
    }
    jobs
}

fn copy_together(
    tree: &Tree,
    pieces: &[Piece],
    place: Place<'_>,
    buffer: &mut Vec<u8>,
) -> Result<(), ExtError> {
    let start = pieces[0].to;
    buffer.clear();
    for piece in pieces {
        let path = &tree.nodes[piece.node].path;
        read_into(buffer, path, piece, start).map_err(|source| tree::at(path, source))?;
    }
    for (number, part) in (0..).zip(buffer.chunks(PART)) {
        if part.iter().any(|byte| *byte != 0) {
            let offset = start + number * u64::try_from(PART).expect("64 KiB");
            place.write(part, offset).map_err(|source| place.error(source))?;
        }
    }
    Ok(())
}

fn read_into(buffer: &mut Vec<u8>, path: &Path, piece: &Piece, start: u64) -> io::Result<()> {
    let begin = usize::try_from(piece.to - start).map_err(io::Error::other)?;
    let length = usize::try_from(piece.length).map_err(io::Error::other)?;
    buffer.resize(begin + length, 0);
    File::open(path)?.read_exact_at(&mut buffer[begin..], piece.from)
}
