//! A raw disk as a qcow2 image.
//!
//! The format is that of QEMU's `docs/interop/qcow2.rst`. Images are laid out as header, L1 table, guest data, L2
//! tables, refcount blocks, refcount table.

mod layout;
mod options;

use std::fs::File;
use std::io;

use layout::Layout;
pub use options::{ClusterSize, Compression, Qcow2Options, Qcow2Version, RefcountBits};

use crate::deflate::Encoder;
use crate::in_order::ThreadError;
use crate::pieces::{self, PieceError};

/// The guest counts in sectors of this size, so a disk is made of whole ones.
const SECTOR: u64 = 512;
/// Compression that saves less than a sector saves nothing.
const SAVED_AT_LEAST: usize = 512;
/// The effort of zstd, which is QEMU's.
const ZSTD_LEVEL: i32 = 3;

/// Writing a qcow2 image failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Qcow2Error {
    /// The raw disk could not be read.
    #[error("failed to read the raw disk")]
    Read(#[source] io::Error),
    /// The image could not be written.
    #[error("failed to write the qcow2 image")]
    Write(#[source] io::Error),
    /// A cluster could not be compressed.
    #[error("failed to compress a cluster")]
    Compress(#[source] io::Error),
    /// The compressing threads could not be started.
    #[error(transparent)]
    Thread(#[from] ThreadError),
    /// The raw disk is larger than QEMU opens.
    #[error("a disk of {size} bytes is larger than QEMU opens as qcow2 with such clusters ({largest} bytes)")]
    TooLarge {
        /// The disk's size in bytes.
        size: u64,
        /// The largest size in bytes.
        largest: u64,
    },
}

impl From<PieceError> for Qcow2Error {
    fn from(error: PieceError) -> Self {
        match error {
            PieceError::Read(source) => Self::Read(source),
            PieceError::Thread(error) => Self::Thread(error),
        }
    }
}

/// Writes the disk `raw` as a qcow2 image into the empty file `out`.
///
/// The virtual disk is as large as `raw`, rounded up to 512 bytes. Holes and clusters of zeros take no room. Compression
/// uses all cores and the result depends on the content and the options alone. `progress` is told how many bytes of
/// data are done, and of how many.
///
/// # Errors
/// When reading or writing fails, or the disk is larger than QEMU opens.
pub fn write_qcow2(
    raw: &File,
    out: &File,
    options: &Qcow2Options,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<(), Qcow2Error> {
    let metadata = raw.metadata().map_err(Qcow2Error::Read)?;
    let size = metadata.len().next_multiple_of(SECTOR);
    let largest = layout::largest_disk(options.cluster_size);
    if size > largest {
        return Err(Qcow2Error::TooLarge { size, largest });
    }
    let mut layout = Layout::new(out, size, options);
    let cluster = options.cluster_size.bytes();
    let start_worker = || {
        let mut compressor = Compressor::new(options.compression);
        move |cluster: &[u8]| compressor.content(cluster)
    };
    pieces::for_each(raw, cluster, start_worker, |batch| {
        for (index, content) in batch.pieces {
            let result = match content.map_err(Qcow2Error::Compress)? {
                Content::Stored(data) => layout.store(index, &data),
                Content::Compressed(data) => layout.store_compressed(index, &data),
            };
            result.map_err(Qcow2Error::Write)?;
        }
        progress(batch.done, batch.total);
        Ok::<(), Qcow2Error>(())
    })?;
    layout.finish().map_err(Qcow2Error::Write)
}

/// A guest cluster that is not all zeros.
enum Content {
    Stored(Vec<u8>),
    Compressed(Vec<u8>),
}

/// What a thread compresses clusters with.
enum Compressor {
    None,
    Zlib(Box<Encoder>),
    Zstd(io::Result<zstd::bulk::Compressor<'static>>),
}

impl Compressor {
    fn new(compression: Compression) -> Self {
        match compression {
            Compression::None => Self::None,
            Compression::Zlib => Self::Zlib(Box::new(Encoder::new())),
            Compression::Zstd => Self::Zstd(zstd::bulk::Compressor::new(ZSTD_LEVEL)),
        }
    }

    /// Compresses a cluster, unless that saves too little.
    fn content(&mut self, cluster: &[u8]) -> io::Result<Content> {
        let largest = cluster.len() - SAVED_AT_LEAST;
        let compressed = match self {
            Self::None => None,
            Self::Zlib(encoder) => Some(encoder.deflate(cluster))
                .filter(|data| data.len() <= largest)
                .map(<[u8]>::to_owned),
            Self::Zstd(compressor) => {
                let compressor = compressor
                    .as_mut()
                    .map_err(|error| io::Error::from(error.kind()))?;
                Some(compressor.compress(cluster)?).filter(|data| data.len() <= largest)
            }
        };
        Ok(compressed.map_or_else(|| Content::Stored(cluster.to_owned()), Content::Compressed))
    }
}

#[cfg(test)]
mod tests;
