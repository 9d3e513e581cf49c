//! Resolving a path inside a root directory.

use std::ffi::OsStr;
use std::os::fd::{BorrowedFd, OwnedFd};

use nix::errno::Errno;
use nix::fcntl::{OFlag, OpenHow, ResolveFlag, openat2};

/// How often a resolution is tried again when a rename elsewhere on the machine got into its way.
const TRIES: u32 = 256;

/// Opens the existing `path` as if `root` were `/`: no symbolic link and no `..` leads out. An empty path is the root.
///
/// It is for those that must name entries by their bytes; all others use [`TargetRoot`](super::TargetRoot).
///
/// # Errors
/// The error of `openat2(2)`.
pub fn resolve_in_root(
    root: BorrowedFd<'_>,
    path: impl AsRef<OsStr>,
    flags: OFlag,
) -> Result<OwnedFd, Errno> {
    let resolve = ResolveFlag::RESOLVE_IN_ROOT | ResolveFlag::RESOLVE_NO_MAGICLINKS;
    open_at(root, or_dot(path.as_ref()), flags, resolve)
}

/// Opens as [`resolve_in_root`] does, but on the root's own mount alone: what is mounted in it may be somebody's own.
///
/// # Errors
/// `EXDEV` when the way leads into another mount; else the error of `openat2(2)`.
pub fn resolve_on_root_mount(
    root: BorrowedFd<'_>,
    path: impl AsRef<OsStr>,
    flags: OFlag,
) -> Result<OwnedFd, Errno> {
    let resolve =
        ResolveFlag::RESOLVE_IN_ROOT | ResolveFlag::RESOLVE_NO_MAGICLINKS | ResolveFlag::RESOLVE_NO_XDEV;
    open_at(root, or_dot(path.as_ref()), flags, resolve)
}

fn or_dot(path: &OsStr) -> &OsStr {
    if path.is_empty() { OsStr::new(".") } else { path }
}

/// Opens the directory `name` in `parent` for listing, neither through a link nor into another mount (`EXDEV`).
pub(super) fn open_child_directory(parent: BorrowedFd<'_>, name: &OsStr) -> Result<OwnedFd, Errno> {
    open_child_with(
        parent,
        name,
        OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW,
    )
}

/// Opens the entry `name` in `parent`, neither through a link nor into another mount (`EXDEV`).
pub(super) fn open_child_with(parent: BorrowedFd<'_>, name: &OsStr, flags: OFlag) -> Result<OwnedFd, Errno> {
    let resolve =
        ResolveFlag::RESOLVE_BENEATH | ResolveFlag::RESOLVE_NO_SYMLINKS | ResolveFlag::RESOLVE_NO_XDEV;
    open_at(parent, name, flags, resolve)
}

fn open_at(
    directory: BorrowedFd<'_>,
    path: &OsStr,
    flags: OFlag,
    resolve: ResolveFlag,
) -> Result<OwnedFd, Errno> {
    let how = OpenHow::new().flags(flags | OFlag::O_CLOEXEC).resolve(resolve);
    // The kernel gives up on a `..` when anything was renamed meanwhile: openat2(2), EAGAIN.
    for _ in 1..TRIES {
        match openat2(directory, path, how) {
            Err(Errno::EAGAIN | Errno::EINTR) => {}
            result => return result,
        }
    }
    openat2(directory, path, how)
}
