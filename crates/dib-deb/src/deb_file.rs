//! A `.deb` file, read as a stream from its first byte to its last.
//!
//! The format is that of deb(5): an `ar` archive of `debian-binary`, the control archive and the data archive, in this
//! order. Members whose names begin with an underscore may stand before the data archive, and are passed over.

mod ar;
mod control;

use std::io::{self, BufRead, Read};

use dib_archive::Compression;

pub use self::control::{Control, ControlFile};

/// The longest control archive that is read, in bytes, compressed or not: far more than any package's.
const CONTROL_AT_MOST: u64 = 64 << 20;

/// From this size on, in bytes, a data archive is worth more than one thread: others are unpacked beside each other. It
/// is a few blocks of those that dpkg-deb makes.
pub(crate) const LARGE: u64 = 32 << 20;

/// A `.deb` file whose control archive has been read.
#[derive(Debug)]
pub struct DebFile<R> {
    input: R,
    control: Control,
}

/// Why a file is not a `.deb` that can be unpacked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DebFileError {
    /// The file can't be read, is cut short or damaged.
    #[error("failed to read {part}")]
    Read {
        /// The member or what else was being read.
        part: String,
        /// What the system or the decompressor said.
        source: io::Error,
    },
    /// It is not an `ar` archive.
    #[error("it is not a .deb file: it doesn't begin as an ar archive does")]
    NotAnArchive,
    /// A header between the members is damaged.
    #[error("the header of the ar member after {after} is malformed")]
    BadHeader {
        /// The member before it.
        after: String,
    },
    /// It is of a format that did not exist when this was written.
    #[error("its format is {version:?}, and only 2.x can be read")]
    Version {
        /// What it says of itself.
        version: String,
    },
    /// A member is not where it must be.
    #[error("{expected} is missing: the member {found:?} stands in its place")]
    Member {
        /// What must be there.
        expected: &'static str,
        /// The name of the member that is there.
        found: String,
    },
    /// A member is compressed in a way that is not supported.
    #[error("{member} is compressed with {compression}, which is not supported; gzip, xz and zstd are")]
    Compression {
        /// The member.
        member: String,
        /// The ending of its name.
        compression: String,
    },
    /// The control archive can't be what a package has.
    #[error("its control archive {reason}")]
    Control {
        /// What is wrong.
        reason: String,
    },
}

impl<R: BufRead + Send> DebFile<R> {
    /// Reads up to the end of the control archive.
    ///
    /// # Errors
    /// When the file can't be read, or is not a `.deb` of format 2 with a control archive that holds a control file.
    pub fn open(mut input: R) -> Result<Self, DebFileError> {
        ar::read_magic(&mut input)?;
        let mut after = "the beginning".to_owned();
        let mut next = |input: &mut R| {
            let header = ar::read_header(input, &after);
            if let Ok(header) = &header {
                after.clone_from(&header.name);
            }
            header
        };
        let binary = next(&mut input)?;
        if binary.name != "debian-binary" {
            return Err(DebFileError::Member {
                expected: "debian-binary",
                found: binary.name,
            });
        }
        let version = ar::read_member(&mut input, &binary, 4096)?;
        if !version.starts_with(b"2.") {
            let version = String::from_utf8_lossy(&version).trim_end().to_owned();
            return Err(DebFileError::Version { version });
        }
        let header = loop {
            let header = next(&mut input)?;
            if !header.name.starts_with('_') {
                break header;
            }
            ar::skip_member(&mut input, &header)?;
        };
        let compression = compression_of(&header.name, "control.tar")?;
        let packed = ar::read_member(&mut input, &header, CONTROL_AT_MOST)?;
        let read = |source| failed(&header.name, source);
        let mut tar = Vec::new();
        dib_archive::decoder(&packed[..], compression)
            .map_err(read)?
            .take(CONTROL_AT_MOST)
            .read_to_end(&mut tar)
            .map_err(read)?;
        Ok(Self {
            input,
            control: Control::parse(&tar)?,
        })
    }

    /// Returns what the control archive holds.
    #[must_use]
    pub fn control(&self) -> &Control {
        &self.control
    }

    /// Returns what the control archive held.
    #[must_use]
    pub fn into_control(self) -> Control {
        self.control
    }

    /// Goes on to the data archive: what the control archive held, and a tar stream to be read to its end.
    ///
    /// # Errors
    /// When the data archive does not follow, or is compressed in a way that is not supported.
    pub fn into_data<'a>(mut self) -> Result<(Control, Box<dyn BufRead + Send + 'a>), DebFileError>
    where
        R: 'a,
    {
        let mut after = "the control archive".to_owned();
        let header = loop {
            let header = ar::read_header(&mut self.input, &after)?;
            if !header.name.starts_with('_') {
                break header;
            }
            ar::skip_member(&mut self.input, &header)?;
            after = header.name;
        };
        let compression = compression_of(&header.name, "data.tar")?;
        let packed = self.input.take(header.size);
        let data = if header.size < LARGE {
            dib_archive::decoder(packed, compression)
        } else {
            dib_archive::parallel_decoder(packed, compression)
        };
        let data = data.map_err(|source| failed(&header.name, source))?;
        Ok((self.control, data))
    }
}

fn compression_of(name: &str, expected: &'static str) -> Result<Compression, DebFileError> {
    let ending = name.strip_prefix(expected).ok_or_else(|| DebFileError::Member {
        expected,
        found: name.to_owned(),
    })?;
    match ending {
        "" => Ok(Compression::Stored),
        ".gz" => Ok(Compression::Gzip),
        ".xz" => Ok(Compression::Xz),
        ".zst" => Ok(Compression::Zstd),
        _ => Err(DebFileError::Compression {
            member: name.to_owned(),
            compression: ending.trim_start_matches('.').to_owned(),
        }),
    }
}

fn failed(part: &str, source: io::Error) -> DebFileError {
    DebFileError::Read {
        part: part.to_owned(),
        source,
    }
}

#[cfg(test)]
pub(crate) mod tests;
