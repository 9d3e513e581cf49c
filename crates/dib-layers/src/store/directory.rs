//! The directory that packs stand in, its lock, and who may have put something there.

use std::ffi::OsStr;
use std::fs::{DirBuilder, File, TryLockError};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};

use camino::{Utf8Path, Utf8PathBuf};
use nix::errno::Errno;
use nix::fcntl::{OFlag, openat};
use nix::sys::stat::{Mode, fstat, mkdirat};
use nix::unistd::{UnlinkatFlags, geteuid, unlinkat};

use crate::pack::VERSION;
use crate::pack::read::ReadFault;
use crate::{OpenError, PackName, StoreError};

/// What the name of a pack that is being written begins with.
pub(super) const UNFINISHED_BEGINNING: &str = ".unfinished-";

/// The name of the file that stands for the store's lock.
const LOCK: &str = "lock";

/// The directory in which the packs of this format stand.
#[derive(Debug)]
pub(crate) struct Directory {
    pub(crate) path: Utf8PathBuf,
    pub(crate) fd: OwnedFd,
}

impl Directory {
    pub(super) fn open(store: &Utf8Path) -> Result<Self, OpenError> {
        let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(store)
            .map_err(StoreError::system("make the directory", store))?;
        let outer = nix::fcntl::open(store.as_std_path(), flags, Mode::empty())
            .map_err(StoreError::system("open", store))?;
        require_own(&outer, store)?;
        let name = format!("v{VERSION}");
        let path = store.join(&name);
        match mkdirat(&outer, &*name, Mode::S_IRWXU) {
            Ok(()) | Err(Errno::EEXIST) => {}
            Err(errno) => return Err(StoreError::system("make the directory", path)(errno).into()),
        }
        let fd = openat(&outer, &*name, flags | OFlag::O_NOFOLLOW, Mode::empty())
            .map_err(StoreError::system("open", &path))?;
        require_own(&fd, &path)?;
        Ok(Self { path, fd })
    }

    pub(crate) fn lock(&self) -> Result<StoreLock<'_>, StoreError> {
        let path = self.path.join(LOCK);
        let file = self
            .open_file(LOCK, OFlag::O_RDWR | OFlag::O_CREAT)
            .map_err(StoreError::system("open the lock", &path))?;
        uninterrupted(|| file.lock()).map_err(StoreError::system("lock", path))?;
        Ok(StoreLock {
            directory: self,
            _file: file,
        })
    }

    pub(crate) fn open_file(&self, name: &str, flags: OFlag) -> Result<File, Errno> {
        let flags = flags | OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK | OFlag::O_CLOEXEC;
        openat(&self.fd, name, flags, Mode::S_IRUSR | Mode::S_IWUSR).map(File::from)
    }

    /// Opens a pack and locks it as one in use; `None` when there is none of that name.
    pub(crate) fn open_shared(&self, name: &str) -> Result<Option<File>, StoreError> {
        let path = self.path.join(name);
        loop {
            let file = match self.open_file(name, OFlag::O_RDONLY) {
                Ok(file) => file,
                Err(Errno::ENOENT) => return Ok(None),
                Err(errno) => return Err(StoreError::system("open", path)(errno)),
            };
            uninterrupted(|| file.lock_shared()).map_err(StoreError::system("lock", &path))?;
            let metadata = file.metadata().map_err(StoreError::system("look at", &path))?;
            // It may have been removed between the two, and another may have got its name.
            if metadata.nlink() > 0 {
                return Ok(Some(file));
            }
        }
    }

    /// Removes a pack that is damaged, unless another has got its name meanwhile, and returns the error that says so.
    pub(crate) fn damaged(&self, pack: PackName, file: &File, fault: ReadFault) -> StoreError {
        let name = pack.file_name();
        let path = self.path.join(&name);
        let damage = match fault {
            ReadFault::System(source) => return StoreError::system("read", path)(source),
            ReadFault::Damage(damage) => damage,
        };
        tracing::warn!(%path, %damage, "removing a damaged pack");
        match self.lock().and_then(|lock| lock.remove_if_same(&name, file)) {
            Ok(()) => StoreError::Damaged { pack, source: damage },
            Err(error) => error,
        }
    }
}

/// The right to make, give and remove names in the store, until it is dropped.
pub(crate) struct StoreLock<'store> {
    pub(crate) directory: &'store Directory,
    _file: File,
}

impl StoreLock<'_> {
    /// Removes the name of an open file, if it still is its name.
    fn remove_if_same(&self, name: &str, file: &File) -> Result<(), StoreError> {
        let path = self.directory.path.join(name);
        let ours = file.metadata().map_err(StoreError::system("look at", &path))?;
        match self
            .directory
            .open_file(name, OFlag::O_RDONLY)
            .map(|named| named.metadata())
        {
            Ok(Ok(named)) if (named.dev(), named.ino()) == (ours.dev(), ours.ino()) => self.remove(name),
            _ => Ok(()),
        }
    }

    pub(crate) fn remove(&self, name: &str) -> Result<(), StoreError> {
        match unlinkat(&self.directory.fd, name, UnlinkatFlags::NoRemoveDir) {
            Ok(()) | Err(Errno::ENOENT) => Ok(()),
            Err(errno) => Err(StoreError::system("remove", self.directory.path.join(name))(
                errno,
            )),
        }
    }
}

pub(crate) fn is_unfinished(name: &OsStr) -> bool {
    name.to_str()
        .is_some_and(|name| name.starts_with(UNFINISHED_BEGINNING))
}

/// Locks a file for its only user, if nobody uses it.
pub(crate) fn try_lock(file: &File) -> io::Result<bool> {
    match file.try_lock() {
        Ok(()) => Ok(true),
        Err(TryLockError::WouldBlock) => Ok(false),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

/// Waits on, whatever signals arrive.
fn uninterrupted(mut wait: impl FnMut() -> io::Result<()>) -> io::Result<()> {
    loop {
        match wait() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}

/// Refuses a directory that somebody else may have put something into.
///
/// In a sandbox the user who builds is number 0, and so is the owner of the user's own directories; those of others,
/// the machine's root among them, have another number.
fn require_own(directory: &OwnedFd, path: &Utf8Path) -> Result<(), OpenError> {
    let stat = fstat(directory).map_err(StoreError::system("look at", path))?;
    let user = geteuid().as_raw();
    if stat.st_uid != user {
        return Err(OpenError::OtherOwner {
            path: path.to_owned(),
            owner: stat.st_uid,
            user,
        });
    }
    let mode = stat.st_mode & 0o7777;
    if mode & 0o022 != 0 {
        return Err(OpenError::WritableByOthers {
            path: path.to_owned(),
            mode,
        });
    }
    Ok(())
}
