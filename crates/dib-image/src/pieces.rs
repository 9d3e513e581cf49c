//! A raw disk in pieces of one size: read and worked on by all cores, handed over in order.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;

use crate::in_order::{ThreadError, in_order};
use crate::sparse;

/// What a thread reads at once, in bytes, where a piece is no larger.
const BATCH: u64 = 1 << 20;

/// Reading or working on pieces failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PieceError {
    #[error("failed to read the raw disk")]
    Read(#[source] io::Error),
    #[error(transparent)]
    Thread(#[from] ThreadError),
}

/// Some pieces in order.
pub(crate) struct Batch<T> {
    /// What was made of each, with its index on the disk; pieces of zeros are left out.
    pub(crate) pieces: Vec<(u64, T)>,
    /// The bytes of data that have been read up to the end of this batch, and those that there are.
    pub(crate) done: u64,
    pub(crate) total: u64,
}

/// Calls `consume`, in order, with what the workers make of each piece of the disk that is not all zeros.
///
/// A piece's length is `length`, a power of two; the last one is filled up with zeros.
pub(crate) fn for_each<T, Worker, Error>(
    raw: &File,
    length: u64,
    start_worker: impl Fn() -> Worker + Sync,
    mut consume: impl FnMut(Batch<T>) -> Result<(), Error>,
) -> Result<(), Error>
where
    T: Send,
    Worker: FnMut(&[u8]) -> T,
    Error: From<PieceError>,
{
    let extents = sparse::data_extents(raw).map_err(PieceError::Read)?;
    let total = extents.iter().map(|extent| extent.end - extent.start).sum();
    let start_reader = || {
        let (mut worker, mut buffer) = (start_worker(), Vec::new());
        move |batch| read_batch(raw, length, batch, &mut buffer, &mut worker)
    };
    let mut read = 0;
    let outcome = in_order(batches(&extents, length), start_reader, |batch| {
        let (pieces, bytes) = batch.map_err(|error| Failure::Pieces(PieceError::Read(error)))?;
        read += bytes;
        let done = read.min(total);
        consume(Batch { pieces, done, total }).map_err(Failure::Consumer)
    });
    outcome.map_err(|failure| match failure {
        Failure::Pieces(error) => error.into(),
        Failure::Consumer(error) => error,
    })
}

/// Whose failure it is.
enum Failure<Error> {
    Pieces(PieceError),
    Consumer(Error),
}

impl<Error> From<ThreadError> for Failure<Error> {
    fn from(error: ThreadError) -> Self {
        Self::Pieces(error.into())
    }
}

/// Cuts extents of bytes into ranges of pieces' indices, each piece once.
fn batches(extents: &[Range<u64>], length: u64) -> impl Iterator<Item = Range<u64>> {
    let in_batch = (BATCH / length).max(1);
    let mut done = 0;
    extents.iter().flat_map(move |extent| {
        let start = (extent.start / length).max(done);
        let end = extent.end.div_ceil(length).max(start);
        done = end;
        let first = (start..end).step_by(usize::try_from(in_batch).unwrap_or(usize::MAX));
        first.map(move |first| first..(first + in_batch).min(end))
    })
}

type Read<T> = io::Result<(Vec<(u64, T)>, u64)>;

fn read_batch<T>(
    raw: &File,
    length: u64,
    batch: Range<u64>,
    buffer: &mut Vec<u8>,
    worker: &mut impl FnMut(&[u8]) -> T,
) -> Read<T> {
    let room = usize::try_from((batch.end - batch.start) * length).map_err(io::Error::other)?;
    buffer.resize(room, 0);
    let read = read_at_most(raw, buffer, batch.start * length)?;
    buffer[read..].fill(0);
    let piece_length = usize::try_from(length).map_err(io::Error::other)?;
    let pieces = batch.zip(buffer.chunks_exact(piece_length));
    let with_data = pieces.filter(|(_, piece)| !is_zero(piece));
    Ok((
        with_data.map(|(index, piece)| (index, worker(piece))).collect(),
        read as u64,
    ))
}

/// Returns whether all bytes are zeros.
pub(crate) fn is_zero(bytes: &[u8]) -> bool {
    match bytes {
        [] => true,
        // Compared with themselves, one byte on: that is memcmp, and needs no other zeros.
        [first, rest @ ..] => *first == 0 && rest == &bytes[..rest.len()],
    }
}

fn read_at_most(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match file.read_at(&mut buffer[filled..], offset + filled as u64) {
            Ok(0) => break,
            Ok(length) => filled += length,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LENGTH: u64 = 1 << 16;

    #[test]
    fn each_piece_is_taken_once() {
        // The second extent begins in the piece in which the first one ends.
        let extents = [
            0..LENGTH + 1,
            LENGTH + 4096..3 * LENGTH,
            100 * LENGTH + 5..120 * LENGTH,
        ];
        let taken: Vec<_> = batches(&extents, LENGTH).collect();
        assert_eq!(taken, [0..2, 2..3, 100..116, 116..120]);
        let extents = std::slice::from_ref(&(0..9 << 20));
        let taken: Vec<_> = batches(extents, 4 << 20).collect();
        assert_eq!(taken, [0..1, 1..2, 2..3]);
    }

    #[test]
    fn zeros_are_left_out_and_the_end_is_filled_up() {
        let file = tempfile::tempfile().unwrap();
        file.write_all_at(&[1; 1000], 512).unwrap();
        file.write_all_at(&[0; 4096], 4096).unwrap();
        file.write_all_at(b"end", 9000).unwrap();
        let mut seen = Vec::new();
        let worker = || {
            |piece: &[u8]| {
                (
                    piece.len(),
                    piece.iter().map(|byte| usize::from(*byte)).sum::<usize>(),
                )
            }
        };
        for_each(&file, 512, worker, |batch| {
            seen.extend(batch.pieces);
            Ok::<(), PieceError>(())
        })
        .unwrap();
        let end: usize = b"end".iter().map(|byte| usize::from(*byte)).sum();
        assert_eq!(seen, [(1, (512, 512)), (2, (512, 488)), (17, (512, end))]);
    }

    #[test]
    fn zeros_are_known() {
        for length in [0, 1, 2, 511, 512] {
            let mut bytes = vec![0; length];
            assert!(is_zero(&bytes));
            for at in 0..length {
                bytes[at] = 1;
                assert!(!is_zero(&bytes), "{length} {at}");
                bytes[at] = 0;
            }
        }
    }
}
