//! The directory a build works in, and what builds that were killed have left of theirs.

use std::fs::{self, File, TryLockError};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};

use camino::{Utf8Path, Utf8PathBuf};
use dib_core::{ImageSpec, Workspace};
use dib_script::Places;
use dib_sys::{TargetPath, TargetRoot, mounts};
use nix::fcntl::OFlag;

use crate::{CliError, ErrorKind};

const PREFIX: &str = "dib_build.";

/// A build's own directory, locked for as long as the build lives.
///
/// The lock is on the directory itself and is shared with the sandbox: however the build ends, the kernel frees it, and
/// whoever finds the directory unlocked may remove it.
#[derive(Debug)]
pub(crate) struct BuildDirectory {
    path: Utf8PathBuf,
    lock: File,
}

#[derive(Debug, thiserror::Error)]
#[error("failed to {action} {path}")]
struct WorkspaceError {
    action: &'static str,
    path: Utf8PathBuf,
    source: io::Error,
}

fn failed(kind: ErrorKind, action: &'static str, path: &Utf8Path, source: io::Error) -> CliError {
    CliError::new(
        kind,
        WorkspaceError {
            action,
            path: path.to_owned(),
            source,
        },
    )
}

impl BuildDirectory {
    /// Makes a new directory below `parent`.
    pub(crate) fn create(parent: &Utf8Path) -> Result<Self, CliError> {
        let cannot = |source| {
            failed(
                ErrorKind::CannotCreate,
                "make a build directory in",
                parent,
                source,
            )
            .hint("TMP_DIR (or TMPDIR) names the directory to build in")
        };
        for attempt in 0..1000_u32 {
            let path = parent.join(format!("{PREFIX}{}", unlikely_name(attempt)));
            match fs::DirBuilder::new().mode(0o700).create(&path) {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => continue,
                Err(error) => return Err(cannot(error)),
            }
            // Another build may have taken it for a leftover before the lock was on it.
            if let Some(lock) = lock(&path).map_err(cannot)? {
                return Ok(Self { path, lock });
            }
        }
        Err(cannot(io::Error::from(io::ErrorKind::AlreadyExists)))
    }

    pub(crate) fn path(&self) -> &Utf8Path {
        &self.path
    }

    /// Returns the tree's directory, `TMP_MOUNT_PATH`.
    pub(crate) fn tree(&self) -> Utf8PathBuf {
        self.places().tree
    }

    /// Returns the directory of `TMP_HOOKS_PATH`.
    pub(crate) fn hooks(&self) -> Utf8PathBuf {
        self.places().hooks
    }

    /// Returns the directories that scripts know.
    pub(crate) fn places(&self) -> Places {
        Places::below(&self.path)
    }

    /// Returns the directory for the disk while it is made.
    pub(crate) fn scratch(&self) -> Utf8PathBuf {
        self.path.join("image")
    }

    /// Makes the tree's and the scratch directory, in memory where the spec wants that and there is enough. Returns
    /// whether they are in memory.
    ///
    /// Runs in the sandbox, with which what is in memory goes away.
    pub(crate) fn prepare(&self, spec: &ImageSpec) -> Result<bool, CliError> {
        let in_memory = wants_memory(&spec.workspace, total_memory());
        let mount = |path: &Utf8Path| {
            mounts::tmpfs(path, None).map_err(|error| CliError::new(ErrorKind::Unavailable, error))
        };
        if in_memory {
            mount(&self.path)?;
        }
        for directory in [self.tree(), self.hooks(), self.scratch()] {
            fs::DirBuilder::new()
                .mode(0o755)
                .create(&directory)
                .map_err(|source| failed(ErrorKind::InputOutput, "make", &directory, source))?;
        }
        if in_memory {
            // A mount of its own, so that the disk and the tree don't share one limit.
            mount(&self.scratch())?;
        }
        Ok(in_memory)
    }

    /// Removes what the directory holds on disk.
    ///
    /// Runs in the sandbox, since files there may belong to subordinate users.
    pub(crate) fn clear(&self) -> Result<(), CliError> {
        let directory = self
            .lock
            .try_clone()
            .map_err(|source| failed(ErrorKind::InputOutput, "open", &self.path, source))?;
        clear(directory)
    }

    /// Gives up the memory that a build in memory stands in. Whoever has a file of it open keeps that.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub(crate) fn forget(&self) -> Result<(), CliError> {
        let failed = |error| CliError::new(ErrorKind::InputOutput, error);
        mounts::unmount_host(&self.path).map_err(failed)
    }

    /// Returns whether anything is left in the directory, as seen from outside the sandbox.
    pub(crate) fn is_cleared(&self) -> bool {
        fs::read_dir(&self.path).map_or(true, |mut entries| entries.next().is_none())
    }

    /// Removes the directory, which must be empty.
    pub(crate) fn remove(self) -> Result<(), CliError> {
        fs::remove_dir(&self.path)
            .map_err(|source| failed(ErrorKind::InputOutput, "remove", &self.path, source))
    }
}

