//! What gets an inode: a file of the tree or a device node.

use std::fs::{self, File, Metadata};
use std::io;
use std::ops::Range;
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

use dib_sys::{DeviceKind, DeviceNode};

use super::super::attributes::{self, Attribute};
use super::ROOT;
use crate::sparse;

/// The format in a mode, and the number in a directory's entries that says the same.
const DIRECTORY: (u32, u8) = (0o040_000, 2);
const FILE: (u32, u8) = (0o100_000, 1);
const LINK: (u32, u8) = (0o120_000, 7);
const CHARACTER: (u32, u8) = (0o020_000, 3);
const BLOCK: (u32, u8) = (0o060_000, 4);
const PIPE: (u32, u8) = (0o010_000, 5);
const SOCKET: (u32, u8) = (0o140_000, 6);

pub(in super::super) struct Node {
    /// Where it stands on the host.
    pub(in super::super) path: PathBuf,
    /// Made of its path in the tree, and nothing else.
    pub(in super::super) hash_of_path: u32,
    pub(in super::super) kind: Kind,
    /// The permission bits alone.
    pub(in super::super) permissions: u32,
    pub(in super::super) uid: u32,
    pub(in super::super) gid: u32,
    /// In seconds since 1970.
    pub(in super::super) read_at: i64,
    pub(in super::super) changed_at: i64,
    pub(in super::super) modified_at: i64,
    pub(in super::super) attributes: Vec<Attribute>,
    /// How many names it has.
    pub(in super::super) names: u64,
}

pub(in super::super) enum Kind {
    Directory {
        parent: usize,
        /// In the order of their names.
        entries: Vec<Entry>,
    },
    File {
        /// In bytes.
        size: u64,
        /// Which of its blocks hold data.
        data: Vec<Range<u64>>,
    },
    Link(Vec<u8>),
    Device {
        kind: DeviceKind,
        major: u32,
        minor: u32,
    },
    Pipe,
    Socket,
}

pub(in super::super) struct Entry {
    pub(in super::super) name: Vec<u8>,
    pub(in super::super) node: usize,
}

impl Kind {
    fn format(&self) -> (u32, u8) {
        match self {
            Self::Directory { .. } => DIRECTORY,
            Self::File { .. } => FILE,
            Self::Link(_) => LINK,
            Self::Device {
                kind: DeviceKind::Character,
                ..
            } => CHARACTER,
            Self::Device {
                kind: DeviceKind::Block,
                ..
            } => BLOCK,
            Self::Pipe => PIPE,
            Self::Socket => SOCKET,
        }
    }
}

impl Node {
    pub(in super::super) fn mode(&self) -> u32 {
        self.kind.format().0 | self.permissions
    }

    /// Returns the number that stands for its type in a directory's entries.
    pub(in super::super) fn type_in_directory(&self) -> u8 {
        self.kind.format().1
    }

    pub(in super::super) fn is_directory(&self) -> bool {
        matches!(self.kind, Kind::Directory { .. })
    }
}

impl Node {
    /// Reads what stands at a path; nothing is returned when something about it is of a kind that we don't know.
    pub(super) fn of_file(
        path: PathBuf,
        relative: &[u8],
        metadata: &Metadata,
        kind: Kind,
    ) -> io::Result<Option<Self>> {
        let attributes = attributes::read(&path)?;
        Ok(attributes.map(|attributes| Self {
            path,
            hash_of_path: crc32fast::hash(relative),
            kind,
            permissions: metadata.mode() & 0o7777,
            uid: metadata.uid(),
            gid: metadata.gid(),
            read_at: metadata.atime(),
            changed_at: metadata.ctime(),
            modified_at: metadata.mtime(),
            attributes,
            names: 0,
        }))
    }

    /// Makes a device node of the list, which says less than a file does.
    pub(super) fn of_device_node(node: &DeviceNode, now: i64) -> Self {
        let kind = Kind::Device {
            kind: node.kind,
            major: node.major,
            minor: node.minor,
        };
        Self {
            permissions: node.mode & 0o7777,
            uid: node.uid,
            gid: node.gid,
            modified_at: node.mtime,
            ..Self::new(kind, now)
        }
    }

    /// Makes the directory for lost files as mke2fs does.
    pub(super) fn lost_and_found(now: i64) -> Self {
        Self {
            permissions: 0o700,
            ..Self::new(Kind::directory_in(ROOT), now)
        }
    }

    fn new(kind: Kind, now: i64) -> Self {
        Self {
            path: PathBuf::new(),
            hash_of_path: 0,
            kind,
            permissions: 0,
            uid: 0,
            gid: 0,
            read_at: now,
            changed_at: now,
            modified_at: now,
            attributes: Vec::new(),
            names: 0,
        }
    }
}

impl Kind {
    pub(super) fn directory_in(parent: usize) -> Self {
        Self::Directory {
            parent,
            entries: Vec::new(),
        }
    }

    /// Returns what stands at a path; nothing is returned when we don't know it. A directory's parent is yet to be set.
    pub(super) fn of(path: &Path, metadata: &Metadata, block: u64) -> io::Result<Option<Self>> {
        let format = metadata.file_type();
        let device = |kind| {
            let number = metadata.rdev();
            let (major, minor) = (nix::sys::stat::major(number), nix::sys::stat::minor(number));
            let (major, minor) = (u32::try_from(major).ok()?, u32::try_from(minor).ok()?);
            Some(Self::Device { kind, major, minor })
        };
        Ok(if format.is_dir() {
            Some(Self::directory_in(ROOT))
        } else if format.is_file() {
            Some(Self::File {
                size: metadata.len(),
                data: data_of(path, metadata, block)?,
            })
        } else if format.is_symlink() {
            Some(Self::Link(fs::read_link(path)?.into_os_string().into_vec()))
        } else if format.is_char_device() {
            device(DeviceKind::Character)
        } else if format.is_block_device() {
            device(DeviceKind::Block)
        } else if format.is_fifo() {
            Some(Self::Pipe)
        } else if format.is_socket() {
            Some(Self::Socket)
        } else {
            None
        })
    }
}

/// Returns which blocks of a file hold data.
fn data_of(path: &Path, metadata: &Metadata, block: u64) -> io::Result<Vec<Range<u64>>> {
    let size = metadata.len();
    if size == 0 {
        return Ok(Vec::new());
    }
    if metadata.blocks().saturating_mul(512) >= size {
        return Ok(std::iter::once(0..size.div_ceil(block)).collect());
    }
    let mut data: Vec<Range<u64>> = Vec::new();
    for extent in sparse::data_extents(&File::open(path)?)? {
        let (start, end) = (extent.start / block, extent.end.div_ceil(block));
        match data.last_mut() {
            Some(last) if last.end >= start => last.end = last.end.max(end),
            _ => data.push(start..end),
        }
    }
    Ok(data)
}
