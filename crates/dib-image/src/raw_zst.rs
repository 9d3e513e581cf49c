//! A raw disk compressed with zstd, as its program does it.

use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::FileExt;

use zstd::stream::Encoder;
use zstd::stream::raw::CParameter;

use crate::in_order;
use crate::sparse::{self, BLOCK};

/// The program's own effort.
const LEVEL: i32 = 3;
/// What a thread compresses at a time, as an exponent of two; zstd's own choice, named because it bounds the memory.
const JOB_BITS: u32 = 22;
/// Each thread takes a few jobs' memory.
const MOST_THREADS: usize = 8;

/// Compresses the disk `raw` into `out`: one frame with its length and a checksum, by all cores.
///
/// The result depends on the content alone. `progress` is told how many bytes of data are done, and of how many.
///
/// # Errors
/// When reading or writing fails.
pub(crate) fn write_raw_zst(
    raw: &File,
    out: &mut dyn Write,
    progress: &mut dyn FnMut(u64, u64),
) -> io::Result<()> {
    let size = raw.metadata()?.len();
    let mut encoder = Encoder::new(out, LEVEL)?;
    encoder.include_checksum(true)?;
    encoder.set_pledged_src_size(Some(size))?;
    let threads = in_order::threads().min(MOST_THREADS);
    encoder.multithread(u32::try_from(threads).map_err(io::Error::other)?)?;
    encoder.set_parameter(CParameter::JobSize(1 << JOB_BITS))?;
    let mut block = vec![0; BLOCK];
    let zeros = vec![0; BLOCK];
    let extents = sparse::data_extents(raw)?;
    let total = extents.iter().map(|extent| extent.end - extent.start).sum();
    let (mut position, mut done) = (0, 0);
    for extent in extents {
        write_zeros(&mut encoder, &zeros, extent.start - position)?;
        position = extent.end;
        for (start, length) in sparse::blocks(extent) {
            raw.read_exact_at(&mut block[..length], start)?;
            encoder.write_all(&block[..length])?;
            done += length as u64;
            progress(done, total);
        }
    }
    write_zeros(&mut encoder, &zeros, size - position)?;
    encoder.finish().map(drop)
}

fn write_zeros(out: &mut impl Write, zeros: &[u8], count: u64) -> io::Result<()> {
    for (_, length) in sparse::blocks(0..count) {
        out.write_all(&zeros[..length])?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::run_of;

    #[test]
    fn zstd_reads_it_and_holes_come_back_as_zeros() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("raw");
        let raw = File::options()
            .read(true)
            .write(true)
            .create_new(true)
            .open(path)
            .unwrap();
        raw.set_len((20 << 20) + 5).unwrap();
        raw.write_all_at(&vec![7; 3 << 20], 9 << 20).unwrap();
        raw.write_all_at(b"end", 20 << 20).unwrap();
        let (mut compressed, mut last) = (Vec::new(), (0, 0));
        write_raw_zst(&raw, &mut compressed, &mut |done, total| last = (done, total)).unwrap();
        assert_eq!(last.0, last.1);
        let mut again = Vec::new();
        write_raw_zst(&raw, &mut again, &mut |_, _| {}).unwrap();
        assert!(compressed == again);
        let path = directory.path().join("raw.zst");
        std::fs::write(&path, compressed).unwrap();
        let back = directory.path().join("back");
        let [path, back, raw] =
            [path, back, directory.path().join("raw")].map(|path| path.to_str().unwrap().to_owned());
        run_of("zstd", "zstd", &["-q", "-d", &path, "-o", &back]);
        run_of("diffutils", "cmp", &[&raw, &back]);
    }
}
