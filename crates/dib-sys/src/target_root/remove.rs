//! Removing from the target.

use std::ffi::CStr;
use std::os::fd::{AsFd, OwnedFd};

use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::unistd::{UnlinkatFlags, unlinkat};

use super::immutable::make_removable;
use super::walk::{child_path, names_in, open_child};
use super::{Place, TargetError, TargetRoot, failed};
use crate::TargetPath;

impl TargetRoot {
    /// Removes an entry that is not a directory, and returns whether there was one. A symbolic link goes itself.
    ///
    /// # Errors
    /// When it is a directory or the system refuses.
    pub fn remove_file(&self, path: &TargetPath) -> Result<bool, TargetError> {
        let Some(place) = self.place_if_there(path)? else {
            return Ok(false);
        };
        match unlinkat(&place.directory, &*place.name, UnlinkatFlags::NoRemoveDir) {
            Ok(()) => Ok(true),
            Err(Errno::ENOENT) => Ok(false),
            Err(errno) => Err(failed("remove", path, errno)),
        }
    }

    /// Removes an entry with everything below it, and returns whether there was one. Symbolic links go themselves.
    ///
    /// # Errors
    /// When there is a mount point at or below it (everything else may be gone then), or the system refuses.
    pub fn remove_tree(&self, path: &TargetPath) -> Result<bool, TargetError> {
        let Some(place) = self.place_if_there(path)? else {
            return Ok(false);
        };
        match open_child(place.directory.as_fd(), &place.name) {
            Ok(directory) => {
                if let Some(mount_point) = remove_below(&directory, path)? {
                    return Err(TargetError::MountPoint {
                        path: path.clone(),
                        mount_point,
                    });
                }
                unlinkat(&place.directory, &*place.name, UnlinkatFlags::RemoveDir)
                    .map_err(|errno| failed("remove", path, errno))?;
                Ok(true)
            }
            Err(Errno::EXDEV) => Err(TargetError::MountPoint {
                path: path.clone(),
                mount_point: path.clone(),
            }),
            Err(Errno::ENOTDIR | Errno::ELOOP) => self.remove_file(path),
            Err(Errno::ENOENT) => Ok(false),
            Err(errno) => Err(failed("remove", path, errno)),
        }
    }

    /// Removes everything in a directory but the directory itself, and returns whether there is such a directory.
    ///
    /// Mount points in it stay, with what is mounted there and the directories above them. The directory may
    /// itself be a mount point.
    ///
    /// # Errors
    /// When it is not a directory, is a symbolic link or the system refuses.
    pub fn remove_contents(&self, path: &TargetPath) -> Result<bool, TargetError> {
        match self.resolve(path, OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW) {
            Ok(directory) => remove_below(&directory, path).map(|_| true),
            Err(Errno::ENOENT) => Ok(false),
            Err(errno) => Err(failed("remove what is in", path, errno)),
        }
    }

    /// Opens the directory that holds `path`, or returns `None` when there is none.
    fn place_if_there(&self, path: &TargetPath) -> Result<Option<Place>, TargetError> {
        match self.place_of(path, "remove") {
            Ok(place) => Ok(Some(place)),
            Err(TargetError::NoParent { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// Removes what is in a directory, and returns the first mount point that had to stay.
fn remove_below(directory: &OwnedFd, path: &TargetPath) -> Result<Option<TargetPath>, TargetError> {
    let listed = directory.try_clone().map_err(|source| TargetError::Path {
        path: path.clone(),
        operation: "remove what is in",
        source,
    })?;
    let mut mount_point = None;
    for name in names_in(listed).map_err(|errno| failed("list", path, errno))? {
        let child = child_path(path, &name);
        let mut removed = remove_entry(directory, &name, &child, &mut mount_point)?;
        if removed == Err(Errno::EPERM) && make_removable(directory.as_fd(), &name) {
            removed = remove_entry(directory, &name, &child, &mut mount_point)?;
        }
        match removed {
            Ok(()) | Err(Errno::ENOENT) => {}
            // A mount point, of a directory or of a file.
            Err(Errno::EBUSY) => {
                mount_point.get_or_insert(child);
            }
            Err(errno) => return Err(failed("remove", &child, errno)),
        }
    }
    Ok(mount_point)
}

/// Removes an entry of a directory with what is below it, and notes the first mount point that had to stay.
fn remove_entry(
    directory: &OwnedFd,
    name: &CStr,
    path: &TargetPath,
    mount_point: &mut Option<TargetPath>,
) -> Result<Result<(), Errno>, TargetError> {
    let removed = match unlinkat(directory, name, UnlinkatFlags::NoRemoveDir) {
        // What `unlink(2)` says of a directory: Linux EISDIR, POSIX EPERM.
        Err(Errno::EISDIR | Errno::EPERM) => match open_child(directory.as_fd(), name) {
            Ok(below) => match remove_below(&below, path)? {
                None => unlinkat(directory, name, UnlinkatFlags::RemoveDir),
                Some(found) => {
                    mount_point.get_or_insert(found);
                    Ok(())
                }
            },
            Err(Errno::EXDEV) => Err(Errno::EBUSY),
            // A file that may not be removed: the system's first word stands.
            Err(Errno::ENOTDIR | Errno::ELOOP) => Err(Errno::EPERM),
            Err(errno) => Err(errno),
        },
        result => result,
    };
    Ok(removed)
}