/// Removes the directories of builds that were killed. Runs in the sandbox.
///
/// What can't be removed is left for the next build: it must not stop this one. Somebody else may exchange what is at a
/// path at any moment, so a directory is opened once, without following a link, and only what is open is touched.
pub(crate) fn remove_leftovers(parent: &Utf8Path) -> Vec<Utf8PathBuf> {
    let Ok(entries) = parent.read_dir_utf8() else {
        return Vec::new();
    };
    let is_leftover = |path: &Utf8Path| {
        let Ok(Some(locked)) = lock(path) else {
            return false;
        };
        let own = locked.metadata().is_ok_and(|metadata| metadata.uid() == 0);
        // It stays locked until its name is gone: a build that has just made it must not take it for its own in between.
        // Removing the name takes nothing but an empty directory.
        own && locked.try_clone().is_ok_and(|copy| clear(copy).is_ok()) && fs::remove_dir(path).is_ok()
    };
    entries
        .flatten()
        .filter(|entry| entry.file_name().starts_with(PREFIX))
        .map(|entry| entry.path().to_owned())
        .filter(|path| is_leftover(path))
        .collect()
}

/// Returns the directory to build in.
pub(crate) fn parent_directory(spec: &ImageSpec) -> Utf8PathBuf {
    let set = |name| {
        spec.variables
            .get(name)
            .filter(|value: &&String| !value.is_empty())
    };
    set("TMP_DIR")
        .or_else(|| set("TMPDIR"))
        .map_or_else(|| "/tmp".into(), Utf8PathBuf::from)
}

/// Opens and locks a directory; `None` when another process holds it, or when it is gone or no directory by now.
pub(crate) fn lock(path: &Utf8Path) -> io::Result<Option<File>> {
    let flags = OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW;
    let file = match File::options().read(true).custom_flags(flags.bits()).open(path) {
        Ok(file) => file,
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
            ) =>
        {
            return Ok(None);
        }
        Err(error) => return Err(error),
    };
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Ok(None),
        Err(TryLockError::Error(error)) => return Err(error),
    }
    let same = fs::symlink_metadata(path).is_ok_and(|at_path| {
        file.metadata()
            .is_ok_and(|locked| (locked.dev(), locked.ino()) == (at_path.dev(), at_path.ino()))
    });
    Ok(same.then_some(file))
}

/// Removes what a directory holds, entering no mount: what a hook has bound into the tree is the user's.
fn clear(directory: File) -> Result<(), CliError> {
    let cannot = |error| CliError::new(ErrorKind::InputOutput, error);
    let root = TargetRoot::from(OwnedFd::from(directory));
    mounts::unmount_all(&root).map_err(|error| CliError::new(ErrorKind::InputOutput, error))?;
    root.remove_contents(&TargetPath::root())
        .map(drop)
        .map_err(cannot)
}

/// Eight characters that no other build is likely to have at the same time.
fn unlikely_name(attempt: u32) -> String {
    use std::hash::{BuildHasher, RandomState};
    let number = RandomState::new().hash_one((std::process::id(), attempt));
    format!("{:08x}", number & 0xffff_ffff)
}

/// Upstream's rule: a tmpfs takes half of the memory, so there must be twice what the build needs.
fn wants_memory(workspace: &Workspace, total_bytes: Option<u64>) -> bool {
    match workspace {
        Workspace::Disk => false,
        Workspace::Memory { minimum_gib } => {
            total_bytes.is_some_and(|total| total >= minimum_gib.saturating_mul(2).saturating_mul(1 << 30))
        }
    }
}

/// Returns the machine's memory in bytes.
fn total_memory() -> Option<u64> {
    let table = fs::read_to_string("/proc/meminfo").ok()?;
    let line = table.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parent() -> (tempfile::TempDir, Utf8PathBuf) {
        let directory = tempfile::tempdir().unwrap();
        let path = Utf8PathBuf::try_from(directory.path().to_owned()).unwrap();
        (directory, path)
    }

    #[test]
    fn a_living_build_keeps_its_directory() {
        let (_guard, parent) = parent();
        let build = BuildDirectory::create(&parent).unwrap();
        assert!(lock(build.path()).unwrap().is_none());
        assert!(build.is_cleared());
        let path = build.path().to_owned();
        build.remove().unwrap();
        assert!(!path.exists());
    }

    #[test]
    fn what_a_killed_build_left_can_be_locked_and_cleared() {
        let (_guard, parent) = parent();
        let path = parent.join("dib_build.dead");
        fs::create_dir_all(path.join("mnt/etc")).unwrap();
        fs::write(path.join("mnt/etc/passwd"), "x").unwrap();
        std::os::unix::fs::symlink("/etc", path.join("link")).unwrap();
        clear(lock(&path).unwrap().unwrap()).unwrap();
        assert_eq!(path.read_dir().unwrap().count(), 0);
        assert!(Utf8Path::new("/etc").exists());
    }

    #[test]
    fn memory_is_used_when_there_is_twice_what_is_needed() {
        let workspace = Workspace::Memory { minimum_gib: 2 };
        assert!(wants_memory(&workspace, Some(4 << 30)));
        assert!(!wants_memory(&workspace, Some((4 << 30) - 1)));
        assert!(!wants_memory(&workspace, None));
        assert!(!wants_memory(&Workspace::Disk, Some(1 << 40)));
        assert!(total_memory().unwrap() > 1 << 20);
    }
}
