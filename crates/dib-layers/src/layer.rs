//! A layer in use.

use std::fs::File;
use std::os::fd::AsFd;
use std::sync::Arc;

use camino::Utf8PathBuf;

use crate::entry::Kind;
use crate::pack::Pack;
use crate::pack::index::Index;
use crate::pack::read::ReadFault;
use crate::restore::{Fault, restore};
use crate::store::directory::Directory;
use crate::workers;
use crate::{Damage, LayerDescription, LayerKey, PackName, RestoreError, StoreError};

/// A layer of a store, which nobody removes while this lives.
#[derive(Debug)]
pub struct Layer {
    directory: Arc<Directory>,
    key: LayerKey,
    pub(crate) pack: Pack,
    description: LayerDescription,
}

/// What was made when a layer was restored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct RestoreReport {
    /// How many entries, without the root itself.
    pub entries: u64,
    /// How many bytes of contents.
    pub bytes: u64,
}

/// What a layer says of a path.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct LayerPath {
    /// The path, absolute in the tree; what is not UTF-8 is replaced.
    pub path: String,
    /// Whether the layer removes what stood there.
    pub is_whiteout: bool,
    /// Whether it is a directory.
    pub is_directory: bool,
}

impl Layer {
    pub(crate) fn new(
        directory: Arc<Directory>,
        key: LayerKey,
        pack: Pack,
        description: LayerDescription,
    ) -> Self {
        Self {
            directory,
            key,
            pack,
            description,
        }
    }

    /// Takes an open and locked pack.
    pub(crate) fn open(directory: Arc<Directory>, key: LayerKey, file: File) -> Result<Self, StoreError> {
        let name = PackName::Layer(key);
        let again = file.try_clone().map_err(StoreError::system(
            "keep open",
            directory.path.join(name.file_name()),
        ))?;
        let open = || -> Result<(Pack, LayerDescription), ReadFault> {
            let pack = Pack::new(file, name)?;
            let description = serde_json::from_slice(&pack.description()?)
                .map_err(|_| Damage::Senseless("its description is not one"))?;
            Ok((pack, description))
        };
        match open() {
            Ok((pack, description)) => Ok(Self::new(directory, key, pack, description)),
            Err(fault) => Err(directory.damaged(name, &again, fault)),
        }
    }

    /// Returns the key it was found by.
    #[must_use]
    pub fn key(&self) -> &LayerKey {
        &self.key
    }

    /// Returns what its maker told of it.
    #[must_use]
    pub fn description(&self) -> &LayerDescription {
        &self.description
    }

    /// Returns the size of its pack in bytes.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.pack.size
    }

    /// Returns the BLAKE3 sum over everything in it but its description: equal layers have the same.
    #[must_use]
    pub fn digest(&self) -> [u8; 32] {
        self.pack.footer.index_sum
    }

    /// Lists the paths that it adds, changes or removes, directories before what they hold.
    ///
    /// # Errors
    /// When the pack can't be read or is damaged: it has been removed then.
    pub fn paths(&self) -> Result<Vec<LayerPath>, StoreError> {
        let entries = self.index()?.entries;
        let path = |(number, entry): (u32, &crate::entry::Entry)| LayerPath {
            path: entries.lossy_path(number),
            is_whiteout: entries.is_whiteout(entry),
            is_directory: entry.kind == Kind::Directory,
        };
        Ok(entries.numbered().skip(1).map(path).collect())
    }

    /// Makes the layer's upper directory again in `into`, an empty directory, on all processors.
    ///
    /// Every byte is verified before it is used. When this fails, what `into` has got is to be thrown away.
    ///
    /// # Errors
    /// When the pack is damaged: it has been removed then, and is not found again. Also when the system refuses.
    pub fn restore(&self, into: &impl AsFd) -> Result<RestoreReport, RestoreError> {
        let index = self.index()?;
        restore(&self.pack, &index, into.as_fd()).map_err(|fault| match fault {
            Fault::Read(fault) => self.damaged(fault).into(),
            Fault::Thread(error) => RestoreError::Thread(error),
            Fault::Entry { action, path, source } => RestoreError::Entry {
                key: self.key,
                action,
                path,
                source,
            },
        })?;
        Ok(RestoreReport {
            entries: index.entries.0.len() as u64 - 1,
            bytes: self.pack.footer.data_length,
        })
    }

    /// Reads and verifies all of the pack.
    ///
    /// # Errors
    /// When the pack can't be read or is damaged: it has been removed then.
    pub fn verify(&self) -> Result<(), StoreError> {
        let index = self.index()?;
        let read = |buffer: &mut Vec<u8>, number: usize| {
            self.pack
                .chunk(&index.chunks[number], &index.sums[number], buffer)
        };
        workers::run(index.chunks.len(), ReadFault::System, Vec::new, read)
            .map_err(|fault| self.damaged(fault))
    }

    /// Returns the pack's path, for people.
    #[must_use]
    pub fn pack_path(&self) -> Utf8PathBuf {
        self.directory.path.join(self.name().file_name())
    }

    pub(crate) fn index(&self) -> Result<Index, StoreError> {
        self.pack.index().map_err(|fault| self.damaged(fault))
    }

    fn name(&self) -> PackName {
        PackName::Layer(self.key)
    }

    pub(crate) fn damaged(&self, fault: ReadFault) -> StoreError {
        self.directory.damaged(self.name(), &self.pack.file, fault)
    }
}
