//! An image in use.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::sync::{Arc, Mutex};

use camino::Utf8PathBuf;

use super::ImageDescription;
use super::clone::{Part, clone};
use super::stored_file::StoredFile;
use crate::entry::{Entry, Kind};
use crate::error::ImageTakeError;
use crate::pack::Pack;
use crate::pack::chunks::runs;
use crate::pack::index::Index;
use crate::pack::read::ReadFault;
use crate::store::directory::Directory;
use crate::workers::{self, lock};
use crate::{Damage, LayerKey, PackName, StoreError};

/// An image of a store, which nobody removes while this or a file of it lives.
#[derive(Debug, Clone)]
pub struct ImageRecord {
    image: Arc<StoredImage>,
}

/// What is known of an image whose pack is open and locked.
#[derive(Debug)]
pub(super) struct StoredImage {
    directory: Arc<Directory>,
    key: LayerKey,
    pub(super) pack: Pack,
    index: Index,
    description: ImageDescription,
}

/// A file of an image.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ImageFile {
    /// The name by which it is taken.
    pub name: String,
    /// Its length in bytes, holes included.
    pub length: u64,
    /// The permission bits that it had.
    pub mode: u32,
}

impl ImageRecord {
    pub(super) fn new(
        directory: Arc<Directory>,
        key: LayerKey,
        pack: Pack,
        index: Index,
        description: ImageDescription,
    ) -> Self {
        Self {
            image: Arc::new(StoredImage {
                directory,
                key,
                pack,
                index,
                description,
            }),
        }
    }

    /// Takes an open and locked pack.
    pub(crate) fn open(directory: Arc<Directory>, key: LayerKey, file: File) -> Result<Self, StoreError> {
        let name = PackName::Image(key);
        let again = file.try_clone().map_err(StoreError::system(
            "keep open",
            directory.path.join(name.file_name()),
        ))?;
        let open = || -> Result<_, ReadFault> {
            let pack = Pack::new(file, name)?;
            let index = pack.index()?;
            let mut entries = index.entries.0.iter().skip(1);
            if !entries.all(|entry| matches!(entry.kind, Kind::File { .. })) {
                return Err(Damage::Senseless("an image holds something else than files").into());
            }
            let description = serde_json::from_slice(&pack.description()?)
                .map_err(|_| Damage::Senseless("its description is not one"))?;
            Ok((pack, index, description))
        };
        match open() {
            Ok((pack, index, description)) => Ok(Self::new(directory, key, pack, index, description)),
            Err(fault) => Err(directory.damaged(name, &again, fault)),
        }
    }

    /// Returns the key it was found by.
    #[must_use]
    pub fn key(&self) -> &LayerKey {
        &self.image.key
    }

    /// Returns where it comes from.
    #[must_use]
    pub fn description(&self) -> &ImageDescription {
        &self.image.description
    }

    /// Returns what its maker told of it.
    #[must_use]
    pub fn details(&self) -> &serde_json::Value {
        &self.image.description.details
    }

