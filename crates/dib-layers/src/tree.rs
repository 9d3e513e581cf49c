//! The tree that layers make together, without mounting them.

mod contents;

use std::collections::BTreeMap;
use std::os::unix::ffi::OsStringExt as _;
use std::sync::{Mutex, PoisonError};

use self::contents::Reader;
use crate::entry::{Attributes, Entries, Entry, Kind};
use crate::pack::index::Index;
use crate::pack::read::ReadFault;
use crate::{Layer, StoreError, workers};

/// An overlay keeps its own state in attributes whose names begin so.
const OVERLAY_PREFIX: &[u8] = b"trusted.overlay.";
/// The attribute by which a directory hides what the layers below have in its place.
const OPAQUE: &[u8] = b"trusted.overlay.opaque";

/// What several layers, the lowest first, show when they are mounted on each other.
///
/// Paths are relative to the root, which has no entry. They are bytes, as the kernel has them.
#[derive(Debug)]
pub struct LayeredTree<'l> {
    layers: &'l [Layer],
    indexes: Vec<Index>,
    places: BTreeMap<Vec<u8>, Place>,
}

/// Where the topmost entry of a path stands.
#[derive(Debug, Clone, Copy)]
struct Place {
    layer: usize,
    entry: u32,
}

/// An entry of a tree.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct TreeEntry {
    /// The place of the layer that has it, among those that the tree was made of.
    pub layer: usize,
    /// What it is.
    pub kind: TreeKind,
    /// The number of its owner.
    pub uid: u32,
    /// The number of its group.
    pub gid: u32,
    /// The permission bits with setuid, setgid and sticky.
    pub mode: u16,
    /// The names and values of its extended attributes, in order of the names, without those of overlays.
    pub extended: Vec<(Vec<u8>, Vec<u8>)>,
}

/// What an entry of a tree is.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum TreeKind {
    /// A directory.
    Directory,
    /// A file.
    File {
        /// Its size in bytes.
        size: u64,
    },
    /// A symbolic link.
    Symlink {
        /// What it points to.
        target: Vec<u8>,
    },
    /// A named pipe.
    Fifo,
    /// A socket.
    Socket,
    /// A character device.
    Character {
        /// Its major number.
        major: u32,
        /// Its minor number.
        minor: u32,
    },
    /// A block device.
    Block {
        /// Its major number.
        major: u32,
        /// Its minor number.
        minor: u32,
    },
}

impl<'l> LayeredTree<'l> {
    /// Puts layers on each other, the lowest first.
    ///
    /// # Errors
    /// When a pack can't be read or is damaged: it has been removed then.
    pub fn of(layers: &'l [Layer]) -> Result<Self, StoreError> {
        let indexes: Vec<Index> = layers.iter().map(Layer::index).collect::<Result<_, _>>()?;
        Ok(Self {
            places: merged(indexes.iter().map(|index| &index.entries)),
            layers,
            indexes,
        })
    }

    /// Returns its entries with their paths, in order of the paths.
    pub fn entries(&self) -> impl Iterator<Item = (&[u8], TreeEntry)> {
        self.places
            .iter()
            .map(|(path, place)| (path.as_slice(), self.entry(*place)))
    }

