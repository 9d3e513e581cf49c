//! Where a file has data and where it has holes.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;

use nix::errno::Errno;
use nix::unistd::{Whence, lseek};

/// How much of a file is held at once, in bytes.
pub(crate) const BLOCK: usize = 1 << 20;

/// Returns the parts of a file that hold data, in order, as byte offsets; everything between them reads as zeros.
///
/// A file system without holes reports one extent over the whole file (lseek(2), `SEEK_DATA`). Moves the file's
/// position.
pub(crate) fn data_extents(file: &File) -> io::Result<Vec<Range<u64>>> {
    let length = file.metadata()?.len();
    let mut extents = Vec::new();
    let mut position = 0;
    while position < length {
        let start = match lseek(file, offset(position)?, Whence::SeekData) {
            Ok(start) => start.unsigned_abs(),
            // No data from here to the end.
            Err(Errno::ENXIO) => break,
            Err(errno) => return Err(errno.into()),
        };
        let end = lseek(file, offset(start)?, Whence::SeekHole)?
            .unsigned_abs()
            .min(length);
        if start >= end {
            break;
        }
        extents.push(start..end);
        position = end;
    }
    Ok(extents)
}

/// Copies a file's data into an empty file, leaving holes where the source has them.
pub(crate) fn copy_sparse(from: &File, to: &File) -> io::Result<()> {
    to.set_len(from.metadata()?.len())?;
    copy_data(from, to, 0)
}

/// Copies a file's data into a part of another that begins at `offset` and is all holes.
pub(crate) fn copy_data(from: &File, to: &File, offset: u64) -> io::Result<()> {
    let mut block = vec![0; BLOCK];
    for extent in data_extents(from)? {
        for (start, length) in blocks(extent) {
            from.read_exact_at(&mut block[..length], start)?;
            to.write_all_at(&block[..length], offset + start)?;
        }
    }
    Ok(())
}

/// Cuts an extent into offsets and lengths of at most [`BLOCK`] bytes.
pub(crate) fn blocks(extent: Range<u64>) -> impl Iterator<Item = (u64, usize)> {
    extent.clone().step_by(BLOCK).map(move |start| {
        let length = usize::try_from(extent.end - start).unwrap_or(BLOCK).min(BLOCK);
        (start, length)
    })
}

fn offset(position: u64) -> io::Result<i64> {
    i64::try_from(position).map_err(io::Error::other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_has_the_same_content_and_extents() {
        let from = tempfile::tempfile().unwrap();
        from.set_len(40 << 20).unwrap();
        from.write_all_at(&[1; 4096], 8 << 20).unwrap();
        from.write_all_at(&vec![2; 3 << 20], 20 << 20).unwrap();
        let to = tempfile::tempfile().unwrap();
        copy_sparse(&from, &to).unwrap();
        let read = |file: &File| {
            let mut bytes = vec![0; 40 << 20];
            file.read_exact_at(&mut bytes, 0).unwrap();
            bytes
        };
        assert!(read(&from) == read(&to));
        assert_eq!(data_extents(&from).unwrap(), data_extents(&to).unwrap());
    }

    #[test]
    fn an_empty_file_and_one_hole_have_no_data() {
        let file = tempfile::tempfile().unwrap();
        assert!(data_extents(&file).unwrap().is_empty());
        file.set_len(1 << 30).unwrap();
        copy_sparse(&file, &tempfile::tempfile().unwrap()).unwrap();
    }

    #[test]
    fn blocks_cover_the_extent() {
        let parts: Vec<_> = blocks(5..(2 << 20) + 6).collect();
        assert_eq!(parts, [(5, BLOCK), (5 + (1 << 20), BLOCK), (5 + (2 << 20), 1)]);
    }
}
