//! What builds came to, so that a build in which nothing changed need not make it again.
//!
//! Images stand beside the layers, in packs of the same format, under the same lock and limit. An image's files are
//! copies, or share their blocks with what they were made of where the file system can do that. They are never hard
//! links: whoever boots a published image or writes to it would change the stored one, too.

mod clone;
mod record;
mod stored_file;
mod write;

use std::cmp::Reverse;
use std::sync::Arc;
use std::time::SystemTime;

use serde::{Deserialize, Serialize};

pub use self::record::{ImageFile, ImageRecord};
pub use self::stored_file::StoredFile;
use crate::{LayerKey, LayerStore, PackName, StoreError};

/// How many images of one family are kept.
const FAMILY_SIZE: usize = 4;

/// The images of a store, which any number of processes may use at once.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let directory = std::env::temp_dir().join(format!("dib-images-example-{}", std::process::id()));
/// # std::fs::create_dir_all(&directory)?;
/// # let directory = camino::Utf8PathBuf::try_from(directory)?;
/// use std::fs::File;
///
/// use dib_layers::{LayerKey, LayerStore};
/// use serde_json::json;
///
/// let images = LayerStore::open(&directory.join("store"), 1 << 30)?.images();
/// let key = LayerKey::from([7; 32]);
/// std::fs::write(directory.join("made.raw"), "a disk")?;
/// let made = File::open(directory.join("made.raw"))?;
/// images.write(&key, "debian as raw", &[("disk", &made)], &json!({"release": "trixie"}))?;
///
/// let image = images.find(&key)?.expect("it was written just now");
/// image.take("disk", &File::create(directory.join("again.raw"))?)?;
/// assert_eq!(std::fs::read_to_string(directory.join("again.raw"))?, "a disk");
/// # std::fs::remove_dir_all(&directory)?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct ImageStore {
    store: LayerStore,
}

/// Where an image comes from, for people and for who made it; the store understands none of it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ImageDescription {
    /// What it is one of several of, such as the images of one set of elements in one format.
    pub family: String,
    /// What its maker needs to know about it.
    pub details: serde_json::Value,
    /// When it was written, in seconds since 1970.
    pub created: u64,
}

/// An image in a list.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct ImageSummary {
    /// Its key.
    pub key: LayerKey,
    /// The size of its pack in bytes.
    pub size: u64,
    /// When it was last found or written.
    pub last_used: SystemTime,
    /// Where it comes from.
    pub description: ImageDescription,
    /// Its files.
    pub files: Vec<ImageFile>,
}

impl ImageDescription {
    fn to_json(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("all keys in it are text")
    }
}

impl LayerStore {
    /// Returns the images that stand in this store.
    #[must_use]
    pub fn images(&self) -> ImageStore {
        ImageStore { store: self.clone() }
    }
}

impl ImageStore {
    /// Returns the image `key`, if the store has it. Reads none of its files.
    ///
    /// No one removes it while what is returned lives, and it counts as used now.
    ///
    /// # Errors
    /// When its pack is damaged as far as that shows without reading contents: it has been removed then. Also when the
    /// system refuses.
    pub fn find(&self, key: &LayerKey) -> Result<Option<ImageRecord>, StoreError> {
        match self.store.open_used(PackName::Image(*key))? {
            Some(file) => ImageRecord::open(Arc::clone(&self.store.directory), *key, file).map(Some),
            None => Ok(None),
        }
    }

    /// Returns the images of a family, those used last first. To be looked at is no use; [`Self::find`] gets one to use.
    ///
    /// # Errors
    /// When the directory or a pack can't be read.
    pub fn candidates(&self, family: &str) -> Result<Vec<ImageSummary>, StoreError> {
        let mut images = self.images()?;
        images.retain(|image| image.description.family == family);
        Ok(images)
    }

    /// Lists the images, those used last first; damaged ones are removed and left out.
    ///
    /// # Errors
    /// When the directory or a pack can't be read.
    pub fn images(&self) -> Result<Vec<ImageSummary>, StoreError> {
        let mut summaries = Vec::new();
        for pack in self.store.directory.packs()? {
            let PackName::Image(key) = pack.name else {
                continue;
            };
            match self.store.image_untouched(key) {
                Ok(Some(image)) => summaries.push(ImageSummary {
                    key,
                    size: image.size(),
                    last_used: pack.last_used,
                    description: image.description().clone(),
                    files: image.files(),
                }),
                Ok(None) | Err(StoreError::Damaged { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        summaries.sort_by_key(|summary| Reverse(summary.last_used));
        Ok(summaries)
    }

    /// Removes the images of a family that are too many, unless somebody uses them.
    fn remove_old(&self, family: &str) -> Result<(), StoreError> {
        let images = self.candidates(family)?;
        let Some((_, old)) = images.split_at_checked(FAMILY_SIZE) else {
            return Ok(());
        };
        let lock = self.store.directory.lock()?;
        for image in old {
            lock.remove_unused(&PackName::Image(image.key).file_name())?;
        }
        Ok(())
    }
}

impl LayerStore {
    /// Opens an image without making it one that was used just now.
    pub(crate) fn image_untouched(&self, key: LayerKey) -> Result<Option<ImageRecord>, StoreError> {
        match self.directory.open_shared(&PackName::Image(key).file_name())? {
            None => Ok(None),
            Some(file) => ImageRecord::open(self.directory.clone(), key, file).map(Some),
        }
    }
}
