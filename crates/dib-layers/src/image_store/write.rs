//! Taking an image's files in.

use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::sync::{Arc, Mutex};
use std::time::SystemTime;

use super::clone::{Part, clone};
use super::{ImageDescription, ImageRecord, ImageStore};
use crate::entry::{Attributes, Entries, Entry, Kind};
use crate::error::ImageWriteError;
use crate::pack::chunks::{Chunk, layout, runs};
use crate::pack::index::Index;
use crate::pack::write::Contents;
use crate::pack::{Pack, Sum, sum_of};
use crate::scan::extents;
use crate::store::unfinished::Unfinished;
use crate::workers::{self, lock};
use crate::{LayerKey, PackName, StoreError};

/// Files whose length is a multiple of this come first in a pack, so that all may share blocks with what they came from.
const BLOCK: u64 = 4096;

impl ImageStore {
    /// Keeps files as the image `key`, in the place of an earlier one of that key, and returns it. Of the other images of
    /// `family`, those used last are kept, and four in all.
    ///
    /// Each file has a name by which it is taken again. It is shared where the file system can do that and else copied, with
    /// its holes and its permission bits. Files must rest meanwhile; their positions are moved.
    ///
    /// # Errors
    /// When a name can't be one, when a file can't be read or changes, when there is no room by the store's limit, and when
    /// the disk is full or the system refuses. The store has no part of the image then.
    pub fn write(
        &self,
        key: &LayerKey,
        family: &str,
        files: &[(&str, &File)],
        details: &serde_json::Value,
    ) -> Result<ImageRecord, ImageWriteError> {
        let sources = Sources::look_at(files)?;
        let chunks = layout(&sources.entries);
        let description = ImageDescription {
            family: family.to_owned(),
            details: details.clone(),
            created: seconds_since_1970(),
        };
        let json = description.to_json();
        let contents = Contents {
            entries: &sources.entries,
            chunks: &chunks,
            description: &json,
        };
        let name = PackName::Image(*key);
        let size = contents.pack_size();
        let unfinished = self.store.reserve(size)?;
        let sums = sources.take_in(&chunks, &unfinished)?;
        let footer = contents.write_ends(name, &sums, &unfinished.file, &unfinished.path())?;
        let file = unfinished.finish(name)?;
        let record = ImageRecord::new(
            Arc::clone(&self.store.directory),
            *key,
            Pack { file, footer, size },
            Index {
                entries: sources.entries,
                chunks,
                sums,
            },
            description,
        );
        self.remove_old(family)?;
        Ok(record)
    }
}

/// Files that are to become an image.
struct Sources<'image> {
    entries: Entries,
    /// One for each entry but the root.
    files: Vec<&'image File>,
}

impl<'image> Sources<'image> {
    fn look_at(files: &[(&str, &'image File)]) -> Result<Self, ImageWriteError> {
        let mut sources = Vec::new();
        for (name, file) in files {
            let is_twice = files.iter().filter(|(other, _)| other == name).count() > 1;
            if is_twice || matches!(*name, "" | "." | "..") || name.contains(['/', '\0']) {
                return Err(ImageWriteError::Name {
                    name: (*name).to_owned(),
                });
            }
            let (entry, length) = entry_of(name, file).map_err(|source| ImageWriteError::Source {
                action: "look at",
                name: (*name).to_owned(),
                source,
            })?;
            sources.push((length % BLOCK != 0, entry, *file));
        }
        // A file of another length moves those behind it off the blocks, so it comes late; the sort keeps the order of the rest.
        sources.sort_by_key(|(is_odd, _, _)| *is_odd);
        let root = Entry {
            parent: 0,
            name: Vec::new(),
            kind: Kind::Directory,
            attributes: Attributes::default(),
        };
        let (entries, files): (Vec<_>, Vec<_>) =
            sources.into_iter().map(|(_, entry, file)| (entry, file)).unzip();
        Ok(Self {
            entries: Entries([vec![root], entries].concat()),
            files,
        })
    }

    /// Fills the pack's contents on all processors, and returns their sums.
    fn take_in(&self, chunks: &[Chunk], unfinished: &Unfinished) -> Result<Vec<Sum>, ImageWriteError> {
        let pack = &unfinished.file;
        let is_shared: Vec<bool> = self
            .entries
            .numbered()
            .map(|(number, _)| {
                let parts = runs(chunks, number).into_iter().map(|run| Part {
                    from: run.offset,
                    to: run.position,
                    length: run.length,
                });
                number > 0 && clone(self.file(number), pack, parts)
            })
            .collect();
        let sums = Mutex::new(vec![Sum::default(); chunks.len()]);
        let failed = |action| StoreError::system(action, unfinished.path());
        workers::run(
            chunks.len(),
            ImageWriteError::Thread,
            Vec::new,
            |buffer: &mut Vec<u8>, number| {
                let chunk = &chunks[number];
                buffer.resize(chunk.length, 0);
                let (mut rest, mut position) = (buffer.as_mut_slice(), chunk.position);
                for segment in &chunk.segments {
                    let (part, after) = rest.split_at_mut(segment.length);
                    if is_shared[segment.entry as usize] {
                        pack.read_exact_at(part, position).map_err(failed("read"))?;
                    } else {
                        self.read(segment.entry, part, segment.offset)?;
                        pack.write_all_at(part, position).map_err(failed("write"))?;
                    }
                    rest = after;
                    position += segment.length as u64;
                }
                lock(&sums)[number] = sum_of(buffer);
                Ok(())
            },
        )?;
        Ok(sums
            .into_inner()
            .unwrap_or_else(std::sync::PoisonError::into_inner))
    }

    fn read(&self, entry: u32, buffer: &mut [u8], offset: u64) -> Result<(), ImageWriteError> {
        let name = || String::from_utf8_lossy(&self.entries.get(entry).name).into_owned();
        self.file(entry)
            .read_exact_at(buffer, offset)
            .map_err(|source| match source.kind() {
                io::ErrorKind::UnexpectedEof => ImageWriteError::Changed { name: name() },
                _ => ImageWriteError::Source {
                    action: "read",
                    name: name(),
                    source,
                },
            })
    }

    fn file(&self, entry: u32) -> &File {
        self.files[entry as usize - 1]
    }
}

/// Returns what a pack's index says of a file, and its length in bytes.
fn entry_of(name: &str, file: &File) -> io::Result<(Entry, u64)> {
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "it is not a regular file",
        ));
    }
    let size = metadata.len();
    let entry = Entry {
        parent: 0,
        name: name.as_bytes().to_vec(),
        kind: Kind::File {
            size,
            extents: extents(file.as_fd(), size)?,
        },
        attributes: Attributes {
            mode: u16::try_from(metadata.mode() & 0o7777).expect("twelve bits fit"),
            ..Attributes::default()
        },
    };
    Ok((entry, size))
}

fn seconds_since_1970() -> u64 {
    SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}
