//! The attributes by which a file system keeps even root from removing something.

use std::ffi::{CStr, OsStr};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::os::unix::ffi::OsStrExt;

use nix::errno::Errno;
use nix::fcntl::{AtFlags, OFlag};
use nix::libc::{self, c_int};
use nix::sys::stat::{SFlag, fstatat};

use super::resolve::open_child_with;

/// `FS_IMMUTABLE_FL` (`chattr +i`) and `FS_APPEND_FL` (`chattr +a`) of `linux/fs.h`.
const KEEPING: c_int = 0x10 | 0x20;

/// Takes these attributes away from a directory and from one entry of it, and returns whether either had any. What is
/// mounted on the entry is left alone.
pub(super) fn make_removable(directory: BorrowedFd<'_>, name: &CStr) -> bool {
    let of_directory = take_away(directory).unwrap_or(false);
    let of_entry = entry_made_removable(directory, name).unwrap_or(false);
    of_directory || of_entry
}

fn entry_made_removable(directory: BorrowedFd<'_>, name: &CStr) -> Result<bool, Errno> {
    let stat = fstatat(directory, name, AtFlags::AT_SYMLINK_NOFOLLOW)?;
    // Nothing else can have them, and to open a device or a fifo may do something.
    if stat.st_mode & SFlag::S_IFMT.bits() != SFlag::S_IFREG.bits()
        && stat.st_mode & SFlag::S_IFMT.bits() != SFlag::S_IFDIR.bits()
    {
        return Ok(false);
    }
    let flags = OFlag::O_RDONLY | OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK;
    let entry = open_child_with(directory, OsStr::from_bytes(name.to_bytes()), flags)?;
    take_away(entry.as_fd())
}

fn take_away(file: BorrowedFd<'_>) -> Result<bool, Errno> {
    let mut attributes: c_int = 0;
    // SAFETY: the request writes an int, whatever its number says, and it lives through the call.
    Errno::result(unsafe { libc::ioctl(file.as_raw_fd(), libc::FS_IOC_GETFLAGS, &raw mut attributes) })?;
    if attributes & KEEPING == 0 {
        return Ok(false);
    }
    attributes &= !KEEPING;
    // SAFETY: the request reads an int, and it lives through the call.
    Errno::result(unsafe { libc::ioctl(file.as_raw_fd(), libc::FS_IOC_SETFLAGS, &raw const attributes) })?;
    Ok(true)
}
