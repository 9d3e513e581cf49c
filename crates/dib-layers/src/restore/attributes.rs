//! Owner, mode, extended attributes and time of an entry that is made again.

use std::ffi::OsStr;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use nix::fcntl::AtFlags;
use nix::sys::stat::{FchmodatFlags, Mode, UtimensatFlags, fchmod, fchmodat, futimens, utimensat};
use nix::sys::time::TimeSpec;
use nix::unistd::{Gid, Uid, fchown, fchownat};
use rustix::fs::{XattrFlags, fsetxattr, lsetxattr};
use rustix::io::Errno;

use crate::entry::{Attributes, Entry, Kind};
use crate::overlay_attributes::OverlayAttributes;

/// How attributes are set.
pub(super) struct Setting {
    pub(super) overlay: OverlayAttributes,
}

/// What was tried and what the system said.
type Refusal = (&'static str, io::Error);

impl Setting {
    /// Sets all on an open file or directory.
    ///
    /// The order matters: a new owner takes setuid and capabilities away, and a mode may take the right to write.
    pub(super) fn set_on_open(&self, file: BorrowedFd<'_>, entry: &Entry) -> Result<(), Refusal> {
        let attributes = &entry.attributes;
        let (uid, gid) = owner(attributes);
        fchown(file, Some(uid), Some(gid)).map_err(|errno| ("set the owner of", errno.into()))?;
        self.set_extended(attributes, |name, value| {
            fsetxattr(file, name, value, XattrFlags::empty())
        })?;
        fchmod(file, mode(attributes)).map_err(|errno| ("set the mode of", errno.into()))?;
        let time = time(attributes);
        futimens(file, &time, &time).map_err(|errno| ("set the time of", errno.into()))
    }

    /// Sets all on what can't be opened: a symbolic link, a fifo, a socket or a device node.
    pub(super) fn set_at(&self, parent: BorrowedFd<'_>, entry: &Entry) -> Result<(), Refusal> {
        let attributes = &entry.attributes;
        let name = entry.file_name();
        let (uid, gid) = owner(attributes);
        fchownat(parent, name, Some(uid), Some(gid), AtFlags::AT_SYMLINK_NOFOLLOW)
            .map_err(|errno| ("set the owner of", errno.into()))?;
        if !attributes.extended.is_empty() {
            let path = PathBuf::from(format!("/proc/self/fd/{}", parent.as_raw_fd())).join(name);
            self.set_extended(attributes, |attribute, value| {
                lsetxattr(&path, attribute, value, XattrFlags::empty())
            })?;
        }
        if !matches!(entry.kind, Kind::Symlink { .. }) {
            fchmodat(parent, name, mode(attributes), FchmodatFlags::NoFollowSymlink)
                .map_err(|errno| ("set the mode of", errno.into()))?;
        }
        let time = time(attributes);
        utimensat(parent, name, &time, &time, UtimensatFlags::NoFollowSymlink)
            .map_err(|errno| ("set the time of", errno.into()))
    }

    fn set_extended(
        &self,
        attributes: &Attributes,
        set: impl Fn(&OsStr, &[u8]) -> rustix::io::Result<()>,
    ) -> Result<(), Refusal> {
        for (name, value) in &attributes.extended {
            match set(OsStr::from_bytes(&self.overlay.unpack(name)), value) {
                Ok(()) => {}
                // The machine's policy gives every file a label, which is not the layer's to say.
                Err(Errno::PERM | Errno::ACCESS | Errno::OPNOTSUPP) if name == b"security.selinux" => {}
                Err(errno) => return Err(("set an extended attribute of", errno.into())),
            }
        }
        Ok(())
    }
}

fn owner(attributes: &Attributes) -> (Uid, Gid) {
    (Uid::from_raw(attributes.uid), Gid::from_raw(attributes.gid))
}

fn mode(attributes: &Attributes) -> Mode {
    Mode::from_bits_truncate(u32::from(attributes.mode))
}

fn time(attributes: &Attributes) -> TimeSpec {
    let (seconds, nanoseconds) = attributes.mtime;
    TimeSpec::new(seconds, i64::from(nanoseconds))
}
