//! Changing the target.

use std::ffi::{CStr, CString};
use std::fs::File;
use std::io::Write;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::atomic::{AtomicU32, Ordering};

use nix::errno::Errno;
use nix::fcntl::{AtFlags, OFlag, openat, renameat};
use nix::sys::stat::{FchmodatFlags, Mode, fchmod, fchmodat, fstat, fstatat, mkdirat};
use nix::unistd::{UnlinkatFlags, ftruncate, symlinkat, unlinkat};

use super::{FileKind, Metadata, Place, TargetError, TargetRoot, failed};
use crate::TargetPath;

impl TargetRoot {
    /// Writes a file in one step: it stands there with all its contents and exactly `mode`, or not at all.
    ///
    /// What stood there is replaced, a symbolic link too (what it links to stays as it is). The file belongs to the
    /// current user and group.
    ///
    /// # Errors
    /// When its directory is absent, a directory stands in its place or writing fails.
    pub fn write(&self, path: &TargetPath, contents: &[u8], mode: u32) -> Result<(), TargetError> {
        let place = self.place_of(path, "write")?;
        let (file, temporary) = create_temporary(&place).map_err(|errno| failed("write", path, errno))?;
        let mut file = File::from(file);
        let written = file
            .write_all(contents)
            .and_then(|()| Ok(fchmod(&file, permission(mode))?))
            .and_then(|()| {
                Ok(renameat(
                    &place.directory,
                    &*temporary,
                    &place.directory,
                    &*place.name,
                )?)
            });
        written.map_err(|source| {
            // The first error is the one to tell; a stray temporary file is the lesser harm.
            let _ = unlinkat(&place.directory, &*temporary, UnlinkatFlags::NoRemoveDir);
            TargetError::Path {
                path: path.clone(),
                operation: "write",
                source,
            }
        })
    }

    /// Creates a directory and those above it that are missing, each with exactly `mode`; those that exist stay as
    /// they are, and symbolic links to directories are followed inside the target.
    ///
    /// # Errors
    /// When something else than a directory stands in the way or creating one fails.
    pub fn create_directory_all(&self, path: &TargetPath, mode: u32) -> Result<(), TargetError> {
        match self.resolve(path, OFlag::O_PATH | OFlag::O_DIRECTORY) {
            Ok(_) => return Ok(()),
            Err(Errno::ENOENT) => {}
            Err(errno) => return Err(failed("create the directory", path, errno)),
        }
        if let Some(parent) = path.parent() {
            self.create_directory_all(&parent, mode)?;
        }
        let place = self.place_of(path, "create the directory")?;
        mkdirat(&place.directory, &*place.name, permission(mode))
            .and_then(|()| {
                fchmodat(
                    &place.directory,
                    &*place.name,
                    permission(mode),
                    FchmodatFlags::NoFollowSymlink,
                )
            })
            .map_err(|errno| failed("create the directory", path, errno))
    }

    /// Renames an entry, replacing what stands at `to` as `rename(2)` does.
    ///
    /// # Errors
    /// When `from` or the directory of `to` is absent, or the system refuses.
    pub fn rename(&self, from: &TargetPath, to: &TargetPath) -> Result<(), TargetError> {
        let source = self.place_of(from, "rename")?;
        let destination = self.place_of(to, "rename to")?;
        renameat(
            &source.directory,
            &*source.name,
            &destination.directory,
            &*destination.name,
        )
        .map_err(|errno| failed("rename", from, errno))
    }

    /// Makes a symbolic link with the given text, in one step, replacing what stands there but a directory.
    ///
    /// # Errors
    /// When its directory is absent, a directory stands in its place or the system refuses.
    pub fn symlink(&self, text: &str, at: &TargetPath) -> Result<(), TargetError> {
        let operation = "make the symbolic link";
        let place = self.place_of(at, operation)?;
        let made = with_temporary_name(|name| symlinkat(text, &place.directory, name));
        let ((), temporary) = made.map_err(|errno| failed(operation, at, errno))?;
        renameat(&place.directory, &*temporary, &place.directory, &*place.name).map_err(|errno| {
            let _ = unlinkat(&place.directory, &*temporary, UnlinkatFlags::NoRemoveDir);
            failed(operation, at, errno)
        })
    }

    /// Empties a regular file, keeping its owner and mode. A symbolic link is not followed.
    ///
    /// # Errors
    /// When it is absent, is not a regular file or may not be written.
    pub fn truncate(&self, path: &TargetPath) -> Result<(), TargetError> {
        let place = self.place_of(path, "empty")?;
        let file = open_regular(&place, OFlag::O_WRONLY, path, "empty")?;
        ftruncate(&file, 0).map_err(|errno| failed("empty", path, errno))
    }

    /// Sets the permission bits, setuid, setgid and sticky included. A symbolic link is not followed, but an error.
    ///
    /// # Errors
    /// When it is absent, is a symbolic link or belongs to somebody else.
    pub fn set_mode(&self, path: &TargetPath, mode: u32) -> Result<(), TargetError> {
        let operation = "set the mode of";
        let set = match self.place(path) {
            Ok(Some(place)) => fchmodat(
                &place.directory,
                &*place.name,
                permission(mode),
                FchmodatFlags::NoFollowSymlink,
            ),
            Ok(None) => fchmodat(self.as_fd(), ".", permission(mode), FchmodatFlags::FollowSymlink),
            Err(errno) => Err(errno),
        };
        set.map_err(|errno| failed(operation, path, errno))
    }
}

pub(super) fn permission(mode: u32) -> Mode {
    Mode::from_bits_truncate(mode & 0o7777)
}

fn open_regular(
    place: &Place,
    access: OFlag,
    path: &TargetPath,
    operation: &'static str,
) -> Result<OwnedFd, TargetError> {
    let not_regular = |kind| TargetError::NotRegular {
        path: path.clone(),
        operation,
        kind,
    };
    // Looked at before it is opened, since opening a device can act, and after, since only that is binding.
    let stat = fstatat(&place.directory, &*place.name, AtFlags::AT_SYMLINK_NOFOLLOW)
        .map_err(|errno| failed(operation, path, errno))?;
    let kind = Metadata::of(&stat).kind;
    if kind != FileKind::Regular {
        return Err(not_regular(kind));
    }
    let flags = access | OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK | OFlag::O_NOCTTY | OFlag::O_CLOEXEC;
    let file = openat(&place.directory, &*place.name, flags, Mode::empty())
        .map_err(|errno| failed(operation, path, errno))?;
    let stat = fstat(&file).map_err(|errno| failed(operation, path, errno))?;
    match Metadata::of(&stat).kind {
        FileKind::Regular => Ok(file),
        kind => Err(not_regular(kind)),
    }
}

fn create_temporary(place: &Place) -> Result<(OwnedFd, CString), Errno> {
    let flags = OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
    with_temporary_name(|name| openat(&place.directory, name, flags, Mode::S_IRUSR | Mode::S_IWUSR))
}

/// Calls `make` with names until one is free, and returns what it made and the name.
fn with_temporary_name<T>(make: impl Fn(&CStr) -> Result<T, Errno>) -> Result<(T, CString), Errno> {
    static COUNTER: AtomicU32 = AtomicU32::new(0);
    loop {
        let number = COUNTER.fetch_add(1, Ordering::Relaxed);
        let name = format!(".dib-{}-{number}", std::process::id());
        let name = CString::new(name).map_err(|_| Errno::EINVAL)?;
        match make(&name) {
            Err(Errno::EEXIST) => {}
            result => return Ok((result?, name)),
        }
    }
}