    /// Returns what files hold; `None` for each path at which there is no file.
    ///
    /// # Errors
    /// When a pack can't be read or is damaged: it has been removed then.
    pub fn read<'p>(
        &self,
        paths: impl IntoIterator<Item = &'p [u8]>,
    ) -> Result<Vec<Option<Vec<u8>>>, StoreError> {
        let mut reader = Reader::of(self);
        let files = paths.into_iter().map(|path| {
            let place = self.places.get(path).copied();
            let place = place.filter(|place| matches!(self.origin(*place).kind, Kind::File { .. }));
            place.map(|place| reader.whole(place)).transpose()
        });
        files.collect()
    }

    /// Says of pairs of files of equal size, one of this tree and one of another, whether their contents are the same.
    /// Holes are as good as zeros.
    ///
    /// # Errors
    /// When a pack can't be read or is damaged: it has been removed then.
    pub fn have_same_contents(
        &self,
        other: &LayeredTree<'_>,
        pairs: &[(&[u8], &[u8])],
    ) -> Result<Vec<bool>, StoreError> {
        /// How many neighbours a thread compares at one go: they often share a piece of a pack.
        const AT_ONCE: usize = 512;
        let results = Mutex::new(vec![false; pairs.len()]);
        let no_thread = |error| StoreError::system("start a thread for", "layers")(error);
        workers::run(
            pairs.len().div_ceil(AT_ONCE),
            no_thread,
            || (Reader::of(self), Reader::of(other)),
            |(left, right), job| {
                let begin = job * AT_ONCE;
                let end = pairs.len().min(begin + AT_ONCE);
                for (number, (path, other_path)) in (begin..end).zip(&pairs[begin..end]) {
                    let places = (self.places.get(*path), other.places.get(*other_path));
                    let same = match places {
                        (Some(place), Some(other_place)) => left.equals(*place, right, *other_place)?,
                        _ => false,
                    };
                    workers::lock(&results)[number] = same;
                }
                Ok(())
            },
        )?;
        Ok(results.into_inner().unwrap_or_else(PoisonError::into_inner))
    }

    fn entry(&self, place: Place) -> TreeEntry {
        let origin = self.origin(place);
        let kind = match &origin.kind {
            Kind::Directory => TreeKind::Directory,
            Kind::File { size, .. } => TreeKind::File { size: *size },
            Kind::Symlink { text } => TreeKind::Symlink { target: text.clone() },
            Kind::Fifo => TreeKind::Fifo,
            Kind::Socket => TreeKind::Socket,
            Kind::Character { major, minor } => TreeKind::Character {
                major: *major,
                minor: *minor,
            },
            Kind::Block { major, minor } => TreeKind::Block {
                major: *major,
                minor: *minor,
            },
            Kind::HardLink { .. } => unreachable!("a hard link's first name is none"),
        };
        let attributes = &origin.attributes;
        let extended = attributes.extended.iter();
        TreeEntry {
            layer: place.layer,
            kind,
            uid: attributes.uid,
            gid: attributes.gid,
            mode: attributes.mode,
            extended: extended
                .filter(|(name, _)| !name.starts_with(OVERLAY_PREFIX))
                .cloned()
                .collect(),
        }
    }

    /// Returns the entry that has what a path's entry stands for: itself, or the first name of a hard link.
    fn origin(&self, place: Place) -> &Entry {
        self.indexes[place.layer].entries.get(self.origin_number(place))
    }

    fn origin_number(&self, place: Place) -> u32 {
        match self.indexes[place.layer].entries.get(place.entry).kind {
            Kind::HardLink { first } => first,
            _ => place.entry,
        }
    }

    fn damaged(&self, layer: usize, fault: ReadFault) -> StoreError {
        self.layers[layer].damaged(fault)
    }
}

/// Puts the entries of layers on each other, the lowest first.
fn merged<'e>(layers: impl Iterator<Item = &'e Entries>) -> BTreeMap<Vec<u8>, Place> {
    let mut places = BTreeMap::new();
    for (layer, entries) in layers.enumerate() {
        for (number, entry) in entries.numbered().skip(1) {
            let path = entries.path(number).into_vec();
            if entry.kind != Kind::Directory || is_opaque(&entry.attributes) {
                remove_below(&mut places, &path);
            }
            if entries.is_whiteout(entry) {
                places.remove(&path);
            } else {
                places.insert(path, Place { layer, entry: number });
            }
        }
    }
    places
}

fn is_opaque(attributes: &Attributes) -> bool {
    let mut extended = attributes.extended.iter();
    extended.any(|(name, value)| name == OPAQUE && value == b"y")
}

/// Removes what stands below a directory.
fn remove_below(places: &mut BTreeMap<Vec<u8>, Place>, directory: &[u8]) {
    let prefix = [directory, b"/"].concat();
    let below: Vec<_> = places
        .range(prefix.clone()..)
        .map(|(path, _)| path)
        .take_while(|path| path.starts_with(&prefix))
        .cloned()
        .collect();
    for path in below {
        places.remove(&path);
    }
}

#[cfg(test)]
mod tests;
