//! The system calls of the new mount interface, which nix does not have.
//!
//! Numbers of flags are those of `linux/mount.h` and `linux/fcntl.h`.

use std::ffi::CString;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

use camino::Utf8Path;
use nix::errno::Errno;
use nix::libc::{self, c_int, c_long, c_uint};

/// `MOUNT_ATTR_RDONLY`.
pub(crate) const READ_ONLY: u64 = 0x1;
/// `MOUNT_ATTR_NOSUID`.
pub(crate) const NO_SETUID: u64 = 0x2;
/// `MOUNT_ATTR_NODEV`.
pub(crate) const NO_DEVICES: u64 = 0x4;
/// `MOUNT_ATTR_NOEXEC`.
pub(crate) const NO_PROGRAMS: u64 = 0x8;

const OPEN_TREE_CLONE: c_uint = 1;
const OPEN_TREE_CLOEXEC: c_uint = libc::O_CLOEXEC.cast_unsigned();
const MOVE_MOUNT_F_EMPTY_PATH: c_uint = 0x04;
const MOVE_MOUNT_T_EMPTY_PATH: c_uint = 0x40;
const AT_EMPTY_PATH: c_uint = libc::AT_EMPTY_PATH.cast_unsigned();
const AT_RECURSIVE: c_uint = 0x8000;

/// Whether something concerns what is mounted below a mount as well.
#[derive(Clone, Copy)]
pub(crate) enum Depth {
    /// The mount alone.
    Single,
    /// With all mounts below.
    Recursive,
}

/// Mirrors `struct mount_attr` of `linux/mount.h`.
#[repr(C)]
struct MountAttributes {
    set: u64,
    clear: u64,
    propagation: u64,
    user_namespace_fd: u64,
}

/// Makes an unattached bind of a path of the host.
pub(crate) fn clone_tree(source: &Utf8Path, depth: Depth) -> Result<OwnedFd, Errno> {
    let source = CString::new(source.as_str()).map_err(|_| Errno::EINVAL)?;
    let flags = match depth {
        Depth::Single => OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC,
        Depth::Recursive => OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE,
    };
    // SAFETY: the path ends with NUL and lives through the call.
    let fd = unsafe { libc::syscall(libc::SYS_open_tree, libc::AT_FDCWD, source.as_ptr(), flags) };
    let fd = c_int::try_from(Errno::result(fd)?).map_err(|_| Errno::EBADF)?;
    // SAFETY: the kernel has just given this descriptor, and nothing else holds it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Adds attributes to a mount and, as told, to all below it. Read-only is refused (`EBUSY`) while a file is written.
pub(crate) fn set_attributes(tree: BorrowedFd<'_>, depth: Depth, attributes: u64) -> Result<(), Errno> {
    if attributes == 0 {
        return Ok(());
    }
    let request = MountAttributes {
        set: attributes,
        clear: 0,
        propagation: 0,
        user_namespace_fd: 0,
    };
    let flags = match depth {
        Depth::Single => AT_EMPTY_PATH,
        Depth::Recursive => AT_EMPTY_PATH | AT_RECURSIVE,
    };
    // SAFETY: the path is an empty C string, and the structure lives through the call and has the size told.
    let result = unsafe {
        libc::syscall(
            libc::SYS_mount_setattr,
            tree.as_raw_fd(),
            c"".as_ptr(),
            flags,
            &raw const request,
            size_of::<MountAttributes>(),
        )
    };
    Errno::result(result).map(drop)
}

/// Attaches a mount, which may stand elsewhere, on what `mount_point` stands for. Mounts below it come along.
pub(crate) fn attach(tree: BorrowedFd<'_>, mount_point: BorrowedFd<'_>) -> Result<(), Errno> {
    // SAFETY: both paths are empty C strings, the descriptors are open.
    let result: c_long = unsafe {
        libc::syscall(
            libc::SYS_move_mount,
            tree.as_raw_fd(),
            c"".as_ptr(),
            mount_point.as_raw_fd(),
            c"".as_ptr(),
            MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH,
        )
    };
    Errno::result(result).map(drop)
}

/// Returns whether a descriptor stands for the root of a mount.
pub(crate) fn is_mount_root(fd: BorrowedFd<'_>) -> Result<bool, Errno> {
    let answer = ask(fd, 0)?;
    let attribute = u64::from(libc::STATX_ATTR_MOUNT_ROOT.cast_unsigned());
    if answer.stx_attributes_mask & attribute == 0 {
        return Err(Errno::ENOSYS);
    }
    Ok(answer.stx_attributes & attribute != 0)
}

/// Returns the number of the mount that a descriptor stands in, as `/proc/self/mountinfo` has it.
pub(crate) fn mount_id(fd: BorrowedFd<'_>) -> Result<u64, Errno> {
    let answer = ask(fd, libc::STATX_MNT_ID)?;
    if answer.stx_mask & libc::STATX_MNT_ID == 0 {
        return Err(Errno::ENOSYS);
    }
    Ok(answer.stx_mnt_id)
}

fn ask(fd: BorrowedFd<'_>, mask: c_uint) -> Result<libc::statx, Errno> {
    // SAFETY: an all-zero `statx` is a valid value for the kernel to overwrite.
    let mut answer: libc::statx = unsafe { std::mem::zeroed() };
    // SAFETY: the path is an empty C string, and the answer goes to a live variable.
    let result = unsafe {
        libc::statx(
            fd.as_raw_fd(),
            c"".as_ptr(),
            libc::AT_EMPTY_PATH,
            mask,
            &raw mut answer,
        )
    };
    Errno::result(result).map(|_| answer)
}
