//! Times of the whole tree.

use std::ffi::CStr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use nix::errno::Errno;
use nix::fcntl::AtFlags;
use nix::sys::stat::{FileStat, UtimensatFlags, fstat, fstatat, futimens, utimensat};
use nix::sys::time::TimeSpec;

use super::walk::{child_path, names_in, open_child};
use super::{FileKind, Metadata, TargetError, TargetRoot, failed};
use crate::TargetPath;

impl TargetRoot {
    /// Gives every entry that was changed later than `latest`, in seconds since 1970, that time instead, and returns how
    /// many there were. What is mounted below is left alone.
    ///
    /// # Errors
    /// When a directory can't be read or a time not be set.
    pub fn clamp_times(&self, latest: i64) -> Result<usize, TargetError> {
        let root = TargetPath::root();
        let directory = self.open_listing(&root)?;
        let mut clamped = clamp_below(&directory, &root, latest)?;
        let stat = fstat(&directory).map_err(|errno| failed("look at", &root, errno))?;
        if is_later(&stat, latest) {
            let time = TimeSpec::new(latest, 0);
            futimens(&directory, &time, &time).map_err(|errno| failed("set the time of", &root, errno))?;
            clamped += 1;
        }
        Ok(clamped)
    }
}

fn clamp_below(directory: &OwnedFd, path: &TargetPath, latest: i64) -> Result<usize, TargetError> {
    let listed = directory.try_clone().map_err(|source| TargetError::Path {
        path: path.clone(),
        operation: "list",
        source,
    })?;
    let mut clamped = 0;
    for name in names_in(listed).map_err(|errno| failed("list", path, errno))? {
        let child = child_path(path, &name);
        let stat = fstatat(directory, &*name, AtFlags::AT_SYMLINK_NOFOLLOW)
            .map_err(|errno| failed("look at", &child, errno))?;
        if Metadata::of(&stat).kind == FileKind::Directory {
            match open_child(directory.as_fd(), &name) {
                Ok(below) => clamped += clamp_below(&below, &child, latest)?,
                Err(Errno::EXDEV) => continue,
                Err(errno) => return Err(failed("list", &child, errno)),
            }
        }
        if is_later(&stat, latest) {
            set_time(directory.as_fd(), &name, latest)
                .map_err(|errno| failed("set the time of", &child, errno))?;
            clamped += 1;
        }
    }
    Ok(clamped)
}

fn is_later(stat: &FileStat, latest: i64) -> bool {
    (stat.st_mtime, stat.st_mtime_nsec) > (latest, 0)
}

fn set_time(directory: BorrowedFd<'_>, name: &CStr, seconds: i64) -> Result<(), Errno> {
    let time = TimeSpec::new(seconds, 0);
    utimensat(directory, name, &time, &time, UtimensatFlags::NoFollowSymlink)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::{MetadataExt, symlink};

    use camino::Utf8Path;

    use super::*;

    #[test]
    fn what_is_later_gets_the_latest_time() {
        let directory = tempfile::tempdir().unwrap();
        let path = Utf8Path::from_path(directory.path()).unwrap();
        fs::create_dir(path.join("d")).unwrap();
        for name in ["d/old", "d/new"] {
            fs::write(path.join(name), "").unwrap();
        }
        symlink("nowhere", path.join("d/link")).unwrap();
        let root = TargetRoot::open(path).unwrap();
        let place = root.open_listing(&"/d".parse().unwrap()).unwrap();
        set_time(place.as_fd(), c"old", 5).unwrap();

        // The link, the new file and both directories.
        assert_eq!(root.clamp_times(1_000_000_000).unwrap(), 4);
        let time = |name: &str| {
            let metadata = fs::symlink_metadata(path.join(name)).unwrap();
            (metadata.mtime(), metadata.mtime_nsec())
        };
        assert_eq!(time("d/old"), (5, 0));
        for name in ["d/new", "d/link", "d", ""] {
            assert_eq!(time(name), (1_000_000_000, 0), "{name}");
        }
        assert_eq!(root.clamp_times(1_000_000_000).unwrap(), 0);
    }
}
