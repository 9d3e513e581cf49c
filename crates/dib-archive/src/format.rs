//! Which kind of archive a file is.

use std::fmt;
use std::fs::File;
use std::io::{Read, Seek};

use crate::{ExtractError, Place};

/// A kind of archive that can be extracted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ArchiveFormat {
    /// A tar stream as it is.
    Tar,
    /// A tar stream compressed with gzip.
    TarGzip,
    /// A tar stream compressed with xz.
    TarXz,
    /// A tar stream compressed with zstd.
    TarZstd,
    /// A `SquashFS` image.
    SquashFs,
}

/// How a tar stream is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Compression {
    /// Not at all.
    Stored,
    /// With gzip.
    Gzip,
    /// With xz.
    Xz,
    /// With zstd.
    Zstd,
}

impl ArchiveFormat {
    /// Finds the format from a file's first bytes, whatever its name, and leaves the file at its start.
    ///
    /// # Errors
    /// When the file can't be read or is of none of these formats.
    pub fn detect(file: &mut File) -> Result<Self, ExtractError> {
        let mut start = Vec::with_capacity(512);
        let read = file
            .rewind()
            .and_then(|()| file.take(512).read_to_end(&mut start));
        read.and_then(|_| file.rewind())
            .map_err(|source| ExtractError::Damaged {
                place: Place::Start,
                source,
            })?;
        Self::of(&start).ok_or(ExtractError::UnknownFormat)
    }

    /// Returns how the tar stream is compressed, or `None` when the archive is not a tar stream.
    pub(crate) fn stream(self) -> Option<Compression> {
        match self {
            Self::Tar => Some(Compression::Stored),
            Self::TarGzip => Some(Compression::Gzip),
            Self::TarXz => Some(Compression::Xz),
            Self::TarZstd => Some(Compression::Zstd),
            Self::SquashFs => None,
        }
    }

    /// Magic bytes: RFC 1952, xz's file format 2.1.1.1, RFC 8878, `SquashFS` 4.0, POSIX ustar at offset 257.
    fn of(start: &[u8]) -> Option<Self> {
        if start.starts_with(&[0x1f, 0x8b]) {
            Some(Self::TarGzip)
        } else if start.starts_with(b"\xfd7zXZ\0") {
            Some(Self::TarXz)
        } else if start.starts_with(&[0x28, 0xb5, 0x2f, 0xfd]) {
            Some(Self::TarZstd)
        } else if start.starts_with(b"hsqs") {
            Some(Self::SquashFs)
        } else if start.get(257..262) == Some(b"ustar") {
            Some(Self::Tar)
        } else {
            None
        }
    }
}

impl fmt::Display for ArchiveFormat {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Tar => "tar",
            Self::TarGzip => "tar.gz",
            Self::TarXz => "tar.xz",
            Self::TarZstd => "tar.zst",
            Self::SquashFs => "squashfs",
        })
    }
}
