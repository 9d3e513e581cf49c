//! The store's life: what it holds, whether that is whole, and what has to go.

use std::cmp::Reverse;
use std::ffi::OsString;
use std::io;
use std::os::unix::ffi::OsStringExt;
use std::time::{Duration, SystemTime};

use nix::dir::Dir;
use nix::errno::Errno;
use nix::fcntl::{AtFlags, OFlag};
use nix::sys::stat::{FileStat, fstatat};

use crate::layer::Layer;
use crate::store::LayerStore;
use crate::store::directory::{Directory, StoreLock, is_unfinished, try_lock};
use crate::{Damage, LayerDescription, LayerKey, PackName, StoreError};

/// A layer in a list.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct LayerSummary {
    /// Its key.
    pub key: LayerKey,
    /// The size of its pack in bytes.
    pub size: u64,
    /// When it was last found or written.
    pub last_used: SystemTime,
    /// What its maker told of it.
    pub description: LayerDescription,
}

/// What verifying a layer or an image found.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Verified {
    /// The layer or image.
    pub pack: PackName,
    /// What is wrong with it, for which it has been removed; `None` when it is whole.
    pub damage: Option<Damage>,
}

/// What pruning did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Pruned {
    /// The layers and images that were removed, with their packs' sizes in bytes.
    pub removed: Vec<(PackName, u64)>,
    /// The layers and images that would have gone, but are in use.
    pub in_use: Vec<PackName>,
    /// How many bytes the store has now, packs that are being written included.
    pub size: u64,
}

