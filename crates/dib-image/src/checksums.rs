//! MD5 and SHA-256 of an image, both in one pass.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

use md5::Md5;
use sha2::{Digest, Sha256};

use crate::sparse::{self, BLOCK};

/// Which checksum files shall lie beside an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Checksums {
    /// `<image>.md5` is wanted.
    pub md5: bool,
    /// `<image>.sha256` is wanted.
    pub sha256: bool,
}

impl Checksums {
    /// No checksum file.
    pub const NONE: Self = Self {
        md5: false,
        sha256: false,
    };
    /// Both, as `--checksum` asks for.
    pub const ALL: Self = Self {
        md5: true,
        sha256: true,
    };
}

/// An image's checksums in lower-case hexadecimal, those that were asked for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Sums {
    /// The MD5 digest.
    pub md5: Option<String>,
    /// The SHA-256 digest.
    pub sha256: Option<String>,
}

impl Sums {
    /// Returns the sums with the extensions of their files.
    pub(crate) fn files(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let md5 = self.md5.as_deref().map(|sum| ("md5", sum));
        let sha256 = self.sha256.as_deref().map(|sum| ("sha256", sum));
        md5.into_iter().chain(sha256)
    }
}

/// Takes the checksums of a finished file; its holes count as zeros without being read.
pub(crate) fn sum_file(file: &File, wanted: Checksums) -> io::Result<Sums> {
    if wanted == Checksums::NONE {
        return Ok(Sums::default());
    }
    let threads = SumThreads::start(wanted)?;
    let mut position = 0;
    for extent in sparse::data_extents(file)? {
        threads.send(&Part::Zeros(extent.start - position));
        position = extent.end;
        for (start, length) in sparse::blocks(extent) {
            let mut block = vec![0; length];
            file.read_exact_at(&mut block, start)?;
            threads.send(&Part::Data(block.into()));
        }
    }
    threads.send(&Part::Zeros(file.metadata()?.len() - position));
    threads.finish()
}

/// A writer that takes checksums of what goes by.
pub(crate) struct SummingWriter<W: Write> {
    inner: W,
    buffer: Vec<u8>,
    threads: SumThreads,
}

impl<W: Write> SummingWriter<W> {
    pub(crate) fn new(inner: W, wanted: Checksums) -> io::Result<Self> {
        Ok(Self {
            inner,
            buffer: Vec::with_capacity(BLOCK),
            threads: SumThreads::start(wanted)?,
        })
    }

    pub(crate) fn finish(mut self) -> io::Result<Sums> {
        self.flush()?;
        self.threads.finish()
    }

    fn pass_on(&mut self) -> io::Result<()> {
        self.inner.write_all(&self.buffer)?;
        let block = std::mem::replace(&mut self.buffer, Vec::with_capacity(BLOCK));
        self.threads.send(&Part::Data(block.into()));
        Ok(())
    }
}

impl<W: Write> Write for SummingWriter<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let taken = bytes.len().min(BLOCK - self.buffer.len());
        self.buffer.extend_from_slice(&bytes[..taken]);
        if self.buffer.len() == BLOCK {
            self.pass_on()?;
        }
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.pass_on()?;
        self.inner.flush()
    }
}

#[derive(Clone)]
enum Part {
    Data(Arc<[u8]>),
    Zeros(u64),
}

struct SumThread {
    parts: SyncSender<Part>,
    sum: JoinHandle<String>,
}

/// One thread per digest, so that two cost no more time than the slower.
struct SumThreads {
    md5: Option<SumThread>,
    sha256: Option<SumThread>,
}

impl SumThreads {
    fn start(wanted: Checksums) -> io::Result<Self> {
        Ok(Self {
            md5: wanted.md5.then(SumThread::start::<Md5>).transpose()?,
            sha256: wanted.sha256.then(SumThread::start::<Sha256>).transpose()?,
        })
    }

    fn send(&self, part: &Part) {
        for thread in self.md5.iter().chain(&self.sha256) {
            // A thread that no longer listens has panicked, which `finish` reports.
            let _ = thread.parts.send(part.clone());
        }
    }

    fn finish(self) -> io::Result<Sums> {
        let md5 = self.md5.map(SumThread::finish).transpose()?;
        let sha256 = self.sha256.map(SumThread::finish).transpose()?;
        Ok(Sums { md5, sha256 })
    }
}

impl SumThread {
    fn start<D: Digest>() -> io::Result<Self> {
        // A few blocks ahead: enough to keep a thread busy while the other or the disk is slow.
        let (parts, receiver) = sync_channel(8);
        let sum = std::thread::Builder::new()
            .name("checksum".to_owned())
            .spawn(move || digest::<D>(&receiver))?;
        Ok(Self { parts, sum })
    }

    fn finish(self) -> io::Result<String> {
        drop(self.parts);
        self.sum
            .join()
            .map_err(|_| io::Error::other("a checksum's thread panicked"))
    }
}

fn digest<D: Digest>(parts: &Receiver<Part>) -> String {
    let zeros = vec![0; BLOCK];
    let mut digest = D::new();
    for part in parts {
        match part {
            Part::Data(data) => digest.update(&data),
            Part::Zeros(length) => {
                for (_, length) in sparse::blocks(0..length) {
                    digest.update(&zeros[..length]);
                }
            }
        }
    }
    digest.finalize().iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").expect("writing to a string does not fail");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const EMPTY_MD5: &str = "d41d8cd98f00b204e9800998ecf8427e";
    const EMPTY_SHA256: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    #[test]
    fn known_sums() {
        let empty = tempfile::tempfile().unwrap();
        let sums = sum_file(&empty, Checksums::ALL).unwrap();
        assert_eq!(sums.md5.as_deref(), Some(EMPTY_MD5));
        assert_eq!(sums.sha256.as_deref(), Some(EMPTY_SHA256));
        assert_eq!(sum_file(&empty, Checksums::NONE).unwrap(), Sums::default());
        let only_md5 = sum_file(
            &empty,
            Checksums {
                md5: true,
                sha256: false,
            },
        )
        .unwrap();
        assert_eq!(
            only_md5,
            Sums {
                md5: Some(EMPTY_MD5.to_owned()),
                sha256: None
            }
        );
    }

    #[test]
    fn a_sparse_file_sums_like_the_bytes_that_went_by() {
        let file = tempfile::tempfile().unwrap();
        file.set_len((5 << 20) + 17).unwrap();
        file.write_all_at(b"in the middle", 2 << 20).unwrap();
        file.write_all_at(&vec![9; 70_000], 3 << 20).unwrap();
        let mut whole = vec![0; (5 << 20) + 17];
        file.read_exact_at(&mut whole, 0).unwrap();

        let mut copied = Vec::new();
        let mut writer = SummingWriter::new(&mut copied, Checksums::ALL).unwrap();
        for piece in whole.chunks(300_007) {
            writer.write_all(piece).unwrap();
        }
        let sums = writer.finish().unwrap();
        assert!(copied == whole);
        assert_eq!(sums, sum_file(&file, Checksums::ALL).unwrap());
    }
}
