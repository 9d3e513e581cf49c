//! gzip on all processors, for an initramfs whose last step it is.
//!
//! `mkinitramfs.sh` leaves what is to be compressed in a file, asks by a line of its own and waits until the file of
//! questions is gone. What comes out is one member of a gzip file (RFC 1952), since the kernel takes no more. Its blocks
//! are compressed beside each other, each with the end of the one before as its dictionary; they don't depend on how
//! many processors there are.

use std::io;
use std::num::NonZero;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use dib_sys::{TargetError, TargetRoot};
use flate2::{Compress, Compression, Crc, FlushCompress};

use super::super::{OURS, path};

/// The variable that tells our mkinitramfs that it may ask.
pub(super) const ANSWERS: (&str, &str) = ("DIB_COMPRESSES", "yes");
/// What the line begins with by which it asks; a number follows that is part of the files' names.
const QUESTION: &str = "dib: gzip ";

/// How much is compressed at once, in bytes.
const BLOCK: usize = 1 << 20;
/// How far back deflate looks, in bytes (RFC 1951).
const WINDOW: usize = 32 << 10;
/// A header without a name or a time, for a file made on Unix.
const HEADER: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3];

/// Why a question was not answered. The program that asked then compresses by itself.
#[derive(Debug, thiserror::Error)]
pub(super) enum GzipError {
    #[error(transparent)]
    Target(#[from] TargetError),
    #[error("failed to compress")]
    Compress(#[from] io::Error),
}

/// Answers the question of a line; `None` when it asks none.
pub(super) fn answer(target: &TargetRoot, line: &str) -> Option<Result<(), GzipError>> {
    let number: u32 = line.strip_prefix(QUESTION)?.parse().ok()?;
    let data = format!("{OURS}/gzip-{number}");
    let compress = || -> Result<(), GzipError> {
        let compressed = gzip(&target.read(&path(&data))?)?;
        Ok(target.write(&path(&format!("{data}.gz")), &compressed, 0o644)?)
    };
    let compressed = compress();
    let removed = target.remove_file(&path(&format!("{data}.asked")));
    Some(compressed.and_then(|()| Ok(removed.map(|_| ())?)))
}

fn gzip(data: &[u8]) -> io::Result<Vec<u8>> {
    let blocks: Vec<_> = (0..data.len().div_ceil(BLOCK).max(1)).collect();
    let next = AtomicUsize::new(0);
    let deflate_some = || {
        let mut deflated = Vec::new();
        while let Some(&block) = blocks.get(next.fetch_add(1, Ordering::Relaxed)) {
            deflated.push((block, deflate(data, block)?));
        }
        Ok::<_, io::Error>(deflated)
    };
    let mut deflated = thread::scope(|scope| {
        let workers = thread::available_parallelism().map_or(1, NonZero::get);
        let threads: Vec<_> = (0..workers).map(|_| scope.spawn(deflate_some)).collect();
        let mut deflated = Vec::new();
        for thread in threads {
            let some = thread.join();
            deflated.extend(some.unwrap_or_else(|panic| std::panic::resume_unwind(panic))?);
        }
        Ok::<_, io::Error>(deflated)
    })?;
    deflated.sort_unstable_by_key(|(block, _)| *block);
    let (mut file, mut sum) = (HEADER.to_vec(), Crc::new());
    for (_, Deflated { bytes, sum: of_block }) in &deflated {
        file.extend(bytes);
        sum.combine(of_block);
    }
    file.extend(sum.sum().to_le_bytes());
    file.extend(sum.amount().to_le_bytes());
    Ok(file)
}

struct Deflated {
    bytes: Vec<u8>,
    sum: Crc,
}

fn deflate(data: &[u8], block: usize) -> io::Result<Deflated> {
    let start = block * BLOCK;
    let end = data.len().min(start + BLOCK);
    let mut compress = Compress::new(Compression::default(), false);
    if start > 0 {
        compress.set_dictionary(&data[start - WINDOW..start])?;
    }
    let input = &data[start..end];
    let flush = if end == data.len() {
        FlushCompress::Finish
    } else {
        FlushCompress::Sync
    };
    // What can't be compressed grows by a few bytes for each 16 KiB, and the end takes a few more.
    let mut bytes = Vec::with_capacity(input.len() + input.len() / 1024 + 64);
    compress.compress_vec(input, &mut bytes, flush)?;
    if compress.total_in() != input.len() as u64 || bytes.len() == bytes.capacity() {
        return Err(io::Error::other("a block grew more than deflate allows"));
    }
    let mut sum = Crc::new();
    sum.update(input);
    Ok(Deflated { bytes, sum })
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use camino::Utf8Path;
    use flate2::bufread::GzDecoder;

    use super::*;

    fn check(data: &[u8]) -> usize {
        let file = gzip(data).unwrap();
        let mut decoder = GzDecoder::new(&file[..]);
        let mut back = Vec::new();
        decoder.read_to_end(&mut back).unwrap();
        assert_eq!(back.len(), data.len());
        assert!(back == data);
        assert!(decoder.into_inner().is_empty(), "there is one member");
        file.len()
    }

    #[test]
    fn what_is_compressed_comes_back() {
        check(b"");
        check(b"a");
        check(&vec![0; BLOCK]);
        check(&vec![7; 3 * BLOCK + 1]);
        // A block of what can't be compressed but repeats: its end is known to the next one.
        let mut state = 1_u32;
        let mut noise = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            state.to_be_bytes()[0]
        };
        let mut data: Vec<u8> = (0..2 * BLOCK).map(|_| noise()).collect();
        let size = check(&data);
        data.extend_from_within(2 * BLOCK - WINDOW / 2..);
        assert!(check(&data) < size + WINDOW / 8);
    }

    #[test]
    fn a_question_is_answered_and_one_without_data_withdrawn() {
        let directory = tempfile::tempdir().unwrap();
        let target = TargetRoot::open(Utf8Path::from_path(directory.path()).unwrap()).unwrap();
        target.create_directory_all(&path(OURS), 0o755).unwrap();
        let write = |name: &str| {
            let file = path(&format!("{OURS}/{name}"));
            target.write(&file, b"data", 0o644).unwrap();
        };
        write("gzip-7.asked");
        for line in ["gzip 7", "dib: gzip", "dib: gzip ../7", "dib: gzip 7 8"] {
            assert!(answer(&target, line).is_none(), "{line}");
        }
        assert!(answer(&target, "dib: gzip 7").unwrap().is_err());
        assert_eq!(target.list(&path(OURS)).unwrap(), [""; 0]);
        write("gzip-7.asked");
        write("gzip-7");
        answer(&target, "dib: gzip 7").unwrap().unwrap();
        assert_eq!(target.list(&path(OURS)).unwrap(), ["gzip-7", "gzip-7.gz"]);
    }
}
