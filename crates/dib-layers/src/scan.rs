//! Reading what an upper directory holds, without the contents of its files.

use std::collections::HashMap;
use std::ffi::{CString, OsStr};
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use dib_sys::target_root::resolve_on_root_mount;
use nix::dir::Dir;
use nix::errno::Errno;
use nix::fcntl::{AtFlags, OFlag, openat};
use nix::sys::stat::{FileStat, Mode, SFlag, fstat, fstatat, major, minor};
use nix::unistd::{Whence, lseek};
use rustix::fs::{lgetxattr, llistxattr};

use crate::WriteError;
use crate::entry::{Attributes, Entries, Entry, ExtendedAttribute, Extent, Kind};
use crate::overlay_attributes::{OverlayAttributes, Packed};

/// Lists the entries below `upper`, the root first, the others directory by directory in order of their names.
pub(crate) fn scan(upper: BorrowedFd<'_>) -> Result<Entries, WriteError> {
    let root = |errno: Errno| failed("look at", "/".to_owned(), errno);
    let stat = fstat(upper).map_err(root)?;
    let mut scan = Scan {
        upper,
        device: stat.st_dev,
        overlay: OverlayAttributes::of(upper),
        entries: Entries::default(),
        links: HashMap::new(),
    };
    let path = PathBuf::from(format!("/proc/self/fd/{}/.", upper.as_raw_fd()));
    scan.add(0, Vec::new(), &stat, Kind::Directory, &path)?;
    let mut next = 0;
    while let Some(entry) = scan.entries.0.get(next) {
        if entry.kind == Kind::Directory {
            scan.directory(next)?;
        }
        next += 1;
    }
    Ok(scan.entries)
}

struct Scan<'upper> {
    upper: BorrowedFd<'upper>,
    device: u64,
    overlay: OverlayAttributes,
    entries: Entries,
    /// The first names of what may have several, by inode.
    links: HashMap<u64, u32>,
}

impl Scan<'_> {
    fn directory(&mut self, index: usize) -> Result<(), WriteError> {
        let parent = u32::try_from(index).map_err(|_| WriteError::TooManyEntries)?;
        let unreadable = |entries: &Entries, errno| failed("read", entries.lossy_path(parent), errno);
        let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW;
        let directory = match resolve_on_root_mount(self.upper, self.entries.path(parent), flags) {
            Ok(directory) => directory,
            Err(Errno::EXDEV) => {
                return Err(WriteError::MountPoint {
                    path: self.entries.lossy_path(parent),
                });
            }
            Err(errno) => return Err(unreadable(&self.entries, errno)),
        };
        let names = directory
            .try_clone()
            .map_err(|error| failed("read", self.entries.lossy_path(parent), error))
            .and_then(|directory| names(directory).map_err(|errno| unreadable(&self.entries, errno)))?;
        for name in names {
            self.child(parent, &directory, &name)?;
        }
        Ok(())
    }

    fn child(&mut self, parent: u32, directory: &OwnedFd, name: &CString) -> Result<(), WriteError> {
        let fail = |entries: &Entries, action, errno: Errno| {
            let directory = entries.lossy_path(parent);
            let path = format!("{}/{}", directory.trim_end_matches('/'), name.to_string_lossy());
            failed(action, path, errno)
        };
        let stat = fstatat(directory, name.as_c_str(), AtFlags::AT_SYMLINK_NOFOLLOW)
            .map_err(|errno| fail(&self.entries, "look at", errno))?;
        let number = u32::try_from(self.entries.0.len()).map_err(|_| WriteError::TooManyEntries)?;
        let kind = self
            .kind(directory, name, &stat, number)
            .map_err(|errno| fail(&self.entries, "read", errno))?;
        let bytes = name.as_bytes().to_vec();
        let file_name = OsStr::from_bytes(name.as_bytes());
        let path = PathBuf::from(format!("/proc/self/fd/{}", directory.as_raw_fd())).join(file_name);
        self.add(parent, bytes, &stat, kind, &path)
    }

    fn kind(
        &mut self,
        directory: &OwnedFd,
        name: &CString,
        stat: &FileStat,
        number: u32,
    ) -> Result<Kind, Errno> {
        let format = SFlag::from_bits_truncate(stat.st_mode) & SFlag::S_IFMT;
        if format != SFlag::S_IFDIR && stat.st_nlink > 1 {
            let first = *self.links.entry(stat.st_ino).or_insert(number);
            if first != number {
                return Ok(Kind::HardLink { first });
            }
        }
        let part = |part: u64| u32::try_from(part).unwrap_or(u32::MAX);
        let (major, minor) = (part(major(stat.st_rdev)), part(minor(stat.st_rdev)));
        Ok(match format {
            SFlag::S_IFDIR => Kind::Directory,
            SFlag::S_IFLNK => Kind::Symlink {
                text: nix::fcntl::readlinkat(directory, name.as_c_str())?
                    .as_bytes()
                    .to_vec(),
            },
            SFlag::S_IFIFO => Kind::Fifo,
            SFlag::S_IFSOCK => Kind::Socket,
            SFlag::S_IFCHR => Kind::Character { major, minor },
            SFlag::S_IFBLK => Kind::Block { major, minor },
            _ => file(directory, name, stat)?,
        })
    }

    fn add(
        &mut self,
        parent: u32,
        name: Vec<u8>,
        stat: &FileStat,
        kind: Kind,
        path: &Path,
    ) -> Result<(), WriteError> {
        let number = u32::try_from(self.entries.0.len()).map_err(|_| WriteError::TooManyEntries)?;
        let is_link = matches!(kind, Kind::HardLink { .. });
        self.entries.0.push(Entry {
            parent,
            name,
            kind,
            attributes: Attributes::default(),
        });
        if stat.st_dev != self.device {
            return Err(WriteError::MountPoint {
                path: self.entries.lossy_path(number),
            });
        }
        if is_link {
            return Ok(());
        }
        let extended = self.extended(number, path)?;
        let nanoseconds = u32::try_from(stat.st_mtime_nsec).unwrap_or(0);
        self.entries.0[number as usize].attributes = Attributes {
            uid: stat.st_uid,
            gid: stat.st_gid,
            mode: u16::try_from(stat.st_mode & 0o7777).expect("twelve bits fit"),
            mtime: (stat.st_mtime, nanoseconds),
            extended,
        };
        Ok(())
    }

    fn extended(&self, number: u32, path: &Path) -> Result<Vec<ExtendedAttribute>, WriteError> {
        let fail = |errno: rustix::io::Errno| {
            failed(
                "read the extended attributes of",
                self.entries.lossy_path(number),
                errno,
            )
        };
        let names = match grown(256, |buffer| llistxattr(path, buffer)) {
            Ok(names) => names,
            Err(rustix::io::Errno::OPNOTSUPP) => return Ok(Vec::new()),
            Err(errno) => return Err(fail(errno)),
        };
        let mut extended = Vec::new();
        for name in names.split(|byte| *byte == 0).filter(|name| !name.is_empty()) {
            let packed = match self.overlay.pack(name) {
                Packed::As(packed) => packed,
                Packed::Dropped => continue,
                Packed::Incomplete => {
                    return Err(WriteError::Incomplete {
                        path: self.entries.lossy_path(number),
                        attribute: String::from_utf8_lossy(name).into_owned(),
                    });
                }
            };
            let value = grown(256, |buffer| lgetxattr(path, name, buffer)).map_err(fail)?;
            extended.push((packed, value));
        }
        extended.sort_unstable();
        Ok(extended)
    }
}

