//! The directory of packs.
//!
//! A pack is written under a name of its own, locked by its writer, and renamed when it is whole; whoever finds such a
//! name without its lock knows that the writer is dead, and removes it. A pack in use is locked by its readers. Names
//! are made, given and removed under a lock of the whole store, which is held for moments only.
//!
//! Nothing is flushed to the disk: after a loss of power a pack may have lost bytes, which its checksums tell.

pub(crate) mod directory;
pub(crate) mod unfinished;

use std::fs::File;
use std::os::fd::AsFd;
use std::sync::Arc;

use camino::Utf8Path;
use nix::sys::stat::futimens;
use nix::sys::time::TimeSpec;

use self::directory::Directory;
use crate::layer::Layer;
use crate::pack::Pack;
use crate::pack::chunks::layout;
use crate::pack::write::Contents;
use crate::scan::scan;
use crate::{LayerDescription, LayerKey, LayerSizes, OpenError, PackName, StoreError, WriteError};

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
            entries: &entries,
            chunks: &chunks,
            description: &json,
        };
        let size = contents.pack_size();
        let unfinished = self.reserve(size)?;
        let footer = contents.write(upper, PackName::Layer(*key), &unfinished.file, &unfinished.path())?;
        let file = unfinished.finish(PackName::Layer(*key))?;
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
        let Some(file) = self.open_used(PackName::Layer(*key))? else {
            return Ok(None);
        };
        Layer::open(Arc::clone(&self.directory), *key, file).map(Some)
    }

    /// Returns whether the store has the layer `key`, which may be gone a moment later; it does not count as used.
    #[must_use]
    pub fn has(&self, key: &LayerKey) -> bool {
        let name = PackName::Layer(*key).file_name();
        self.directory.path.join(name).exists()
    }

    /// Opens a pack, if it is there, locks it as one in use and makes it one that was used just now.
    pub(crate) fn open_used(&self, pack: PackName) -> Result<Option<File>, StoreError> {
        let name = pack.file_name();
        let Some(file) = self.directory.open_shared(&name)? else {
            return Ok(None);
        };
        let now = TimeSpec::UTIME_NOW;
        futimens(&file, &now, &now).map_err(StoreError::system("touch", self.directory.path.join(&name)))?;
        Ok(Some(file))
    }
}
