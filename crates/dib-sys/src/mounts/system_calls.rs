//! The system calls of the new mount interface, which nix does not have.
//!
//! Numbers of flags are those of `linux/mount.h` and `linux/fcntl.h`.

use std::ffi::CString;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

use camino::Utf8Path;
use nix::errno::Errno;
use nix::libc::{self, c_int, c_long, c_uint};

/// `MOUNT_ATTR_RDONLY`.
pub(super) const READ_ONLY: u64 = 0x1;
/// `MOUNT_ATTR_NOSUID`.
pub(super) const NO_SETUID: u64 = 0x2;
/// `MOUNT_ATTR_NODEV`.
pub(super) const NO_DEVICES: u64 = 0x4;
/// `MOUNT_ATTR_NOEXEC`.
pub(super) const NO_PROGRAMS: u64 = 0x8;

const OPEN_TREE_CLONE: c_uint = 1;
const OPEN_TREE_CLOEXEC: c_uint = libc::O_CLOEXEC.cast_unsigned();
const MOVE_MOUNT_F_EMPTY_PATH: c_uint = 0x04;
const MOVE_MOUNT_T_EMPTY_PATH: c_uint = 0x40;
const AT_EMPTY_PATH: c_uint = libc::AT_EMPTY_PATH.cast_unsigned();
const AT_RECURSIVE: c_uint = 0x8000;

/// Whether a clone of a tree holds what is mounted below it.
#[derive(Clone, Copy)]
pub(super) enum Depth {
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
pub(super) fn clone_tree(source: &Utf8Path, depth: Depth) -> Result<OwnedFd, Errno> {
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

/// Adds attributes to a mount and all below it.
pub(super) fn set_attributes(tree: BorrowedFd<'_>, attributes: u64) -> Result<(), Errno> {
    if attributes == 0 {
        return Ok(());
    }
    let request = MountAttributes {
        set: attributes,
        clear: 0,
        propagation: 0,
        user_namespace_fd: 0,
    };
    // SAFETY: the path is an empty C string, and the structure lives through the call and has the size told.
    let result = unsafe {
        libc::syscall(
            libc::SYS_mount_setattr,
            tree.as_raw_fd(),
            c"".as_ptr(),
            AT_EMPTY_PATH | AT_RECURSIVE,
            &raw const request,
            size_of::<MountAttributes>(),
        )
    };
    Errno::result(result).map(drop)
}

/// Attaches an unattached mount on what `mount_point` stands for.
pub(super) fn attach(tree: BorrowedFd<'_>, mount_point: BorrowedFd<'_>) -> Result<(), Errno> {
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
pub(super) fn is_mount_root(fd: BorrowedFd<'_>) -> Result<bool, Errno> {
    // SAFETY: an all-zero `statx` is a valid value for the kernel to overwrite.
    let mut answer: libc::statx = unsafe { std::mem::zeroed() };
    // SAFETY: the path is an empty C string, and the answer goes to a live variable.
    let result = unsafe {
        libc::statx(
            fd.as_raw_fd(),
            c"".as_ptr(),
            libc::AT_EMPTY_PATH,
            0,
            &raw mut answer,
        )
    };
    Errno::result(result)?;
    let attribute = u64::from(libc::STATX_ATTR_MOUNT_ROOT.cast_unsigned());
    if answer.stx_attributes_mask & attribute == 0 {
        return Err(Errno::ENOSYS);
    }
    Ok(answer.stx_attributes & attribute != 0)
}