    /// Returns the size of its pack in bytes.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.image.pack.size
    }

    /// Returns its pack's path, for people.
    #[must_use]
    pub fn pack_path(&self) -> Utf8PathBuf {
        let name = PackName::Image(self.image.key).file_name();
        self.image.directory.path.join(name)
    }

    /// Lists its files.
    #[must_use]
    pub fn files(&self) -> Vec<ImageFile> {
        let entries = self.image.index.entries.0.iter().skip(1);
        entries
            .map(|entry| ImageFile {
                name: String::from_utf8_lossy(&entry.name).into_owned(),
                length: length_of(entry),
                mode: entry.attributes.mode.into(),
            })
            .collect()
    }

    /// Makes the file `into` what the file `name` is, with its holes, on all processors.
    ///
    /// `into` must be open for writing; what it held is gone. It shares its blocks with the stored file where the file system
    /// can do that. Every byte is verified. When this fails, what `into` has got is to be thrown away.
    ///
    /// # Errors
    /// When there is no such file, when the pack is damaged: it has been removed then, and is not found again. Also when the
    /// system refuses.
    pub fn take(&self, name: &str, into: &File) -> Result<(), ImageTakeError> {
        let StoredImage { pack, index, .. } = &*self.image;
        let (number, entry) = self.find(name)?;
        let failed = |action| {
            move |source| ImageTakeError::File {
                key: self.image.key,
                name: name.to_owned(),
                action,
                source,
            }
        };
        into.set_len(0)
            .and_then(|()| into.set_len(length_of(entry)))
            .map_err(failed("set the size of"))?;
        let parts = runs(&index.chunks, number).into_iter().map(|run| Part {
            from: run.position,
            to: run.offset,
            length: run.length,
        });
        // Nobody writes to a pack, so its blocks are verified through it: `into` may be closed to reading.
        let is_shared = clone(&pack.file, into, parts);
        self.read_verified(number, ImageTakeError::Thread, |contents, offset| {
            if is_shared {
                return Ok(());
            }
            into.write_all_at(contents, offset).map_err(failed("write"))
        })
    }

    /// Returns the verified contents of a small file.
    ///
    /// # Errors
    /// When there is no such file, when the pack is damaged: it has been removed then. Also when the system refuses.
    pub fn read(&self, name: &str) -> Result<Vec<u8>, ImageTakeError> {
        let (number, entry) = self.find(name)?;
        let length = usize::try_from(length_of(entry)).map_err(|_| ImageTakeError::File {
            key: self.image.key,
            name: name.to_owned(),
            action: "hold",
            source: std::io::ErrorKind::FileTooLarge.into(),
        })?;
        let bytes = Mutex::new(vec![0; length]);
        self.read_verified(number, ImageTakeError::Thread, |contents, offset| {
            put(&mut lock(&bytes), contents, offset);
            Ok(())
        })?;
        Ok(bytes
            .into_inner()
            .unwrap_or_else(std::sync::PoisonError::into_inner))
    }

    /// Returns a file to be read here and there, without verifying what is read.
    ///
    /// # Errors
    /// When there is no such file.
    pub fn file(&self, name: &str) -> Result<StoredFile, ImageTakeError> {
        let (number, entry) = self.find(name)?;
        Ok(StoredFile::new(
            Arc::clone(&self.image),
            length_of(entry),
            runs(&self.image.index.chunks, number),
        ))
    }

    /// Reads and verifies all of the pack.
    ///
    /// # Errors
    /// When the pack can't be read or is damaged: it has been removed then.
    pub fn verify(&self) -> Result<(), StoreError> {
        let StoredImage { pack, index, .. } = &*self.image;
        let read = |buffer: &mut Vec<u8>, number: usize| {
            pack.chunk(&index.chunks[number], &index.sums[number], buffer)
        };
        workers::run(index.chunks.len(), ReadFault::System, Vec::new, read)
            .map_err(|fault| self.damaged(fault))
    }

    /// Gives all parts of a file's contents to `sink` once they are verified, in any order, with their offsets in the file.
    fn read_verified<Failure: From<StoreError> + Send>(
        &self,
        number: u32,
        no_thread: fn(std::io::Error) -> Failure,
        sink: impl Fn(&[u8], u64) -> Result<(), Failure> + Sync,
    ) -> Result<(), Failure> {
        let StoredImage { pack, index, .. } = &*self.image;
        let of_file: Vec<_> = index
            .chunks
            .iter()
            .zip(&index.sums)
            .filter(|(chunk, _)| chunk.segments.iter().any(|segment| segment.entry == number))
            .collect();
        workers::run(of_file.len(), no_thread, Vec::new, |buffer: &mut Vec<u8>, job| {
            let (chunk, sum) = of_file[job];
            pack.chunk(chunk, sum, buffer)
                .map_err(|fault| self.damaged(fault))?;
            let mut rest = buffer.as_slice();
            for segment in &chunk.segments {
                let (part, after) = rest.split_at(segment.length);
                if segment.entry == number {
                    sink(part, segment.offset)?;
                }
                rest = after;
            }
            Ok(())
        })
    }

    fn find(&self, name: &str) -> Result<(u32, &Entry), ImageTakeError> {
        let mut entries = self.image.index.entries.numbered().skip(1);
        entries
            .find(|(_, entry)| entry.name == name.as_bytes())
            .ok_or_else(|| ImageTakeError::Missing {
                key: self.image.key,
                name: name.to_owned(),
            })
    }

    fn damaged(&self, fault: ReadFault) -> StoreError {
        let StoredImage {
            directory, key, pack, ..
        } = &*self.image;
        directory.damaged(PackName::Image(*key), &pack.file, fault)
    }
}

/// Puts contents of a file where they belong, in a buffer of the file's length.
fn put(bytes: &mut [u8], contents: &[u8], offset: u64) {
    let offset = usize::try_from(offset).expect("contents stand within their file, which the buffer holds");
    bytes[offset..offset + contents.len()].copy_from_slice(contents);
}

fn length_of(entry: &Entry) -> u64 {
    match entry.kind {
        Kind::File { size, .. } => size,
        _ => 0,
    }
}
