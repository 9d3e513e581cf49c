//! Listing and walking directories.

use std::ffi::{CStr, CString, OsStr};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;

use nix::dir::Dir;
use nix::errno::Errno;
use nix::fcntl::{AtFlags, OFlag};
use nix::sys::stat::fstatat;

use super::resolve::open_child_directory;
use super::{FileKind, Metadata, TargetError, TargetRoot, failed};
use crate::TargetPath;

/// How a walk goes on after an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WalkStep {
    /// On into the entry, if it is a directory.
    Descend,
    /// On with the next entry beside this one.
    Skip,
    /// Not at all.
    Stop,
}

impl TargetRoot {
    /// Returns the names in a directory, sorted by their bytes, without `.` and `..`.
    ///
    /// # Errors
    /// When it is absent, is not a directory, may not be read or holds a name that is not UTF-8.
    pub fn list(&self, path: &TargetPath) -> Result<Vec<String>, TargetError> {
        let directory = self.open_listing(path)?;
        let names = names_in(directory).map_err(|errno| failed("list", path, errno))?;
        names
            .iter()
            .map(|name| utf8_name(path, name).map(str::to_owned))
            .collect()
    }

    /// Shows every entry below a directory to `visit`, each directory before what it holds, sorted by the bytes of
    /// the names. Symbolic links and mount points are shown, not entered; a name that is not UTF-8 can't be a
    /// [`TargetPath`] and is passed over, with what is below it.
    ///
    /// # Errors
    /// When a directory is absent, is none or may not be read.
    pub fn walk(
        &self,
        path: &TargetPath,
        visit: &mut dyn FnMut(&TargetPath, &Metadata) -> WalkStep,
    ) -> Result<(), TargetError> {
        let directory = self.open_listing(path)?;
        walk_directory(&directory, path, visit).map(|_| ())
    }

    pub(super) fn open_listing(&self, path: &TargetPath) -> Result<OwnedFd, TargetError> {
        self.resolve(path, OFlag::O_RDONLY | OFlag::O_DIRECTORY)
            .map_err(|errno| failed("list", path, errno))
    }
}

fn walk_directory(
    directory: &OwnedFd,
    path: &TargetPath,
    visit: &mut dyn FnMut(&TargetPath, &Metadata) -> WalkStep,
) -> Result<WalkStep, TargetError> {
    let listed = directory.try_clone().map_err(|source| TargetError::Path {
        path: path.clone(),
        operation: "list",
        source,
    })?;
    for name in names_in(listed).map_err(|errno| failed("list", path, errno))? {
        if utf8_name(path, &name).is_err() {
            continue;
        }
        let child = child_path(path, &name);
        let stat = match fstatat(directory, &*name, AtFlags::AT_SYMLINK_NOFOLLOW) {
            Ok(stat) => stat,
            // The visitor may have removed it.
            Err(Errno::ENOENT) => continue,
            Err(errno) => return Err(failed("look at", &child, errno)),
        };
        let metadata = Metadata::of(&stat);
        match visit(&child, &metadata) {
            WalkStep::Stop => return Ok(WalkStep::Stop),
            WalkStep::Descend if metadata.kind == FileKind::Directory => {}
            WalkStep::Descend | WalkStep::Skip => continue,
        }
        match open_child(directory.as_fd(), &name) {
            Ok(below) => {
                if walk_directory(&below, &child, visit)? == WalkStep::Stop {
                    return Ok(WalkStep::Stop);
                }
            }
            Err(Errno::EXDEV | Errno::ENOENT) => {}
            Err(errno) => return Err(failed("list", &child, errno)),
        }
    }
    Ok(WalkStep::Descend)
}

/// Opens a directory in a directory for listing; a link is an error, a mount point `EXDEV`.
pub(super) fn open_child(parent: BorrowedFd<'_>, name: &CStr) -> Result<OwnedFd, Errno> {
    open_child_directory(parent, OsStr::from_bytes(name.to_bytes()))
}

/// Reads the names in a directory, sorted by their bytes.
pub(super) fn names_in(directory: OwnedFd) -> Result<Vec<CString>, Errno> {
    let mut directory = Dir::from_fd(directory)?;
    let mut names = Vec::new();
    for entry in directory.iter() {
        let entry = entry?;
        if !matches!(entry.file_name().to_bytes(), b"." | b"..") {
            names.push(entry.file_name().to_owned());
        }
    }
    names.sort_unstable();
    Ok(names)
}

/// Returns the path of an entry; what is not UTF-8 in its name is replaced, which only messages may show.
pub(super) fn child_path(directory: &TargetPath, name: &CStr) -> TargetPath {
    let name = String::from_utf8_lossy(name.to_bytes());
    directory.join(&name).unwrap_or_else(|_| directory.clone())
}

fn utf8_name<'name>(directory: &TargetPath, name: &'name CStr) -> Result<&'name str, TargetError> {
    name.to_str().map_err(|_| TargetError::NameNotUtf8 {
        directory: directory.clone(),
        name: String::from_utf8_lossy(name.to_bytes()).into_owned(),
    })
}
