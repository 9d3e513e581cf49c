//! Mounts in the sandbox: binds into the target, a staging file system, and what the kernel offers to programs.
//!
//! Mount points in the target are named by a descriptor that was resolved inside it, never by a path, so a symbolic
//! link of the target leads no mount out of it. All of this needs the sandbox (or root), and Linux 5.12.

mod below;
mod kernel_file_systems;
pub(crate) mod system_calls;
pub(crate) mod table;

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use camino::{Utf8Path, Utf8PathBuf};
use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::mount::{MntFlags, MsFlags, mount, umount2};

pub use below::{unmount_all, unmount_all_but};
pub use kernel_file_systems::{kernel_file_systems, unmount_kernel_file_systems};

use crate::target_path::TargetPath;
use crate::target_root::{TargetError, TargetRoot, resolve_in_root};
use system_calls::Depth;

/// A mount that could not be made, found or removed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MountError {
    /// The mount point could not be reached or made.
    #[error("failed to prepare the mount point {at} in the target")]
    MountPoint {
        /// The mount point.
        at: TargetPath,
        /// What failed.
        source: TargetError,
    },
    /// The mount point could not be opened.
    #[error("failed to open the mount point {at} in the target")]
    Open {
        /// The mount point.
        at: TargetPath,
        /// What the kernel said.
        source: io::Error,
    },
    /// The source of a bind could not be taken.
    #[error("failed to take {path} for a bind mount")]
    Source {
        /// The path of the host.
        path: Utf8PathBuf,
        /// What the kernel said.
        source: io::Error,
    },
    /// The kernel refused the mount in the target.
    #[error("failed to mount {what} on {at} in the target")]
    Mount {
        /// The source of the bind, or the file system's type.
        what: String,
        /// The mount point.
        at: TargetPath,
        /// What the kernel said.
        source: io::Error,
    },
    /// The kernel refused the mount on the host's side.
    #[error("failed to mount {what} on {at}")]
    HostMount {
        /// The source of the bind, or the file system's type.
        what: String,
        /// The mount point, a path of the host.
        at: Utf8PathBuf,
        /// What the kernel said.
        source: io::Error,
    },
    /// The kernel did not say whether something is mounted.
    #[error("failed to find out whether {at} in the target is a mount point")]
    Query {
        /// The path asked about.
        at: TargetPath,
        /// What the kernel said.
        source: io::Error,
    },
    /// The kernel refused to remove a mount.
    #[error("failed to unmount {at} in the target")]
    Unmount {
        /// The mount point.
        at: TargetPath,
        /// What the kernel said.
        source: io::Error,
    },
    /// A file system could not be made read-only.
    #[error("failed to make the file system at {at} in the target read-only")]
    ReadOnly {
        /// Where it is mounted.
        at: TargetPath,
        /// What the kernel said.
        source: io::Error,
    },
    /// What is mounted could not be listed.
    #[error("failed to list the mounts")]
    List {
        /// What the kernel said.
        source: io::Error,
    },
    /// Something below a directory of the host could not be unmounted.
    #[error("failed to unmount {at}")]
    UnmountHost {
        /// The mount point.
        at: String,
        /// What the kernel said.
        source: io::Error,
    },
}

/// Binds `source`, a directory or file of the host, with all mounted below it, on the existing `at` in the target.
///
/// # Errors
/// When `source` or `at` is absent, they are not both directories or both files, or the kernel refuses.
pub fn bind(source: &Utf8Path, root: &TargetRoot, at: &TargetPath) -> Result<(), MountError> {
    bind_tree(source, root, at, Depth::Recursive, 0)
}

/// Binds as [`bind`] does, so that nothing in it or mounted below it can be written.
///
/// # Errors
/// As [`bind`].
pub fn bind_read_only_recursive(
    source: &Utf8Path,
    root: &TargetRoot,
    at: &TargetPath,
) -> Result<(), MountError> {
    bind_tree(source, root, at, Depth::Recursive, system_calls::READ_ONLY)
}

