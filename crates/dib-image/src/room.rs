//! The part of a disk that a file system has for itself.

use std::fs::File;

use camino::Utf8Path;

use crate::partition_table::Extent;

/// A part of a disk's file.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Room<'r> {
    /// The disk's path.
    pub(crate) image: &'r Utf8Path,
    pub(crate) file: &'r File,
    pub(crate) extent: Extent,
    /// In bytes.
    pub(crate) sector_size: u64,
}