impl LayerStore {
    /// Lists the layers, those used last first; damaged ones are removed and left out.
    ///
    /// # Errors
    /// When the directory or a pack can't be read.
    pub fn layers(&self) -> Result<Vec<LayerSummary>, StoreError> {
        let mut summaries = Vec::new();
        for pack in self.directory.packs()? {
            let PackName::Layer(key) = pack.name else {
                continue;
            };
            match self.open_untouched(key) {
                Ok(Some(layer)) => summaries.push(LayerSummary {
                    key,
                    size: layer.size(),
                    last_used: pack.last_used,
                    description: layer.description().clone(),
                }),
                Ok(None) | Err(StoreError::Damaged { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        summaries.sort_by_key(|summary| Reverse(summary.last_used));
        Ok(summaries)
    }

    /// Verifies every byte of every layer and every image; damaged ones are removed.
    ///
    /// # Errors
    /// When the directory or a pack can't be read.
    pub fn verify(&self) -> Result<Vec<Verified>, StoreError> {
        let mut verified = Vec::new();
        for pack in self.directory.packs()? {
            let found = match pack.name {
                PackName::Layer(key) => self.open_untouched(key).and_then(|layer| {
                    let verified = layer.map(|layer| layer.verify());
                    verified.transpose()
                }),
                PackName::Image(key) => self.image_untouched(key).and_then(|image| {
                    let verified = image.map(|image| image.verify());
                    verified.transpose()
                }),
            };
            let damage = match found {
                Ok(None) => continue,
                Ok(Some(())) => None,
                Err(StoreError::Damaged { source, .. }) => Some(source),
                Err(error) => return Err(error),
            };
            verified.push(Verified {
                pack: pack.name,
                damage,
            });
        }
        Ok(verified)
    }

    /// Removes layers that have not been used for `max_age`, then those used least recently until the store has at most
    /// `limit` bytes, and what killed writers left behind. What is in use stays.
    ///
    /// # Errors
    /// When the directory can't be read or a pack can't be removed.
    pub fn prune(&self, limit: u64, max_age: Duration) -> Result<Pruned, StoreError> {
        let lock = self.directory.lock()?;
        lock.remove_leftovers()?;
        lock.prune(limit, max_age)
    }

    /// Opens a layer without making it one that was used just now.
    fn open_untouched(&self, key: LayerKey) -> Result<Option<Layer>, StoreError> {
        match self.directory.open_shared(&PackName::Layer(key).file_name())? {
            None => Ok(None),
            Some(file) => Layer::open(self.directory.clone(), key, file).map(Some),
        }
    }
}

/// A pack as the directory shows it.
pub(crate) struct ListedPack {
    pub(crate) name: PackName,
    size: u64,
    pub(crate) last_used: SystemTime,
}

impl Directory {
    pub(crate) fn packs(&self) -> Result<Vec<ListedPack>, StoreError> {
        let mut packs = Vec::new();
        for name in self.names()? {
            let Some(pack) = PackName::of_file(&name) else {
                continue;
            };
            if let Some(stat) = self.look_at(&name)? {
                packs.push(ListedPack {
                    name: pack,
                    size: size(&stat),
                    last_used: last_used(&stat),
                });
            }
        }
        Ok(packs)
    }

    fn names(&self) -> Result<Vec<OsString>, StoreError> {
        let list = || -> Result<Vec<OsString>, Errno> {
            let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
            let mut directory = Dir::openat(&self.fd, ".", flags, nix::sys::stat::Mode::empty())?;
            let names = directory
                .iter()
                .map(|entry| Ok(OsString::from_vec(entry?.file_name().to_bytes().to_vec())));
            names.collect()
        };
        let mut names = list().map_err(StoreError::system("read", &self.path))?;
        names.sort_unstable();
        Ok(names)
    }

    /// Looks at a file, `None` when it is gone.
    fn look_at(&self, name: &OsString) -> Result<Option<FileStat>, StoreError> {
        match fstatat(&self.fd, name.as_os_str(), AtFlags::AT_SYMLINK_NOFOLLOW) {
            Ok(stat) => Ok(Some(stat)),
            Err(Errno::ENOENT) => Ok(None),
            Err(errno) => Err(StoreError::system("look at", self.path.join(lossy(name)))(errno)),
        }
    }
}

impl StoreLock<'_> {
    /// Removes the packs whose writers are dead.
    pub(crate) fn remove_leftovers(&self) -> Result<(), StoreError> {
        for name in self.directory.names()?.iter().filter(|name| is_unfinished(name)) {
            self.remove_unused(&lossy(name))?;
        }
        Ok(())
    }

    /// Removes the layers used least recently until the store has at most `limit` bytes, and returns its size.
    pub(crate) fn make_room(&self, limit: u64) -> Result<u64, StoreError> {
        self.remove_leftovers()?;
        Ok(self.prune(limit, Duration::MAX)?.size)
    }

    fn prune(&self, limit: u64, max_age: Duration) -> Result<Pruned, StoreError> {
        let mut packs = self.directory.packs()?;
        packs.sort_by_key(|pack| pack.last_used);
        let mut pruned = Pruned {
            size: packs.iter().map(|pack| pack.size).sum::<u64>() + self.unfinished_size()?,
            ..Pruned::default()
        };
        let now = SystemTime::now();
        for pack in packs {
            let age = now.duration_since(pack.last_used).unwrap_or_default();
            if pruned.size <= limit && age < max_age {
                continue;
            }
            if self.remove_unused(&pack.name.file_name())? {
                pruned.size -= pack.size;
                pruned.removed.push((pack.name, pack.size));
            } else {
                pruned.in_use.push(pack.name);
            }
        }
        Ok(pruned)
    }

    fn unfinished_size(&self) -> Result<u64, StoreError> {
        let mut total = 0;
        for name in self.directory.names()?.iter().filter(|name| is_unfinished(name)) {
            total += self.directory.look_at(name)?.map_or(0, |stat| size(&stat));
        }
        Ok(total)
    }

    /// Removes a file unless somebody has locked it, and returns whether it is gone.
    pub(crate) fn remove_unused(&self, name: &str) -> Result<bool, StoreError> {
        let path = self.directory.path.join(name);
        // Network file systems lock a file for one user only where that user may write.
        let file = match self.directory.open_file(name, OFlag::O_RDWR) {
            Ok(file) => file,
            Err(Errno::ENOENT) => return Ok(true),
            Err(errno) => return Err(StoreError::system("open", path)(errno)),
        };
        let is_unused = try_lock(&file).map_err(StoreError::system::<io::Error>("lock", path))?;
        if is_unused {
            self.remove(name)?;
        }
        Ok(is_unused)
    }
}

fn size(stat: &FileStat) -> u64 {
    u64::try_from(stat.st_size).unwrap_or(0)
}

fn last_used(stat: &FileStat) -> SystemTime {
    let seconds = u64::try_from(stat.st_mtime).unwrap_or(0);
    let nanoseconds = u32::try_from(stat.st_mtime_nsec).unwrap_or(0);
    SystemTime::UNIX_EPOCH
        .checked_add(Duration::new(seconds, nanoseconds))
        .unwrap_or(SystemTime::UNIX_EPOCH)
}

/// Our own names are UTF-8; another's name in the store is only looked at.
fn lossy(name: &OsString) -> String {
    name.to_string_lossy().into_owned()
}
