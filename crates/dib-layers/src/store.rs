//! The directory of packs.
//!
//! A pack is written under a name of its own, locked by its writer, and renamed when it is whole; whoever finds such a
//! name without its lock knows that the writer is dead, and removes it. A pack in use is locked by its readers. Names
//! are made, given and removed under a lock of the whole store, which is held for moments only.
//!
//! Nothing is flushed to the disk: after a loss of power a pack may have lost bytes, which its checksums tell.

use std::ffi::OsStr;
use std::fs::{DirBuilder, File, TryLockError};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::sync::Arc;

use camino::{Utf8Path, Utf8PathBuf};
use nix::errno::Errno;
use nix::fcntl::{OFlag, openat, renameat};
use nix::sys::stat::{Mode, fstat, futimens, mkdirat};
use nix::sys::time::TimeSpec;
use nix::unistd::{UnlinkatFlags, geteuid, unlinkat};

use crate::layer::Layer;
use crate::pack::chunks::layout;
use crate::pack::read::ReadFault;
use crate::pack::write::Contents;
use crate::pack::{Pack, VERSION};
use crate::scan::scan;
use crate::{LayerDescription, LayerKey, LayerSizes, OpenError, StoreError, WriteError};

/// What a pack's name ends with.
const PACK_ENDING: &str = ".layer";

/// What the name of a pack that is being written begins with.
const UNFINISHED_BEGINNING: &str = ".unfinished-";

/// The name of the file that stands for the store's lock.
const LOCK: &str = "lock";

/// A store of layers, which any number of processes may use at once.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let directory = std::env::temp_dir().join(format!("dib-layers-example-{}", std::process::id()));
/// # std::fs::create_dir_all(directory.join("upper"))?;
/// # std::fs::create_dir_all(directory.join("again"))?;
/// # let directory = camino::Utf8PathBuf::try_from(directory)?;
/// use std::fs::File;
///
/// use dib_layers::{LayerDescription, LayerKey, LayerStore};
///
/// let store = LayerStore::open(&directory.join("store"), 1 << 30)?;
/// let key = LayerKey::from([7; 32]);
/// std::fs::write(directory.join("upper/hostname"), "cloud\n")?;
/// store.write(&key, &File::open(directory.join("upper"))?, &LayerDescription::default())?;
///
/// let layer = store.find(&key)?.expect("it was written just now");
/// layer.restore(&File::open(directory.join("again"))?)?;
/// assert_eq!(std::fs::read_to_string(directory.join("again/hostname"))?, "cloud\n");
/// # std::fs::remove_dir_all(&directory)?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct LayerStore {
    pub(crate) directory: Arc<Directory>,
    pub(crate) limit: u64,
}

impl LayerStore {
    /// Opens the store in `directory`, making it if it isn't there, and removes what killed writers left behind.
    ///
    /// Its packs together never have more than `limit` bytes: those used least recently make way for new ones.
    ///
    /// # Errors
    /// When the directory belongs to another user or others may write to it, and when the system refuses.
    pub fn open(directory: &Utf8Path, limit: u64) -> Result<Self, OpenError> {
        let directory = Directory::open(directory)?;
        directory.lock()?.remove_leftovers()?;
        Ok(Self {
            directory: Arc::new(directory),
            limit,
        })
    }

    /// Packs the directory `upper` as the layer `key`, in the place of an earlier one of that key, and returns it.
    ///
    /// `upper` must rest meanwhile. Its attributes that only the overlay's own bookkeeping needs are left out.
    ///
    /// # Errors
    /// When `upper` can't be read, changes or isn't complete in itself, when there is no room by the store's limit, and
    /// when the disk is full or the system refuses. The store has no part of the layer then.
    pub fn write(
        &self,
        key: &LayerKey,
        upper: &impl AsFd,
        description: &LayerDescription,
    ) -> Result<Layer, WriteError> {
        let upper = upper.as_fd();
        let entries = scan(upper)?;
        let chunks = layout(&entries);
        let mut description = description.clone();
        description.sizes = LayerSizes {
            entries: entries.0.len() as u64 - 1,
            bytes: entries.data_length().unwrap_or(u64::MAX),
        };
        let json = description.to_json();
        let contents = Contents {
            upper,
            entries: &entries,
            chunks: &chunks,
            description: &json,
        };
        let size = contents.pack_size();
        let unfinished = self.reserve(size)?;
        let footer = contents.write(key, &unfinished.file, &unfinished.path())?;
        let file = unfinished.finish(key)?;
        let pack = Pack { file, footer, size };
        Ok(Layer::new(Arc::clone(&self.directory), *key, pack, description))
    }