/// Mounts a tmpfs with mode 0755 on the directory `at`, a path of the host.
///
/// `size` is what `tmpfs(5)` takes: bytes, with a suffix `k`, `m` or `g`, or a share of the memory as in `80%`. Without
/// it the kernel takes half of the memory. Device nodes in it work where the kernel lets them be made: scripts of root's
/// builds make `/dev/null` themselves.
///
/// # Errors
/// When `at` is not a directory, `size` makes no sense or the kernel refuses.
pub fn tmpfs(at: &Utf8Path, size: Option<&str>) -> Result<(), MountError> {
    let size = size.map_or_else(String::new, |size| format!(",size={size}"));
    let options = format!("mode=0755{size}");
    mount(
        Some("tmpfs"),
        at.as_str(),
        Some("tmpfs"),
        MsFlags::empty(),
        Some(options.as_str()),
    )
    .map_err(|errno| MountError::HostMount {
        what: format!("tmpfs ({options})"),
        at: at.to_owned(),
        source: errno.into(),
    })
}

/// Mounts a tmpfs with mode 0755 that holds at most `size` bytes on the existing directory `at` in the target.
///
/// # Errors
/// When `at` is absent or not a directory, or the kernel refuses.
pub fn tmpfs_in_target(root: &TargetRoot, at: &TargetPath, size: u64) -> Result<(), MountError> {
    let mount_point = open_mount_point(root, at)?;
    let options = format!("mode=0755,size={size}");
    mount(
        Some("tmpfs"),
        through_proc(mount_point.as_fd()).as_str(),
        Some("tmpfs"),
        MsFlags::MS_NODEV | MsFlags::MS_NOSUID,
        Some(options.as_str()),
    )
    .map_err(|errno| MountError::Mount {
        what: format!("tmpfs ({options})"),
        at: at.clone(),
        source: errno.into(),
    })
}

/// Binds the tree at `source` on the directory `at`, both paths of the host, without what is mounted inside `source`.
///
/// # Errors
/// When one of them is absent, or the kernel refuses.
pub fn plain_bind(source: &Utf8Path, at: &Utf8Path) -> Result<(), MountError> {
    host_bind(source, at, MsFlags::MS_BIND)
}

/// Binds as [`plain_bind`] does, with what is mounted inside `source`.
///
/// # Errors
/// As [`plain_bind`].
pub fn plain_bind_recursive(source: &Utf8Path, at: &Utf8Path) -> Result<(), MountError> {
    host_bind(source, at, MsFlags::MS_BIND | MsFlags::MS_REC)
}

/// Removes what is mounted on `at`, a path of the host, with all mounted below it, even where it is in use.
///
/// # Errors
/// When nothing is mounted there, or the kernel refuses.
pub fn unmount_host(at: &Utf8Path) -> Result<(), MountError> {
    umount2(at.as_std_path(), MntFlags::MNT_DETACH | MntFlags::UMOUNT_NOFOLLOW).map_err(|errno| {
        MountError::UnmountHost {
            at: at.to_string(),
            source: errno.into(),
        }
    })
}

/// Mounts the file system of the type `kind` that is on a block device on the directory `at`, a path of the host.
///
/// # Errors
/// When `at` is not a directory, or the kernel refuses, be it since it has no such file systems.
pub fn file_system(device: &Utf8Path, kind: &str, at: &Utf8Path) -> Result<(), MountError> {
    mount(
        Some(device.as_str()),
        at.as_str(),
        Some(kind),
        MsFlags::empty(),
        options_of(kind),
    )
    .map_err(|errno| MountError::HostMount {
        what: format!("{device} ({kind})"),
        at: at.to_owned(),
        source: errno.into(),
    })
}

/// Mounts as [`file_system`] does, on the existing directory `at` in the target.
///
/// # Errors
/// As [`file_system`].
pub fn file_system_in_target(
    device: &Utf8Path,
    kind: &str,
    root: &TargetRoot,
    at: &TargetPath,
) -> Result<(), MountError> {
    let mount_point = open_mount_point(root, at)?;
    mount(
        Some(device.as_str()),
        through_proc(mount_point.as_fd()).as_str(),
        Some(kind),
        MsFlags::empty(),
        options_of(kind),
    )
    .map_err(|errno| MountError::Mount {
        what: format!("{device} ({kind})"),
        at: at.clone(),
        source: errno.into(),
    })
}