/// Calls what fills a buffer with one that is large enough.
fn grown(
    size: usize,
    mut fill: impl FnMut(&mut [u8]) -> rustix::io::Result<usize>,
) -> rustix::io::Result<Vec<u8>> {
    let mut buffer = vec![0; size];
    loop {
        match fill(&mut buffer) {
            Ok(length) => {
                buffer.truncate(length);
                return Ok(buffer);
            }
            // The kernel's limit for a list or a value is 64 KiB.
            Err(rustix::io::Errno::RANGE) if buffer.len() <= 1 << 16 => {
                let larger = buffer.len() * 4;
                buffer.resize(larger, 0);
            }
            Err(errno) => return Err(errno),
        }
    }
}

/// Returns the names in a directory in order of their bytes.
fn names(directory: OwnedFd) -> Result<Vec<CString>, Errno> {
    let mut names = Vec::new();
    for entry in Dir::from_fd(directory)?.iter() {
        let entry = entry?;
        let name = entry.file_name();
        if !matches!(name.to_bytes(), b"." | b"..") {
            names.push(name.to_owned());
        }
    }
    names.sort_unstable();
    Ok(names)
}

fn file(directory: &OwnedFd, name: &CString, stat: &FileStat) -> Result<Kind, Errno> {
    let size = u64::try_from(stat.st_size).unwrap_or(0);
    let allocated = u64::try_from(stat.st_blocks).unwrap_or(0).saturating_mul(512);
    let extents = if size == 0 {
        Vec::new()
    } else if allocated >= size {
        vec![Extent {
            offset: 0,
            length: size,
        }]
    } else {
        let flags = OFlag::O_RDONLY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        let file = openat(directory, name.as_c_str(), flags, Mode::empty())?;
        extents(file.as_fd(), size)?
    };
    Ok(Kind::File { size, extents })
}

/// Finds the parts of a file that are not holes.
pub(crate) fn extents(file: BorrowedFd<'_>, size: u64) -> Result<Vec<Extent>, Errno> {
    let mut extents = Vec::new();
    let mut end: i64 = 0;
    loop {
        let start = match lseek(file, end, Whence::SeekData) {
            Ok(start) => start,
            // There is no more data.
            Err(Errno::ENXIO) => return Ok(extents),
            Err(errno) => return Err(errno),
        };
        end = lseek(file, start, Whence::SeekHole)?;
        let (Ok(offset), Ok(ends_at)) = (u64::try_from(start), u64::try_from(end)) else {
            return Err(Errno::EOVERFLOW);
        };
        // Another size than the file had just now is found when it is read.
        if offset >= size || ends_at <= offset {
            return Ok(extents);
        }
        extents.push(Extent {
            offset,
            length: ends_at.min(size) - offset,
        });
    }
}

fn failed(action: &'static str, path: String, source: impl Into<io::Error>) -> WriteError {
    WriteError::Entry {
        action,
        path,
        source: source.into(),
    }
}
