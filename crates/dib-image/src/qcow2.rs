//! A raw disk as a qcow2 image.
//!
//! The format is that of QEMU's `docs/interop/qcow2.rst`. Images are laid out as header, L1 table, guest data, L2
//! tables, refcount blocks, refcount table.

mod cluster_index;
mod compressor;
mod known_clusters;
mod layout;
mod options;

use std::fs::File;
use std::io;

pub use cluster_index::{ClusterIndex, ClusterIndexError};
use compressor::{Compressor, Content, Recorded};
pub use known_clusters::{ClusterReuse, KnownCluster, KnownClusters, KnownImage};
use layout::Layout;
pub use options::{ClusterSize, Compression, Qcow2Options, Qcow2Version, RefcountBits};

use crate::in_order::ThreadError;
use crate::pieces::{self, PieceError};

/// The guest counts in sectors of this size, so a disk is made of whole ones.
const SECTOR: u64 = 512;
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
    let start_worker = || {
        let mut compressor = Compressor::new(options.compression);
        move |cluster: &[u8]| compressor.content(cluster)
    };
    let store = |layout: &mut Layout<'_>, index, content: Content| store(layout, index, &content).map(drop);
    write_clusters(raw, out, options, start_worker, store, progress)
}

/// Writes the same image as [`write_qcow2`], byte for byte, and returns the index of its clusters.
///
/// Those that are `known` are not compressed again, if they are of the same [key](Qcow2Options::cluster_key). Without
/// compression there is neither key nor index.
///
/// # Errors
/// When reading or writing fails, or the disk is larger than QEMU opens.
pub fn write_qcow2_with_index(
    raw: &File,
    out: &File,
    options: &Qcow2Options,
    known: Option<&dyn KnownClusters>,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<Option<ClusterIndex>, Qcow2Error> {
    let Some(key) = options.cluster_key() else {
        write_qcow2(raw, out, options, progress)?;
        return Ok(None);
    };
    let known = known.filter(|known| known.key() == key);
    let start_worker = || {
        let mut compressor = Compressor::new(options.compression);
        move |cluster: &[u8]| compressor.recorded(cluster, known)
    };
    let mut clusters = Vec::new();
    let store = |layout: &mut Layout<'_>, index, recorded: Recorded| {
        let offset = store(layout, index, &recorded.content)?;
        clusters.push(recorded.indexed_at(offset));
        Ok(())
    };
    write_clusters(raw, out, options, start_worker, store, progress)?;
    Ok(Some(ClusterIndex::new(key, clusters)))
}

/// Writes an image of what the workers make of the clusters, each of which `store` puts in its place.
fn write_clusters<Made: Send, Worker: FnMut(&[u8]) -> io::Result<Made>>(
    raw: &File,
    out: &File,
    options: &Qcow2Options,
    start_worker: impl Fn() -> Worker + Sync,
    mut store: impl FnMut(&mut Layout<'_>, u64, Made) -> io::Result<()>,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<(), Qcow2Error> {
    let metadata = raw.metadata().map_err(Qcow2Error::Read)?;
    let size = metadata.len().next_multiple_of(SECTOR);
    let largest = layout::largest_disk(options.cluster_size);
    if size > largest {
        return Err(Qcow2Error::TooLarge { size, largest });
    }
    let mut layout = Layout::new(out, size, options);
    pieces::for_each(raw, options.cluster_size.bytes(), start_worker, |batch| {
        for (index, made) in batch.pieces {
            let made = made.map_err(Qcow2Error::Compress)?;
            store(&mut layout, index, made).map_err(Qcow2Error::Write)?;
        }
        progress(batch.done, batch.total);
        Ok::<(), Qcow2Error>(())
    })?;
    layout.finish().map_err(Qcow2Error::Write)
}

/// Stores a guest cluster and returns at which offset its bytes lie.
fn store(layout: &mut Layout<'_>, index: u64, content: &Content) -> io::Result<u64> {
    match content {
        Content::Stored(data) => layout.store(index, data),
        Content::Compressed(data) => layout.store_compressed(index, data),
    }
}

#[cfg(test)]
mod tests;
