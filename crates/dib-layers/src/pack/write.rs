//! Filling a pack.

use std::fs::File;
use std::io;
use std::os::fd::BorrowedFd;
use std::os::unix::fs::FileExt;
use std::sync::Mutex;

use camino::Utf8Path;
use nix::errno::Errno;
use nix::fcntl::{OFlag, openat};
use nix::sys::stat::Mode;

use super::chunks::{Chunk, Segment};
use super::{Footer, Sum, header, index, sum_of};
use crate::directories::Directories;
use crate::entry::{Entries, Kind};
use crate::workers::{self, lock};
use crate::{PackName, StoreError, WriteError};

/// What is to become a pack.
pub(crate) struct Contents<'layer> {
    pub(crate) entries: &'layer Entries,
    pub(crate) chunks: &'layer [Chunk],
    pub(crate) description: &'layer [u8],
}

impl Contents<'_> {
    /// Returns the size that the pack will have, in bytes.
    pub(crate) fn pack_size(&self) -> u64 {
        let no_sums = vec![Sum::default(); self.chunks.len()];
        let index = index::encode(self.entries, &no_sums);
        self.footer(&index).pack_size().unwrap_or(u64::MAX)
    }

    /// Writes the pack of an upper directory into an empty file; `path` is its name for messages.
    pub(crate) fn write(
        &self,
        upper: BorrowedFd<'_>,
        name: PackName,
        file: &File,
        path: &Utf8Path,
    ) -> Result<Footer, WriteError> {
        let sums = Mutex::new(vec![Sum::default(); self.chunks.len()]);
        let state = || State {
            directories: Directories::new(upper, self.entries),
            open: None,
            buffer: Vec::new(),
        };
        workers::run(self.chunks.len(), WriteError::Thread, state, |state, number| {
            let chunk = &self.chunks[number];
            state.read(self.entries, chunk)?;
            lock(&sums)[number] = sum_of(&state.buffer);
            file.write_all_at(&state.buffer, chunk.position)
                .map_err(|error| StoreError::system("write", path)(error).into())
        })?;
        Ok(self.write_ends(name, &lock(&sums), file, path)?)
    }

    /// Writes what stands before and behind the contents, whose sums these are.
    pub(crate) fn write_ends(
        &self,
        name: PackName,
        sums: &[Sum],
        file: &File,
        path: &Utf8Path,
    ) -> Result<Footer, StoreError> {
        let index = index::encode(self.entries, sums);
        let footer = self.footer(&index);
        let end = [&*index, self.description, &*footer.to_bytes()].concat();
        file.write_all_at(&end, footer.index_offset())
            .and_then(|()| file.write_all_at(&header(name), 0))
            .map_err(StoreError::system("write", path))?;
        Ok(footer)
    }

    fn footer(&self, index: &[u8]) -> Footer {
        Footer {
            data_length: self.chunks.iter().map(|chunk| chunk.length as u64).sum(),
            index_length: index.len() as u64,
            description_length: self.description.len() as u64,
            index_sum: sum_of(index),
            description_sum: sum_of(self.description),
        }
    }
}

/// What a thread that reads files of the upper directory keeps.
struct State<'layer> {
    directories: Directories<'layer>,
    /// A large file is read chunk after chunk.
    open: Option<(u32, File)>,
    buffer: Vec<u8>,
}

impl State<'_> {
    /// Reads a chunk's parts of files into the buffer.
    fn read(&mut self, entries: &Entries, chunk: &Chunk) -> Result<(), WriteError> {
        self.buffer.resize(chunk.length, 0);
        let mut buffer = std::mem::take(&mut self.buffer);
        let mut rest = buffer.as_mut_slice();
        for segment in &chunk.segments {
            let (part, after) = rest.split_at_mut(segment.length);
            self.read_segment(entries, segment, part)?;
            rest = after;
        }
        self.buffer = buffer;
        Ok(())
    }

    fn read_segment(
        &mut self,
        entries: &Entries,
        segment: &Segment,
        buffer: &mut [u8],
    ) -> Result<(), WriteError> {
        let changed = || WriteError::Changed {
            path: entries.lossy_path(segment.entry),
        };
        let failed = |action| {
            move |source: io::Error| WriteError::Entry {
                action,
                path: entries.lossy_path(segment.entry),
                source,
            }
        };
        if self.open.as_ref().is_none_or(|(open, _)| *open != segment.entry) {
            let file = self
                .open(entries, segment.entry)
                .map_err(|errno| failed("open")(errno.into()))?;
            let length = file.metadata().map_err(failed("look at"))?.len();
            if !matches!(entries.get(segment.entry).kind, Kind::File { size, .. } if size == length) {
                return Err(changed());
            }
            self.open = Some((segment.entry, file));
        }
        let (_, file) = self.open.as_ref().expect("it was opened just now");
        match file.read_exact_at(buffer, segment.offset) {
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Err(changed()),
            result => result.map_err(failed("read")),
        }
    }

    fn open(&mut self, entries: &Entries, number: u32) -> Result<File, Errno> {
        let entry = entries.get(number);
        let flags = OFlag::O_RDONLY | OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK | OFlag::O_CLOEXEC;
        let directory = self.directories.get(entry.parent)?;
        openat(directory, entry.file_name(), flags, Mode::empty()).map(File::from)
    }
}
