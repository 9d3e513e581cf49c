//! A raw disk as a qcow2 image.
//!
//! The format is that of QEMU's `docs/interop/qcow2.rst`. Images are laid out as header, L1 table, guest data, L2
//! tables, refcount blocks, refcount table, and their clusters are 64 KiB, QEMU's default.

mod clusters;
mod layout;

use std::fs::File;
use std::io;

use clusters::Content;
use layout::Layout;

use crate::sparse;

const CLUSTER_BITS: u32 = 16;
const CLUSTER: u64 = 1 << CLUSTER_BITS;
const CLUSTER_LENGTH: usize = 1 << CLUSTER_BITS;
/// The guest counts in sectors of this size, so a disk is made of whole ones.
const SECTOR: u64 = 512;

/// How a qcow2 image is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Qcow2Options {
    /// The format's version.
    pub version: Qcow2Version,
    /// How guest data is stored.
    pub compression: Compression,
}

/// A version of the qcow2 format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Qcow2Version {
    /// Version 2, which QEMU calls `compat=0.10`.
    V2,
    /// Version 3, which QEMU calls `compat=1.1`.
    #[default]
    V3,
}

/// How guest data is stored in a qcow2 image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    /// As it is.
    None,
    /// Deflated, cluster by cluster, except where that saves nothing.
    Zlib {
        /// The effort, from 1 to 9; zlib's usual one is 6.
        level: u32,
    },
}

impl Default for Compression {
    fn default() -> Self {
        Self::Zlib { level: 6 }
    }
}

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
    /// The compressing threads could not be started.
    #[error("failed to start a thread")]
    Thread(#[source] io::Error),
    /// The raw disk is larger than QEMU opens.
    #[error(
        "a disk of {size} bytes is larger than QEMU opens as qcow2 ({} bytes)",
        layout::LARGEST_DISK
    )]
    TooLarge {
        /// The disk's size in bytes.
        size: u64,
    },
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
    let size = raw
        .metadata()
        .map_err(Qcow2Error::Read)?
        .len()
        .next_multiple_of(SECTOR);
    if size > layout::LARGEST_DISK {
        return Err(Qcow2Error::TooLarge { size });
    }
    let extents = sparse::data_extents(raw).map_err(Qcow2Error::Read)?;
    let total = extents.iter().map(|extent| extent.end - extent.start).sum();
    let mut layout = Layout::new(out, size);
    clusters::for_each(raw, &extents, options.compression, |batch| {
        for (index, content) in &batch.contents {
            let result = match content {
                Content::Stored(data) => layout.store(*index, data),
                Content::Deflated(data) => layout.store_deflated(*index, data),
            };
            result.map_err(Qcow2Error::Write)?;
        }
        progress(batch.bytes_done.min(total), total);
        Ok(())
    })?;
    layout.finish(options.version).map_err(Qcow2Error::Write)
}

#[cfg(test)]
mod tests;