/// Returns the options for a file system that was just made: what its maker left to be cleared is clear, since its file is new.
fn options_of(kind: &str) -> Option<&'static str> {
    (kind == "ext4").then_some("noinit_itable")
}

/// Makes the file system that is mounted at `at` in the target read-only, wherever it is mounted: what is on its device then
/// is complete, as after unmounting.
///
/// # Errors
/// When a program still has a file of it open to write, or the kernel refuses.
pub fn make_read_only(root: &TargetRoot, at: &TargetPath) -> Result<(), MountError> {
    let nothing: Option<&str> = None;
    let mount_point = open_mount_point(root, at)?;
    mount(
        nothing,
        through_proc(mount_point.as_fd()).as_str(),
        nothing,
        MsFlags::MS_REMOUNT | MsFlags::MS_RDONLY,
        nothing,
    )
    .map_err(|errno| MountError::ReadOnly {
        at: at.clone(),
        source: errno.into(),
    })
}

/// Returns whether something is mounted on `at` in the target; nothing is where `at` is absent.
///
/// # Errors
/// When the path cannot be resolved or the kernel does not say.
pub fn is_mount_point(root: &TargetRoot, at: &TargetPath) -> Result<bool, MountError> {
    match open_in_target(root, at) {
        Ok(fd) => system_calls::is_mount_root(fd.as_fd()),
        Err(Errno::ENOENT | Errno::ENOTDIR) => Ok(false),
        Err(errno) => Err(errno),
    }
    .map_err(|errno| MountError::Query {
        at: at.clone(),
        source: errno.into(),
    })
}

/// Removes what is mounted on `at` in the target, with all mounted below it, even where it is in use.
///
/// # Errors
/// When nothing is mounted there, or the kernel refuses.
pub fn unmount(root: &TargetRoot, at: &TargetPath) -> Result<(), MountError> {
    let failed = |errno: Errno| MountError::Unmount {
        at: at.clone(),
        source: errno.into(),
    };
    let mount_point = open_in_target(root, at).map_err(failed)?;
    umount2(through_proc(mount_point.as_fd()).as_str(), MntFlags::MNT_DETACH).map_err(failed)
}

fn host_bind(source: &Utf8Path, at: &Utf8Path, flags: MsFlags) -> Result<(), MountError> {
    let nothing: Option<&str> = None;
    mount(Some(source.as_str()), at.as_str(), nothing, flags, nothing).map_err(|errno| {
        MountError::HostMount {
            what: source.to_string(),
            at: at.to_owned(),
            source: errno.into(),
        }
    })
}

fn bind_tree(
    source: &Utf8Path,
    root: &TargetRoot,
    at: &TargetPath,
    depth: Depth,
    attributes: u64,
) -> Result<(), MountError> {
    let tree = system_calls::clone_tree(source, depth)
        .and_then(|tree| {
            system_calls::set_attributes(tree.as_fd(), Depth::Recursive, attributes).map(|()| tree)
        })
        .map_err(|errno| MountError::Source {
            path: source.to_owned(),
            source: errno.into(),
        })?;
    system_calls::attach(tree.as_fd(), open_mount_point(root, at)?.as_fd()).map_err(|errno| {
        MountError::Mount {
            what: source.to_string(),
            at: at.clone(),
            source: errno.into(),
        }
    })
}

fn open_mount_point(root: &TargetRoot, at: &TargetPath) -> Result<OwnedFd, MountError> {
    open_in_target(root, at).map_err(|errno| MountError::Open {
        at: at.clone(),
        source: errno.into(),
    })
}

fn open_in_target(root: &TargetRoot, at: &TargetPath) -> Result<OwnedFd, Errno> {
    resolve_in_root(root.as_fd(), at.as_relative(), OFlag::O_PATH)
}

/// Names what a descriptor stands for to a system call that takes paths alone.
pub(crate) fn through_proc(fd: BorrowedFd<'_>) -> String {
    format!("/proc/self/fd/{}", fd.as_raw_fd())
}
