//! A file that stands under its name only when it is complete.

mod leftovers;
mod replace;

use std::fs::{self, File, OpenOptions};
use std::io::{self, Seek, SeekFrom, Write};
use std::os::unix::fs::MetadataExt;
use std::process;
use std::time::{SystemTime, UNIX_EPOCH};

use camino::{Utf8Path, Utf8PathBuf};

use crate::checksums::sum_file;
use crate::{Checksums, Sums};

pub use leftovers::remove_leftovers;
pub use replace::Existing;

/// What stands between an output's name and the unique end of its temporary name.
const PARTIAL: &str = ".dib-partial-";

/// Writing or publishing an output failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OutputError {
    /// The output's path names no file.
    #[error("{0:?} does not name a file")]
    NotAFileName(Utf8PathBuf),
    /// The temporary file could not be made.
    #[error("failed to create a temporary file for {path}")]
    Create {
        /// The output's path.
        path: Utf8PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The bytes could not be brought to the disk.
    #[error("failed to write {path}")]
    Write {
        /// The temporary or checksum file.
        path: Utf8PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The checksums could not be taken.
    #[error("failed to take the checksums of {path}")]
    Sum {
        /// The output's path.
        path: Utf8PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file could not be given its name.
    #[error("failed to rename {from} to {to}")]
    Rename {
        /// The name it has.
        from: Utf8PathBuf,
        /// The name it was to get.
        to: Utf8PathBuf,
        /// Why.
        source: io::Error,
    },
    /// An old file could not be removed.
    #[error("failed to remove {path}")]
    Remove {
        /// The file.
        path: Utf8PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A directory could not be searched for leftovers.
    #[error("failed to look through {path}")]
    List {
        /// The directory.
        path: Utf8PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// An output that is being written, under a temporary name beside its final one.
///
/// The temporary file is locked (flock(2)) as long as this value lives, so that [`remove_leftovers`] can tell it from
/// one whose writer was killed. Dropped without having been published, it is removed.
///
/// ```
/// use std::io::Write;
/// use dib_image::{Checksums, Existing, OutputFile};
///
/// let directory = tempfile::tempdir()?;
/// let path = camino::Utf8Path::from_path(directory.path()).unwrap().join("image.raw");
/// let mut output = OutputFile::create(&path)?;
/// output.write_all(b"content")?;
/// assert!(!path.exists());
/// output.commit(Checksums::ALL, Existing::Rename)?;
/// assert!(path.exists() && path.with_extension("raw.sha256").exists());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct OutputFile {
    final_path: Utf8PathBuf,
    temporary: Temporary,
}

/// Removes the file when dropped, unless it has been renamed.
#[derive(Debug)]
struct Temporary {
    path: Utf8PathBuf,
    file: File,
    renamed: bool,
}

/// An output whose bytes are on the disk, and its checksum files, all still under temporary names.
#[derive(Debug)]
pub struct FinishedFile {
    output: OutputFile,
    checksums: Vec<OutputFile>,
}

/// An output that stands under its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublishedFile {
    /// Its path.
    pub path: Utf8PathBuf,
    /// Its length in bytes.
    pub size: u64,
    /// The bytes it occupies on the disk; less than `size` when it is sparse.
    pub allocated: u64,
    /// The name that an older file of the same name has been given.
    pub old_renamed_to: Option<Utf8PathBuf>,
}

impl OutputFile {
    /// Creates an empty, locked file in the directory of `final_path`, which needs not exist and is not touched.
    ///
    /// # Errors
    /// When `final_path` names no file, or its directory is missing or can't be written.
    pub fn create(final_path: &Utf8Path) -> Result<Self, OutputError> {
        let name = final_path
            .file_name()
            .ok_or_else(|| OutputError::NotAFileName(final_path.to_owned()))?;
        // The process number alone says little inside a PID namespace; `create_new` settles what the clock does not.
        let clock = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |time| time.subsec_nanos());
        let mut attempt = 0;
        loop {
            let unique = format!("{}-{clock:x}-{attempt}", process::id());
            let path = final_path.with_file_name(format!(".{name}{PARTIAL}{unique}"));
            match Temporary::create(path) {
                Ok(temporary) => {
                    return Ok(Self {
                        final_path: final_path.to_owned(),
                        temporary,
                    });
                }
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists && attempt < 1000 => attempt += 1,
                Err(source) => {
                    return Err(OutputError::Create {
                        path: final_path.to_owned(),
                        source,
                    });
                }
            }
        }
    }

    /// Returns the open file.
    #[must_use]
    pub fn file(&self) -> &File {
        &self.temporary.file
    }

    /// Returns the name it has while it is written, for programs that take a path.
    #[must_use]
    pub fn temporary_path(&self) -> &Utf8Path {
        &self.temporary.path
    }

    /// Returns the name it will have.
    #[must_use]
    pub fn final_path(&self) -> &Utf8Path {
        &self.final_path
    }

    /// Brings the file to the disk, takes its checksums by reading it once, and puts it under its name.
    ///
    /// # Errors
    /// When reading, writing or renaming fails; then nothing stands under the final name that did not before.
    pub fn commit(self, wanted: Checksums, existing: Existing) -> Result<PublishedFile, OutputError> {
        let sums = self.sums(wanted)?;
        self.finish(&sums)?.publish(existing)
    }

    /// Takes the checksums of what has been written, by reading it once.
    ///
    /// # Errors
    /// When reading fails.
    pub fn sums(&self, wanted: Checksums) -> Result<Sums, OutputError> {
        sum_file(self.file(), wanted).map_err(|source| OutputError::Sum {
            path: self.final_path.clone(),
            source,
        })
    }

    /// Brings the file and a checksum file for each of `sums` to the disk, all under temporary names.
    ///
    /// # Errors
    /// When writing fails.
    pub fn finish(self, sums: &Sums) -> Result<FinishedFile, OutputError> {
        self.sync()?;
        let mut checksums = Vec::new();
        for (extension, sum) in sums.files() {
            let mut file = Self::create(&replace::checksum_path(&self.final_path, extension))?;
            let line = replace::checksum_line(sum, &self.final_path);
            file.write_all(line.as_bytes())
                .map_err(|source| OutputError::Write {
                    path: file.final_path.clone(),
                    source,
                })?;
            file.sync()?;
            checksums.push(file);
        }
        Ok(FinishedFile {
            output: self,
            checksums,
        })
    }

    fn sync(&self) -> Result<(), OutputError> {
        let result = self.file().sync_all();
        result.map_err(|source| OutputError::Write {
            path: self.final_path.clone(),
            source,
        })
    }

    fn publish(mut self) -> Result<(), OutputError> {
        replace::rename(&self.temporary.path, &self.final_path)?;
        self.temporary.renamed = true;
        Ok(())
    }
}

impl FinishedFile {
    /// Returns the path at which it stands until it is published.
    #[must_use]
    pub fn temporary_path(&self) -> &Utf8Path {
        self.output.temporary_path()
    }

    /// Puts the checksum files and, last, the output itself under their names.
    ///
    /// # Errors
    /// When renaming or removing fails.
    pub fn publish(self, existing: Existing) -> Result<PublishedFile, OutputError> {
        let path = self.output.final_path.clone();
        let written = self.output.file().metadata();
        let written = written.map_err(|source| OutputError::Write {
            path: path.clone(),
            source,
        })?;
        let old_renamed_to = replace::make_way(&path, existing)?;
        for checksum in self.checksums {
            checksum.publish()?;
        }
        self.output.publish()?;
        replace::sync_directory(&path)?;
        Ok(PublishedFile {
            path,
            size: written.len(),
            allocated: written.blocks() * 512,
            old_renamed_to,
        })
    }
}

impl Write for OutputFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.temporary.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.temporary.file.flush()
    }
}

impl Seek for OutputFile {
    fn seek(&mut self, position: SeekFrom) -> io::Result<u64> {
        self.temporary.file.seek(position)
    }
}

impl Temporary {
    fn create(path: Utf8PathBuf) -> io::Result<Self> {
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create_new(true)
            .open(&path)?;
        file.lock()?;
        let temporary = Self {
            path,
            file,
            renamed: false,
        };
        // Between creation and lock another process may have taken it for a leftover: then its name is gone.
        if leftovers::is_named(&temporary.file, &temporary.path)? {
            Ok(temporary)
        } else {
            Err(io::ErrorKind::AlreadyExists.into())
        }
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        if !self.renamed {
            // Nobody is left to tell; the next build's `remove_leftovers` tries again.
            let _ = fs::remove_file(&self.path);
        }
    }
}

#[cfg(test)]
mod tests;
