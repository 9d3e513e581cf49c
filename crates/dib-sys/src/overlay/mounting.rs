//! The mounts that make the tree.

use std::fmt::Write as _;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};

use camino::{Utf8Path, Utf8PathBuf};
use nix::errno::Errno;
use nix::fcntl::{OFlag, open};
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sys::stat::Mode;
use xattr::FileExt;

use super::LayersError;
use super::upper::Upper;
use crate::mounts::system_calls::{Depth, READ_ONLY, set_attributes};
use crate::mounts::{plain_bind, through_proc};

/// The most layers below the current one: their names have to fit into the page that `mount(2)` takes as options. The
/// kernel's own limit is 500 (`OVL_MAX_STACK`).
pub(super) const MOST_LAYERS: usize = 200;

/// Whether a tree can be written to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Writable {
    /// A program has something open to write.
    Still,
    /// It is read-only now.
    NoMore,
}

/// Where the kernel keeps what an overlay needs to know of a directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Attributes {
    /// In `trusted.overlay.*`, which the machine's root alone may write.
    Trusted,
    /// In `user.overlay.*`.
    User,
}

impl Attributes {
    /// Finds out by writing one to `directory`.
    pub(super) fn of_this_namespace(directory: &Utf8Path) -> Result<Self, LayersError> {
        const NAME: &str = "trusted.overlay.dib";
        let file = File::open(directory).map_err(LayersError::prepare(directory))?;
        match file.set_xattr(NAME, b"y") {
            Ok(()) => {
                file.remove_xattr(NAME).map_err(LayersError::prepare(directory))?;
                Ok(Self::Trusted)
            }
            Err(error) if error.raw_os_error() == Some(Errno::EPERM as i32) => Ok(Self::User),
            Err(error) => Err(LayersError::prepare(directory)(error)),
        }
    }
}

/// Binds the first upper directory where the tree is.
pub(super) fn bind_first(directory: &Utf8Path, mount_point: &Utf8Path) -> Result<(), LayersError> {
    plain_bind(directory, mount_point).map_err(|error| LayersError::Mount {
        layers: 0,
        at: mount_point.to_owned(),
        source: io::Error::other(error),
    })
}

/// Mounts an overlay of `sealed`, oldest first, and `current` where the tree is.
pub(super) fn mount_overlay(
    mount_point: &Utf8Path,
    sealed: &[Utf8PathBuf],
    current: &Upper,
    attributes: Attributes,
) -> Result<(), LayersError> {
    let work = current.make_work_directory()?;
    // Descriptors stand for the directories: short, and without characters that mean something among options.
    let lower: Vec<OwnedFd> = sealed
        .iter()
        .rev()
        .map(|path| open_path(path))
        .collect::<Result<_, _>>()?;
    let (upper, work) = (open_path(current.directory())?, open_path(&work)?);
    let mut options = String::from("lowerdir=");
    for (index, fd) in lower.iter().enumerate() {
        let separator = if index == 0 { "" } else { ":" };
        let _ = write!(options, "{separator}{}", through_proc(fd.as_fd()));
    }
    let _ = write!(
        options,
        ",upperdir={},workdir={}",
        through_proc(upper.as_fd()),
        through_proc(work.as_fd())
    );
    // All explicit, since distributions choose other defaults. `index` and `xino` are of no use where all layers are on
    // one file system and no hard link outlives its layer.
    options.push_str(",index=off,metacopy=off,redirect_dir=nofollow,xino=off,volatile");
    if attributes == Attributes::User {
        options.push_str(",userxattr");
    }
    mount(
        Some("overlay"),
        mount_point.as_str(),
        Some("overlay"),
        MsFlags::empty(),
        Some(options.as_str()),
    )
    .map_err(|errno| LayersError::Mount {
        layers: sealed.len(),
        at: mount_point.to_owned(),
        source: errno.into(),
    })
}

/// Makes the mount at `mount_point` read-only, and not the file system, of which it is a part.
pub(super) fn make_mount_read_only(mount_point: &Utf8Path) -> Result<Writable, LayersError> {
    let opened = open_path(mount_point)?;
    writable(
        mount_point,
        set_attributes(opened.as_fd(), Depth::Single, READ_ONLY),
    )
}

/// Makes the overlay at `mount_point` read-only, in all mount namespaces.
pub(super) fn make_overlay_read_only(mount_point: &Utf8Path) -> Result<Writable, LayersError> {
    let nothing: Option<&str> = None;
    let flags = MsFlags::MS_REMOUNT | MsFlags::MS_RDONLY;
    writable(
        mount_point,
        mount(nothing, mount_point.as_str(), nothing, flags, nothing),
    )
}

fn writable(mount_point: &Utf8Path, result: Result<(), Errno>) -> Result<Writable, LayersError> {
    match result {
        Ok(()) => Ok(Writable::NoMore),
        Err(Errno::EBUSY) => Ok(Writable::Still),
        Err(errno) => Err(LayersError::ReadOnly {
            at: mount_point.to_owned(),
            source: errno.into(),
        }),
    }
}

/// Unmounts what is on `mount_point`, with all below; who uses it keeps it.
pub(super) fn detach(mount_point: &Utf8Path) -> Result<(), LayersError> {
    umount2(
        mount_point.as_std_path(),
        MntFlags::MNT_DETACH | MntFlags::UMOUNT_NOFOLLOW,
    )
    .map_err(|errno| LayersError::Unmount {
        at: mount_point.to_string(),
        source: errno.into(),
    })
}

fn open_path(path: &Utf8Path) -> Result<OwnedFd, LayersError> {
    let flags = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
    open(path.as_std_path(), flags, Mode::empty()).map_err(LayersError::prepare(path))
}
