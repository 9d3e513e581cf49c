//! Making an upper directory again, from bytes that are verified before they are used.
//!
//! Directories come first, open to their owner; then all threads together make and fill the files; then come the hard
//! links, and what only the end may settle: the attributes of files that several threads filled, and of directories.

mod attributes;

use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::FileExt;
use std::path::Path;

use nix::errno::Errno;
use nix::fcntl::{AtFlags, OFlag, openat};
use nix::sys::stat::{Mode, SFlag, makedev, mkdirat, mknodat};
use nix::unistd::{linkat, symlinkat};

use self::attributes::Setting;
use crate::directories::Directories;
use crate::entry::{Entry, Kind};
use crate::overlay_attributes::OverlayAttributes;
use crate::pack::Pack;
use crate::pack::chunks::{Chunk, Segment};
use crate::pack::index::Index;
use crate::pack::read::ReadFault;
use crate::workers;

/// How many entries without contents a thread makes at one go.
const BATCH: usize = 256;

/// Why it could not be made.
#[derive(Debug)]
pub(crate) enum Fault {
    Read(ReadFault),
    Entry {
        action: &'static str,
        path: String,
        source: io::Error,
    },
    Thread(io::Error),
}

/// Makes what `index` lists in the empty directory `into`.
pub(crate) fn restore(pack: &Pack, index: &Index, into: BorrowedFd<'_>) -> Result<(), Fault> {
    let restoring = Restoring {
        pack,
        index,
        into,
        setting: Setting {
            overlay: OverlayAttributes::of(into),
        },
        divided: divided(index),
    };
    restoring.make_directories()?;
    restoring.make_divided_files()?;
    restoring.make_the_rest()?;
    restoring.make_hard_links()?;
    restoring.finish()
}

struct Restoring<'layer> {
    pack: &'layer Pack,
    index: &'layer Index,
    into: BorrowedFd<'layer>,
    setting: Setting,
    /// For every entry, whether it is a file with contents in several chunks.
    divided: Vec<bool>,
}

/// What a thread keeps from job to job.
struct State<'layer> {
    directories: Directories<'layer>,
    buffer: Vec<u8>,
}

