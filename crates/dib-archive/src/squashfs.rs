//! The entries of a `SquashFS` 4.0 image.
//!
//! The reader is our own, because the crates there are drop extended attributes (so capabilities) and hard links. The
//! format is that of Linux's `fs/squashfs/squashfs_fs.h`, described at <https://dr-emann.github.io/squashfs/>.

mod bytes;
mod data;
mod directory;
mod extended;
mod image;
mod inode;
mod superblock;

use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::sync::Arc;

use self::data::FileData;
use self::image::{Image, ReadError};
use self::inode::{Inode, InodeKind};
use crate::entry_name::EntryName;
use crate::tree::{Attributes, ModificationTime, Special, Tree};
use crate::{ExtractError, Place};

/// A directory whose entries are still to be made, and the inodes they are.
struct Pending {
    name: EntryName,
    entries: std::vec::IntoIter<directory::Entry>,
}

/// Extracts every entry of the image, each directory before what it holds.
pub(crate) fn extract(
    archive: &File,
    progress: &(dyn Fn(u64) + Sync),
    tree: &mut Tree<'_>,
) -> Result<(), ExtractError> {
    let at_start = |error: ReadError| error.at(Place::Start);
    let file = archive.try_clone().map_err(|error| at_start(error.into()))?;
    let image = Arc::new(Image::open(file).map_err(at_start)?);
    let mut walk = Walk {
        image,
        progress,
        read: 0,
        tree,
        first_names: HashMap::new(),
        entered: HashSet::new(),
    };
    let root = EntryName::parse(b"").expect("the empty name is the root's");
    let reference = walk.image.superblock.root_inode;
    let mut pending: Vec<Pending> = walk.entry(root, reference)?.into_iter().collect();
    // A list and no recursion: how deep directories nest is up to the image.
    while let Some(directory) = pending.last_mut() {
        let Some(entry) = directory.entries.next() else {
            pending.pop();
            continue;
        };
        let name = directory
            .name
            .join(&entry.name)
            .ok_or_else(|| ExtractError::Malformed {
                place: Place::In(directory.name.lossy()),
                reason: format!("it holds the name {:?}", String::from_utf8_lossy(&entry.name)),
            })?;
        pending.extend(walk.entry(name, entry.inode)?);
    }
    Ok(())
}

struct Walk<'walk, 'target> {
    image: Arc<Image>,
    progress: &'walk (dyn Fn(u64) + Sync),
    /// Bytes of the image read so far.
    read: u64,
    tree: &'walk mut Tree<'target>,
    /// The first name of every inode that has several.
    first_names: HashMap<u32, EntryName>,
    /// The directories that have been read: one that comes again would never end.
    entered: HashSet<u64>,
}

impl Walk<'_, '_> {
    /// Makes one entry; a directory's own entries are returned.
    fn entry(&mut self, name: EntryName, reference: u64) -> Result<Option<Pending>, ExtractError> {
        if self.tree.skips_below_mount(&name) {
            return Ok(None);
        }
        let here = |error: ReadError| error.at(Place::In(name.lossy()));
        let inode = Inode::read(&self.image, reference).map_err(here)?;
        if let InodeKind::Directory(listing) = &inode.kind {
            if !self.entered.insert(reference) {
                return Err(here(ReadError::Malformed("the directory is in two places")));
            }
            let entries = directory::read(&self.image, listing).map_err(here)?.into_iter();
            let attributes = self.attributes(&inode).map_err(here)?;
            self.tree.directory(name.clone(), attributes)?;
            return Ok(Some(Pending { name, entries }));
        }
        if inode.links > 1 {
            if let Some(first) = self.first_names.get(&inode.number) {
                self.tree.hard_link(&name, first)?;
                return Ok(None);
            }
            self.first_names.insert(inode.number, name.clone());
        }
        let attributes = self.attributes(&inode).map_err(here)?;
        match inode.kind {
            InodeKind::Directory(_) => {}
            InodeKind::File(data) => self.file(name, attributes, data)?,
            InodeKind::Symlink(text) => self.tree.symlink(&name, &text, &attributes)?,
            InodeKind::Character(major, minor) => {
                self.tree
                    .special(&name, Special::Character { major, minor }, &attributes)?;
            }
            InodeKind::Block(major, minor) => {
                self.tree
                    .special(&name, Special::Block { major, minor }, &attributes)?;
            }
            InodeKind::Fifo => self.tree.special(&name, Special::Fifo, &attributes)?,
            InodeKind::Socket => self.tree.special(&name, Special::Socket, &attributes)?,
        }
        Ok(None)
    }

    fn file(&mut self, name: EntryName, attributes: Attributes, data: FileData) -> Result<(), ExtractError> {
        self.read += data.stored_size();
        (self.progress)(self.read);
        let image = Arc::clone(&self.image);
        let entry = name.lossy();
        let write = move |file: &File| match data.write(&image, file) {
            Ok(()) => Ok(data.size),
            Err(data::WriteError::Read(error)) => Err(error.at(Place::In(entry))),
            Err(data::WriteError::Write(source)) => Err(ExtractError::Entry {
                entry,
                operation: "write",
                source,
            }),
        };
        self.tree.file_by_worker(name, attributes, Box::new(write))
    }

    fn attributes(&self, inode: &Inode) -> Result<Attributes, ReadError> {
        Ok(Attributes {
            uid: self.image.owner(inode.owner)?,
            gid: self.image.owner(inode.group)?,
            mode: inode.mode,
            mtime: ModificationTime {
                seconds: i64::from(inode.mtime),
                nanoseconds: 0,
            },
            extended: match inode.extended {
                Some(index) => extended::read(&self.image, index)?,
                None => Vec::new(),
            },
        })
    }
}
