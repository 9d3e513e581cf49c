//! `/proc`, `/sys` and `/dev` for the programs that run in the target.

use std::os::fd::{AsFd, BorrowedFd};

use camino::Utf8Path;
use nix::errno::Errno;
use nix::fcntl::{OFlag, openat};
use nix::mount::{MsFlags, mount};
use nix::sys::stat::{Mode, mkdirat};
use nix::unistd::symlinkat;

use super::system_calls::{Depth, NO_DEVICES, NO_PROGRAMS, NO_SETUID, READ_ONLY};
use super::{MountError, bind_tree, is_mount_point, open_mount_point, through_proc, unmount};
use crate::target_path::TargetPath;
use crate::target_root::TargetRoot;

/// The device nodes of the host that programs get.
const DEVICES: [&str; 6] = ["null", "zero", "full", "random", "urandom", "tty"];

/// The links in `/dev`, as text and name.
const LINKS: [(&str, &str); 5] = [
    ("/proc/self/fd", "fd"),
    ("/proc/self/fd/0", "stdin"),
    ("/proc/self/fd/1", "stdout"),
    ("/proc/self/fd/2", "stderr"),
    ("pts/ptmx", "ptmx"),
];

/// Mounts `/proc`, `/sys` and `/dev` in the target; what is mounted already stays as it is.
///
/// `/proc` is the sandbox's, with `/proc/sys` read-only, so that no package's script tunes the machine that builds.
/// `/sys` is the host's, read-only. `/dev` is small: null, zero, full, random, urandom, tty, the standard links, `shm`
/// and terminals of its own. Directories that are missing in the target are made, and stay.
///
/// # Errors
/// When a mount point cannot be made or the kernel refuses a mount.
pub fn kernel_file_systems(root: &TargetRoot) -> Result<(), MountError> {
    for (name, mount_it) in [
        ("/proc", mount_proc as fn(&TargetRoot, &TargetPath) -> _),
        ("/sys", mount_sys),
        ("/dev", mount_dev),
    ] {
        let at = fixed(name);
        if !is_mount_point(root, &at)? {
            root.create_directory_all(&at, 0o755)
                .map_err(|source| MountError::MountPoint {
                    at: at.clone(),
                    source,
                })?;
            mount_it(root, &at)?;
        }
    }
    Ok(())
}

/// Removes what [`kernel_file_systems`] mounted; what is not mounted is passed over.
///
/// # Errors
/// When the kernel refuses to remove a mount.
pub fn unmount_kernel_file_systems(root: &TargetRoot) -> Result<(), MountError> {
    for name in ["/dev", "/sys", "/proc"] {
        let at = fixed(name);
        if is_mount_point(root, &at)? {
            unmount(root, &at)?;
        }
    }
    Ok(())
}

fn fixed(path: &str) -> TargetPath {
    path.parse().expect("a constant path without \"..\"")
}

fn mount_proc(root: &TargetRoot, at: &TargetPath) -> Result<(), MountError> {
    let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV | MsFlags::MS_NOEXEC;
    match mount_new(root, at, "proc", flags, "") {
        // The kernel refuses it where parts of the /proc around are covered, and then that one must do.
        Err(_) if !crate::sandbox::has_own_proc() => {
            bind_tree(
                Utf8Path::new("/proc"),
                root,
                at,
                Depth::Recursive,
                NO_SETUID | NO_DEVICES | NO_PROGRAMS,
            )?;
        }
        result => result?,
    }
    let settings = at.join("sys").expect("a constant name");
    bind_tree(
        Utf8Path::new("/proc/sys"),
        root,
        &settings,
        Depth::Recursive,
        READ_ONLY,
    )
}

fn mount_sys(root: &TargetRoot, at: &TargetPath) -> Result<(), MountError> {
    let attributes = READ_ONLY | NO_SETUID | NO_DEVICES | NO_PROGRAMS;
    bind_tree(Utf8Path::new("/sys"), root, at, Depth::Recursive, attributes)
}

fn mount_dev(root: &TargetRoot, at: &TargetPath) -> Result<(), MountError> {
    mount_new(
        root,
        at,
        "tmpfs",
        MsFlags::MS_NOSUID | MsFlags::MS_NODEV,
        "mode=0755,size=1m",
    )?;
    let directory = open_mount_point(root, at)?;
    fill_dev(directory.as_fd()).map_err(|errno| MountError::Mount {
        what: "tmpfs".to_owned(),
        at: at.clone(),
        source: errno.into(),
    })?;
    for name in DEVICES {
        let device = at.join(name).expect("a constant name");
        bind_tree(
            &Utf8Path::new("/dev").join(name),
            root,
            &device,
            Depth::Single,
            NO_SETUID | NO_PROGRAMS,
        )?;
    }
    let restricted = MsFlags::MS_NOSUID | MsFlags::MS_NODEV;
    mount_new(
        root,
        &at.join("shm").expect("a constant name"),
        "tmpfs",
        restricted,
        "mode=1777",
    )?;
    let terminals = at.join("pts").expect("a constant name");
    let flags = MsFlags::MS_NOSUID | MsFlags::MS_NOEXEC;
    mount_new(
        root,
        &terminals,
        "devpts",
        flags,
        "newinstance,ptmxmode=0666,mode=0620",
    )
}

/// Makes the entries of the fresh `/dev`: empty files to bind devices on, links and directories.
fn fill_dev(directory: BorrowedFd<'_>) -> Result<(), Errno> {
    let create = OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_CLOEXEC | OFlag::O_NOFOLLOW;
    for name in DEVICES {
        openat(directory, name, create, Mode::from_bits_truncate(0o644))?;
    }
    for (text, name) in LINKS {
        symlinkat(text, directory, name)?;
    }
    for name in ["shm", "pts"] {
        mkdirat(directory, name, Mode::from_bits_truncate(0o755))?;
    }
    Ok(())
}

/// Mounts a new file system on a path in the target.
fn mount_new(
    root: &TargetRoot,
    at: &TargetPath,
    kind: &str,
    flags: MsFlags,
    options: &str,
) -> Result<(), MountError> {
    let mount_point = open_mount_point(root, at)?;
    let target = through_proc(mount_point.as_fd());
    mount(Some(kind), target.as_str(), Some(kind), flags, Some(options)).map_err(|errno| MountError::Mount {
        what: kind.to_owned(),
        at: at.clone(),
        source: errno.into(),
    })
}