impl<'layer> Restoring<'layer> {
    fn directories(&self) -> Directories<'layer> {
        Directories::new(self.into, &self.index.entries)
    }

    fn make_directories(&self) -> Result<(), Fault> {
        let mut directories = self.directories();
        for (number, entry) in self.index.entries.numbered().skip(1) {
            if entry.kind == Kind::Directory {
                directories
                    .get(entry.parent)
                    .and_then(|parent| mkdirat(parent, entry.file_name(), Mode::S_IRWXU))
                    .map_err(|errno| self.failed("create", number, errno))?;
            }
        }
        Ok(())
    }

    fn make_divided_files(&self) -> Result<(), Fault> {
        let mut directories = self.directories();
        for (number, entry) in self.index.entries.numbered() {
            if self.divided[number as usize] {
                self.make_file(&mut directories, number, entry)?;
            }
        }
        Ok(())
    }

    fn make_the_rest(&self) -> Result<(), Fault> {
        let empty: Vec<u32> = self
            .index
            .entries
            .numbered()
            .filter(|(_, entry)| has_no_contents(&entry.kind))
            .map(|(number, _)| number)
            .collect();
        let batches: Vec<&[u32]> = empty.chunks(BATCH).collect();
        let chunks = &self.index.chunks;
        let state = || State {
            directories: self.directories(),
            buffer: Vec::new(),
        };
        workers::run(
            chunks.len() + batches.len(),
            Fault::Thread,
            state,
            |state, job| {
                if let Some(chunk) = chunks.get(job) {
                    return self.fill_from(chunk, job, state);
                }
                for number in batches[job - chunks.len()] {
                    self.make_empty(&mut state.directories, *number)?;
                }
                Ok(())
            },
        )
    }

    fn fill_from(&self, chunk: &Chunk, number: usize, state: &mut State<'_>) -> Result<(), Fault> {
        let State { directories, buffer } = state;
        self.pack
            .chunk(chunk, &self.index.sums[number], buffer)
            .map_err(Fault::Read)?;
        let mut rest = buffer.as_slice();
        for segments in chunk.segments.chunk_by(|one, next| one.entry == next.entry) {
            let length = segments.iter().map(|segment| segment.length).sum();
            let (contents, after) = rest.split_at(length);
            self.fill(directories, segments, contents)?;
            rest = after;
        }
        Ok(())
    }

    /// Writes parts of one file that follow each other in a chunk.
    fn fill(
        &self,
        directories: &mut Directories<'_>,
        segments: &[Segment],
        contents: &[u8],
    ) -> Result<(), Fault> {
        let number = segments[0].entry;
        let entry = self.index.entries.get(number);
        let is_divided = self.divided[number as usize];
        let file = if is_divided {
            self.open(directories, number, entry, OFlag::O_WRONLY)?
        } else {
            self.make_file(directories, number, entry)?
        };
        let mut rest = contents;
        for segment in segments {
            let (part, after) = rest.split_at(segment.length);
            file.write_all_at(part, segment.offset)
                .map_err(|error| self.failed("write", number, error))?;
            rest = after;
        }
        if is_divided {
            return Ok(());
        }
        self.set_on_open(number, entry, &file)
    }

    /// Makes a file of its size, without its contents.
    fn make_file(
        &self,
        directories: &mut Directories<'_>,
        number: u32,
        entry: &Entry,
    ) -> Result<File, Fault> {
        let file = self.open(
            directories,
            number,
            entry,
            OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_EXCL,
        )?;
        if let Kind::File { size, extents } = &entry.kind
            && extents.last().map_or(0, |last| last.offset + last.length) != *size
        {
            file.set_len(*size)
                .map_err(|error| self.failed("set the size of", number, error))?;
        }
        Ok(file)
    }

    fn open(
        &self,
        directories: &mut Directories<'_>,
        number: u32,
        entry: &Entry,
        flags: OFlag,
    ) -> Result<File, Fault> {
        let flags = flags | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        let mode = Mode::S_IRUSR | Mode::S_IWUSR;
        directories
            .get(entry.parent)
            .and_then(|parent| openat(parent, entry.file_name(), flags, mode))
            .map(File::from)
            .map_err(|errno| self.failed("create", number, errno))
    }

    fn make_empty(&self, directories: &mut Directories<'_>, number: u32) -> Result<(), Fault> {
        let entry = self.index.entries.get(number);
        let node = |kind, major: u32, minor: u32| {
            let device = makedev(u64::from(major), u64::from(minor));
            move |parent: BorrowedFd<'_>, name: &Path| {
                mknodat(parent, name, kind, Mode::S_IRUSR | Mode::S_IWUSR, device)
            }
        };
        let parent = directories
            .get(entry.parent)
            .map_err(|errno| self.failed("create", number, errno))?;
        let name = Path::new(entry.file_name());
        let made = match &entry.kind {
            Kind::File { .. } => {
                let file = self.make_file(directories, number, entry)?;
                return self.set_on_open(number, entry, &file);
            }
            Kind::Directory | Kind::HardLink { .. } => return Ok(()),
            Kind::Symlink { text } => symlinkat(OsStr::from_bytes(text), parent, name),
            Kind::Fifo => node(SFlag::S_IFIFO, 0, 0)(parent, name),
            Kind::Socket => node(SFlag::S_IFSOCK, 0, 0)(parent, name),
            Kind::Character { major, minor } => node(SFlag::S_IFCHR, *major, *minor)(parent, name),
            Kind::Block { major, minor } => node(SFlag::S_IFBLK, *major, *minor)(parent, name),
        };
        made.map_err(|errno| self.failed("create", number, errno))?;
        self.setting
            .set_at(parent, entry)
            .map_err(|(action, error)| self.failed(action, number, error))
    }

    fn make_hard_links(&self) -> Result<(), Fault> {
        let (mut directories, mut first_directories) = (self.directories(), self.directories());
        for (number, entry) in self.index.entries.numbered() {
            let Kind::HardLink { first } = entry.kind else {
                continue;
            };
            let first = self.index.entries.get(first);
            let mut link = || -> Result<(), Errno> {
                let old = first_directories.get(first.parent)?;
                let new = directories.get(entry.parent)?;
                linkat(old, first.file_name(), new, entry.file_name(), AtFlags::empty())
            };
            link().map_err(|errno| self.failed("link", number, errno))?;
        }
        Ok(())
    }

    /// Gives files that several threads filled, and directories, what they have besides their contents.
    fn finish(&self) -> Result<(), Fault> {
        let mut directories = self.directories();
        // Backwards, so that a directory is closed to this process only after those in it.
        for (number, entry) in self.index.entries.numbered().rev() {
            let flags = if self.divided[number as usize] {
                OFlag::O_RDONLY | OFlag::O_NOFOLLOW
            } else if entry.kind == Kind::Directory {
                OFlag::O_RDONLY | OFlag::O_NOFOLLOW | OFlag::O_DIRECTORY
            } else {
                continue;
            };
            let opened = directories.get(entry.parent).and_then(|parent| {
                let name = if number == 0 {
                    ".".as_ref()
                } else {
                    entry.file_name()
                };
                openat(parent, name, flags | OFlag::O_CLOEXEC, Mode::empty())
            });
            let file = opened.map_err(|errno| self.failed("open", number, errno))?;
            self.set_on_open(number, entry, &File::from(file))?;
        }
        Ok(())
    }

    fn set_on_open(&self, number: u32, entry: &Entry, file: &File) -> Result<(), Fault> {
        self.setting
            .set_on_open(file.as_fd(), entry)
            .map_err(|(action, error)| self.failed(action, number, error))
    }

    fn failed(&self, action: &'static str, number: u32, source: impl Into<io::Error>) -> Fault {
        Fault::Entry {
            action,
            path: self.index.entries.lossy_path(number),
            source: source.into(),
        }
    }
}

fn divided(index: &Index) -> Vec<bool> {
    let mut last_chunk = vec![None; index.entries.0.len()];
    let mut divided = vec![false; index.entries.0.len()];
    for (number, chunk) in index.chunks.iter().enumerate() {
        for segment in &chunk.segments {
            let entry = segment.entry as usize;
            if last_chunk[entry].is_some_and(|last| last != number) {
                divided[entry] = true;
            }
            last_chunk[entry] = Some(number);
        }
    }
    divided
}

fn has_no_contents(kind: &Kind) -> bool {
    match kind {
        Kind::File { extents, .. } => extents.is_empty(),
        Kind::Directory | Kind::HardLink { .. } => false,
        _ => true,
    }
}