    /// Returns the layer `key`, if the store has it.
    ///
    /// No one removes it while what is returned lives, and it counts as used now.
    ///
    /// # Errors
    /// When its pack is damaged as far as that shows without reading contents: it has been removed then. Also when the
    /// system refuses.
    pub fn find(&self, key: &LayerKey) -> Result<Option<Layer>, StoreError> {
        let name = pack_name(key);
        let Some(file) = self.directory.open_shared(&name)? else {
            return Ok(None);
        };
        let now = TimeSpec::UTIME_NOW;
        futimens(&file, &now, &now).map_err(StoreError::system("touch", self.directory.path.join(&name)))?;
        Layer::open(Arc::clone(&self.directory), *key, file).map(Some)
    }

    /// Makes a file that counts as `size` bytes already, having removed layers until it fits.
    fn reserve(&self, size: u64) -> Result<Unfinished, WriteError> {
        let no_room = || WriteError::NoRoom {
            size,
            limit: self.limit,
        };
        if size > self.limit {
            return Err(no_room());
        }
        let lock = self.directory.lock()?;
        let unfinished = self.create_unfinished()?;
        let path = unfinished.path();
        unfinished
            .file
            .set_len(size)
            .map_err(StoreError::system("set the size of", &path))?;
        if lock.make_room(self.limit)? > self.limit {
            return Err(no_room());
        }
        Ok(unfinished)
    }

    fn create_unfinished(&self) -> Result<Unfinished, StoreError> {
        let number = getrandom::u64()
            .map_err(io::Error::other)
            .map_err(StoreError::system("choose a name in", &self.directory.path))?;
        let name = format!("{UNFINISHED_BEGINNING}{number:016x}");
        let path = self.directory.path.join(&name);
        let file = self
            .directory
            .open_file(&name, OFlag::O_RDWR | OFlag::O_CREAT | OFlag::O_EXCL)
            .map_err(StoreError::system("create", &path))?;
        let unfinished = Unfinished {
            directory: Arc::clone(&self.directory),
            name,
            file,
            has_its_name: false,
        };
        unfinished
            .file
            .lock()
            .map_err(StoreError::system("lock", &path))?;
        Ok(unfinished)
    }
}

/// A pack that is being written, and is removed unless it is finished.
struct Unfinished {
    directory: Arc<Directory>,
    name: String,
    file: File,
    has_its_name: bool,
}

impl Unfinished {
    fn path(&self) -> Utf8PathBuf {
        self.directory.path.join(&self.name)
    }

    /// Gives the pack its final name, and returns it locked as one in use.
    fn finish(mut self, key: &LayerKey) -> Result<File, StoreError> {
        let name = pack_name(key);
        let path = self.directory.path.join(&name);
        let file = self
            .file
            .try_clone()
            .map_err(StoreError::system("keep open", &path))?;
        let _lock = self.directory.lock()?;
        renameat(&self.directory.fd, &*self.name, &self.directory.fd, &*name)
            .map_err(StoreError::system("give its name to", &path))?;
        self.has_its_name = true;
        // The change is not atomic, but who would remove the pack in between waits for the store's lock.
        file.lock_shared().map_err(StoreError::system("lock", &path))?;
        Ok(file)
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        if !self.has_its_name {
            // Should this fail, the next who opens the store tries again.
            let _ = unlinkat(&self.directory.fd, &*self.name, UnlinkatFlags::NoRemoveDir);
        }
    }
}

/// The directory in which the packs of this format stand.
#[derive(Debug)]
pub(crate) struct Directory {
    pub(crate) path: Utf8PathBuf,
    pub(crate) fd: OwnedFd,
}

impl Directory {
    fn open(store: &Utf8Path) -> Result<Self, OpenError> {
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
    pub(crate) fn damaged(&self, key: LayerKey, file: &File, fault: ReadFault) -> StoreError {
        let name = pack_name(&key);
        let path = self.path.join(&name);
        let damage = match fault {
            ReadFault::System(source) => return StoreError::system("read", path)(source),
            ReadFault::Damage(damage) => damage,
        };
        tracing::warn!(%path, %damage, "removing a damaged layer");
        match self.lock().and_then(|lock| lock.remove_if_same(&name, file)) {
            Ok(()) => StoreError::Damaged { key, source: damage },
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

/// Returns the name of the pack of `key`.
pub(crate) fn pack_name(key: &LayerKey) -> String {
    format!("{key}{PACK_ENDING}")
}

/// Returns the key of the pack of this name, if it is one's.
pub(crate) fn key_of(name: &OsStr) -> Option<LayerKey> {
    name.to_str()?.strip_suffix(PACK_ENDING)?.parse().ok()
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
