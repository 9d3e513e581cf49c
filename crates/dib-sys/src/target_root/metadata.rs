//! What stands at a path.

use std::fmt;

use nix::sys::stat::{FileStat, SFlag, major, minor};

/// The kind of an entry of a file system.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FileKind {
    /// A regular file.
    Regular,
    /// A directory.
    Directory,
    /// A symbolic link.
    Symlink,
    /// A character device.
    CharacterDevice,
    /// A block device.
    BlockDevice,
    /// A named pipe.
    Fifo,
    /// A socket.
    Socket,
}

impl fmt::Display for FileKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Regular => "a regular file",
            Self::Directory => "a directory",
            Self::Symlink => "a symbolic link",
            Self::CharacterDevice => "a character device",
            Self::BlockDevice => "a block device",
            Self::Fifo => "a fifo",
            Self::Socket => "a socket",
        })
    }
}

/// The properties of one entry, as `lstat` tells them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Metadata {
    /// What it is.
    pub kind: FileKind,
    /// The permission bits with setuid, setgid and sticky, such as `0o4755`.
    pub mode: u32,
    /// The owner's number, as this process's user namespace sees it.
    pub uid: u32,
    /// The group's number, as this process's user namespace sees it.
    pub gid: u32,
    /// The size in bytes; of a symbolic link, its text's length.
    pub size: u64,
    /// The time of last change of the contents, in seconds since 1970.
    pub mtime: i64,
    /// Major and minor number of a device node; zeros for everything else.
    pub device: (u32, u32),
}

impl Metadata {
    pub(super) fn of(stat: &FileStat) -> Self {
        let kind = match SFlag::from_bits_truncate(stat.st_mode) & SFlag::S_IFMT {
            SFlag::S_IFDIR => FileKind::Directory,
            SFlag::S_IFLNK => FileKind::Symlink,
            SFlag::S_IFCHR => FileKind::CharacterDevice,
            SFlag::S_IFBLK => FileKind::BlockDevice,
            SFlag::S_IFIFO => FileKind::Fifo,
            SFlag::S_IFSOCK => FileKind::Socket,
            _ => FileKind::Regular,
        };
        let number = |part: u64| u32::try_from(part).unwrap_or(u32::MAX);
        Self {
            kind,
            mode: stat.st_mode & 0o7777,
            uid: stat.st_uid,
            gid: stat.st_gid,
            size: u64::try_from(stat.st_size).unwrap_or(0),
            mtime: stat.st_mtime,
            device: (number(major(stat.st_rdev)), number(minor(stat.st_rdev))),
        }
    }
}
