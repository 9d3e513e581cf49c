//! Owner, mode, extended attributes and time of an entry.

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

use super::failed;
use crate::entry_name::{EntryName, lossy};
use crate::{ExtractError, SkippedAttribute};

/// When an entry's contents last changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct ModificationTime {
    /// Seconds since 1970.
    pub(crate) seconds: i64,
    /// Nanoseconds on top of them, below a thousand million.
    pub(crate) nanoseconds: u32,
}

/// The full name, such as `security.capability`, and the value of an extended attribute.
pub(crate) type ExtendedAttribute = (Vec<u8>, Vec<u8>);

/// What an archive tells about an entry besides its contents.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Attributes {
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    /// The permission bits with setuid, setgid and sticky.
    pub(crate) mode: u32,
    pub(crate) mtime: ModificationTime,
    pub(crate) extended: Vec<ExtendedAttribute>,
}

impl Attributes {
    /// Sets all on an open file or directory. The order matters: a new owner clears setuid and capabilities.
    pub(crate) fn set_on_file(
        &self,
        file: BorrowedFd<'_>,
        name: &EntryName,
        skipped: &mut Vec<SkippedAttribute>,
    ) -> Result<(), ExtractError> {
        fchown(file, Some(Uid::from_raw(self.uid)), Some(Gid::from_raw(self.gid)))
            .map_err(|errno| self.owner_refused(name, errno))?;
        fchmod(file, Mode::from_bits_truncate(self.mode))
            .map_err(|errno| failed("set the mode of", name, errno))?;
        self.set_extended(name, skipped, |attribute, value| {
            fsetxattr(file, attribute, value, XattrFlags::empty())
        })?;
        let time = self.time();
        futimens(file, &time, &time).map_err(|errno| failed("set the time of", name, errno))
    }

    /// Sets all but the mode, which symbolic links have none of.
    pub(super) fn set_on_symlink(
        &self,
        parent: BorrowedFd<'_>,
        name: &EntryName,
        skipped: &mut Vec<SkippedAttribute>,
    ) -> Result<(), ExtractError> {
        self.set_owner_at(parent, name)?;
        self.set_extended_and_time_at(parent, name, skipped)
    }

    /// Sets all on a fifo or a device node that has just been made.
    pub(super) fn set_on_special(
        &self,
        parent: BorrowedFd<'_>,
        name: &EntryName,
        skipped: &mut Vec<SkippedAttribute>,
    ) -> Result<(), ExtractError> {
        self.set_owner_at(parent, name)?;
        let mode = Mode::from_bits_truncate(self.mode);
        fchmodat(parent, name.split().1, mode, FchmodatFlags::NoFollowSymlink)
            .map_err(|errno| failed("set the mode of", name, errno))?;
        self.set_extended_and_time_at(parent, name, skipped)
    }

    fn set_owner_at(&self, parent: BorrowedFd<'_>, name: &EntryName) -> Result<(), ExtractError> {
        let (uid, gid) = (Uid::from_raw(self.uid), Gid::from_raw(self.gid));
        fchownat(
            parent,
            name.split().1,
            Some(uid),
            Some(gid),
            AtFlags::AT_SYMLINK_NOFOLLOW,
        )
        .map_err(|errno| self.owner_refused(name, errno))
    }

    fn set_extended_and_time_at(
        &self,
        parent: BorrowedFd<'_>,
        name: &EntryName,
        skipped: &mut Vec<SkippedAttribute>,
    ) -> Result<(), ExtractError> {
        let (_, file_name) = name.split();
        if !self.extended.is_empty() {
            // What can't be opened has its attributes set by path; this one stays inside the directory.
            let path = PathBuf::from(format!("/proc/self/fd/{}", parent.as_raw_fd())).join(file_name);
            self.set_extended(name, skipped, |attribute, value| {
                lsetxattr(&path, attribute, value, XattrFlags::empty())
            })?;
        }
        let time = self.time();
        utimensat(parent, file_name, &time, &time, UtimensatFlags::NoFollowSymlink)
            .map_err(|errno| failed("set the time of", name, errno))
    }

    fn set_extended(
        &self,
        name: &EntryName,
        skipped: &mut Vec<SkippedAttribute>,
        set: impl Fn(&OsStr, &[u8]) -> rustix::io::Result<()>,
    ) -> Result<(), ExtractError> {
        for (attribute, value) in &self.extended {
            let mut skip = |reason: String| {
                skipped.push(SkippedAttribute {
                    entry: name.lossy(),
                    attribute: lossy(attribute),
                    reason,
                });
            };
            if is_overlay_bookkeeping(attribute) {
                skip("it describes a layer of the machine that made the archive".to_owned());
                continue;
            }
            match set(OsStr::from_bytes(attribute), value) {
                Ok(()) => {}
                Err(errno @ (Errno::OPNOTSUPP | Errno::PERM)) if attribute != b"security.capability" => {
                    skip(io::Error::from(errno).to_string());
                }
                Err(errno) => {
                    return Err(ExtractError::Attribute {
                        entry: name.lossy(),
                        attribute: lossy(attribute),
                        source: errno.into(),
                    });
                }
            }
        }
        Ok(())
    }

    fn owner_refused(&self, name: &EntryName, errno: nix::errno::Errno) -> ExtractError {
        ExtractError::Owner {
            entry: name.lossy(),
            uid: self.uid,
            gid: self.gid,
            source: errno.into(),
        }
    }

    fn time(&self) -> TimeSpec {
        TimeSpec::new(self.mtime.seconds, i64::from(self.mtime.nanoseconds))
    }
}

/// Overlay file systems read these as instructions: <https://docs.kernel.org/filesystems/overlayfs.html>.
fn is_overlay_bookkeeping(attribute: &[u8]) -> bool {
    attribute.starts_with(b"trusted.overlay.") || attribute.starts_with(b"user.overlay.")
}
